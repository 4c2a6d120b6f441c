"""A change of tenancy at the cloud: the hub goes to a new household, with nothing of the old one.

The hub's own half is `hearthlink wipe`. All of it is one transaction.
"""

from cloud.db import Database
from cloud.households.tenancies import Handover, hand_over
from cloud.jobs.repository import forget_jobs
from cloud.shadows.repository import forget_shadows
from shared.calendar import check_zone
from shared.clock import Clock


def hand_over_hub(database: Database, clock: Clock, thing: str, name: str, zone: str) -> Handover:
    """Give a hub to a new household from now on; raises as `hand_over`, and for a bad zone.

    Its shadows are emptied, what it was asked for is cancelled, and its consent begins anew.
    """
    check_zone(zone)
    now_ms = clock.utc_ms()
    with database.writing() as connection:
        _, handover = hand_over(connection, thing, name, zone, now_ms)
        forget_jobs(connection, thing, now_ms)
        forget_shadows(connection, thing)
        return handover
