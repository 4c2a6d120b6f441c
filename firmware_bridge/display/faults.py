"""Why a panel frame is refused, in words that both languages and the vectors share.

Owns the reasons alone; who counts them is the splitter's and the ends' business.
"""

import enum

from shared.errors import BadInputError


class Fault(enum.StrEnum):
    """What is wrong with a panel frame; the first that holds, in this order, is the one told."""

    LONG = "long"
    COBS = "cobs"
    SHORT = "short"
    CRC = "crc"
    VERSION = "version"
    TYPE = "type"
    BODY = "body"
    FIELD = "field"
    MISSING = "missing"


class PanelFrameError(BadInputError):
    """A panel frame that is refused; `fault` is the reason of docs/reference/panel.md."""

    def __init__(self, fault: Fault, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.fault = fault
