"""Samples that nobody will ever know the time of are named, and no others."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.log import Log
from agent.records import Hole
from agent.rows import LogRow
from agent.timekeeping import ClockLedger, Piece
from agent.untimed import count_untimed, name_untimed
from shared.frames import GapKind
from shared.ranges import union
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.hubs import METER, START_MS, append, row_at

RUNNING = 4


def piece(boot: int, monotonic_ms: int = 0) -> Piece:
    """Let a source tell the time, well, at one instant of a boot."""
    return Piece(boot, monotonic_ms, START_MS + boot * MS_PER_DAY + monotonic_ms, 10, "ntp")


def test_an_ended_boot_without_the_time_is_named_as_one_hole() -> None:
    """Its neighbours keep their rows, and what is damaged stays damaged."""
    rows = [row_at(seq, seq * 1_000, boot=boot) for seq, boot in enumerate((1, 2, 2, 2, 3), 1)]
    torn = Hole(3, 3, GapKind.DAMAGED)
    ledger = ClockLedger([piece(1), piece(3)])

    named = list(name_untimed([*rows[:2], torn, *rows[3:]], ledger, RUNNING))
    whole = list(name_untimed(rows, ledger, RUNNING))

    assert whole == [rows[0], Hole(2, 4, GapKind.UNTIMED), rows[4]]
    assert named == [
        rows[0],
        Hole(2, 2, GapKind.UNTIMED),
        torn,
        Hole(4, 4, GapKind.UNTIMED),
        rows[4],
    ]


def test_the_boot_that_runs_may_yet_learn_its_time() -> None:
    """Its rows wait, but for those that a source spoke after and too late for."""
    early, late = row_at(1, 1_000, boot=RUNNING), row_at(2, 3 * MS_PER_DAY, boot=RUNNING)

    before = list(name_untimed([early, late], ClockLedger(), RUNNING))
    after = list(name_untimed([early, late], ClockLedger([piece(RUNNING, MS_PER_DAY)]), RUNNING))

    assert before == [early, late]
    assert after == [Hole(1, 1, GapKind.UNTIMED), late]


def test_a_vague_time_is_none_unless_the_meters_clock_bears_it_out() -> None:
    """A day away from any source a crystal is seconds off; the meter's own clock is not."""
    at_ms = MS_PER_DAY
    utc_ms = START_MS + MS_PER_DAY + at_ms
    bare = row_at(1, at_ms, boot=1)
    told = row_at(2, at_ms, boot=1, meter_clock_ms=utc_ms + 3_000)

    named = list(name_untimed([bare, told], ClockLedger([piece(1)]), RUNNING))

    assert named == [Hole(1, 1, GapKind.UNTIMED), told]


@given(
    st.lists(st.tuples(st.integers(1, RUNNING), st.integers(0, 60 * MS_PER_HOUR)), max_size=60),
    st.lists(st.tuples(st.integers(1, RUNNING), st.integers(0, 60 * MS_PER_HOUR)), max_size=6),
    st.tuples(st.integers(1, 60 * MS_PER_HOUR), st.integers(0, 500)),
)
def test_what_is_named_stays_untimed_whatever_is_learned(
    heard: list[tuple[int, int]], told: list[tuple[int, int]], then: tuple[int, int]
) -> None:
    """No sequence is lost or doubled, and no later word of a source dates what was named."""
    rows = [row_at(seq, at_ms, boot=boot) for seq, (boot, at_ms) in enumerate(sorted(heard), 1)]
    ledger = ClockLedger([piece(*one) for one in told])
    named = list(name_untimed(rows, ledger, RUNNING))
    newest_ms = max([0, *(at_ms for boot, at_ms in [*heard, *told] if boot == RUNNING)])
    later = piece(RUNNING, newest_ms + then[0])

    ledger.believe(Piece(RUNNING, later.monotonic_ms, later.utc_ms + then[1], 5, "cloud"))

    holes = [one for one in named if isinstance(one, Hole)]
    kept = [one.seq for one in named if isinstance(one, LogRow)]
    untimed = {seq for one in holes for seq in range(one.first_seq, one.last_seq + 1)}
    assert all(ledger.resolve(rows[seq - 1]) is None for seq in untimed)
    assert sorted([*kept, *untimed]) == list(range(1, len(rows) + 1))
    assert len(union([one[:2] for one in holes])) == len(holes)


def test_samples_of_ended_boots_without_a_time_are_counted(tmp_path: Path) -> None:
    """Neither those of boots that knew it nor those of the one that runs."""
    log = Log(tmp_path / "hub.sqlite")
    boots = [log.boot_number(name) for name in ("first", "second", "third")]
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    told = [boots[0]] * 3 + [boots[1]] * 4 + [boots[2]] * 5
    append(log, meter_log, [row_at(seq, seq, boot=boot) for seq, boot in enumerate(told, 1)])
    log.add_clock_piece(piece(boots[0]))

    counted = count_untimed(log, boots[2])

    log.close()
    assert counted == 4
