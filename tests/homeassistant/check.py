"""Shows the home to the real Home Assistant, through a real Mosquitto, and looks at what it made.

    python -m tests.homeassistant.check PYTHON

`PYTHON` is that of an environment in which Home Assistant is installed. Not a part of the ordinary
tests: it takes half a minute, and 300 MB that nothing else needs. `make test-homeassistant` does
both. Ends with status 1 at the first thing that is not as it should be.
"""

import asyncio
import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

from agent.home.broker import BrokerPlace
from agent.home.discovery import Naming
from agent.home.entities import Facts
from agent.home.homeassistant import HomeAssistant
from agent.home.homestates import MAX_STATE_CHARS
from agent.home.inputs import Counter, HomeInputs, Message, PrepaymentState
from agent.home.power import STALE_AFTER_MS
from shared.calendar import slot_of_sample
from shared.meterdays import SlotUsage
from tests.homeassistant.room import SOON_S, START_S_MAX, Inside, inside, listen
from tests.support.home_facts import GAS, IMPORT, home_facts
from tests.support.home_inputs import GAS_METER, METER, NOW_MS, electricity_meter, home_inputs
from tests.support.plain_broker import HOST, PlainBroker

NAMING = Naming("hub-1")
BIRTH_S_MAX = 5.0
"""How soon after its birth Home Assistant has everything right."""

EXPORT = Counter("export_mwh", "", 250_000)
ANEW = Counter("import_mwh", "r2", 5_000_000_000)
LATER = Counter("import_mwh", "", 12_346_178_000)
EXPORTS = {slot_of_sample(NOW_MS) - 1: SlotUsage(250_000, is_estimated=False)}
MESSAGE = Message(7, "Planned maintenance in your street on 3 May. " * 8, NOW_MS)
CREDIT = PrepaymentState(NOW_MS - 60_000, "GBP", 4_210_000, 10_000_000, 25_000_000)
REGISTER, EXPORTED = f"meter-{METER}_import_mwh", f"meter-{METER}_export_mwh"
NEW, BURNT = f"{REGISTER}-r2", f"meter-{GAS_METER}_gas_l"


def states(found: dict[str, Any], *keys: str) -> list[str | None]:
    """The states of some entities; None for one that is not there."""
    return [found[key]["state"] if key in found else None for key in keys]


def a_home() -> HomeInputs:
    """A home that has everything there is to show."""
    return home_inputs(
        export_slots=EXPORTS,
        generation_slots=EXPORTS,
        budget_millionths=90_000_000,
        prepayment=CREDIT,
        messages=[MESSAGE],
    )


class Told:
    """The hub's end: what it tells, and what was acknowledged in Home Assistant."""

    def __init__(self, port: int) -> None:
        self.facts = home_facts(a_home(), counters={METER: [IMPORT, EXPORT], GAS_METER: [GAS]})
        self.read: list[int] = []
        self.port = port
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell from now on."""
        place = BrokerPlace(HOST, self.port, "hearthlink-home")
        home = HomeAssistant(
            place, NAMING, "entity", lambda: self.facts, acknowledge=self._acknowledge
        )
        self._task = asyncio.create_task(home.run())

    async def stop(self) -> None:
        """Tell no more."""
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def change(self, **changes: Any) -> None:
        """Tell something else at the next turn."""
        self.facts = self.facts._replace(**changes)

    def show(self, inputs: HomeInputs) -> None:
        """Show another home, with the same meters."""
        self.change(shown=home_facts(inputs).shown)

    def _acknowledge(self, message: int) -> bool:
        self.read.append(message)
        self.show(home_inputs(export_slots=EXPORTS, budget_millionths=90_000_000))
        return True


async def check(python: str, folder: Path) -> None:
    """Go through a meter's life: seen, put into the dashboard, changed, gone, the hub off."""
    with PlainBroker(folder) as broker:
        hub, birth = Told(broker.port), asyncio.Event()
        listen(broker.port, NAMING.birth, asyncio.get_running_loop(), birth)
        hub.start()
        async with inside(python, folder, broker.port, NAMING.node) as one:
            version = (await one.read())["version"]
            await asyncio.wait_for(birth.wait(), START_S_MAX)
            seconds = await one.until(is_right, BIRTH_S_MAX)
            tell(f"Home Assistant {version}: all right {seconds:.1f} s after its birth")
            found = await one.entities()
            look_at_classes(found, hub.facts)
            look_at_household(found, hub.facts)
            await look_at_silence(one, hub)
            await look_at_messages(one, hub)
            await look_at_gap(one, hub)
            await look_at_energy(one)
            await look_at_changes(one, hub)
            await hub.stop()
            off: list[str | None] = ["unavailable", "unavailable"]
            await one.until(lambda found: states(found, "home_power_w", NEW) == off, SOON_S)
            tell("a hub that is off is unavailable")
            complaints = (await one.ask(ask="complaints"))["complaints"]
            assert complaints == [], complaints
            tell("Home Assistant complains of nothing in its log")


