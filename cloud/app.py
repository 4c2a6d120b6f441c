"""The API's composition root: builds the application from a Config and connects its parts.

Nothing else makes a database or a broker connection for the API, and nothing happens at import.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from cloud import errors, health
from cloud.bootstrap import open_database, open_registry
from cloud.config import Config
from cloud.costs import comparison, prepayment, preview
from cloud.costs import endpoints as costs
from cloud.db import Database
from cloud.fleet import endpoints as claims
from cloud.fleet import hubendpoints as fleet
from cloud.fleet import jobendpoints as jobs
from cloud.fleet.desk import ClaimDesk
from cloud.households.repository import household_of
from cloud.households.revocations import may_be_live
from cloud.hubauth import HubGate
from cloud.ingest import consent, gateways, hubs
from cloud.ingest import endpoints as dead_letters
from cloud.ingest.hubbatch import Rules
from cloud.ingest.service import IngestService
from cloud.live import LiveFeed
from cloud.mqtt import BrokerLink, Subscription
from cloud.openapi.document import describe
from cloud.openapi.operations import operation_id
from cloud.parts import Parts
from cloud.readings import endpoints as meters
from cloud.tariffs import catalogue_endpoints as catalogue
from cloud.tariffs import endpoints as tariffs
from cloud.transfer import stack
from cloud.transfer.media import check_media_type
from shared import topics
from shared.calendar import check_zone
from shared.clock import Clock, SystemClock

DESCRIPTION = """What a household's meters displayed, what was used, and what it cost.

Energy is in whole milliwatt-hours (1 kWh is 1,000,000), money in millionths of the currency, time
in UTC. Intervals are `[start, end)`. Every error is a problem document (RFC 9457)."""


def create_app(config: Config, clock: Clock | None = None) -> FastAPI:
    """Build the API; its database is open at once, its broker connection while it serves."""
    clock = clock or SystemClock()
    database = open_database(config, clock)
    feed = LiveFeed(lambda thing: _household_of(database, thing))
    link = None
    if config.broker_host:
        live = Subscription(topics.live(topics.ANY_THING), topics.LIVE_QOS)
        link = BrokerLink(config, "cloud-api", [live], feed.receive)
    # The documentation page's script and style are served from here: it works without the internet.
    app = FastAPIOffline(
        title="Hearthlink",
        version=_version(),
        description=DESCRIPTION,
        redoc_url=None,
        dependencies=[Depends(check_media_type)],
        generate_unique_id_function=operation_id,
        lifespan=lambda app: _serving(app, link),
    )
    app.state.parts = Parts(
        config=config,
        database=database,
        clock=clock,
        zone=check_zone(config.zone),
        live=feed,
        publish=link.publish if link else None,
        is_connected=lambda: link is not None and link.is_connected,
        registry=open_registry(config, database, clock),
    )
    desk = ClaimDesk(config, database, clock) if config.fleet_dir else None
    app.state.claim_desk = desk
    app.state.hub_door = _hub_door(config, database, clock, desk)
    errors.install(app)
    stack.install(app, database, config.origins)
    readings = (health, gateways, consent, meters, dead_letters)
    money = (costs, preview, comparison, prepayment, tariffs, catalogue)
    for feature in (*readings, *money, hubs, claims, fleet, jobs):
        app.include_router(feature.router)
    describe(app)
    return app


@asynccontextmanager
async def _serving(app: FastAPI, link: BrokerLink | None) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    parts.live.attach(asyncio.get_running_loop())
    if link is not None:
        link.start()
    try:
        yield
    finally:
        if link is not None:
            link.stop()
        parts.database.close()


def _hub_door(
    config: Config, database: Database, clock: Clock, desk: ClaimDesk | None
) -> hubs.HubDoor | None:
    if not config.hub_ca:
        return None
    # An answer costs nothing, so every frame has its receipt at once.
    rules = Rules(receipt_interval_s=0, window_frames=config.window_frames)
    gate = HubGate(config.hub_ca, clock, desk.watch) if desk else HubGate(config.hub_ca, clock)
    return hubs.HubDoor(gate, IngestService(database, clock, rules))


def _household_of(database: Database, thing: str) -> str | None:
    with database.reading() as connection:
        return household_of(connection, thing) if may_be_live(connection, thing) else None


def _version() -> str:
    try:
        return version("hearthlink")
    except PackageNotFoundError:
        return "0"
