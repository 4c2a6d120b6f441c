"""The link with the real radio library and a simulated stick: order, faults, healing, requests."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from bellows import ash  # type: ignore[import-untyped]

from firmware_bridge.links.port import LinkSettings
from firmware_bridge.links.zigbee import description, door
from firmware_bridge.links.zigbee.link import open_zigbee
from firmware_bridge.links.zigbee.pace import Pace
from firmware_bridge.simulator.coprocessor.sink import AirMeter, frame_of
from firmware_bridge.simulator.coprocessor.stick import SIGNAL_DBM
from firmware_bridge.simulator.zigbee_air import NodeType
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from firmware_bridge.simulator.zigbee_plug import HaPlug
from shared.clock import DrivenClock, SystemClock
from shared.units import MS_PER_HOUR, SLOT_MS
from tests.support.zigbee import LONGEST_S, QUICK, START_MS, Home, Hub, plugged_in, reading

READ_ANSWER, REPORT = "01", "0a"
METER_LINE = "02484c4500000007 01 0109 0702"


def run(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene, bounded."""

    async def bounded() -> None:
        async with asyncio.timeout(LONGEST_S):
            await scene()

    asyncio.run(bounded())


def kinds(lines: list[bytes], prefix: str = METER_LINE) -> list[str]:
    """Say what each of the electricity meter's lines is, by what a frame's third byte says."""
    told = [line.decode() for line in lines if line.startswith(prefix.encode())]
    frames = [line.split()[4] for line in told]
    return ["profile" if frame[1] == "9" else frame[4:6] for frame in frames]


def test_all_of_three_hundred_reports_arrive(tmp_path: Path) -> None:
    """Every report the stick handed over is read, with the registers the meters showed."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            await home.play(300)
            await hub.until(lambda: home.shown.keys() <= hub.registers().keys())

            read = hub.registers()
            assert {key: read[key] for key in home.shown} == home.shown
            assert not hub.refused

    run(scene)


def test_a_home_automation_device_is_read_like_any_other(tmp_path: Path) -> None:
    """A plug joins, is described, and its reports of both clusters become samples."""

    async def scene() -> None:
        home = Home(tmp_path, HaPlug(7, START_MS))
        async with plugged_in(home), reading(Hub(home)) as hub:
            await home.play(5)
            told = set().union(*(one.keys() for one in home.shown.values()))
            await hub.until(
                lambda: told <= set().union(*(one.registers.keys() for one, _ in hub.samples))
            )

            assert not hub.refused
            assert any(line.endswith(f" {SIGNAL_DBM}".encode()) for line in hub.lines)

    run(scene)


def test_after_a_restart_the_description_comes_first_then_the_reading(tmp_path: Path) -> None:
    """Reports that arrive while a device is described wait for that and for what it kept."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home:
            async with reading(Hub(home)):
                await home.play(3)
            again = Hub(home)
            report = AirMeter(home.network).emit(home.time_ms + 10_000).telegram.splitlines()[-1]
            frame = frame_of(report)
            assert frame is not None

            async with reading(again):
                await again.until(lambda: bool(again.events))
                assert await home.stick.transmit(frame)
                await again.until(lambda: REPORT in kinds(again.lines))

            told = kinds(again.lines)
            assert told[: told.index(REPORT)].count(READ_ANSWER) >= 3
            assert told[0] == READ_ANSWER

    run(scene)


@pytest.mark.parametrize("fault", ["reset", "error_frame", "stall", "unplug"])
def test_what_befalls_the_stick_is_survived(tmp_path: Path, fault: str) -> None:
    """The same link goes on, or is opened again, and every later register is right."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            await home.play(5)
            match fault:
                case "reset":
                    home.stick.reset()
                case "error_frame":
                    home.stick.error_frame()
                case "stall":
                    home.stick.stall(0.5)
                case _:
                    home.stick.unplug()
                    await asyncio.sleep(0.2)
                    home.stick.replug()
            await home.play(10)
            await hub.until(lambda: home.shown.keys() <= hub.registers().keys())

            read = hub.registers()
            assert {key: read[key] for key in home.shown} == home.shown

    run(scene)


def test_one_frame_in_five_lost_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASH repeats what was lost, both ways; its waiting is shortened so that the test is short."""
    for name in ("T_RX_ACK_INIT", "T_RX_ACK_MIN", "T_RX_ACK_MAX"):
        monkeypatch.setattr(ash, name, 0.1)

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            await home.play(5)
            home.stick.lose(200)
            await home.play(40)
            home.stick.lose(0)
            await home.play(1)
            await hub.until(lambda: home.shown.keys() <= hub.registers().keys())

            read = hub.registers()
            assert {key: read[key] for key in home.shown} == home.shown

    run(scene)


