"""A-XDR: every type, damage of every kind, and two makers' departures from it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.dlms_axdr import (
    MAX_DEPTH,
    Attribute,
    AxdrError,
    AxdrShortError,
    Value,
    element_tags,
    read_length,
    read_value,
)
from tests.support.dlms import obis, structure, u16, u32


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("00", None),
        ("0301", True),
        ("05fffffffe", -2),
        ("06fffffffe", 4_294_967_294),
        ("0a024142", "AB"),
        ("0c02c3a9", "é"),
        ("0902ff00", b"\xff\x00"),
        ("04 0b ffe0", b"\xff\xe0"),
        ("0ffe", -2),
        ("10fffe", -2),
        ("11fe", 254),
        ("12fffe", 65_534),
        ("14fffffffffffffffe", -2),
        ("15fffffffffffffffe", 2**64 - 2),
        ("1603", 3),
        ("173fc00000", 1.5),
        ("183ff8000000000000", 1.5),
        ("1907e5010105000000ff800000", bytes.fromhex("07e5010105000000ff800000")),
        ("1a07e5010105", bytes.fromhex("07e5010105")),
        ("1b00000000", bytes(4)),
        ("0202 1101 0101 1102", [1, [2]]),
        ("0981 02 0102", b"\x01\x02"),
    ],
)
def test_every_type_is_read_to_its_end(encoded: str, value: Value) -> None:
    """The place after it is where the next one begins."""
    raw = bytes.fromhex(encoded)

    assert read_value(raw + b"\xee", 0) == (value, len(raw))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Nothing but the two errors is raised, and no value ends past its bytes."""
    try:
        _, end = read_value(raw, 0)
    except AxdrError:
        return

    assert 0 < end <= len(raw)


@given(st.integers(0, 40))
def test_value_cut_short_asks_for_more(cut: int) -> None:
    """A stream waits for the rest instead of refusing it."""
    raw = structure(obis("1.0.1.8.0.255"), u32(5), structure(u16(1), b"\x09\x03abc"), b"\x0a\x02ab")

    with pytest.raises(AxdrShortError):
        read_value(raw[: min(cut, len(raw) - 1)], 0)


@pytest.mark.parametrize(
    "encoded",
    ["07", "ff", "0985", "0980", "02820301", "0a8400ffffff", "01" * 40],
    ids=["tag 7", "tag 255", "length 5", "length 0", "769 elements", "16 MB", "nested"],
)
def test_what_is_none_is_refused(encoded: str) -> None:
    """Wrong tags, absurd lengths, and nesting deeper than any list."""
    with pytest.raises(AxdrError) as caught:
        read_value(bytes.fromhex(encoded) + bytes(MAX_DEPTH), 0)

    assert not isinstance(caught.value, AxdrShortError)


def test_length_that_is_cut_off_asks_for_more() -> None:
    """Its first byte says how many follow."""
    for raw in (b"", b"\x82\x01"):
        with pytest.raises(AxdrShortError):
            read_length(raw, 0)


def test_code_with_its_tag_and_length_swapped_is_understood() -> None:
    """Landis+Gyr ZMF100 sends its currents so."""
    raw = b"\x02\x02\x06\x09" + bytes((1, 0, 31, 7, 0, 255)) + b"\x10" + struct.pack(">h", 244)

    value, end = read_value(raw, 0)

    assert value == [bytes((1, 0, 31, 7, 0, 255)), 244]
    assert end == len(raw)


def test_number_that_begins_like_a_code_stays_a_number() -> None:
    """Plain reading comes first."""
    raw = structure(b"\x06\x09\x01\x00\x01", u16(7))

    assert read_value(raw, 0)[0] == [0x09010001, 7]


def test_attribute_descriptor_before_its_value_is_understood() -> None:
    """EGD and Sagemcom send class, code and attribute without tags."""
    raw = b"\x02\x02\x00\x03" + bytes((1, 0, 1, 7, 0, 255)) + b"\x02" + u32(9)

    value, end = read_value(raw, 0)

    assert value == [Attribute(3, bytes((1, 0, 1, 7, 0, 255)), 2), 9]
    assert end == len(raw)


def test_tags_of_a_flat_list_are_told() -> None:
    """Two lists of equal length are told apart by them."""
    raw = structure(b"\x0a\x03ISK", u16(3), u32(4), b"\x03\x01")

    assert element_tags(raw, 0) == [0x0A, 0x12, 0x06, 0x03]


EGD_PAIR = bytes.fromhex("0202 0001 0000600100ff 02 090a30313233343536373839".replace(" ", ""))
"""A structure of an untagged attribute descriptor and its value."""

SWAPPED_PAIR = bytes.fromhex("0202 0609 0100010700ff 1203e8".replace(" ", ""))
"""A code whose tag and length are swapped, and its value."""


@pytest.mark.parametrize("pair", [EGD_PAIR, SWAPPED_PAIR], ids=["untagged", "swapped"])
def test_departure_that_is_not_all_there_yet_is_too_short(pair: bytes) -> None:
    """Its beginning alone reads as something else, and a push would be lost wherever it is cut."""
    raw = b"\x02\x02" + pair + pair

    for end in range(len(raw)):
        with pytest.raises(AxdrShortError):
            read_value(raw[:end], 0, goes_on=True)

    assert read_value(raw, 0, goes_on=True) == read_value(raw, 0)
