"""The hub's parts together: clocks believed, rows freed, live sent, tariffs taken, state shown."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from agent.app import build_hub
from agent.departures import read_departures, read_totals
from agent.hub import Hub
from agent.pieces import Piece
from agent.records import Batch
from agent.roles import Role
from agent.status import in_a_line, read_home_inputs
from agent.upkeep.retention import MAX_FREED_ROWS
from agent.uplink.framing import Chunk
from agent.uplink.port import Channel
from agent.uplink.sender import SessionHooks, SessionRules
from agent.uplink.session import Session
from firmware_bridge.links import LinkEvent, LinkEventKind
from firmware_bridge.meters.codec import Refused, Telegram
from shared.clock import DrivenClock, SystemClock
from shared.consent import Granularity
from shared.errors import RetryableError
from shared.frames import Frame, GapKind
from shared.protocol import ConsentLimit, decode_live
from shared.readings import Medium, Sample
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.clocks import StillClock
from tests.support.fakes import FakeCloud, FakeUplink
from tests.support.hubs import (
    METER,
    START_MS,
    append,
    append_loose,
    config_in,
    gas_telegram,
    hub_in,
    link_of,
    row_at,
    sample,
    sound_rows,
    take,
    telegram,
)


def session_of(hub: Hub, uplink: FakeUplink) -> Session:
    """Give a hub a session over a fake uplink."""
    rules = SessionRules(300, 5, 0, hub.chunk_rows, lambda: hub.ledger.size, hub.cut)
    hooks = SessionHooks(
        monotonic_ms=lambda: 10_000_000,
        utc_ms=hub.utc_ms,
        on_cloud_time=hub.hear_cloud_time,
        on_tariff=hub.take_tariffs,
        on_bad_input=lambda *_: None,
        sharing=hub.sharing,
    )
    session = Session(hub.log, uplink, rules, hooks, "1.0")
    asyncio.run(uplink.start(session.deliver))
    return session


def take_hours(hub: Hub, hours: int) -> None:
    """Let a meter with a clock drive a replay, a telegram a minute, and commit."""
    take_minutes(hub, range(hours * 60))
    asyncio.run(hub.intake.commit())


def take_minutes(hub: Hub, minutes: range) -> None:
    """Let the meter say a telegram a minute, and commit nothing."""
    for minute in minutes:
        take(hub, [telegram(10**9 + minute * 100, START_MS + (minute + 1) * 60_000)])


def cut_all(hub: Hub) -> Frame | None:
    """Cut a frame from all that is durable of the hub's one meter."""
    meter_log = hub.log.meters[METER]
    held = hub.log.held_range(meter_log.log) or (0, 0)
    return hub.cut(meter_log, Chunk(*held, hub.log.read(meter_log.log, *held), False)).frame


def test_a_replay_is_timed_by_its_meter(tmp_path: Path) -> None:
    """The meter's clock drives the hub's, so that a capture of last year is framed as of then."""
    hub = hub_in(tmp_path, hub_clock="meter")
    take_hours(hub, 7)

    rows = sound_rows(hub.log, hub.log.meters[METER])

    assert [hub.ledger.resolve(row) for row in rows[:2]] == [
        (START_MS + 60_000, 0),
        (START_MS + 120_000, 0),
    ]
    assert all(hub.ledger.resolve(row) for row in rows)
    assert hub.utc_ms() == START_MS + 7 * MS_PER_HOUR


def test_a_driven_clock_asks_neither_kernel_nor_cloud(tmp_path: Path) -> None:
    """In replay the present has nothing to say."""
    hub = hub_in(tmp_path, read_clock_error_ms=lambda: 1)

    hub.ask_system_clock()
    hub.hear_cloud_time(START_MS + MS_PER_DAY, 10)

    assert hub.now().utc_ms is None


def test_a_machine_without_the_time_logs_and_learns_it_later(tmp_path: Path) -> None:
    """Rows of a boot in 1970 are kept, and resolved once somebody has told the time."""
    clock = StillClock()
    errors: list[int | None] = [None]
    hub = hub_in(tmp_path, clock=clock, read_clock_error_ms=lambda: errors[0])
    hub.ask_system_clock()
    take(hub, [telegram(10**9, None)])
    asyncio.run(hub.intake.commit())
    row = sound_rows(hub.log, hub.log.meters[METER])[0]
    before = (hub.ledger.resolve(row), hub.history.usage("import_mwh", Medium.ELECTRICITY))

    clock.monotonic, clock.wall_ms, errors[0] = 60_000, START_MS, 20
    hub.ask_system_clock()

    assert before == (None, {})
    resolved = hub.ledger.resolve(row)
    assert resolved is not None
    assert resolved[0] == START_MS - 60_000
    assert len(hub.history.usage("import_mwh", Medium.ELECTRICITY)) == 1


