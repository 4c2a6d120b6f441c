"""Runs inside the real Home Assistant's own environment: starts it, and prints what it has.

Prints one JSON document a question: the entities with their states, what the Energy dashboard finds
wrong with them, what its statistics add up to, and what its log complains of. Reads nothing of this
project.
"""

import asyncio
import functools
import itertools
import json
import sys
import time
from datetime import UTC, datetime, timedelta
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


PERIODS = itertools.count()
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
    by_price = {
        "stat_energy_from": wanted["import"],
        "stat_cost": None,
        "entity_energy_price": wanted["price"],
        "number_energy_price": None,
    }
    by_sum = {**by_price, "stat_cost": wanted["cost"], "entity_energy_price": None}
    exported = [{"stat_energy_to": wanted["export"]}]
    grid = {"type": "grid", "flow_to": exported, "cost_adjustment_day": 0}
    sources = [{**grid, "flow_from": [by_price]}, {**grid, "flow_from": [by_sum]}]
    gas = {"type": "gas", "stat_energy_from": wanted["gas"], "stat_cost": wanted["gas_cost"]}
    await manager.async_update({"energy_sources": [*sources, gas]})
    await compile_statistics(hass)
    found = await energy_validate.async_validate(hass)
    return list(found.as_dict()["energy_sources"])


async def sums(hass: Any, wanted: list[str]) -> dict[str, float]:
    """Add up what the statistics make of counters."""
    await compile_statistics(hass)
    read = functools.partial(
        statistics.statistics_during_period,
        hass,
        datetime.now(UTC) - timedelta(hours=1),
        None,
        {*wanted},
        "5minute",
        None,
        {"sum"},
    )
    found = await recorder.get_instance(hass).async_add_executor_job(read)
    return {entity: rows[-1]["sum"] for entity, rows in found.items()}


def complaints(folder: Path) -> list[str]:
    """List what the log complains of that has to do with MQTT, entities or statistics."""
    lines = (folder / "home.log").read_text(encoding="utf-8").splitlines()
    loud = (line for line in lines if " WARNING " in line or " ERROR " in line)
    return [line for line in loud if any(word in line for word in ("mqtt", "sensor", "hearthlink"))]


async def compile_statistics(hass: Any) -> None:
    """Have the statistics compiled that come of themselves every five minutes.

    A period is compiled once: each time that this is asked it is the turn of the next two, which
    find what there is at their beginning.
    """
    instance = recorder.get_instance(hass)
    await instance.async_block_till_done()
    for ahead in (next(PERIODS), next(PERIODS)):
        start = statistics.get_start_time() + timedelta(minutes=5 * ahead)
        instance.queue_task(tasks.StatisticsTask(start, False))
    await instance.async_block_till_done()


async def answer(hass: Any, question: dict[str, Any]) -> Any:
    """Answer one line of the test's."""
    if question["ask"] == "energy":
        return await energy(hass, question["entities"])
    if question["ask"] == "sums":
        return {"sums": await sums(hass, question["entities"])}
    if question["ask"] == "complaints":
        return {"complaints": complaints(Path(hass.config.config_dir))}
    if question["ask"] == "press":
        wanted = {"entity_id": question["entity"]}
        await hass.services.async_call("button", "press", wanted, blocking=True)
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
