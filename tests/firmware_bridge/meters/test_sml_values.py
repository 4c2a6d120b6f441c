"""SML's binary encoding, value by value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.sml_direction import is_exporting, repair_dzg_power
from firmware_bridge.meters.sml_values import MAX_DEPTH, MalformedError, Value, read_value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("01", None),
        ("00", None),
        ("04414243", b"ABC"),
        ("830241424344" + "00" * 44, b"ABCD" + bytes(44)),
        ("42FF", 255),
        ("5280", -128),
        ("5601FFFFFFFF", 0x01FFFFFFFF),
        ("59FFFFFFFFFFFFFFFF", -1),
        ("69FFFFFFFFFFFFFFFF", 2**64 - 1),
        ("72620101", [1, None]),
        ("F10262" + "07" + "01" * 17, [7, *[None] * 17]),
    ],
)
def test_value_is_read_to_its_end(content: str, value: Value) -> None:
    """Each type, lengths of one byte and of two."""
    data = bytes.fromhex(content)

    assert read_value(data + b"\x99", 0) == (value, len(data))


@pytest.mark.parametrize(
    "content",
    ["", "05", "6500", "72", "7262", "83", "F1", "51", "61", "12FF", "8F7F", "8080808001"],
)
def test_malformed_value_says_so(content: str) -> None:
    """Cut short, of no length, of an unknown type, of a length that has no end."""
    with pytest.raises(MalformedError):
        read_value(bytes.fromhex(content), 0)


def test_lists_nest_only_so_deep() -> None:
    """The depth of the reader's recursion is bounded."""
    read_value(b"\x71" * MAX_DEPTH + b"\x01", 0)

    with pytest.raises(MalformedError):
        read_value(b"\x71" * 5_000 + b"\x01", 0)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    """Nothing else is raised, and nothing is read beyond the end."""
    try:
        _, end = read_value(data, 0)
    except MalformedError:
        return
    assert 0 < end <= len(data)


@pytest.mark.parametrize(
    ("status", "exporting"),
    [
        (None, None),
        (0x82, False),
        (0xA2, True),
        (0x01B0, True),
        (0x1C_0104, False),
        (0x1C_0904, True),
        (0x01, None),
        (0x8000_0004, None),
    ],
)
def test_direction_is_read_from_either_status_word(
    status: int | None, exporting: bool | None
) -> None:
    """The EDL's and the FNN Basiszähler's; any other word says nothing."""
    assert is_exporting(status) is exporting


@pytest.mark.parametrize(
    ("code", "value", "width", "status", "meant"),
    [
        ("16.7.0", -29_936, 2, 0x1C_0104, 35_600),
        ("36.7.0", -29_936, 2, 0x1C_0104, 35_600),
        ("36.7.0", -29_936, 2, 0x1C_1104, -29_936),
        ("16.7.0", -29_936, 4, 0x1C_0104, -29_936),
        ("16.7.0", 29_936, 2, 0x1C_0104, 29_936),
        ("16.7.0", -29_936, 2, 0x1C_0904, -29_936),
        ("16.7.0", -29_936, 2, 0x1C_0004, -29_936),
        ("16.7.0", -29_936, 2, 0x0182, -29_936),
        ("16.7.0", -29_936, 2, None, -29_936),
        ("1.7.0", -29_936, 2, 0x1C_0104, -29_936),
    ],
)
def test_negative_dzg_power_is_repaired_only_while_the_status_word_contradicts_it(
    code: str, value: int, width: int, status: int | None, meant: int
) -> None:
    """Of a few bytes, of a code that has a direction bit, with load and without export."""
    assert repair_dzg_power(code, value, width, status, 42_000_001) == meant
