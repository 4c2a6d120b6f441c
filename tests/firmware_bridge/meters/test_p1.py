"""Framing of the P1 stream: checksums, damage, truncation, noise, and bounded memory."""

import random
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import MAX_REFUSED_BYTES, Refused, Telegram
from firmware_bridge.meters.p1 import MAX_TELEGRAM_BYTES, P1Codec

GOLDEN = Path(__file__).parents[2] / "golden" / "p1"
ZONE = ZoneInfo("Europe/Amsterdam")
V5 = (GOLDEN / "dsmr_5.telegram").read_bytes()
V3 = (GOLDEN / "dsmr_3.telegram").read_bytes()
STREAM = b"".join(path.read_bytes() for path in sorted(GOLDEN.glob("*.telegram")))


def signed(body: str) -> bytes:
    """Close a telegram's text with its checksum."""
    content = body.encode("latin-1") + b"!"
    return content + b"%04X\r\n" % crc16.arc(content)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = P1Codec(ZONE)
    return codec.feed(content) + codec.feed(b"")


def telegrams(found: list[Telegram | Refused]) -> list[Telegram]:
    """Keep the telegrams."""
    return [entry for entry in found if isinstance(entry, Telegram)]


def reasons(found: list[Telegram | Refused]) -> list[str]:
    """Keep the refusals' reasons."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_split_of_the_bytes_gives_the_same(cuts: list[int]) -> None:
    """Where the reads fall does not matter."""
    codec = P1Codec(ZONE)
    edges = [0, *sorted(cuts), len(STREAM)]

    found: list[Telegram | Refused] = []
    for start, end in pairwise(edges):
        if end > start:
            found += codec.feed(STREAM[start:end])
    found += codec.feed(b"")

    assert found == decode(STREAM)


def test_one_byte_at_a_time_gives_the_same() -> None:
    """The smallest reads there are."""
    codec = P1Codec(ZONE)

    found = [entry for byte in STREAM for entry in codec.feed(bytes([byte]))] + codec.feed(b"")

    assert found == decode(STREAM)
    assert len(telegrams(found)) == 7


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_any_mutation_never_raises_and_stays_bounded(draw: random.Random, count: int) -> None:
    """Bytes changed, cut out and put in anywhere; every chunk leaves the buffer within its cap."""
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
    codec = P1Codec(ZONE)

    for start in range(0, len(content), 700):
        codec.feed(bytes(content[start : start + 700]))
        assert codec.pending_bytes <= MAX_TELEGRAM_BYTES
    codec.feed(b"")

    assert codec.pending_bytes == 0


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_telegram_after_any_noise_is_found(noise: bytes) -> None:
    """After noise and a line end, a whole telegram is never lost."""
    found = decode(noise.replace(b"/", b"?") + b"\n" + V5)

    assert telegrams(found) == telegrams(decode(V5))


def test_endless_noise_is_bounded_and_counted() -> None:
    """Two megabytes of noise leave at most the cap, and refusals of bounded size."""
    draw = random.Random(5)
    codec = P1Codec(ZONE)
    refused = 0

    for _ in range(128):
        for entry in codec.feed(draw.randbytes(16_384)):
            assert isinstance(entry, Refused)
            assert len(entry.raw) <= MAX_REFUSED_BYTES
            refused += 1
        assert codec.pending_bytes <= MAX_TELEGRAM_BYTES

    assert refused >= 128


def test_noise_is_one_refusal_however_it_is_read() -> None:
    """Noise before a telegram is reported once, with its size."""
    found = decode(b"half a line\r\n" + V5)

    assert reasons(found) == ["noise"]
    assert len(telegrams(found)) == 1


def test_wrong_checksum_is_refused() -> None:
    """One changed digit is enough."""
    found = decode(V5.replace(b"(004426.001*kWh)", b"(004426.002*kWh)"))

    assert reasons(found) == ["bad-crc"]
    assert not telegrams(found)


def test_unreadable_checksum_is_not_taken_for_none() -> None:
    """A damaged checksum does not make an unchecked telegram of a checked one."""
    found = decode(V5[:-6] + b"zzzz\r\n")

    assert "bad-crc" in reasons(found)
    assert not telegrams(found)


def test_checksum_without_leading_zeros_is_read() -> None:
    """Some meters do not pad it to four digits."""
    for serial in range(2_000):
        content = f"/EXM5\r\n\r\n0-0:96.1.1({serial:08d})\r\n1-0:1.7.0(00.100*kW)\r\n!".encode()
        if crc16.arc(content) < 0x1000:
            break

    found = decode(content + b"%X\r\n" % crc16.arc(content))

    assert len(telegrams(found)) == 1
    assert not reasons(found)


def test_telegram_glued_to_the_next_gives_both() -> None:
    """No line end between the checksum and the next start."""
    found = decode(V5[:-2] + V5)

    assert len(telegrams(found)) == 2
    assert not reasons(found)


@pytest.mark.parametrize("cut", [30, 100, 333, 500, 640])
def test_telegram_cut_short_by_the_next_costs_only_itself(cut: int) -> None:
    """Whether it is cut at a line's end or within one, the next is whole."""
    found = decode(V5[:cut] + V5)

    assert telegrams(found) == telegrams(decode(V5))
    assert reasons(found) == ["truncated"]


def test_unchecked_telegram_cut_within_a_line_costs_only_itself() -> None:
    """Without a checksum, a `/` within a line shows that another telegram begins."""
    found = decode(V3[:150] + V3)

    assert telegrams(found) == telegrams(decode(V3))
    assert reasons(found) == ["truncated"]


def test_slash_in_a_text_begins_no_telegram() -> None:
    """A message need not be hexadecimal in telegrams without a checksum."""
    (telegram,) = telegrams(decode(V3.replace(b"(31323334)", b"(on/off)")))

    assert telegram.texts[0] == "on/off"


def test_telegram_longer_than_the_cap_is_refused() -> None:
    """The next telegram is found after it."""
    found = decode(b"/EXM5\r\n" + b"x" * 9_000 + b"\r\n" + V5)

    assert reasons(found) == ["too-long", "noise"]
    assert len(telegrams(found)) == 1


def test_stream_that_ends_in_a_telegram_refuses_it() -> None:
    """An empty chunk says that no more comes of this stream."""
    codec = P1Codec(ZONE)
    codec.feed(V5[:200])

    found = codec.feed(b"")

    assert reasons(found) == ["truncated"]
    assert len(telegrams(codec.feed(V5))) == 1


def test_last_line_without_an_end_is_read_at_the_end() -> None:
    """A capture may lack the last line end."""
    found = decode(V3.rstrip())

    assert telegrams(found) == telegrams(decode(V3))


def test_lines_after_an_unchecked_telegram_are_its_trailer() -> None:
    """The EasyMeter sends lines of its own after the end; they are no noise, but a flood is."""
    trailer = b"  25818685\r\nDE0000000000000000000000000000003\r\n"

    assert not reasons(decode(V3 + trailer + V3))
    assert reasons(decode(V3 + b"x" * 400 + b"\r\n" + V3)) == ["noise"]
    assert reasons(decode(V5 + trailer + V5)) == ["noise"]
