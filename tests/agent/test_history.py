"""History: openings and closings of all rows, however they came, and after a restart."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.history import HISTORY_DAYS, History
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch, MeterLog, RunChange
from agent.rows import LogRow
from agent.summing import RunKey
from agent.timekeeping import ClockLedger
from shared.meterdays import SlotEdges, edges_of, unpack_day
from shared.readings import Medium
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.hubs import (
    BOOT,
    GAS_METER,
    METER,
    START_MS,
    TIMED,
    append,
    log_with,
    row_at,
    rows_every,
)

FIRST_SLOT = START_MS // SLOT_MS
FILES = itertools.count()


def history_of(log: Log, *pieces: Piece, now_ms: int = START_MS) -> History:
    history = History(log, ClockLedger(list(pieces or (TIMED,))))
    history.load(now_ms)
    return history


def edges_by_hand(rows: Sequence[LogRow], register: str = "import_mwh") -> SlotEdges:
    return edges_of(
        [START_MS + row.monotonic_ms for row in rows], [row.registers.get(register) for row in rows]
    )


def edges_in(history: History) -> dict[RunKey, SlotEdges]:
    """Unpack all that a history holds."""
    found: dict[RunKey, SlotEdges] = {}
    for key, days in history._days.items():
        for utc_day, packed in days.items():
            found.setdefault(key, {}).update(unpack_day(packed, utc_day))
    return found


def key_of(meter_log: MeterLog, run: str = "") -> RunKey:
    return RunKey(meter_log.log, "import_mwh", run)


def test_folding_gives_the_edges_of_all_rows(tmp_path: Path) -> None:
    """Row by row, batch by batch or all at start: the openings and closings are the same."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    live = history_of(log)
    rows = rows_every(700)

    for start in range(0, 700, 90):
        batch = append(log, meter_log, rows[start : start + 90])
        live.fold(meter_log, batch)
    at_start = history_of(log)

    assert edges_in(live) == {key_of(meter_log): edges_by_hand(rows)}
    assert edges_in(at_start) == edges_in(live)
    log.close()


def test_usage_is_what_the_register_gained(tmp_path: Path) -> None:
    """A Wh every ten seconds is 180 Wh a half hour."""
    log, _meter_log = log_with(tmp_path / "hub.sqlite", 360)

    usage = history_of(log).usage("import_mwh", Medium.ELECTRICITY)

    assert [usage[FIRST_SLOT + n].amount for n in (0, 1)] == [179_000, 180_000]
    log.close()


def test_usage_follows_new_rows(tmp_path: Path) -> None:
    """What was summed before is summed anew when a row comes."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 2)
    history = history_of(log)
    before = history.usage("import_mwh", Medium.ELECTRICITY)[FIRST_SLOT].amount

    history.fold(meter_log, append(log, meter_log, rows_every(1, first_seq=3, start_ms=20_000)))

    assert before == 1_000
    assert history.usage("import_mwh", Medium.ELECTRICITY)[FIRST_SLOT].amount == 2_000
    log.close()


def test_each_medium_is_summed_apart(tmp_path: Path) -> None:
    """Gas is not electricity, and a meter without a register has no usage of it."""
    log, _meter_log = log_with(tmp_path / "hub.sqlite", 3)
    gas = log.meter_log(GAS_METER, Medium.GAS)
    append(log, gas, [row_at(1, 10_000, {"gas_l": 5}), row_at(2, 20_000, {"gas_l": 9})])

    history = history_of(log)

    assert history.usage("gas_l", Medium.GAS)[FIRST_SLOT].amount == 4
    assert history.usage("export_mwh", Medium.ELECTRICITY) == {}
    log.close()


def test_a_restart_in_the_middle_of_a_slot_changes_nothing(tmp_path: Path) -> None:
    """Days written with a commit and rows folded after them make the same edges as all rows."""
    path = tmp_path / "hub.sqlite"
    log, meter_log = log_with(path, 0)
    first = history_of(log)
    rows = rows_every(500)
    first.fold(meter_log, append(log, meter_log, rows[:250]))
    batch = Batch()
    first.add_days(batch, START_MS + 250 * 10_000)
    log.commit(batch)
    first.fold(meter_log, append(log, meter_log, rows[250:300]))
    log.close()

    reopened = Log(path)
    second = history_of(reopened)
    second.fold(reopened.meters[METER], append(reopened, reopened.meters[METER], rows[300:]))

    assert edges_in(second) == {key_of(meter_log): edges_by_hand(rows)}
    reopened.close()


def test_days_are_written_once_a_slot(tmp_path: Path) -> None:
    """The card is written to when a slot has turned, not with every commit."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    history = history_of(log)
    history.fold(meter_log, append(log, meter_log, rows_every(3)))
    first, second, third = Batch(), Batch(), Batch()

    history.add_days(first, START_MS + 40_000)
    history.fold(meter_log, append(log, meter_log, rows_every(3, first_seq=4, start_ms=30_000)))
    history.add_days(second, START_MS + 70_000)
    history.add_days(third, START_MS + SLOT_MS + 1)

    assert (len(first.days), second.days, len(third.days)) == (1, (), 1)
    assert third.folded == {meter_log.log: 6}
    ((log_number, register, run, day, packed),) = third.days
    assert (log_number, register, run) == (meter_log.log, "import_mwh", "")
    assert unpack_day(packed, day) == edges_by_hand(rows_every(6))
    log.close()


