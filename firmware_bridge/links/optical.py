"""An optical head on a serial port: asks the meter for a readout now and again.

Owns what the address says and the line's speed; what is said is `meters/iec62056_dialogue.py`'s.
To its reader it is a link like any other: everything the meter sends, echoes included, for the
codec to decode.
"""

from typing import Final, Protocol

from firmware_bridge.links.asking import AskingLink, Line
from firmware_bridge.links.query import EVERY_S_RANGE, number_in, split_query
from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.meters.iec62056_dialogue import FRAMING, START_BAUD, Iec62056Dialogue
from shared.errors import OperatorError

OPTICAL: Final = "optical:"

READOUT_EVERY_S: Final = 60
"""A readout takes 3 to 40 s of the meter's light; once a minute shows power without wearing it."""

LONGEST_READOUT_S: Final = 600
"""The largest readout at 300 baud; a silence watchdog must wait this and the pause between two."""

FORM: Final = "optical:/dev/ttyUSB0 or optical:/dev/ttyUSB0?every_s=60"


class TunableLine(Line, Protocol):
    """A serial line whose speed can be changed; `serial_port.SerialLink` is one."""

    def retune(self, *, baud: int, framing: str) -> None:
        """Change speed and framing; raise LinkError if the port refuses."""


class OpticalLink(AskingLink):
    """Readouts of one meter."""

    def __init__(self, line: TunableLine, dialogue: Iec62056Dialogue, *, every_s: float) -> None:
        super().__init__(line, dialogue, every_s=every_s)
        self.longest_pause_s = every_s + LONGEST_READOUT_S
        self._head = line

    def _retune(self, baud: int) -> None:
        self._head.retune(baud=baud, framing=FRAMING)


def open_optical(
    path: str, dialogue: Iec62056Dialogue | None = None, *, every_s: float = READOUT_EVERY_S
) -> OpticalLink:
    """Open an optical head on a serial port; raise LinkError, with the fix in its hint."""
    line = open_serial(path, baud=START_BAUD, framing=FRAMING)
    return OpticalLink(line, dialogue or Iec62056Dialogue(), every_s=every_s)


def head_of(address: str) -> tuple[str, int]:
    """Read `optical:PATH[?every_s=N]` as port and seconds; raise OperatorError where it is none."""
    path, asked = split_query(address, OPTICAL, ("every_s",), FORM)
    if not path.startswith("/"):
        raise OperatorError(f"link address {address!r} names no port", hint=f"use {FORM}")
    return path, number_in(asked, "every_s", READOUT_EVERY_S, EVERY_S_RANGE, "optical head")
