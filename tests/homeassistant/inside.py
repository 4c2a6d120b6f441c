"""Runs inside the real Home Assistant's own environment: starts it, and prints what it has.

Prints one JSON document a question: the entities with their states, then what the Energy dashboard
finds wrong with them. Reads nothing of this project.
"""

import asyncio
import functools
import json
import sys
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

# By name: it is not installed where the project's types are checked.
bootstrap = import_module("homeassistant.bootstrap")
runner = import_module("homeassistant.runner")
energy_data = import_module("homeassistant.components.energy.data")
energy_validate = import_module("homeassistant.components.energy.validate")
recorder = import_module("homeassistant.components.recorder")
statistics = import_module("homeassistant.components.recorder.statistics")
tasks = import_module("homeassistant.components.recorder.tasks")
device_registry = import_module("homeassistant.helpers.device_registry")
entity_registry = import_module("homeassistant.helpers.entity_registry")
VERSION = import_module("homeassistant.const").__version__


SECONDS_MAX = 60.0
ENTRY = {
    "entry_id": "hearthlink0000000000000000000000",
    "version": 1,
    "minor_version": 1,
    "domain": "mqtt",
    "title": "mqtt",
    "options": {},
    "pref_disable_new_entities": False,
    "pref_disable_polling": False,
    "source": "user",
    "unique_id": None,
    "disabled_by": None,
}


def prepare(folder: Path, broker_port: int, page_port: int) -> None:
    """Write the configuration of a Home Assistant that knows its broker."""
    (folder / ".storage").mkdir(parents=True)
    (folder / "configuration.yaml").write_text(
        f"http:\n  server_host: 127.0.0.1\n  server_port: {page_port}\nrecorder:\nenergy:\n"
    )
    stored = {
        "version": 1,
        "minor_version": 1,
        "key": "core.config_entries",
        "data": {
            "entries": [
                {**ENTRY, "data": {"broker": "127.0.0.1", "port": broker_port, "discovery": True}}
            ]
        },
    }
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))


def entities(hass: Any) -> dict[str, Any]:
    """List what MQTT discovery made: by unique id, with the state, its attributes and device."""
    devices = device_registry.async_get(hass)
    found = {}
    for one in entity_registry.async_get(hass).entities.values():
        if one.platform != "mqtt":
            continue
        state = hass.states.get(one.entity_id)
        device = devices.async_get(one.device_id) if one.device_id else None
        found[one.unique_id] = {
            "entity_id": one.entity_id,
            "state": state.state if state else None,
            "attributes": json.loads(json.dumps(dict(state.attributes), default=str))
            if state
            else {},
            "device": device.name if device else None,
        }
    return found


async def energy(hass: Any, wanted: dict[str, str]) -> list[Any]:
    """Put entities into the Energy dashboard; return what it finds wrong with each source."""
    manager = await energy_data.async_get_manager(hass)
    grid = {
        "type": "grid",
        "flow_from": [
            {
                "stat_energy_from": wanted["import"],
                "stat_cost": None,
                "entity_energy_price": wanted["price"],
                "number_energy_price": None,
            }
        ],
        "flow_to": [{"stat_energy_to": wanted["export"]}],
        "cost_adjustment_day": 0,
    }
    gas = {"type": "gas", "stat_energy_from": wanted["gas"]}
    await manager.async_update({"energy_sources": [grid, gas]})
    await compile_statistics(hass, {*wanted.values()} - {wanted["price"]})
    found = await energy_validate.async_validate(hass)
    return list(found.as_dict()["energy_sources"])


async def compile_statistics(hass: Any, wanted: set[str]) -> None:
    """Have the statistics compiled that come of themselves every five minutes."""
    instance = recorder.get_instance(hass)
    instance.queue_task(
        tasks.StatisticsTask(statistics.get_start_time() + timedelta(minutes=5), False)
    )
    read = functools.partial(statistics.get_metadata, hass, statistic_ids=wanted)
    async with asyncio.timeout(SECONDS_MAX):
        while wanted - set(await instance.async_add_executor_job(read)):  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.2)


async def answer(hass: Any, question: dict[str, Any]) -> Any:
    """Answer one line of the test's."""
    if question["ask"] == "energy":
        return await energy(hass, question["entities"])
    return {"at": time.time(), "version": VERSION, "entities": entities(hass)}


async def main(folder: Path, broker_port: int, page_port: int) -> None:
    """Start, answer questions from the standard input until it ends, and stop."""
    prepare(folder, broker_port, page_port)
    hass = await bootstrap.async_setup_hass(
        runner.RuntimeConfig(str(folder), skip_pip=True, log_file=str(folder / "home.log"))
    )
    if hass is None:
        sys.exit("Home Assistant did not start")
    await hass.async_start()
    loop = asyncio.get_running_loop()
    sys.stdout.write(json.dumps({"at": time.time(), "version": VERSION}) + "\n")
    sys.stdout.flush()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(json.dumps(await answer(hass, json.loads(line))) + "\n")
        sys.stdout.flush()
    await hass.async_stop(force=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
