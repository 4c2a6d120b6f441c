"""`/install`: the installer's screen, for the installer's token or the operator's.

Who has signed in is known by a cookie that this cloud has signed and that ends within hours; it
opens these pages and nothing of the API. Posts are taken from these pages alone.
"""

import hashlib
import hmac
import threading
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from cloud.bodies import read_body
from cloud.fleet import hubs, qr
from cloud.fleet.claims import DEFAULT_MINUTES, ClaimRow, look_up_claim
from cloud.fleet.endpoints import Desk
from cloud.fleet.installpage import (
    CONTENT_POLICY,
    ROOT,
    SCRIPT,
    SCRIPT_PATH,
    Progress,
    render_offer,
    render_order,
    render_progress,
    render_sign_in,
    render_steps,
)
from cloud.fleet.pace import Pace
from cloud.fleet.reportpage import render_page
from cloud.fleet.reports import commission, seal_of
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.ingest.repository import list_logs
from cloud.parts import Parts, Shared
from cloud.problems import NotFoundError, ProblemError
from cloud.scope import Scope
from shared.errors import BadInputError, OperatorError
from shared.units import MS_PER_HOUR, MS_PER_SECOND

COOKIE = "hearthlink_installer"
SIGNED_IN_MS = 8 * MS_PER_HOUR
"""A working day; who gets at the phone later must sign in."""

MAX_FORM_BYTES = 4_096
MAX_COOKIE_CHARS = 128

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(prefix=ROOT, include_in_schema=False)


class InstallerGate:
    """Knows the tokens and who has signed in; safe to use from many threads."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._lock = threading.Lock()

    def sign_in(self, parts: Parts, token: str, address: str) -> str:
        """Answer a right token with the cookie's content, a wrong one with ""."""
        now_ms = parts.clock.monotonic_ms()
        with self._lock:
            if not self._pace.may_try(address, now_ms):
                raise ProblemError(
                    HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens came from this address"
                )
            if not any(hmac.compare_digest(token.encode(), one) for one in _tokens(parts)):
                self._pace.note_wrong(address, now_ms)
                return ""
        until_s = (parts.clock.utc_ms() + SIGNED_IN_MS) // MS_PER_SECOND
        return f"{until_s}.{_seal(parts, str(until_s))}"


def is_signed_in(parts: Parts, cookie: str) -> bool:
    """Tell whether a cookie is one of ours and has not run out."""
    until, _, seal = cookie[:MAX_COOKIE_CHARS].partition(".")
    if not until.isascii() or not until.isdecimal():
        return False
    is_ours = hmac.compare_digest(seal.encode(), _seal(parts, until).encode())
    return is_ours and int(until) * MS_PER_SECOND > parts.clock.utc_ms()


def _tokens(parts: Parts) -> list[bytes]:
    found = (parts.config.api_token, parts.config.installer_token)
    return [token.encode() for token in found if token]


def _seal(parts: Parts, until: str) -> str:
    # Changing either token ends what was signed in with it.
    key = hashlib.sha256(b"\0".join([b"installer", *_tokens(parts)])).digest()
    return hmac.new(key, until.encode(), hashlib.sha256).hexdigest()


def _installer(request: Request, parts: Shared) -> None:
    if not is_signed_in(parts, request.cookies.get(COOKIE, "")):
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "nobody is signed in", hint=f"go to {ROOT}")


Installer = Annotated[None, Depends(_installer)]


async def _form(request: Request) -> dict[str, str]:
    """Read a form that one of these pages sent; raises ProblemError 403 for another's."""
    origin = request.headers.get("origin", "")
    if origin and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise ProblemError(HTTPStatus.FORBIDDEN, "another site's page sent this form")
    body = await read_body(request, MAX_FORM_BYTES)
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=8)
    return {name: values[0].strip() for name, values in fields.items()}


Form = Annotated[dict[str, str], Depends(_form)]


@router.get("")
def show(request: Request, parts: Shared) -> Response:
    """Show what comes next: to sign in, or to make a claim."""
    if is_signed_in(parts, request.cookies.get(COOKIE, "")):
        return _html(render_order())
    return _html(render_sign_in())


