"""Silences, hang-ups and single bytes: what a reader with our own links makes of them."""

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from firmware_bridge.links import Backoff, LinkEvent, LinkEventKind, LinkSettings, chunks, open_link
from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.faults import RadioFault
from firmware_bridge.simulator.faulty_line import Delivery
from firmware_bridge.simulator.faulty_sink import FaultySink
from firmware_bridge.simulator.household import LONDON
from firmware_bridge.simulator.meters import Build
from firmware_bridge.simulator.sinks import PtySink, Sink, Stopping, TcpSink
from tests.support.faulty import decoded_keys, emissions, shown_keys

SILENCE_S = 0.25
PATIENCE_S = 60.0


class MemorySink:
    """Notes what it is asked to do, in order; takes so many telegrams."""

    def __init__(self, room: int = 10**9) -> None:
        self.told: list[bytes | str] = []
        self._room = room

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        del stopping
        taken = min(self._room, len(telegrams))
        self._room -= taken
        self.told += telegrams[:taken]
        return taken

    def close(self) -> None:
        self.told.append("closed")


class MemoryPlug(MemorySink):
    """A memory sink with a cable."""

    def unplug(self) -> None:
        self.told.append("out")

    def plug(self) -> None:
        self.told.append("in")


class MemoryRadio(MemoryPlug):
    """A memory sink that is a radio."""

    batch = 1

    def fitted(self, build: Build) -> Build:
        return build

    def wait(self, seconds: float) -> None:
        self.told.append(f"waited {seconds}")

    def strike(self, fault: RadioFault) -> None:
        self.told.append(fault.value)

    def lose(self, permille: int) -> None:
        self.told.append(f"loses {permille}")


def never() -> bool:
    """Never told to stop."""
    return False


def test_each_telegram_leaves_as_its_delivery_says() -> None:
    """Ordinary ones together; before and after the others, in order."""
    sink, naps = MemoryPlug(), list[float]()
    deliveries = deque(
        [Delivery(), Delivery(stall_s=0.15), Delivery(is_trickled=True), Delivery(unplug_s=0.1)]
    )

    sent = FaultySink(sink, deliveries, naps.append).send([b"a", b"b", b"cd", b"e"], never)

    assert sent == 4
    assert sink.told == [b"a", b"b", b"c", b"d", "out", "in", b"e"]
    assert sum(naps) == pytest.approx(0.25)


def test_a_radio_is_struck_before_the_telegram() -> None:
    """In the order of the script; a sink that is none has nothing to strike."""
    radio, file = MemoryRadio(), MemorySink()
    struck = Delivery(strikes=(RadioFault.LEAVE, RadioFault.REJOIN))

    FaultySink(radio, deque([Delivery(), struck])).send([b"a", b"b"], never)
    FaultySink(file, deque([struck])).send([b"a"], never)

    assert radio.told == [b"a", "leave", "rejoin", b"b"]
    assert file.told == [b"a"]


def test_a_sink_without_a_cable_only_loses_what_was_said() -> None:
    """A file has nothing to pull out."""
    sink = MemorySink()

    sent = FaultySink(sink, deque([Delivery(unplug_s=5.0)])).send([b""], never)

    assert (sent, sink.told) == (1, [b""])


def test_told_to_stop_it_counts_what_left_whole() -> None:
    """Neither a telegram that was half sent nor one behind it."""
    halfway = MemorySink(room=2)
    before = MemorySink(room=1)

    halves = FaultySink(halfway, deque([Delivery(), Delivery(is_trickled=True)]))
    whole = FaultySink(before, deque([Delivery(), Delivery(), Delivery(stall_s=9.0)]))

    assert halves.send([b"a", b"bc"], never) == 1
    assert whole.send([b"a", b"b", b"c"], lambda: True) == 1
    halves.close()
    assert halfway.told == [b"a", b"b", "closed"]


async def _read_all(
    link: str, keep: bytearray, events: list[LinkEvent], is_done: Callable[[], bool]
) -> None:
    backoff = Backoff(first_s=0.02, longest_s=0.05)
    stream = chunks(
        lambda: open_link(link, LinkSettings()),
        silence_s=SILENCE_S,
        backoff=backoff,
        on_event=events.append,
    )
    async with contextlib.aclosing(stream), asyncio.timeout(PATIENCE_S):
        async for chunk in stream:
            keep += chunk
            if is_done():
                return


