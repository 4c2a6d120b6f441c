"""Reports the hub's health in its shadow: after connecting, when it changes, and hourly."""

import asyncio

import msgspec

from agent.home.health import view_health
from agent.hub import Hub
from agent.status import read_home_inputs
from agent.uplink.junction import Junction
from agent.uplink.port import Channel, Connected, Disconnected, Event
from agent.watchdog import page_answers
from agent.wear import days_left
from shared.shadows import MAX_SHADOW_BYTES, HubHealth, MeterHealth
from shared.units import MS_PER_HOUR, MS_PER_SECOND
from shared.version import VERSION

LOOK_EVERY_S = 10.0
LEAST_PAUSE_MS = 60 * MS_PER_SECOND
"""A link that comes and goes must not fill the operator's bill."""

REPORT_EVERY_MS = MS_PER_HOUR
MAX_METERS = 16
MAX_PROBLEMS = 8
"""So much fits into a shadow, and into anybody's head."""


class HealthReport:
    """Watches one hub; `run` is its task. `page` is where the hub's own page listens."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._is_connected = False
        self._told: HubHealth | None = None
        self._told_ms = 0
        self._wake = asyncio.Event()
        self.certificate_expires_ms: int | None = None
        self.page: tuple[str, int] | None = None
        self._page_answers: bool | None = None
        self._page_asked_ms: int | None = None

    def attach(self, junction: Junction) -> None:
        """Hear of connections."""
        junction.listen(self._hear)

    async def run(self) -> None:
        """Report what is due, for ever."""
        while True:
            await self._ask_page()
            self.report_due()
            self._wake.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def report_due(self) -> bool:
        """Publish the health where it is due; tell whether it was."""
        uplink = self._hub.uplink
        if uplink is None or not self._is_connected:
            return False
        now_ms = self._hub.machine.monotonic_ms()
        since_ms = now_ms - self._told_ms
        if self._told is not None and since_ms < LEAST_PAUSE_MS:
            return False
        health = read_health(self._hub, self.certificate_expires_ms, self._page_answers)
        is_same = self._told is not None and _gist(health) == _gist(self._told)
        if is_same and since_ms < REPORT_EVERY_MS:
            return False
        if not uplink.publish(Channel.HEALTH_UPDATE, encode_health(health)):
            return False
        self._told, self._told_ms = health, now_ms
        return True

    async def _ask_page(self) -> None:
        """Ask the hub's own page, once a minute; where there is none nothing is known of it."""
        now_ms = self._hub.machine.monotonic_ms()
        is_due = self._page_asked_ms is None or now_ms - self._page_asked_ms >= LEAST_PAUSE_MS
        if self.page is not None and is_due:
            self._page_asked_ms = now_ms
            self._page_answers = await page_answers(*self.page)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._is_connected, self._told = True, None
            self._wake.set()
        elif isinstance(event, Disconnected):
            self._is_connected = False


def read_health(
    hub: Hub, certificate_expires_ms: int | None, is_page_heard: bool | None = None
) -> HubHealth:
    """Read one instant of the hub's health."""
    believed = hub.ledger.at(hub.boot, hub.clock.monotonic_ms())
    inputs = read_home_inputs(hub)
    lines = [line for line in view_health(inputs) if line.condition in ("notice", "fault")]
    wear = hub.vitals.wear()
    left = days_left(wear, hub.config.storage_endurance_tb) if wear is not None else None
    return HubHealth(
        agent_version=VERSION,
        reported_at_ms=hub.utc_ms(),
        clock_source=believed.source if believed else "machine",
        clock_uncertainty_ms=believed.uncertainty_ms if believed else None,
        backlog_samples=inputs.hub.backlog_samples,
        certificate_expires_ms=certificate_expires_ms,
        card_life_days=None if left is None else int(left),
        slot=hub.slot,
        page_answers=is_page_heard,
        meters=[
            MeterHealth(
                meter,
                latest.heard.sample.medium.value,
                hub.protocols.get(meter, ""),
                latest.heard.at_ms,
                hub.signals_dbm.get(meter),
            )
            for meter, latest in list(hub.latest.items())[:MAX_METERS]
        ],
        problems=[f"{line.name}: {line.text}" for line in lines][:MAX_PROBLEMS],
    )


def encode_health(health: HubHealth) -> bytes:
    """Write the shadow's update; a report that would be too long leaves its problems out."""
    written = msgspec.json.encode({"state": {"reported": health}})
    if len(written) <= MAX_SHADOW_BYTES:
        return written
    shorter = msgspec.structs.replace(health, problems=[], meters=[])
    return msgspec.json.encode({"state": {"reported": shorter}})


def _gist(health: HubHealth) -> tuple[object, ...]:
    """Take what is worth a report of its own when it changes; counts and times change always."""
    return (
        health.agent_version,
        health.clock_source,
        health.certificate_expires_ms,
        health.slot,
        health.page_answers,
        sorted((one.meter, one.medium, one.protocol) for one in health.meters),
        sorted(problem.partition(":")[0] for problem in health.problems),
    )
