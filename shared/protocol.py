"""What hub and cloud say to each other beside frames: hello, receipt, status and live.

JSON objects, small and rare (docs/reference/protocol.md); the tariff shadow carries AWS IoT's own
document shape. Pure: bytes to structs and back, with their limits and the rule both sides share
about what is backlog.
"""

from typing import Annotated, TypeVar

import msgspec

from shared.errors import BadInputError
from shared.readings import Medium
from shared.units import INT64_MAX, INT64_MIN, MS_PER_MINUTE

MAX_MESSAGE_BYTES = 8 * 1024
"""A receipt of 64 ranges is under 4 KB; AWS IoT's shadow documents stop at 8 KB too."""

MAX_HELLO_BYTES = 34 * 1024
"""64 logs whose meter ids take six bytes a character as JSON may: 498 bytes each, 31,872 in all.

The rest is room for their row proofs, of 59 bytes each.
"""

MAX_LOGS_PER_HELLO = 64
MAX_RANGES_PER_RECEIPT = 64
MAX_PROOFS_PER_HELLO = 32
"""Each has the cloud read a frame; a hub has any after a card was put back, and seldom then."""

BACKLOG_AGE_MS = 15 * MS_PER_MINUTE
"""A frame whose newest sample is older is backlog: answered at once, as the hub expects."""


Int64 = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)]
"""A whole number that databases hold; JSON itself knows no limit."""

_Message = TypeVar("_Message")


class LogState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one log on the hub holds: `log_id` in hex, its meter, first and last sequence held.

    `proofs` say what some of its rows are (shared.proofs), in order: a hub that started anew before
    it was answered cannot tell which of them the cloud has, and which another copy of its card has
    sent under the same numbers.
    """

    log_id: str
    meter: str
    first_seq: Int64
    last_seq: Int64
    proofs: list[tuple[Int64, str, str]] = []


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """Said on every connect; the cloud answers with a receipt for each log, at once.

    `hello_id` is new each time and comes back in those receipts. `store_id` is the
    store of the newest receipt the hub has taken, and `receipt_revision` how many that store gave
    at least: the highest revision, and one more for each given twice. A cloud that gave fewer by
    its own count was put back from a copy.

    `consent` is the granularity the hub enforces, and `consent_lifted` the revision of the newest
    `ConsentLimit` that the household has lifted there. `run_id` is new with each start of the hub's
    program: two that take turns are two hubs with one identity.
    """

    agent_version: str
    frame_version: Int64
    logs: list[LogState]
    hello_id: str = ""
    store_id: str = ""
    receipt_revision: Int64 = 0
    consent: str = ""
    consent_lifted: Int64 = 0
    run_id: str = ""


class ConsentLimit(msgspec.Struct, frozen=True):
    """The most detail the cloud lets a hub send; the hub obeys the narrower of this and its own.

    `granularity` is one of `shared.consent.Granularity`; one the hub does not know means "none".
    `revision` rises with every limit set for this hub.
    """

    granularity: str
    revision: Int64


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cloud's word after its own commit.

    `stored` lists [first, last, frame revision] that *are* stored, withheld and damaged places
    included; what it omits is not thereby lost, only not claimed. `rejected` lists
    [first, last, code]. `revision` rises with every receipt of one store for one log: a hub ignores
    a lower one. `window_frames` is how many frames the hub may have unanswered, 0 to pause. An
    empty `log_id` carries only the time, the window and the consent. No `consent`: no limit.
    `answers` is the `hello_id` of the hello that this receipt answers, empty where it answers
    frames: only from the answer to a hello, whose round trip the hub has measured, can the hub tell
    the time. `clone_seen_ms` is when the cloud last saw a second hub with this identity, 0 where it
    has not within a day. `proved` is the last of the hello's proofs that what is stored agrees
    with, 0 for none.
    """

    store_id: str
    log_id: str
    revision: Int64
    stored: list[tuple[Int64, Int64, Int64]]
    rejected: list[tuple[Int64, Int64, str]]
    window_frames: Int64
    cloud_time_ms: Int64
    answers: str = ""
    consent: ConsentLimit | None = None
    clone_seen_ms: Int64 = 0
    proved: Int64 = 0


class Status(msgspec.Struct, frozen=True):
    """Online, or by last will offline; a late "offline" of another connection is ignored."""

    connection_id: str
    online: bool


class Live(msgspec.Struct, frozen=True):
    """A decoded sample before commit: no sequence, never stored, never merged."""

    meter: str
    medium: Medium
    taken_at_ms: Int64
    registers: dict[str, Int64]


def encode_message(message: Hello | Receipt | Status | Live) -> bytes:
    """Encode a message as JSON."""
    return msgspec.json.encode(message)


def decode_hello(payload: bytes) -> Hello:
    """Decode a hello; raises BadInputError where it is not one, or lists too many logs."""
    hello = _decode(payload, Hello, MAX_HELLO_BYTES)
    if len(hello.logs) > MAX_LOGS_PER_HELLO:
        raise BadInputError(
            f"hello lists {len(hello.logs)} logs; the limit is {MAX_LOGS_PER_HELLO}"
        )
    proofs = sum(len(one.proofs) for one in hello.logs)
    if proofs > MAX_PROOFS_PER_HELLO:
        raise BadInputError(f"hello has {proofs} proofs; the limit is {MAX_PROOFS_PER_HELLO}")
    return hello


def decode_receipt(payload: bytes) -> Receipt:
    """Decode a receipt; raises BadInputError where it is not one, or lists too many ranges."""
    receipt = _decode(payload, Receipt)
    if max(len(receipt.stored), len(receipt.rejected)) > MAX_RANGES_PER_RECEIPT:
        raise BadInputError(f"receipt lists over {MAX_RANGES_PER_RECEIPT} ranges")
    return receipt


def decode_status(payload: bytes) -> Status:
    """Decode a status; raises BadInputError where it is not one."""
    return _decode(payload, Status)


def decode_live(payload: bytes) -> Live:
    """Decode a live sample; raises BadInputError where it is not one."""
    return _decode(payload, Live)


def is_backlog(newest_taken_at_ms: int, now_ms: int) -> bool:
    """Tell whether a frame with this newest sample is backlog rather than the steady flow."""
    return now_ms - newest_taken_at_ms > BACKLOG_AGE_MS


def _decode(payload: bytes, kind: type[_Message], bytes_max: int = MAX_MESSAGE_BYTES) -> _Message:
    if len(payload) > bytes_max:
        raise BadInputError(f"{kind.__name__} of {len(payload)} bytes; the limit is {bytes_max}")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"not a {kind.__name__}: {error}") from error
