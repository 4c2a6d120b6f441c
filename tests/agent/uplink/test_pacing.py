"""The token bucket: a burst, then a steady rate."""

from agent.uplink.pacing import TokenBucket


def test_a_burst_then_the_rate() -> None:
    """A full bucket gives its burst at once and then one token every 200 ms at 5 a second."""
    bucket = TokenBucket(5, 4)

    at_once = [bucket.take(1_000_000) for _ in range(6)]
    soon = bucket.take(1_000_199)
    later = [bucket.take(1_000_401) for _ in range(3)]

    assert at_once == [True] * 4 + [False] * 2
    assert not soon
    assert later == [True, True, False]


def test_no_more_than_the_burst_is_saved_up() -> None:
    """A night of silence does not become a flood."""
    bucket = TokenBucket(5, 4)
    bucket.take(0)

    assert sum(bucket.take(10**9) for _ in range(100)) == 4


def test_a_clock_that_steps_back_gives_nothing() -> None:
    """Time that runs backwards fills no bucket."""
    bucket = TokenBucket(5, 4)
    while bucket.take(10_000):
        pass

    assert not bucket.take(9_000)
