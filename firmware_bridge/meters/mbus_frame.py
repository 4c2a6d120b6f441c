"""The frames of wired M-Bus: how they begin, end and are summed, and who sent them.

Pure. What the records of an answer say is `mbus_records.py`'s. Source: EN 13757-2:2018 (link layer,
format class FT1.2) and EN 13757-3:2018 (CI fields, header, DIF and VIF).
"""

from typing import Final, NamedTuple

from firmware_bridge.meters.hdlc import Damaged, Verdict

LONG_START: Final = 0x68
SHORT_START: Final = 0x10
STOP: Final = 0x16
ACK: Final = 0xE5

HEAD_BYTES, TAIL_BYTES = 4, 2
SHORT_BYTES: Final = 5
MIN_LENGTH: Final = 3
"""C field, address and CI field."""

MAX_FRAME_BYTES: Final = HEAD_BYTES + 255 + TAIL_BYTES

ANSWER_MASK, ANSWER = 0x4F, 0x08
"""RSP_UD: bit 6 says who speaks (the slave), bits 4 and 5 are its state."""

LONG_HEADER_CIS: Final = frozenset((0x72, 0x76))
SHORT_HEADER_CI: Final = 0x7A
NO_HEADER_CI: Final = 0x78
MSB_FIRST_CI: Final = 0x76
"""Mode 2 of the older standard: every value has its highest byte first."""

DATA_CIS: Final = LONG_HEADER_CIS | {SHORT_HEADER_CI, NO_HEADER_CI}
LONG_HEADER_BYTES, SHORT_HEADER_BYTES = 12, 4

SECONDARY_ADDRESS: Final = 0xFD

PLAIN_MARK: Final = b"\x2f\x2f"
"""What a decrypted block begins with: two fill bytes."""

_DATA_BYTES: Final = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, 0, 6, 0)
_VARIABLE: Final = 0x0D
LAST_TEXT_LVAR, LAST_BCD_LVAR = 0xBF, 0xDF
"""Length bytes: up to the first of characters, up to the second of pairs of digits."""

_FILL, _LAST_DIF, _MORE_DIF = 0x2F, 0x0F, 0x1F
_EXTENSION: Final = 0x80
_PLAIN_TEXT_VIF: Final = 0x7C


class Frame(NamedTuple):
    """A good long frame; `content` is what follows its CI field."""

    raw: bytes
    control: int
    address: int
    ci: int
    content: bytes

    @property
    def size(self) -> int:
        """How many bytes it has on the line."""
        return len(self.raw)

    @property
    def is_answer(self) -> bool:
        """Whether a slave sent it; else it is a master's request, heard as an echo."""
        return self.control & ANSWER_MASK == ANSWER


class Header(NamedTuple):
    """Who answers: identification number as printed, manufacturer's letters, and the rest.

    A short header (CI 7A) and none at all (CI 78) leave `number` and `manufacturer` empty and
    `medium` None.
    """

    number: str = ""
    manufacturer: str = ""
    version: int = 0
    medium: int | None = None
    status: int = 0
    configuration: int = 0

    @property
    def encryption_mode(self) -> int:
        """The security mode (EN 13757-7); 0 is none."""
        return self.configuration >> 8 & 0x1F


def checksum(body: bytes) -> int:
    """Return the sum that follows the body of a frame."""
    return sum(body) & 0xFF


def short_frame(control: int, address: int) -> bytes:
    """Build a request without content."""
    return bytes((SHORT_START, control, address, control + address & 0xFF, STOP))


def long_frame(control: int, address: int, ci: int, content: bytes = b"") -> bytes:
    """Build a frame with content, at most 252 bytes of it."""
    body = bytes((control, address, ci)) + content
    head = bytes((LONG_START, len(body), len(body), LONG_START))
    return head + body + bytes((checksum(body), STOP))


def is_short_frame(data: bytes, start: int) -> bool:
    """Tell whether a whole and good short frame is at `start`."""
    frame = data[start : start + SHORT_BYTES]
    return (
        len(frame) == SHORT_BYTES
        and frame[0] == SHORT_START
        and frame[-1] == STOP
        and checksum(frame[1:3]) == frame[3]
    )


