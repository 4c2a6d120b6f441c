"""What the cloud has, read from its file: the frames as they came, and what they say is missing.

It changes nothing in it.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from shared.frames import GapKind, decode_frame
from shared.ranges import Range, union

Declared = dict[GapKind, dict[str, list[Range]]]
"""By kind and log id: the sequences that a frame declares to be without a sample."""


def payloads(database: Path) -> Iterator[bytes]:
    """Yield each stored frame."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        for (payload,) in store.execute("SELECT payload FROM frames ORDER BY frame_id"):
            yield payload


def declared(database: Path) -> Declared:
    """Collect what the stored frames declare."""
    found: Declared = {kind: {} for kind in GapKind}
    for payload in payloads(database):
        frame = decode_frame(payload)
        for gap in frame.gaps:
            found[gap.kind].setdefault(frame.log_id.hex(), []).append((gap.first_seq, gap.last_seq))
    return {
        kind: {log_id: union(ranges) for log_id, ranges in by_log.items()}
        for kind, by_log in found.items()
    }
