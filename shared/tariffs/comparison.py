"""One household's own half hours against many tariffs: ranked, and what would change the order.

A tariff that has no price for some of the half hours is not ranked: its total is of less energy
than the others'. Pure and exact.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from shared.tariffs.bill import Cost, price_half_hours
from shared.tariffs.halfhours import HalfHours
from shared.tariffs.model import PERMILLE, HalfHourly, Tariff, is_credit
from shared.tariffs.rates import version_on
from shared.tariffs.slotprices import prices_by_slot
from shared.units import MWH_PER_KWH

ROUNDING_MILLIONTHS = 2
"""What rounding each line may hide between two bills whose exact totals are the same."""


class Candidate(NamedTuple):
    """A tariff to compare, by its code."""

    code: str
    tariff: Tariff


class Ranked(NamedTuple):
    """What the period costs under a candidate; `rank` is None where some of it has no price."""

    code: str
    tariff: Tariff
    cost: Cost
    rank: int | None


class LoadShift(NamedTuple):
    """The least energy to move within its own day for one tariff to cost as little as another.

    `energy_mwh` is moved over the whole period, from `from_slots` half hours; `is_enough` is False
    where moving all that helps still leaves a difference, and `energy_mwh` is then all that helps.
    """

    code: str
    over: str
    energy_mwh: int
    from_slots: int
    is_enough: bool


def held_still(tariff: Tariff, on: dt.date) -> Tariff | None:
    """Let the version that holds on a day hold for ever; None where none holds.

    Half-hourly prices stay at their own times: yesterday's evening was dear yesterday.
    """
    version = version_on(tariff, on)
    if version is None:
        return None
    if isinstance(version.prices, HalfHourly):
        return tariff
    still = msgspec.structs.replace(version, starts_on=dt.date.min, ends_on=None)
    return msgspec.structs.replace(tariff, versions=[still])


def of_one_currency(
    candidates: Sequence[Candidate], currency: str = ""
) -> tuple[str, list[Candidate]]:
    """Leave out what is in another currency: amounts in two have no order.

    Where none is named it is that of the most candidates; "" where there are none.
    """
    counts = Counter(one.tariff.currency for one in candidates)
    chosen = currency or min(counts, key=lambda name: (-counts[name], name), default="")
    return chosen, [one for one in candidates if one.tariff.currency == chosen]


def rank(
    candidates: Sequence[Candidate],
    half_hours_under: Callable[[Tariff], HalfHours],
    slots: tuple[int, int],
) -> list[Ranked]:
    """Price the slots `[start, end)` under each candidate: the cheapest first, unranked ones last.

    Tariffs that cost the same to the millionth share a rank and are in order of code.
    """
    priced = []
    for code, tariff in candidates:
        cost = price_half_hours(tariff, half_hours_under(tariff), slots, code=code)
        priced.append(Ranked(code, tariff, cost, None))
    priced.sort(key=lambda one: (one.cost.unpriced_slots, one.cost.total_millionths, one.code))
    ranked: list[Ranked] = []
    for number, one in enumerate(priced, start=1):
        if one.cost.unpriced_slots:
            ranked.append(one)
            continue
        before = ranked[-1] if ranked else None
        is_tie = before is not None and (before.cost.total_millionths == one.cost.total_millionths)
        place = before.rank if is_tie and before is not None else number
        ranked.append(one._replace(rank=place))
    return ranked


def load_shift(
    behind: Ranked, ahead: Ranked, half_hours: HalfHours, slots: tuple[int, int]
) -> LoadShift:
    """Say how much to move for `behind` to cost no more than `ahead`.

    Each half hour's worth is how much more `behind` asks there than `ahead`, with VAT. Energy moves
    from where that is most to where it is least in the same local day, any amount of it; moves that
    gain most a kilowatt hour come first, so that the sum is the least there is.
    """
    gap = behind.cost.total_millionths - ahead.cost.total_millionths
    if gap <= 0:
        return LoadShift(behind.code, ahead.code, 0, 0, is_enough=True)
    # Exact, in mWh × millionths per kWh × permille.
    left = (gap + ROUNDING_MILLIONTHS) * MWH_PER_KWH * PERMILLE
    moved_mwh = count = 0
    for gain, amount in sorted(_moves(behind, ahead, half_hours, slots), reverse=True):
        part = min(amount, -(-left // gain))
        moved_mwh += part
        count += 1
        left -= part * gain
        if left <= 0:
            break
    return LoadShift(behind.code, ahead.code, moved_mwh, count, is_enough=left <= 0)


def _moves(
    behind: Ranked, ahead: Ranked, half_hours: HalfHours, slots: tuple[int, int]
) -> list[tuple[int, int]]:
    """List what each half hour gains a mWh by going to its day's best one, and its energy."""
    start, end = slots
    worth = [
        mine - theirs
        for mine, theirs in zip(
            _asked(behind.tariff, half_hours, slots),
            _asked(ahead.tariff, half_hours, slots),
            strict=True,
        )
    ]
    days = half_hours.days
    moves = []
    for run, first, last in half_hours.within(start, end):
        place = first
        while place < last:
            day = days.place_of(place)
            stop = min(last, days.starts[day + 1])
            low, high = max(start, days.starts[day]), min(end, days.starts[day + 1])
            least = min(worth[low - start : high - start])
            moves += [
                (gain, amount)
                for slot in range(place, stop)
                if (gain := worth[slot - start] - least) > 0
                and (amount := run.amounts[slot - run.first_slot]) > 0
            ]
            place = stop
    return moves


def _asked(tariff: Tariff, half_hours: HalfHours, slots: tuple[int, int]) -> list[int]:
    """Give each slot's price with VAT, in millionths per kWh × permille; tiers count as none.

    Moving energy within a day changes nothing of what tiers ask.
    """
    sign = -1 if is_credit(tariff) else 1
    return [sign * price for price in prices_by_slot(tariff, half_hours.days, *slots)]