def read_while(
    sink: Sink, link: str, told: list[Emission], deliveries: deque[Delivery]
) -> tuple[bytes, list[LinkEvent]]:
    """Send from a thread what is told, and read it as a hub does; return what came and happened."""
    faulty = FaultySink(sink, deliveries)
    writer = threading.Thread(target=faulty.send, args=([e.telegram for e in told], never))
    wanted = sum(len(one.telegram) for one in told)
    got, events = bytearray(), list[LinkEvent]()
    writer.start()
    asyncio.run(_read_all(link, got, events, lambda: len(got) >= wanted))
    writer.join(PATIENCE_S)
    faulty.close()
    return bytes(got), events


def faulty_hour(spec: str) -> tuple[list[Emission], deque[Delivery]]:
    """Return the telegrams of a faulty quarter of an hour, with their deliveries made short."""
    told = list(emissions("seed=0", hours=0.25))
    deliveries = deque([Delivery()] * len(told))
    place = len(told) // 2
    if spec == "unplug":
        deliveries[place] = Delivery(unplug_s=0.4)
    elif spec == "stall":
        deliveries[place] = Delivery(stall_s=SILENCE_S * 3)
    else:
        deliveries = deque([Delivery(is_trickled=True)] * len(told))
    return told, deliveries


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("unplug", LinkEventKind.LOST),
        ("stall", LinkEventKind.SILENT),
        ("trickle", None),
    ],
)
@pytest.mark.parametrize("medium", ["pty", "tcp"])
def test_a_reader_survives_it_and_misses_nothing(
    tmp_path: Path, medium: str, spec: str, kind: LinkEventKind | None
) -> None:
    """Hung up on, it opens the same path again; silent for long, it opens anew; all bytes come."""
    told, deliveries = faulty_hour(spec)
    sink: PtySink | TcpSink
    if medium == "pty":
        sink = PtySink(tmp_path / "meter")
        link = str(tmp_path / "meter")
    else:
        sink = TcpSink("127.0.0.1", 0)
        link = f"tcp://127.0.0.1:{sink.port}"

    got, events = read_while(sink, link, told, deliveries)

    assert decoded_keys(P1Codec(LONDON).feed(got)) == shown_keys(told)
    kinds = [event.kind for event in events]
    assert kinds[0] is LinkEventKind.OPENED
    assert (kind in kinds) if kind else len(kinds) == 1
    assert (kinds.count(LinkEventKind.OPENED) > 1) is (kind is not None)


def test_unplugged_a_path_leads_nowhere_until_it_is_plugged_in_again(tmp_path: Path) -> None:
    """The reader sees the hang-up, and the pseudo-terminal behind the path is another."""
    sink = PtySink(tmp_path / "meter")
    reader = os.open(tmp_path / "meter", os.O_RDONLY | os.O_NOCTTY)

    sink.unplug()
    is_gone = not (tmp_path / "meter").is_symlink()
    is_hung_up = os.read(reader, 1) == b""
    sink.plug()
    sink.send([b"again"], never)
    after = os.open(tmp_path / "meter", os.O_RDONLY | os.O_NOCTTY)

    assert is_gone
    assert is_hung_up
    assert os.read(after, 10) == b"again"
    os.close(reader)
    os.close(after)
    sink.close()


def test_a_cable_waits_for_a_slow_reader_before_it_comes_out(tmp_path: Path) -> None:
    """What was sent before is read to its end: the oracle says that it arrived."""
    sink = PtySink(tmp_path / "meter")
    reader = os.open(tmp_path / "meter", os.O_RDONLY | os.O_NOCTTY)
    sink.send([b"x" * 3_000], never)
    puller = threading.Thread(target=sink.unplug)
    puller.start()

    time.sleep(0.3)
    got = os.read(reader, 4_096)
    puller.join(5)

    assert len(got) == 3_000
    os.close(reader)
