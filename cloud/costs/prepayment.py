"""`/v1/meters/{meter}/prepayment`: what a prepayment account did, day by day; and its top-ups."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from cloud.answers import MAX_TIME_CHARS, Meter, reply
from cloud.auth import Caller
from cloud.changes.kinds import Change, ChangeKind
from cloud.changes.repository import note_changes
from cloud.costs.endpoints import MAX_COST_DAYS
from cloud.costs.schemas import PrepaymentReport
from cloud.costs.supply import bill, read_supply
from cloud.errors import RESPONSES, NotFoundError
from cloud.households.zones import household_zone
from cloud.parts import Shared
from cloud.tariffs.agreements import TopUp, list_top_ups, put_top_up, read_agreements
from shared.calendar import day_start_ms, local_date
from shared.errors import BadInputError
from shared.instants import format_utc, parse_instant
from shared.tariffs.agreements import Agreement
from shared.tariffs.model import Flow
from shared.tariffs.offers import CODE_PATTERN
from shared.tariffs.prepayment import MAX_TERM_MILLIONTHS, run_account
from shared.units import SLOT_MS

MAX_TOP_UP_ID_CHARS = 64

router = APIRouter(prefix="/v1/meters", tags=["tariffs"], responses=RESPONSES)


class TopUpBody(BaseModel):
    """Money that was paid in."""

    at: Annotated[
        str,
        Field(
            max_length=MAX_TIME_CHARS,
            description="RFC 3339 with offset",
            examples=["2026-03-01T09:30:00Z"],
        ),
    ]
    amount_millionths: Annotated[
        int,
        Field(gt=0, le=MAX_TERM_MILLIONTHS, description="Millionths of the currency, above 0"),
    ]


class TopUpEntry(BaseModel):
    """A top-up as it is kept."""

    top_up_id: str
    at: str
    amount_millionths: int


@router.put("/{meter}/top-ups/{top_up_id}", response_model=TopUpEntry, summary="Record a top-up")
def put(
    meter: Meter,
    top_up_id: Annotated[str, Path(max_length=MAX_TOP_UP_ID_CHARS, pattern=f"^{CODE_PATTERN}$")],
    body: TopUpBody,
    parts: Shared,
    scope: Caller,
) -> Response:
    """Keep a top-up under the caller's own id; the same id again puts it in place of the first."""
    paid_at_ms = parse_instant(body.at, "at", household_zone(parts.database, scope, parts.zone))
    top_up = TopUp(top_up_id, paid_at_ms, body.amount_millionths)
    with parts.database.writing(scope) as connection:
        put_top_up(connection, scope, meter, top_up)
        changed = [Change(ChangeKind.AGREEMENTS, meter)]
        note_changes(connection, scope.only, changed, parts.clock.utc_ms())
    return reply(
        {
            "top_up_id": top_up_id,
            "at": format_utc(paid_at_ms),
            "amount_millionths": body.amount_millionths,
        }
    )


@router.get(
    "/{meter}/prepayment", response_model=PrepaymentReport, summary="A prepayment account by day"
)
def account(meter: Meter, parts: Shared, scope: Caller) -> Response:
    """Run the account of the agreement that holds today, from its opening balance until today."""
    zone = household_zone(parts.database, scope, parts.zone)
    today = local_date(parts.clock.utc_ms(), zone)
    with parts.database.reading(scope) as connection:
        agreement = _prepaid(read_agreements(connection, scope, meter), today)
        if agreement is None or agreement.prepayment is None:
            raise NotFoundError(
                f"meter {meter!r} has no prepayment agreement today",
                hint=f"PUT /v1/meters/{meter}/agreements with `prepayment` in one makes it",
            )
        days = _days(agreement, today)
        starts_ms = [day_start_ms(day, zone) for day in [*days, today + dt.timedelta(days=1)]]
        span = starts_ms[0], starts_ms[-1]
        supply = read_supply(connection, scope, meter, span, zone)
        paid = list_top_ups(connection, scope, meter, *span)
    charges = {}
    unpriced = 0
    for day, start_ms, end_ms in zip(days, starts_ms, starts_ms[1:], strict=False):
        cost = bill(supply, (start_ms // SLOT_MS, end_ms // SLOT_MS))
        charges[day] = cost.total_millionths
        unpriced += cost.unpriced_slots
    top_ups: dict[dt.date, list[int]] = {}
    for one in paid:
        top_ups.setdefault(local_date(one.paid_at_ms, zone), []).append(one.amount_millionths)
    over = parts.clock.utc_ms() // SLOT_MS
    return reply(
        {
            "meter": meter,
            "currency": supply.agreed[0].tariff.currency,
            "starts_on": agreement.starts_on,
            "days": run_account(agreement.prepayment, days, charges, top_ups),
            "unpriced_slots": unpriced,
            "missing_slots": supply.known((span[0] // SLOT_MS, over)).missing_slots,
        }
    )


def _prepaid(agreements: Sequence[Agreement], today: dt.date) -> Agreement | None:
    for one in agreements:
        is_held = one.starts_on <= today and (one.ends_on is None or today < one.ends_on)
        if one.prepayment is not None and one.flow is Flow.IMPORT and is_held:
            return one
    return None


def _days(agreement: Agreement, today: dt.date) -> list[dt.date]:
    count = (today - agreement.starts_on).days + 1
    if count > MAX_COST_DAYS:
        raise BadInputError(
            f"the account runs for {count} days, over {MAX_COST_DAYS}",
            hint="end the agreement and start one with today's balance as opening_millionths",
        )
    return [agreement.starts_on + dt.timedelta(days=number) for number in range(count)]
