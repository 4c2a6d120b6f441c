"""Framing of an IEC 62056-21 stream: check characters, parity, echoes, damage, bounded memory."""

import random
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import MAX_REFUSED_BYTES, Refused, Telegram
from firmware_bridge.meters.iec62056 import (
    MAX_TELEGRAM_BYTES,
    NOISE_BLOCK_BYTES,
    Iec62056Codec,
    check_character,
)
from firmware_bridge.meters.iec62056_dialogue import data_block
from shared.readings import Quality

ZONE = ZoneInfo("Europe/Berlin")
HEAD = b"/EXM5TYPE-7\r\n"
CONTENT = (
    b"F.F(00000000)\r\n0.0.0(00012345)\r\n0.9.1(101530)\r\n0.9.2(260620)\r\n"
    b"1.8.0(001234.567*kWh)\r\n1.8.0*03(001200.000*kWh)\r\n2.8.0(000001.000*kWh)\r\n!\r\n"
)
READOUT = HEAD + data_block(CONTENT)
PUSH = HEAD + b"\r\n" + CONTENT
DIALOGUE = b"/?!\r\n" + HEAD + b"\x06050\r\n" + data_block(CONTENT) + b"\x01B0\x03q"
STREAM = (
    READOUT + PUSH + DIALOGUE + READOUT[:70] + READOUT + PUSH[:90] + PUSH + PUSH[:50] + READOUT
    + READOUT.replace(b"1234.567", b"1234.568") + b"some noise / with /? and \x02 \x06 \x01B in it"
    + PUSH
)  # fmt: skip


def with_parity(content: bytes) -> bytes:
    """Set the eighth bit of each byte for even parity, as a port of eight bits reads it."""
    return bytes(byte | 0x80 if byte.bit_count() & 1 else byte for byte in content)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = Iec62056Codec(ZONE)
    return codec.feed(content) + codec.feed(b"")


def telegrams(found: list[Telegram | Refused]) -> list[Telegram]:
    """Keep the telegrams."""
    return [entry for entry in found if isinstance(entry, Telegram)]


def reasons(found: list[Telegram | Refused]) -> list[str]:
    """Keep the refusals' reasons."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


def mutated(draw: random.Random, content: bytes, count: int) -> bytes:
    """Change, cut out and put in bytes anywhere."""
    changed = bytearray(content)
    for _ in range(count):
        place = draw.randrange(len(changed))
        match draw.randrange(3):
            case 0:
                changed[place] = draw.randrange(256)
            case 1:
                del changed[place : place + draw.randrange(60)]
            case _:
                changed[place:place] = draw.randbytes(draw.randrange(60))
    return bytes(changed)


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_split_of_the_bytes_gives_the_same(cuts: list[int]) -> None:
    """Where the reads fall does not matter."""
    codec = Iec62056Codec(ZONE)
    edges = [0, *sorted(cuts), len(STREAM)]

    found: list[Telegram | Refused] = []
    for start, end in pairwise(edges):
        if end > start:
            found += codec.feed(STREAM[start:end])
    found += codec.feed(b"")

    assert found == decode(STREAM)


def test_one_byte_at_a_time_gives_the_same() -> None:
    """The smallest reads there are."""
    codec = Iec62056Codec(ZONE)

    found = [entry for byte in STREAM for entry in codec.feed(bytes([byte]))] + codec.feed(b"")

    assert found == decode(STREAM)
    assert len(telegrams(found)) == 7


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(1, 900))
@settings(max_examples=200, deadline=None)
def test_any_mutation_stays_bounded_and_is_read_alike_in_any_pieces(
    draw: random.Random, count: int, piece: int
) -> None:
    """Bytes changed, cut out and put in anywhere never raise, whatever the size of the reads."""
    content = mutated(draw, STREAM, count)
    codec = Iec62056Codec(ZONE)

    found: list[Telegram | Refused] = []
    for start in range(0, len(content), piece):
        found += codec.feed(content[start : start + piece])
        assert codec.pending_bytes <= MAX_TELEGRAM_BYTES
    found += codec.feed(b"")

    assert codec.pending_bytes == 0
    assert found == decode(content)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_readout_after_any_noise_is_found(noise: bytes) -> None:
    """Whatever came before, a whole readout is never lost."""
    found = decode(noise.replace(b"/", b"?").replace(b"\xaf", b"?") + READOUT)

    assert telegrams(found)[-1:] == telegrams(decode(READOUT))


def test_endless_noise_is_bounded_and_counted() -> None:
    """A megabyte of noise leaves at most a telegram's cap, and refusals of bounded size."""
    draw = random.Random(5)
    codec = Iec62056Codec(ZONE)
    refused = 0

    for _ in range(64):
        for entry in codec.feed(draw.randbytes(16_384)):
            assert isinstance(entry, Refused)
            assert len(entry.raw) <= MAX_REFUSED_BYTES
            refused += 1
        assert codec.pending_bytes <= 2 * NOISE_BLOCK_BYTES

    assert refused >= 1_000


