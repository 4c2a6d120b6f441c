"""Messages from the supplier or network operator, kept until the household has read them.

Owns which there are and which are read. What is to outlive a restart is a small fact, written with
the next group commit; it never leaves the hub. Pure but for its state.
"""

import logging
from functools import lru_cache

import msgspec

from agent.home.inputs import Message
from agent.home.texts import clean_text, cut_to_chars
from firmware_bridge.meters.codec import Telegram
from shared.readings import Quality
from shared.units import MS_PER_DAY

FACT = "messages"
MAX_MESSAGES = 10
"""More than an operator sends in a year; a line that garbles texts must not fill the page."""

MAX_CHARS = 1_024
"""The longest that DSMR 5 allows."""

FORGOTTEN_AFTER_MS = MS_PER_DAY
"""A P1 meter repeats its text in each telegram: one that is read and not heard for so long is gone,
and the same words after that are a new message."""

FIRST_ID, LAST_ID = 1, 2**32 - 1
"""A panel has four bytes for the id of a message."""

UNCHECKED = int(Quality.UNCHECKED)

_logger = logging.getLogger(__name__)


class _Kept(msgspec.Struct):
    """What is in the database: the messages, oldest first, and the id that the next one gets."""

    next_id: int = FIRST_ID
    messages: list[Message] = []


class Messages:
    """The messages of this home, at most MAX_MESSAGES; times are the caller's."""

    def __init__(self, written: bytes | None, now_ms: int) -> None:
        """Take up what an earlier run kept; by the monotonic `now_ms` all of it was just heard."""
        self._kept = _decode(written)
        self._heard_ms = {one.text: now_ms for one in self._kept.messages}
        self._unsure: dict[str, frozenset[str]] = {}
        self._is_changed = False
        self.heard = 0
        """Messages that were new, since the start."""
        self.answered = 0
        """Messages that the household took as read, since the start."""
        self.dropped = 0
        """Messages given up unread because there were too many."""

    def all(self) -> tuple[Message, ...]:
        """Return the messages, oldest first."""
        return tuple(self._kept.messages)

    def open(self) -> list[Message]:
        """List what nobody has answered yet, oldest first."""
        return [one for one in self._kept.messages if one.acknowledged_ms is None]

    def hear(self, telegram: Telegram, source: str, *, now_ms: int, utc_ms: int) -> None:
        """Take what a telegram of a source told; the words of a message that is kept are no other.

        A telegram without a checksum may tell garbled words: those must come twice in a row.
        """
        texts = {_fit(text) for text in telegram.texts}
        before, self._unsure[source] = self._unsure.get(source, frozenset()), frozenset(texts)
        if not telegram.samples or any(one.quality & UNCHECKED for one in telegram.samples):
            texts &= before
        for text in sorted(texts - {""}):
            self._take(text, now_ms, utc_ms)

    def answer(self, message_id: int, utc_ms: int) -> bool:
        """Note that the household has read a message; False where there is none by this id."""
        for place, one in enumerate(self._kept.messages):
            if one.message_id == message_id:
                if one.acknowledged_ms is None:
                    read = msgspec.structs.replace(one, acknowledged_ms=utc_ms)
                    self._kept.messages[place] = read
                    self.answered += 1
                    self._is_changed = True
                return True
        return False

    def due(self) -> dict[str, bytes]:
        """Return what is to be written with the next group commit, once."""
        if not self._is_changed:
            return {}
        self._is_changed = False
        return {FACT: msgspec.json.encode(self._kept)}

    def _take(self, text: str, now_ms: int, utc_ms: int) -> None:
        self._forget(now_ms)
        is_known = text in self._heard_ms
        self._heard_ms[text] = now_ms
        if is_known:
            return
        if len(self._kept.messages) >= MAX_MESSAGES:
            self._drop()
        self.heard += 1
        kept = self._kept
        kept.messages.append(Message(kept.next_id, text, utc_ms))
        kept.next_id = kept.next_id + 1 if kept.next_id < LAST_ID else FIRST_ID
        self._is_changed = True

    def _forget(self, now_ms: int) -> None:
        """Let go of what was read and is not told any more."""
        gone = [
            one
            for one in self._kept.messages
            if one.acknowledged_ms is not None
            and now_ms - self._heard_ms.get(one.text, now_ms) > FORGOTTEN_AFTER_MS
        ]
        for one in gone:
            self._remove(one)

    def _drop(self) -> None:
        """Make room: the oldest that was read, else the oldest."""
        read = [one for one in self._kept.messages if one.acknowledged_ms is not None]
        self.dropped += not read
        self._remove((read or self._kept.messages)[0])

    def _remove(self, message: Message) -> None:
        self._kept.messages.remove(message)
        self._heard_ms.pop(message.text, None)
        self._is_changed = True


@lru_cache(maxsize=2 * MAX_MESSAGES)
def _fit(text: str) -> str:
    """Clean and cut a text; a meter repeats it every second."""
    return cut_to_chars(clean_text(text), MAX_CHARS)


def _decode(written: bytes | None) -> _Kept:
    """Read the fact; none where there is none, or none that can be read."""
    try:
        return _Kept() if written is None else msgspec.json.decode(written, type=_Kept)
    except msgspec.MsgspecError as error:
        _logger.warning("the messages to the household cannot be read: %s", error)
        return _Kept()
