"""`/v1/sessions` and `/v1/set-up`: signing in and out, and proving it again."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from cloud.accounts import sessions as kept
from cloud.accounts.schemas import ProofBody, SessionEntry, SessionList, SetUpBody, SignInBody
from cloud.accounts.sessions import LIFE_MS, Session
from cloud.accounts.signin import Proof, SignIn
from cloud.accounts.users import read_email
from cloud.answers import reply
from cloud.auth import ANYONE, PROOF_HOLDS_MS, Person
from cloud.errors import RESPONSES, NotFoundError, Problem, ProblemError
from cloud.gate import Gate, address_of, gate_of
from cloud.origins import is_foreign
from cloud.parts import Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.roles import Kind, Principal
from shared.instants import format_utc
from shared.units import MS_PER_DAY, MS_PER_SECOND

DEVICE_COOKIE = "hearthlink-device"
DEVICE_S = 400 * MS_PER_DAY // MS_PER_SECOND
"""What browsers keep a cookie at most."""

CURRENT = "current"
REFUSALS: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    **{status: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}} for status in (409, 503)},
}

router = APIRouter(prefix="/v1", tags=["account"], responses=REFUSALS)


def sign_in_of(request: Request) -> SignIn:
    """Find what signs people in."""
    found: SignIn = request.app.state.sign_in
    return found


Desk = Annotated[SignIn, Depends(sign_in_of)]


@router.post(
    "/sessions",
    status_code=201,
    response_model=SessionEntry,
    summary="Sign in",
    dependencies=[ANYONE],
)
def sign_in(request: Request, desk: Desk, who: SignInBody) -> Response:
    """Begin a session, whose token comes in a cookie that no page can read.

    401 `wrong-credentials` for whatever of it is wrong, or nobody's; 401 `second-factor-needed`
    where the password is right and a code is asked for; 429 with `Retry-After` after several wrong
    tries.
    """
    gate = gate_of(request)
    if is_foreign(request.headers, gate.public_url):
        raise ProblemError(
            403, "another site's page", hint="sign in on ours", code="foreign-origin"
        )
    opened = desk.sign_in(
        read_email(who.email),
        Proof(who.password, who.code, who.recovery_code),
        address=address_of(request),
        device=request.cookies.get(DEVICE_COOKIE, "")[: kept.MAX_DEVICE_CHARS],
        agent=request.headers.get("user-agent", ""),
    )
    response = reply(entry_of(opened.session, opened.session.session_id))
    response.status_code = 201
    _set(response, gate, gate.cookie, opened.token, LIFE_MS // MS_PER_SECOND)
    _set(response, gate, DEVICE_COOKIE, opened.device, DEVICE_S)
    return response


@router.get("/sessions", response_model=SessionList, summary="Where you are signed in")
def list_all(parts: Shared, person: Person) -> Response:
    """List the sessions of who asks, the latest used first."""
    with parts.database.reading() as connection:
        rows = kept.list_sessions(connection, person.user_id, parts.clock.utc_ms())
    return reply({"sessions": [entry_of(row, person.session_id) for row in rows]})


@router.delete("/sessions", status_code=204, summary="Sign out everywhere")
def end_all(request: Request, parts: Shared, person: Person) -> Response:
    """End every session of who asks, this one too."""
    with parts.database.writing() as connection:
        kept.end_all(connection, person.user_id)
    return signed_out(request)


@router.delete("/sessions/{session}", status_code=204, summary="Sign out")
def end(session: str, request: Request, parts: Shared, person: Person) -> Response:
    """End one session of who asks; `current` is the one that asks."""
    session_id = person.session_id if session == CURRENT else session
    with parts.database.writing() as connection:
        if not kept.end_session(connection, person.user_id, session_id):
            raise NotFoundError(f"no session {session!r}", hint="GET /v1/sessions lists yours")
    is_own = session_id == person.session_id
    return signed_out(request) if is_own else Response(status_code=204)


@router.post("/sessions/current/proof", status_code=204, summary="Prove who you are again")
def prove(desk: Desk, person: Person, proof: ProofBody) -> Response:
    """Show password and code again: sensitive requests are taken for the next 5 minutes."""
    check_is_here(person)
    desk.prove(
        person.user_id,
        person.session_id,
        Proof(proof.password, proof.code, proof.recovery_code),
    )
    return Response(status_code=204)


@router.post(
    "/set-up", status_code=204, summary="Choose a password by a code", dependencies=[ANYONE]
)
def set_up(request: Request, desk: Desk, chosen: SetUpBody) -> Response:
    """Choose the first password, or another for one that was lost, by the operator's code.

    Every session of the person ends; a second factor stays.
    """
    desk.choose_password(chosen.code, chosen.password, address_of(request))
    return Response(status_code=204)


def check_is_here(person: Principal) -> None:
    """Raise 403 for whom a provider signs in: password and codes are kept there."""
    if person.kind is not Kind.SESSION:
        raise HTTPException(403, "your sign-in is at your provider, and so is this")


def signed_out(request: Request) -> Response:
    """Answer that a session is over, and have the browser forget it."""
    response, gate = Response(status_code=204), gate_of(request)
    _set(response, gate, gate.cookie, "", 0)
    return response


def entry_of(session: Session, current: str) -> dict[str, object]:
    """Show a session without its token."""
    return {
        "session": session.session_id,
        "device": session.device,
        "created_at": format_utc(session.created_at_ms),
        "seen_at": format_utc(session.seen_at_ms),
        "ends_at": format_utc(session.ends_at_ms),
        "proved_until": format_utc(session.proved_at_ms + PROOF_HOLDS_MS),
        "is_current": session.session_id == current,
    }


def _set(response: Response, gate: Gate, name: str, value: str, age_s: int) -> None:
    response.set_cookie(
        name, value, max_age=age_s, path="/", secure=gate.is_https, httponly=True, samesite="strict"
    )