def test_a_boot_that_ended_without_the_time_leaves_no_backlog(tmp_path: Path) -> None:
    """Its samples are declared untimed, stay in the log, and are said on the page."""
    hub = hub_in(tmp_path, clock=StillClock("first"))
    take(hub, [telegram(10**9 + n, None) for n in range(3)])
    asyncio.run(hub.intake.commit())
    waiting = cut_all(hub)
    hub.log.close()
    clock = StillClock("second")
    hub = hub_in(tmp_path, clock=clock, read_clock_error_ms=lambda: 20)
    clock.monotonic, clock.wall_ms = 60_000, START_MS
    hub.ask_system_clock()
    held = sound_rows(hub.log, hub.log.meters[METER])

    frame = cut_all(hub)
    hub.free_stored()

    assert waiting is None
    assert frame is not None
    assert [(gap.kind, gap.first_seq, gap.last_seq) for gap in frame.gaps] == [
        (GapKind.UNTIMED, held[0].seq, held[-1].seq)
    ]
    assert len(sound_rows(hub.log, hub.log.meters[METER])) == len(held) > 0
    assert read_home_inputs(hub).hub.untimed_samples == len(held)


def test_the_clouds_time_is_believed_to_half_the_round_trip(tmp_path: Path) -> None:
    """A quick answer tells the time, a slow one too little."""
    hub = hub_in(tmp_path, clock=StillClock())

    hub.hear_cloud_time(START_MS, 4_001)
    slow = hub.now().utc_ms
    hub.hear_cloud_time(START_MS, 400)

    assert slow is None
    assert hub.now().utc_ms == START_MS + 200


def test_the_time_survives_a_restart_within_a_boot(tmp_path: Path) -> None:
    """The ledger is kept: a restarted process knows the time of its boot at once."""
    hub = hub_in(tmp_path, clock=StillClock(utc_ms=START_MS), read_clock_error_ms=lambda: 5)
    hub.ask_system_clock()
    hub.log.close()

    again = hub_in(tmp_path, clock=StillClock())

    assert again.now().utc_ms == START_MS


def test_a_restart_goes_on_without_a_duplicate(tmp_path: Path) -> None:
    """The same telegrams again, after a restart, make no second row of electricity or gas."""
    times = [START_MS + n * 60_000 for n in range(5)]
    first = hub_in(tmp_path, hub_clock="meter")
    for at_ms in times:
        take(first, [gas_telegram(10**9, at_ms, 500, START_MS)])
    asyncio.run(first.intake.commit())
    before = {m: log.next_seq for m, log in first.log.meters.items()}
    first.log.close()

    again = hub_in(tmp_path, hub_clock="meter")
    take(again, [gas_telegram(10**9, times[-1] + 2_000, 500, START_MS)])
    asyncio.run(again.intake.commit())

    assert {m: log.next_seq for m, log in again.log.meters.items()} == before


def test_stored_rows_are_freed_after_their_retention(tmp_path: Path) -> None:
    """Only what a receipt lists is freed, only when it is old enough, a damaged row with it."""
    hub = hub_in(tmp_path, clock=DrivenClock(START_MS, "driven"))
    hub.believe(START_MS, 10, "ntp")
    meter_log = hub.log.meter_log(METER, Medium.ELECTRICITY)
    rows = [row_at(n, START_MS + n * 10_000, boot=hub.boot) for n in range(1, 101)]
    append_loose(hub.log, meter_log, rows)
    hub.log.write("UPDATE samples SET checksum = 0 WHERE seq = 1", ())
    hub.session = session_of(hub, FakeUplink())
    hub.session.is_answered = True
    clock = hub.clock
    assert isinstance(clock, DrivenClock)

    too_young = hub.free_stored()
    clock.advance_to(START_MS + 35 * MS_PER_DAY + 50 * 10_000 + 20)
    hub.believe(clock.utc_ms(), 10, "ntp")
    unlisted = hub.free_stored()
    hub.session.delivery(meter_log.log).stored = [(1, 20, 0), (31, 100, 0)]
    just_stored = hub.free_stored()
    clock.advance_to(START_MS + 71 * MS_PER_DAY + 50 * 10_000 + 20)
    hub.believe(clock.utc_ms(), 10, "ntp")
    freed = hub.free_stored()

    assert (too_young, unlisted, just_stored, freed) == (0, 0, 0, 90)
    held = [row.seq for row in sound_rows(hub.log, meter_log)]
    assert held == [*range(21, 31)]


