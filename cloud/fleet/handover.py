"""A change of tenancy at the cloud: the hub goes to a new household, with nothing of the old one.

The hub's own half is `hearthlink wipe`. All of it is one transaction.
"""

from cloud.config import Config
from cloud.db import Database
from cloud.fleet.claims import end_claims
from cloud.fleet.exclusion import enrolment_of
from cloud.fleet.records import bar_all
from cloud.households.tenancies import Handover, hand_over
from cloud.jobs.repository import forget_jobs
from cloud.shadows.repository import forget_shadows
from shared.calendar import check_zone
from shared.clock import Clock


def hand_over_hub(
    config: Config,
    database: Database,
    clock: Clock,
    thing: str,
    name: str,
    zone: str,
    household_id: str = "",
) -> Handover:
    """Give a hub to another household from now on; raises as `hand_over`, and for a bad zone.

    Its shadows are emptied, what it was asked for is cancelled, and its consent begins anew. Its
    certificates and open claims are over: it joins anew by a claim, with a key that is nobody's.
    """
    check_zone(zone)
    enrolment = enrolment_of(config, clock)
    now_ms = clock.utc_ms()
    with database.writing() as connection:
        _, handover = hand_over(connection, thing, name, zone, now_ms, household_id)
        forget_jobs(connection, thing, now_ms)
        forget_shadows(connection, thing)
        end_claims(connection, thing, now_ms)
        if enrolment is not None:
            enrolment.adopt(connection, thing, now_ms)
        bar_all(connection, thing, now_ms)
        return handover
