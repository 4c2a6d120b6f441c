"""Framing of an M-Bus: noise, damage, echoes, answers in several frames, bounds."""

import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.mbus import MAX_PARTS, MbusCodec
from firmware_bridge.meters.mbus_frame import (
    DATA_CIS,
    Frame,
    frame_at,
    long_frame,
    manufacturer_code,
    manufacturer_of,
    more_follow,
    short_frame,
)
from firmware_bridge.simulator.mbus_meter import emissions
from shared.readings import Medium, Sample
from tests.support.codecs import reasons_of, telegrams_of
from tests.support.mbus import ELECTRICITY, GAS, HEAT, answer, header

ZONE = ZoneInfo("Europe/Amsterdam")
START_MS = 1_790_000_000_000
FIRST, SECOND, THIRD = (one.telegram for one in emissions(3, START_MS, START_MS + 30_000))
LITRES = answer("0413 39300000")
PART, LAST = answer("0413 39300000 1f"), answer("4c13 27040000", access=2)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = MbusCodec(ZONE)
    return codec.feed(content) + codec.feed(b"")


def only_sample(content: bytes) -> Sample:
    """Return the one sample that bytes give, and nothing else."""
    (found,) = decode(content)
    assert isinstance(found, Telegram)
    (sample,) = found.samples
    return sample


def test_whole_answer_written_from_the_standard_is_read_exactly() -> None:
    """A water meter: volume now, its largest flow in a past period, and its status."""
    frame = bytes.fromhex(
        "68 25 25 68 08 02 72 21 43 65 87 01 17 01 07 55 04 00 00"
        "0c 13 75 49 28 01 da 02 3b 13 01 04 6d 1e 0c 55 33 02 fd 17 00 00 af 16"
    )

    sample = only_sample(frame)

    assert (sample.meter, sample.medium) == ("EXA-87654321", Medium.WATER)
    assert sample.registers == {"water_l": 1_284_975}
    assert sample.meter_time_ms is None
    assert sample.quality == 0
    assert sample.unknown == {
        "status": "battery low",
        "date_time_general": "26-03-21 12:30:00",
        "volume_flow.storage5.max": "0.113 m^3/h",
        "error_flags": "0",
    }


def test_answer_in_two_frames_is_one_telegram() -> None:
    """The first says that more follows."""
    sample = only_sample(PART + LAST)

    assert sample.registers == {"water_l": 12_345}
    assert sample.unknown == {"volume.storage1": "0.427 m^3"}


def test_missing_rest_of_an_answer_is_told_and_what_came_is_kept() -> None:
    """By an acknowledgement, by another meter's answer, or by the stream's end."""
    other = answer("0413 01000000", number="87654321")

    for following in (b"\xe5", other, b""):
        found = decode(PART + following)

        assert reasons_of(found)[:1] == ["truncated"]
        assert telegrams_of(found)[0].samples[0].registers == {"water_l": 12_345}


def test_answer_that_never_ends_is_cut_off() -> None:
    """Sixteen frames are more than any meter sends."""
    frames = [answer(f"4413 {place:02x}000000 1f") for place in range(MAX_PARTS + 1)]
    codec = MbusCodec(ZONE)

    found = codec.feed(b"".join(frames))

    assert reasons_of(found) == ["no-values", "truncated"]
    assert codec.pending_bytes <= len(frames[0])


def test_acknowledgements_and_echoes_are_passed_over() -> None:
    """A level converter may give back every request."""
    select = long_frame(0x53, 0xFD, 0x52, bytes(8))
    chatter = short_frame(0x40, 1) + b"\xe5" + select + b"\xe5" + short_frame(0x7B, 1)

    found = decode(chatter + LITRES + chatter)

    assert found == decode(LITRES)


@pytest.mark.parametrize(
    "noise", [b"\0\0", b"\x68", b"\x68\x68", b"hello", b"\x10\x40\x01\x00\x16"]
)
def test_noise_before_a_frame_costs_nothing_else(noise: bytes) -> None:
    """The frame after it is whole."""
    found = decode(noise + LITRES)

    assert telegrams_of(found) == telegrams_of(decode(LITRES))


def test_damaged_frame_is_refused_with_its_sum() -> None:
    """The next one is read."""
    damaged = LITRES[:20] + bytes((LITRES[20] ^ 1,)) + LITRES[21:]

    found = decode(damaged + FIRST)

    assert reasons_of(found) == ["bad-crc"]
    assert telegrams_of(found) == telegrams_of(decode(FIRST))


def test_frame_cut_short_by_another_costs_only_itself() -> None:
    """Wherever it is cut."""
    for cut in range(1, len(FIRST)):
        found = decode(FIRST[:cut] + SECOND + LITRES)

        assert telegrams_of(found) == telegrams_of(decode(SECOND + LITRES)), cut


def test_cut_frame_whose_stop_seems_to_be_there_is_told_by_the_frame_in_it() -> None:
    """Its length reaches into the next frame, where a byte happens to be the stop."""
    following = answer("0413 16000000")
    for stop in (following.index(b"\x16\0"), len(following) - 1):
        length = 4 + stop - 1
        content = bytes((0x68, length, length, 0x68)) + bytes(4) + following
        codec = MbusCodec(ZONE)

        early, late = codec.feed(content[: 8 + stop]), codec.feed(content[8 + stop :])
        found = early + late

        assert early == []
        assert reasons_of(found) == ["truncated"]
        assert telegrams_of(found) == telegrams_of(decode(following))


def test_stream_that_ends_within_a_frame_says_so() -> None:
    """A capture often does."""
    assert reasons_of(decode(LITRES[:-3])) == ["truncated"]


