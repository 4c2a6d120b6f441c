"""Starts what only some homes have: Home Assistant's broker, a screen on the hub itself.

Each brings libraries, so each is loaded only where it is configured. Decides nothing else.
"""

import asyncio

from agent.hub import Hub


def start_optional(group: asyncio.TaskGroup, hub: Hub) -> "list[asyncio.Task[None]]":
    """Start what the configuration names; raises OperatorError where a library is not installed."""
    tasks = []
    if hub.config.homeassistant_host:
        from agent.household import home_assistant  # noqa: PLC0415 (brings a library)

        tasks.append(group.create_task(home_assistant(hub).run(), name="home assistant"))
    return tasks
