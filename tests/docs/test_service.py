"""The unit file that ships: what the hub needs from systemd, and what it must not have."""

from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "systemd" / "hearthlink.service"


@pytest.fixture
def unit() -> dict[str, list[str]]:
    """Every setting of the unit with its values, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[key].append(value)
    return found


def test_the_hub_is_watched_and_always_started_anew(unit: dict[str, list[str]]) -> None:
    """READY is waited for, the watchdog set, and nothing ends the restarts."""
    assert unit["Type"] == ["notify"]
    assert int(unit["WatchdogSec"][0]) > 0
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]


def test_the_hub_has_no_more_than_it_needs(unit: dict[str, list[str]]) -> None:
    """No capability, no device but serial ports, one folder to write in."""
    assert unit["User"] == ["hearthlink"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["StateDirectory"] == ["hearthlink"]
    assert "ReadWritePaths" not in unit
    assert unit["DevicePolicy"] == ["closed"]
    assert all(one.startswith("char-tty") for one in unit["DeviceAllow"])


def test_the_hub_may_still_ask_for_the_time(unit: dict[str, list[str]]) -> None:
    """adjtimex is allowed after everything else was taken out; what would hide it is absent.

    Without it the hub never learns that NTP keeps the clock; without the boot's id each restart
    would be a boot of its own.
    """
    assert unit["SystemCallFilter"][-1] == "adjtimex"
    assert "ProtectClock" not in unit
    assert "ProcSubset" not in unit
