"""The table of a ZigBee meter's attributes: units, scales, directions, media."""

from fractions import Fraction

import pytest

from firmware_bridge.meters.zcl_table import (
    MEASUREMENTS,
    MeteringScale,
    measured,
    medium_of_type,
)
from firmware_bridge.meters.zcl_types import ZclError
from shared.readings import REGISTERS, Medium

ELECTRICITY, GAS, WATER, HEAT = Medium.ELECTRICITY, Medium.GAS, Medium.WATER, Medium.HEAT


@pytest.mark.parametrize(
    ("number", "registers"),
    [
        (0x0000, {"import_mwh": 12_345_678_000}),
        (0x0001, {"export_mwh": 12_345_678_000}),
        (0x0100, {"import_t1_mwh": 12_345_678_000}),
        (0x0101, {"export_t1_mwh": 12_345_678_000}),
        (0x0106, {"import_t4_mwh": 12_345_678_000}),
        (0x0107, {"export_t4_mwh": 12_345_678_000}),
        (0x0108, None),
        (0x0014, None),
    ],
)
def test_electricity_registers(number: int, registers: dict[str, int] | None) -> None:
    """Totals and four tiers, in watt-hours by a divisor of 1000; others are not in the table."""
    assert MeteringScale(ELECTRICITY, 0, 1, 1_000).registers_of(number, 12_345_678) == registers


@pytest.mark.parametrize(
    ("value", "imported", "exported"), [(2_543, 2_543, 0), (-711, 0, 711), (0, 0, 0)]
)
def test_demand_is_signed(value: int, imported: int, exported: int) -> None:
    """Positive is delivered to the home, negative received from it."""
    registers = MeteringScale(ELECTRICITY, 0, 1, 1_000).registers_of(0x0400, value)

    assert registers == {"power_import_w": imported, "power_export_w": exported}


@pytest.mark.parametrize(
    ("medium", "unit", "value", "registers"),
    [
        (ELECTRICITY, 0x0C, 36, {"import_mwh": 10_000_000}),
        (ELECTRICITY, 0x0D, 2, {"reactive_import_mvarh": 2_000_000}),
        (ELECTRICITY, 0x06, 2, None),
        (GAS, 0x01, 12, {"gas_l": 12_000}),
        (GAS, 0x02, 1_000, {"gas_l": 28_317}),
        (GAS, 0x03, 10, {"gas_l": 28_317}),
        (GAS, 0x0A, 1, {"gas_l": 28_317}),
        (GAS, 0x00, 1, None),
        (WATER, 0x04, 1_000, {"water_l": 3_785}),
        (WATER, 0x05, 1_000, {"water_l": 4_546}),
        (WATER, 0x07, 1_000, {"water_l": 1_000}),
        (HEAT, 0x00, 10, {"heat_mj": 36}),
        (HEAT, 0x0C, 10, {"heat_mj": 10}),
        (HEAT, 0x06, 1_000_000, {"heat_mj": 1_055}),
        (HEAT, 0x01, 10, None),
        (None, 0x08, 10, None),
        (None, 0x01, 10, None),
    ],
)
def test_units(
    medium: Medium | None, unit: int, value: int, registers: dict[str, int] | None
) -> None:
    """Energy, reactive energy, volumes of two continents, heat; what fits no register is none."""
    assert MeteringScale(medium, unit, 1, 1).registers_of(0x0000, value) == registers


@pytest.mark.parametrize("number", [0x0001, 0x0100, 0x0400, 0x0006, 0x0020])
def test_gas_meter_has_one_register_alone(number: int) -> None:
    """Its flow is no register of ours."""
    assert MeteringScale(GAS, 1, 1, 1).registers_of(number, 5) is None


def test_reactive_and_megajoule_demand() -> None:
    """Kilovars, and megajoules a second, which are megawatts."""
    assert MeteringScale(ELECTRICITY, 0x0D, 1, 10).registers_of(0x0400, -15) == {
        "reactive_power_import_var": 0,
        "reactive_power_export_var": 1_500,
    }
    assert MeteringScale(ELECTRICITY, 0x0C, 1, 1_000).registers_of(0x0400, 2) == {
        "power_import_w": 2_000,
        "power_export_w": 0,
    }
    assert MeteringScale(ELECTRICITY, 0x01, 1, 1).registers_of(0x0400, 2) is None


def test_power_factor_and_tier_are_not_scaled() -> None:
    """Hundredths, and the number of the tier."""
    scale = MeteringScale(ELECTRICITY, 0, 7, 3)

    assert scale.registers_of(0x0006, 97) == {"power_factor_milli": 970}
    assert scale.registers_of(0x0020, 2) == {"tariff_index": 2}


