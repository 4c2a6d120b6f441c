"""The API's composition root: builds the application from a Config and connects its parts.

Nothing else makes a database or a broker connection for the API, and nothing happens at import.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from cloud import errors
from cloud.accounts.door import Door
from cloud.accounts.jwks import KeyRing, fetch
from cloud.accounts.oidc import Provider
from cloud.accounts.passwords import Hasher, Policy
from cloud.accounts.signin import SignIn
from cloud.bootstrap import open_database, open_registry
from cloud.changes.waiting import ChangeWatch
from cloud.config import Config
from cloud.db import Database
from cloud.features import features
from cloud.fleet import installer
from cloud.fleet.admission import open_admission
from cloud.fleet.desk import ClaimDesk
from cloud.gate import Gate, pace_of
from cloud.hubauth import HubGate
from cloud.ingest import hubs
from cloud.ingest.hubbatch import Rules
from cloud.ingest.service import IngestService
from cloud.live.demands import Demands
from cloud.live.feed import LiveFeed
from cloud.live.repository import shown_hubs
from cloud.mqtt import BrokerLink, Subscription
from cloud.openapi.document import describe
from cloud.parts import Parts
from cloud.readings.usage_desk import UsageDesk
from cloud.tariffs.fillings import read_fillings
from cloud.transfer import stack
from shared import topics
from shared.calendar import check_zone
from shared.clock import Clock, SystemClock
from shared.version import VERSION

Task = Callable[[], Coroutine[Any, Any, None]]
"""What runs for as long as the application serves."""

DESCRIPTION = """What a household's meters displayed, what was used, and what it cost.

Energy is in whole milliwatt-hours (1 kWh is 1,000,000), money in millionths of the currency, time
in UTC. Intervals are `[start, end)`. Every error is a problem document (RFC 9457)."""


def create_app(config: Config, clock: Clock | None = None, hasher: Hasher | None = None) -> FastAPI:
    """Build the API; its database is open at once, its broker connection while it serves."""
    clock = clock or SystemClock()
    database = open_database(config, clock)
    registry = open_registry(config, database, clock)
    feed = LiveFeed(partial(_shown_hubs, database), clock=clock)
    demands = Demands(feed, database, registry, clock)
    watch = ChangeWatch(database)
    link = None
    if config.broker_host:
        live = Subscription(topics.live(topics.ANY_THING), topics.LIVE_QOS)
        link = BrokerLink(config, "cloud-api", [live], feed.receive)
    # The documentation page's script and style are served from here: it works without the internet.
    app = FastAPIOffline(
        title="Hearthlink",
        version=VERSION,
        description=DESCRIPTION,
        redoc_url=None,
        lifespan=lambda app: _serving(app, link, [demands.run, watch.run]),
    )
    app.state.parts = Parts(
        config=config,
        database=database,
        clock=clock,
        zone=check_zone(config.zone),
        live=feed,
        publish=link.publish if link else None,
        is_connected=lambda: link is not None and link.is_connected,
        registry=registry,
    )
    app.state.gate = _gate(config, database, clock)
    policy = Policy(config.breached_passwords_file)
    app.state.sign_in = SignIn(database, clock, hasher or Hasher(), policy)
    desk = ClaimDesk(config, database, clock) if config.fleet_dir else None
    app.state.claim_desk = desk
    app.state.admission = open_admission(config, database, clock, desk)
    app.state.installer_gate = installer.InstallerGate()
    app.state.change_watch = watch
    app.state.fillings_of = read_fillings
    app.state.usage_desk = UsageDesk(database, clock, app.state.parts.zone, VERSION)
    app.state.hub_door = _hub_door(config, database, clock, desk)
    errors.install(app)
    stack.install(app, database, config.origins)
    app.router.routes.extend(features().routes)
    describe(app)
    return app


@asynccontextmanager
async def _serving(
    app: FastAPI, link: BrokerLink | None, tasks: Sequence[Task]
) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    parts.live.attach(asyncio.get_running_loop())
    if link is not None:
        link.start()
    running = [asyncio.create_task(run(), name=run.__qualname__) for run in tasks]
    try:
        yield
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if link is not None:
            link.stop()
        parts.database.close()


def _gate(config: Config, database: Database, clock: Clock) -> Gate:
    """Build what tells callers apart."""
    provider = None
    if config.oidc_issuer:
        clients = frozenset(filter(None, map(str.strip, config.oidc_client_ids.split(","))))
        keys = KeyRing(config.oidc_issuer, config.oidc_jwks_url, clock, fetch)
        provider = Provider(config.oidc_issuer, clients, config.oidc_audience, keys, clock)
    door = Door(database, clock, config.api_token, provider)
    return Gate(
        door.identify,
        pace_of(config.requests_per_s_max),
        is_https=bool(config.api_cert) or config.public_url.startswith("https://"),
        public_url=config.public_url,
    )


def _hub_door(
    config: Config, database: Database, clock: Clock, desk: ClaimDesk | None
) -> hubs.HubDoor | None:
    if not config.hub_ca:
        return None
    # An answer costs nothing, so every frame has its receipt at once.
    rules = Rules(receipt_interval_s=0, window_frames=config.window_frames)
    gate = HubGate(config.hub_ca, clock, desk.watch) if desk else HubGate(config.hub_ca, clock)
    return hubs.HubDoor(gate, IngestService(database, clock, rules))


def _shown_hubs(database: Database, things: Sequence[str]) -> dict[str, str]:
    with database.reading() as connection:
        return shown_hubs(connection, things)