def test_check_character_covers_the_text_and_its_end() -> None:
    """The sign-off's is known from the standard: B0 and ETX give q."""
    assert check_character(b"B0\x03") == ord("q")


def test_readout_is_checked_and_a_push_is_not() -> None:
    """Mode D has no check character."""
    (readout,) = telegrams(decode(READOUT))
    (push,) = telegrams(decode(PUSH))

    assert readout.samples[0].quality == Quality.GOOD
    assert push.samples[0].quality == Quality.UNCHECKED
    assert readout.samples[0].registers == push.samples[0].registers


def test_echoes_of_what_was_sent_are_no_noise() -> None:
    """An optical head may hear its own request, option select and sign-off."""
    found = decode(b"\x00" * 20 + DIALOGUE + b"\x15\x06")

    assert found == decode(READOUT)


def test_wrong_check_character_is_refused() -> None:
    """One changed digit is enough; the next readout is whole."""
    found = decode(READOUT.replace(b"1234.567", b"1234.568") + READOUT)

    assert reasons(found) == ["bad-crc"]
    assert telegrams(found) == telegrams(decode(READOUT))


@pytest.mark.parametrize("content", [READOUT, PUSH])
def test_parity_that_arrives_as_an_eighth_bit_is_taken_off(content: bytes) -> None:
    """The port was opened with eight bits and no parity."""
    assert telegrams(decode(with_parity(content))) == telegrams(decode(content))


def test_wrong_parity_refuses_a_push() -> None:
    """It is the only check there is."""
    damaged = bytearray(with_parity(PUSH))
    damaged[PUSH.index(b"1234.567") + 3] ^= 0x01

    assert reasons(decode(bytes(damaged))) == ["bad-crc"]


@pytest.mark.parametrize("cut", [16, 30, 75, 110, 140])
@pytest.mark.parametrize("first", [READOUT, PUSH])
@pytest.mark.parametrize("following", [READOUT, PUSH])
def test_telegram_cut_short_by_the_next_costs_only_itself(
    cut: int, first: bytes, following: bytes
) -> None:
    """Whether it is cut at a line's end or within one, the next is whole."""
    found = decode(first[:cut] + following)

    assert telegrams(found) == telegrams(decode(following))
    assert reasons(found) in (["truncated"], ["noise"])


def test_block_whose_end_was_lost_ends_where_the_next_session_begins() -> None:
    """ETX and the check character never came."""
    found = decode(READOUT[:-2] + READOUT)

    assert reasons(found) == ["truncated"]
    assert len(telegrams(found)) == 1


def test_telegrams_with_a_p1_checksum_are_checked() -> None:
    """A P1 port configured by mistake is read rightly all the same."""
    body = PUSH.rstrip()
    good = body + b"%04X\r\n" % crc16.arc(body)

    (telegram,) = decode(good)

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].quality == Quality.GOOD
    assert reasons(decode(good.replace(b"1234.567", b"1234.568"))) == ["bad-crc"]
    assert reasons(decode(body + b"ZZ\r\n"))[0] == "bad-crc"


@pytest.mark.parametrize("start", [HEAD + b"\x02", HEAD + b"\r\n"])
def test_telegram_longer_than_the_cap_is_refused(start: bytes) -> None:
    """The next telegram is found after it."""
    found = decode(start + b"1.8.0(1*kWh)\r\n" * 1_500 + READOUT)

    assert reasons(found)[0] == "too-long"
    assert telegrams(found) == telegrams(decode(READOUT))


@pytest.mark.parametrize("content", [READOUT[:60], READOUT[:-1], PUSH[:60], b"/EXM5TY"])
def test_stream_that_ends_in_a_telegram_refuses_it(content: bytes) -> None:
    """An empty chunk says that no more comes of this stream."""
    codec = Iec62056Codec(ZONE)
    codec.feed(content)

    found = codec.feed(b"")

    assert reasons(found) in (["truncated"], ["noise"])
    assert len(telegrams(codec.feed(READOUT))) == 1


def test_identification_names_a_meter_without_a_serial_until_the_stream_ends() -> None:
    """Without either it has no name."""
    block = data_block(b"1.8.0(1*kWh)\r\n!\r\n")
    codec = Iec62056Codec(ZONE)

    found = codec.feed(HEAD + block + block) + codec.feed(b"") + codec.feed(block)

    meters = [entry.samples[0].meter for entry in telegrams(found)]
    assert meters == ["EXM5TYPE-7", "EXM5TYPE-7", "unnamed"]
