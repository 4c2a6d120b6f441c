"""What every codec of the catalog keeps, whatever it reads: run on each, on its own simulator.

A protocol joins by standing in the catalog and among the simulated meters; what is special to one
is tested beside it.
"""

import random
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.catalog import CODECS
from firmware_bridge.meters.codec import MAX_DETAIL_CHARS, MAX_REFUSED_BYTES, Refused, Telegram
from shared.readings import (
    MAX_METER_ID_CHARS,
    MAX_REGISTERS_PER_SAMPLE,
    REGISTERS,
    Quality,
    Sample,
)
from tests.support.codecs import (
    LINES,
    STREAMS,
    Found,
    Stream,
    decode_split,
    mutated,
    refusals_of,
    telegrams_of,
)

READ_BYTES = 16 * 1024
NOISE_BYTES = 5 * 1024 * 1024
HALVES_BYTES = 512 * 1024
BLOCKS_BYTES = (1_024, 4_096, 8_184, 8_192)
"""Sizes of blocks that codecs refuse garbage in."""

PEAK_LIMIT_KIB = 256
"""A few of the longest telegrams and what is made of them; what piled up would be megabytes."""

every_codec = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
PROTOCOLS = [name for name, stream in STREAMS.items() if name == stream.protocol]
every_protocol = pytest.mark.parametrize(
    "stream", [STREAMS[name] for name in PROTOCOLS], ids=PROTOCOLS
)


def test_every_protocol_of_the_catalog_is_held_to_this() -> None:
    """One without a simulated meter would go unseen."""
    assert {stream.protocol for stream in STREAMS.values()} == set(CODECS)


@every_codec
def test_telegram_is_read_with_its_last_byte(stream: Stream) -> None:
    """It does not wait for the next one, seconds later; and nothing is refused."""
    codec = stream.build()

    found = [codec.feed(telegram) for telegram in stream.telegrams(6)]

    assert all(telegrams_of(one) for one in found)
    assert not any(refusals_of(one) for one in found)


@every_codec
def test_one_byte_at_a_time_gives_the_same(stream: Stream) -> None:
    """The smallest reads there are."""
    content = b"".join(stream.telegrams(4))

    found = decode_split(stream.build(), content, list(range(len(content))))

    assert found == stream.decode(content)


