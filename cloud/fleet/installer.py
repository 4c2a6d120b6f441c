"""`/install`: the installer's screen, for the installer's token or the operator's.

Who has signed in is known by a cookie that this cloud has signed and that ends within hours; it
opens these pages and nothing of the API. Posts are taken from these pages alone.
"""

import contextlib
import hashlib
import hmac
import threading
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from cloud.answers import JSON
from cloud.bodies import read_body
from cloud.fleet import qr
from cloud.fleet.claims import DEFAULT_MINUTES, ClaimRow, look_up_claim
from cloud.fleet.endpoints import Admitting, ClaimOrder, offer_claim
from cloud.fleet.installpage import (
    CONTENT_POLICY,
    ROOT,
    SCRIPT,
    SCRIPT_PATH,
    Progress,
    Typed,
    render_bundle,
    render_offer,
    render_order,
    render_progress,
    render_sign_in,
    render_steps,
    render_waiting,
)
from cloud.fleet.orders import Order, find_made, make_once, new_word, order_of
from cloud.fleet.pace import Pace
from cloud.fleet.placing import UnclearHouseholdError
from cloud.fleet.progress import read_progress
from cloud.fleet.reportpage import render_page
from cloud.fleet.reports import Sealed, commission, seal_of
from cloud.households.repository import count_households
from cloud.origins import CLIENT_FIELD, is_own
from cloud.parts import Parts, Shared
from cloud.problems import NotFoundError, ProblemError
from cloud.registry.port import Ticket
from cloud.transfer.memory import InFlightError
from shared.errors import BadInputError, OperatorError
from shared.units import MS_PER_HOUR, MS_PER_SECOND

COOKIE = "hearthlink_installer"
SIGNED_IN_MS = 8 * MS_PER_HOUR
"""A working day; who gets at the phone later must sign in."""

CLAIM_FILE = "hearthlink-claim.txt"
"""As a hub looks for it on its boot partition (`provision.claim_file`)."""

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


async def _form(request: Request, parts: Shared) -> dict[str, str]:
    """Read a form that one of these pages sent; raises ProblemError 403 for another's.

    Also for one that says nothing of where it comes from, as no browser does.
    """
    if not is_own(request.headers, parts.config.public_url):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "this form is not said to come from our own page",
            hint=f"open {parts.config.public_url}{ROOT} in a browser and send it from there; a "
            f"program sends the field {CLIENT_FIELD}",
            code="foreign-origin",
        )
    body = await read_body(request, MAX_FORM_BYTES)
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=8)
    return {name: values[0].strip() for name, values in fields.items()}


Form = Annotated[dict[str, str], Depends(_form)]


@router.get("")
def show(request: Request, parts: Shared) -> Response:
    """Show what comes next: to sign in, or to make a claim."""
    if is_signed_in(parts, request.cookies.get(COOKIE, "")):
        return _html(render_order(new_word(), asks_household=_asks_household(parts)))
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
def make_claim(
    request: Request, _installer: Installer, parts: Shared, admission: Admitting, form: Form
) -> Response:
    """Make a claim, and send the browser to its page: to load that again makes no other.

    Never for a hub that has joined: whoever holds the installer's token could have any.
    """
    thing, installer = form.get("thing", ""), form.get("installer", "")
    household = form.get("household", "")
    minutes = form.get("minutes", "")
    order = order_of(request.cookies.get(COOKIE, ""), form)

    def offer() -> Ticket:
        held = int(minutes) if minutes.isdecimal() else DEFAULT_MINUTES
        # Not checked as the API's is: the admission says in words what will not do.
        wanted = ClaimOrder.model_construct(
            household_id=household, thing=thing, installer=installer, minutes=held
        )
        return offer_claim(admission, wanted)

    try:
        with contextlib.suppress(InFlightError):
            make_once(parts.database, order, parts.clock.utc_ms(), offer)
    except (BadInputError, ProblemError) as error:
        # Which households there are is the operator's to know, and not every installer's.
        is_unclear = isinstance(error, UnclearHouseholdError | NotFoundError)
        told = "Ask the operator for the household's id" if is_unclear else error.hint
        problem = f"{error.message}. {told}".strip(". ")
        typed = Typed(thing, installer, household)
        page = render_order(new_word(), problem, typed, asks_household=_asks_household(parts))
        has_joined = isinstance(error, ProblemError) and error.status == HTTPStatus.CONFLICT
        return _html(page, HTTPStatus.CONFLICT if has_joined else HTTPStatus.BAD_REQUEST)
    return RedirectResponse(f"{ROOT}/orders/{order.name}", HTTPStatus.SEE_OTHER, headers=HEADERS)


