"""`hearthlink fleet broker-config --check`: each fault of the files, with its fix."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.fleet.authority import LEAF_VALIDITY, ROOT_VALIDITY, Authority
from cloud.fleet.broker import write_broker_config
from cloud.fleet.check import check_broker
from shared.clock import DrivenClock
from shared.units import MS_PER_DAY
from tests.support.cloud import START_MS


@pytest.fixture(name="clock")
def _clock() -> DrivenClock:
    return DrivenClock(START_MS)


@pytest.fixture(name="authority")
def _authority(tmp_path: Path, clock: DrivenClock) -> Authority:
    authority = Authority(tmp_path, clock)
    authority.prepare()
    write_broker_config(authority, 8883, ephemeral=False, address="0.0.0.0")
    return authority


def test_what_was_just_written_has_no_fault(authority: Authority, clock: DrivenClock) -> None:
    """On another address than loopback too."""
    assert check_broker(authority, clock) == []


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_replace("mosquitto.conf", "require_certificate true", ""), "require_certificate"),
        (_replace("mosquitto.conf", "crlfile", "#"), "crlfile"),
        (_replace("mosquitto.conf", "allow_anonymous false", "allow_anonymous true"), "way in"),
        (_replace("mosquitto.conf", "listener 8883", "listener 1883\nlistener 8883"), "listener"),
        (_replace("mosquitto.conf", "use_username_as_clientid true", ""), "listener 8883"),
        (_replace("mosquitto.acl", "%u/frames", "+/frames"), "this version"),
        (lambda folder: (folder / "mosquitto.conf").unlink(), "missing"),
        (lambda folder: (folder / "mosquitto.acl").unlink(), "missing"),
        (lambda folder: (folder / "mosquitto.acl").chmod(0o644), "others may read"),
        (lambda folder: (folder / "server.key").chmod(0o644), "others may read"),
        (lambda folder: (folder / "server.key").unlink(), "missing"),
        (lambda folder: (folder / "ca.crl").unlink(), "cloud devices"),
        (
            lambda folder: (folder / "things/cloud-api.key").replace(folder / "server.key"),
            "not the key of",
        ),
        (lambda folder: (folder / "server.key").write_text("noise"), "not the key of"),
    ],
)
def test_each_fault_is_found(
    authority: Authority, clock: DrivenClock, spoil: Callable[[Path], None], said: str
) -> None:
    """Named with its file and its fix."""
    spoil(authority.directory)

    faults = check_broker(authority, clock)

    assert any(said in fault for fault in faults)


def test_dates_are_told_before_they_pass(authority: Authority, clock: DrivenClock) -> None:
    """The list after twenty days, certificates in their last months, the root in its last years."""
    clock.advance_to(START_MS + 21 * MS_PER_DAY)
    early = check_broker(authority, clock)
    clock.advance_to(START_MS + (LEAF_VALIDITY.days - 30) * MS_PER_DAY)
    late = check_broker(authority, clock)
    clock.advance_to(START_MS + (ROOT_VALIDITY - LEAF_VALIDITY).days * MS_PER_DAY + MS_PER_DAY)
    last = check_broker(authority, clock)

    assert [fault.split(": ")[1].split(",")[0] for fault in early] == ["due"]
    assert sum("30 days left" in fault for fault in late) == 4
    assert any("hubs' certificates end with it" in fault for fault in last)
