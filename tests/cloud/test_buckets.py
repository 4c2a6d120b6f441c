"""Token buckets by name."""

from cloud.buckets import Buckets


def test_bucket_gives_its_size_at_once_then_one_at_a_time() -> None:
    """And says how long to wait."""
    buckets = Buckets(3, 1_000)

    first = [buckets.take("a", 0) for _ in range(4)]

    assert first == [0, 0, 0, 1_000]
    assert buckets.take("a", 400) == 600
    assert buckets.take("a", 1_000) == 0
    assert buckets.take("a", 1_000) == 1_000
    assert buckets.take("b", 1_000) == 0


def test_what_is_given_back_counts_for_nothing() -> None:
    """One try that was right after another."""
    buckets = Buckets(1, 1_000)

    for _ in range(5):
        assert buckets.take("a", 0) == 0
        buckets.give_back("a")
    buckets.give_back("never taken")


def test_names_are_bounded() -> None:
    """The one heard of longest ago begins anew; no size is no limit."""
    buckets = Buckets(1, 1_000, names_max=2)
    for name in ("a", "b", "c"):
        assert buckets.take(name, 0) == 0

    assert len(buckets._full_at_ms) == 2
    assert buckets.take("a", 0) == 0
    assert [Buckets(0, 0).take("a", 0) for _ in range(9)] == [0] * 9
