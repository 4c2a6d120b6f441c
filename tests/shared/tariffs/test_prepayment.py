"""Prepayment accounts: nothing is lost between top-ups, charges and debt."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigError
from shared.tariffs.prepayment import Prepayment, run_account

FIRST = dt.date(2026, 3, 25)
POUND = 1_000_000
MONEY = st.integers(0, 200 * POUND)


@given(
    st.builds(
        Prepayment,
        emergency_credit_millionths=MONEY,
        debt_millionths=MONEY,
        recovery_millionths_per_week=MONEY,
        recovery_permille_of_top_up=st.integers(0, 1_000),
        opening_millionths=st.integers(-50 * POUND, 50 * POUND),
        is_recovered_in_emergency=st.booleans(),
    ),
    st.lists(st.tuples(st.integers(-POUND, 20 * POUND), st.lists(MONEY, max_size=3)), max_size=40),
)
def test_what_came_in_is_what_was_charged_recovered_and_left(
    terms: Prepayment, went: list[tuple[int, list[int]]]
) -> None:
    """To the millionth, on every day."""
    days = [FIRST + dt.timedelta(days=number) for number in range(len(went))]
    charges = {day: charge for day, (charge, _) in zip(days, went, strict=True)}
    top_ups = {day: paid for day, (_, paid) in zip(days, went, strict=True)}

    ran = run_account(terms, days, charges, top_ups)

    came = charged = recovered = 0
    for one in ran:
        came += one.topped_up_millionths
        charged += one.charged_millionths
        recovered += one.recovered_millionths
        assert terms.opening_millionths + came == charged + recovered + one.balance_millionths
        assert terms.debt_millionths == recovered + one.debt_millionths
        assert one.debt_millionths >= 0
        assert 0 <= one.emergency_used_millionths <= terms.emergency_credit_millionths


def test_a_week_recovers_its_amount_exactly() -> None:
    """Ten pounds over seven days, whatever they divide into."""
    terms = Prepayment(
        debt_millionths=100 * POUND,
        recovery_millionths_per_week=10 * POUND,
        opening_millionths=50 * POUND,
    )
    days = [FIRST + dt.timedelta(days=number) for number in range(7)]

    ran = run_account(terms, days, {}, {})

    assert sum(one.recovered_millionths for one in ran) == 10 * POUND


@pytest.mark.parametrize(("is_recovered", "debt"), [(False, 10 * POUND), (True, 9 * POUND)])
def test_debt_rests_while_emergency_credit_is_in_use(is_recovered: bool, debt: int) -> None:
    """Unless the terms say otherwise."""
    terms = Prepayment(
        emergency_credit_millionths=5 * POUND,
        debt_millionths=10 * POUND,
        recovery_millionths_per_week=7 * POUND,
        is_recovered_in_emergency=is_recovered,
    )

    (day,) = run_account(terms, [FIRST], {FIRST: POUND}, {})

    assert day.debt_millionths == debt


def test_supply_is_off_where_all_credit_is_used() -> None:
    """Also without any emergency credit, at nothing."""
    (empty,) = run_account(Prepayment(), [FIRST], {}, {})
    (used,) = run_account(
        Prepayment(emergency_credit_millionths=POUND), [FIRST], {FIRST: 2 * POUND}, {}
    )

    assert empty.is_off_supply
    assert (used.is_off_supply, used.emergency_used_millionths) == (True, POUND)


def test_terms_that_cannot_be_meant_are_all_named() -> None:
    """With their key, value and fix."""
    terms = Prepayment(-1, 10**15, 10**15, 2_000, 10**15)

    with pytest.raises(ConfigError) as refused:
        run_account(terms, [], {}, {})

    assert len(refused.value.faults) == 5
