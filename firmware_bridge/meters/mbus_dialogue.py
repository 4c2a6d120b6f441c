"""How the meters of a wired M-Bus are asked in turn: what to send, and how long to wait.

Sans-I/O: takes what came from the bus, or that nothing did, and returns what to do next. Decides
nothing about values; the same bytes go to the codec. Source: EN 13757-2:2018, chapters 5.5 to 5.7,
and EN 13757-7:2018 for selection by secondary address.
"""

import enum
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.meters.hdlc import Verdict
from firmware_bridge.meters.iec62056_dialogue import Action, Done, Pause, Send, Wait
from firmware_bridge.meters.mbus_frame import (
    ACK,
    LONG_START,
    MAX_FRAME_BYTES,
    SECONDARY_ADDRESS,
    SHORT_BYTES,
    Frame,
    frame_at,
    header_of,
    is_encrypted,
    long_frame,
    more_follow,
    records_in,
    short_frame,
)

DEFAULT_BAUD: Final = 2_400
FRAMING: Final = "8E1"

LAST_ADDRESS: Final = 250
"""Primary addresses: 0 is a meter nobody has numbered yet, 251 and above have other meanings."""

TEST_ADDRESS: Final = 254
"""Every meter answers to it: for a bus of one."""

MAX_SLAVES: Final = 251
MAX_TRIES: Final = 3
"""One request and two repetitions (EN 13757-2)."""

SCAN_TRIES: Final = 2
"""Most of a scan is waiting for meters that are not there."""

MAX_PARTS: Final = 16
"""Frames of one answer, as the codec has it."""

REACTION_BITS: Final = 330
REACTION_S: Final = 0.05
"""A meter begins to answer within 330 bits and 50 ms."""

ADAPTER_S: Final = 0.1
"""USB adapters and the event loop hold bytes back for some tens of milliseconds."""

PATIENCE_S: Final = 0.3
"""More for a meter that is known to be there; some are slower than they may be."""

REST_BITS: Final = 33
"""The line rests after an answer before the next request."""

BITS_PER_BYTE: Final = 11
MAX_HEARD_BYTES: Final = 2 * MAX_FRAME_BYTES
"""An echo and an answer; more is noise without an end."""

SND_NKE, SND_UD, REQ_UD2 = 0x40, 0x53, 0x5B
FCB: Final = 0x20
SELECT_CI: Final = 0x52

_MASK = re.compile(r"[0-9A-Fa-f]{16}")


@dataclass(frozen=True, slots=True)
class Primary:
    """A meter by its number on the bus."""

    address: int

    def __str__(self) -> str:
        return f"address {self.address}"


@dataclass(frozen=True, slots=True)
class Secondary:
    """A meter by what it is: 8 digits of its number, 4 of its maker, 2 version, 2 medium.

    An F in the number, and FFFF or FF in the others, stand for any.
    """

    mask: str

    def __str__(self) -> str:
        return f"secondary address {self.mask}"

    def selection(self) -> bytes:
        """Return the frame that selects the meter."""
        number, rest = bytes.fromhex(self.mask[:8])[::-1], bytes.fromhex(self.mask[8:])
        return long_frame(SND_UD, SECONDARY_ADDRESS, SELECT_CI, number + rest)


Slave = Primary | Secondary


class _Phase(enum.Enum):
    OVER = enum.auto()
    RESET = enum.auto()
    SELECT = enum.auto()
    REQUEST = enum.auto()


_TURNS = (_Phase.RESET, _Phase.SELECT, _Phase.REQUEST)


