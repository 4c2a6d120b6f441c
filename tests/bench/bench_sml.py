"""SML decoding beside pysml and smllib, on the same files of our simulator, and memory on noise."""

import tracemalloc
from importlib import import_module

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.sml import SmlCodec
from firmware_bridge.simulator.sml_meter import telegrams
from tests.bench.rates import best_rate, noise_row

START_MS = 1_790_000_000_000
COUNT = 4_000
"""Half a day of files: no two are alike, so that no cache of whole lines would help."""

STEADY_FILES = 20_000
STEADY_LIMIT_KIB = 64.0


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    content = [telegram for telegram, _ in telegrams(1, START_MS, START_MS + COUNT * 10_000)]
    ours = best_rate(content, _decode_ours)
    pysml = best_rate(content[: COUNT // 20], _decode_pysml)
    smllib = best_rate(content[: COUNT // 8], _decode_smllib)
    note = f"{len(content[0])} byte files of the simulator, one core"
    growth_kib = _growth_kib(content)
    return [
        _row("SML decoding, framing and checksum included", ours, "pysml", pysml, 5, note),
        _row("SML decoding, the same files", ours, "smllib", smllib, None, note),
        noise_row("SML", SmlCodec()),
        {
            "name": f"SML memory growth over {STEADY_FILES} files",
            "ours": round(growth_kib, 1),
            "unit": "KiB",
            "peer": "limit",
            "theirs": STEADY_LIMIT_KIB,
            "ratio": round(STEADY_LIMIT_KIB / max(growth_kib, 0.1), 1),
            "target": 1,
            "note": "traced allocations, after the first 4,000",
        },
    ]


def _row(
    name: str, ours: float, peer: str, theirs: float, target: int | None, note: str
) -> dict[str, object]:
    return {
        "name": name,
        "ours": round(ours),
        "unit": "files/s",
        "peer": peer,
        "theirs": round(theirs),
        "ratio": round(ours / theirs, 1),
        "target": target,
        "note": note,
    }


def _decode_ours(content: list[bytes]) -> int:
    codec = SmlCodec()
    return sum(isinstance(found, Telegram) for file in content for found in codec.feed(file))


def _decode_pysml(content: list[bytes]) -> int:
    # Imported here and by name: only the bench has the peers, which come without type hints.
    base = import_module("sml").SmlBase
    return sum(base.find_frame(file)[1] is not None for file in content)


def _decode_smllib(content: list[bytes]) -> int:
    reader = import_module("smllib").SmlStreamReader()
    found = 0
    for file in content:
        reader.add(file)
        frame = reader.get_frame()
        found += len(frame.parse_frame()) > 0
    return found


def _growth_kib(content: list[bytes]) -> float:
    """Return how much more is held after many files than after the first few thousand."""
    codec = SmlCodec()
    tracemalloc.start()
    for file in content:
        codec.feed(file)
    before_bytes, _ = tracemalloc.get_traced_memory()
    for number in range(STEADY_FILES):
        codec.feed(content[number % len(content)])
    after_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after_bytes - before_bytes) / 1024