def test_a_range_that_is_never_stored_does_not_keep_the_rest(tmp_path: Path) -> None:
    """Behind a long stretch that no receipt names, old rows are freed all the same."""
    hub = hub_in(tmp_path, clock=DrivenClock(START_MS, "driven"))
    hub.believe(START_MS, 10, "ntp")
    meter_log = hub.log.meter_log(METER, Medium.ELECTRICITY)
    count = MAX_FREED_ROWS + 20
    rows = [row_at(n, START_MS + n, boot=hub.boot) for n in range(1, count + 1)]
    append_loose(hub.log, meter_log, rows)
    hub.session = session_of(hub, FakeUplink())
    hub.session.is_answered = True
    hub.session.delivery(meter_log.log).stored = [(MAX_FREED_ROWS + 11, count, 0)]
    assert isinstance(hub.clock, DrivenClock)
    hub.free_stored()
    hub.clock.advance_to(START_MS + 37 * MS_PER_DAY)

    assert hub.free_stored() == 10


def test_a_hub_that_was_away_frees_nothing_before_the_cloud_answers(tmp_path: Path) -> None:
    """The cloud may have gone back to a backup meanwhile, and lack what it once had listed."""
    hub = hub_in(tmp_path, clock=DrivenClock(START_MS, "driven"))
    hub.believe(START_MS, 10, "ntp")
    meter_log = hub.log.meter_log(METER, Medium.ELECTRICITY)
    append(hub.log, meter_log, [row_at(1, START_MS, boot=hub.boot)])
    hub.session = session_of(hub, FakeUplink())
    hub.session.delivery(meter_log.log).stored = [(1, 1, 0)]
    assert isinstance(hub.clock, DrivenClock)
    hub.session.is_answered = True
    hub.free_stored()
    hub.session.is_answered = False
    hub.clock.advance_to(START_MS + 40 * MS_PER_DAY)

    away = hub.free_stored()
    hub.session.is_answered = True

    assert (away, hub.free_stored()) == (0, 1)


def test_without_a_cloud_retention_alone_frees(tmp_path: Path) -> None:
    """A hub that works alone does not fill its card."""
    hub = hub_in(tmp_path, clock=DrivenClock(START_MS, "driven"))
    hub.believe(START_MS, 10, "ntp")
    meter_log = hub.log.meter_log(METER, Medium.ELECTRICITY)
    append(hub.log, meter_log, [row_at(n, START_MS + n, boot=hub.boot) for n in range(1, 11)])
    assert isinstance(hub.clock, DrivenClock)
    young = hub.free_stored()
    hub.clock.advance_to(START_MS + 36 * MS_PER_DAY)

    assert (young, hub.free_stored()) == (0, 10)


