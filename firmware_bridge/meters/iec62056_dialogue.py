"""How a meter's optical port is asked for a readout: what to send, at what speed, and when.

Sans-I/O: takes what the meter said, or that it said nothing, and returns what to do next. Decides
nothing about values; the same bytes go to the codec. Source: IEC 62056-21:2002, chapter 6.3 to 6.5.
"""

import enum
import re
from dataclasses import dataclass
from typing import Final

from firmware_bridge.meters.iec62056 import (
    ETX,
    HEAD,
    MAX_TELEGRAM_BYTES,
    SEVEN_BITS,
    STX,
    check_character,
)

START_BAUD: Final = 300
FRAMING: Final = "7E1"

_BAUDS: Final = (300, 600, 1_200, 2_400, 4_800, 9_600, 19_200)

BAUD_BY_CHARACTER: Final = {
    **dict(zip("0123456", _BAUDS, strict=True)),
    **dict(zip("ABCDEF", _BAUDS[1:], strict=True)),
}
"""The identification's fifth character: digits are mode C (asked for), letters mode B (taken)."""

REACTION_S: Final = 0.25
"""The meter needs 200 ms before it listens again, and waits 1500 ms at most."""

ANSWER_S: Final = 2.5
"""A meter answers within 1500 ms; the rest is for a slow adapter and a request not yet sent."""

SETTLE_S: Final = 2.0
"""A meter left in the middle gives up after 1500 ms and listens at 300 baud again."""

MAX_TRIES: Final = 3
"""Sign-ons in one readout before the fault is told."""

MAX_REPEATS: Final = 2
"""Damaged blocks asked for again before the sign-on is tried anew."""

MAX_SIGN_ON_BYTES: Final = 512
"""An identification has up to 24 bytes and an echo as many; more is noise without an end."""

ACK, NAK = b"\x06", b"\x15"
BREAK: Final = b"\x01B0\x03q"
"""Sign-off, with its check character: the meter need not wait for what does not come."""