def test_a_device_that_left_is_read_again_when_it_is_back(tmp_path: Path) -> None:
    """What it reported while it was away is lost; what it shows afterwards is right."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home:
            ieee = home.network.devices[1].ieee
            async with reading(Hub(home)) as hub:
                await home.play(5)
                home.stick.leave(ieee)
                await home.play(5)
                await hub.until(lambda: state_of(home, ieee) == "left")
                home.shown.clear()
                home.stick.rejoin(ieee)
                await home.play(10)
                await hub.until(lambda: home.shown.keys() <= hub.registers().keys())

                read = hub.registers()
                assert {key: read[key] for key in home.shown} == home.shown
                assert [event.kind for event in hub.events] == ["opened"]

    run(scene)


def state_of(home: Home, ieee: str) -> str:
    """Return what the hub's list says of a device."""
    network = door.read_network(home.folder)
    return next((one.state for one in network.devices if one.ieee == ieee), "") if network else ""


def test_half_hours_that_ended_in_an_outage_are_healed(tmp_path: Path) -> None:
    """After a restart the meter's own half hours become samples of the past."""

    async def scene() -> None:
        network = ZigbeeMeter(7, START_MS)
        async with plugged_in(Home(tmp_path, network)) as home:
            async with reading(Hub(home)):
                await home.play(3)
            await home.pass_time(2 * MS_PER_HOUR)
            later = DrivenClock(SystemClock().utc_ms() + 2 * MS_PER_HOUR)
            hub = Hub(home, clock=later)

            async with reading(hub):
                await home.play(1)
                await hub.until(lambda: home.time_ms in {time for _, time in hub.registers()})

            past = {
                sample.meter_time_ms: sample.registers
                for sample, is_past in hub.samples
                if is_past
                and sample.meter_time_ms is not None
                and sample.meter == ZigbeeMeter(7, START_MS).electricity_id
            }
            boundaries = range(START_MS // SLOT_MS + 1, home.time_ms // SLOT_MS + 1)
            assert set(past) == {boundary * SLOT_MS for boundary in boundaries}
            kept = {one.time_ms: one.registers for one in network._half_hours._kept}
            for time_ms, registers in past.items():
                imported_wh, exported_wh, _ = kept[time_ms]
                assert registers["import_mwh"] == imported_wh * 1_000
                assert registers["export_mwh"] == exported_wh * 1_000

    run(scene)


class Mute(ZigbeeMeter):
    """A network whose devices refuse to report."""

    def answer(
        self, ieee: str, endpoint: int, profile: int, cluster: int, request: bytes
    ) -> bytes | None:
        if request[0] & 0x03 == 0 and request[2] == 0x06:
            return bytes([0x18, request[1], 0x07, 0x86, 0x00]) + request[4:6]
        return super().answer(ieee, endpoint, profile, cluster, request)


def test_a_device_that_does_not_report_is_asked_instead(tmp_path: Path) -> None:
    """Its registers, those of a gas mirror and the price are asked for, again and again."""

    async def scene() -> None:
        home = Home(tmp_path, Mute(7, START_MS))
        async with plugged_in(home), reading(Hub(home, pace=QUICK)) as hub:
            await hub.until(lambda: kinds(hub.lines).count(READ_ANSWER) > 6)
            await hub.until(
                lambda: kinds(hub.lines, "02484c4800000007 02 0109 0702").count(READ_ANSWER) > 6
            )
            await hub.until(
                lambda: sum(b" 0109 0700 " in line for line in hub.lines) > 3  # prices
            )

    run(scene)


def test_an_unforeseen_failure_is_told_and_the_reports_still_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a device answers, its reports are not held back for ever."""

    def fail(_: object) -> list[object]:
        raise LookupError("odd device")

    monkeypatch.setattr(description, "described", fail)

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            await home.play(2)
            await hub.until(lambda: REPORT in kinds(hub.lines))

    run(scene)

    assert "a step failed" in caplog.text


class Sleeper(HaPlug):
    """A battery's reader: it sleeps, and answers nothing while `is_asleep`."""

    is_asleep = False
    asked = 0

    def __init__(self, seed: int, start_ms: int) -> None:
        super().__init__(seed, start_ms)
        device = dataclasses.replace(self.devices[0], node_type=NodeType.END_DEVICE)
        self.devices = (device,)

    def answer(
        self, ieee: str, endpoint: int, profile: int, cluster: int, request: bytes
    ) -> bytes | None:
        if self.is_asleep:
            self.asked += 1
            return None
        return super().answer(ieee, endpoint, profile, cluster, request)


def test_a_sleeping_device_is_described_from_memory(tmp_path: Path) -> None:
    """After a restart its description comes from the network's database, before any report."""

    async def scene() -> None:
        network = Sleeper(7, START_MS)
        async with plugged_in(Home(tmp_path, network)) as home:
            async with reading(Hub(home)) as hub:
                await home.play(2)
                await hub.until(lambda: any(REPORT in kinds([line], "0248") for line in hub.lines))
            network.is_asleep = True
            again = Hub(home, pace=Pace(opening_s=0.3))
            async with reading(again):
                await again.until(lambda: len(again.lines) > 0)
                line = AirMeter(network).emit(home.time_ms + 10_000).telegram.splitlines()[0]
                frame = frame_of(line)
                assert frame is not None
                await home.stick.transmit(frame)
                await again.until(lambda: REPORT in kinds(again.lines, "0248"))

            assert kinds(again.lines, "0248")[0] == READ_ANSWER
            assert any(one.registers.get("import_mwh") for one, _ in again.samples)

    run(scene)


def test_a_request_opens_the_network_and_the_list_names_what_is_in_it(tmp_path: Path) -> None:
    """The hub takes the request away, and its list says until when joining is open."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            await home.play(1)
            door.write_request(tmp_path, door.Request(permit_s=60))
            await hub.until(lambda: not door.is_request_waiting(tmp_path))
            await hub.until(lambda: getattr(door.read_network(tmp_path), "permit_until_ms", 0) > 0)

            network = door.read_network(tmp_path)
            assert network is not None
            assert {one.model for one in network.devices} == {"SIM-ESME", "SIM-HUB"}
            assert {one.state for one in network.devices} <= {"reading", "opening"}

    run(scene)


def test_a_device_is_removed_on_request(tmp_path: Path) -> None:
    """It is told to leave, and is gone from the list."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            await home.play(1)
            ieee = home.network.devices[1].ieee
            await hub.until(lambda: bool(state_of(home, ieee)))
            door.write_request(tmp_path, door.Request(remove=ieee))
            await hub.until(lambda: not state_of(home, ieee))

            assert not home.stick.air.devices[ieee].is_joined

    run(scene)


def test_a_request_that_is_none_is_told_and_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged file does no harm to the reading."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home, reading(Hub(home)) as hub:
            (tmp_path / door.REQUEST_NAME).write_text("{oh")
            await hub.until(lambda: "is no request" in caplog.text)
            await home.play(1)

    run(scene)

    assert not (tmp_path / door.REQUEST_NAME).exists()


def test_a_network_is_private_and_outlives_the_process(tmp_path: Path) -> None:
    """Its database has mode 0600; a stick that lost its network is given it again."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home:
            async with reading(Hub(home)):
                await home.play(1)
            home.stick._ezsp.is_formed = False
            async with reading(Hub(home)):
                await home.play(1)
            assert home.stick._ezsp.is_formed

    run(scene)

    assert (tmp_path / door.DATABASE_NAME).stat().st_mode & 0o777 == 0o600


def test_without_a_state_folder_the_network_is_kept_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is written, and the log says what that costs."""

    async def scene() -> None:
        async with plugged_in(Home(tmp_path)) as home:
            link = await open_zigbee(home.address, LinkSettings())
            chunk = await link.read()
            await link.close()
            await link.close()
            assert chunk.endswith(b"\n")

    run(scene)

    assert {entry.name for entry in tmp_path.iterdir()} == set()
    assert "join again after a restart" in caplog.text
