"""The port every meter codec fills: bytes in, telegrams and refusals out, in bounded memory.

Owns the shapes only; what the bytes mean belongs to the codec of each protocol.
"""

from typing import Protocol

import msgspec

from shared.readings import Sample

MAX_REFUSED_BYTES = 2_048
"""Twice an ordinary telegram: enough to see what was wrong, little enough to keep a few hundred."""

MAX_DETAIL_CHARS = 200
"""A refusal's detail is one line of a log or of `doctor`."""


class Telegram(msgspec.Struct, frozen=True):
    """What one telegram said: one sample per meter in it, electricity first, then each sub-meter.

    The first sample's time is the sender's clock, a further one's that of its own capture; where
    `is_past`, every sample's is, and the sender's clock is not told: a register's last capture, or,
    where `is_healing`, half hours that the meter kept and was asked for. `texts` are the messages
    the network operator sent to the household's display. `signal_dbm` is how strongly our radio
    heard it on its last hop; None by wire, and where the radio does not say.
    """

    samples: tuple[Sample, ...]
    texts: tuple[str, ...] = ()
    is_past: bool = False
    is_healing: bool = False
    signal_dbm: int | None = None


class Refused(msgspec.Struct, frozen=True):
    """Bytes that did not become a sample.

    `reason` is a short code to count by ("bad-crc", "too-long", "truncated", "bad-value",
    "bad-time", "no-values", "noise"); `detail` names the value; `raw` is the head of the bytes.
    """

    reason: str
    detail: str
    raw: bytes


class Codec(Protocol):
    """A stateful decoder of one meter's byte stream."""

    def feed(self, chunk: bytes) -> list[Telegram | Refused]:
        """Take the next bytes and return what they completed, in order; never raises on content.

        An empty chunk says that the stream has ended or was interrupted: what is pending is
        completed or refused, and the next chunk begins a new stream.
        """


def refuse(reason: str, detail: str, raw: bytes) -> Refused:
    """Build a refusal whose detail and raw bytes are held to their limits.

    What is no text (half a surrogate pair, as JSON can say) could not be written down.
    """
    sayable = detail[:MAX_DETAIL_CHARS].encode("utf-8", "replace").decode("utf-8")
    return Refused(reason, sayable, bytes(raw[:MAX_REFUSED_BYTES]))
