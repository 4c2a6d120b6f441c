"""Usage as CSV: exact decimals, empty where nothing is known."""

import csv
import io

from agent.home.local.served import Used
from agent.home.local.table import write_csv
from shared.calendar import Interval
from shared.readings import Medium
from shared.units import SLOT_MS
from tests.support.home_inputs import LONDON, at_ms

SUMMER = at_ms("2026-07-01T12:00:00+00:00")
SLOT = Interval(SUMMER, SUMMER + SLOT_MS)


def rows(medium: Medium, *used: Used) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(write_csv(medium, used, LONDON))))


def test_energy_is_exact_and_local_time_stands_beside_utc() -> None:
    """A milliwatt-hour is the sixth decimal."""
    (row,) = rows(Medium.ELECTRICITY, Used(SLOT, {"import_mwh": 1_000_001}, "measured", []))

    assert row == {
        "start": "2026-07-01T12:00:00Z",
        "end": "2026-07-01T12:30:00Z",
        "local_start": "2026-07-01T13:00:00+01:00",
        "import_kwh": "1.000001",
        "export_kwh": "",
        "status": "measured",
        "why": "",
    }


def test_what_is_not_known_is_an_empty_field() -> None:
    """Never 0; reasons are words."""
    (row,) = rows(Medium.GAS, Used(SLOT, {"gas_l": None}, "estimated", ["gap", "incomplete"]))

    assert (row["gas_m3"], row["gas_kwh"], row["why"]) == ("", "", "gap incomplete")


def test_a_negative_amount_keeps_its_sign() -> None:
    """Two hubs whose clocks differ may take back what was counted."""
    (row,) = rows(Medium.ELECTRICITY, Used(SLOT, {"import_mwh": -1}, "estimated", []))

    assert row["import_kwh"] == "-0.000001"


def test_heat_is_written_as_it_is_counted() -> None:
    """Megajoules are whole."""
    (row,) = rows(Medium.HEAT, Used(SLOT, {"heat_mj": 12}, "measured", []))

    assert row["heat_mj"] == "12"