def is_right(found: dict[str, Any]) -> bool:
    """Tell whether power and registers are what the hub told."""
    watched = states(found, "home_power_w", REGISTER, EXPORTED, BURNT)
    return watched == ["1436", "12345.678", "0.25", "4812.345"]


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
    # A button's state is when it was pressed last.
    assert unknown == {"home_acknowledge"}, unknown
    tell(f"{len(found)} entities, each with its class and state")


def look_at_household(found: dict[str, Any], facts: Facts) -> None:
    """Hold budget, credit, tariff and the light's thresholds against what the hub shows."""
    budget, scale = facts.shown.budget, facts.shown.power.scale
    assert budget is not None
    assert float(found["home_budget_used"]["state"]) == (budget.used_permille or 0) / 10
    left = (budget.limit_millionths - (budget.spent_millionths or 0)) / 1e6
    assert abs(float(found["home_budget_left"]["state"]) - left) < 1e-6, left
    assert found["home_budget_state"]["state"] == budget.state, found["home_budget_state"]
    credit = states(found, "home_balance", "home_emergency_credit", "home_debt")
    assert credit == ["4.21", "10.0", "25.0"], credit
    assert found["home_light"]["attributes"]["high_from_w"] == scale.high_from_w
    assert states(found, "home_rate_name", "home_cheap_now") == ["day rate", "off"]
    tell("budget, credit, tariff and thresholds are those of the display")


async def look_at_silence(one: Inside, hub: Told) -> None:
    """A meter that falls silent has no power and no light, and nothing keeps its last value."""
    hub.show(
        dataclasses.replace(a_home(), meters=[electricity_meter(age_ms=STALE_AFTER_MS + 60_000)])
    )
    unknown: list[str | None] = ["unknown", "unknown", "off"]
    watched = ("home_power_w", "home_light", "home_meter_link")
    await one.until(lambda found: states(found, *watched) == unknown, SOON_S)
    hub.show(a_home())
    await one.until(lambda found: states(found, "home_light") == ["high"], SOON_S)
    tell("power and light of a silent meter are unknown")


async def look_at_messages(one: Inside, hub: Told) -> None:
    """A long text is cut to a state and whole beside it; the button has it read, and goes."""
    found = await one.entities()
    assert states(found, "home_messages_open") == ["1"], found["home_messages_open"]
    assert len(found["home_message"]["state"]) <= MAX_STATE_CHARS
    assert found["home_message"]["attributes"]["text"] == MESSAGE.text
    await one.ask(ask="press", entity=found["home_acknowledge"]["entity_id"])
    gone: list[str | None] = ["0", "unavailable", "unavailable"]
    watched = ("home_messages_open", "home_message", "home_acknowledge")
    await one.until(lambda found: states(found, *watched) == gone, SOON_S)
    assert hub.read == [MESSAGE.message_id], hub.read
    tell("a message is shown, and read by its button")


async def look_at_gap(one: Inside, hub: Told) -> None:
    """The hub is off while the meter counts half a kilowatt-hour, and comes back."""
    await hub.stop()
    await one.until(lambda found: states(found, REGISTER) == ["unavailable"], SOON_S)
    hub.change(counters={METER: [LATER, EXPORT], GAS_METER: [GAS]})
    hub.start()
    await one.until(lambda found: states(found, REGISTER) == ["12346.178"], SOON_S)


async def look_at_energy(one: Inside) -> None:
    """Have the Energy dashboard judge what it is given, and add up what it made of the gap."""
    found = await one.entities()
    chosen = {
        "import": REGISTER,
        "export": EXPORTED,
        "gas": BURNT,
        "price": "home_rate",
        "gas_cost": "home_gas_cost_today",
        "cost": "home_cost_today",
    }
    entities = {name: found[key]["entity_id"] for name, key in chosen.items()}
    issues = await one.ask(ask="energy", entities=entities)
    assert issues == [[], [], []], issues
    tell("the Energy dashboard finds nothing wrong with import, export, gas, price and cost")
    sums = (await one.ask(ask="sums", entities=[entities["import"], entities["gas"]]))["sums"]
    assert round(sums[entities["import"]], 6) == 0.5, sums
    assert sums[entities["gas"]] == 0, sums
    tell("a gap counts what was used in it, once, and nothing else")


async def look_at_changes(one: Inside, hub: Told) -> None:
    """A register begins anew at 5,000 kWh, which nobody used; then a meter goes."""
    hub.change(counters={METER: [ANEW, EXPORT], GAS_METER: [GAS]})
    found = await one.until_found(lambda now: states(now, NEW, REGISTER) == ["5000.0", None])
    entity = found[NEW]["entity_id"]
    sums = (await one.ask(ask="sums", entities=[entity]))["sums"]
    assert sums == {entity: 0}, sums
    tell("a new run of the register took the place of the old, and counts from its first value")
    hub.change(counters={METER: [ANEW]}, present=frozenset({METER}))
    await one.until(lambda found: states(found, BURNT) == [None], SOON_S)
    tell("a meter that is gone was taken out")


def tell(text: str) -> None:
    """Say what was found."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hearthlink-home-") as scratch:
        asyncio.run(check(sys.argv[1], Path(scratch)))
