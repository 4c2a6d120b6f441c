"""`/v1/claims/redeem` and `/v1/fleet/…`: claims for the installer, certificates for the hub.

Claims are made by whoever lets hubs in (`Admission`); redeemed and renewed by our own authority.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.answers import JSON, reply
from cloud.auth import ANYONE, HUB, Operator, ProvedOperator
from cloud.bodies import read_body, read_signed
from cloud.errors import RESPONSES, NotFoundError, ProblemError
from cloud.fleet import qr
from cloud.fleet.claims import (
    DEFAULT_MINUTES,
    MAX_INSTALLER_CHARS,
    MAX_MINUTES,
    ClaimRow,
    look_up_claim,
)
from cloud.fleet.claims import list_claims as claims_of
from cloud.fleet.desk import ClaimDesk
from cloud.households.tenancies import MAX_NAME_CHARS
from cloud.hubauth import Sender
from cloud.ingest.hubs import REFUSALS, signed_request
from cloud.openapi.structs import answering, schema_of, taking
from cloud.parts import Shared
from cloud.registry.port import Admission, Ticket
from cloud.transfer.pages import PAGE, Cursor, PageLimit, decode_cursor, next_of
from cloud.transfer.repetition import Once
from shared.claims import grouped
from shared.enrolment import (
    AUTHORITY_PATH,
    MAX_ENROLMENT_BYTES,
    REDEEM_PATH,
    RENEW_PATH,
    AuthorityAnswer,
    RedeemAnswer,
    RedeemRequest,
    RenewAnswer,
    RenewRequest,
    decode_enrolment,
)
from shared.errors import OperatorError
from shared.instants import format_utc

CLAIMS_PATH = "/v1/fleet/claims"

router = APIRouter(tags=["fleet"])


class ClaimOrder(BaseModel):
    """What to make a claim for; a hub without a name is given one.

    `household_id` is a household's id, or its name where no other has it. It may be left out for a
    hub that is there already, and while there is one household. `rejoin` lets it be one that has
    joined already or is revoked.
    """

    household_id: str = Field("", max_length=MAX_NAME_CHARS)
    thing: str = Field("", max_length=64)
    installer: str = Field("", max_length=MAX_INSTALLER_CHARS)
    minutes: int = Field(DEFAULT_MINUTES, ge=1, le=MAX_MINUTES)
    rejoin: bool = False


class ClaimEntry(BaseModel):
    """A claim; `state` is open, redeemed, used or expired.

    `refused_count` counts who came with its code and another key: the code was seen by others.
    """

    claim: str
    household_id: str
    thing: str
    installer: str
    state: str
    made_at: str
    expires_at: str
    refused_count: int


class ClaimMade(ClaimEntry):
    """A claim just made: the only time that its code is told.

    Where AWS makes it there is no code: `bundle` is the claim then, and a secret, as AWS makes its
    key too. It goes to the hub as a file or at its page; the other three are "".
    """

    code: str
    text: str
    qr_svg: str
    bundle: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "claim": "claim-0123456789abcdef",
                "household_id": "home",
                "thing": "hub-5f1c2a9b70",
                "installer": "Ada",
                "state": "open",
                "made_at": "2026-03-01T12:00:00Z",
                "expires_at": "2026-03-01T12:15:00Z",
                "refused_count": 0,
                "code": "7K2Q9-M4XAB-0CDEF-GHJKM",
                "text": "hearthlink:cloud.example.org/7K2Q9-M4XAB-0CDEF-GHJKM",
                "qr_svg": "<svg …>",
                "bundle": "",
            }
        }
    )


class ClaimList(BaseModel):
    """Claims, the latest first, without their codes."""

    claims: list[ClaimEntry]
    next_cursor: str | None


def desk_of(request: Request) -> ClaimDesk:
    """Find the desk; raises NotFoundError where this cloud signs nothing."""
    desk: ClaimDesk | None = request.app.state.claim_desk
    if desk is None:
        raise NotFoundError(
            "this cloud gives no hub a certificate", hint="set fleet_dir to the fleet's folder"
        )
    return desk


Desk = Annotated[ClaimDesk, Depends(desk_of)]


def admission_of(request: Request) -> Admission:
    """Find who lets hubs in: our own authority, or AWS."""
    admission: Admission = request.app.state.admission
    return admission


Admitting = Annotated[Admission, Depends(admission_of)]


def offer_claim(admission: Admission, order: ClaimOrder) -> Ticket:
    """Make a claim; raises as `Admission.offer`, and ProblemError 503 for what the operator mends.

    That is a setting that is missing, or an AWS that refuses.
    """
    try:
        return admission.offer(
            order.thing,
            order.installer,
            order.minutes,
            order.household_id,
            rejoin=order.rejoin,
        )
    except OperatorError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, error.message, hint=error.hint
        ) from error


async def _redeeming(request: Request) -> RedeemRequest:
    return decode_enrolment(RedeemRequest, await read_body(request, MAX_ENROLMENT_BYTES))


async def _renewing(request: Request, desk: Desk) -> tuple[Sender, RenewRequest]:
    signed = await read_signed(request, MAX_ENROLMENT_BYTES)
    sender = desk.gate.identify(signed, may_be_expired=True)
    return sender, decode_enrolment(RenewRequest, signed.body)


@router.post(
    REDEEM_PATH,
    summary="Redeem a claim",
    dependencies=[ANYONE],
    response_description="Where and with what to provision (docs/reference/protocol.md)",
    responses={**REFUSALS, **answering(schema_of(RedeemAnswer))},
    openapi_extra=taking(
        schema_of(RedeemRequest), description="`code` and `csr` (docs/reference/protocol.md)."
    ),
)
def redeem(
    request: Request, desk: Desk, asked: Annotated[RedeemRequest, Depends(_redeeming)]
) -> Response:
    """Give a claim's certificate to the first key that comes with the code; needs no token."""
    address = request.client.host if request.client is not None else ""
    return reply(desk.redeem(asked, address))


