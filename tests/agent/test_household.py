"""What the hub hands to the household's Home Assistant."""

import asyncio
from pathlib import Path

from agent.home.discovery import Naming, plan
from agent.home.entities import announce
from agent.home.homeassistant import HomeAssistant
from agent.household import GONE_AFTER_MS, home_assistant, read_facts
from agent.status import read_home_inputs
from firmware_bridge.meters.codec import Telegram
from shared.clock import DrivenClock
from shared.meterdays import usage_between
from tests.support.hubs import METER, START_MS, gas_telegram, hub_in, sample, take, telegram

NAMING = Naming("hub-1")


def test_registers_are_told_once_they_are_committed(tmp_path: Path) -> None:
    """A power cut takes back nothing that Home Assistant has heard."""
    hub = hub_in(tmp_path)
    take(hub, [telegram(1_000_000)])

    before = read_facts(hub).counters
    asyncio.run(hub.intake.commit())
    after = read_facts(hub).counters

    assert before == {}
    assert [(one.register, one.run) for one in after[METER]][:1] == [("import_mwh", "")]


def test_a_meter_not_heard_for_a_week_is_given_up(tmp_path: Path) -> None:
    """It is taken out of Home Assistant, and comes back when it is heard."""
    hub = hub_in(tmp_path)
    take(hub, [telegram(1_000_000)])
    asyncio.run(hub.intake.commit())
    present = read_facts(hub).present
    said = hub.latest[METER]
    hub.latest[METER] = said._replace(monotonic_ms=said.monotonic_ms - GONE_AFTER_MS - 60_000)

    later = read_facts(hub)

    assert present == {METER}
    assert (later.present, later.counters) == (frozenset(), {})


def test_tls_to_the_broker_is_optional(tmp_path: Path) -> None:
    """A broker on the home network may go without; asked for, certificates are checked."""

    (tmp_path / "plain").mkdir()
    (tmp_path / "tls").mkdir()

    async def places() -> tuple[object, object]:
        plain = hub_in(tmp_path / "plain", homeassistant_host="broker")
        secure = hub_in(tmp_path / "tls", homeassistant_host="broker", homeassistant_tls=True)
        return home_assistant(plain).broker._place.tls, home_assistant(secure).broker._place.tls

    none, context = asyncio.run(places())

    assert none is None
    assert context is not None


def test_what_the_homes_own_source_makes_is_summed_beside_the_supply(tmp_path: Path) -> None:
    """A meter of role generation counts for self-use, and for no total of the supply."""
    hub = hub_in(
        tmp_path,
        meter=[{"link": "replay:a"}, {"link": "replay:b", "role": "generation"}],
    )
    for step in range(7):
        at_ms = START_MS + step * 600_000
        bought = sample(1_000_000 + step * 50_000, at_ms, export_mwh=step * 10_000)
        made = sample(5_000, at_ms, meter="S1", export_mwh=step * 30_000)
        hub.take([Telegram((bought,))], hub.config.meters[0])
        hub.take([Telegram((made,))], hub.config.meters[1])
    asyncio.run(hub.intake.commit())

    inputs = read_home_inputs(hub)

    assert usage_between(inputs.generation_slots, START_MS, START_MS + 3_600_000).amount == 180_000
    assert usage_between(inputs.export_slots, START_MS, START_MS + 3_600_000).amount == 60_000
    solar = read_facts(hub).shown.solar
    assert solar is not None
    assert solar.self_use_mwh == 120_000


def test_a_restart_takes_nothing_out_of_home_assistant(tmp_path: Path) -> None:
    """Before any meter is heard, and before the cloud is joined again, all that was there stays."""
    hub = hub_in(tmp_path)
    for step in range(7):
        at_ms = START_MS + step * 600_000
        take(hub, [gas_telegram(1_000_000 + step * 50_000, at_ms, 1_000 + step * 40, at_ms)])
    asyncio.run(hub.intake.commit())
    hub.budget.set(60_000_000)
    hub.log.put_fact("store_id", b"one")
    before = read_facts(hub)
    messages = plan({}, announce(before, NAMING), NAMING, "device")
    held = {one.topic: one.payload for one in messages}
    hub.log.close()

    again = hub_in(tmp_path, clock=DrivenClock(START_MS + 4_200_000))
    after = read_facts(again)

    assert before.has_cloud
    assert {one.key for one in announce(before, NAMING).entities} > {"gas_today", "budget_used"}
    assert after.counters == {}
    assert plan(held, announce(after, NAMING), NAMING, "device") == []
    again.log.close()


def test_a_message_is_acknowledged_from_home_assistant(tmp_path: Path) -> None:
    """As at the page or a panel; one that is not there is not."""
    hub = hub_in(tmp_path, homeassistant_host="broker.invalid")
    for _ in range(2):
        hub.messages.hear(Telegram((), ("Power off",)), "p1", now_ms=1, utc_ms=START_MS)

    async def make() -> HomeAssistant:
        return home_assistant(hub)

    home = asyncio.run(make())

    assert (home._acknowledge(9), home._acknowledge(1)) == (False, True)
    assert hub.messages.open() == []
    hub.log.close()
