"""Readings: the table of registers, and which of them make up a quantity."""

import re

import pytest

from shared.readings import (
    COUNTERS,
    OF_CREDIT,
    REGISTERS,
    Medium,
    Quality,
    medium_of,
    parts_of,
    tells_credit,
)

UNITS = {
    "mwh": True,
    "mvarh": True,
    "l": True,
    "mj": True,
    "w": False,
    "var": False,
    "mv": False,
    "ma": False,
    "milli": False,
    "mhz": False,
    "count": False,
    "index": False,
    "millionths": False,
    "iso4217": False,
}
"""Each unit, and whether registers in it are counters."""


@pytest.mark.parametrize("name", REGISTERS)
def test_a_register_is_named_by_its_unit(name: str) -> None:
    """The unit stands last in the name, and says whether the register counts up."""
    kind = REGISTERS[name]

    assert kind.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert name.endswith(f"_{kind.unit}")
    assert UNITS[kind.unit] == kind.is_counter == (name in COUNTERS)


def test_the_counters_are_those_that_bills_and_totals_need() -> None:
    """Import and export with their tariffs, gas, water and heat all count up."""
    needed = {"import_mwh", "import_t1_mwh", "export_t4_mwh", "gas_l", "water_l", "heat_mj"}

    assert needed < COUNTERS
    assert "power_import_w" not in COUNTERS


@pytest.mark.parametrize(
    ("registers", "parts"),
    [
        ({"import_mwh", "import_t1_mwh", "import_t2_mwh"}, ["import_mwh"]),
        ({"import_t2_mwh", "import_t1_mwh", "export_t1_mwh"}, ["import_t1_mwh", "import_t2_mwh"]),
        ({"reactive_import_t1_mvarh", "power_import_w"}, []),
        (set(), []),
    ],
)
def test_a_meters_own_total_wins_over_its_tariffs(registers: set[str], parts: list[str]) -> None:
    """A quantity is the meter's total, else the sum of its tariff registers."""
    assert parts_of("import_mwh", registers) == parts


def test_credit_is_told_apart_from_what_a_meter_measures() -> None:
    """Each of its registers says so; none is a counter, for a balance falls."""
    assert all(tells_credit([name]) for name in OF_CREDIT)
    assert COUNTERS.isdisjoint(OF_CREDIT)
    assert REGISTERS.keys() > OF_CREDIT
    assert not tells_credit(["import_mwh", "power_import_w"])
    assert not tells_credit([])


def test_gas_is_its_own_part() -> None:
    """A volume has no tariffs."""
    assert parts_of("gas_l", {"gas_l", "valve_index"}) == ["gas_l"]


@pytest.mark.parametrize(
    ("registers", "medium"),
    [
        (["valve_index", "gas_l"], Medium.GAS),
        ({"import_mwh": 1}, Medium.ELECTRICITY),
        (["valve_index"], None),
        (["of_no_table"], None),
        ([], None),
    ],
)
def test_registers_tell_the_medium(
    registers: dict[str, int] | list[str], medium: Medium | None
) -> None:
    """The first register that only one kind of meter has decides."""
    assert medium_of(registers) is medium


def test_qualities_are_flags() -> None:
    """A sample may be unchecked and timed by the hub at once."""
    assert Quality.UNCHECKED | Quality.HUB_TIME == 3
    assert not Quality.GOOD
