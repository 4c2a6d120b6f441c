"""The spine: bytes of a link become committed rows, and frames a cloud can store."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from agent import pipeline as pipeline_module
from agent.app import build_hub
from agent.hub import Hub
from agent.pipeline import run_pipeline
from agent.uplink.port import Channel
from agent.uplink.sender import SessionHooks, SessionRules
from agent.uplink.session import Session
from firmware_bridge.links import LinkEvent, LinkEventKind
from firmware_bridge.simulator.oracle import OracleLine
from shared.errors import OperatorError
from shared.units import MS_PER_HOUR
from tests.support.fakes import FakeCloud, FakeUplink
from tests.support.hubs import config_in, link_of, simulated, sound_rows


def write_capture(path: Path, noise: bytes = b"") -> list[OracleLine]:
    """Write two hours of telegrams with noise between, and say what must be logged."""
    telegrams = list(simulated(2 * MS_PER_HOUR))
    path.write_bytes(noise.join(telegram for telegram, _ in telegrams))
    return [line for _, lines in telegrams for line in lines if line.must_log]


async def run_until(hub: Hub, count: int) -> None:
    """Run the pipeline until so many rows are committed."""
    task = asyncio.create_task(run_pipeline(hub))
    async with asyncio.timeout(20):
        while hub.intake.counts.committed < count and not task.done():  # noqa: ASYNC110 (bounded)
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def logged(hub: Hub) -> set[tuple[str, int | None, tuple[tuple[str, int], ...]]]:
    return {
        (
            meter_log.meter,
            row.captured_at_ms or row.meter_clock_ms,
            tuple(sorted(row.registers.items())),
        )
        for meter_log in hub.log.all_logs()
        for row in sound_rows(hub.log, meter_log)
    }


@pytest.mark.parametrize("noise", [b"", b"\x00\xffgarbage!\r\n"], ids=["clean", "noisy"])
def test_a_capture_becomes_the_rows_that_must_be_logged(noise: bytes, tmp_path: Path) -> None:
    """Whatever lies between the telegrams, exactly the oracle's rows are in the log."""
    expected = write_capture(tmp_path / "capture.p1", noise)
    link = f"replay:{tmp_path / 'capture.p1'}"
    hub = build_hub(config_in(tmp_path, meter_link=link, hub_clock="meter"))

    asyncio.run(run_until(hub, len(expected)))

    assert logged(hub) == {
        (line.meter, line.taken_at_ms, tuple(sorted(line.registers.items()))) for line in expected
    }
    assert not link_of(hub).is_open
    hub.log.close()


def test_rows_reach_a_cloud_through_the_session(tmp_path: Path) -> None:
    """With an uplink, what is committed is framed, answered and known to be stored."""
    expected = write_capture(tmp_path / "capture.p1")
    link = f"replay:{tmp_path / 'capture.p1'}"
    settings = {"meter_link": link, "hub_clock": "meter", "consent_granularity": "10s"}
    hub = build_hub(config_in(tmp_path, **settings))
    uplink, cloud = FakeUplink(), FakeCloud(window_frames=50)
    hub.uplink = uplink
    hub.session = Session(
        hub.log,
        uplink,
        SessionRules(1, 100, 0, hub.chunk_rows, lambda: hub.ledger.size, hub.cut),
        SessionHooks(
            hub.machine.monotonic_ms,
            hub.utc_ms,
            hub.hear_cloud_time,
            hub.take_tariffs,
            print,
            hub.sharing,
        ),
        "1.0",
    )

    async def scenario() -> None:
        task = asyncio.create_task(run_until(hub, len(expected) + 1))
        await asyncio.sleep(0)
        async with asyncio.timeout(15):
            while not uplink.is_started:  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.01)
            uplink.connect()
            while len(cloud.samples) < len(expected):
                sent, uplink.published = uplink.published, []
                for channel, payload in sent:
                    for receipt in cloud.take(channel, payload):
                        uplink.arrive(Channel.RECEIPTS, receipt)
                await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert len(cloud.samples) == len(expected)
    assert cloud.conflicts == []
    hub.log.close()