class MbusDialogue:
    """Asks every meter once, again and again; without `slaves` it first looks who is there.

    A scan goes through the primary addresses; what acknowledges is read at once, and asked from
    then on. `baud` is the bus's speed, `delay_s` what the way to it adds (a network), `tries` how
    often one request is made.
    """

    def __init__(
        self,
        slaves: Sequence[Slave] = (),
        *,
        baud: int = DEFAULT_BAUD,
        delay_s: float = 0.0,
        tries: int = MAX_TRIES,
    ) -> None:
        self._given = tuple(slaves)
        self._found: list[Slave] = []
        self._baud = baud
        self._max_tries = tries
        self._wait_s = REACTION_BITS / baud + REACTION_S + ADAPTER_S + delay_s
        self._queue: deque[Slave] = deque()
        self._slave: Slave = Primary(TEST_ADDRESS)
        self._phase = _Phase.OVER
        self._is_scan = False
        self._has_answered = False
        self._answers = 0
        self._sent = self._heard = b""
        self._tries = self._parts = 0
        self._fcb = FCB

    @property
    def found(self) -> tuple[Slave, ...]:
        """The meters a scan has found."""
        return tuple(self._found)

    @property
    def longest_silence_s(self) -> float:
        """How long the bus may be silent in one round."""
        turn_s = self._rest_s() + SHORT_BYTES * BITS_PER_BYTE / self._baud + ADAPTER_S
        known = len(self._given) or len(self._found)
        if not known:
            return (LAST_ADDRESS + 1) * SCAN_TRIES * (turn_s + self._wait_s)
        return known * self._max_tries * len(_TURNS) * (turn_s + self._wait_s + PATIENCE_S)

    def start(self) -> list[Action]:
        """Begin a round; the last action is a Wait."""
        known = self._given or tuple(self._found)
        self._is_scan = not known
        self._queue = deque(known or (Primary(number) for number in range(LAST_ADDRESS + 1)))
        self._answers = 0
        return self._next_slave()

    def receive(self, chunk: bytes) -> list[Action]:
        """Take what came from the bus; the last action is a Wait or Done."""
        if self._phase is _Phase.OVER:
            return [Done()]
        self._heard = (self._heard + chunk)[-MAX_HEARD_BYTES:]
        # A level converter may give back what is sent.
        heard = self._heard.removeprefix(self._sent)
        if self._phase is _Phase.REQUEST:
            return self._hear_answer(heard)
        if heard[-1:] == bytes((ACK,)):
            return self._acknowledged()
        return [Wait(self._answer_s())]

    def time_out(self) -> list[Action]:
        """Take note that nobody spoke; the last action is a Wait or Done."""
        if self._phase is _Phase.OVER:
            return [Done()]
        limit = SCAN_TRIES if self._is_scan and self._phase is _Phase.RESET else self._max_tries
        if self._tries < limit:
            return self._send(self._sent)
        if self._phase is _Phase.RESET and not self._is_scan:
            # Some meters do not acknowledge a reset, yet answer.
            return self._select() if isinstance(self._slave, Secondary) else self._request()
        return self._next_slave()

    def _next_slave(self) -> list[Action]:
        """Go on with the next meter of the round, or end it."""
        if not self._queue:
            self._phase = _Phase.OVER
            return [self._outcome()]
        self._slave = self._queue.popleft()
        self._phase, self._tries, self._parts = _Phase.RESET, 0, 0
        self._has_answered = False
        # After a reset the first request has the bit set (EN 13757-2, 5.7.3).
        self._fcb = FCB
        return self._send(short_frame(SND_NKE, self._address()))

    def _outcome(self) -> Done:
        if self._answers:
            return Done()
        if self._is_scan:
            hint = (
                f"check the bus voltage and the wiring, and that the meters speak {self._baud} baud"
                "; a meter without a number of its own may need its secondary address"
            )
            return Done(f"no meter answered at addresses 0 to {LAST_ADDRESS}", hint=hint)
        named = ", ".join(str(slave) for slave in self._given[:4] or self._found[:4])
        hint = "check the bus voltage, the wiring, the addresses and the speed"
        return Done(f"no meter answered on the bus, asked at {named}", hint=hint)

    def _acknowledged(self) -> list[Action]:
        self._tries = 0
        if self._phase is _Phase.RESET and isinstance(self._slave, Secondary):
            return self._select()
        return self._request()

    def _select(self) -> list[Action]:
        self._phase, self._tries = _Phase.SELECT, 0
        selection = self._slave.selection() if isinstance(self._slave, Secondary) else b""
        return self._send(selection)

    def _request(self) -> list[Action]:
        self._phase, self._tries = _Phase.REQUEST, 0
        return self._send(short_frame(REQ_UD2 | self._fcb, self._address()))

    def _hear_answer(self, heard: bytes) -> list[Action]:
        """Look for a good answer; a damaged one is asked for again when the line is silent."""
        place = heard.find(LONG_START)
        while place >= 0:
            frame = frame_at(heard, place)
            if isinstance(frame, Frame) and frame.is_answer:
                return self._answered(frame)
            if frame is Verdict.WAIT:
                break
            place = heard.find(LONG_START, place + 1)
        return [Wait(self._answer_s())]

    def _answered(self, frame: Frame) -> list[Action]:
        if not self._has_answered:
            self._has_answered = True
            self._answers += 1
            if self._is_scan:
                self._found.append(self._slave)
        self._parts += 1
        header, records = header_of(frame), records_in(frame)
        is_open = header is not None and not is_encrypted(header, records)
        if is_open and more_follow(records) and self._parts < MAX_PARTS:
            self._fcb ^= FCB
            return self._request()
        return self._next_slave()

    def _send(self, content: bytes) -> list[Action]:
        self._sent, self._heard = content, b""
        self._tries += 1
        return [Pause(self._rest_s()), Send(content), Wait(self._answer_s())]

    def _address(self) -> int:
        return self._slave.address if isinstance(self._slave, Primary) else SECONDARY_ADDRESS

    def _answer_s(self) -> float:
        """How long to wait for the next bytes: least where nobody may be there."""
        is_guess = self._is_scan and self._phase is _Phase.RESET
        return self._wait_s if is_guess else self._wait_s + PATIENCE_S

    def _rest_s(self) -> float:
        return REST_BITS / self._baud


def is_mask(text: str) -> bool:
    """Tell whether a text is a secondary address: 16 hexadecimal digits."""
    return _MASK.fullmatch(text) is not None
