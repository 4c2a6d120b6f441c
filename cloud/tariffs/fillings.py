"""When a meter's tariffs have tiers by the month: for telling what changed. Commits nothing."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from cloud.changes.bearing import Filling
from cloud.scope import Scope
from cloud.tariffs.agreements import agreed_tariffs
from shared.tariffs.agreements import clip
from shared.tariffs.model import Tiers

_NO_SLOTS = (0, 0)
"""No half-hourly price is wanted."""


def read_fillings(
    connection: Connection, scope: Scope, meters: Iterable[str]
) -> dict[str, list[Filling]]:
    """Say of each meter when a tariff of its agreements, or its own, has tiers by the month."""
    return {meter: list(_fillings(connection, scope, meter)) for meter in sorted(set(meters))}


def _fillings(connection: Connection, scope: Scope, meter: str) -> Iterator[Filling]:
    for agreement, tariff in agreed_tariffs(connection, scope, meter, _NO_SLOTS):
        for version in clip(tariff, agreement.starts_on, agreement.ends_on).versions:
            if isinstance(version.prices, Tiers) and version.prices.per == "month":
                yield Filling(version.starts_on, version.ends_on)
