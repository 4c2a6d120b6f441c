"""The port every byte stream fills, and how a stream is set."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

READ_BYTES = 16 * 1024
"""The most one read returns: some twenty telegrams, so that a backlog is not read line by line."""

DEFAULT_BAUD = 115_200
"""DSMR 4 and 5 P1 ports; DSMR 2.2 and 3 use 9600."""

DEFAULT_FRAMING = "8N1"
"""Data bits, parity and stop bits of most ports; IEC 62056-21 and DSMR 2.2 and 3 have 7E1."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How a link is set; each kind of link reads what matters to it.

    `baud` and `framing` (as in 7E1): serial ports. `username` and `password`: brokers that ask for
    them. `state_dir`: where a radio keeps its network; None where nothing may be kept.
    """

    baud: int = DEFAULT_BAUD
    framing: str = DEFAULT_FRAMING
    username: str = ""
    password: str = field(default="", repr=False)
    state_dir: Path | None = None


class Link(Protocol):
    """A byte stream that comes from a meter."""

    @property
    def is_finite(self) -> bool:
        """Whether its end is final (a replay) rather than a fault to recover from."""

    @property
    def longest_pause_s(self) -> float:
        """How long it may ordinarily be silent; 0 where the meter alone decides."""

    async def read(self) -> bytes:
        """Return the next bytes, never empty, at most READ_BYTES; raise LinkError at the end.

        Safe to cancel: bytes not returned are returned by the next read.
        """

    async def close(self) -> None:
        """Release the stream; closing twice does nothing."""
