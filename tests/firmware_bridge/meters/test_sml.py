"""Framing of the SML stream: checksums, escapes, damage, truncation, noise."""

import random

import pytest
from fastcrc import crc16
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.sml import ESCAPE, MAX_FRAME_BYTES, START, SmlCodec
from firmware_bridge.simulator.sml_meter import SmlMeter, entry, framed, listed, octets, unsigned
from tests.support.codecs import reasons_of, telegrams_of

NOON_MS = 1_781_524_800_000
FRAME = SmlMeter(3, NOON_MS).emit(NOON_MS + 1_000).telegram
SERVER_ID = b"\x0a\x01XYZ\x00\x00\x00\x00\x01"

KNOWN_FRAME = bytes.fromhex(
    "1B1B1B1B01010101"
    "7605000000016200620072630101760101050000000A0B0A0158595A00000000010101630000007605000000"
    "02620062007263070177010B0A0158595A0000000001017262016500000E107177070100010800FF0101621E"
    "52FF64030D400101016300000076050000000362006200726302017101630000000000001B1B1B1B1A03"
)
"""A whole file by hand: open, a list of one entry (1.8.0, 20,000.0 Wh), close, three fill bytes."""


def sealed(content: bytes) -> bytes:
    """Close a file with its checksum."""
    return content + crc16.ibm_sdlc(content).to_bytes(2, "little")


def message(tag: int, body: bytes) -> bytes:
    """Build a message whose own checksum is wrong, as some meters' are."""
    return (
        listed(
            octets(b"\x01"),
            unsigned(0, 1),
            unsigned(0, 1),
            listed(unsigned(tag, 2), body),
            unsigned(0, 2),
        ).replace(b"\x75", b"\x76", 1)
        + b"\x00"
    )


def file_of(*entries: bytes) -> bytes:
    """Frame one list response."""
    absent = b"\x01"
    body = (absent, octets(SERVER_ID), absent, absent, listed(*entries), absent, absent)
    return framed(message(0x0701, listed(*body)))


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = SmlCodec()
    return codec.feed(content) + codec.feed(b"")


def test_file_written_by_hand_is_read() -> None:
    """From the standard's encoding alone, without our simulator."""
    (telegram,) = decode(sealed(KNOWN_FRAME))

    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    assert sample.meter == "1XYZ0000000001"
    assert sample.registers == {"import_mwh": 20_000_000}
    assert sample.meter_time_ms is None


