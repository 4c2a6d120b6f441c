"""Wires the hub to the panel on its wall; loaded only where one is configured."""

import secrets
from functools import partial

from agent.config import Config
from agent.firmware.panel import JOURNAL, PanelInstaller
from agent.firmware.work import FIRMWARE_NAME
from agent.home.panel import HouseholdMessages, PanelFacts, PanelFeed
from agent.home.panelrecord import PanelRecord
from agent.home.shown import build_shown
from agent.hub import Hub
from agent.status import read_home_inputs
from firmware_bridge.display.fields import U32_MAX
from firmware_bridge.display.hub_end import HubEnd
from firmware_bridge.display.line import HubLine
from firmware_bridge.display.messages import cut_text
from firmware_bridge.links.serial_port import open_serial

NAME_BYTES_MAX = 32
"""What WELCOME has room for."""


def panel_feed(hub: Hub) -> PanelFeed:
    """Make what feeds the panel, and let the hub tell how it is; to be called in the event loop."""
    port, baud = hub.config.panel_port, hub.config.panel_baud
    now_ms = hub.machine.monotonic_ms
    # A number that no earlier start of the hub had: the panel then forgets what it heard of that.
    session = secrets.randbelow(U32_MAX + 1)
    end = HubEnd(session, cut_text(hub.config.hub_thing, NAME_BYTES_MAX))
    feed = PanelFeed(
        lambda take: HubLine(partial(open_serial, port, baud=baud), end, take, now_ms),
        PanelRecord(port),
        HouseholdMessages(
            hub.messages.open, lambda number: hub.messages.answer(number, hub.likely_ms())
        ),
        partial(_read_facts, hub),
        partial(_heard_ms, hub),
        now_ms,
    )
    hub.read_panel = feed.view
    return feed


def panel_installer(config: Config, line: HubLine) -> PanelInstaller:
    """Make what brings firmware into the panel; it borrows the line while it does."""
    journal = config.hub_state_dir / FIRMWARE_NAME / JOURNAL
    return PanelInstaller(line.lend, config.update_panel_keys_file, journal)


def _read_facts(hub: Hub) -> PanelFacts:
    return PanelFacts(build_shown(read_home_inputs(hub)), hub.config.hub_zone)


def _heard_ms(hub: Hub) -> int:
    return max((latest.monotonic_ms for latest in hub.latest.values()), default=0)