def test_the_pipeline_asks_for_the_time_and_frees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both loops run on, each at its pace."""
    monkeypatch.setattr(pipeline_module, "CLOCK_CHECK_S", 0.01)
    monkeypatch.setattr(pipeline_module, "FREE_EVERY_S", 0.01)
    write_capture(tmp_path / "capture.p1")
    hub = build_hub(config_in(tmp_path, meter_link=f"replay:{tmp_path / 'capture.p1'}"))
    asked: list[str] = []
    monkeypatch.setattr(hub, "ask_system_clock", lambda: asked.append("time"))

    def free() -> int:
        asked.append("free")
        return 1

    monkeypatch.setattr(hub, "free_stored", free)

    asyncio.run(run_until(hub, 100))

    assert set(asked) == {"time", "free"}
    hub.log.close()


def test_a_telegram_cut_by_a_lost_link_is_not_glued_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interruption the codec begins anew: the torn telegram is refused, the next read."""
    (first, _), (second, _) = list(simulated(MS_PER_HOUR))[:2]

    async def torn(
        *_args: object, on_event: Callable[[LinkEvent], None], **_options: object
    ) -> AsyncGenerator[bytes, None]:
        on_event(LinkEvent(LinkEventKind.OPENED))
        yield first[:-40]
        on_event(LinkEvent(LinkEventKind.LOST, "unplugged"))
        on_event(LinkEvent(LinkEventKind.OPENED))
        yield second

    monkeypatch.setattr(pipeline_module, "chunks", torn)
    hub = build_hub(config_in(tmp_path, hub_clock="meter"))

    asyncio.run(run_until(hub, 2))

    assert hub.intake.counts.telegrams == 1
    assert sum(hub.intake.counts.refused_by_reason.values()) == 1
    assert link_of(hub).times_lost == 1
    hub.log.close()


def test_a_link_that_cannot_be_read_leaves_the_meters_beside_it(tmp_path: Path) -> None:
    """A capture that is gone is shown on its link; the other meter's rows are committed."""
    must = write_capture(tmp_path / "capture.p1")
    tables = [{"link": f"replay:{tmp_path}/gone"}, {"link": f"replay:{tmp_path}/capture.p1"}]
    hub = build_hub(config_in(tmp_path, hub_clock="meter", meter=tables))

    asyncio.run(run_until(hub, len(must)))

    gone, read = (hub.links[meter.link] for meter in hub.config.meters)
    assert (gone.is_open, gone.times_lost, gone.hint) == (False, 1, "give an existing file")
    assert read.reason
    hub.log.close()


def test_a_link_that_cannot_be_read_is_not_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits to be mended: the watchdog must not end the hub for it, nor the meters beside it."""

    async def break_down(*_args: object, **_options: object) -> AsyncGenerator[bytes, None]:
        yield b""
        raise OperatorError("spoilt", hint="mend it")

    monkeypatch.setattr(pipeline_module, "chunks", break_down)
    monkeypatch.setattr(pipeline_module, "meter_bound_s", lambda _link, _silence_s: -1.0)
    tables = [{"link": f"replay:{tmp_path}/{name}"} for name in "ab"]
    hub = build_hub(config_in(tmp_path, hub_clock="meter", meter=tables))

    async def scenario() -> dict[str, float]:
        task = asyncio.create_task(run_pipeline(hub))
        async with asyncio.timeout(20):
            while not all(link.times_lost for link in hub.links.values()):  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.01)
        late = hub.liveness.late()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return late

    assert asyncio.run(scenario()) == {}
    hub.log.close()


class Stick:
    """A radio that says nothing of use, and is open or not."""

    is_finite = False
    longest_pause_s = 0.0

    def __init__(self) -> None:
        self.is_open = True

    async def read(self) -> bytes:
        """Say something now and then."""
        await asyncio.sleep(0.01)
        return b"\x00"

    async def close(self) -> None:
        """Let go."""
        self.is_open = False


@pytest.mark.parametrize("radio_port", ["/dev/ttyUSB9", "/dev/ttyUSB8"])
def test_a_meters_stick_is_let_go_of_for_its_firmware_and_another_is_not(
    radio_port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it takes firmware the meter is not late: that may take minutes. Then it is read on."""
    sticks: list[Stick] = []

    async def open_stick(*_args: object) -> Stick:
        sticks.append(Stick())
        return sticks[-1]

    monkeypatch.setattr(pipeline_module, "open_link", open_stick)
    link = "mbus:/dev/ttyUSB9"
    hub = build_hub(config_in(tmp_path, meter_link=link, update_radio_port=radio_port))
    is_meters = radio_port == "/dev/ttyUSB9"

    async def wait_for(held: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not held():  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.005)

    async def scenario() -> None:
        task = asyncio.create_task(run_pipeline(hub))
        await wait_for(lambda: bool(sticks))
        async with hub.radio.borrow():
            assert sticks[0].is_open is not is_meters
            if is_meters:
                part = f"meter {link}"
                await wait_for(lambda: not hub.liveness.knows(part))
        if is_meters:
            await wait_for(lambda: len(sticks) > 1)
        assert sticks[-1].is_open
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    hub.log.close()


def test_a_hub_with_one_link_ends_where_that_cannot_be_read(tmp_path: Path) -> None:
    """Whoever starts it is told at once."""
    hub = build_hub(config_in(tmp_path, meter_link=f"replay:{tmp_path}/gone"))

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run_pipeline(hub))

    assert caught.group_contains(OperatorError, match="cannot be read")
    hub.log.close()