@given(st.randoms(use_true_random=False), st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_mutated_content_with_a_right_checksum_never_raises(
    draw: random.Random, count: int
) -> None:
    """Whatever a faulty firmware may encode, it is read or refused."""
    content = bytearray(FRAME[8:-8])
    for _ in range(count):
        content[draw.randrange(len(content))] = draw.choice(
            [draw.randrange(256), 0x00, 0x01, 0x0F, 0x52, 0x59, 0x69, 0x77, 0xF1, 0xFF]
        )

    found = decode(framed(bytes(content)))

    assert found
    for telegram in telegrams_of(found):
        for sample in telegram.samples:
            assert all(abs(value) < 2**63 for value in sample.registers.values())


def test_escapes_without_end_are_searched_once() -> None:
    """A stream of escaped escapes, a byte at a time, costs no more than its length."""
    codec = SmlCodec()
    stream = START + (ESCAPE + ESCAPE + b"\x00") * 1_000

    found = [entry for byte in stream for entry in codec.feed(bytes([byte]))]

    assert reasons_of(found) == ["too-long"]


def test_zeros_between_files_are_silence() -> None:
    """An optical head in the sun, or a break on the line, reads as zeros."""
    assert not reasons_of(decode(bytes(700) + FRAME + bytes(20_000) + FRAME))


def test_noise_is_one_refusal_however_it_is_read() -> None:
    """Joining in the middle of a file is normal, and said once."""
    found = decode(FRAME[100:] + FRAME)

    assert reasons_of(found) == ["noise"]
    assert len(telegrams_of(found)) == 1


def test_wrong_checksum_is_refused() -> None:
    """One changed bit is enough."""
    damaged = bytearray(FRAME)
    damaged[150] ^= 0x10

    found = decode(bytes(damaged) + FRAME)

    assert reasons_of(found) == ["bad-crc"]
    assert len(telegrams_of(found)) == 1


@pytest.mark.parametrize("order", ["big", "little"])
def test_kermit_checksum_is_accepted(order: str) -> None:
    """Holley meters compute it so, high byte first."""
    kermit = crc16.kermit(FRAME[:-2])
    printed = kermit.to_bytes(2, "big" if order == "big" else "little")

    found = decode(FRAME[:-2] + printed)

    assert telegrams_of(found) == telegrams_of(decode(FRAME))


def test_kermit_alone_is_not_believed() -> None:
    """Of a file whose messages have wrong checksums, it says too little."""
    content = file_of(entry((1, 8, 0, 255), b"\x62\x07", 30))[:-2]

    found = decode(content + crc16.kermit(content).to_bytes(2, "big"))

    assert reasons_of(found) == ["bad-crc"]


@given(st.randoms(use_true_random=False), st.sampled_from(["big", "little"]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_damage_that_kermit_would_let_through_is_refused(draw: random.Random, order: str) -> None:
    """As three damaged files in 65,536 are hurt: both bytes orders of it, beside X25.

    Always the same damage: of any, one message in 16,384 has a right checksum by chance.
    """
    content = bytearray(FRAME[:-2])
    for _ in range(draw.randrange(1, 6)):
        content[draw.randrange(8, len(content) - 6)] ^= draw.randrange(1, 256)
    printed = crc16.kermit(bytes(content)).to_bytes(2, "big" if order == "big" else "little")

    found = decode(bytes(content) + printed)

    values = [one.samples[0].registers for one in telegrams_of(found)]
    assert values in ([], [telegrams_of(decode(FRAME))[0].samples[0].registers])


def test_kermit_of_the_messages_is_right_too() -> None:
    """Where a meter computes all of its checksums so."""
    content = KNOWN_FRAME[8:-6]
    messages = bytearray()
    for one in content.rstrip(b"\x00").split(b"\x63\x00\x00\x00")[:-1]:
        messages += one + b"\x63" + crc16.kermit(one).to_bytes(2, "big") + b"\x00"
    last = content[content.rindex(b"\x76\x05") :].split(b"\x63\x00\x00")[0]
    framed_file = framed(
        bytes(messages) + last + b"\x63" + crc16.kermit(last).to_bytes(2) + b"\x00"
    )

    found = decode(framed_file[:-2] + crc16.kermit(framed_file[:-2]).to_bytes(2, "big"))

    assert telegrams_of(found) == telegrams_of(decode(sealed(KNOWN_FRAME)))


def test_escaped_escape_is_content() -> None:
    """Four escape bytes in a value are doubled on the line."""
    value = b"\x01" + ESCAPE + b"\x1a\x02"

    (telegram,) = telegrams_of(
        decode(
            file_of(entry((97, 97, 9, 255), octets(value)), entry((1, 8, 0, 255), b"\x62\x07", 30))
        )
    )

    assert telegram.samples[0].unknown == {"1-0:97.97.9*255": value.hex().upper()}


def test_escape_that_a_meter_forgot_to_double_is_content() -> None:
    """The checksum vouches for it."""
    value = b"\x01" + ESCAPE + b"\x77\x02"
    content = file_of(
        entry((97, 97, 9, 255), octets(value)), entry((1, 8, 0, 255), b"\x62\x07", 30)
    ).replace(ESCAPE + ESCAPE, ESCAPE)

    found = decode(sealed(content[:-2]))

    assert telegrams_of(found)[0].samples[0].unknown == {"1-0:97.97.9*255": value.hex().upper()}


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7])
def test_escape_bytes_before_the_end_mark_do_not_hide_it(length: int) -> None:
    """A file whose last byte before the mark is an escape byte still ends."""
    content = FRAME[:-8] + b"\x1b" * length + ESCAPE + b"\x1a\x00"

    found = decode(sealed(content) + FRAME)

    assert telegrams_of(found)[-1] == telegrams_of(decode(FRAME))[0]
    assert len(telegrams_of(found)) + len(reasons_of(found)) >= 2


@pytest.mark.parametrize("cut", [9, 60, 150, 250])
def test_file_cut_short_by_the_next_costs_only_itself(cut: int) -> None:
    """The next start tells."""
    found = decode(FRAME[:cut] + FRAME)

    assert telegrams_of(found) == telegrams_of(decode(FRAME))
    assert reasons_of(found) == ["truncated"]


@pytest.mark.parametrize("lost", range(8))
def test_end_mark_that_lost_a_byte_costs_only_its_file(lost: int) -> None:
    """Optical heads drop bytes; the next file is whole."""
    place = len(FRAME) - 8 + lost

    found = decode(FRAME[:place] + FRAME[place + 1 :] + FRAME + FRAME)

    assert len(telegrams_of(found)) >= 1
    assert len(reasons_of(found)) >= 1


def test_file_longer_than_the_cap_is_refused() -> None:
    """The next file is found after it."""
    found = decode(START + b"x" * (MAX_FRAME_BYTES + 700) + FRAME)

    assert reasons_of(found) == ["too-long", "noise"]
    assert len(telegrams_of(found)) == 1


def test_wrong_checksum_is_named_beside_the_right_one() -> None:
    """What is refused says what failed."""
    (refused,) = decode(START + b"\x05abc" + ESCAPE + b"\x1a\x00\x00\x00")

    assert isinstance(refused, Refused)
    assert refused.reason == "bad-crc"
    assert refused.detail.startswith("checksum 0000, computed ")
