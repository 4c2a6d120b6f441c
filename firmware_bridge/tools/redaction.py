"""Replaces what names a household in a meter's bytes: serials, addresses, supply points, messages.

Pure, bounded. What is replaced where is a rule of each family of protocols; this owns finding out
which rule holds, and cutting the stream into blocks. A block keeps its length, and a checksum that
was right is made right again, so that a redacted capture decodes like its original.
"""

from typing import Protocol
from zoneinfo import ZoneInfo

from firmware_bridge.tools.pseudonyms import Pseudonyms
from firmware_bridge.tools.recognition import Hearing, best_hearing, hearings
from firmware_bridge.tools.redaction_binary import BinaryRule
from firmware_bridge.tools.redaction_lines import GlowRule, RavenRule, ZigbeeRule
from firmware_bridge.tools.redaction_sml import SmlRule
from firmware_bridge.tools.redaction_text import TextRule

MAX_UNDECIDED_BYTES = 65_536
"""Heard before the protocol is given up as unknown: more than twenty of the longest telegrams."""

MAX_BLOCK_BYTES = 8_192
"""The longest telegram; bytes that hold no end of one pass in blocks of this size."""

MARGIN_BYTES = 512
"""Held back of such a block: a serial must not be cut in two."""

_UTC = ZoneInfo("UTC")


class Rule(Protocol):
    """How the bytes of a family of protocols are redacted."""

    def end_of_unit(self, pending: bytes) -> int | None:
        """Return where the first unit that can be judged alone ends; None while it is not there."""

    def redact(self, block: bytes) -> bytes:
        """Return a block without what names the household, in the same length."""

    def redact_rest(self, rest: bytes) -> bytes:
        """Redact what is left at the end, which may be cut off anywhere."""


class Redactor:
    """Takes a stream as it comes and gives it back redacted, a whole telegram at a time.

    Nothing is given back before the protocol is known, by a first telegram that decodes; where
    none does, text is redacted as P1 is, and `protocol` stays "".
    """

    def __init__(self, salt: bytes, protocol: str = "") -> None:
        """Take a secret salt, and the protocol where it is known already."""
        self._names = Pseudonyms(salt)
        self._rule: Rule | None = _rule_of(protocol, self._names) if protocol else None
        self._hearings: list[Hearing] = [] if protocol else hearings(_UTC)
        self._pending = b""
        self.protocol = protocol
        self.is_encrypted = False

    @property
    def replaced(self) -> int:
        """How many different serials, addresses and messages were replaced."""
        return self._names.made

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be written already."""
        self._pending += chunk
        if self._rule is None:
            self._rule = self._find_rule(chunk)
        return b"" if self._rule is None else self._redact_units(self._rule)

    def finish(self) -> bytes:
        """Return the rest: the stream has ended."""
        if self._rule is None:
            self._rule = self._find_rule(b"") or self._likeliest_rule()
        written = self._redact_units(self._rule)
        rest, self._pending = self._pending, b""
        return written + self._rule.redact_rest(rest)

    def _redact_units(self, rule: Rule) -> bytes:
        written: list[bytes] = []
        while (end := rule.end_of_unit(self._pending)) is not None:
            written.append(rule.redact(self._pending[:end]))
            self._pending = self._pending[end:]
        while len(self._pending) > MAX_BLOCK_BYTES + MARGIN_BYTES:
            self._pending = rule.redact(self._pending)
            written.append(self._pending[:MAX_BLOCK_BYTES])
            self._pending = self._pending[MAX_BLOCK_BYTES:]
        return b"".join(written)

    def _find_rule(self, chunk: bytes) -> Rule | None:
        for hearing in self._hearings:
            hearing.feed(chunk)
        found = best_hearing(self._hearings, was_asked=False)
        if found is not None:
            self.protocol, self.is_encrypted = found.protocol, found.locked is not None
        elif len(self._pending) > MAX_UNDECIDED_BYTES:
            return self._likeliest_rule()
        else:
            return None
        self._hearings = []
        return _rule_of(self.protocol, self._names)

    def _likeliest_rule(self) -> Rule:
        """Choose by what the damaged telegrams look like; text where they look like nothing."""
        likeliest = max(self._hearings, key=lambda hearing: hearing.likeness, default=None)
        self._hearings = []
        if likeliest is None or likeliest.likeness <= 0:
            return TextRule(self._names)
        return _rule_of(likeliest.protocol, self._names)


def _rule_of(protocol: str, names: Pseudonyms) -> Rule:
    match protocol:
        case "sml":
            return SmlRule(names)
        case "dlms" | "p1-encrypted" | "mbus":
            return BinaryRule(names)
        case "raven":
            return RavenRule(names)
        case "glow":
            return GlowRule(names)
        case "zigbee":
            return ZigbeeRule(names)
        case _:
            return TextRule(names)
