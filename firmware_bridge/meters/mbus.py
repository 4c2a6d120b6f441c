"""Wired M-Bus meters of gas, water, heat and electricity: from bytes as they come to telegrams.

Owns framing, and the joining of an answer that comes in several frames. Who asks, and when, is
`mbus_dialogue.py`'s; what the records say is `mbus_records.py`'s. Source: EN 13757-2 and -3:2018.
"""

import re
from zoneinfo import ZoneInfo

from firmware_bridge.meters.civil_time import CivilTime
from firmware_bridge.meters.codec import Telegram, refuse
from firmware_bridge.meters.dlms_noise import Noise
from firmware_bridge.meters.framing import Found, StreamCodec
from firmware_bridge.meters.hdlc import Damaged, Verdict
from firmware_bridge.meters.mbus_frame import (
    ACK,
    DATA_CIS,
    HEAD_BYTES,
    LONG_START,
    SHORT_BYTES,
    SHORT_START,
    Frame,
    Header,
    frame_at,
    header_of,
    is_encrypted,
    is_head,
    is_short_frame,
    more_follow,
    records_in,
)
from firmware_bridge.meters.mbus_library import Library, UndecodableError
from firmware_bridge.meters.mbus_records import Answer

MAX_PARTS = 16
"""Frames of one answer; a meter with a year of daily values sends about ten."""

FIXED_CIS = (0x73, 0x77)
"""The fixed data structure that EN 13757-3 no longer has: two counters without a clear meaning."""

SLAVE_ERROR_CI = 0x70
_REQUEST_CIS = frozenset((0x50, 0x51, 0x52, 0x5A, 0x5B))
"""CI fields of what a master sends: reset, data, selection."""

_START = re.compile(b"[%c%c]" % (LONG_START, SHORT_START))