def test_a_day_that_nothing_changed_is_not_written(tmp_path: Path) -> None:
    """Turning slots alone write nothing."""
    log, _meter_log = log_with(tmp_path / "hub.sqlite", 0)
    batch = Batch()

    history_of(log).add_days(batch, START_MS + SLOT_MS)

    assert batch.is_empty()
    log.close()


def test_a_run_change_within_a_batch_parts_the_runs(tmp_path: Path) -> None:
    """No difference is taken across a re-base; the slot is the sum of both runs."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    rows = [
        row_at(1, 10_000, {"import_mwh": 10_000}),
        row_at(2, 20_000, {"import_mwh": 10_300}),
        row_at(3, 30_000, {"import_mwh": 7}),
        row_at(4, 40_000, {"import_mwh": 90}),
    ]
    log.commit(Batch(run_changes=[RunChange(meter_log.log, "import_mwh", 3, "run-a", 0)]))
    append(log, meter_log, rows)

    history = history_of(log)

    assert edges_in(history) == {
        key_of(meter_log): edges_by_hand(rows[:2]),
        key_of(meter_log, "run-a"): edges_by_hand(rows[2:]),
    }
    assert history.usage("import_mwh", Medium.ELECTRICITY)[FIRST_SLOT].amount == 300 + 83
    log.close()


def test_a_damaged_first_row_of_a_run_still_parts_the_runs(tmp_path: Path) -> None:
    """The run begins at its sequence, whether or not that row can be read."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 4)
    log.commit(Batch(run_changes=[RunChange(meter_log.log, "import_mwh", 3, "run-a", 0)]))
    log.write("UPDATE samples SET checksum = 0 WHERE seq = 3", ())

    history = history_of(log)

    assert set(edges_in(history)) == {key_of(meter_log), key_of(meter_log, "run-a")}
    log.close()


def test_a_wrap_is_counted_through(tmp_path: Path) -> None:
    """A register that turned over has used what it shows above its modulus."""
    top = 10**11
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    log.commit(Batch(run_changes=[RunChange(meter_log.log, "import_mwh", 2, "", top)]))
    append(
        log,
        meter_log,
        [
            row_at(1, 10_000, {"import_mwh": top - 400}),
            row_at(2, SLOT_MS + 10_000, {"import_mwh": 600}),
        ],
    )

    usage = history_of(log).usage("import_mwh", Medium.ELECTRICITY)

    assert sum(one.amount for one in usage.values()) == 1_000
    log.close()


