"""The OBIS table and its exact scaling; serials; the catalog."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.obis import MBUS_TABLE, TABLE, groups_of, scale, scale_integer
from firmware_bridge.meters.serials import serial_of
from shared.readings import MAX_METER_ID_CHARS, REGISTERS
from shared.units import INT64_MAX


def test_every_entry_names_a_canonical_register() -> None:
    """A misspelt name would be a register nobody knows."""
    entries = [*TABLE.values(), *MBUS_TABLE.values()]

    names = {register for entry in entries for register, _ in entry.values()}

    assert names <= REGISTERS.keys()


@given(st.decimals(0, 10**9, places=9), st.integers(0, 9))
def test_scaling_is_exact_to_half_even(value: Decimal, exponent: int) -> None:
    """As decimal arithmetic has it."""
    expected = value.scaleb(exponent).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)

    assert scale(f"{value:f}", exponent) == int(expected)


@pytest.mark.parametrize("number", ["", "x", "1e3", "1_0", "1.2.3", " 1", "--1", "nan", "1" * 25])
def test_no_number_has_no_value(number: str) -> None:
    """What Python would take for a number need not be one on a meter."""
    assert scale(number, 0) is None


def test_value_past_64_bits_has_none() -> None:
    """The largest that fits still does."""
    assert scale(str(INT64_MAX), 0) == INT64_MAX
    assert scale(str(INT64_MAX + 1), 0) is None


@pytest.mark.parametrize(
    ("code", "groups"),
    [
        ("1-0:1.8.0", "1.8.0"),
        ("1-0:1.8.0*255", "1.8.0"),
        ("1.8.0", "1.8.0"),
        ("0-0:96.14.0", "96.14.0"),
        ("1-3:0.2.8", "0.2.8"),
        ("0-1:24.2.1", None),
        ("1-0:1.8.0*01", None),
        ("7-0:3.1.0", None),
        ("F.F", None),
    ],
)
def test_groups_are_those_of_the_main_meter_now(code: str, groups: str | None) -> None:
    """Other media, sub-meters and past periods have none."""
    assert groups_of(code) == groups


@pytest.mark.parametrize(
    ("printed", "serial"),
    [
        ("4B384547", "K8EG"),
        ("53 41", "53-41"),
        ("ABCD000000000001", "ABCD000000000001"),
        ("1XYZ0000000001", "1XYZ0000000001"),
        ("09610", "09610"),
        ("20202020", ""),
        ("00000000", ""),
        ("303030", ""),
        ("", ""),
        ("../../etc", "..-..-etc"),
        ("A" * 99, "A" * MAX_METER_ID_CHARS),
    ],
)
def test_serial_is_decoded_cleaned_and_bounded(printed: str, serial: str) -> None:
    """Hexadecimal of printable text is that text; a placeholder is no serial."""
    assert serial_of(printed) == serial


@pytest.mark.parametrize(
    ("value", "exponent", "expected"),
    [
        (12, 3, 12_000),
        (-125, -1, -12),
        (135, -1, 14),
        (5, -90, 0),
        (0, 127, 0),
        (1, 127, None),
        (2**63, 0, None),
    ],
)
def test_whole_number_is_scaled_exactly_or_not_at_all(
    value: int, exponent: int, expected: int | None
) -> None:
    """Halves go to the even neighbour; what an int64 cannot hold is refused."""
    assert scale_integer(value, exponent) == expected
