"""A prepayment meter's credit, from the bytes of its radio to every display in the home."""

import asyncio
from pathlib import Path

from agent.home.discovery import Naming
from agent.home.homeentities import list_home_entities
from agent.home.homestates import say_totals
from agent.home.inputs import PrepaymentState
from agent.home.shown import Shown, build_shown
from agent.home.snapshot import snapshot_of
from agent.home.view import build_view
from agent.household import read_facts
from agent.hub import Hub
from agent.screen.face import build_face
from agent.status import read_home_inputs
from agent.uplink.port import Channel
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.zigbee_account import PrepaidAccount
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from shared.clock import DrivenClock
from shared.readings import COUNTERS, CREDIT, PREPAYMENT, Medium, Sample, tells_credit
from shared.units import MS_PER_MINUTE
from tests.support import zigbee
from tests.support.clocks import StillClock
from tests.support.fakes import FakeUplink
from tests.support.hubs import START_MS, hub_in, sound_rows, take
from tests.support.zigbee import QUICK

METER = "SIM-E-0007"
MILLIONTHS = 100
"""In a ten-thousandth of a pound, the simulated meter's unit."""


def play(hub: Hub, meter: ZigbeeMeter, minutes: int) -> None:
    """Let a simulated meter report every minute, and commit what the hub took."""
    codec = ZigbeeCodec()
    for minute in range(1, minutes + 1):
        take(hub, codec.feed(meter.emit(START_MS + minute * MS_PER_MINUTE).telegram))
    asyncio.run(hub.intake.commit())


def prepaid() -> ZigbeeMeter:
    """A meter that is paid for beforehand: £12.50, £10.00 of emergency credit, £30.00 owed."""
    return ZigbeeMeter(7, START_MS, is_prepaid=True)


def account_of(meter: ZigbeeMeter) -> PrepaidAccount:
    """What a meter's account says now."""
    assert meter.account is not None
    return meter.account


def shown_by(hub: Hub) -> Shown:
    """What every display of the hub shows."""
    return build_shown(read_home_inputs(hub))


def test_every_display_shows_what_the_meter_told(tmp_path: Path) -> None:
    """The page, the screen, the panel and Home Assistant, from one state."""
    meter = prepaid()
    hub = hub_in(tmp_path)
    play(hub, meter, 1)
    shown = shown_by(hub)

    page = build_view(read_home_inputs(hub)).prepayment
    panel = snapshot_of(shown, hub.config.hub_zone)
    face = build_face(shown, hub.config.hub_zone)
    told = say_totals(shown)

    assert page is not None
    assert (page.balance_text, page.is_stale) == ("£12.50", False)
    assert (page.emergency_text, page.debt_text) == ("£10.00", "£30.00")
    assert panel.balance_millipence == account_of(meter).credit * 10
    assert (panel.emergency_millipence, panel.debt_millipence) == (1_000_000, 3_000_000)
    assert any("£12.50" in line.text for line in face.lines)
    assert told["balance"] == account_of(meter).credit / 10_000
    assert (told["emergency_credit"], told["debt"]) == (10.0, 30.0)


def test_credit_comes_from_the_stick_to_the_page(tmp_path: Path) -> None:
    """Asked for over the air by the real radio library; none of it is made by hand here."""
    meter = prepaid()
    folder = tmp_path / "stick"
    folder.mkdir()

    async def heard() -> list[bytes]:
        home = zigbee.Home(folder, meter)
        async with zigbee.plugged_in(home), zigbee.reading(zigbee.Hub(home, pace=QUICK)) as link:
            await link.until(lambda: any(CREDIT in one.registers for one, _ in link.samples))
            return link.lines

    hub = hub_in(tmp_path)
    lines = asyncio.run(asyncio.wait_for(heard(), zigbee.LONGEST_S))
    take(hub, ZigbeeCodec().feed(b"".join(line + b"\n" for line in lines)))

    page = build_view(read_home_inputs(hub)).prepayment
    assert page is not None
    assert page.balance_millionths == account_of(meter).credit * MILLIONTHS
    assert (page.currency, page.is_stale) == ("GBP", False)