class MbusCodec(StreamCodec):
    """Decodes what the meters of one bus answer; keeps at most one frame between feeds.

    Frames are checked by their sum. `zone` is where the meters' clocks tell the time. The echo of a
    request and a lone acknowledgement are passed over; the latter begins another meter's answer.
    """

    slice_bytes = 16 * 1024

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._library = Library()
        self._civil = CivilTime(zone)
        self._noise = Noise()
        self._is_noisy = False
        self._answer: Answer | None = None
        self._parts: list[bytes] = []

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait for the rest of their frame, and of their answer's other frames."""
        return super().pending_bytes + sum(len(part) for part in self._parts)

    def _end(self, found: Found) -> None:
        self._flush_noise(found)
        self._give_up_answer("the stream ended", found)

    def _take(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        return place + self._take_any(data, place, found, is_end=is_end)

    def _take_any(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        """Take what is at `place`; return its size, 0 while that cannot be told."""
        first = data[place]
        if first == LONG_START:
            return self._take_long(data, place, found, is_end=is_end)
        if first == ACK and not self._is_noisy:
            self._give_up_answer("another exchange begins", found)
            return 1
        if first == SHORT_START:
            if len(data) - place < SHORT_BYTES and not is_end:
                return 0
            if is_short_frame(data, place):
                self._flush_noise(found)
                return SHORT_BYTES
        return self._add_noise(data, place, found)

    def _take_long(self, data: bytes, place: int, found: Found, *, is_end: bool) -> int:
        frame = frame_at(data, place)
        if frame is Verdict.WAIT and not is_end:
            return 0
        if isinstance(frame, Frame):
            self._flush_noise(found)
            self._take_frame(frame, found)
            return frame.size
        if isinstance(frame, Damaged):
            return self._take_damaged(data, place, frame.size, found, is_end=is_end)
        if frame is Verdict.WAIT and len(data) - place >= HEAD_BYTES:
            self._flush_noise(found)
            found.append(refuse("truncated", "the stream ended", data[place:]))
            return len(data) - place
        return self._add_noise(data, place, found)

    def _take_damaged(
        self, data: bytes, place: int, size: int, found: Found, *, is_end: bool
    ) -> int:
        """Refuse a frame with a wrong sum; one in which a good one begins was cut short."""
        for start in range(place + 1, place + size):
            if not is_head(data[start : start + HEAD_BYTES]):
                continue
            inner = frame_at(data, start)
            if inner is Verdict.WAIT and not is_end:
                return 0
            if isinstance(inner, Frame):
                self._flush_noise(found)
                found.append(refuse("truncated", "another frame begins", data[place:start]))
                return start - place
        self._flush_noise(found)
        raw = data[place : place + size]
        found.append(refuse("bad-crc", f"the sum is not {raw[-2]:02X}", raw))
        return size

    def _take_frame(self, frame: Frame, found: Found) -> None:
        """Take a good frame: an answer, an error a meter tells, or a request heard as an echo."""
        header = header_of(frame) if frame.is_answer and frame.ci in DATA_CIS else None
        if header is None:
            if not frame.is_answer and frame.ci in _REQUEST_CIS:
                return
            self._give_up_answer("another answer begins", found)
            found.append(refuse(*_why_not(frame), frame.raw))
            return
        records = records_in(frame)
        answer = self._answer_for(frame, header, found)
        if is_encrypted(header, records):
            self._give_up_answer("a part is encrypted", found)
            detail = f"{answer.meter} encrypts (mode {header.encryption_mode}), which is not read"
            found.append(refuse("encrypted", detail, frame.raw))
            return
        try:
            answer.take(self._library.records_of(frame.ci, records))
        except UndecodableError as error:
            self._give_up_answer("a part cannot be made out", found)
            found.append(refuse("bad-value", f"{answer.meter}: {error.message}", frame.raw))
            return
        self._answer = answer
        self._parts.append(frame.raw)
        if not more_follow(records):
            self._finish(found)
        elif len(self._parts) >= MAX_PARTS:
            self._give_up_answer(f"it has more than {MAX_PARTS} frames", found)

    def _answer_for(self, frame: Frame, header: Header, found: Found) -> Answer:
        """Return the answer that a frame goes on with, or a new one."""
        pending = self._answer
        if pending is not None:
            same = pending.header._replace(status=header.status)
            if same == header and pending.address == frame.address:
                return pending
            self._give_up_answer("another meter's answer begins", found)
        return Answer(header, frame.address, self._civil)

    def _give_up_answer(self, reason: str, found: Found) -> None:
        """Tell what is known of an answer whose last part has not come."""
        if self._parts:
            raw = self._parts[-1]
            self._finish(found)
            found.append(refuse("truncated", f"the rest of an answer is missing: {reason}", raw))

    def _finish(self, found: Found) -> None:
        """Make a telegram of the answer at hand."""
        answer, raw = self._answer, self._parts[-1]
        self._drop_answer()
        sample = answer.sample() if answer is not None else None
        if answer is None or sample is None:
            medium = answer.header.medium if answer is not None else None
            named = "an unnamed medium" if medium is None else f"medium {medium:02X}"
            detail = f"a meter of {named}, which is none of gas, water, heat and electricity"
            found.append(refuse("no-values", detail, raw))
        elif not sample.registers and not sample.unknown:
            found.append(refuse("no-values", f"{sample.meter} tells no value", raw))
        else:
            found.append(Telegram((sample,), is_past=answer.is_past))
            if not sample.registers:
                shown = ", ".join(f"{code} = {text}" for code, text in sample.unknown.items())
                found.append(refuse("no-values", f"no record is known: {shown}", raw))
        if answer is not None and answer.has_bad_clock:
            found.append(refuse("bad-time", f"the clock of {answer.meter} is not set", raw))

    def _drop_answer(self) -> None:
        self._answer, self._parts = None, []

    def _add_noise(self, data: bytes, place: int, found: Found) -> int:
        """Pass over what begins no frame, up to the next byte that might; return its size."""
        self._is_noisy = True
        start = _START.search(data, place + 1)
        end = start.start() if start else len(data)
        self._noise.add(data[place:end], found)
        return end - place

    def _flush_noise(self, found: Found) -> None:
        self._noise.flush(found)
        self._is_noisy = False


def _why_not(frame: Frame) -> tuple[str, str]:
    """Say why a good frame is no answer with values: a reason to count by, and words."""
    if not frame.is_answer:
        return "noise", f"a frame with CI field {frame.ci:02X} that is no meter's answer"
    if frame.ci in DATA_CIS:
        return "truncated", "the answer is shorter than its header"
    if frame.ci in FIXED_CIS:
        return "no-values", f"fixed data structure (CI {frame.ci:02X}), which is not read"
    if frame.ci == SLAVE_ERROR_CI:
        code = frame.content[0] if frame.content else 0
        return "no-values", f"the meter at address {frame.address} tells error {code}"
    return "no-values", f"an answer with CI field {frame.ci:02X}, which holds no readings"