@every_codec
@given(draw=st.randoms(use_true_random=False), count=st.integers(0, 40), reads=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_any_stream_is_read_alike_in_any_pieces_and_never_raises(
    stream: Stream, draw: random.Random, count: int, reads: int
) -> None:
    """Whole or hurt anywhere, wherever the reads fall; and what comes out keeps the rules."""
    content = mutated(draw, b"".join(stream.telegrams(4)), count)
    cuts = [draw.randrange(len(content) + 1) for _ in range(reads)]

    found = decode_split(stream.build(), content, cuts)

    assert found == stream.decode(content)
    check_rules(found)


@every_codec
@pytest.mark.parametrize("seed", range(8))
def test_garbage_is_refused_and_hides_no_whole_telegram(stream: Stream, seed: int) -> None:
    """Before the first, between two and after the last; a line end parts it from what follows."""
    draw = random.Random(seed)
    telegrams = stream.telegrams(4)
    garbage = [draw.randbytes(draw.randrange(300, 3_000)) + b"\r\n" for _ in range(3)]
    content = garbage[0] + b"".join(telegrams[:2]) + garbage[1] + b"".join(telegrams[2:])

    found = stream.decode(content + garbage[2])

    assert telegrams_of(found) == telegrams_of(stream.decode(b"".join(telegrams)))
    assert len(refusals_of(found)) >= len(garbage)
    check_rules(found)


@every_codec
@pytest.mark.parametrize("make", [random.Random(11).randbytes, lambda size: b"." * size])
def test_telegram_that_begins_where_a_block_of_garbage_ends_is_read_alike(
    stream: Stream, make: Callable[[int], bytes]
) -> None:
    """Garbage is refused in blocks; a beginning that is not whole yet belongs to none of them."""
    content = b"".join(stream.telegrams(2))
    for block_bytes in BLOCKS_BYTES:
        for short_bytes in range(20):
            garbage = make(block_bytes - short_bytes - 2) + b"\r\n"
            cuts = list(range(len(garbage) - 2, len(garbage) + 20))

            found = decode_split(stream.build(), garbage + content, cuts)

            assert found == stream.decode(garbage + content)
            assert telegrams_of(found) == telegrams_of(stream.decode(content))


@every_codec
@pytest.mark.parametrize("tenths", range(1, 10))
def test_truncated_telegram_loses_only_itself(stream: Stream, tenths: int) -> None:
    """Those before and after it are read, and what was lost is told."""
    telegrams = stream.telegrams(5)
    cut = telegrams[2][: len(telegrams[2]) * tenths // 10]
    before, after = b"".join(telegrams[:2]), b"".join(telegrams[3:])
    codec = stream.build()

    found = codec.feed(before + cut)
    if stream.protocol in LINES:
        found += codec.feed(b"")
    found += codec.feed(after) + codec.feed(b"")

    whole = [telegrams_of(stream.decode(part)) for part in (before, after)]
    read = telegrams_of(found)
    assert read[: len(whole[0])] == whole[0]
    assert read[-len(whole[1]) :] == whole[1]
    assert refusals_of(found)


@every_codec
def test_end_of_a_stream_leaves_nothing_behind(stream: Stream) -> None:
    """An empty chunk refuses what is pending; the next chunk begins a new stream."""
    first, second = stream.telegrams(2)
    codec = stream.build()
    begun = codec.feed(first[: len(first) // 2])

    ended = codec.feed(b"")

    assert refusals_of(begun + ended)
    assert codec.feed(b"") == []
    assert telegrams_of(codec.feed(second) + codec.feed(b"")) == telegrams_of(stream.decode(second))


@every_protocol
def test_memory_is_bounded_on_endless_noise(stream: Stream) -> None:
    """All of it is answered for, in refusals of bounded size."""
    draw = random.Random(5)
    noise = [draw.randbytes(READ_BYTES) for _ in range(16)]

    peak_kib, refused = peak_of(stream, noise, NOISE_BYTES)

    assert peak_kib < PEAK_LIMIT_KIB
    assert refused >= NOISE_BYTES // READ_BYTES // 2


@every_protocol
@pytest.mark.parametrize("filler", [b"", b"7", b"\n", b"\xff"])
def test_memory_is_bounded_on_telegrams_without_end(stream: Stream, filler: bytes) -> None:
    """Half ones for ever, or one that is begun and goes on for ever."""
    halves = [one[: len(one) // 2] for one in stream.telegrams(64)]
    chunks = halves if not filler else [halves[0], *[filler * READ_BYTES] * 64]

    peak_kib, _ = peak_of(stream, chunks, HALVES_BYTES)

    assert peak_kib < PEAK_LIMIT_KIB


def peak_of(stream: Stream, chunks: list[bytes], total_bytes: int) -> tuple[float, int]:
    """Feed chunks again and again; return the most that was allocated, and the refusals counted."""
    codec = stream.build()
    codec.feed(stream.telegrams(1)[0])
    fed = number = refused = 0
    tracemalloc.start()
    while fed < total_bytes:
        chunk = chunks[number % len(chunks)]
        for entry in codec.feed(chunk):
            refused += isinstance(entry, Refused)
            assert isinstance(entry, Telegram) or len(entry.raw) <= MAX_REFUSED_BYTES
        fed, number = fed + len(chunk), number + 1
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak_bytes / 1024, refused


def check_rules(found: Found) -> None:
    """Assert what holds for anything a codec returns."""
    for refused in refusals_of(found):
        assert refused.reason
        assert 0 < len(refused.detail) <= MAX_DETAIL_CHARS
        assert 0 < len(refused.raw) <= MAX_REFUSED_BYTES
        assert type(refused.raw) is bytes
    for telegram in telegrams_of(found):
        assert telegram.samples or telegram.texts
        for sample in telegram.samples:
            check_sample(sample)


def check_sample(sample: Sample) -> None:
    """Assert the rules of `shared.readings`."""
    assert 0 < len(sample.meter) <= MAX_METER_ID_CHARS
    assert sample.meter.isprintable()
    assert sample.registers or sample.unknown
    assert len(sample.registers) <= MAX_REGISTERS_PER_SAMPLE
    for name, value in sample.registers.items():
        assert REGISTERS[name].medium in (None, sample.medium)
        assert type(value) is int
        assert abs(value) < 2**63
    assert sample.meter_time_ms is None or type(sample.meter_time_ms) is int
    assert 0 <= sample.quality <= Quality.UNCHECKED | Quality.HUB_TIME
    assert all(type(word) is str for pair in sample.unknown.items() for word in pair)
