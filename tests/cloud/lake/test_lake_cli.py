"""`hearthlink cloud lake` and `hearthlink lake query`, as an operator runs them."""

import json
import sys
from pathlib import Path

import pytest

from cloud import cli
from cloud.lake import cli as lake
from shared.errors import OperatorError
from tests.support.cloud import payload_of, samples_of
from tests.support.lake import LakeStage


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> str:
    stage = LakeStage(tmp_path)
    stage.send(payload_of(samples_of(1, 3)))
    stage.database.close()
    path = tmp_path / "cloud.toml"
    path.write_text(f'state_dir = "{tmp_path}"\nlake_url = "{tmp_path / "lake"}"\n')
    return str(path)


def _cloud(*words: str) -> int:
    return cli.run(["lake", *words])


def test_export_verify_query_and_erase(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says what it did."""
    where = ("--config", config)

    assert _cloud("export", *where) == 0
    assert _cloud("export", *where, "--json") == 0
    assert _cloud("verify", *where) == 0
    assert lake.run(["query", "SELECT seq, taken_at, null AS x FROM samples", *where]) == 0
    assert _cloud("erase", "home", *where) == 0
    assert _cloud("verify", "home", *where) == 1

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("exported 1 frames as 2 objects to ")
    assert json.loads(lines[1]) == {"frames": 0, "objects": 0}
    assert lines[3] == "nothing is lost"
    assert lines[4].split() == ["seq", "taken_at", "x"]
    assert lines[5].split() == ["1", "2026-03-01T00:00:10Z", "-"]
    assert lines[8] == "erased 2 objects of household home"
    assert lines[-1] == "1 faults"
    assert "3 rows" in said.err


def test_json_is_one_list_whatever_is_in_it(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sums past 64 bits are whole numbers, times say that they are UTC."""
    _cloud("export", "--config", config)
    _cloud("verify", "--json", "--config", config)
    verified = json.loads(capsys.readouterr().out.partition("\n")[2])
    ask = ["--config", config, "--tenant", "home", "--json", "--memory-mb", "128"]

    for sql in ("SELECT sum(value) AS total, max(taken_at) AS at FROM samples", "SELECT 1 WHERE 0"):
        lake.run(["query", sql, *ask])

    total, none = capsys.readouterr().out.strip().split("]\n")
    assert (verified["samples"], verified["faults"]) == (3, [])
    assert json.loads(total + "]") == [{"total": 3_006_000, "at": "2026-03-01T00:00:30Z"}]
    assert json.loads(none) == []


def test_wrong_use_says_what_to_do(config: str, tmp_path: Path) -> None:
    """No lake, no household, and memory that is no number."""
    for words in (["erase", "--config", config], ["verify", "--config", config]):
        with pytest.raises(OperatorError) as refused:
            _cloud(*words)
        assert refused.value.hint
    with pytest.raises(OperatorError, match="no lake is named"):
        lake.run(["query", "SELECT 1"])
    bare = tmp_path / "bare.toml"
    bare.write_text(f'state_dir = "{tmp_path}"\n')
    with pytest.raises(OperatorError, match="no lake is configured"):
        _cloud("export", "--config", str(bare))
    with pytest.raises(SystemExit):
        lake.run(["query", "SELECT 1", "--memory-mb", "1"])


def test_missing_extra_is_named(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a traceback."""
    monkeypatch.setitem(sys.modules, "cloud.lake.export", None)

    with pytest.raises(OperatorError, match="not installed"):
        _cloud("export", "--config", config)


@pytest.mark.parametrize(("missing", "extra"), [("pyarrow", "[lake]"), ("boto3", "[cloud-aws]")])
def test_worker_does_not_start_without_what_its_lake_takes(
    tmp_path: Path, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would find out in the middle of the night."""

    def find(name: str) -> object:
        return None if name == missing else name

    monkeypatch.setattr("importlib.util.find_spec", find)
    path = tmp_path / "ingest.toml"
    path.write_text(
        f'state_dir = "{tmp_path}"\nbroker_host = "127.0.0.1"\nlake_url = "s3://bucket"\n'
    )

    with pytest.raises(OperatorError) as refused:
        cli.run(["ingest", "--config", str(path)])

    assert extra in refused.value.hint


def test_prune_keeps_what_is_not_exported(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command minds the lake as the workers do."""
    assert cli.run(["prune", "--config", config]) == 0

    assert "deleted 0 frames" in capsys.readouterr().out
