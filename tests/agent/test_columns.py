"""Rows as columns: the same rows, whichever part of them is asked for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.blocks import make_commit_block, read_columns
from agent.columns import Columns, joined
from agent.rows import LogRow
from shared.ranges import Range
from tests.support.hubs import row_at, rows_every

names = st.sampled_from(["import_mwh", "gas_l", "power_import_w"])
said = st.dictionaries(names, st.integers(0, 9))
ranges = st.tuples(st.integers(0, 60), st.integers(0, 60))


@st.composite
def row_runs(draw: st.DrawFn) -> list[LogRow]:
    """Draw rows in order of sequence, some left out, with whatever registers."""
    seqs = sorted(draw(st.sets(st.integers(1, 60), min_size=1)))
    return [row_at(seq, seq * 10_000, draw(said)) for seq in seqs]


def columns_of(rows: list[LogRow]) -> Columns:
    """Have rows as columns, as a block gives them back."""
    columns = read_columns(*make_commit_block(1, rows))
    assert columns is not None
    return columns


@settings(max_examples=50)
@given(row_runs(), ranges)
def test_a_part_of_the_columns_is_that_part_of_the_rows(rows: list[LogRow], span: Range) -> None:
    """A range may begin and end anywhere, also where there is no row."""
    part = columns_of(rows).between(*span)

    assert part.rows() == [row for row in rows if span[0] <= row.seq <= span[1]]


def test_all_of_the_columns_are_not_copied() -> None:
    """A frame is mostly made of whole blocks."""
    columns = columns_of(rows_every(9))

    assert columns.between(1, 9) is columns
    assert columns.between(0, 99) is columns


def test_columns_that_follow_each_other_are_joined() -> None:
    """Two blocks make a frame."""
    rows = rows_every(9)

    one = joined([columns_of(rows[:4]), columns_of(rows[4:])])

    assert one is not None
    assert one.rows() == rows
    assert one.is_regular


def test_columns_of_other_registers_are_not_joined() -> None:
    """Nor are those whose registers stand in another order: a frame has its registers in one."""
    import_first = columns_of([row_at(1, 1, {"import_mwh": 1, "gas_l": 2})])
    gas_first = columns_of([row_at(2, 2, {"gas_l": 2, "import_mwh": 1})])
    gas_alone = columns_of([row_at(2, 2, {"gas_l": 2})])

    assert joined([import_first, gas_first]) is None
    assert joined([import_first, gas_alone]) is None


def test_rows_that_leave_something_out_are_not_regular() -> None:
    """A sequence, or a register of one of them."""
    rows = rows_every(5)
    bare = row_at(3, 30_000, {})

    assert columns_of(rows).is_regular
    assert not columns_of([*rows[:2], *rows[3:]]).is_regular
    assert not columns_of([*rows[:2], bare, *rows[3:]]).is_regular
    assert not columns_of(rows).between(8, 9).is_regular


def test_sequences_have_to_rise() -> None:
    """Twice the same, or back, is no order of rows."""
    rising = columns_of(rows_every(3))

    assert rising.is_rising
    assert not rising._replace(seqs=[1, 1, 2]).is_rising
    assert not rising._replace(seqs=[1, 3, 2]).is_rising
