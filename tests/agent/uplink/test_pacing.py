"""The token bucket, the pauses between tries, and how long a backlog will take."""

from agent.uplink.pacing import SETTLED_MS, Backoff, Progress, Silence, TokenBucket


def test_a_burst_then_the_rate() -> None:
    """A full bucket gives its burst at once and then one token every 200 ms at 5 a second."""
    bucket = TokenBucket(5, 4)

    at_once = [bucket.take(1_000_000) for _ in range(6)]
    soon = bucket.take(1_000_199)
    later = [bucket.take(1_000_401) for _ in range(3)]

    assert at_once == [True] * 4 + [False] * 2
    assert not soon
    assert later == [True, True, False]


def test_an_empty_bucket_says_when_the_next_token_is_there() -> None:
    """Asked again then, it has one; a moment sooner it has none."""
    bucket = TokenBucket(4, 1)
    bucket.take(1_000_000)
    bucket.take(1_000_050)

    wait_ms = round(bucket.wait_s() * 1_000)

    assert wait_ms == 200
    assert not bucket.take(1_000_050 + wait_ms - 1)
    assert bucket.take(1_000_050 + wait_ms)


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


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    """1, 2, 4 … 60 s, each drawn from its upper half; a success starts over."""
    pauses = Backoff(1, 60, draw=lambda: 1.0)

    grown = [pauses.next_s() for _ in range(8)]
    pauses.reset()

    assert grown == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses.next_s() == 1
    assert Backoff(1, 60, draw=lambda: 0.0).next_s() == 0.5


def test_a_backlog_that_shrinks_steadily_has_a_known_end() -> None:
    """A thousand rows a second: 60,000 left are gone in a minute."""
    progress = Progress()
    for second in range(11):
        progress.note(second * 1_000, 70_000 - second * 1_000)

    assert progress.left_ms(10_000) == 60_000
    assert progress.left_ms(12_000) == 58_000


def test_the_rate_is_that_of_the_last_minute() -> None:
    """A drain that has slowed down is not promised at the speed it once had."""
    progress = Progress()
    progress.note(0, 1_000_000)
    for second in range(1, 101):
        progress.note(1_000 + second * 1_000, 10_000 - second * 10)

    assert progress.left_ms(101_000) == 900_000


def test_where_nothing_shrinks_no_end_is_promised() -> None:
    """Nothing heard, a single receipt, a backlog that grows, a silence of over a minute."""
    growing, single, silent = Progress(), Progress(), Progress()
    growing.note(0, 100)
    growing.note(10_000, 200)
    single.note(0, 100)
    silent.note(0, 100)
    silent.note(10_000, 50)

    assert Progress().left_ms(0) is None
    assert growing.left_ms(10_000) is None
    assert single.left_ms(5_000) is None
    assert silent.left_ms(10_000) == 10_000
    assert silent.left_ms(80_000) is None


def test_after_a_pause_the_rate_is_measured_anew() -> None:
    """What was before the connection broke says nothing of the one after."""
    progress = Progress()
    progress.note(0, 100)
    progress.note(10_000, 50)
    progress.forget()

    assert progress.left_ms(10_000) is None


def test_many_receipts_in_a_second_are_one_point() -> None:
    """A drain answers hundreds of frames a second; what is kept stays small."""
    progress = Progress()
    for step in range(10_000):
        progress.note(step * 5, 10_000 - step)

    assert len(progress.seen) <= 61
    assert progress.left_ms(49_995) == 0


def test_silence_grows_while_nobody_listens() -> None:
    """A second where an ingest is only started anew; a fleet asks no faster for a night of none."""
    silence, now_ms, pauses_ms = Silence(lambda: 1.0), 5_000, []

    for _ in range(6):
        end_ms = silence.end_ms(now_ms)
        pauses_ms.append(end_ms - now_ms)
        now_ms = end_ms + 40

    assert pauses_ms == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]


def test_silences_of_many_hubs_differ() -> None:
    """Half of each pause is drawn: hubs that lost their ingest together do not come together."""
    draws = (lambda: 0.0, lambda: 0.5, lambda: 1.0)

    ends_ms = [Silence(draw).end_ms(0) for draw in draws]

    assert ends_ms == [500, 750, 1_000]


def test_messages_that_nobody_heard_together_are_one_silence() -> None:
    """A window full of frames is not so many failures, and none of them puts the end off."""
    silence = Silence(lambda: 1.0)

    assert [silence.end_ms(now_ms) for now_ms in (100, 130, 1_099)] == [1_100] * 3
    assert silence.end_ms(1_100) == 3_100


def test_silence_is_short_again_after_a_quiet_minute() -> None:
    """What was refused once a while ago says nothing of now; what is refused each time does."""
    silence = Silence(lambda: 1.0)
    first_ms = silence.end_ms(0)
    second_ms = silence.end_ms(first_ms + SETTLED_MS - 1)
    third_ms = silence.end_ms(second_ms + SETTLED_MS)

    assert second_ms - (first_ms + SETTLED_MS - 1) == 2_000
    assert third_ms - (second_ms + SETTLED_MS) == 1_000
