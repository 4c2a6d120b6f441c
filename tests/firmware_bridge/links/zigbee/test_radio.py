"""The radio libraries: which is taken, how it is set, and how its faults are told."""

import asyncio
import errno
import fcntl
import os
import sqlite3
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from bellows import uart  # type: ignore[import-untyped]
from bellows.exception import InvalidCommandError  # type: ignore[import-untyped]

from firmware_bridge.links.port import LinkSettings
from firmware_bridge.links.zigbee.address import RADIOS, ZigbeeAddress
from firmware_bridge.links.zigbee.link import ZigbeeLink, open_zigbee
from firmware_bridge.links.zigbee.radio import (
    MODULES,
    explain,
    make_application,
    prepare_database,
    settings_of,
)
from shared.clock import SystemClock
from shared.errors import LinkError, OperatorError

PORT = "/dev/ttyUSB0"


@pytest.fixture
def silent_port() -> Iterator[str]:
    """Give a port at which nothing ever answers."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("radio", RADIOS)
def test_each_radio_s_library_takes_the_settings(radio: str, tmp_path: Path) -> None:
    """Its application is made, listens as ours, and fetches, scans and backs up nothing."""

    async def scene() -> None:
        address = ZigbeeAddress(PORT, radio)
        application = make_application(address, baud=115_200, database=tmp_path / "z.sqlite")

        parents = {parent.__module__ for parent in type(application).__mro__}
        assert MODULES[radio][0] in parents
        config = application.config
        assert config["device"]["path"] == PORT
        assert config["device"]["baudrate"] == 115_200
        assert config["ota"]["enabled"] is False
        assert config["backup_enabled"] is False
        assert config["topology_scan_enabled"] is False
        assert config["database_path"] == str(tmp_path / "z.sqlite")

    asyncio.run(scene())


def test_every_setting_is_one_the_library_knows() -> None:
    """A misspelt key would be passed over in silence."""
    from zigpy import config as conf  # noqa: PLC0415

    named = [value for name, value in vars(conf).items() if name.startswith("CONF_")]
    known = {value for value in named if isinstance(value, str)} | {"use_thread"}

    settings = settings_of(ZigbeeAddress(PORT), 115_200, None)

    assert settings.keys() <= known
    assert settings["database_path"] is None


def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever library it is that lacks."""
    monkeypatch.setitem(sys.modules, "zigpy_xbee", None)
    monkeypatch.delitem(sys.modules, MODULES["xbee"][0], raising=False)

    with pytest.raises(OperatorError, match="zigpy_xbee") as caught:
        make_application(ZigbeeAddress(PORT, "xbee"), baud=9_600, database=None)

    assert "hearthlink[zigbee]" in caught.value.hint


def test_a_port_at_which_nothing_answers_is_told_from_one_that_is_not_there(
    silent_port: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first may have another radio, the second no cable; that devices are forgotten is told of
    a stick that works."""
    monkeypatch.setattr(uart, "RESET_TIMEOUT", 0.05)

    with pytest.raises(LinkError, match="answers on") as silent:
        asyncio.run(open_zigbee(f"zigbee:{silent_port}", LinkSettings()))
    with pytest.raises(LinkError, match="is not there"):
        asyncio.run(open_zigbee(f"zigbee:{tmp_path / 'none'}", LinkSettings()))

    assert "radio=znp" in silent.value.hint
    assert "no state folder" not in caplog.text


def test_a_port_another_program_holds_is_told(silent_port: str) -> None:
    """And how to find that program."""
    held = os.open(silent_port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(LinkError, match="in use by another program") as caught:
            asyncio.run(open_zigbee(f"zigbee:{silent_port}", LinkSettings()))
    finally:
        os.close(held)

    assert "fuser" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (sqlite3.DatabaseError("malformed"), "database cannot be used: malformed"),
        (TimeoutError(), "answers on /dev/ttyUSB0"),
        (PermissionError(errno.EACCES, "no"), "no permission"),
        (FileNotFoundError(errno.ENOENT, "no"), "is not there"),
        (InvalidCommandError("what is that"), "does not know a command: what is that"),
        (ValueError("odd"), "did not start: ValueError: odd"),
        (LinkError("as it is"), "as it is"),
    ],
)
def test_what_keeps_a_stick_from_starting_is_explained(error: Exception, told: str) -> None:
    """In words with a fix."""
    explained = explain(error, ZigbeeAddress(PORT))

    assert told in explained.message
    assert explained.hint or told == "as it is"


def test_the_cause_behind_the_library_s_own_error_is_what_is_told() -> None:
    """A library wraps what the system said."""
    outer = RuntimeError("transient")
    outer.__cause__ = FileNotFoundError(errno.ENOENT, "no")

    assert "is not there" in explain(outer, ZigbeeAddress(PORT)).message


def test_a_database_that_cannot_be_made_is_the_operator_s(tmp_path: Path) -> None:
    """No retry would help."""
    with pytest.raises(OperatorError, match="cannot be written"):
        prepare_database(tmp_path / "missing" / "zigbee.sqlite")


def test_lines_nobody_reads_are_counted_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first that goes is told at once."""

    async def scene() -> None:
        link = ZigbeeLink(PORT, folder=None, clock=SystemClock())
        monkeypatch.setattr(link._queue, "_limit", 1)
        for _ in range(3):
            link._put(b"line\n")
        assert link.dropped == 2
        assert await link.read() == b"line\n"
        await link.close()
        with pytest.raises(LinkError, match="is closed"):
            await link.read()

    asyncio.run(scene())

    assert caplog.text.count("lines dropped") == 1