def test_rows_without_a_time_wait_until_it_is_known(tmp_path: Path) -> None:
    """A boot without a clock is folded once it has learned the time."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 5)
    ledger = ClockLedger([])
    history = History(log, ledger)
    history.load(START_MS)
    before = edges_in(history)

    ledger.believe(TIMED)
    history.catch_up()

    assert before == {}
    assert edges_in(history) == {key_of(meter_log): edges_by_hand(rows_every(5))}
    log.close()


def test_a_boot_that_never_learned_the_time_holds_nothing_up(tmp_path: Path) -> None:
    """Rows behind a stretch without time are folded at the next start."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    append(log, meter_log, [row_at(n, n, boot=2) for n in range(1, 6)])
    known = append(log, meter_log, rows_every(4, first_seq=6))

    assert edges_in(history_of(log)) == {key_of(meter_log): edges_by_hand(known)}
    log.close()


def test_days_past_the_horizon_are_forgotten(tmp_path: Path) -> None:
    """Memory holds forty days; older ones stay in the database."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    ledger = ClockLedger([TIMED, Piece(BOOT, 60 * MS_PER_DAY, START_MS + 60 * MS_PER_DAY, 1, "n")])
    history = History(log, ledger)
    history.fold(meter_log, append(log, meter_log, rows_every(2)))
    late = rows_every(2, first_seq=3, start_ms=60 * MS_PER_DAY)
    history.fold(meter_log, append(log, meter_log, late))
    batch = Batch()

    history.add_days(batch, START_MS + 60 * MS_PER_DAY + SLOT_MS)
    log.commit(batch)
    later = row_at(5, 60 * MS_PER_DAY + 2 * SLOT_MS)
    history.fold(meter_log, append(log, meter_log, [later]))
    late.append(later)
    commit_days(log, history, START_MS + 60 * MS_PER_DAY + 2 * SLOT_MS)

    assert len(batch.days) == 2
    assert edges_in(history)[key_of(meter_log)] == edges_by_hand(late)
    reloaded = history_of(log, now_ms=START_MS + 60 * MS_PER_DAY)
    assert edges_in(reloaded) == edges_in(history)
    assert HISTORY_DAYS < 60
    log.close()


def days_on_disk(log: Log) -> SlotEdges:
    """Unpack what is written of all days."""
    found: SlotEdges = {}
    for utc_day, edges in log.committed.execute("SELECT utc_day, edges FROM meter_days"):
        found.update(unpack_day(edges, utc_day))
    return found


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_late_row_joins_the_day_that_was_forgotten(tmp_path: Path, is_restarted: bool) -> None:
    """The day on disk is added to, never replaced, however long it has been out of memory."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    later_ms = (HISTORY_DAYS + 10) * MS_PER_DAY
    told = [Piece(BOOT, at_ms, START_MS + at_ms, 10, "ntp") for at_ms in (0, MS_PER_DAY, later_ms)]
    history = history_of(log, *told)
    early = rows_every(20, every_ms=SLOT_MS // 2)
    for rows, now_ms in (
        (early, MS_PER_DAY),
        ([row_at(21, later_ms)], later_ms),
        ([row_at(22, later_ms + SLOT_MS)], later_ms + SLOT_MS),
    ):
        history.fold(meter_log, append(log, meter_log, rows))
        commit_days(log, history, START_MS + now_ms)
    forgotten = [utc_day for days in history._days.values() for utc_day in days]
    late = [row_at(23, 3 * SLOT_MS + 1_000), row_at(24, 40 * SLOT_MS)]
    append(log, meter_log, late)
    if is_restarted:
        history = history_of(log, *told, now_ms=START_MS + later_ms)
    else:
        history.fold(meter_log, late[:1])
        history.fold(meter_log, late[1:])

    commit_days(log, history, START_MS + later_ms + 3 * SLOT_MS)

    after = [row_at(21, later_ms), row_at(22, later_ms + SLOT_MS)]
    assert START_MS // MS_PER_DAY not in forgotten
    assert days_on_disk(log) == edges_by_hand([*early, *late, *after])
    log.close()


def test_a_day_handed_over_and_not_yet_on_disk_is_joined_to(tmp_path: Path) -> None:
    """A late row may come between handing a day over and the end of its commit."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    history = history_of(log)
    now_ms = START_MS + (HISTORY_DAYS + 10) * MS_PER_DAY
    rows = rows_every(2)
    history.fold(meter_log, append(log, meter_log, rows[:1]))
    handed = Batch()
    history.add_days(handed, now_ms)
    history.fold(meter_log, append(log, meter_log, rows[1:]))
    log.commit(handed)

    commit_days(log, history, now_ms + SLOT_MS)

    assert days_on_disk(log) == edges_by_hand(rows)
    log.close()


def test_days_of_a_commit_that_failed_never_undo_what_was_made_anew(tmp_path: Path) -> None:
    """A day is made anew while the rows wait to be written again; the later word stays on disk."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    ledger = ClockLedger([TIMED])
    history = History(log, ledger)
    rows = append(log, meter_log, rows_every(30))
    history.fold(meter_log, rows)
    failed = Batch()
    history.add_days(failed, START_MS + 310_000)
    handed = failed.days
    history.give_back(failed)
    log.boot_number("the first")
    piece = Piece(BOOT, 400_000, START_MS + 400_000 + 3 * SLOT_MS, 5, "cloud")
    ledger.believe(piece)
    remade = history.remake(piece)
    log.add_clock_piece(piece, remade)
    history.adopt(remade)

    log.commit(failed)
    commit_days(log, history, START_MS + 320_000)

    ((key, in_memory),) = edges_in(history).items()
    assert key == key_of(meter_log)
    assert handed
    assert (failed.days, failed.folded) == ((), {})
    assert days_on_disk(log) == in_memory
    log.close()


def test_days_that_are_handed_over_are_replaced_and_never_changed(tmp_path: Path) -> None:
    """The thread that writes them may be reading them while a day is made anew."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    ledger = ClockLedger([TIMED])
    history = History(log, ledger)
    history.fold(meter_log, append(log, meter_log, rows_every(30)))
    handed = Batch()
    history.add_days(handed, START_MS + 310_000)
    in_writing = handed.days
    piece = Piece(BOOT, 400_000, START_MS + 400_000 + 3 * SLOT_MS, 5, "cloud")
    ledger.believe(piece)

    history.remake(piece)

    assert (len(in_writing), handed.days) == (1, ())
    log.close()


def test_days_of_a_commit_that_failed_are_written_with_the_next(tmp_path: Path) -> None:
    """They do not wait for another slot to turn."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 0)
    history = history_of(log)
    rows = append(log, meter_log, rows_every(3))
    history.fold(meter_log, rows)
    failed = Batch()
    history.add_days(failed, START_MS + 40_000)

    history.give_back(failed)
    commit_days(log, history, START_MS + 41_000)

    assert days_on_disk(log) == edges_by_hand(rows)
    log.close()


def commit_days(log: Log, history: History, now_ms: int) -> None:
    """Write the days that changed."""
    written = Batch()
    history.add_days(written, now_ms)
    log.commit(written)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 3 * SLOT_MS), min_size=1, max_size=40), st.data())
