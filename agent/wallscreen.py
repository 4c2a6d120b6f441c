"""Wires the hub to a screen on its own pins; loaded only where one is configured."""

from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from agent import metrics
from agent.config import Config
from agent.home.shown import build_shown
from agent.hub import Hub
from agent.screen.device import open_screen
from agent.screen.face import Face, build_face
from agent.screen.task import ScreenTask
from agent.screendrivers import ScreenSettings, read_interface
from agent.screensettings import read_span
from agent.status import read_home_inputs
from shared.exposition import Measured


def wall_screen(hub: Hub) -> ScreenTask:
    """Make what draws on the screen that the configuration names, and let the hub count it."""
    settings = screen_settings(hub.config)
    task = ScreenTask(
        partial(open_screen, settings),
        partial(_read_face, hub),
        partial(_read_mark, hub),
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="screen"),
        every_s=settings.every_s,
        theme=settings.theme,
        dim=settings.dim,
    )
    hub.read_displays.append(partial(count_screen, task))
    return task


def count_screen(task: ScreenTask) -> list[Measured]:
    """Count what was drawn, and what could not be."""
    return [
        Measured(metrics.PICTURES, task.drawn),
        Measured(metrics.SCREEN_FAILURES, task.failures),
    ]


def screen_settings(config: Config) -> ScreenSettings:
    """Take the screen out of a checked configuration."""
    size = (config.screen_width, config.screen_height)
    return ScreenSettings(
        driver=config.screen_driver,
        interface=read_interface(config.screen_driver, config.screen_interface),
        size=size if all(size) else None,
        rotate=config.screen_rotate,
        theme="light" if config.screen_theme == "light" else "dark",
        every_s=config.screen_every_s,
        dc_pin=config.screen_dc_pin,
        reset_pin=config.screen_reset_pin,
        light_pin=config.screen_light_pin,
        dim=read_span(config.screen_dim),
    )


def _read_face(hub: Hub) -> Face:
    return build_face(build_shown(read_home_inputs(hub)), hub.config.hub_zone)


def _read_mark(hub: Hub) -> Hashable:
    """Say what has been heard: when of each meter, and which messages are open."""
    heard = tuple(latest.monotonic_ms for latest in hub.latest.values())
    return heard, hub.messages.all(), hub.budget.millionths
