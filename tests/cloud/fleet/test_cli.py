"""`hearthlink fleet`: what each action writes and prints."""

import json
from pathlib import Path

import pytest

from cloud.fleet.cli import run
from shared.errors import BadInputError, OperatorError


def test_init_prints_where_the_files_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person sees the authority's path; the file is there."""
    status = run(["init", "--state", str(tmp_path)])

    assert status == 0
    assert str(tmp_path / "ca.crt") in capsys.readouterr().out
    assert (tmp_path / "ca.crt").exists()


def test_issue_answers_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script gets the three paths a client needs."""
    run(["init", "--state", str(tmp_path), "--json"])
    capsys.readouterr()

    run(["issue", "hub-a", "--state", str(tmp_path), "--json"])

    report = json.loads(capsys.readouterr().out)
    assert report["thing"] == "hub-a"
    assert all(Path(report[name]).exists() for name in ("authority", "certificate", "key"))


def test_broker_config_prints_the_file_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path in the answer is a configuration for the asked port that keeps nothing."""
    arguments = ["--state", str(tmp_path), "--port", "18883", "--ephemeral", "--json"]

    run(["broker-config", *arguments])

    config = Path(json.loads(capsys.readouterr().out)["config"]).read_text()
    assert "listener 18883 127.0.0.1" in config
    assert "persistence false" in config


def test_issue_before_init_says_what_to_run(tmp_path: Path) -> None:
    """The error carries the command that mends it."""
    with pytest.raises(OperatorError, match="fleet init"):
        run(["issue", "hub-a", "--state", str(tmp_path)])


@pytest.mark.parametrize("port", ["0", "70000", "mqtt"])
def test_a_port_that_is_none_is_a_usage_error(
    tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Argparse ends with 2 and names the option."""
    with pytest.raises(SystemExit) as ending:
        run(["broker-config", "--state", str(tmp_path), "--port", port])

    assert ending.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_revoked_hub_is_let_in_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both actions work on the cloud's database and say what they found."""
    config = tmp_path / "cloud.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n')
    options = ["hub-a", "--config", str(config), "--json"]

    reports = []
    for action in ("revoke", "restore", "restore"):
        assert run([action, *options]) == 0
        reports.append(json.loads(capsys.readouterr().out))

    assert reports[0]["revoked_at"].endswith("Z")
    assert [one["was_revoked"] for one in reports[1:]] == [True, False]


@pytest.mark.parametrize("action", ["revoke", "restore"])
def test_a_name_that_is_no_hubs_is_refused(tmp_path: Path, action: str) -> None:
    """A slip of the pen must not look like a revocation."""
    config = tmp_path / "cloud.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n')

    with pytest.raises(BadInputError, match="topic level"):
        run([action, "hub/a", "--config", str(config)])
