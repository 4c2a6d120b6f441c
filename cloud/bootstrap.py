"""What every cloud process does before its work: open the database, migrate it, name it.

Safe when several processes start at once.
"""

from cloud.config import Config
from cloud.db import Database
from cloud.households.repository import DEFAULT_HOUSEHOLD, Household, put_household
from cloud.ingest.repository import store_id
from cloud.registry.port import DeviceRegistry
from cloud.registry.selfhosted import SelfHostedRegistry
from shared.clock import Clock


def open_database(config: Config, clock: Clock) -> Database:
    """Open the configured database with the newest schema, a store id and the household."""
    database = Database(config.url)
    database.migrate()
    with database.writing() as connection:
        store_id(connection, clock.utc_ms())
        put_household(connection, Household(DEFAULT_HOUSEHOLD, config.household_name, config.zone))
    return database


def open_registry(config: Config, database: Database, clock: Clock) -> DeviceRegistry:
    """Choose what governs the hubs: AWS IoT Core where a region is named, else our own service."""
    if not config.fleet_region:
        return SelfHostedRegistry(database, clock)
    from cloud.registry.aws import AwsRegistry  # noqa: PLC0415  # an extra that others do without

    return AwsRegistry(config.fleet_region, clock)
