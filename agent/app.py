"""The hub's composition root: builds the parts from the configuration, runs and stops them."""

import asyncio
import contextlib
import logging
import signal
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from agent.config import Config, service_manager
from agent.consent import MADE_FACT, Consent, decode_limit_state, decode_made
from agent.consent_record import LIMIT_FACT
from agent.departures import read_departures_beside
from agent.governance import Governance
from agent.home.firstpin import FirstPinDoor
from agent.home.joining import JoinState
from agent.home.page import JoinDoor, create_page, end_events
from agent.home.pinfile import PinFile
from agent.home.posts import HouseholdDoor
from agent.home.server import page_server
from agent.hub import Hub
from agent.identity.access import access_of
from agent.identity.folder import Identity, IdentityFolder
from agent.identity.place import Place
from agent.liveness import Parts
from agent.measures import render_metrics
from agent.membership import Doors, Membership
from agent.notify import Notifier
from agent.ntp import clock_error_ms
from agent.optional import start_optional
from agent.pipeline import run_pipeline
from agent.provision.claimfile import claim_file_of
from agent.provision.enrolment import Tools
from agent.provision.proof import connect_once
from agent.provision.tickets import read_ticket
from agent.recall import Recall
from agent.reporting import HealthReport
from agent.reserve import Reserve
from agent.restarting import Restarting
from agent.status import in_a_line, read_home_inputs
from agent.timekeeping import ClockLedger
from agent.transports import carrier_of, open_keys, open_uplink
from agent.upkeep.opening import open_log
from agent.uplink.access import CloudAccess
from agent.uplink.junction import Junction
from agent.uplink.numbering import outbid
from agent.uplink.port import Uplink
from agent.uplink.sender import SessionHooks, SessionRules
from agent.uplink.session import Session
from agent.watchdog import Watchdog
from agent.wiping import finish_wiping
from shared.clock import Clock, DrivenClock, SystemClock
from shared.consent import Granularity
from shared.errors import OperatorError
from shared.units import EARLIEST_PLAUSIBLE_MS
from shared.version import VERSION

DRAIN_S = 10.0
"""How long a hub that is told to stop waits for the receipts of what it has just sent."""

