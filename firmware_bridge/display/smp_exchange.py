"""One SMP request at a time over a panel's line: sent again until it is answered, or given up.

Pure. Owns sequence numbers, lines and the times of sending again; messages and their encoding are
the library smp's. smpclient's own requests are awaited once and have no second try.
"""

import binascii
import struct
from typing import TYPE_CHECKING, Any

import cbor2
from smp import packet
from smp.exceptions import SMPException
from smp.header import Header
from smp.message import ResponseType

from firmware_bridge.display.smp_lines import LineAssembler
from firmware_bridge.display.stop_and_wait import Turn

if TYPE_CHECKING:
    from smp.message import Response

LINE_BYTES = 127
"""What Zephyr's console takes in one line (CONFIG_UART_MCUMGR_RX_BUF_SIZE is 128)."""

SEQUENCES = 256
FIRST_ROUND_MS = 250
"""Taken for a round before one was measured: a controller may just be writing its flash."""

RESEND_MS_MIN, RESEND_MS_MAX = 50, 2_000
ROUNDS_WAITED = 4
"""A write to flash is slow now and then; a second request would wait behind it."""

GIVE_UP_MS = 10_000
FRAME_FAULTS = (SMPException, ValueError, TypeError, struct.error, binascii.Error, cbor2.CBORError)
"""What the libraries raise for lines that were spoilt on the way."""


class Exchange:
    """Requests to one panel; `sequence` is where their numbers begin."""

    def __init__(self, sequence: int) -> None:
        self.damaged = 0
        self.resends = 0
        self._sequence = sequence % SEQUENCES
        self._request: Any = None
        self._lines = b""
        self._outgoing = bytearray()
        self._lines_heard = LineAssembler()
        self._round_ms = FIRST_ROUND_MS
        self._started_ms = self._sent_ms = self._tries = 0
        self._give_up_ms = GIVE_UP_MS
        self._is_repeated = True

    @property
    def is_waiting(self) -> bool:
        """Whether a request is under way."""
        return self._request is not None

    def ask(
        self,
        kind: Any,
        now_ms: int,
        *,
        give_up_ms: int = GIVE_UP_MS,
        is_repeated: bool = True,
        **fields: object,
    ) -> None:
        """Send a request of one of smpclient's kinds; it takes the place of one under way.

        One that is not to be repeated is sent once and then only waited for.
        """
        self._sequence = (self._sequence + 1) % SEQUENCES
        self._request = kind(sequence=self._sequence, **fields)
        self._lines = b"".join(packet.encode(self._request.BYTES, LINE_BYTES))
        self._started_ms, self._tries, self._give_up_ms = now_ms, 0, give_up_ms
        self._is_repeated = is_repeated
        self._send(now_ms)

    def forget(self) -> None:
        """Wait for no answer any more: the panel was started anew, or its line was away."""
        self._request = None
        self._lines_heard.forget()
        self._outgoing.clear()

    def due_ms(self) -> int | None:
        """When the request under way is sent again or given up; None where there is none."""
        if self._request is None:
            return None
        given_up_ms = self._started_ms + self._give_up_ms
        if not self._is_repeated:
            return given_up_ms
        waited_ms = min(self._patience_ms() << min(self._tries, 4), RESEND_MS_MAX)
        return min(self._sent_ms + waited_ms, given_up_ms)

    def advance(self, now_ms: int) -> Turn:
        """Send again what is due; LOST once it was waited for long enough."""
        due_ms = self.due_ms()
        if due_ms is None or now_ms < due_ms:
            return Turn.WAIT
        if now_ms >= self._started_ms + self._give_up_ms:
            self._request = None
            self._lines_heard.forget()
            return Turn.LOST
        self._tries += 1
        self.resends += 1
        self._send(now_ms)
        return Turn.RESENT

    def take_outgoing(self) -> bytes:
        """Take the bytes that are to be written."""
        taken = bytes(self._outgoing)
        self._outgoing.clear()
        return taken

    def receive(self, line: bytes, now_ms: int) -> "Response | None":
        """Take one line; return the answer to the request under way once it is whole."""
        try:
            frame = self._lines_heard.take(line)
            response = None if frame is None else self._match(frame)
        except FRAME_FAULTS:
            self.damaged += 1
            self._lines_heard.forget()
            return None
        if response is not None:
            self._request = None
            if self._tries == 0:
                # Of a request sent twice nobody knows which was answered. Long rounds fade slowly.
                self._round_ms = max(now_ms - self._sent_ms, self._round_ms * 7 // 8)
        return response

    def _patience_ms(self) -> int:
        return max(RESEND_MS_MIN, min(ROUNDS_WAITED * self._round_ms, RESEND_MS_MAX))

    def _send(self, now_ms: int) -> None:
        self._outgoing += self._lines
        self._sent_ms = now_ms

    def _match(self, frame: bytes) -> "Response | None":
        """Read a frame as the answer to the request under way; None where it is another's."""
        request, header = self._request, Header.loads(frame[: Header.SIZE])
        if request is None or (header.sequence, header.group_id, header.command_id) != (
            request.header.sequence,
            request.header.group_id,
            request.header.command_id,
        ):
            return None
        # Which of the three an answer is, its fields tell: each kind refuses the others'.
        for kind in (request._Response, request._ErrorV1):  # noqa: SLF001 (smpclient's protocol)
            try:
                found: Response = kind.loads(frame)
            except ValueError:
                continue
            return found
        answer: Response = request._ErrorV2.loads(frame)  # noqa: SLF001 (as above)
        return answer


def refusal_of(response: "Response") -> str | None:
    """Name why a panel refused a request; None where it did not.

    Panels of before SMP's version 2 say `rc` in what is otherwise an ordinary answer.
    """
    told: Any = response
    if response.RESPONSE_TYPE is ResponseType.ERROR_V2:
        return str(told.err.rc.name)
    code = getattr(told, "rc", None)
    if not code:
        return None
    return str(getattr(code, "name", f"code {code}"))