@router.get("/orders/{name}")
def show_order(name: str, request: Request, _installer: Installer, parts: Shared) -> Response:
    """Show the claim that a form made, and its code while it lives, to who sent the form."""
    try:
        ticket, far = _ordered(request, parts, name)
    except InFlightError:
        return _html(render_waiting(), HTTPStatus.ACCEPTED)
    if not far.is_alive:
        return _html(render_progress(far))
    if ticket.file:
        return _html(render_bundle(far, name))
    return _html(render_offer(far, ticket.code, ticket.text, qr.svg(ticket.text), name))


@router.get("/orders/{name}/file")
def give_file(name: str, request: Request, _installer: Installer, parts: Shared) -> Response:
    """Give the claim that AWS made as a file, while it lives, to who ordered it."""
    ticket, far = _ordered(request, parts, name)
    if not (ticket.file and far.is_alive):
        raise NotFoundError("the claim is over, or has no file", hint=f"go to {ROOT}")
    said = {"Content-Disposition": f'attachment; filename="{CLAIM_FILE}"'}
    return Response(ticket.file, media_type="application/octet-stream", headers={**HEADERS, **said})


@router.get("/claims/{claim_id}")
def show_progress(
    claim_id: str,
    _installer: Installer,
    parts: Shared,
    part: Annotated[str, Query(max_length=8)] = "",
) -> Response:
    """Show how far the claim's hub has come; `part=steps` is what of the page changes."""
    with parts.database.reading() as connection:
        far = read_progress(connection, _claim(connection, claim_id), parts.clock.utc_ms())
    return _html(render_steps(far) if part == "steps" else render_progress(far))


@router.get("/claims/{claim_id}/report")
def show_report(claim_id: str, request: Request, _installer: Installer, parts: Shared) -> Response:
    """Show the hub's commissioning report; signed JSON where `Accept` asks for that."""
    sealed = _report(parts, claim_id)
    if JSON in request.headers.get("accept", ""):
        return Response(sealed.to_json(), media_type=JSON, headers=HEADERS)
    return _html(render_page(sealed.report, sealed.jws))


@router.get("/claims/{claim_id}/report.json")
def give_report(claim_id: str, _installer: Installer, parts: Shared) -> Response:
    """Give the same as a file to keep, which 'hearthlink fleet report --verify' checks."""
    sealed = _report(parts, claim_id)
    name = f"report-{sealed.report.thing}.json"
    said = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(sealed.to_json(), media_type=JSON, headers={**HEADERS, **said})


def _report(parts: Parts, claim_id: str) -> Sealed:
    """Make the report of a claim's hub, with who installed it; raises ProblemError."""
    with parts.database.reading() as connection:
        claim = _claim(connection, claim_id)
        is_joined = read_progress(connection, claim, parts.clock.utc_ms()).state == "used"
    if not is_joined:
        raise NotFoundError("the claim's hub has not joined by it", hint="wait until it has")
    try:
        seal = seal_of(parts.config)
    except OperatorError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, error.message, hint=error.hint
        ) from error
    return commission(parts.database, parts.clock, seal, claim.thing, claim.installer)


def _ordered(request: Request, parts: Parts, name: str) -> tuple[Ticket, Progress]:
    """Find the claim of an order, and how far it is; raises as `find_made`, NotFoundError."""
    ticket = find_made(parts.database, Order(request.cookies.get(COOKIE, ""), name))
    if ticket is None:
        raise NotFoundError("no claim that you ordered since you signed in", hint=f"go to {ROOT}")
    with parts.database.reading() as connection:
        claim = _claim(connection, ticket.claim)
        return ticket, read_progress(connection, claim, parts.clock.utc_ms())


def _asks_household(parts: Parts) -> bool:
    with parts.database.reading() as connection:
        return count_households(connection) > 1


def _claim(connection: Connection, claim_id: str) -> ClaimRow:
    found = look_up_claim(connection, claim_id)
    if found is None:
        raise NotFoundError(f"no claim {claim_id[:40]!r}", hint=f"go to {ROOT}")
    return found


def _html(page: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    return HTMLResponse(page, status, headers=HEADERS)