@router.get(
    AUTHORITY_PATH,
    summary="The fleet's authority",
    dependencies=[ANYONE],
    responses={**REFUSALS, **answering(schema_of(AuthorityAnswer))},
)
def authority(desk: Desk) -> Response:
    """Tell the authority's certificate, which a hub checks by the pin of its claim."""
    return reply(AuthorityAnswer(desk.authority_pem()))


@router.post(
    RENEW_PATH,
    summary="Renew a certificate that has expired",
    dependencies=[HUB],
    response_description="The certificate (docs/reference/protocol.md)",
    responses={**REFUSALS, **answering(schema_of(RenewAnswer))},
    openapi_extra=signed_request(JSON, "`csr` (docs/reference/protocol.md)."),
)
def renew(
    desk: Desk, asked: Annotated[tuple[Sender, RenewRequest], Depends(_renewing)]
) -> Response:
    """Give a hub that slept past its certificate's end one of a new key, unless it is revoked."""
    sender, request = asked
    return reply(RenewAnswer(desk.renew_late(sender, request.csr)))


@router.post(
    CLAIMS_PATH,
    status_code=201,
    response_model=ClaimMade,
    summary="Make a claim",
    responses=RESPONSES,
)
def make_claim(
    parts: Shared, _operator: ProvedOperator, admission: Admitting, order: ClaimOrder, _once: Once
) -> Response:
    """Make a one-time claim for one hub, here or at AWS; its code is told now and never again.

    Answered with 409 `hub-has-joined` where the hub is in use or revoked and `rejoin` does not say
    that it is to begin anew: its certificates, and a revocation, are over once the claim is used.
    """
    ticket = offer_claim(admission, order)
    with parts.database.reading() as connection:
        row = look_up_claim(connection, ticket.claim)
    if row is None:
        raise NotFoundError(f"claim {ticket.claim!r} is gone", hint="make another one")
    shown = {
        "code": grouped(ticket.code),
        "text": ticket.text,
        "qr_svg": qr.svg(ticket.text) if ticket.text else "",
        "bundle": ticket.file.decode(),
    }
    response = reply({**entry_of(row, parts.clock.utc_ms()), **shown})
    response.status_code = 201
    return response


@router.get(CLAIMS_PATH, response_model=ClaimList, summary="Claims made", responses=RESPONSES)
def list_claims(
    parts: Shared,
    _operator: Operator,
    cursor: Cursor = "",
    limit: PageLimit = PAGE,
) -> Response:
    """List the claims of the last 90 days, of every household."""
    now_ms = parts.clock.utc_ms()
    before = decode_cursor(cursor, "claims", (int, str))
    with parts.database.reading() as connection:
        rows = claims_of(connection, limit + 1, before)
    next_cursor = next_of(rows, "claims", lambda row: (row.made_at_ms, row.claim_id), limit)
    listed = [entry_of(row, now_ms) for row in rows[:limit]]
    return reply({"claims": listed, "next_cursor": next_cursor})


def entry_of(row: ClaimRow, now_ms: int) -> dict[str, object]:
    """Show a claim without its code."""
    return {
        "claim": row.claim_id,
        "household_id": row.household_id,
        "thing": row.thing,
        "installer": row.installer,
        "state": row.state(now_ms),
        "made_at": format_utc(row.made_at_ms),
        "expires_at": format_utc(row.expires_at_ms),
        "refused_count": row.refused_count,
    }
