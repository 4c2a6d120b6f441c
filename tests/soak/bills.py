"""Household-years against bills worked on paper: `python -m tests.soak.bills --count 1000`.

Every one must agree to the penny, and to the millionth, and on what has no price. A household is
its number's alone and can be run again with --first N --count 1.
"""

import argparse
import sys
from collections.abc import Iterator

from shared.progress import Progress
from shared.tariffs.bill import price
from tests.support.bill_oracle import bill_on_paper, wall_clock
from tests.support.household_years import HouseholdYear, household_year


def differences(home: HouseholdYear) -> Iterator[str]:
    """Price a household's year in both ways and say each difference."""
    cost = price(home.tariff, home.energy, home.start_ms, home.end_ms, home.zone)
    total, pennies, paper = bill_on_paper(home.tariff, home.energy, home.days, home.zone_name)
    pairs = {
        "pennies": (cost.total_minor, pennies),
        "millionths": (cost.total_millionths, total),
        "unpriced slots": (cost.unpriced_slots, paper.unpriced_slots),
        "unpriced mWh": (cost.unpriced_mwh, paper.unpriced_mwh),
        "sum of lines": (sum(line.amount_millionths for line in cost.lines), total),
        "clock changes": (
            len({wall_clock(s, home.zone_name).utcoffset() for s, _ in home.energy}),
            2,
        ),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield f"household {home.number}: {name}: {ours}, on paper {theirs}"


def main(arguments: list[str] | None = None) -> int:
    """Compare the household-years asked for; return 1 where any differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.bills", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="household-years")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    options = parser.parse_args(arguments)
    progress = Progress("household-years", options.count)
    found: list[str] = []
    for number in range(options.first, options.first + options.count):
        found += differences(household_year(number))
        wall_clock.cache_clear()
        progress.show(number - options.first + 1)
    progress.close()
    for difference in found:
        print(difference)
    print(f"{options.count:,} household-years, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
