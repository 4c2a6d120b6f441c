"""The home's meters as the page lists them."""

from collections.abc import Mapping

from agent.home.inputs import MeterState
from agent.home.meterview import MAX_METERS_SHOWN, view_meters
from agent.home.power import STALE_AFTER_MS
from agent.roles import Role
from shared.readings import Medium
from tests.support.home_inputs import NOW_MS, home_inputs


def meter(
    name: str,
    medium: Medium = Medium.ELECTRICITY,
    age_ms: int = 900,
    role: Role = Role.SUPPLY,
    registers: Mapping[str, int] | None = None,
) -> MeterState:
    """A meter heard so long ago."""
    return MeterState(name, medium, NOW_MS - age_ms, age_ms, registers or {}, role)


def test_a_meter_says_what_it_counts_as_it_is_printed_on_it() -> None:
    """Three decimals, whatever the page rounds elsewhere; power and voltage are no counters."""
    registers = {"import_mwh": 12_345_678_900, "export_t2_mwh": 250_000, "power_import_w": 5}

    (view,) = view_meters(home_inputs(meters=[meter("E1", registers=registers)]))

    assert [(one.name, one.text) for one in view.figures] == [
        ("Electricity import", "12,345.679 kWh"),
        ("Electricity export rate 2", "0.250 kWh"),
    ]
    assert (view.meter, view.text, view.age_text) == ("E1", "Electricity", "heard just now")


def test_a_gas_meter_has_the_time_of_its_own_reading_and_is_never_silent() -> None:
    """It reports now and then; a water meter and one of heat likewise."""
    gas = meter("G1", Medium.GAS, 9 * 3_600_000, registers={"gas_l": 4_812_345})
    water = meter("W1", Medium.WATER, 60_000, registers={"water_l": 1_500})
    heat = meter("H1", Medium.HEAT, 60_000, registers={"heat_mj": 12_000})

    views = view_meters(home_inputs(meters=[heat, water, gas]))

    assert [one.meter for one in views] == ["G1", "W1", "H1"]
    assert [one.figures[0].text for one in views] == ["4,812.345 m³", "1.500 m³", "12,000 MJ"]
    assert (views[0].age_text, views[0].is_silent) == ("as of 09:12", False)


def test_a_silent_meter_is_said_to_be() -> None:
    """With how long ago it was heard."""
    (view,) = view_meters(home_inputs(meters=[meter("E1", age_ms=STALE_AFTER_MS + 60_000)]))

    assert view.is_silent
    assert view.age_text == "heard 2 min ago"


def test_what_a_meter_stands_for_is_said_where_it_is_not_the_supply() -> None:
    """The supply comes first, then the home's own source, then single devices."""
    meters = [meter("CAR", role=Role.DEVICE), meter("PV", role=Role.GENERATION), meter("Z1")]

    texts = [(one.meter, one.text) for one in view_meters(home_inputs(meters=meters))]

    assert texts == [
        ("Z1", "Electricity"),
        ("PV", "Electricity, the home's own source"),
        ("CAR", "Electricity, a single device"),
    ]


def test_a_line_that_garbles_serials_does_not_fill_the_page() -> None:
    """What is beyond the most is left out; the page is sent every second."""
    many = [meter(f"E{number:04}") for number in range(200)]

    assert len(view_meters(home_inputs(meters=many))) == MAX_METERS_SHOWN
