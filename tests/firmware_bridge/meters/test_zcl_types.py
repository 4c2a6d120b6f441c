"""The ZCL's data types: every length, every non-value, and nothing read past an end."""

from fractions import Fraction

import pytest

from firmware_bridge.meters.zcl_types import MAX_DEPTH, MAX_PARTS, ZclError, printed, read_value

NUMBERS = {
    **{0x08 + n: n + 1 for n in range(8)},
    0x10: 1,
    **{0x18 + n: n + 1 for n in range(8)},
    **{0x20 + n: n + 1 for n in range(8)},
    **{0x28 + n: n + 1 for n in range(8)},
    0x30: 1, 0x31: 2, 0xE0: 4, 0xE1: 4, 0xE2: 4, 0xE8: 2, 0xE9: 2, 0xEA: 4, 0xF0: 8,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "size"), NUMBERS.items(), ids=[f"{one:02x}" for one in NUMBERS])
def test_number_is_read_in_its_length(kind: int, size: int) -> None:
    """Little-endian, and what follows it is left alone."""
    content = b"\x01" + b"\0" * (size - 1) + b"\xee"

    assert read_value(kind, content, 0) == (1, size)


@pytest.mark.parametrize("kind", [0x10, *range(0x20, 0x28), 0x30, 0x31, 0xE2, 0xF0])
def test_all_ones_are_no_value(kind: int) -> None:
    """Of a boolean, of unsigned numbers, of enumerations, times and addresses."""
    value, _ = read_value(kind, b"\xff" * 8, 0)

    assert value is None


@pytest.mark.parametrize("size", range(1, 9))
def test_most_negative_number_is_no_value(size: int) -> None:
    """0x800000 of 24 bits would be −8388.608 kW; minus one is a number."""
    kind = 0x27 + size

    assert read_value(kind, b"\0" * (size - 1) + b"\x80", 0) == (None, size)
    assert read_value(kind, b"\xff" * size, 0) == (-1, size)


@pytest.mark.parametrize("kind", [0x08, 0x0F, 0x18, 0x1F])
def test_every_pattern_of_a_bitmap_is_a_value(kind: int) -> None:
    """Also all ones."""
    value, end = read_value(kind, b"\xff" * 8, 0)

    assert value == (1 << 8 * end) - 1


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        (0x38, bytes.fromhex("003c"), Fraction(1)),
        (0x39, bytes.fromhex("0000c03f"), Fraction(3, 2)),
        (0x3A, bytes.fromhex("000000000000e0bf"), Fraction(-1, 2)),
        (0x39, bytes.fromhex("0000c07f"), None),
        (0x39, bytes.fromhex("0000807f"), None),
    ],
)
def test_float_is_an_exact_fraction(kind: int, content: bytes, value: Fraction | None) -> None:
    """One that is no number is no value."""
    assert read_value(kind, content, 0) == (value, len(content))


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        (0x41, b"\x03abc", "abc"),
        (0x42, b"\x03abc", "abc"),
        (0x43, b"\x03\x00abc", "abc"),
        (0x44, b"\x03\x00abc", "abc"),
        (0x41, b"\x02\xff\xfe", b"\xff\xfe"),
        (0x42, b"\x02\xff\xfe", ""),
        (0x42, b"\x04a\x00b\n", "ab"),
        (0x41, b"\x00", b""),
    ],
)
def test_string_is_read_by_its_length(kind: int, content: bytes, value: str | bytes) -> None:
    """Octets that are text are text; without what cannot be printed."""
    assert read_value(kind, content + b"z", 0) == (value, len(content))


@pytest.mark.parametrize(("kind", "size"), [(0x41, 1), (0x42, 1), (0x43, 2), (0x44, 2)])
def test_string_of_no_length_is_no_value(kind: int, size: int) -> None:
    """Its length is all ones, and nothing follows."""
    assert read_value(kind, b"\xff\xff", 0) == (None, size)


def test_lists_and_structures_are_read_through() -> None:
    """An array of two, a structure of a number and a text, and one that has no value."""
    array = bytes.fromhex("20 0200 05 ff")
    structure = bytes.fromhex("0200 21 3412 42 01 61")

    assert read_value(0x48, array, 0) == ("[5, ]", len(array))
    assert read_value(0x4C, structure, 0) == ("[4660, a]", len(structure))
    assert read_value(0x50, bytes.fromhex("20ffff"), 0) == (None, 3)


def test_key_and_no_data_have_their_lengths() -> None:
    """Sixteen bytes, and none."""
    assert read_value(0xF1, bytes(16), 0) == (bytes(16), 16)
    assert read_value(0x00, b"", 0) == (None, 0)
    assert read_value(0xFF, b"", 0) == (None, 0)


@pytest.mark.parametrize("kind", [0x25, 0x39, 0x41, 0x43, 0x48, 0x4C, 0xF1])
def test_value_that_is_cut_short_is_refused(kind: int) -> None:
    """Wherever it is cut."""
    with pytest.raises(ZclError) as caught:
        read_value(kind, b"\x02", 0)

    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("kind", [0x01, 0x32, 0x45, 0x52, 0xE3, 0xF2, 0xFE])
def test_type_that_there_is_not_is_refused(kind: int) -> None:
    """Its length is not known, nor is what follows."""
    with pytest.raises(ZclError) as caught:
        read_value(kind, bytes(32), 0)

    assert caught.value.reason == "bad-value"


def test_depth_and_breadth_are_bounded() -> None:
    """Structures in structures for ever, and a list of more values than a frame holds."""
    deep = bytes.fromhex("01004c") * (MAX_DEPTH + 1)
    broad = b"\x20" + (MAX_PARTS + 1).to_bytes(2, "little") + bytes(MAX_PARTS + 1)

    for kind, content in ((0x4C, deep), (0x48, broad)):
        with pytest.raises(ZclError) as caught:
            read_value(kind, content, 0)
        assert caught.value.reason == "bad-value"


def test_values_are_printed_as_people_read_them() -> None:
    """Bytes in hexadecimal, fractions in decimals."""
    assert [printed(one) for one in (5, Fraction(1, 4), "a", b"\x01\xff")] == [
        "5",
        "0.25",
        "a",
        "01ff",
    ]
