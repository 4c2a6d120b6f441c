"""`hearthlink fleet`: what each action writes and prints."""

import json
from pathlib import Path

import pytest

from cloud.fleet.cli import run
from cloud.fleet.crl import read_list
from shared.claims import read_claim, read_code
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

    report = json.loads(capsys.readouterr().out)
    config = Path(report["config"]).read_text()
    assert "listener 18883 127.0.0.1" in config
    assert f"listener {report['services_port']} 127.0.0.1" in config
    assert "persistence false" in config


@pytest.mark.parametrize("ports", [["65535"], ["8883", "--services-port", "8883"]])
def test_services_need_a_port_of_their_own(tmp_path: Path, ports: list[str]) -> None:
    """Where the next one is none, or the hubs' is named, the error says which option mends it."""
    with pytest.raises(OperatorError, match="--services-port"):
        run(["broker-config", "--state", str(tmp_path), "--port", *ports])


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


@pytest.fixture(name="cloud_config")
def _cloud_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    run(["init", "--state", str(tmp_path / "fleet")])
    capsys.readouterr()
    config = tmp_path / "cloud.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\nfleet_dir = "{tmp_path / "fleet"}"\n'
        'claim_host = "cloud.example.org"\nhub_broker_host = "broker.example.org"\n'
    )
    return config


def test_claim_is_drawn_and_written_out(
    cloud_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A picture to photograph, and the code to type."""
    assert run(["claim", "--thing", "hub-x", "--config", str(cloud_config)]) == 0

    printed = capsys.readouterr().out
    assert "█" in printed
    assert "hearthlink:cloud.example.org/" in printed
    assert "hub-x" in printed


def test_claim_as_json_has_no_picture(
    cloud_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For programs: what the QR code holds, and until when."""
    run(["claim", "--minutes", "5", "--json", "--config", str(cloud_config)])

    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"thing", "claim", "household_id", "code", "text", "expires_at"}
    assert read_claim(report["text"]).code == read_code(report["code"])


@pytest.mark.parametrize(("name", "start"), [("claim.svg", b"<?xml"), ("claim.png", b"\x89PNG")])
def test_claim_is_drawn_into_a_file(
    cloud_config: Path, tmp_path: Path, name: str, start: bytes
) -> None:
    """To be sent, or printed on a box."""
    run(["claim", "--out", str(tmp_path / name), "--config", str(cloud_config)])

    assert (tmp_path / name).read_bytes().startswith(start)


def test_picture_of_another_kind_is_refused(cloud_config: Path, tmp_path: Path) -> None:
    """With those there are."""
    with pytest.raises(OperatorError, match=r"\.svg"):
        run(["claim", "--out", str(tmp_path / "claim.gif"), "--config", str(cloud_config)])


def test_revoke_writes_the_list_and_says_whether_the_broker_knows(
    cloud_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a broker that runs it says so; a command of the operator's may tell it."""
    run(["issue", "my-hub", "--state", str(tmp_path / "fleet")])
    capsys.readouterr()
    options = ["my-hub", "--config", str(cloud_config), "--json"]

    run(["revoke", *options])
    untold = json.loads(capsys.readouterr().out)
    with cloud_config.open("a") as file:
        file.write('broker_reload = "true"\n')
    run(["revoke", *options])
    told = json.loads(capsys.readouterr().out)
    listed = read_list(tmp_path / "fleet" / "ca.crl").serials
    run(["restore", *options])

    assert "broker_reload" in untold["broker"]
    assert told["broker"] == "told"
    assert len(listed) == 1
    assert read_list(tmp_path / "fleet" / "ca.crl").serials == frozenset()


def test_check_says_what_is_wrong_by_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 and nothing; then 1 and each fault on a line."""
    state = ["--state", str(tmp_path)]
    run(["broker-config", "--port", "8883", "--listen", "0.0.0.0", "--host", "hub.lan", *state])
    good = run(["broker-config", "--check", *state])
    capsys.readouterr()
    (tmp_path / "mosquitto.acl").unlink()

    bad = run(["broker-config", "--check", *state])

    assert (good, bad) == (0, 1)
    assert "mosquitto.acl: missing" in capsys.readouterr().out
    assert "listener 8883 0.0.0.0" in (tmp_path / "mosquitto.conf").read_text()


def test_configuration_needs_a_port(tmp_path: Path) -> None:
    """Unless it is only looked at."""
    with pytest.raises(OperatorError, match="--port"):
        run(["broker-config", "--state", str(tmp_path)])
