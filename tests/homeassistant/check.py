"""Shows the home to the real Home Assistant, through a real Mosquitto, and looks at what it made.

    python -m tests.homeassistant.check PYTHON

`PYTHON` is that of an environment in which Home Assistant is installed. Not a part of the ordinary
tests: it takes half a minute, and 300 MB that nothing else needs. `make test-homeassistant` does
both. Ends with status 1 at the first thing that is not as it should be.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.ports import free_port
from agent.home.broker import BrokerPlace
from agent.home.discovery import Naming
from agent.home.entities import Facts
from agent.home.homeassistant import HomeAssistant
from agent.home.inputs import Counter
from shared.calendar import slot_of_sample
from shared.meterdays import SlotUsage
from tests.support.home_facts import GAS, IMPORT, home_facts
from tests.support.home_inputs import GAS_METER, METER, NOW_MS, home_inputs
from tests.support.plain_broker import HOST, PlainBroker

INSIDE = Path(__file__).with_name("inside.py")
NAMING = Naming("hub-1")
BIRTH_S_MAX = 5.0
"""How soon after its birth Home Assistant has everything right."""

START_S_MAX = 60.0
EXPORT = Counter("export_mwh", "", 250_000)
ANEW = Counter("import_mwh", "r2", 5_000_000_000)
EXPORTS = {slot_of_sample(NOW_MS) - 1: SlotUsage(250_000, is_estimated=False)}


class Inside:
    """The Home Assistant, asked a line and answering one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self) -> Any:
        """Read its next answer."""
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            while True:
                line = await self._process.stdout.readline()
                assert line, "Home Assistant ended"
                if line.startswith((b"{", b"[")):
                    return json.loads(line)

    async def ask(self, **question: Any) -> Any:
        """Ask, and read the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.read()

    async def entities(self) -> dict[str, Any]:
        """List its MQTT entities, by the hub's own keys."""
        answer = await self.ask(ask="entities")
        found: dict[str, Any] = answer["entities"]
        return {key.removeprefix(f"{NAMING.node}_"): one for key, one in found.items()}

    async def until(self, is_so: Callable[[dict[str, Any]], bool], seconds: float) -> float:
        """Wait until its entities are so; return how long that took."""
        started = time.monotonic()
        while not is_so(found := await self.entities()):
            spent = time.monotonic() - started
            assert spent < seconds, f"not so after {seconds} s: {json.dumps(found, indent=1)}"
            await asyncio.sleep(0.1)
        return time.monotonic() - started


@contextlib.asynccontextmanager
async def inside(python: str, folder: Path, port: int) -> AsyncIterator[Inside]:
    """Run a Home Assistant that knows the broker."""
    process = await asyncio.create_subprocess_exec(
        python, str(INSIDE), str(folder / "config"), str(port), str(free_port()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=(folder / "inside.err").open("wb"),
        limit=1 << 20,
    )  # fmt: skip
    try:
        yield Inside(process)
    finally:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


def listen(port: int, loop: asyncio.AbstractEventLoop, birth: asyncio.Event) -> None:
    """Set the event when Home Assistant says at the broker that it was born."""

    def hear(*_: object) -> None:
        loop.call_soon_threadsafe(birth.set)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe(NAMING.birth)
    client.on_message = hear
    client.connect(HOST, port)
    client.loop_start()


def states(found: dict[str, Any], *keys: str) -> list[str | None]:
    """The states of some entities; None for one that is not there."""
    return [found[key]["state"] if key in found else None for key in keys]


async def check(python: str, folder: Path) -> None:
    """Go through a meter's life: seen, put into the dashboard, changed, gone, the hub off."""
    facts = home_facts(
        home_inputs(export_slots=EXPORTS),
        counters={METER: [IMPORT, EXPORT], GAS_METER: [GAS]},
    )
    now: list[Facts] = [facts]
    register, new, gas = f"meter-{METER}_import_mwh", f"meter-{METER}_import_mwh-r2", GAS_METER
    watched = ("home_power_w", register, f"meter-{METER}_export_mwh", f"meter-{gas}_gas_l")
    expected: list[str | None] = ["1436", "12345.678", "0.25", "4812.345"]
    with PlainBroker(folder) as broker:
        home = HomeAssistant(
            BrokerPlace(HOST, broker.port, "hearthlink-home"), NAMING, "entity", lambda: now[0]
        )
        birth = asyncio.Event()
        listen(broker.port, asyncio.get_running_loop(), birth)
        telling = asyncio.create_task(home.run())
        async with inside(python, folder, broker.port) as one:
            version = (await one.read())["version"]
            await asyncio.wait_for(birth.wait(), START_S_MAX)
            seconds = await one.until(
                lambda found: states(found, *watched) == expected, BIRTH_S_MAX
            )
            tell(f"Home Assistant {version}: all right {seconds:.1f} s after its birth")
            found = await one.entities()
            look_at_classes(found, facts)
            await look_at_energy(one, found, register)
            now[0] = facts._replace(counters={METER: [ANEW, EXPORT], GAS_METER: [GAS]})
            await one.until(lambda found: states(found, new, register) == ["5000.0", None], 15)
            tell("a new run of the register took the place of the old")
            now[0] = now[0]._replace(counters={METER: [ANEW]}, present=frozenset({METER}))
            await one.until(lambda found: states(found, f"meter-{gas}_gas_l") == [None], 15)
            tell("a meter that is gone was taken out")
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            off: list[str | None] = ["unavailable", "unavailable"]
            await one.until(lambda found: states(found, "home_power_w", new) == off, 15)
            tell("a hub that is off is unavailable")


def look_at_classes(found: dict[str, Any], facts: Facts) -> None:
    """Hold the day's cost against what the hub shows, with the midnight it began at."""
    cost = found["home_cost_today"]
    assert float(cost["state"]) == (facts.shown.cost.total_millionths or 0) / 1_000_000, cost
    assert cost["attributes"]["state_class"] == "total", cost
    assert cost["attributes"]["last_reset"] == "2026-11-20T00:00:00+00:00", cost
    assert cost["attributes"]["unit_of_measurement"] == "GBP", cost
    assert found["home_light"]["state"] == facts.shown.power.level, found["home_light"]
    assert found["home_meter_link"]["state"] == "on", found["home_meter_link"]
    assert found["home_next_cheap_at"]["state"] == "2026-11-21T00:30:00+00:00"
    unknown = {key for key, one in found.items() if one["state"] in ("unknown", "unavailable")}
    assert unknown == {"home_self_use_today"}, unknown
    tell(f"{len(found)} entities, each with its class and state")


async def look_at_energy(one: Inside, found: dict[str, Any], register: str) -> None:
    """Put import, export, gas and the price into the Energy dashboard, and have it judge them."""
    chosen = {
        "import": register,
        "export": f"meter-{METER}_export_mwh",
        "gas": f"meter-{GAS_METER}_gas_l",
        "price": "home_rate",
    }
    issues = await one.ask(
        ask="energy", entities={name: found[key]["entity_id"] for name, key in chosen.items()}
    )
    assert issues == [[], []], issues
    tell("the Energy dashboard finds nothing wrong with import, export, gas and price")


def tell(text: str) -> None:
    """Say what was found."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hearthlink-home-") as scratch:
        asyncio.run(check(sys.argv[1], Path(scratch)))
