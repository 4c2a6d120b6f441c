"""Reads a frame message and says what is wrong with it, before anything believes it. Pure."""

from typing import NamedTuple

from shared.errors import BadInputError, FrameError
from shared.frames import LOG_ID_BYTES, MAX_SEQ, Envelope, read_envelope
from shared.outlines import Outline, read_outline
from shared.protocol import Hello, LogState
from shared.readings import MAX_METER_ID_CHARS
from shared.units import MS_PER_DAY

MAX_AHEAD_MS = MS_PER_DAY
"""A sample further in the future than this is a broken clock's."""

MAX_HELLO_ID_CHARS = 64
"""It comes back in every receipt of the answer."""

LATER_VERSION = "later-version"


class Message(NamedTuple):
    """A frame as it arrived: `thing` is the topic's, never the payload's."""

    thing: str
    payload: bytes
    received_at_ms: int


class Read(NamedTuple):
    """A message read: its outline, or the error; its envelope wherever that could be read."""

    message: Message
    envelope: Envelope | None
    outline: Outline | None
    error: FrameError | None

    @property
    def is_kept_for_later(self) -> bool:
        """Tell whether these are authenticated bytes of a version we do not know yet."""
        later = self.error is not None and self.error.code == LATER_VERSION
        return later and self.envelope is not None


def read_message(message: Message, now_ms: int) -> Read:
    """Decode a message within bounds and check its times against the cloud's clock."""
    envelope = None
    try:
        envelope = read_envelope(message.payload)
        outline = read_outline(envelope)
        _check_times(outline, now_ms)
        _check_counters(outline)
    except FrameError as error:
        return Read(message, envelope, None, error)
    return Read(message, envelope, outline, None)


def check_hello(hello: Hello) -> None:
    """Hold what a hello says to its limits; raises BadInputError."""
    check_text("agent version", hello.agent_version)
    if len(hello.hello_id) > MAX_HELLO_ID_CHARS:
        raise BadInputError(f"hello id of {len(hello.hello_id)} characters")
    check_text("consent", hello.consent)
    for state in hello.logs:
        _check_log_state(state)


def _check_log_state(state: LogState) -> None:
    is_hex = len(state.log_id) == 2 * LOG_ID_BYTES and set(state.log_id) <= set("0123456789abcdef")
    if not is_hex:
        raise BadInputError(f"log id {state.log_id[:40]!r} is not {2 * LOG_ID_BYTES} hex digits")
    if len(state.meter) > MAX_METER_ID_CHARS:
        raise BadInputError(f"log {state.log_id}: meter id of {len(state.meter)} characters")
    check_text(f"log {state.log_id}: meter id", state.meter)
    # An empty log holds nothing: its last sequence is one below its first.
    if not 0 <= state.first_seq <= state.last_seq + 1 <= MAX_SEQ + 1:
        raise BadInputError(f"log {state.log_id}: range {state.first_seq} to {state.last_seq}")


def check_text(name: str, text: str) -> None:
    """Refuse text that PostgreSQL cannot keep; raises BadInputError."""
    if "\0" in text:
        raise BadInputError(f"{name} {text[:40]!r} holds a NUL character")


def _check_times(outline: Outline, now_ms: int) -> None:
    if outline.span_ms is not None and outline.span_ms[1] > now_ms + MAX_AHEAD_MS:
        raise FrameError(
            "bad-time",
            f"sample at {outline.span_ms[1]} ms, more than a day after {now_ms}",
            hint="correct the clock of the hub or the meter",
        )


def _check_counters(outline: Outline) -> None:
    """A register counts up from zero: with that, every difference of two fits 64 bits."""
    if outline.below_zero:
        raise FrameError("bad-value", f"{outline.below_zero}: below zero")
