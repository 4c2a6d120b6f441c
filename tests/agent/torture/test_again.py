"""Frames that are stored are delivered once more: each twice, in an order that a seed decides."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

from agent.torture.again import COPIES, FRAMES, RECEIPTS, gather, mixed, stored_frames


def test_frames_are_drawn_twice_each_and_mixed(tmp_path: Path) -> None:
    """Of many so many, and the same again for the same seed."""
    path = tmp_path / "cloud.db"
    kept = [b"%d" % number for number in range(FRAMES + 10)]
    with closing(sqlite3.connect(path)) as store:
        store.execute("CREATE TABLE frames (frame_id INTEGER PRIMARY KEY, payload)")
        store.executemany("INSERT INTO frames (payload) VALUES (?)", [(one,) for one in kept])
        store.commit()

    drawn = stored_frames(path, Random(3))

    assert set(Counter(drawn).values()) == {COPIES}
    assert len(drawn) == FRAMES * COPIES
    assert set(drawn) < set(kept)
    assert drawn != sorted(drawn, key=kept.index)
    assert stored_frames(path, Random(3)) == drawn


def test_receipts_are_gathered_until_there_are_enough_or_time_is_out() -> None:
    """A hub that hears few gets those again."""
    few, many = [b"1"], [b"%d" % number for number in range(RECEIPTS)]

    assert gather(few, lambda: True) == few
    assert gather(many, lambda: False) == many
    assert Counter(mixed(many, Random(1))) == Counter(many * COPIES)
