"""The hub with a panel at a pseudo-terminal: wired, loaded only where it is wanted."""

import asyncio
import contextlib
import os
import sys
import threading
import tty
from pathlib import Path

import pytest

from agent.firmware.installer import Installer
from agent.firmware.panel import PanelInstaller
from agent.home.messages import FACT
from agent.hub import Hub
from agent.optional import start_optional
from agent.pipeline import run_pipeline
from agent.status import in_a_line, read_home_inputs
from firmware_bridge.display.messages import Display, PanelMessage, Text
from firmware_bridge.display.panel_end import PanelEnd
from firmware_bridge.display.update_moves import Ended
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.simulator.panel import Boot, SimulatedPanel
from firmware_bridge.simulator.panel_cli import play_panel
from firmware_bridge.simulator.panel_faults import PanelFaults, read_panel_faults
from firmware_bridge.simulator.smp_boots import SmpBoots
from firmware_bridge.simulator.smp_flash import Flash
from shared.errors import ConfigError, OperatorError
from shared.jobs import Target
from shared.units import MS_PER_MINUTE
from tests.support.firmware import BOARD, FirmwareMaker
from tests.support.hubs import config_in, hub_in, sample, simulated, take, telegram
from tests.support.panel_line import HELLO
from tests.support.panel_updates import NEW, OLD

LIMIT_S = 60.0


def test_a_port_is_a_whole_path_of_its_own(tmp_path: Path) -> None:
    """No name that depends on where the hub was started, and no meter's."""
    with pytest.raises(ConfigError, match="whole path"):
        config_in(tmp_path, panel_port="ttyACM0")
    with pytest.raises(ConfigError, match="a meter has this port"):
        config_in(tmp_path, panel_port="/dev/ttyUSB0", meter_link="optical:/dev/ttyUSB0")

    assert config_in(tmp_path, panel_port="/dev/ttyACM0").panel_baud == 115_200


