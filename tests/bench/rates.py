"""How fast a decoder is, and what noise costs it: shared by the benches of the codecs."""

import random
import time
import tracemalloc
from collections.abc import Callable

from firmware_bridge.meters.codec import Codec

ROUNDS = 3
NOISE_CHUNK_BYTES = 16 * 1024
NOISE_CHUNKS = 3_200
"""50 MiB of noise."""

NOISE_LIMIT_KIB = 256.0


def best_rate(content: list[bytes], decode: Callable[[list[bytes]], int]) -> float:
    """Return the best of a few rounds: the machine is shared, its slow moments are not ours.

    `decode` says how many it decoded, which must be all.
    """
    return len(content) / min(_timed(content, decode) for _ in range(ROUNDS))


def _timed(content: list[bytes], decode: Callable[[list[bytes]], int]) -> float:
    start_s = time.perf_counter()
    found = decode(content)
    took_s = time.perf_counter() - start_s
    assert found == len(content)
    return took_s


def noise_row(title: str, codec: Codec) -> dict[str, object]:
    """Measure the most that is ever allocated while noise comes, with what it answers dropped."""
    draw = random.Random(1)
    noise = [draw.randbytes(NOISE_CHUNK_BYTES) for _ in range(16)]
    tracemalloc.start()
    for number in range(NOISE_CHUNKS):
        codec.feed(noise[number % len(noise)])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    peak_kib = peak_bytes / 1024
    return {
        "name": f"{title} peak memory over 50 MiB of noise",
        "ours": round(peak_kib, 1),
        "unit": "KiB",
        "peer": "limit",
        "theirs": NOISE_LIMIT_KIB,
        "ratio": round(NOISE_LIMIT_KIB / peak_kib, 1),
        "target": 1,
        "note": "traced allocations, 16 KiB reads",
    }