def test_home_assistant_has_a_place_for_it_from_the_start(tmp_path: Path) -> None:
    """Over a restart too, before the meter has told again: none of its entities is taken back."""
    before = hub_in(tmp_path)
    play(before, prepaid(), 2)
    before.log.close()

    facts = read_facts(hub_in(tmp_path))

    entities = list_home_entities(
        facts.shown, Naming("hub", "homeassistant"), "", "", has_gas=False, has_cloud=False
    )
    keys = {entity.key for entity in entities}
    assert {"balance", "emergency_credit", "debt", "credit_as_of"} <= keys


def test_credit_is_logged_like_any_other_reading(tmp_path: Path) -> None:
    """In rows of its own beside those of energy, each counter as without it."""
    meter, by_bill = prepaid(), ZigbeeMeter(7, START_MS)
    folders = [tmp_path / "prepaid", tmp_path / "by-bill"]
    for folder in folders:
        folder.mkdir()
    hub, other = map(hub_in, folders)
    play(hub, meter, 40)
    play(other, by_bill, 40)

    rows = sound_rows(hub.log, hub.log.meters[METER])
    credit = [row.registers[CREDIT] for row in rows if tells_credit(row.registers)]
    energy = [row.registers for row in rows if COUNTERS & row.registers.keys()]

    assert len(credit) >= 2
    assert credit == sorted(credit, reverse=True)
    assert energy == [one.registers for one in sound_rows(other.log, other.log.meters[METER])]


def test_credit_alone_neither_drives_a_replays_clock_nor_hides_the_meters_power(
    tmp_path: Path,
) -> None:
    """It has no time of its own, and says nothing of what is used now."""
    hub = hub_in(tmp_path)
    meter = prepaid()
    play(hub, meter, 20)

    assert isinstance(hub.clock, DrivenClock)
    assert hub.clock.utc_ms() == START_MS + 20 * MS_PER_MINUTE
    assert "power_import_w" in hub.latest[METER].heard.sample.registers


def test_credit_is_never_sent_live(tmp_path: Path) -> None:
    """An app that shows power would take a sample without any for 0 W."""
    uplink = FakeUplink()
    uplink.is_connected = True
    hub = hub_in(
        tmp_path,
        clock=StillClock(utc_ms=START_MS),
        uplink=uplink,
        consent_granularity="live",
        uplink_live=True,
    )

    play(hub, prepaid(), 1)

    live = [payload for channel, payload in uplink.published if channel is Channel.LIVE]
    assert live
    assert not any(b"credit" in one for one in live)


def test_a_meter_in_credit_mode_shows_none(tmp_path: Path) -> None:
    """One that was always, and one that goes over to it."""
    hub = hub_in(tmp_path)
    play(hub, ZigbeeMeter(7, START_MS), 2)
    always = read_home_inputs(hub).prepayment
    play(hub, prepaid(), 2)
    prepaid_now = read_home_inputs(hub).prepayment

    by_bill = Sample(METER, Medium.ELECTRICITY, None, {PREPAYMENT: 0})
    take(hub, [Telegram((by_bill,))])

    assert prepaid_now is not None
    assert always is read_home_inputs(hub).prepayment is None


def test_the_state_is_the_accounts(tmp_path: Path) -> None:
    """To the ten-thousandth of a pound."""
    meter = prepaid()
    hub = hub_in(tmp_path)
    play(hub, meter, 1)
    account = account_of(meter)

    state = read_home_inputs(hub).prepayment

    assert isinstance(state, PrepaymentState)
    assert (state.currency, state.balance_millionths) == ("GBP", account.credit * MILLIONTHS)
    assert state.emergency_millionths == account.emergency * MILLIONTHS
    assert state.debt_millionths == account.debt * MILLIONTHS