def test_any_batching_and_any_restart_give_the_same_edges(
    tmp_path: Path, steps_ms: list[int], data: st.DataObject
) -> None:
    """However rows were grouped, wherever the hub restarted: the edges are of all rows."""
    path = tmp_path / f"{next(FILES)}.sqlite"
    at_ms, rows = 0, []
    for place, step_ms in enumerate(steps_ms):
        at_ms += step_ms
        rows.append(row_at(place + 1, at_ms))
    log, meter_log = log_with(path, 0)
    history = history_of(log)
    done = 0
    while done < len(rows):
        size = data.draw(st.integers(1, 10))
        batch = rows[done : done + size]
        done += size
        history.fold(meter_log, append(log, meter_log, batch))
        written = Batch()
        history.add_days(written, START_MS + batch[-1].monotonic_ms)
        log.commit(written)
        if data.draw(st.booleans()):
            history = history_of(log)

    assert edges_in(history) == {key_of(meter_log): edges_by_hand(rows)}
    log.close()


@pytest.mark.parametrize("held", [True, False])
def test_folding_begins_where_the_log_does(held: bool, tmp_path: Path) -> None:
    """Rows freed long ago are not waited for; an empty log is no trouble."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 30_000 if held else 3, every_ms=1_000)
    log.free(meter_log.log, 1, 29_990)

    folded = history_of(log)._folded

    assert folded == ({meter_log.log: 30_000} if held else {})
    log.close()