def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub told to drive a panel that it cannot says so at its start."""
    monkeypatch.setitem(sys.modules, "cobs", None)
    for name in [one for one in sys.modules if one.startswith("firmware_bridge.display.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("agent.panel", "agent.home.panel", "agent.home.panelrecord"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    hub = hub_in(tmp_path, panel_port="/dev/ttyACM0")

    async def start() -> None:
        async with asyncio.TaskGroup() as group:
            start_optional(group, hub, {})

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(start())

    found = caught.value.exceptions[0]
    assert isinstance(found, OperatorError)
    assert "panel" in found.hint


def test_what_a_meter_says_to_the_household_is_kept_with_the_next_commit(tmp_path: Path) -> None:
    """It costs the card no commit of its own."""
    hub = hub_in(tmp_path)
    take(hub, [Telegram((sample(1_000_000),), ("Power cut on Monday",))])
    assert hub.log.fact(FACT) is None

    asyncio.run(hub.intake.commit())

    assert [one.text for one in hub.messages.open()] == ["Power cut on Monday"]
    assert b"Power cut" in (hub.log.fact(FACT) or b"")


class Terminal:
    """A panel at the far end of a pseudo-terminal, in the test's own loop."""

    def __init__(self, folder: Path) -> None:
        self.panel = PanelEnd(HELLO)
        self.news: list[PanelMessage] = []
        self.path = folder / "panel"
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self.ours, False)
        self.path.symlink_to(os.ttyname(self._theirs))

    async def live(self, now_ms: "asyncio.AbstractEventLoop") -> None:
        """Be a panel until cancelled."""
        while True:
            at_ms = int(now_ms.time() * 1_000)
            with contextlib.suppress(BlockingIOError, OSError):
                for one in self.panel.receive(os.read(self.ours, 4_096), at_ms):
                    assert not isinstance(one, tuple)
                    self.news.append(one)
            self.panel.advance(at_ms)
            with contextlib.suppress(OSError):
                os.write(self.ours, self.panel.take_outgoing())
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Hang up."""
        os.close(self.ours)
        os.close(self._theirs)


async def feed_until(hub: Hub, terminal: Terminal) -> None:
    """Run what the configuration names until the panel shows power and a message."""
    kinds: set[type[PanelMessage]] = set()
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        started = start_optional(group, hub, {})
        started.append(group.create_task(terminal.live(asyncio.get_running_loop())))
        while not {Display, Text} <= kinds:
            await asyncio.sleep(0.01)
            kinds = {type(one) for one in terminal.news}
        for task in started:
            task.cancel()


def test_the_hub_shows_its_home_on_a_terminal(tmp_path: Path) -> None:
    """From the setting to the panel: power, a message, and how the panel is."""
    terminal = Terminal(tmp_path)
    hub = hub_in(tmp_path, panel_port=str(terminal.path))
    take(hub, [telegram(1_000_000, power_import_w=432)])
    take(hub, [Telegram((sample(1_000_100, power_import_w=432),), ("Hello",))])

    asyncio.run(feed_until(hub, terminal))
    terminal.close()

    assert any(isinstance(one, Display) and one.power_w == 432 for one in terminal.news)
    assert any(isinstance(one, Text) and one.text == "Hello" for one in terminal.news)
    panel = read_home_inputs(hub).hub.panel
    assert panel is not None
    assert (panel.board, panel.firmware, panel.starts) == ("pty", "1.2.3", 1)
    assert "panel" in in_a_line(hub)


def test_firmware_goes_over_the_line_that_shows_the_home(tmp_path: Path) -> None:
    """A job finds the installer there; the line is lent meanwhile, and shows the home after it."""
    maker, terminal = FirmwareMaker(), Terminal(tmp_path)
    (tmp_path / "maker.pem").write_text(maker.public_pem())
    boots, stop = SmpBoots(Flash.with_image(maker.make(OLD)), maker.public_pem()), threading.Event()

    def start() -> Boot:
        started = boots.start_surely()
        return Boot(started.firmware, started.server)

    panel = SimulatedPanel(PanelFaults(), start, board=BOARD)
    playing = threading.Thread(target=play_panel, args=(panel, terminal.ours, stop.is_set))
    keys = tmp_path / "maker.pem"
    hub = hub_in(tmp_path, panel_port=str(terminal.path), update_panel_keys_file=str(keys))
    take(hub, [telegram(1_000_000, power_import_w=432)])
    installers: dict[Target, Installer] = {}

    async def bring_in() -> Ended:
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            tasks = start_optional(group, hub, installers)
            installer = installers[Target.PANEL]
            assert isinstance(installer, PanelInstaller)
            while panel.shown is None:  # noqa: ASYNC110 (a real terminal)
                await asyncio.sleep(0.01)
            ended = await installer.update(maker.make(NEW))
            while panel.shown is None:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            return ended

    playing.start()
    try:
        ended = asyncio.run(bring_in())
    finally:
        stop.set()
        playing.join()
        terminal.close()

    assert ended.is_installed
    assert panel.starts == 2
    assert panel.shown is not None
    assert panel.shown.power_w == 432


@pytest.mark.parametrize(
    "faults",
    ["babble@0s+1h", "loop=20ms@0s+1h", "flood@0s+1h", "version=2", "stall=1h@0s", "drop=1/2"],
)
def test_no_panel_costs_the_meter_a_reading(faults: str, tmp_path: Path) -> None:
    """Whatever a panel does, each telegram is committed, and no part of the hub is late."""
    telegrams = list(simulated(20 * MS_PER_MINUTE))
    (tmp_path / "capture").write_bytes(b"".join(raw for raw, _ in telegrams))
    expected = sum(line.must_log for _, lines in telegrams for line in lines)
    link, stop = f"replay:{tmp_path / 'capture'}", threading.Event()
    terminal = Terminal(tmp_path)
    panel = SimulatedPanel(read_panel_faults(faults))
    wild = threading.Thread(target=play_panel, args=(panel, terminal.ours, stop.is_set))
    hub = hub_in(tmp_path, panel_port=str(terminal.path), meter_link=link, hub_clock="meter")

    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            tasks = [*start_optional(group, hub, {}), group.create_task(run_pipeline(hub))]
            while hub.intake.counts.committed < expected:  # noqa: ASYNC110 (a real terminal)
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()

    wild.start()
    try:
        asyncio.run(run())
    finally:
        stop.set()
        wild.join()
        terminal.close()

    assert hub.intake.counts.committed == expected
    assert hub.liveness.late() == {}
    assert panel.starts > 1 or "loop" not in faults
