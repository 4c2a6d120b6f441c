"""M-Bus answers through our codec beside the library it decodes them with, alone."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.mbus import MbusCodec
from firmware_bridge.meters.mbus_frame import LONG_START
from firmware_bridge.meters.mbus_library import load_library
from firmware_bridge.simulator.mbus_meter import emissions

START_MS = 1_790_000_000_000
COUNT = 3_000
MEMORY_COUNT = 20_000
MEMORY_LIMIT_KIB = 64.0
"""A few answers and what is made of them."""

ROUNDS = 3
ZONE = ZoneInfo("Europe/London")


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    answers = [one.telegram for one in emissions(1, START_MS, START_MS + COUNT * 10_000)]
    frames = [frame for answer in answers for frame in _frames_of(answer)]
    ours = len(frames) / _best_s(lambda: _decode_ours(answers))
    theirs = len(frames) / _best_s(lambda: _decode_theirs(frames))
    grown = _growth_kib(answers)
    return [
        {
            "name": "M-Bus decoding, framing included",
            "ours": round(ours),
            "unit": "frames/s",
            "peer": "pyMeterBus alone",
            "theirs": round(theirs),
            "ratio": round(ours / theirs, 2),
            "target": None,
            "note": "ours asks the library for the structure only; both give every value",
        },
        {
            "name": f"M-Bus memory kept after {MEMORY_COUNT:,} answers",
            "ours": round(grown, 1),
            "unit": "KiB",
            "peer": "limit",
            "theirs": MEMORY_LIMIT_KIB,
            "ratio": round(MEMORY_LIMIT_KIB / max(grown, 0.1), 1),
            "target": 1,
            "note": "traced allocations",
        },
    ]


def _frames_of(answer: bytes) -> list[bytes]:
    """Cut an answer into its frames."""
    frames, place = [], 0
    while place < len(answer) and answer[place] == LONG_START:
        end = place + answer[place + 1] + 6
        frames.append(answer[place:end])
        place = end
    return frames


def _decode_ours(answers: list[bytes]) -> None:
    codec, count = MbusCodec(ZONE), 0
    for answer in answers:
        count += sum(isinstance(found, Telegram) for found in codec.feed(answer))
    assert count == len(answers)


def _decode_theirs(frames: list[bytes]) -> None:
    parse: Callable[[list[int]], Any] = load_library().TelegramLong.parse
    count = 0
    for frame in frames:
        parsed = parse(list(frame))
        count += bool([record.interpreted for record in parsed.records])
    assert count == len(frames)


def _best_s(work: Callable[[], None]) -> float:
    """Return the shortest of a few rounds: the others had to share the machine."""
    best_s = float("inf")
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        work()
        best_s = min(best_s, time.perf_counter() - start_s)
    return best_s


def _growth_kib(answers: list[bytes]) -> float:
    codec = MbusCodec(ZONE)
    codec.feed(b"".join(answers[:200]))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for place in range(MEMORY_COUNT):
        codec.feed(answers[place % len(answers)])
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / 1_024