def frame_at(data: bytes, start: int) -> Frame | Damaged | Verdict:
    """Judge the long frame at `start`: `68 L L 68`, L bytes, their sum, `16`."""
    head = data[start : start + HEAD_BYTES]
    if not is_head(head):
        return Verdict.FOREIGN
    if len(head) < HEAD_BYTES:
        return Verdict.WAIT
    end = start + HEAD_BYTES + head[1] + TAIL_BYTES
    if len(data) < end:
        return Verdict.WAIT
    if data[end - 1] != STOP:
        return Verdict.FOREIGN
    body = data[start + HEAD_BYTES : end - TAIL_BYTES]
    if checksum(body) != data[end - TAIL_BYTES]:
        return Damaged(end - start)
    return Frame(data[start:end], body[0], body[1], body[2], body[MIN_LENGTH:])


def is_head(head: bytes) -> bool:
    """Tell whether up to four bytes are, or may become, the head of a long frame."""
    start, length = bytes((LONG_START,)), head[1:2]
    is_long_enough = not length or length[0] >= MIN_LENGTH
    is_symmetric = head[2:3] in (b"", length) and head[3:4] in (b"", start)
    return head[:1] == start and is_long_enough and is_symmetric


def header_of(frame: Frame) -> Header | None:
    """Read the header of an answer with data; None where it is cut short."""
    content = frame.content
    if frame.ci == NO_HEADER_CI:
        return Header()
    if frame.ci == SHORT_HEADER_CI:
        if len(content) < SHORT_HEADER_BYTES:
            return None
        return Header(status=content[1], configuration=int.from_bytes(content[2:4], "little"))
    if len(content) < LONG_HEADER_BYTES:
        return None
    order = -1 if frame.ci == MSB_FIRST_CI else 1
    number, letters = content[0:4][::order], content[4:6][::order]
    return Header(
        number=number[::-1].hex().upper(),
        manufacturer=manufacturer_of(int.from_bytes(letters, "little")),
        version=content[6],
        medium=content[7],
        status=content[9],
        configuration=int.from_bytes(content[10:12][::order], "little"),
    )


def records_in(frame: Frame) -> bytes:
    """Return the part of an answer that holds its records."""
    if frame.ci in LONG_HEADER_CIS:
        return frame.content[LONG_HEADER_BYTES:]
    return frame.content[SHORT_HEADER_BYTES if frame.ci == SHORT_HEADER_CI else 0 :]


def manufacturer_of(code: int) -> str:
    """Return the three letters of a manufacturer's code."""
    return "".join(chr((code >> shift & 0x1F) + 64) for shift in (10, 5, 0))


def manufacturer_code(letters: str) -> int:
    """Return the code of a manufacturer's three letters."""
    first, second, third = (ord(letter) - 64 for letter in letters)
    return first << 10 | second << 5 | third


def is_encrypted(header: Header, records: bytes) -> bool:
    """Tell whether an answer's records are encrypted; older meters leave the word at 0."""
    return header.encryption_mode != 0 and not records.startswith(PLAIN_MARK)


def more_follow(records: bytes) -> bool:
    """Tell whether the records end in DIF 1F: the meter has more to say in a further answer."""
    place = 0
    while place < len(records):
        dif = records[place]
        if dif in (_LAST_DIF, _MORE_DIF):
            return dif == _MORE_DIF
        place = place + 1 if dif == _FILL else _after_record(records, place)
    return False


def _after_record(records: bytes, place: int) -> int:
    """Return where the record at `place` ends, past the end where it is cut short."""
    dif = records[place]
    place = _after_extensions(records, place)
    if place >= len(records):
        return len(records)
    is_text_unit = records[place] & 0x7F == _PLAIN_TEXT_VIF
    text_bytes = 1 + records[place + 1] if is_text_unit and place + 1 < len(records) else 0
    # The unit's text stands between the VIF and its extensions.
    has_extensions = bool(records[place] & _EXTENSION)
    place += 1 + text_bytes
    if has_extensions:
        place = _after_extensions(records, place)
    if dif & 0x0F != _VARIABLE:
        return place + _DATA_BYTES[dif & 0x0F]
    return place + 1 + _variable_bytes(records[place]) if place < len(records) else place


def _after_extensions(records: bytes, place: int) -> int:
    """Return the place after a byte and all those that it says follow."""
    while place < len(records) and records[place] & _EXTENSION:
        place += 1
    return place + 1


def _variable_bytes(lvar: int) -> int:
    """Return how much data a length byte announces (EN 13757-3, LVAR)."""
    if lvar <= LAST_TEXT_LVAR:
        return lvar
    is_bcd = lvar <= LAST_BCD_LVAR
    return (lvar & 0x0F) * 2 if is_bcd else lvar & 0x0F
