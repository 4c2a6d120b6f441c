"""The simulated household's prepaid account: nothing is lost in it, and it is never off supply."""

import dataclasses

from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.zigbee_account import (
    EMERGENCY_LIMIT,
    OPENING,
    OPENING_DEBT,
    PrepaidAccount,
)
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from shared.readings import OF_CREDIT, Sample
from shared.units import MS_PER_DAY, MS_PER_HOUR, SLOT_MS
from tests.support.zcl_lines import reasons_of, samples_of

START_MS = 1_790_000_000_000 // SLOT_MS * SLOT_MS
MILLIONTHS = 100
"""In a ten-thousandth of a pound."""


def account_after(days: int) -> tuple[PrepaidAccount, list[int]]:
    """Let a household use energy for so long; return its account and each hour's emergency."""
    household = Household(3, START_MS, LONDON)
    account = PrepaidAccount(household.advance(START_MS))
    left = []
    for time_ms in range(START_MS, START_MS + days * MS_PER_DAY, MS_PER_HOUR):
        account.advance(household.advance(time_ms))
        left.append(account.emergency)
    return account, left


def credit_samples(meter: ZigbeeMeter, hours: int) -> list[Sample]:
    """Return what the codec reads of a simulated meter's credit, from its lines."""
    codec = ZigbeeCodec()
    found = []
    for time_ms in range(START_MS + 60_000, START_MS + hours * MS_PER_HOUR, 60_000):
        found += codec.feed(meter.emit(time_ms).telegram)
    assert reasons_of(found) == []
    return [one for one in samples_of(found) if one.registers.keys() <= OF_CREDIT]


def test_what_came_in_is_what_was_charged_recovered_and_is_left() -> None:
    """To the ten-thousandth, over top-ups, emergency credit and debt."""
    account, _ = account_after(40)

    owed = EMERGENCY_LIMIT - account.emergency
    assert account.paid > 0
    assert OPENING + account.paid == (account.charged + account.recovered + account.credit - owed)
    assert account.debt == OPENING_DEBT - account.recovered


def test_the_household_uses_emergency_credit_and_is_never_off() -> None:
    """It tops up in time, so that displays have all of it to show."""
    _, left = account_after(40)

    assert min(left) < EMERGENCY_LIMIT
    assert min(left) > 0


def test_a_register_that_a_fault_moved_charges_nothing() -> None:
    """Neither back nor a lifetime forward."""
    display = Household(3, START_MS, LONDON).advance(START_MS)
    account = PrepaidAccount(display)

    def showing(wh: int) -> Display:
        return dataclasses.replace(display, import_wh=(wh, display.import_wh[1]))

    account.advance(showing(2**48 - 1))
    account.advance(showing(0))

    assert (account.charged, account.credit) == (0, OPENING)


def test_a_prepaid_meter_tells_its_account_in_lines() -> None:
    """As its codec reads them: every quarter of an hour, in millionths of the pound."""
    meter = ZigbeeMeter(5, START_MS, is_prepaid=True)

    said = credit_samples(meter, 2)

    assert meter.account is not None
    assert len(said) == 8
    assert {one.meter for one in said} == {meter.electricity_id}
    assert said[0].registers == {
        "prepayment_index": 1,
        "currency_iso4217": 826,
        "credit_millionths": said[0].registers["credit_millionths"],
        "emergency_credit_millionths": EMERGENCY_LIMIT * MILLIONTHS,
        "debt_millionths": OPENING_DEBT * MILLIONTHS,
    }
    credit = [one.registers["credit_millionths"] for one in said]
    assert credit == sorted(credit, reverse=True)
    assert OPENING * MILLIONTHS >= credit[0] > credit[-1] >= account_floor(meter)


def account_floor(meter: ZigbeeMeter) -> int:
    """What the account has at the end, below which no report can have been."""
    assert meter.account is not None
    return meter.account.credit * MILLIONTHS


def test_a_meter_in_credit_mode_reports_none() -> None:
    """The simulated one, unless it is asked for."""
    assert credit_samples(ZigbeeMeter(5, START_MS), 1) == []
