"""Wires the hub to the household's Home Assistant; loaded only where it is configured."""

from functools import partial

from agent import metrics
from agent.config import Config
from agent.home.broker import BrokerPlace
from agent.home.discovery import Naming, slug
from agent.home.entities import Facts
from agent.home.homeassistant import HomeAssistant
from agent.home.shown import build_shown
from agent.hub import Hub
from agent.status import read_counters, read_home_inputs
from agent.uplink.tls import server_context
from shared.exposition import Measured
from shared.units import MS_PER_DAY
from shared.version import VERSION

GONE_AFTER_MS = 7 * MS_PER_DAY
"""A meter not heard for a week is taken out of Home Assistant; heard again, it comes back."""


def home_assistant(hub: Hub) -> HomeAssistant:
    """Make what tells Home Assistant, and let the hub count it; to be called in the event loop.

    Raises OperatorError for a certificate that cannot be used.
    """
    config = hub.config
    home = HomeAssistant(
        _place(hub, config),
        Naming(config.hub_thing, config.homeassistant_prefix),
        "device" if config.homeassistant_discovery == "device" else "entity",
        lambda: read_facts(hub),
        acknowledge=lambda message: hub.messages.answer(message, hub.likely_ms()),
    )
    hub.read_displays.append(partial(count_home_assistant, home))
    return home


def count_home_assistant(home: HomeAssistant) -> list[Measured]:
    """Count the connection to the household's broker, and what went through it."""
    return [
        Measured(metrics.HOME_BROKER, home.broker.is_connected.is_set()),
        Measured(metrics.HOME_CONNECTS, home.broker.connects),
        Measured(metrics.HOME_BIRTHS, home.births),
        Measured(metrics.HOME_FAILURES, home.failures),
        Measured(metrics.HOME_REFUSED, home.broker.refused),
        Measured(metrics.HOME_PRESSES, home.presses),
        Measured(metrics.HOME_STRAY, home.presses_refused),
    ]


def read_facts(hub: Hub) -> Facts:
    """Read one instant of the home for Home Assistant."""
    inputs = read_home_inputs(hub)
    shown = build_shown(inputs)
    present = _present(hub)
    return Facts(
        shown,
        {meter: said for meter, said in read_counters(hub).items() if meter in present},
        present,
        inputs.tariff.currency if inputs.tariff is not None else "",
        inputs.gas_tariff.currency if inputs.gas_tariff is not None else "",
        has_gas=shown.gas is not None or bool(inputs.gas_slots),
        # One that has yet to join again after its start has a cloud all the same.
        has_cloud=hub.session is not None or hub.log.fact("store_id") is not None,
        version=VERSION,
    )


def _present(hub: Hub) -> frozenset[str]:
    """List the meters that are not given up: heard within a week, or waited for since the start."""
    now_ms = hub.machine.monotonic_ms()
    heard = {
        meter
        for meter, latest in hub.latest.items()
        if now_ms - latest.monotonic_ms <= GONE_AFTER_MS
    }
    if now_ms - hub.started_ms <= GONE_AFTER_MS:
        heard |= {meter_log.meter for meter_log in hub.log.all_logs()} - hub.latest.keys()
    return frozenset(heard)


def _place(hub: Hub, config: Config) -> BrokerPlace:
    tls = None
    if config.homeassistant_tls:
        tls = server_context(config.homeassistant_ca_file, hub.certificate_time)
    return BrokerPlace(
        config.homeassistant_host,
        config.homeassistant_port,
        f"hearthlink-home-{slug(config.hub_thing)}",
        config.homeassistant_username,
        config.homeassistant_password,
        tls,
    )
