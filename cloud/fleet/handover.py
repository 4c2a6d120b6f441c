"""A change of tenancy at the cloud: the hub goes to a new household, with nothing of the old one.

The hub's own half is `hearthlink wipe`. All of it is one transaction.
"""

from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.changes.kinds import Change, ChangeKind, usage_changes
from cloud.changes.repository import note_changes, zone_of
from cloud.config import Config
from cloud.db import Database
from cloud.fleet.claims import end_claims
from cloud.fleet.exclusion import enrolment_of
from cloud.fleet.records import bar_all
from cloud.households.repository import household_of
from cloud.households.tenancies import Handover, hand_over
from cloud.jobs.repository import forget_jobs
from cloud.registry.port import Admission
from cloud.shadows.repository import forget_shadows
from shared.calendar import check_zone, slot_of_sample
from shared.clock import Clock
from shared.instants import parse_instant


def hand_over_hub(
    config: Config,
    database: Database,
    clock: Clock,
    admission: Admission,
    thing: str,
    name: str,
    zone: str,
    *,
    household_id: str = "",
    at: str = "",
) -> Handover:
    """Give a hub to another household; raises as `hand_over`, and for a bad zone or time.

    `at` is a date, its midnight in the zone of who leaves, or an instant; now where it is "".

    Its shadows are emptied, what it was asked for is cancelled, and its consent begins anew. Its
    certificates and open claims are over: it joins anew by a claim, with a key that is nobody's.
    """
    check_zone(zone)
    enrolment = enrolment_of(config, clock)
    now_ms = clock.utc_ms()
    with database.writing() as connection:
        at_ms = parse_instant(at, "at", _zone_of_hub(connection, thing)) if at else None
        _, handover = hand_over(connection, thing, name, zone, now_ms, household_id, at_ms)
        forget_jobs(connection, thing, now_ms)
        forget_shadows(connection, thing)
        end_claims(connection, thing, now_ms)
        if enrolment is not None:
            enrolment.adopt(connection, thing, now_ms)
        bar_all(connection, thing, now_ms)
        # Last, and before the commit: where AWS cannot be told, the hub stays where it is.
        admission.forget(thing)
        _note(connection, handover, now_ms)
        return handover


def _zone_of_hub(connection: Connection, thing: str) -> ZoneInfo:
    return zone_of(connection, household_of(connection, thing) or "")


def _note(connection: Connection, done: Handover, now_ms: int) -> None:
    """Tell both households what they see now and did not, or no longer do."""
    changed = [Change(ChangeKind.METER, meter) for meter in done.meters]
    gone = [change for meter in done.meters for change in _gone(connection, done, meter, now_ms)]
    noted = {done.left_id: [*changed, *gone], done.household.household_id: changed}
    for household_id, found in sorted(noted.items()):
        note_changes(connection, household_id, found, now_ms)


def _gone(connection: Connection, done: Handover, meter: str, now_ms: int) -> list[Change]:
    """Name the day that ends early; of days that go altogether none is named, but every day."""
    slots = slot_of_sample(done.started_at_ms), slot_of_sample(now_ms)
    days = usage_changes(meter, [slots], zone_of(connection, done.left_id))
    return days if len(days) == 1 else [Change(ChangeKind.USAGE, meter)]
