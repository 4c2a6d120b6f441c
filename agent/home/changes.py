"""Changes made at the page: who may make them. A token that only the page knows, and the PIN.

The token is told in the view, which another site's page cannot read (CSRF); the Host and the Origin
are looked at before (guard.py). Without a PIN nothing can be changed, but a first one be set.
"""

import asyncio
import hmac
import secrets
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent.home.firstpin import HINT, FirstPinDoor
from agent.home.pins import PinGate
from agent.home.problems import problem
from shared.errors import OperatorError

MAX_BODY_BYTES = 1_024
"""A PIN and a word."""

MAX_CLAIM_BYTES = 16 * 1_024
"""A claim that AWS made: a certificate, an RSA-2048 key and names, some 4 KB, within JSON again."""

MAX_PIN_CHARS = 64
"""Nobody types more at a display."""

TOKEN_HEADER = "hearthlink-token"  # noqa: S105 (its name, not its value)


class GranularityChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /granularity` carries."""

    pin: str
    granularity: str


class Acknowledgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /acknowledge` carries: the message that was read."""

    pin: str
    id: int


class BudgetChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /budget` carries: an amount as it was typed, "" for none."""

    pin: str
    amount: str


class ClaimOffer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /claim` carries."""

    pin: str
    claim: str


class FirstPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /pin` carries."""

    pin: str


Change = TypeVar("Change", GranularityChange, Acknowledgement, BudgetChange, ClaimOffer, FirstPin)


class Changes:
    """The page's token and PIN; a PIN in the configuration leaves the file alone."""

    def __init__(self, pin: str, first_pin: FirstPinDoor | None) -> None:
        self.token = secrets.token_urlsafe(24)
        self._gate = PinGate(pin)
        self._first_pin = first_pin
        matches = first_pin.file.read() if first_pin is not None and not pin else None
        if matches is not None:
            self._gate.set_by(matches)

    @property
    def is_read_only(self) -> bool:
        """Whether there is no PIN, so that nothing can be changed."""
        return not self._gate.is_configured

    @property
    def may_set_pin(self) -> bool:
        """Whether a first PIN can be set here, if not by everybody."""
        return self.is_read_only and self._first_pin is not None

    @property
    def pin_hint(self) -> str:
        """What to do before a first PIN can be set from another machine; "" where nothing is."""
        is_shut = self._first_pin is not None and not self._first_pin.is_open
        return HINT if self.is_read_only and is_shut else ""

    async def read(self, request: Request, kind: type[Change]) -> Change | Response:
        """Read a change that may be made, or say why it may not."""
        if not self._has_token(request):
            return problem(
                403,
                "Not from this page",
                "The change does not come from the page itself.",
                "Load the page again.",
            )
        if self.is_read_only and kind is not FirstPin:
            return problem(
                403,
                "Read only",
                "This display has no PIN, so nothing can be changed here.",
                "Set a PIN for the page in the hub's configuration.",
            )
        change = await _decode(request, kind)
        if isinstance(change, Response) or kind is FirstPin:
            return change
        return await self._check_pin(change.pin) or change

    async def set_first_pin(self, pin: str, address: str) -> Response | None:
        """Set the first PIN for who asks from this address; None where it is set."""
        if self._first_pin is None or not self.is_read_only:
            return problem(403, "There is a PIN", "The page has a PIN already.", "Use that one.")
        if not self._first_pin.admits(address):
            detail = "The hub has been on for too long to take its first PIN from another machine."
            return problem(403, "Too late", detail, HINT)
        try:
            self._gate.set_by(await asyncio.to_thread(self._first_pin.file.set_first, pin))
        except OperatorError as error:
            return problem(422, "Not possible", error.message, error.hint)
        return None

    def _has_token(self, request: Request) -> bool:
        shown = request.headers.get(TOKEN_HEADER, "")
        return hmac.compare_digest(shown.encode(), self.token.encode())

    async def _check_pin(self, pin: str) -> Response | None:
        now_s = asyncio.get_running_loop().time()
        locked_s = self._gate.seconds_locked(now_s)
        if not locked_s:
            if self._gate.accepts(pin, now_s):
                return None
            locked_s = self._gate.seconds_locked(now_s)
            if not locked_s:
                return problem(401, "Wrong PIN", "That is not the PIN.", "Try again.")
        return problem(
            429,
            "Too many wrong PINs",
            f"Locked for {locked_s} seconds.",
            "Wait, then try again.",
            {"Retry-After": str(locked_s)},
        )


async def _decode(request: Request, kind: type[Change]) -> Change | Response:
    """Read the body within its limit; a browser's plain form is refused by its content type."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return problem(415, "Not JSON", "The body must be application/json.", "")
    body, limit = b"", MAX_CLAIM_BYTES if kind is ClaimOffer else MAX_BODY_BYTES
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return problem(413, "Too large", f"The limit is {limit} bytes.", "")
    try:
        change = msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        fields = ", ".join(f'"{name}": …' for name in kind.__struct_fields__)
        return problem(400, "Not understood", str(error), f"Send {{{fields}}}.")
    if len(change.pin) > MAX_PIN_CHARS:
        return problem(400, "Not understood", f"A PIN has at most {MAX_PIN_CHARS} characters.", "")
    return change
