"""`hearthlink tariff import`: into the hub's database, or through the real API into the cloud."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent import tariff_import
from agent.log import Log
from agent.tariffs import TariffShelf
from shared.errors import ConfigError, OperatorError
from shared.readings import Medium
from tests.support.hubs import hub_in
from tests.support.way import TOKEN, Way

TARIFF: dict[str, Any] = {
    "name": "Night saver",
    "currency": "GBP",
    "versions": [
        {
            "version": "1",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 450_000,
            "vat_permille": 50,
            "prices": {"kind": "flat", "price_millionths_per_kwh": 250_000},
        }
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A tariff's file."""
    path = tmp_path / "tariff.json"
    path.write_text(json.dumps(TARIFF))
    return path


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A hub's configuration."""
    path = tmp_path / "hub.toml"
    path.write_text(f'[hub]\nstate_dir = "{tmp_path}"\n[meter]\nlink = "replay:none"\n')
    return str(path)


def test_a_tariff_is_kept_on_the_hub(
    tmp_path: Path, file: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the hub's database, and the command says what it prices and from when."""
    status = tariff_import.run(["import", str(file), "--config", config, "--medium", "gas"])

    log = Log(tmp_path / "hub.sqlite")
    imported = TariffShelf(log, None, None).current(Medium.GAS)
    log.close()
    assert status == 0
    assert imported is not None
    assert imported.name == "Night saver"
    assert capsys.readouterr().out == "gas: Night saver, GBP, from 2026-01-01\n"


def test_json_says_the_same(file: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One object beside the line for people."""
    tariff_import.run(["import", str(file), "--config", config, "--json"])

    assert json.loads(capsys.readouterr().out) == {
        "tariff": "Night saver",
        "priced": "electricity",
        "versions": ["2026-01-01"],
    }


def test_a_faulty_tariff_changes_nothing(tmp_path: Path, config: str) -> None:
    """Every fault is named, and the hub's database is not even opened."""
    file = tmp_path / "tariff.json"
    file.write_text(json.dumps({**TARIFF, "currency": "pounds"}))

    with pytest.raises(ConfigError, match="currency"):
        tariff_import.run(["import", str(file), "--config", config])

    assert not (tmp_path / "hub.sqlite").exists()


def test_api_needs_a_meter_and_a_token(file: Path) -> None:
    """What is missing is named before anything is sent."""
    with pytest.raises(OperatorError, match="--meter and --token-file"):
        tariff_import.run(["import", str(file), "--api", "http://127.0.0.1:1"])


@pytest.mark.slow
def test_a_tariff_reaches_the_cloud(tmp_path: Path, file: Path) -> None:
    """The real API keeps it; a wrong token is refused in the API's own words."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    folder = tmp_path / "way"
    folder.mkdir()
    with Way(folder, workers=0) as way:
        asked = ["import", str(file), "--meter", "E1", "--token-file", str(token)]
        api = f"http://127.0.0.1:{way.api_port}"

        status = tariff_import.run([*asked, "--api", api])

        assert status == 0
        assert way.get("/v1/meters/E1/tariff")["name"] == "Night saver"
        token.write_text("not the token")
        with pytest.raises(OperatorError, match="refused the tariff"):
            tariff_import.run([*asked, "--api", api])


def test_a_running_hub_is_given_the_tariff_as_a_file(
    tmp_path: Path,
    file: Path,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A hub keeps its database to itself: what is left beside it is taken in once."""
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def refuse(path: Path) -> Log:
        raise OperatorError(f"{path} cannot be opened") from locked

    with monkeypatch.context() as running:
        running.setattr("agent.log.Log", refuse)
        status = tariff_import.run(["import", str(file), "--config", config])
    hub = hub_in(tmp_path)
    hub.take_left()

    assert status == 0
    assert "within a minute" in capsys.readouterr().out
    assert hub.tariffs.current(Medium.ELECTRICITY) is not None
    assert not list(tmp_path.glob("given-tariff*"))
    hub.log.close()


def test_a_bad_file_beside_a_running_hub_is_set_aside(tmp_path: Path) -> None:
    """Whoever wrote it: the hub counts it and goes on."""
    hub = hub_in(tmp_path)
    (tmp_path / "given-tariff-gas.json").write_text("{}")

    hub.take_left()

    assert hub.intake.counts.refused_by_reason == {"bad-tariff": 1}
    assert not list(tmp_path.glob("given-tariff*"))
    hub.log.close()