@router.post("")
def sign_in(request: Request, parts: Shared, form: Form) -> Response:
    """Sign in by a token."""
    gate: InstallerGate = request.app.state.installer_gate
    address = request.client.host if request.client is not None else ""
    cookie = gate.sign_in(parts, form.get("token", ""), address)
    if not cookie:
        return _html(render_sign_in("That is no token of this cloud."), HTTPStatus.UNAUTHORIZED)
    answer = RedirectResponse(ROOT, HTTPStatus.SEE_OTHER, headers=HEADERS)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=SIGNED_IN_MS // MS_PER_SECOND,
        path=ROOT,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.get(SCRIPT_PATH.removeprefix(ROOT))
def script() -> Response:
    """Serve the pages' only script."""
    return Response(SCRIPT, media_type="text/javascript", headers=HEADERS)


@router.post("/claims")
def make_claim(_installer: Installer, parts: Shared, desk: Desk, form: Form) -> Response:
    """Make a claim and show it, the only time that its code is told."""
    thing, installer = form.get("thing", ""), form.get("installer", "")
    minutes = form.get("minutes", "")
    try:
        offer = desk.offer(
            Scope.of(DEFAULT_HOUSEHOLD),
            thing=thing,
            installer=installer,
            minutes=int(minutes) if minutes.isdecimal() else DEFAULT_MINUTES,
        )
    except BadInputError as error:
        problem = f"{error.message}. {error.hint}".strip(". ")
        return _html(render_order(problem, thing, installer), HTTPStatus.BAD_REQUEST)
    with parts.database.reading() as connection:
        far = _progress(connection, offer.row, parts.clock.utc_ms())
    return _html(render_offer(far, offer.code, offer.text, qr.svg(offer.text)))


@router.get("/claims/{claim_id}")
def show_progress(
    claim_id: str,
    _installer: Installer,
    parts: Shared,
    part: Annotated[str, Query(max_length=8)] = "",
) -> Response:
    """Show how far the claim's hub has come; `part=steps` is what of the page changes."""
    with parts.database.reading() as connection:
        far = _progress(connection, _claim(connection, claim_id), parts.clock.utc_ms())
    return _html(render_steps(far) if part == "steps" else render_progress(far))


@router.get("/claims/{claim_id}/report")
def show_report(claim_id: str, _installer: Installer, parts: Shared) -> Response:
    """Show the hub's commissioning report, with who installed it."""
    with parts.database.reading() as connection:
        claim = _claim(connection, claim_id)
    if claim.used_at_ms is None:
        raise NotFoundError("the claim's hub has not joined by it", hint="wait until it has")
    try:
        seal = seal_of(parts.config)
    except OperatorError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, error.message, hint=error.hint
        ) from error
    sealed = commission(parts.database, parts.clock, seal, claim.thing, claim.installer)
    return _html(render_page(sealed.report, sealed.jws))


def _claim(connection: Connection, claim_id: str) -> ClaimRow:
    found = look_up_claim(connection, claim_id)
    if found is None:
        raise NotFoundError(f"no claim {claim_id[:40]!r}", hint=f"go to {ROOT}")
    return found


def _progress(connection: Connection, claim: ClaimRow, now_ms: int) -> Progress:
    """Read how far a hub has come since its claim was made."""
    scope = Scope.of(claim.household_id)
    is_joined = claim.used_at_ms is not None
    try:
        hub, seen = hubs.find_view(connection, claim.thing, now_ms)
    except NotFoundError:
        is_heard, is_well = False, False
    else:
        # Its registration notes the hub, too: only what came after is the hub's own word.
        is_heard = is_joined and hub.last_seen_ms > (claim.used_at_ms or 0)
        is_well = is_heard and seen.health_reported_at is not None
    has_reading = is_heard and any(
        one.coverage for one in list_logs(connection, scope, claim.thing)
    )
    return Progress(
        claim.claim_id,
        claim.thing,
        claim.state(now_ms),
        max(0, claim.expires_at_ms - now_ms),
        [
            ("The hub took the claim", claim.redeemed_at_ms is not None),
            ("It has its own certificate", is_joined),
            ("It speaks with the cloud", is_heard),
            ("It has told its health", is_well),
            ("Its first reading is stored", has_reading),
        ],
        claim.refused_count,
    )


def _html(page: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    return HTMLResponse(page, status, headers=HEADERS)
