"""Columns: differences and run lengths come back as they went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.columns import (
    Deltas,
    columns_of,
    from_deltas,
    from_run_lengths,
    from_wire,
    rows_of,
    to_deltas,
    to_run_lengths,
    to_wire,
)
from shared.errors import FrameError

WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(
    st.one_of(st.lists(WHOLE), st.lists(st.integers(-2, 2))),
    st.sampled_from([1, 10, 1_000, 1_000_000]),
)
def test_differences_add_up_again(values: list[int], step: int) -> None:
    """Any values come back, and with them the least and the greatest."""
    stepped = [value * step for value in values]

    undone = from_deltas(to_deltas(stepped))

    assert undone.values == stepped
    assert (undone.least, undone.greatest) == (min(stepped, default=0), max(stepped, default=0))


@pytest.mark.parametrize("step", [-10_000, 0, 10_000])
def test_equal_steps_add_up_again(step: int) -> None:
    """Times read regularly, a register that stands still, and steps that go down."""
    values = [1_000_000 + step * place for place in range(360)]

    undone = from_deltas(to_deltas(values))

    assert undone.values == values
    assert (undone.least, undone.greatest) == (min(values), max(values))


@pytest.mark.parametrize("usual", [0, 1, 10, 255, 300])
@pytest.mark.parametrize("apart", [(), (0,), (3, 4), (0, 1, 2, 358), tuple(range(0, 359, 7))])
@pytest.mark.parametrize("others", [(9, 11), (0, 20), (-1, 600)])
def test_steps_that_mostly_are_equal_add_up_again(
    usual: int, apart: tuple[int, ...], others: tuple[int, int]
) -> None:
    """A meter that is a second late now and then, wherever in the frame, and one that sets back."""
    deltas = [others[place % 2] if place in apart else usual for place in range(359)]
    values = [1_000 * (1_700_000_000 + sum(deltas[:place])) for place in range(360)]

    undone = from_deltas(Deltas(1_000, 1_700_000_000, deltas))

    assert undone.values == values
    assert (undone.least, undone.greatest) == (min(values), max(values))


@given(st.lists(st.integers(-(2**64), 2**64), min_size=1, max_size=5), st.integers(1, 3))
def test_values_past_64_bits_are_told_from_others(deltas: list[int], scale: int) -> None:
    """Whether they rise or not, and however close to the limit they come."""
    for first in (0, 2**63 - 1, -(2**63), 2**62):
        undone = from_deltas(Deltas(scale, first, deltas))

        assert undone.fits_int64 == all(-(2**63) <= one < 2**63 for one in undone.values)


def test_a_register_of_whole_watt_hours_does_not_pay_for_milliwatt_hours() -> None:
    """What all values have in common is divided out."""
    coded = to_deltas([5_000, 7_000, 7_000, 10_000])

    assert coded == Deltas(1_000, 5, [2, 0, 3])


def test_a_divisor_that_only_the_later_values_lack_is_found() -> None:
    """The ninth difference decides as much as the first."""
    values = [1_000 * place for place in range(20)] + [19_001]

    coded = to_deltas(values)

    assert coded.scale == 1
    assert from_deltas(coded).values == values


@pytest.mark.parametrize(
    ("values", "coded"),
    [
        ([], Deltas(0, 0, [])),
        ([0], Deltas(1, 0, [])),
        ([0, 0], Deltas(1, 0, [0])),
        ([-6], Deltas(6, -1, [])),
        ([9, 3], Deltas(3, 3, [-2])),
    ],
)
def test_each_list_has_one_spelling(values: list[int], coded: Deltas) -> None:
    """Scale 0 is no values; all zeros have scale 1."""
    assert to_deltas(values) == coded


@pytest.mark.parametrize("coded", [Deltas(-1, 1, []), Deltas(0, 1, []), Deltas(0, 0, [1])])
def test_a_scale_that_means_nothing_is_refused(coded: Deltas) -> None:
    """No value hides behind a scale of 0 or below."""
    with pytest.raises(FrameError, match="scale") as refused:
        from_deltas(coded)

    assert refused.value.code == "bad-value"


@given(st.lists(st.one_of(st.none(), WHOLE)))
def test_values_that_are_lacking_keep_their_places(values: list[int | None]) -> None:
    """None stays where it was, at the ends and throughout."""
    back = from_wire(to_wire("import_mwh", "run-1", 7, values), len(values))

    assert back == values


@given(st.lists(st.integers(0, 3)))
def test_run_lengths_expand_again(qualities: list[int]) -> None:
    """Stretches of equal values are as long as they were."""
    back = from_run_lengths(to_run_lengths(qualities), len(qualities))

    assert back == qualities


NAMES = st.sampled_from(["a", "b", "c"])
ROWS = st.lists(st.dictionaries(NAMES, WHOLE)) | st.lists(
    st.fixed_dictionaries({"a": WHOLE, "b": WHOLE})
)


@given(ROWS)
def test_rows_become_columns_and_rows_again(rows: list[dict[str, int]]) -> None:
    """Whether every row has every name, some lack one, or there is none at all."""
    columns = columns_of(rows)

    assert rows_of(columns, len(rows)) == rows
    assert {name: list(values) for name, values in columns.items()} == {
        name: [row.get(name) for row in rows] for name in {name for row in rows for name in row}
    }
