"""Frames become rows: each value of each sample once, in its day, the same bytes every time."""

from cloud.lake.layout import day_of
from cloud.lake.rows import CORRECTIONS, Rows, decode, encode
from cloud.readings.revisions import sampled_by
from shared.frames import Gap, GapKind, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY
from tests.support.cloud import LOG_ID, METER, START_MS, frame_at, samples_of

DAY = START_MS // MS_PER_DAY


def _rows(*frames: object, taken: list[tuple[int, int]] | None = None) -> Rows:
    rows = Rows()
    for one in frames:
        rows.add(one, sampled_by(one) if taken is None else taken)  # type: ignore[arg-type]  # frames
    return rows


def test_each_register_of_each_sample_is_a_row() -> None:
    """Values a sample lacks make none; rows of one register follow each other."""
    samples = [
        StampedSample(1, START_MS + 1, {"import_mwh": 10, "power_import_w": -3}, 2),
        StampedSample(2, START_MS + 2, {"import_mwh": 11}),
    ]
    frame = frame_of(LOG_ID, METER, 3, samples, runs={"import_mwh": ("x:1", 1_000)})

    ((_, table),) = _rows(frame).days()

    values = ("register", "run", "modulus", "revision", "seq", "taken_at_ms", "value", "quality")
    assert [tuple(row[name] for name in values) for row in table.to_pylist()] == [
        ("import_mwh", "x:1", 1_000, 3, 1, START_MS + 1, 10, 2),
        ("import_mwh", "x:1", 1_000, 3, 2, START_MS + 2, 11, 0),
        ("power_import_w", "", 0, 3, 1, START_MS + 1, -3, 2),
    ]
    assert set(table["meter"].to_pylist()) == {METER}


def test_midnight_closes_the_day_before() -> None:
    """A day's last closing lies in the day, as in meter-days."""
    midnight = StampedSample(1, START_MS, {"import_mwh": 1})
    after = StampedSample(2, START_MS + 1, {"import_mwh": 2})

    days = dict(_rows(frame_of(LOG_ID, METER, 0, [midnight, after])).days())

    assert {day: table["seq"].to_pylist() for day, table in days.items()} == {
        DAY - 1: [1],
        DAY: [2],
    }
    assert (day_of(START_MS), day_of(START_MS + 1)) == (DAY - 1, DAY)


def test_sample_without_registers_is_a_row_all_the_same() -> None:
    """That it was taken is known, whatever it was."""
    samples = [StampedSample(1, START_MS + 1, {}), StampedSample(2, START_MS + 2, {"gas_l": 5})]

    for frame in (frame_of(LOG_ID, METER, 0, samples), frame_of(LOG_ID, METER, 0, samples[:1])):
        ((_, table),) = _rows(frame).days()
        bare = [row for row in table.to_pylist() if not row["register"]]
        assert [(row["seq"], row["value"]) for row in bare] == [(1, None)]


def test_only_the_samples_taken_are_rows() -> None:
    """What an earlier piece holds is left out."""
    rows = _rows(frame_at(samples_of(1, 9)), taken=[(2, 3), (7, 7)])

    assert [table["seq"].to_pylist() for _, table in rows.days()] == [[2, 3, 7]]


def test_correction_names_what_it_decides() -> None:
    """With samples and with what it withholds, never with what it calls damaged."""
    gaps = [Gap(GapKind.WITHHELD, 3, 4), Gap(GapKind.DAMAGED, 5, 6)]
    frame = frame_of(LOG_ID, METER, 2, samples_of(1, 2), gaps=gaps)

    corrections = _rows(frame).corrections()

    assert corrections is not None
    assert corrections.schema == CORRECTIONS
    assert [tuple(row.values()) for row in corrections.to_pylist()] == [(LOG_ID.hex(), 2, 1, 4)]
    assert _rows(frame_at(samples_of(1, 2))).corrections() is None


def test_bytes_follow_from_the_frames_alone() -> None:
    """The same frames make the same bytes; rows are in order of sequence, whatever came first."""
    late, early = frame_at(samples_of(11, 10)), frame_at(samples_of(1, 10))

    ((_, table),) = _rows(late, early).days()
    again = next(_rows(late, early).days())[1]

    assert encode(table) == encode(again)
    assert decode(encode(table)).equals(table)
    assert table["seq"].to_pylist() == list(range(1, 21))
