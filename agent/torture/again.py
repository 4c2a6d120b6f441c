"""Delivers once more, and in another order, what was delivered: stored frames, and receipts.

Frames go as the hub's, receipts as an ingest worker's, by their certificates and beside their own
connections. It reads the cloud's file to know what was delivered, and changes nothing in it.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

FRAMES = 40
RECEIPTS = 4
"""So many that an order can be another one."""

COPIES = 2
POLL_S = 0.05


def stored_frames(database: Path, draw: Random) -> list[bytes]:
    """Draw some of the frames that the cloud has stored, each so often, in any order."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        payloads = [payload for (payload,) in store.execute("SELECT payload FROM frames")]
    return mixed(draw.sample(payloads, min(FRAMES, len(payloads))), draw)


def mixed(payloads: list[bytes], draw: Random) -> list[bytes]:
    """Return each so often, in any order."""
    again = payloads * COPIES
    draw.shuffle(again)
    return again


def gather(heard: list[bytes], is_out_of_time: Callable[[], bool]) -> list[bytes]:
    """Wait until so many receipts were heard, or time is out; return those there are."""
    while len(heard) < RECEIPTS and not is_out_of_time():
        time.sleep(POLL_S)
    return list(heard)
