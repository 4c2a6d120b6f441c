"""`hearthlink zigbee`: requests to a running hub, and what it tells of its network."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_bridge.links.zigbee import door
from firmware_bridge.tools import zigbee
from shared.clock import DrivenClock
from shared.errors import OperatorError

NOW_MS = 1_790_000_000_000
METER = door.Device("02484c4500000007", "Maker", "ESME", ("metering",), "reading", NOW_MS - 5_000)
PLUG = door.Device("02484c5000000007", "", "", ("metering", "electrical measurement"), "opening")


class Hub:
    """A hub that does what is asked when the command next waits."""

    def __init__(self, folder: Path, act: Callable[[door.Request], None] | None = None) -> None:
        self.folder = folder
        self.requests: list[door.Request] = []
        self._act = act

    def sleep(self, seconds: float) -> None:
        del seconds
        request = door.take_request(self.folder)
        if request is not None:
            self.requests.append(request)
            if self._act is not None:
                self._act(request)


def ask(folder: Path, hub: Hub | None, *words: str) -> int:
    """Run the command against a hub, or none."""
    options = zigbee.build_parser().parse_args(["--state", str(folder), *words])
    sleep = hub.sleep if hub is not None else lambda _: None
    errand = zigbee.Errand(folder, options.json, clock=DrivenClock(NOW_MS), sleep=sleep)
    return errand.do(options)


def write(folder: Path, *devices: door.Device, until_ms: int = 0) -> None:
    """Let the hub's list name these."""
    door.write_network(folder, door.Network(NOW_MS - 3_000, 15, until_ms, devices))


def test_devices_are_listed_with_what_they_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each; the channel and the age of the list go to stderr."""
    write(tmp_path, METER, PLUG, until_ms=NOW_MS + 30_000)

    status = ask(tmp_path, None, "devices")

    told = capsys.readouterr()
    assert status == 0
    assert "02484c4500000007  Maker ESME: metering; reading, heard 5 s ago" in told.out
    assert "unnamed: metering and electrical measurement; opening, never heard" in told.out
    assert "joining is open for 30 s more" in told.err
    assert "channel 15; as of 3 s ago" in told.err


def test_the_list_is_asked_for_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A running hub writes it; without one the old list is shown, and said to be old."""
    write(tmp_path)
    hub = Hub(tmp_path, lambda _: write(tmp_path, METER))

    asked = ask(tmp_path, hub, "devices")
    told = capsys.readouterr()
    unasked = ask(tmp_path, None, "devices")

    assert (asked, unasked) == (0, 0)
    assert hub.requests == [door.Request()]
    assert METER.ieee in told.out
    assert "what one has left behind" not in told.err
    assert "what one has left behind" in capsys.readouterr().err


def test_the_list_can_be_had_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the hub wrote it."""
    write(tmp_path, METER)

    ask(tmp_path, None, "--json", "devices")

    assert json.loads(capsys.readouterr().out)["devices"][0]["ieee"] == METER.ieee


def test_an_empty_network_says_how_to_fill_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that is no success."""
    status = ask(tmp_path, None, "devices")

    assert status == 1
    assert "hearthlink zigbee permit" in capsys.readouterr().out


def test_a_device_not_heard_for_long_is_told_with_the_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In UTC."""
    write(tmp_path, door.Device("02484c4500000007", heard_ms=NOW_MS - 86_400_000))

    ask(tmp_path, None, "devices")

    assert "last heard 2026-09-20 14:13 UTC" in capsys.readouterr().out


def test_permit_shows_what_joins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """New devices, and ones that had left; not those that were there."""
    gone = door.Device("02484c4800000007", "Maker", "Hub", (), "left")
    write(tmp_path, METER, gone)
    back = door.Device("02484c4800000007", "Maker", "Hub", (), "no meter")
    hub = Hub(tmp_path, lambda _: write(tmp_path, METER, back, PLUG))

    status = ask(tmp_path, hub, "permit", "--seconds", "1")

    told = capsys.readouterr().out
    assert status == 0
    assert hub.requests == [door.Request(permit_s=1)]
    assert told.count("joined: ") == 2
    assert METER.ieee not in told
    assert "nothing Hearthlink reads" in told


def test_permit_tells_in_json_what_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing else is on stdout."""
    hub = Hub(tmp_path, lambda _: write(tmp_path, PLUG))

    ask(tmp_path, hub, "--json", "permit", "--seconds", "1")

    assert [one["ieee"] for one in json.loads(capsys.readouterr().out)] == [PLUG.ieee]


def test_permit_says_when_nothing_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And where to read on."""
    status = ask(tmp_path, Hub(tmp_path), "permit", "--seconds", "1")

    assert status == 1
    assert "zigbee-joining.md" in capsys.readouterr().err


def test_a_request_no_hub_takes_is_withdrawn(tmp_path: Path) -> None:
    """The error says which hub is missing."""
    with pytest.raises(OperatorError, match="no hub with a ZigBee stick is running"):
        ask(tmp_path, None, "permit")

    assert not door.is_request_waiting(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the setting that has it."""
    with pytest.raises(OperatorError, match="no folder") as caught:
        ask(tmp_path / "none", None, "permit")

    assert "hub.state_dir" in caught.value.hint


def test_where_no_hub_has_run_there_is_no_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor an empty network, which would say that joining is what lacks."""
    status = ask(tmp_path / "none", None, "devices")

    told = capsys.readouterr()
    assert status == 1
    assert told.out == ""
    assert "no hub has run here" in told.err
    assert "hub.state_dir" in told.err


def test_a_folder_closed_to_this_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the user to be."""

    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(door, "read_network", refuse)

    with pytest.raises(OperatorError, match="closed to this user"):
        ask(tmp_path, None, "devices")


def test_a_device_is_removed_by_its_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However it is written."""
    write(tmp_path, METER)
    hub = Hub(tmp_path)

    status = ask(tmp_path, hub, "remove", "02:48:4C:45:00:00:00:07")

    assert status == 0
    assert hub.requests == [door.Request(remove=METER.ieee)]
    assert "is removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ieee", "told"),
    [("kitchen", "no ZigBee address"), ("0248", "no ZigBee address"), ("00" * 8, "is in the")],
)
def test_a_device_there_is_not_cannot_be_removed(tmp_path: Path, ieee: str, told: str) -> None:
    """Nothing is asked of the hub."""
    write(tmp_path, METER)

    with pytest.raises(OperatorError, match=told):
        ask(tmp_path, None, "remove", ieee)

    assert not door.is_request_waiting(tmp_path)


def test_joining_is_never_open_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    """255 would be, and is refused."""
    with pytest.raises(SystemExit):
        zigbee.run(["permit", "--seconds", "255"])

    assert "254" in capsys.readouterr().err


def test_the_command_runs_as_it_is_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its words to its list."""
    monkeypatch.setattr(zigbee, "TAKEN_WITHIN_S", 0.1)
    write(tmp_path, METER)

    assert zigbee.run(["--state", str(tmp_path), "devices"]) == 0
    assert METER.ieee in capsys.readouterr().out
