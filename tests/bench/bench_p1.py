"""P1 decoding beside dsmr-parser, on the same telegrams of our simulator, and memory on noise."""

import random
import time
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from zoneinfo import ZoneInfo

from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.simulator.p1_meter import telegrams

ZONE = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
COUNT = 4_000
"""Half a day of telegrams: no two are alike, so that no cache of whole lines would help."""

ROUNDS = 3
NOISE_CHUNK_BYTES = 16 * 1024
NOISE_CHUNKS = 3_200
"""50 MiB of noise."""

NOISE_LIMIT_KIB = 256.0


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    content = [telegram for telegram, _ in telegrams(1, START_MS, START_MS + COUNT * 10_000)]
    ours = _best_rate(content, _decode_ours)
    theirs = _best_rate(content[: COUNT // 8], _decode_theirs)
    peak_kib = _noise_peak_kib()
    return [
        {
            "name": "P1 decoding, framing and checksum included",
            "ours": round(ours),
            "unit": "telegrams/s",
            "peer": "dsmr-parser",
            "theirs": round(theirs),
            "ratio": round(ours / theirs, 1),
            "target": 5,
            "note": f"{len(content[0])} byte DSMR 5 telegrams of the simulator, one core",
        },
        {
            "name": "P1 peak memory over 50 MiB of noise",
            "ours": round(peak_kib, 1),
            "unit": "KiB",
            "peer": "limit",
            "theirs": NOISE_LIMIT_KIB,
            "ratio": round(NOISE_LIMIT_KIB / peak_kib, 1),
            "target": 1,
            "note": "traced allocations, 16 KiB reads",
        },
    ]


def _best_rate(content: list[bytes], decode: Callable[[list[bytes]], int]) -> float:
    """Return the best of a few rounds: the machine is shared, its slow moments are not ours."""
    best_s = min(_timed(content, decode) for _ in range(ROUNDS))
    return len(content) / best_s


def _timed(content: list[bytes], decode: Callable[[list[bytes]], int]) -> float:
    start_s = time.perf_counter()
    found = decode(content)
    took_s = time.perf_counter() - start_s
    assert found == len(content)
    return took_s


def _decode_ours(content: list[bytes]) -> int:
    codec = P1Codec(ZONE)
    return sum(len(codec.feed(telegram)) for telegram in content)


def _decode_theirs(content: list[bytes]) -> int:
    # Imported here and by name: only the bench has the peer, which comes without type hints.
    specifications = import_module("dsmr_parser.telegram_specifications")
    buffer = import_module("dsmr_parser.clients.telegram_buffer").TelegramBuffer()
    parser = import_module("dsmr_parser.parsers").TelegramParser(specifications.V5)
    found = 0
    for telegram in content:
        buffer.append(telegram.decode("ascii"))
        for whole in buffer.get_all():
            parser.parse(whole)
            found += 1
    return found


def _noise_peak_kib() -> float:
    """Return the most that was ever allocated while noise came, with what it answered dropped."""
    draw = random.Random(1)
    noise = [draw.randbytes(NOISE_CHUNK_BYTES) for _ in range(16)]
    codec = P1Codec(ZONE)
    tracemalloc.start()
    for number in range(NOISE_CHUNKS):
        codec.feed(noise[number % len(noise)])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak_bytes / 1024
