"""What a recorded file may mean as bytes: as it is, with line ends mended, or as hexadecimal text.

Pure. Which of these is right is decided by which one decodes (`recognition.py`).
"""

import codecs
import enum
import re
from dataclasses import dataclass

from firmware_bridge.tools.hexdump import read_dump
from firmware_bridge.tools.hexlines import read_lines

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Text is read whole to find the hexadecimal in it; a day of a meter a second is about 60 MB."""

SAMPLED_BYTES = 65_536
"""The head by which text is told from bytes."""

MAX_STRANGE_PERCENT = 5
"""Log files hold some line noise; a binary capture is strange in every second byte."""

MIN_HEX_BYTES = 8
"""Fewer bytes than this hold no telegram of any protocol."""

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""What a Windows shell writes in front of everything it sends to a file."""

_STRANGE = bytes(set(range(0x20)) - set(b"\t\n\r\f\x1b")) + bytes(range(0x7F, 0x100))
_LINE_END = re.compile(rb"\r*\n")


class Form(enum.StrEnum):
    """How bytes are written in a file."""

    RAW = "raw"
    MENDED = "text with its line ends mended"
    HEX = "hexadecimal text"


@dataclass(frozen=True, slots=True)
class Recording:
    """Bytes as one reading of a file gives them."""

    form: Form
    content: bytes


def is_text(content: bytes) -> bool:
    """Tell whether bytes are text, perhaps with some noise in it."""
    head = content[:SAMPLED_BYTES]
    if head.startswith(_UTF16_MARKS):
        return True
    strange = len(head) - len(head.translate(None, _STRANGE))
    return strange * 100 <= MAX_STRANGE_PERCENT * len(head)


def recordings_of(content: bytes) -> list[Recording]:
    """List what a file's bytes may mean, the likeliest first.

    A telegram that went through an editor has lost its carriage returns, and with them its
    checksum; so text is tried with them put back, too.
    """
    found = [Recording(Form.RAW, content)]
    if not is_text(content):
        return found
    if content.startswith(_UTF16_MARKS):
        content = content.decode("utf-16", "replace").encode("utf-8")
        found = [Recording(Form.MENDED, content)]
    mended = _LINE_END.sub(b"\r\n", content)
    if mended != content:
        found.append(Recording(Form.MENDED, mended))
    lines = content.decode("utf-8-sig", "replace").splitlines()
    from_hex = read_dump(lines)
    if from_hex is None:
        from_hex = read_lines(lines)
    if len(from_hex) >= MIN_HEX_BYTES:
        found.append(Recording(Form.HEX, from_hex))
    return found
