"""Delivers once more, and in another order, what was delivered: stored frames, and receipts.

Frames go as the hub's, receipts as an ingest worker's, by their certificates and beside their own
connections.
"""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from agent.torture.store import payloads

FRAMES = 40
RECEIPTS = 4
"""So many that an order can be another one."""

COPIES = 2
POLL_S = 0.05


def stored_frames(database: Path, draw: Random) -> list[bytes]:
    """Draw some of the frames that the cloud has stored, each so often, in any order."""
    stored = list(payloads(database))
    return mixed(draw.sample(stored, min(FRAMES, len(stored))), draw)


def mixed(once: list[bytes], draw: Random) -> list[bytes]:
    """Return each so often, in any order."""
    again = once * COPIES
    draw.shuffle(again)
    return again


def gather(heard: list[bytes], is_out_of_time: Callable[[], bool]) -> list[bytes]:
    """Wait until so many receipts were heard, or time is out; return those there are."""
    while len(heard) < RECEIPTS and not is_out_of_time():
        time.sleep(POLL_S)
    return list(heard)
