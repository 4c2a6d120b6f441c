"""Framing of a RAVEn's stream: NULs, fragments, truncation, noise, and bounded memory."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import MAX_REFUSED_BYTES, Refused, Telegram
from firmware_bridge.meters.raven import MAX_STANZA_BYTES, NOISE_BLOCK_BYTES, RavenCodec
from firmware_bridge.simulator.raven_meter import emissions

START_MS = 1_790_000_000_000
STANZAS = [one.telegram for one in emissions(3, START_MS, START_MS + 200_000)]
DEMAND, SUMMATION = STANZAS[0], next(s for s in STANZAS if b"<CurrentSummation" in s)
DAMAGED = STANZAS[0][:140] + STANZAS[1] + b"\0\0\r\n" + STANZAS[2][55:] + b"ABC" + STANZAS[3]
STREAM = b"".join(STANZAS) + DAMAGED + b"".join(STANZAS[:3])


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = RavenCodec()
    return codec.feed(content) + codec.feed(b"")


def telegrams(found: list[Telegram | Refused]) -> list[Telegram]:
    """Keep the telegrams."""
    return [entry for entry in found if isinstance(entry, Telegram)]


def reasons(found: list[Telegram | Refused]) -> list[str]:
    """Keep the refusals' reasons."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_split_of_the_bytes_gives_the_same(cuts: list[int]) -> None:
    """Where the reads fall does not matter."""
    codec = RavenCodec()
    edges = [0, *sorted(cuts), len(STREAM)]

    found: list[Telegram | Refused] = []
    for start, end in pairwise(edges):
        if end > start:
            found += codec.feed(STREAM[start:end])
    found += codec.feed(b"")

    assert found == decode(STREAM)


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(1, 900))
@settings(max_examples=200, deadline=None)
def test_any_mutation_stays_bounded_and_is_read_alike_in_any_pieces(
    draw: random.Random, count: int, piece: int
) -> None:
    """Bytes changed, cut out and put in anywhere never raise, whatever the size of the reads."""
    content = bytearray(STREAM)
    for _ in range(count):
        place = draw.randrange(len(content))
        match draw.randrange(3):
            case 0:
                content[place] = draw.randrange(256)
            case 1:
                del content[place : place + draw.randrange(60)]
            case _:
                content[place:place] = draw.randbytes(draw.randrange(60))
    codec = RavenCodec()

    found: list[Telegram | Refused] = []
    for start in range(0, len(content), piece):
        found += codec.feed(bytes(content[start : start + piece]))
        assert codec.pending_bytes <= MAX_STANZA_BYTES
    found += codec.feed(b"")

    assert codec.pending_bytes == 0
    assert found == decode(bytes(content))


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_stanza_after_any_noise_is_found(noise: bytes) -> None:
    """Whatever came before, a whole stanza is never lost."""
    found = decode(noise + DEMAND)

    assert telegrams(found)[-1:] == telegrams(decode(DEMAND))


def test_endless_noise_is_bounded_and_counted() -> None:
    """Two megabytes of noise leave less than two blocks, and refusals of bounded size."""
    draw = random.Random(5)
    codec = RavenCodec()
    refused = 0

    for _ in range(128):
        for entry in codec.feed(draw.randbytes(16_384)):
            assert isinstance(entry, Refused)
            assert len(entry.raw) <= MAX_REFUSED_BYTES
            refused += 1
        assert codec.pending_bytes <= 2 * NOISE_BLOCK_BYTES

    assert refused >= 2_000


def test_nul_bytes_are_passed_over_everywhere() -> None:
    """A stick sends them at its start and now and then within a stanza."""
    found = decode(b"\0\0\0" + DEMAND[:60] + b"\0" + DEMAND[60:120] + b"\0\0" + DEMAND[120:])

    assert found == decode(DEMAND)


def test_stream_that_begins_within_a_stanza_costs_that_one_alone() -> None:
    """Its fields are not taken for stanzas of their own."""
    found = decode(DEMAND[70:] + SUMMATION)

    assert reasons(found) == ["noise"]
    assert telegrams(found) == telegrams(decode(SUMMATION))


@pytest.mark.parametrize("cut", [21, 30, 90, 130, 200, 300])
def test_stanza_cut_short_by_the_next_costs_only_itself(cut: int) -> None:
    """Wherever it is cut, in a tag or in a value."""
    found = decode(DEMAND[:cut] + SUMMATION)

    assert reasons(found) == ["truncated"]
    assert telegrams(found) == telegrams(decode(SUMMATION))


def test_stanza_that_lost_its_middle_is_refused() -> None:
    """Two halves that do not fit are no reading, and the next is whole."""
    found = decode(DEMAND[:130] + DEMAND[180:] + SUMMATION)

    assert reasons(found) == ["bad-value"]
    assert telegrams(found) == telegrams(decode(SUMMATION))


@pytest.mark.parametrize("line", [b"Multiplier", b"Divisor", b"Demand", b"MeterMacId"])
def test_reading_that_lost_a_line_is_refused(line: bytes) -> None:
    """Without its divisor a reading would be a thousand times too large."""
    lines = [one for one in DEMAND.splitlines(keepends=True) if b"<" + line + b">" not in one]

    found = decode(SUMMATION + b"".join(lines))

    assert reasons(found) == ["truncated"]
    assert telegrams(found) == telegrams(decode(SUMMATION))


def test_stanza_longer_than_the_cap_is_refused() -> None:
    """The next stanza is found after it."""
    found = decode(b"<MessageCluster><Text>" + b"x" * 9_000 + b"\r\n" + DEMAND)

    assert reasons(found) == ["too-long", "noise"]
    assert telegrams(found) == telegrams(decode(DEMAND))


def test_stream_that_ends_in_a_stanza_refuses_it() -> None:
    """An empty chunk says that no more comes of this stream."""
    codec = RavenCodec()
    codec.feed(DEMAND[:200])

    found = codec.feed(b"")

    assert reasons(found) == ["truncated"]
    assert len(telegrams(codec.feed(DEMAND))) == 1
