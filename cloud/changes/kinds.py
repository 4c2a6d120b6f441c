"""Which things of a household can change, and which local days a span of slots touches. Pure."""

import datetime as dt
import enum
from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.calendar import local_date, slot_start_ms
from shared.ranges import Range

NO_DAY = -1
"""In place of a day: the change is not of single days."""

MAX_DAYS = 1_500
"""Days of one meter named in one transaction, over four years; more are "every day"."""

_EPOCH = dt.date(1970, 1, 1)


class ChangeKind(enum.StrEnum):
    """What of a household has changed."""

    USAGE = "usage"
    """What a meter used on a local day, and with it what that cost; no day: every day."""
    COST = "cost"
    """What a day cost, though not what was used: a price came, or changed; no day: every day."""
    METER = "meter"
    """A meter is new, or it is known now what it measures."""
    AGREEMENTS = "agreements"
    """A meter's agreements, its own tariff, or its top-ups."""
    CONSENT = "consent"
    """What a hub may send."""
    GATEWAY = "gateway"
    """A hub was shut out, or let in again."""


OF_HUBS = frozenset({ChangeKind.CONSENT, ChangeKind.GATEWAY})
"""Kinds whose subject is a hub; of the others it is a meter."""


class Change(NamedTuple):
    """One thing that changed: `local_day` counts from 1970, or is `NO_DAY`."""

    kind: ChangeKind
    subject: str
    local_day: int = NO_DAY


def usage_changes(meter: str, ranges: Iterable[Range], zone: ZoneInfo) -> list[Change]:
    """Name the local days that ranges of slots, both ends included, touch."""
    return _of_days(ChangeKind.USAGE, meter, ranges, zone)


def cost_changes(meter: str, ranges: Iterable[Range], zone: ZoneInfo) -> list[Change]:
    """Name the local days whose prices changed in these ranges of slots."""
    return _of_days(ChangeKind.COST, meter, ranges, zone)


def date_of(local_day: int) -> dt.date | None:
    """Say which date a day is; None for `NO_DAY`."""
    return None if local_day == NO_DAY else _EPOCH + dt.timedelta(days=local_day)


def _of_days(
    kind: ChangeKind, subject: str, ranges: Iterable[Range], zone: ZoneInfo
) -> list[Change]:
    days: set[int] = set()
    for first, last in ranges:
        first_day = day_of_instant(slot_start_ms(first), zone)
        days.update(range(first_day, day_of_instant(slot_start_ms(last), zone) + 1))
        if len(days) > MAX_DAYS:
            return [Change(kind, subject)]
    return [Change(kind, subject, day) for day in sorted(days)]


def day_of_instant(at_ms: int, zone: ZoneInfo) -> int:
    """Number the local day of an instant, counted from 1970."""
    return (local_date(at_ms, zone) - _EPOCH).days
