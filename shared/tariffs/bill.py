"""What a period costs: a bill is a list of lines that sum exactly. Pure.

Each line is rounded half-even to a millionth from an exact numerator, VAT is taken on the net
total, and only the printed total is rounded to the penny, half up. A slot without a price is
counted as unpriced, never charged as 0. Every line names the tariff version it was priced by.
Nothing is kept: a late reading or price is priced by asking again.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import MINOR_PER_UNIT, PERMILLE, SlotEnergy, Tariff, is_credit
from shared.tariffs.rates import version_spans
from shared.tariffs.tally import Tally, tally
from shared.units import (
    MILLIONTHS_PER_UNIT,
    MWH_PER_KWH,
    SLOT_MS,
    round_half_even,
    round_half_up,
)

STANDING_NAME = "standing charge"


class Line(msgspec.Struct, frozen=True):
    """One line of a bill; `kind` is "energy", "export", "standing" or "vat".

    `price_millionths_per_kwh` is None where the price changes by the half hour within the line.
    `tariff_code` names the tariff where a bill has several; it is "" for a meter's own.
    """

    kind: str
    name: str
    tariff_version: str
    amount_millionths: int
    energy_mwh: int = 0
    price_millionths_per_kwh: int | None = 0
    days: int = 0
    tariff_code: str = ""


class Cost(msgspec.Struct, frozen=True):
    """What a period costs: lines sum to `total_millionths` exactly; `total_minor` is printed.

    What is paid to the household is negative.
    """

    currency: str
    lines: list[Line]
    net_millionths: int
    vat_millionths: int
    total_millionths: int
    total_minor: int
    unpriced_slots: int
    unpriced_mwh: int


def price(
    tariff: Tariff, energy: Iterable[SlotEnergy], start_ms: int, end_ms: int, zone: ZoneInfo
) -> Cost:
    """Price the slots' energy, and a standing charge for each local day that begins in the period.

    `[start_ms, end_ms)` says which days those are; the energy is priced as given.
    """
    half_hours = HalfHours.lay_out(energy, start_ms, end_ms, zone)
    days = _slots_of(start_ms, end_ms)
    return price_half_hours(tariff, half_hours, (half_hours.start, half_hours.end), days)


def price_half_hours(
    tariff: Tariff,
    half_hours: HalfHours,
    slots: tuple[int, int],
    standing: tuple[int, int] | None = None,
    code: str = "",
) -> Cost:
    """Price the slots `[start, end)` of what is laid out, and the days that begin in them.

    Half hours before `start` fill the tiers of a tariff that has them. `standing` gives other
    slots whose days have the standing charge; `code` names the tariff on every line.
    """
    tallied = tally(tariff, half_hours, *slots)
    charged = _energy_lines(tariff, tallied, code)
    charged += _standing_lines(tariff, half_hours, standing or slots, code)
    lines = charged + vat_lines(tariff, charged, code)
    return total(tariff.currency, lines, tallied.unpriced_slots, tallied.unpriced_mwh)


def total(
    currency: str, lines: Sequence[Line], unpriced_slots: int = 0, unpriced_mwh: int = 0
) -> Cost:
    """Add lines up to a bill."""
    vat = sum(line.amount_millionths for line in lines if line.kind == "vat")
    whole = sum(line.amount_millionths for line in lines)
    return Cost(
        currency=currency,
        lines=list(lines),
        net_millionths=whole - vat,
        vat_millionths=vat,
        total_millionths=whole,
        total_minor=minor_of(whole),
        unpriced_slots=unpriced_slots,
        unpriced_mwh=unpriced_mwh,
    )


def minor_of(amount_millionths: int) -> int:
    """Round money to the penny (the cent), half up, as a printed bill does."""
    return round_half_up(Fraction(amount_millionths * MINOR_PER_UNIT, MILLIONTHS_PER_UNIT))


def vat_lines(tariff: Tariff, lines: Sequence[Line], code: str = "") -> list[Line]:
    """Take VAT on the net total of each rate of VAT: one line where all versions have the same."""
    vat_of = {version.version: version.vat_permille for version in tariff.versions}
    net_by_rate: dict[int, int] = {}
    named: dict[int, set[str]] = {}
    for line in lines:
        permille = vat_of[line.tariff_version]
        net_by_rate[permille] = net_by_rate.get(permille, 0) + line.amount_millionths
        named.setdefault(permille, set()).add(line.tariff_version)
    return [
        Line(
            "vat",
            f"VAT {permille / 10:g} %",
            ",".join(sorted(named[permille])),
            round_half_even(Fraction(net * permille, PERMILLE)),
            tariff_code=code,
        )
        for permille, net in sorted(net_by_rate.items())
        if permille
    ]


def _slots_of(start_ms: int, end_ms: int) -> tuple[int, int]:
    """Give the slots that begin in a period, whose ends may lie within slots."""
    return -(-start_ms // SLOT_MS), -(-end_ms // SLOT_MS)


def _energy_lines(tariff: Tariff, tallied: Tally, code: str) -> list[Line]:
    kind, sign = ("export", -1) if is_credit(tariff) else ("energy", 1)
    by_name = sorted(
        tallied.numerators.items(),
        key=lambda one: (one[0][:2], one[0].price_millionths_per_kwh or 0),
    )
    return [
        Line(
            kind,
            key.name,
            key.version,
            sign * round_half_even(Fraction(numerator, MWH_PER_KWH)),
            tallied.energy_mwh[key],
            key.price_millionths_per_kwh,
            tariff_code=code,
        )
        for key, numerator in by_name
    ]


def _standing_lines(
    tariff: Tariff, half_hours: HalfHours, slots: tuple[int, int], code: str
) -> list[Line]:
    start, end = slots
    days = half_hours.days
    lines = []
    for version, first, last in version_spans(tariff, days):
        count = len(days.between(max(start, first), min(end, last)))
        if version is not None and count:
            amount = version.standing_millionths_per_day * count
            lines.append(
                Line(
                    "standing",
                    STANDING_NAME,
                    version.version,
                    amount,
                    days=count,
                    tariff_code=code,
                )
            )
    return lines