def test_a_limit_of_the_cloud_stops_live_samples_at_once(tmp_path: Path) -> None:
    """The instant it is taken; what left before is counted."""
    uplink = FakeUplink()
    uplink.is_connected = True
    hub = hub_in(
        tmp_path,
        uplink=uplink,
        uplink_live=True,
        hub_clock="meter",
        consent_granularity="live",
    )
    take_minutes(hub, range(1))
    before = len(uplink.taken(Channel.LIVE))

    hub.sharing.take_limit(ConsentLimit("10s", 1))
    hub._live_sent_ms.clear()
    take_minutes(hub, range(1, 3))
    asyncio.run(hub.intake.commit())

    assert before == 1
    assert uplink.taken(Channel.LIVE) == []
    assert read_totals(hub.log.committed, START_MS // MS_PER_DAY).live == 1
    hub.log.close()


def test_what_leaves_is_limited_counted_and_shown(tmp_path: Path) -> None:
    """A day of minutes under a daily limit: its first and last sample leave, and that is kept."""
    uplink = FakeUplink()
    hub = hub_in(tmp_path, uplink=uplink, hub_clock="meter", consent_granularity="10s")
    hub.session = session_of(hub, uplink)
    take_hours(hub, 30)
    hub.sharing.take_limit(ConsentLimit("daily", 1))
    frame = cut_all(hub)
    assert frame is not None

    hub.sharing.note_sent(hub.log.meters[METER], frame)
    asyncio.run(hub.intake.commit())

    (line,) = read_departures(hub.log.committed)
    assert (line.granularity, line.samples, line.first_seq) == ("daily", 2, 1)
    assert line.withheld == line.last_seq - 2
    state = read_home_inputs(hub).hub
    assert (state.granularity, state.chosen_granularity) == ("daily", "10s")
    assert state.is_limited
    assert "which limits what leaves to daily" in in_a_line(hub)


def test_live_leaves_only_where_the_household_allows_it(tmp_path: Path) -> None:
    """Live needs the setting, the consent and a connection, and is held to two a second."""
    uplink = FakeUplink()
    uplink.connect()
    hub = hub_in(tmp_path, uplink=uplink, uplink_live=True, hub_clock="meter")
    take(hub, [telegram(10**9, START_MS + 1_000)])
    withheld = uplink.taken(Channel.LIVE)
    hub.set_granularity("live")

    take(hub, [telegram(10**9 + n, START_MS + 2_000 + n * 1_000) for n in range(5)])

    sent = [decode_live(one) for one in uplink.taken(Channel.LIVE)]
    assert withheld == []
    assert [one.taken_at_ms for one in sent] == [START_MS + 2_000]


def test_a_choice_made_with_a_wrong_clock_still_holds(tmp_path: Path) -> None:
    """A household that narrows while the hub is in 1970 is obeyed, after a restart too."""
    hub = build_hub(config_in(tmp_path, consent_granularity="live"))
    hub.set_granularity("10s")
    hub.clock = StillClock(utc_ms=5)
    hub.set_granularity("none")
    now = hub.consent.now
    hub.log.close()

    again = build_hub(config_in(tmp_path, consent_granularity="live"))

    assert (now, again.consent.now) == (Granularity.NONE, Granularity.NONE)
    again.log.close()


def test_widening_does_not_reach_back_after_a_restart(tmp_path: Path) -> None:
    """What held by configuration before the first choice is not forgotten."""
    hub = build_hub(config_in(tmp_path))
    hub.believe(hub.clock.utc_ms(), 10, "ntp")
    hub.set_granularity("live")
    hub.log.close()

    again = build_hub(config_in(tmp_path))

    assert again.consent.now is Granularity.LIVE
    assert again.consent.for_sample(START_MS - MS_PER_DAY) is Granularity.HALF_HOURLY
    assert isinstance(again.clock, SystemClock)
    again.log.close()


def test_more_may_leave_only_once_the_time_is_known(tmp_path: Path) -> None:
    """A choice that began at a stale clock's time would reach back to what is already taken."""
    hub = hub_in(tmp_path, clock=StillClock(utc_ms=START_MS - MS_PER_DAY))

    with pytest.raises(RetryableError, match="does not know the time"):
        hub.set_granularity("live")

    hub.believe(START_MS, 10, "ntp")
    hub.set_granularity("live")
    assert hub.consent.for_sample(START_MS - 1) is Granularity.HALF_HOURLY
    assert hub.consent.for_sample(START_MS) is Granularity.LIVE


def test_narrowing_without_the_time_holds_since_the_last_choice(tmp_path: Path) -> None:
    """A clock that runs ahead must not let a later, wider choice reach over the narrow one."""
    clock = StillClock(utc_ms=START_MS + MS_PER_DAY)
    hub = hub_in(tmp_path, clock=clock, consent_granularity="10s")
    hub.set_granularity("none")
    hub.believe(START_MS, 10, "ntp")
    clock.monotonic += MS_PER_HOUR

    hub.set_granularity("10s")

    assert hub.consent.for_sample(START_MS + 1) is Granularity.NONE
    assert hub.consent.for_sample(START_MS + MS_PER_HOUR) is Granularity.TEN_SECONDS


def test_a_half_hour_waits_for_its_rows_that_are_not_durable_yet(tmp_path: Path) -> None:
    """What a later commit adds to a slot already sent would tell more than two points of it."""
    hub = hub_in(tmp_path, hub_clock="meter")
    take_minutes(hub, range(20))
    asyncio.run(hub.intake.commit())
    take_minutes(hub, range(20, 25))
    cast(DrivenClock, hub.clock).advance_to(START_MS + MS_PER_HOUR)

    before = cut_all(hub)
    asyncio.run(hub.intake.commit())
    after = cut_all(hub)

    assert before is None
    assert after is not None
    assert [sample.seq for sample in after.samples()] == [1, 25]


def test_a_bad_tariff_is_set_aside(tmp_path: Path) -> None:
    """A shadow that is none is quarantined with its reason."""
    hub = hub_in(tmp_path)

    hub.take_tariffs(b"nonsense")

    assert hub.intake.counts.refused_by_reason == {"bad-tariff": 1}


def test_links_that_break_are_counted(tmp_path: Path) -> None:
    """The page and doctor see what the link is doing."""
    hub = hub_in(tmp_path)

    hub.note_link(hub.config.meters[0].link, LinkEvent(LinkEventKind.OPENED))
    was_open = link_of(hub).is_open
    hub.note_link(
        hub.config.meters[0].link,
        LinkEvent(LinkEventKind.SILENT, "no byte came", "check the cable"),
    )

    assert was_open
    assert (
        link_of(hub).is_open,
        link_of(hub).times_lost,
        link_of(hub).hint,
    ) == (False, 1, "check the cable")


def test_status_shows_the_home_and_the_hub(tmp_path: Path) -> None:
    """What the display is built from: latest values, slots, backlog, what was refused."""
    uplink = FakeUplink()
    hub = hub_in(tmp_path, uplink=uplink, hub_clock="meter")
    hub.session = session_of(hub, uplink)
    take_hours(hub, 1)
    take(hub, [Refused("bad-crc", "1 for 2", b"raw")])
    asyncio.run(hub.intake.commit())
    take(hub, [telegram(10**9 + 6_100, START_MS + 61 * 60_000)])

    inputs = read_home_inputs(hub)

    assert [(one.meter, one.registers["import_mwh"]) for one in inputs.meters] == [
        (METER, 10**9 + 6_100)
    ]
    assert (inputs.is_clock_trusted, inputs.clock_source) == (True, "meter")
    assert sum(one.amount for one in inputs.electricity_slots.values()) == 5_900
    assert inputs.hub.quarantined == {"bad-crc": 1}
    assert (inputs.hub.backlog_samples, inputs.hub.uncommitted_samples) == (60, 1)
    assert inputs.hub.oldest_unstored_at_ms == START_MS + 60_000
    assert (inputs.hub.cloud_configured, inputs.hub.cloud_connected) == (True, False)
    assert inputs.hub.last_receipt_at_ms is None


def test_status_of_a_hub_alone(tmp_path: Path) -> None:
    """Without a cloud and without a meter there is little to show, and nothing breaks."""
    inputs = read_home_inputs(hub_in(tmp_path))

    assert (list(inputs.meters), inputs.hub.cloud_configured) == ([], False)
    assert (inputs.is_clock_trusted, inputs.clock_source) == (False, "machine")
    assert inputs.hub.oldest_unstored_at_ms is None


def test_a_receipt_shows_on_the_page_and_is_kept_with_the_next_commit(tmp_path: Path) -> None:
    """What is stored is written with the rows, not in a commit of its own."""
    uplink, cloud = FakeUplink(), FakeCloud()
    hub = hub_in(tmp_path, uplink=uplink, hub_clock="meter")
    hub.session = session_of(hub, uplink)
    take_hours(hub, 1)
    meter_log = hub.log.meters[METER]
    hub.session.delivery(meter_log.log).framed_to = 60
    uplink.arrive(Channel.RECEIPTS, cloud.receipt(meter_log.log_id.hex(), stored=[(1, 60, 0)]))
    asyncio.run(hub.session._take_events(0.1))
    shown = read_home_inputs(hub).hub
    before = hub.log.stored_ranges(meter_log.log)
    take(hub, [telegram(10**9 + 7_000, START_MS + 62 * 60_000)])
    asyncio.run(hub.intake.commit())

    assert (shown.backlog_samples, before) == (0, [])
    assert shown.last_receipt_at_ms is not None
    assert hub.log.stored_ranges(meter_log.log) == [(1, 60, 0)]


def test_cut_frames_with_the_consent_of_now(tmp_path: Path) -> None:
    """The session's frames go through consent, and through the clock ledger."""
    uplink, cloud = FakeUplink(), FakeCloud()
    hub = hub_in(tmp_path, uplink=uplink, hub_clock="meter")
    hub.session = session_of(hub, uplink)
    take_hours(hub, 2)
    uplink.connect()
    hub.session._say_hello(0)
    (hello,) = uplink.taken(Channel.HELLO)
    for answer in cloud.take(Channel.HELLO, hello):
        uplink.arrive(Channel.RECEIPTS, answer)

    asyncio.run(hub.session._take_events(0.1))
    hub.session._send_due(is_final=True)

    (frame,) = uplink.frames()
    assert frame.times_ms[:2] == [START_MS + 60_000, START_MS + 30 * 60_000]
    assert frame.last_seq == 90


def test_batches_of_nothing_take_no_receipts_along(tmp_path: Path) -> None:
    """Receipts alone cause no commit: they wait for the next rows."""
    hub = hub_in(tmp_path)
    hub.session = session_of(hub, FakeUplink())
    hub.session._changed_logs.add(1)
    hub.vitals.due()
    batch = Batch()

    hub._complete_batch(batch)

    assert batch.is_empty()


def test_a_hub_that_does_not_know_the_time_frees_nothing(tmp_path: Path) -> None:
    """A machine's clock three months ahead, not believed by anybody, makes nothing old."""
    hub = hub_in(tmp_path, clock=DrivenClock(START_MS + 90 * MS_PER_DAY, "fast"))
    log = hub.log
    boot = log.boot_number("earlier")
    log.add_clock_piece(Piece(boot, 0, START_MS, 10, "ntp"))
    hub.ledger.believe(Piece(boot, 0, START_MS, 10, "ntp"))
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    append(log, meter_log, [row_at(n, n * 10_000, boot=boot) for n in range(1, 11)])

    assert hub.free_stored() == 0
    assert len(sound_rows(log, meter_log)) == 10


def test_a_replay_follows_the_meters_time_past_telegrams_without_one(tmp_path: Path) -> None:
    """What says nothing of the time (a stick's own data) does not jump the clock to today."""
    hub = hub_in(tmp_path, clock=DrivenClock(0, "driven"), hub_clock="meter")
    silent = Telegram((Sample(METER, Medium.ELECTRICITY, None, {}),))
    untimed = Telegram((Sample(METER, Medium.ELECTRICITY, None, {"power_import_w": 1}),))

    take(hub, [silent, telegram(10**9, START_MS), silent, untimed])

    assert hub.clock.utc_ms() == START_MS


def test_a_solar_meter_stands_beside_the_homes_totals_after_a_restart_too(tmp_path: Path) -> None:
    """What the panels make is not what the household exports; the hub remembers which is which."""
    tables = [{"link": "replay:a"}, {"link": "replay:b", "role": "generation"}]
    solar = [
        Telegram((sample(0, START_MS + n * 60_000, meter="S1", export_mwh=10**9 + n * 10**5),))
        for n in range(1, 20)
    ]
    hub = hub_in(tmp_path, hub_clock="meter", meter=tables)
    hub.take(solar, hub.config.meters[1])
    asyncio.run(hub.intake.commit())
    hub.log.close()

    again = hub_in(tmp_path, hub_clock="meter", meter=tables)

    assert again.roles.role_of("S1") is Role.GENERATION
    assert again.history.usage("export_mwh", Medium.ELECTRICITY) == {}
    again.take(solar[:1], again.config.meters[0])
    assert again.history.usage("export_mwh", Medium.ELECTRICITY) != {}
    again.log.close()


def test_a_meter_on_links_of_two_roles_is_the_supplys(tmp_path: Path) -> None:
    """A plug table that names the supply's meter too must not take it out of the totals."""
    tables = [{"link": "replay:a", "role": "device"}, {"link": "replay:b"}]
    hub = hub_in(tmp_path, hub_clock="meter", meter=tables)

    for n in range(1, 40):
        said = [telegram(10**9 + n * 10, START_MS + n * 1_000)]
        hub.take(said, hub.config.meters[n % 2])

    assert hub.roles.role_of(METER) is Role.SUPPLY
    hub.log.close()


def test_energy_alone_does_not_take_power_off_the_page(tmp_path: Path) -> None:
    """A meter that tells both by turns has its power shown, at the rhythm of its turns."""
    hub = hub_in(tmp_path, hub_clock="meter")

    take(hub, [telegram(10**9, START_MS, power_import_w=500)])
    take(hub, [telegram(10**9 + 10, START_MS + 1_000)])

    assert hub.latest[METER].heard.sample.registers["power_import_w"] == 500
    hub.log.close()