@given(cuts=st.lists(st.integers(1, 300), max_size=12), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_any_split_gives_the_same(cuts: list[int], seed: int) -> None:
    """Of a stream with everything in it: noise, damage, frames of three meters."""
    draw = random.Random(seed)
    stream = bytearray(b"\xe5" + FIRST + b"\xe5" + PART + LAST + THIRD + b"\xe5" + SECOND + PART)
    for _ in range(3):
        stream[draw.randrange(len(stream))] = draw.randrange(256)
    content = bytes(stream)
    codec, place = MbusCodec(ZONE), 0
    found: list[Telegram | Refused] = []

    for cut in cuts:
        found += codec.feed(content[place : place + cut]) if content[place : place + cut] else []
        place += cut
    found += codec.feed(content[place:]) if content[place:] else []
    found += codec.feed(b"")

    assert found == decode(content)


@given(st.binary(max_size=200), st.sampled_from(sorted(DATA_CIS)), st.sampled_from([2, 3, 4, 7]))
@settings(max_examples=300, deadline=None)
def test_no_record_whatever_makes_it_raise(records: bytes, ci: int, medium: int) -> None:
    """The library raises on many of these; none of it comes through."""
    frame = long_frame(0x08, 1, ci, header(medium) + records)

    found = decode(frame)

    assert all(isinstance(one, Telegram | Refused) for one in found)


@given(st.binary(max_size=600))
@settings(max_examples=60, deadline=None)
def test_noise_never_piles_up(noise: bytes) -> None:
    """At most one frame waits for its rest."""
    codec = MbusCodec(ZONE)

    for _ in range(5):
        codec.feed(noise)

    assert codec.pending_bytes <= 2 * 261


@pytest.mark.parametrize(
    ("frame", "reason", "words"),
    [
        (answer("0413 39300000", GAS, configuration=0x0510), "encrypted", "mode 5"),
        (long_frame(0x08, 1, 0x73, bytes(16)), "no-values", "fixed data structure"),
        (long_frame(0x08, 4, 0x70, b"\x08"), "no-values", "address 4 tells error 8"),
        (long_frame(0x08, 4, 0x70), "no-values", "tells error 0"),
        (long_frame(0x08, 4, 0x7F, b"\x08"), "no-values", "CI field 7F"),
        (long_frame(0x08, 1, 0x72, bytes(8)), "truncated", "shorter than its header"),
        (long_frame(0x08, 1, 0x7A, bytes(2)), "truncated", "shorter than its header"),
        (long_frame(0x53, 1, 0x0F, bytes(8)), "noise", "no meter's answer"),
        (answer("0413 39300000", 0x18), "no-values", "medium 18"),
        (answer(""), "no-values", "tells no value"),
        (answer("fd", HEAT), "bad-value", "cannot be made out"),
        (long_frame(0x08, 9, 0x78, bytes.fromhex("041339300000")), "no-values", "unnamed medium"),
    ],
)
def test_what_is_not_read_is_refused_in_plain_words(frame: bytes, reason: str, words: str) -> None:
    """And the next answer is read."""
    first, *rest = decode(frame + LITRES)

    assert isinstance(first, Refused)
    assert first.reason == reason
    assert words in first.detail
    assert rest == decode(LITRES)


def test_decrypted_block_is_read_though_its_mode_is_told() -> None:
    """A gateway that holds the key leaves the header as it was."""
    sample = only_sample(answer("2f2f 0413 39300000 2f2f", configuration=0x0510))

    assert sample.registers == {"water_l": 12_345}


def test_part_that_is_encrypted_or_broken_ends_the_answer_before_it() -> None:
    """What was known is kept."""
    locked = answer("0413 39300000", configuration=0x0510)
    broken = answer("fd", access=2)

    assert reasons_of(decode(PART + locked)) == ["truncated", "encrypted"]
    assert reasons_of(decode(PART + broken)) == ["truncated", "bad-value"]
    assert len(telegrams_of(decode(PART + broken))) == 1


def test_clock_that_was_never_set_is_told_and_the_values_kept() -> None:
    """The hub's own time is used."""
    found = decode(answer("0413 39300000 046d 80000000"))

    assert reasons_of(found) == ["bad-time"]
    assert telegrams_of(found)[0].samples[0].meter_time_ms is None


def test_highest_byte_first_is_read_as_well() -> None:
    """CI field 76, of the older standard."""
    content = bytes.fromhex("12345678") + manufacturer_code("EXA").to_bytes(2, "big")
    content += bytes((1, ELECTRICITY, 0, 0, 0, 0)) + bytes.fromhex("0403 00003039")

    sample = only_sample(long_frame(0x08, 1, 0x76, content))

    assert (sample.meter, sample.registers) == ("EXA-12345678", {"import_mwh": 12_345_000})


def test_end_of_records_is_found_without_the_library() -> None:
    """Past extensions, texts, variable lengths, fill bytes and cut records."""
    assert more_follow(bytes.fromhex("2f 8c0106 01020304 0d fd11 03 414243 1f"))
    assert more_follow(
        bytes.fromhex("04 fc 03 414243 7c 01020304 0d78 c2 01020304 0d78 e2 0102 1f")
    )
    assert not more_follow(bytes.fromhex("0413 1f1f1f1f 0f 1f"))
    for cut in ("04", "84", "0d78", "04fc", "04fc05", "0493", ""):
        assert not more_follow(bytes.fromhex(cut))


def test_letters_of_a_manufacturer_go_both_ways() -> None:
    """Five bits each."""
    assert manufacturer_of(manufacturer_code("KAM")) == "KAM"
    frame = frame_at(LITRES, 0)
    assert isinstance(frame, Frame)
    assert frame.is_answer