STATE_DIR_MODE = 0o700
MDNS_HOSTS = ("hearthlink.local", *(f"hearthlink-{number}.local" for number in range(2, 6)))
"""The page's names at home: a hub is announced by the first that no other has."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assembly:
    """The hub and what looks after it; a hub whose certificate was made elsewhere needs none."""

    hub: Hub
    report: HealthReport
    governance: Governance
    membership: Membership | None


def build_hub(config: Config) -> Hub:
    """Open the database and wire the parts."""
    return assemble(config).hub


def assemble(config: Config, restarting: Restarting | None = None) -> Assembly:
    """Open the database, wire the parts, and connect with the identity there is."""
    hub = _open_hub(config)
    report = HealthReport(hub)
    governance = Governance(hub, restarting or Restarting())
    governance.certificate_expires = lambda: report.certificate_expires_ms
    listeners = _Listeners(report, governance)
    membership = None
    if config.uplink_host:
        _join_by_files(hub, listeners)
    else:
        membership = _membership(hub, listeners)
        governance.rotate = membership.rotate
        governance.fingerprint = membership.fingerprint
        governance.authority_file = membership.authority_file
        membership.open()
    hub.ask_system_clock()
    hub.restore()
    return Assembly(hub, report, governance, membership)


@dataclass(frozen=True, slots=True)
class _Listeners:
    """Who hears of a new way to the cloud."""

    report: HealthReport
    governance: Governance


def _open_hub(config: Config) -> Hub:
    config.hub_state_dir.mkdir(mode=STATE_DIR_MODE, parents=True, exist_ok=True)
    Reserve(config.hub_state_dir).give_up_where_full()
    log = open_log(config.database_path)
    clock: Clock = (
        DrivenClock(EARLIEST_PLAUSIBLE_MS) if config.hub_clock == "meter" else SystemClock()
    )
    choices = [
        (since_ms, Granularity(granularity))
        for since_ms, granularity in log.committed.execute("SELECT * FROM consent")
    ]
    return Hub(
        config,
        clock,
        log,
        ClockLedger(log.clock_pieces(), config.meter_clock_tolerance_ms),
        Consent(
            [(0, config.consent_granularity), *choices],
            decode_limit_state(log.fact(LIMIT_FACT)),
            decode_made(log.fact(MADE_FACT)),
        ),
        clock_error_ms,
        uplink=None,
        # The log's own thread: a broker that does not answer must not hold a commit up.
        writer=ThreadPoolExecutor(max_workers=1, thread_name_prefix="log"),
    )


def _join_by_files(hub: Hub, listeners: _Listeners) -> None:
    """Connect with a certificate that was made elsewhere and named in the configuration."""
    config = hub.config
    certificate, key = config.uplink_certificate_file, config.uplink_key_file
    if certificate is None or key is None:
        return
    access = CloudAccess(
        config.uplink_host,
        config.uplink_port,
        config.uplink_ca_file,
        certificate,
        key,
        config.uplink_frames_prefix,
        hub.certificate_time,
    )
    _attach(hub, listeners, Junction(open_uplink(config.uplink_kind, config.hub_thing, access)))


def _attach(hub: Hub, listeners: _Listeners, junction: Junction) -> None:
    listeners.report.attach(junction)
    listeners.governance.attach(junction)
    hub.join(junction, _session(hub, junction))


def _membership(hub: Hub, listeners: _Listeners) -> Membership:
    """Make what keeps the hub in the cloud that it was, or will be, provisioned for."""
    config = hub.config
    identity = IdentityFolder(config.identity_folder, open_keys(config))

    def now_ms() -> int:
        known = hub.certificate_time()
        return known.at_ms if known is not None else hub.machine.utc_ms()

    async def prove(place: Place, access: CloudAccess) -> None:
        await connect_once(open_uplink(place.kind, place.thing, access))

    def uplink_of(place: Place, present: Identity) -> Uplink:
        access = access_of(present.folder, place, identity.keys, hub.certificate_time)
        listeners.report.certificate_expires_ms = present.facts.expires_ms
        return open_uplink(place.kind, place.thing, access)

    return Membership(
        identity,
        Doors(
            tools=lambda tell: Tools(
                identity, carrier_of, prove, hub.certificate_time, now_ms, tell
            ),
            open_uplink=uplink_of,
            attach=lambda junction: _attach(hub, listeners, junction),
            claim_file=claim_file_of(config),
        ),
    )


def _session(hub: Hub, uplink: Uplink) -> Session:
    config = hub.config

    def set_aside(reason: str, detail: str, raw: bytes) -> None:
        hub.intake.set_aside(hub.now(), "cloud", reason, detail, raw)

    return Session(
        hub.log,
        uplink,
        SessionRules(
            frame_interval_s=hub.pace.frame_interval_s,
            backlog_frames_per_s=hub.pace.backlog_frames_per_s,
            start_delay_s=config.uplink_start_delay_s,
            chunk_rows=hub.chunk_rows,
            clock_pieces=lambda: hub.ledger.size,
            cut=hub.cut,
            wanted=hub.wanted,
            outbid=partial(outbid, hub.log, hub.ledger),
        ),
        SessionHooks(
            monotonic_ms=hub.machine.monotonic_ms,
            utc_ms=lambda: max(hub.utc_ms(), hub.machine.utc_ms()),
            on_cloud_time=hub.hear_cloud_time,
            on_tariff=hub.take_tariffs,
            on_bad_input=set_aside,
            sharing=hub.sharing,
        ),
        VERSION,
    )


def listen(host: str, port: int) -> socket.socket:
    """Bind the page's address; raises OperatorError naming it and how to choose another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on a socket that names its protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OperatorError(
            f"the display page cannot listen on {host}:{port}: {error.strerror}",
            hint="choose another with page.port or HEARTHLINK_PAGE_PORT",
        ) from error
    return listener


