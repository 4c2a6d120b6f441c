"""Usage as CSV, with exact decimals for a spreadsheet, by the names of the cloud's export. Pure."""

import csv
import io
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from agent.home.local.served import Used
from shared.calendar import to_local
from shared.instants import format_utc
from shared.readings import Medium
from shared.units import MWH_PER_KWH, exact_decimal

LITRES_PER_M3 = 1_000

COLUMNS: dict[Medium, tuple[tuple[str, str, int], ...]] = {
    Medium.ELECTRICITY: (
        ("import_mwh", "import_kwh", MWH_PER_KWH),
        ("export_mwh", "export_kwh", MWH_PER_KWH),
    ),
    Medium.GAS: (("gas_l", "gas_m3", LITRES_PER_M3), ("gas_mwh", "gas_kwh", MWH_PER_KWH)),
    Medium.WATER: (("water_l", "water_m3", LITRES_PER_M3),),
    Medium.HEAT: (("heat_mj", "heat_mj", 1),),
}
"""Of each amount its name in JSON, its name in CSV, and how many of the one make one there."""


def write_csv(medium: Medium, used: Iterable[Used], zone: ZoneInfo) -> str:
    """Write a header and a line an interval (RFC 4180); what is not known is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = COLUMNS[medium]
    writer.writerow(
        ["start", "end", "local_start", *(said for _, said, _ in columns), "status", "why"]
    )
    for one in used:
        writer.writerow(
            [
                format_utc(one.interval.start_ms),
                format_utc(one.interval.end_ms),
                to_local(one.interval.start_ms, zone).isoformat(),
                *(_exact(one.amounts.get(name), units) for name, _, units in columns),
                one.status,
                " ".join(one.why),
            ]
        )
    return out.getvalue()


def _exact(amount: int | None, units: int) -> str:
    return "" if amount is None else exact_decimal(amount, units)
