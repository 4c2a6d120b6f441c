"""What Home Assistant is told in tests: a home with an electricity and a gas meter."""

import dataclasses
from typing import Any

from agent.home.entities import Facts
from agent.home.inputs import Counter, HomeInputs
from agent.home.shown import build_shown
from tests.support.home_inputs import GAS_METER, METER, home_inputs

IMPORT = Counter("import_mwh", "", 12_345_678_000)
GAS = Counter("gas_l", "", 4_812_345)


def home_facts(inputs: HomeInputs | None = None, **changes: Any) -> Facts:
    """The home of an evening in November, with what the test changes."""
    one = inputs or home_inputs()
    facts = Facts(
        shown=build_shown(one),
        counters={METER: [IMPORT], GAS_METER: [GAS]},
        present=frozenset({METER, GAS_METER}),
        currency=one.tariff.currency if one.tariff else "",
        gas_currency=one.gas_tariff.currency if one.gas_tariff else "",
        has_gas=True,
        has_cloud=one.hub.cloud_configured,
        version="1.0",
    )
    return facts._replace(**changes)


def with_clock(inputs: HomeInputs, *, is_trusted: bool) -> HomeInputs:
    """The same home with a clock that may be believed, or not."""
    return dataclasses.replace(inputs, is_clock_trusted=is_trusted)
