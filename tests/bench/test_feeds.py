"""The benches' frames: all there, some twice, some late, the same each time."""

import random
from collections import Counter

from shared.frames import decode_frame
from tests.bench.feeds import LATE_FRAMES, Feed, arrivals, first_of, history, messages_of

FEED = Feed(hubs=2, frames=4, samples=3, is_backlog=True)


def test_every_frame_arrives() -> None:
    """Once or twice, and never so late that nothing could wait for it."""
    frames = [bytes([number]) for number in range(200)]

    arrived = arrivals(frames, random.Random(1))

    counts = Counter(arrived)
    assert set(counts) == set(frames)
    assert 200 * 0.05 < sum(count == 2 for count in counts.values()) < 200 * 0.15
    behind = [max(arrived[:place])[0] - one[0] for place, one in enumerate(arrived) if place]
    assert LATE_FRAMES / 2 < max(behind) < 2 * LATE_FRAMES


def test_a_history_follows_on_from_frame_to_frame() -> None:
    """Sequences and times go on, counters never fall."""
    frames = [decode_frame(one) for one in history(1, FEED)]

    times_ms = [at_ms for one in frames for at_ms in one.times_ms]
    imported = [value for one in frames for value in one.columns[0].values if value is not None]
    assert [one.first_seq for one in frames] == [0, 3, 6, 9]
    assert (times_ms, imported) == (sorted(times_ms), sorted(imported))
    assert (len(times_ms) - 3) * FEED.hubs == FEED.sample_count


def test_the_first_of_each_hub_is_parted_from_the_others() -> None:
    """All others stay in their order."""
    messages = messages_of((1, 2), FEED)

    first, others = first_of(messages)

    assert [one.thing for one in first] == ["hub-1", "hub-2"]
    assert first == [messages[0], next(one for one in messages if one.thing == "hub-2")]
    assert others == [one for one in messages if one not in first or messages.count(one) > 1]


def test_a_backlog_comes_hub_by_hub_and_else_in_turn() -> None:
    """The same frames either way."""
    together = messages_of((1, 2), FEED)
    in_turn = messages_of((1, 2), FEED._replace(is_backlog=False))

    assert [one.thing for one in together] == sorted(one.thing for one in together)
    assert [one.thing for one in in_turn[:4]] == ["hub-1", "hub-2", "hub-1", "hub-2"]
    assert Counter(one.payload for one in together) == Counter(one.payload for one in in_turn)
