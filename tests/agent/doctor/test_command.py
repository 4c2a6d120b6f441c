"""`hearthlink doctor` as it is called: exit status, output, and that it changes nothing."""

import json
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from agent.doctor import build_parser, run
from agent.doctor.check import Result
from agent.doctor.examination import OF_THE_DATABASE, OF_THE_UPLINK, examine
from cloud.fleet.authority import Authority
from shared.clock import SystemClock
from shared.errors import ConfigError
from tests.support.hubs import config_in, log_with


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The configuration of a hub at rest that replays a capture and has no cloud."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    log_with(state / "hub.sqlite", 30)[0].close()
    (tmp_path / "capture").write_bytes(b"/")
    file = tmp_path / "hub.toml"
    file.write_text(
        f'[hub]\nstate_dir = "{state}"\n'
        f'[meter]\nlink = "replay:{tmp_path / "capture"}"\n'
        f"[page]\nport = {free_port()}\n"
    )
    return file


def test_warnings_alone_end_with_0(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hub at rest is examined all the same."""
    status = run(["--config", str(config_file), "--json"])

    report = json.loads(capsys.readouterr().out)
    assert status == 0
    assert report["worst"] == "warning"
    assert set(report) == {"checks", "worst"}
    assert all(set(check) == {"name", "result", "finding", "fix"} for check in report["checks"])


def test_a_fault_ends_with_1(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The capture is gone: the meter's link is faulty, and the way out is printed."""
    (config_file.parent / "capture").unlink()

    status = run(["--config", str(config_file)])

    printed = capsys.readouterr().out
    assert status == 1
    assert "fault       meter link" in printed
    assert "\x1b" not in printed


def test_a_terminal_gets_colours(
    config_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a person at a screen does."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    run(["--config", str(config_file)])

    assert "\x1b[32mok" in capsys.readouterr().out


def test_an_unusable_configuration_is_left_to_the_command_line(tmp_path: Path) -> None:
    """`hearthlink` prints every fault of it and ends with 2."""
    file = tmp_path / "hub.toml"
    file.write_text('[page]\nport = "many"\n')

    with pytest.raises(ConfigError):
        run(["--config", str(file)])


def test_the_state_folder_is_left_as_it_was(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file is made, changed or removed."""
    state = config_file.parent / "state"
    before = {file.name: file.read_bytes() for file in state.iterdir()}

    run(["--config", str(config_file)])

    assert {file.name: file.read_bytes() for file in state.iterdir()} == before
    assert capsys.readouterr().out


def test_before_the_first_run_nothing_is_made(tmp_path: Path) -> None:
    """Without a database its checks are not set up, and none is created."""
    config = config_in(tmp_path / "state", page_port=free_port())

    checks = {check.name: check for check in examine(config, None, SystemClock())}

    assert checks["database"].result is Result.WARNING
    assert {checks[name].result for name in OF_THE_DATABASE} == {Result.ABSENT}
    assert {checks[name].result for name in OF_THE_UPLINK} == {Result.ABSENT}
    assert not (tmp_path / "state").exists()


def test_a_ruined_database_is_one_fault_not_a_dozen(tmp_path: Path) -> None:
    """What cannot be looked at is said to be that."""
    config = config_in(tmp_path, page_port=free_port())
    config.database_path.write_bytes(b"rubbish" * 1_000)

    checks = {check.name: check for check in examine(config, None, SystemClock())}

    assert checks["database"].result is Result.FAULT
    assert {checks[name].finding for name in OF_THE_DATABASE} == {
        "not looked at: the database cannot be read"
    }


def test_a_database_without_tables_is_a_fault_for_each_check(tmp_path: Path) -> None:
    """An empty file is a database to SQLite; every check says what it lacks."""
    config = config_in(tmp_path, page_port=free_port())
    config.database_path.touch()

    checks = {check.name: check for check in examine(config, None, SystemClock())}

    assert checks["schema"].result is Result.WARNING
    for name in ("checksums", "sequence", "log", "backlog", "quarantine", "consent"):
        assert checks[name].result is Result.FAULT, name
        assert "no such table" in checks[name].finding


def test_a_hub_with_a_cloud_is_examined_outwards(tmp_path: Path) -> None:
    """Certificates are good, the broker is away: a warning, since readings wait."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare()
    hub = authority.issue("hub")
    config = config_in(
        tmp_path,
        uplink_host="localhost",
        uplink_port=free_port(),
        uplink_ca_file=str(hub.authority),
        uplink_certificate_file=str(hub.certificate),
        uplink_key_file=str(hub.key),
        page_port=0,
    )

    checks = {check.name: check for check in examine(config, None, SystemClock())}

    results = [checks[name].result for name in OF_THE_UPLINK]
    assert results == [*[Result.OK] * 5, Result.WARNING]
    assert checks["page"].result is Result.ABSENT


def test_https_may_leave_the_authority_to_the_system(tmp_path: Path) -> None:
    """A public cloud's certificate is of an authority that the system knows: nothing is missing."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare()
    hub = authority.issue("hub")
    config = config_in(
        tmp_path,
        uplink_kind="https",
        uplink_host="localhost",
        uplink_port=free_port(),
        uplink_certificate_file=str(hub.certificate),
        uplink_key_file=str(hub.key),
    )

    checks = {check.name: check for check in examine(config, None, SystemClock())}

    assert checks["authority expiry"].result is Result.ABSENT
    assert checks["certificate files"].result is Result.OK


def test_every_option_is_explained() -> None:
    """The reference is made from this."""
    assert all(action.help for action in build_parser()._actions)
