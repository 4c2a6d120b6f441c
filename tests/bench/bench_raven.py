"""RAVEn stanzas beside aioraven's own parser: damage survived, memory kept, and speed."""

import asyncio
import random
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from itertools import cycle, islice
from typing import Any

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.raven import RavenCodec
from firmware_bridge.simulator.raven_meter import emissions
from tests.bench.rates import best_rate

START_MS = 1_790_000_000_000
SPEED_COUNT = 4_000
MEMORY_COUNT = 20_000
MEMORY_LIMIT_KIB = 64.0
"""One stanza of the longest kind and what is made of it."""

READ_BYTES = 64
"""What one read of a USB serial port gives."""

DAMAGED_STANZAS = 600
DAMAGE_ONE_IN = 4


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    content = [one.telegram for one in emissions(1, START_MS, START_MS + SPEED_COUNT * 10_000)]
    ours, theirs = best_rate(content, _count(Ours)), best_rate(content, _count(Theirs))
    single = [stanza for stanza in content if stanza.count(b"<DeviceMacId>") == 1]
    stream, whole = _damaged(single[:DAMAGED_STANZAS])
    found, found_theirs = _count_damaged(stream, Ours), _count_damaged(stream, Theirs)
    grown, grown_theirs = _growth_kib(content, Ours), _growth_kib(content, Theirs)
    return [
        {
            "name": "RAVEn stanzas read from a damaged stream",
            "ours": found,
            "unit": f"of {whole} whole",
            "peer": "aioraven",
            "theirs": found_theirs,
            "ratio": round(found / max(1, found_theirs), 2),
            "target": 1,
            "note": f"1 in {DAMAGE_ONE_IN} cut short, headless or after NULs and noise; "
            f"{READ_BYTES} byte reads",
        },
        {
            "name": f"RAVEn memory kept after {MEMORY_COUNT:,} stanzas",
            "ours": round(grown, 1),
            "unit": "KiB",
            "peer": "aioraven",
            "theirs": round(grown_theirs, 1),
            "ratio": round(grown_theirs / max(grown, 0.1), 1),
            "target": 10,
            "note": f"traced allocations; ours must also be below {MEMORY_LIMIT_KIB:.0f} KiB",
        },
        {
            "name": "RAVEn decoding, framing included",
            "ours": round(ours),
            "unit": "stanzas/s",
            "peer": "aioraven",
            "theirs": round(theirs),
            "ratio": round(ours / theirs, 2),
            "target": None,
            "note": "aioraven leaves hexadecimal text; ours is scaled and checked",
        },
    ]


class Ours:
    """Our codec; counts telegrams."""

    def __init__(self) -> None:
        self._codec = RavenCodec()
        self.count = 0

    def feed(self, chunk: bytes) -> None:
        found = self._codec.feed(chunk)
        self.count += sum(isinstance(entry, Telegram) for entry in found)


class Theirs:
    """aioraven's protocol and its XML parser; counts what reaches its reader as a stanza."""

    def __init__(self) -> None:
        # Imported here and by name: only the bench has the peer.
        protocols: Any = import_module("aioraven.protocols")
        self.count = 0
        self._protocol = protocols.RAVEnReaderProtocol(self, loop=asyncio.new_event_loop())
        self._protocol.connection_made(None)

    def feed(self, chunk: bytes) -> None:
        self._protocol.data_received(chunk)

    def feed_element(self, element: Any) -> None:
        # Its protocol hands over every element that closes; a stanza is one that has children.
        self.count += len(element) > 0

    def set_exception(self, error: Exception) -> None:
        del error

    def feed_eof(self) -> None:
        pass


def _count(build: Callable[[], Ours | Theirs]) -> Callable[[list[bytes]], int]:
    def decode(content: list[bytes]) -> int:
        decoder = build()
        for stanza in content:
            decoder.feed(stanza)
        # Now and then a stick sends more than one stanza at once.
        return min(decoder.count, len(content))

    return decode


def _damaged(content: list[bytes]) -> tuple[bytes, int]:
    """Return a stream in which stanzas are damaged as sticks do, and how many are whole in it."""
    draw = random.Random(7)
    parts: list[bytes] = []
    whole, is_after_damage = 0, False
    for stanza in content:
        # Two damaged in a row could fit together into one that looks whole.
        if is_after_damage or draw.randrange(DAMAGE_ONE_IN - 1):
            parts.append(stanza)
            whole += 1
            is_after_damage = False
            continue
        is_after_damage = True
        cut = draw.randrange(20, len(stanza) - 20)
        match draw.randrange(3):
            case 0:
                parts.append(stanza[:cut])
            case 1:
                parts.append(stanza[cut:])
            case _:
                parts.append(b"\0" * draw.randrange(1, 5) + stanza)
                whole += 1
    return b"".join(parts), whole


def _count_damaged(stream: bytes, build: Callable[[], Ours | Theirs]) -> int:
    decoder = build()
    for start in range(0, len(stream), READ_BYTES):
        decoder.feed(stream[start : start + READ_BYTES])
    return decoder.count


def _growth_kib(content: list[bytes], build: Callable[[], Ours | Theirs]) -> float:
    """Return how much more is allocated after many stanzas than after the first hundred."""
    decoder = build()
    for stanza in content[:100]:
        decoder.feed(stanza)
    tracemalloc.start()
    for stanza in islice(cycle(content), MEMORY_COUNT):
        decoder.feed(stanza)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kept_kib = kept_bytes / 1024
    assert build is Theirs or kept_kib < MEMORY_LIMIT_KIB
    return kept_kib
