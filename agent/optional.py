"""Starts what only some homes have: Home Assistant's broker, a screen, a panel on the wall.

Each brings libraries, so each is loaded only where it is configured. Decides nothing else.
"""

import asyncio

from agent.firmware.installer import Installer
from agent.hub import Hub
from shared.errors import OperatorError
from shared.jobs import Target


def start_optional(
    group: asyncio.TaskGroup, hub: Hub, installers: dict[Target, Installer]
) -> "list[asyncio.Task[None]]":
    """Start what the configuration names, and name there what takes firmware.

    Raises OperatorError where a library is not installed.
    """
    tasks = []
    if hub.config.homeassistant_host:
        from agent.household import home_assistant  # noqa: PLC0415 (brings a library)

        tasks.append(group.create_task(home_assistant(hub).run(), name="home assistant"))
    if hub.config.screen_driver:
        try:
            from agent.wallscreen import wall_screen  # noqa: PLC0415 (brings Pillow)
        except ModuleNotFoundError as error:
            raise OperatorError(
                f"screen.driver needs the package {error.name}, which is not installed",
                hint="pip install 'hearthlink[agent,screen]', or take screen.driver out",
            ) from error
        tasks.append(group.create_task(wall_screen(hub).run(), name="screen"))
    if hub.config.panel_port:
        try:
            from agent.panel import panel_feed, panel_installer  # noqa: PLC0415 (brings two)
        except ModuleNotFoundError as error:
            raise OperatorError(
                f"panel.port needs the package {error.name}, which is not installed",
                hint="pip install 'hearthlink[agent,panel]', or take panel.port out",
            ) from error
        feed = panel_feed(hub)
        installers[Target.PANEL] = panel_installer(hub.config, feed.line)
        tasks.append(group.create_task(feed.run(), name="panel"))
    if hub.config.update_radio_port:
        from agent.firmware.radio import RadioInstaller  # noqa: PLC0415 (seldom set)

        installers[Target.RADIO] = RadioInstaller(hub.config.update_radio_port, hub.radio.borrow)
    return tasks