@pytest.mark.parametrize(
    ("value", "divisor", "expected"), [(1, 2_000_000, 0), (3, 2_000_000, 2), (5, 2_000_000, 2)]
)
def test_scaling_is_exact_and_rounds_half_to_even(value: int, divisor: int, expected: int) -> None:
    """Half a milliwatt-hour goes to the even side."""
    registers = MeteringScale(ELECTRICITY, 0, 1, divisor).registers_of(0x0000, value)

    assert registers == {"import_mwh": expected}


def test_multiplier_or_divisor_of_zero_is_one() -> None:
    """The ZCL allows none, and some devices send it."""
    assert MeteringScale(ELECTRICITY, 0, 0, 0).registers_of(0x0000, 3) == {"import_mwh": 3_000_000}


def test_float_is_scaled_exactly() -> None:
    """Devices of some makers send a float where the ZCL has an integer."""
    value = Fraction(5, 2)

    assert MeteringScale(ELECTRICITY, 0x80, 1, 1).registers_of(0, value) == {
        "import_mwh": 2_500_000
    }


def test_binary_coded_decimal_is_read_by_its_digits() -> None:
    """A unit of 0x80 and more; a digit that is none is refused."""
    scale = MeteringScale(ELECTRICITY, 0x80, 1, 1_000)

    assert scale.registers_of(0x0000, 0x012345) == {"import_mwh": 12_345_000}
    assert scale.registers_of(0x0400, -0x250) == {"power_import_w": 0, "power_export_w": 250}
    with pytest.raises(ZclError):
        scale.registers_of(0x0000, 0x01A345)


def test_value_beyond_int64_is_refused() -> None:
    """No register goes so far."""
    with pytest.raises(ZclError) as caught:
        MeteringScale(ELECTRICITY, 0, 0xFFFFFF, 1).registers_of(0x0000, 2**48 - 2)

    assert caught.value.reason == "bad-value"


@pytest.mark.parametrize(
    ("kind", "unit", "medium"),
    [
        (0, 0, ELECTRICITY), (1, 1, GAS), (2, 7, WATER), (3, 0, HEAT), (5, 0x0C, HEAT),
        (7, 0, ELECTRICITY), (8, 0, ELECTRICITY), (15, 0, ELECTRICITY), (4, 8, None), (6, 0, None),
        (16, 0, None), (127, 0, ELECTRICITY), (128, 1, GAS), (129, 1, WATER), (132, 0, HEAT),
        (142, 0, ELECTRICITY), (None, 0, ELECTRICITY), (None, 1, GAS), (None, 0x0A, GAS),
        (None, 7, WATER), (None, 4, WATER),
    ],
)  # fmt: skip
def test_medium_of_a_device_type(kind: int | None, unit: int, medium: Medium | None) -> None:
    """Mirrored ones too; without a type the unit says it."""
    assert medium_of_type(kind, unit) is medium


SCALES = {0x0600: 1, 0x0601: 10, 0x0602: 1, 0x0603: 1_000, 0x0604: 1, 0x0605: 10}


@pytest.mark.parametrize(
    ("number", "value", "registers"),
    [
        (0x0505, 2_301, {"voltage_l1_mv": 230_100}),
        (0x0905, 2_301, {"voltage_l2_mv": 230_100}),
        (0x0A05, 2_301, {"voltage_l3_mv": 230_100}),
        (0x0508, 1_234, {"current_l1_ma": 1_234}),
        (0x0A08, 1_234, {"current_l3_ma": 1_234}),
        (0x050B, 1_005, {"power_import_l1_w": 100, "power_export_l1_w": 0}),
        (0x090B, -1_015, {"power_import_l2_w": 0, "power_export_l2_w": 102}),
        (0x0A0E, 50, {"reactive_power_import_l3_var": 5, "reactive_power_export_l3_var": 0}),
        (0x0510, -98, {"power_factor_l1_milli": -980}),
        (0x0304, 12, None),
        (0x0300, 5_001, None),
    ],
)
def test_measurements(number: int, value: int, registers: dict[str, int] | None) -> None:
    """Three phases, each quantity by its own scale; one whose scale was not told is no register."""
    assert measured(number, value, SCALES) == registers


def test_frequency_by_its_own_scale() -> None:
    """In thousandths of a hertz."""
    assert measured(0x0300, 5_001, {0x0400: 1, 0x0401: 100}) == {"frequency_mhz": 50_010}


def test_text_is_no_measurement() -> None:
    """Nor is it a register of energy."""
    assert measured(0x0505, "230", SCALES) is None
    assert MeteringScale(ELECTRICITY, 0, 1, 1).registers_of(0x0000, "12") is None


def test_every_register_of_the_table_is_canonical() -> None:
    """As `shared.readings` spells them."""
    names = {
        name.format(direction)
        for name, _, _ in MEASUREMENTS.values()
        for direction in ("import", "export")
    }

    assert names <= set(REGISTERS)