async def serve(config: Config) -> bool:
    """Run the hub until SIGTERM or SIGINT, then commit, send and close.

    Returns whether it is to be started anew: a job asked for that, or an update.
    """
    finish_wiping(config)
    first_pin = first_pin_door(config)
    listener = listen(config.page_host, config.page_port)
    restarting = Restarting()
    assembly = assemble(config, restarting)
    hub = assembly.hub
    manager = service_manager()
    page = create_page(
        lambda: read_home_inputs(hub),
        allowed_hosts=page_hosts(config),
        framed_by=config.page_framed_by,
        pin=config.page_pin,
        set_granularity=hub.set_granularity,
        read_past=Recall(config.database_path, hub.history).read,
        read_parts=lambda: Parts(manager.watchdog_s > 0, hub.liveness.late()),
        render_metrics=partial(render_metrics, hub) if config.page_metrics else None,
        first_pin=first_pin,
        joining=_join_door(assembly.membership, config),
        household=HouseholdDoor(
            lambda message: hub.messages.answer(message, hub.likely_ms()), hub.budget.set
        ),
        read_departures=partial(read_departures_beside, config.database_path),
    )
    server = page_server(page)
    watchdog = Watchdog(
        Notifier(manager),
        hub.liveness,
        describe=lambda: in_a_line(hub),
        page=listener.getsockname()[:2],
    )
    stop = asyncio.Event()
    restarting.stop = stop.set
    assembly.governance.page = assembly.report.page = listener.getsockname()[:2]
    loop = asyncio.get_running_loop()
    # Names are looked up and brokers connected to here; each thread brings a memory arena.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=2, thread_name_prefix="links"))
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    _logger.info("display page on http://%s:%d", *listener.getsockname()[:2])
    try:
        async with _announced(config, listener), asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]), name="page")
            carrying = group.create_task(run_pipeline(hub), name="pipeline")
            feeding = group.create_task(watchdog.run(), name="watchdog")
            minding = _mind(group, assembly)
            await stop.wait()
            watchdog.stopping()
            for task in (feeding, *minding, carrying):
                task.cancel()
            end_events(page)
            server.should_exit = True
            await serving
    finally:
        await _close(hub)
    return restarting.is_wanted


def page_hosts(config: Config) -> frozenset[str]:
    """Say to which names the page answers, besides those of loopback."""
    announced = frozenset(MDNS_HOSTS if config.page_mdns else ())
    return config.page_allowed_hosts | announced


def _announced(
    config: Config, listener: socket.socket
) -> contextlib.AbstractAsyncContextManager[object]:
    if not config.page_mdns:
        return contextlib.nullcontext()
    try:
        from agent.announcing import announced  # noqa: PLC0415 (weighs megabytes)
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"page.mdns needs the package {error.name}, which is not installed",
            hint="pip install 'hearthlink[agent,mdns]', or set page.mdns = false",
        ) from error
    host, port = listener.getsockname()[:2]
    return announced(host, port, MDNS_HOSTS)


def _join_door(membership: Membership | None, config: Config) -> JoinDoor | None:
    if membership is None:
        return None

    def read() -> JoinState:
        state = membership.state
        steps = tuple(step.value for step in state.steps)
        return JoinState(state.thing, state.is_busy, steps, state.problem, state.hint)

    return JoinDoor(read, lambda text: membership.offer(read_ticket(text, config.provision_host)))


def _mind(group: asyncio.TaskGroup, assembly: Assembly) -> "list[asyncio.Task[None]]":
    """Start what looks after the hub's place in its cloud."""
    tasks = [group.create_task(assembly.report.run(), name="report")]
    tasks += assembly.governance.start(group)
    tasks += start_optional(group, assembly.hub, assembly.governance.firmware.installers)
    if assembly.membership is not None:
        tasks.append(group.create_task(assembly.membership.run(), name="membership"))
    return tasks


def first_pin_door(config: Config) -> FirstPinDoor:
    """Open the door to the first PIN: from boot, or from now where the hub starts the first time.

    By the machine's own clock, whatever the hub's is; to be asked before the database is made.
    """
    monotonic_ms = SystemClock().monotonic_ms
    opened_ms = 0 if config.database_path.exists() else monotonic_ms()
    return FirstPinDoor(PinFile(config.hub_state_dir), monotonic_ms, opened_ms)


async def _close(hub: Hub) -> None:
    await hub.intake.commit()
    if hub.session is not None and hub.uplink is not None:
        await hub.session.drain(DRAIN_S)
        await hub.uplink.stop()
        # What has left on the way out is counted too.
        await hub.intake.commit()
    with contextlib.suppress(sqlite3.Error):
        hub.log.put_fact("telegrams_decoded", str(hub.intake.counts.telegrams).encode())
    hub.log.close()
