"""Framing of an IEC 62056-21 stream: check characters, parity, echoes, damage."""

from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.iec62056 import (
    Iec62056Codec,
    check_character,
)
from firmware_bridge.meters.iec62056_dialogue import data_block
from shared.readings import Quality
from tests.support.codecs import reasons_of, telegrams_of

ZONE = ZoneInfo("Europe/Berlin")
HEAD = b"/EXM5TYPE-7\r\n"
CONTENT = (
    b"F.F(00000000)\r\n0.0.0(00012345)\r\n0.9.1(101530)\r\n0.9.2(260620)\r\n"
    b"1.8.0(001234.567*kWh)\r\n1.8.0*03(001200.000*kWh)\r\n2.8.0(000001.000*kWh)\r\n!\r\n"
)
READOUT = HEAD + data_block(CONTENT)
PUSH = HEAD + b"\r\n" + CONTENT
DIALOGUE = b"/?!\r\n" + HEAD + b"\x06050\r\n" + data_block(CONTENT) + b"\x01B0\x03q"


def with_parity(content: bytes) -> bytes:
    """Set the eighth bit of each byte for even parity, as a port of eight bits reads it."""
    return bytes(byte | 0x80 if byte.bit_count() & 1 else byte for byte in content)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = Iec62056Codec(ZONE)
    return codec.feed(content) + codec.feed(b"")


def test_check_character_covers_the_text_and_its_end() -> None:
    """The sign-off's is known from the standard: B0 and ETX give q."""
    assert check_character(b"B0\x03") == ord("q")


def test_readout_is_checked_and_a_push_is_not() -> None:
    """Mode D has no check character."""
    (readout,) = telegrams_of(decode(READOUT))
    (push,) = telegrams_of(decode(PUSH))

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

    assert reasons_of(found) == ["bad-crc"]
    assert telegrams_of(found) == telegrams_of(decode(READOUT))


@pytest.mark.parametrize("content", [READOUT, PUSH])
def test_parity_that_arrives_as_an_eighth_bit_is_taken_off(content: bytes) -> None:
    """The port was opened with eight bits and no parity."""
    assert telegrams_of(decode(with_parity(content))) == telegrams_of(decode(content))


def test_wrong_parity_refuses_a_push() -> None:
    """It is the only check there is."""
    damaged = bytearray(with_parity(PUSH))
    damaged[PUSH.index(b"1234.567") + 3] ^= 0x01

    assert reasons_of(decode(bytes(damaged))) == ["bad-crc"]


@pytest.mark.parametrize("cut", [16, 30, 75, 110, 140])
@pytest.mark.parametrize("first", [READOUT, PUSH])
@pytest.mark.parametrize("following", [READOUT, PUSH])
def test_telegram_cut_short_by_the_next_costs_only_itself(
    cut: int, first: bytes, following: bytes
) -> None:
    """Whether it is cut at a line's end or within one, the next is whole."""
    found = decode(first[:cut] + following)

    assert telegrams_of(found) == telegrams_of(decode(following))
    assert reasons_of(found) in (["truncated"], ["noise"])


@pytest.mark.parametrize("following", [PUSH, READOUT])
@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_push_glued_to_the_next_gives_both(following: bytes, size: int) -> None:
    """No line end between the `!` and the next identification."""
    codec, content = Iec62056Codec(ZONE), PUSH[:-2] + following

    found = [one for at in range(0, len(content), size) for one in codec.feed(content[at:][:size])]
    found += codec.feed(b"")

    assert telegrams_of(found) == telegrams_of(decode(PUSH) + decode(following))
    assert not reasons_of(found)


@pytest.mark.parametrize("after", [b"/", b"/BCD\r\n", b"/!\r\n", b"/E"])
def test_slash_in_place_of_a_checksum_is_damage(after: bytes) -> None:
    """Without an identification behind it, it may have been the checksum's first digit."""
    found = decode(PUSH[:-2] + after)

    assert reasons_of(found)[0] == "bad-crc"
    assert not telegrams_of(found)


def test_block_whose_end_was_lost_ends_where_the_next_session_begins() -> None:
    """ETX and the check character never came."""
    found = decode(READOUT[:-2] + READOUT)

    assert reasons_of(found) == ["truncated"]
    assert len(telegrams_of(found)) == 1


def test_telegrams_with_a_p1_checksum_are_checked() -> None:
    """A P1 port configured by mistake is read rightly all the same."""
    body = PUSH.rstrip()
    good = body + b"%04X\r\n" % crc16.arc(body)

    (telegram,) = decode(good)

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].quality == Quality.GOOD
    assert reasons_of(decode(good.replace(b"1234.567", b"1234.568"))) == ["bad-crc"]
    assert reasons_of(decode(body + b"ZZ\r\n"))[0] == "bad-crc"


@pytest.mark.parametrize("start", [HEAD + b"\x02", HEAD + b"\r\n"])
def test_telegram_longer_than_the_cap_is_refused(start: bytes) -> None:
    """The next telegram is found after it."""
    found = decode(start + b"1.8.0(1*kWh)\r\n" * 1_500 + READOUT)

    assert reasons_of(found)[0] == "too-long"
    assert telegrams_of(found) == telegrams_of(decode(READOUT))


@pytest.mark.parametrize("content", [READOUT[:60], READOUT[:-1], PUSH[:60], b"/EXM5TY"])
def test_stream_that_ends_in_a_telegram_refuses_it(content: bytes) -> None:
    """An empty chunk says that no more comes of this stream."""
    codec = Iec62056Codec(ZONE)
    codec.feed(content)

    found = codec.feed(b"")

    assert reasons_of(found) in (["truncated"], ["noise"])
    assert len(telegrams_of(codec.feed(READOUT))) == 1


def test_identification_names_a_meter_without_a_serial_until_the_stream_ends() -> None:
    """Without either it has no name."""
    block = data_block(b"1.8.0(1*kWh)\r\n!\r\n")
    codec = Iec62056Codec(ZONE)

    found = codec.feed(HEAD + block + block) + codec.feed(b"") + codec.feed(block)

    meters = [entry.samples[0].meter for entry in telegrams_of(found)]
    assert meters == ["EXM5TYPE-7", "EXM5TYPE-7", "unnamed"]