_BLOCK = re.compile(rb"\x02([^\x02\x03]*)\x03([\x00-\x7f])")
_PLAIN_END = re.compile(rb"[\n)]!\r?\n\Z")


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes, and go on when the last has left."""

    content: bytes


@dataclass(frozen=True, slots=True)
class SetBaud:
    """Change the speed of the line."""

    baud: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Hand over what arrives (`receive`); nothing for so long is a `time_out`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """The readout is over; `fault` says why it failed and `hint` what may help."""

    fault: str = ""
    hint: str = ""


Action = Send | SetBaud | Pause | Wait | Done


class _Phase(enum.Enum):
    OVER = enum.auto()
    SIGN_ON = enum.auto()
    READOUT = enum.auto()


class Iec62056Dialogue:
    """One meter's readouts, one after another.

    `address` names the meter where several share one line; `max_baud` is what the optical head can
    do; `wake` is sent before the request to meters that sleep (battery-fed heat meters).
    """

    def __init__(self, *, address: str = "", max_baud: int = 9_600, wake: bytes = b"") -> None:
        self._request = f"/?{address}!\r\n".encode("ascii")
        self._max_baud = max_baud
        self._baud_limit = max_baud
        self._wake = wake
        self._phase = _Phase.OVER
        self._heard = b""
        self._tries = 0
        self._repeats = 0
        self._has_signed_on = False
        self._signs_off = False

    def start(self) -> list[Action]:
        """Begin a readout; the last action is a Wait."""
        self._tries, self._has_signed_on, self._baud_limit = 1, False, self._max_baud
        return self._sign_on()

    def receive(self, chunk: bytes) -> list[Action]:
        """Take what the meter sent; the last action is a Wait or Done."""
        if self._phase is _Phase.OVER:
            return [Done()]
        self._heard += chunk.translate(SEVEN_BITS)
        if self._phase is _Phase.SIGN_ON:
            return self._hear_identification()
        return self._hear_block()

    def time_out(self) -> list[Action]:
        """Take note that the meter has fallen silent; the last action is a Wait or Done."""
        if self._phase is _Phase.READOUT:
            if _PLAIN_END.search(self._heard):
                return self._end(Done())
            # Silence or garbage after the change of speed: the head may not be fit for it.
            self._baud_limit = START_BAUD
        return self._try_again()

    def _sign_on(self) -> list[Action]:
        self._phase, self._heard, self._repeats = _Phase.SIGN_ON, b"", 0
        wake: list[Action] = [Send(self._wake), Pause(REACTION_S)] if self._wake else []
        return [SetBaud(START_BAUD), *wake, Send(self._request), Wait(ANSWER_S)]

    def _hear_identification(self) -> list[Action]:
        match = HEAD.search(self._heard)
        if match is None:
            if len(self._heard) > MAX_SIGN_ON_BYTES:
                return self._try_again()
            return [Wait(ANSWER_S)]
        self._phase, self._heard = _Phase.READOUT, self._heard[match.end() :]
        self._has_signed_on = True
        character = match[2].decode("ascii")
        baud = BAUD_BY_CHARACTER.get(character, START_BAUD)
        self._signs_off = character.isdecimal()
        if character.isdecimal():
            return self._select(character if baud <= self._baud_limit else self._fastest())
        if baud != START_BAUD:
            return [SetBaud(baud), Wait(ANSWER_S)]
        return self._hear_block()

    def _select(self, character: str) -> list[Action]:
        """Choose readout at a speed: option select `ACK 0 Z 0`."""
        baud = BAUD_BY_CHARACTER.get(character, START_BAUD)
        asked = character if character in BAUD_BY_CHARACTER else "0"
        select = Send(ACK + f"0{asked}0\r\n".encode("ascii"))
        return [Pause(REACTION_S), select, SetBaud(baud), Wait(ANSWER_S)]

    def _fastest(self) -> str:
        """Return the digit of the greatest speed the head can do."""
        able = [c for c, baud in BAUD_BY_CHARACTER.items() if baud <= self._baud_limit]
        return max((c for c in able if c.isdecimal()), default="0")

    def _hear_block(self) -> list[Action]:
        match = _BLOCK.search(self._heard)
        if match is None:
            if len(self._heard) > MAX_TELEGRAM_BYTES:
                return self._try_again()
            return [Wait(ANSWER_S)]
        if check_character(match[1] + bytes([ETX])) == match[2][0]:
            return self._end(Done())
        self._heard = b""
        self._repeats += 1
        if self._repeats > MAX_REPEATS:
            return self._try_again()
        return [Pause(REACTION_S), Send(NAK), Wait(ANSWER_S)]

    def _try_again(self) -> list[Action]:
        if self._tries < MAX_TRIES:
            self._tries += 1
            return [*self._sign_off(), Pause(SETTLE_S), *self._sign_on()]
        if self._has_signed_on:
            hint = "centre the optical head on the meter's port and keep light off it"
            return self._end(Done("the meter's readout did not arrive whole", hint))
        hint = (
            "put the optical head on the meter's port, cable downwards, and check that the meter "
            "speaks IEC 62056-21 mode A, B or C"
        )
        return self._end(Done("the meter did not answer the request for a readout", hint))

    def _sign_off(self) -> list[Action]:
        if self._phase is not _Phase.READOUT or not self._signs_off:
            return []
        return [Pause(REACTION_S), Send(BREAK)]

    def _end(self, done: Done) -> list[Action]:
        actions: list[Action] = [*self._sign_off(), SetBaud(START_BAUD), done]
        self._phase, self._heard = _Phase.OVER, b""
        return actions


def data_block(content: bytes) -> bytes:
    """Frame a readout as a meter does: STX, content, ETX, check character."""
    framed = content + bytes([ETX])
    return bytes([STX]) + framed + bytes([check_character(framed)])
