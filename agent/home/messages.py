"""Messages to the household that its meters bring: which are open, and which were answered.

Owns their numbers and bounds. Meters say the same text in each telegram, or once, so a message is
its text, and whoever has answered it is not asked again while it is being said. Pure but for its
state; what is to outlive a restart goes into the log with the next group commit.
"""

import logging
from collections.abc import Iterable

import msgspec

from shared.units import MS_PER_DAY

FACT = "messages"

MESSAGES_MAX = 8
"""A supplier sends one a week; a panel holds as many."""

TEXT_CHARS_MAX = 1_024
"""What P1 allows; panels cut it to what they hold."""

FORGET_MS = MS_PER_DAY
"""An answered message not said for a day is over: the same words after that are a new one."""

_logger = logging.getLogger(__name__)


class Message(msgspec.Struct, frozen=True):
    """One message; `answered` once somebody has pressed a button for it."""

    message_id: int
    text: str
    answered: bool = False


class Messages:
    """The messages of one home, oldest first; `written` is what an earlier run kept."""

    def __init__(self, written: bytes | None, now_ms: int) -> None:
        self.dropped = 0
        self._known = _decode(written)
        self._next_id = max((one.message_id for one in self._known), default=0) + 1
        self._said_at_ms = {one.text: now_ms for one in self._known}
        self._is_noted = True

    def hear(self, texts: Iterable[str], now_ms: int) -> None:
        """Take what a telegram said to the household; the same text again is no new message.

        `now_ms` is monotonic. Where there are too many the oldest goes, those answered first.
        """
        for text in texts:
            words = text.strip()[:TEXT_CHARS_MAX]
            if not words:
                continue
            is_new = words not in self._said_at_ms
            self._said_at_ms[words] = now_ms
            if is_new:
                self._add(words, now_ms)

    def open(self) -> list[Message]:
        """List what nobody has answered yet."""
        return [one for one in self._known if not one.answered]

    def answer(self, message_id: int) -> bool:
        """Take note that the household has read a message; False where none is open by this id."""
        for place, one in enumerate(self._known):
            if one.message_id == message_id and not one.answered:
                self._known[place] = msgspec.structs.replace(one, answered=True)
                self._is_noted = False
                return True
        return False

    def due(self) -> dict[str, bytes]:
        """Hand over what changed, for the next group commit."""
        if self._is_noted:
            return {}
        self._is_noted = True
        return {FACT: msgspec.json.encode(self._known)}

    def _add(self, words: str, now_ms: int) -> None:
        self._forget(now_ms)
        while len(self._known) >= MESSAGES_MAX:
            oldest = next((one for one in self._known if one.answered), self._known[0])
            self.dropped += not oldest.answered
            self._drop(oldest)
        self._known.append(Message(self._next_id, words))
        self._next_id += 1
        self._is_noted = False

    def _forget(self, now_ms: int) -> None:
        for one in list(self._known):
            if one.answered and now_ms - self._said_at_ms[one.text] >= FORGET_MS:
                self._drop(one)

    def _drop(self, one: Message) -> None:
        self._known.remove(one)
        self._said_at_ms.pop(one.text, None)


def _decode(written: bytes | None) -> list[Message]:
    try:
        return [] if written is None else msgspec.json.decode(written, type=list[Message])
    except msgspec.MsgspecError as error:
        _logger.warning("the household's messages cannot be read: %s", error)
        return []
