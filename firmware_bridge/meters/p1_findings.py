"""What has been gathered of one P1 telegram while its lines are read, within limits."""

from firmware_bridge.meters.codec import Refused, refuse

MAX_UNKNOWN = 32
"""Unknown codes kept of one telegram; the chattiest real one has 12."""

MAX_UNKNOWN_CHARS = 1_024
"""A Belgian history of thirteen monthly peaks (98.1.0) has some 700."""

MAX_CODE_CHARS = 80

MAX_REFUSED_VALUES = 8
"""Refusals reported of one telegram: past this the telegram is noise, and said to be so."""

SubMeterLines = dict[str, list[str]]
"""The lines of one M-Bus channel: groups C.D.E to the values in parentheses."""


class Findings:
    """One telegram's registers, printed identities, sub-meters' lines, texts and refusals."""

    __slots__ = ("printed", "raw", "refused", "registers", "submeters", "texts", "unknown")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.registers: dict[str, int] = {}
        self.printed: dict[str, str] = {}
        self.submeters: dict[int, SubMeterLines] = {}
        self.unknown: dict[str, str] = {}
        self.texts: list[str] = []
        self.refused: list[Refused] = []

    def refuse(self, reason: str, detail: str) -> None:
        """Report an impossible value."""
        if len(self.refused) < MAX_REFUSED_VALUES:
            self.refused.append(refuse(reason, detail, self.raw))

    def keep_unknown(self, code: str, values: list[str]) -> None:
        """Keep what the table does not know."""
        if len(self.unknown) < MAX_UNKNOWN:
            self.unknown[code[:MAX_CODE_CHARS]] = " ".join(values)[:MAX_UNKNOWN_CHARS]
