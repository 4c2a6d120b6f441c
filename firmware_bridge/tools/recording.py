"""What a recorded file may mean as bytes: as it is, with line ends mended, or as hexadecimal text.

Pure. Which of these is right is decided by which one decodes (`recognition.py`).
"""

import codecs
import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from firmware_bridge.tools.hexdump import layout_of, stream_dump
from firmware_bridge.tools.hexlines import stream_lines

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Text is read whole only where its head did not say what it is."""

SAMPLED_LINES = 4_096
"""By so many a dump that carries offsets is told from other hexadecimal."""

MAX_LINE_CHARS = 256 * 1024
"""A file of hexadecimal without line ends is taken in lines of about this length."""

GATHERED_BYTES = 16_384

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
        found = []
    mended = b"".join(stream_of(Form.MENDED, [content]))
    if mended != content:
        found.append(Recording(Form.MENDED, mended))
    from_hex = b"".join(stream_of(Form.HEX, [content]))
    if len(from_hex) >= MIN_HEX_BYTES:
        found.append(Recording(Form.HEX, from_hex))
    return found


def stream_of(form: Form, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a file holds if its bytes are written in this form, as they are read."""
    if form is Form.RAW:
        return iter(chunks)
    if form is Form.MENDED:
        return _mended(chunks)
    lines = _lines_of(chunks)
    head = list(islice(lines, SAMPLED_LINES))
    layout = layout_of(head)
    every = chain(head, lines)
    return _gathered(stream_lines(every) if layout is None else stream_dump(every, layout))


def _mended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Put a carriage return before each line's end, one; a Windows shell's text becomes UTF-8."""
    waiting = b""
    for text in _texts_of(chunks):
        content = waiting + text.encode("utf-8", "surrogateescape")
        whole = content.rstrip(b"\r")
        waiting = content[len(whole) :]
        yield _LINE_END.sub(b"\r\n", whole)
    yield waiting


def _lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a text; one that has no end is cut between two bytes."""
    waiting = ""
    # A mark at the beginning may come in two pieces, the first of which says nothing yet.
    for number, text in enumerate(filter(None, _texts_of(chunks))):
        lines = (waiting + (text if number else text.removeprefix("\ufeff"))).splitlines(True)
        waiting = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        yield from (line.rstrip("\r\n") for line in lines)
        if len(waiting) > MAX_LINE_CHARS:
            place = max(waiting.rfind(mark) for mark in " ,:-")
            place = place if place > 0 else len(waiting) // 2 * 2
            yield waiting[:place]
            waiting = waiting[place:]
    yield waiting


def _texts_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decode a text; what is no UTF-8 is kept as it is, byte by byte."""
    decoder: codecs.IncrementalDecoder | None = None
    for chunk in chunks:
        if decoder is None:
            is_wide = chunk.startswith(_UTF16_MARKS)
            name, errors = ("utf-16", "replace") if is_wide else ("utf-8", "surrogateescape")
            decoder = codecs.getincrementaldecoder(name)(errors)
        yield decoder.decode(chunk)
    if decoder is not None:
        yield decoder.decode(b"", final=True)


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join rows to pieces such as a link gives."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= GATHERED_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)
