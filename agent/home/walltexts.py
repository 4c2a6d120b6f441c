"""Which messages to the household stand on the panel, and which are still to be told or taken back.

Owns the way from open messages to the panel's texts; knows no line. Pure but for its state.
"""

from collections.abc import Callable, Hashable, Sequence

from agent.home.inputs import Message
from agent.home.texts import cut_at_space
from firmware_bridge.display.messages import TEXT_BYTES_MAX, Text


class WallTexts:
    """The texts of one panel: each open message is told once, and taken back once it is answered.

    It is answered by a button, or at the page; a text is taken back by an empty one of its number.
    """

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._standing: set[int] = set()
        self._taken_back: set[int] = set()
        self._memory: Hashable = None

    def meet(self, memory: Hashable) -> None:
        """A panel is there; where its `memory` is another than the last, it knows no text."""
        if memory != self._memory:
            self._memory = memory
            self._standing.clear()

    def bring_up_to_date(self, wanted: Sequence[Message], tell: Callable[[Text], bool]) -> None:
        """Have the panel show these messages and no others; what cannot be told now is told later.

        `tell` says whether it took the text.
        """
        numbers = {one.message_id for one in wanted}
        for number in sorted(self._standing - numbers - self._taken_back):
            if tell(Text(message_id=number, text="")):
                self._taken_back.add(number)
        for message in wanted:
            number = message.message_id
            if number not in self._told | self._standing and tell(_text_of(message)):
                self._told.add(number)

    def note_delivered(self, text: Text) -> None:
        """The panel acknowledged this text."""
        if text.text:
            self._told.discard(text.message_id)
            self._standing.add(text.message_id)
        else:
            self._taken_back.discard(text.message_id)
            self._standing.discard(text.message_id)


def _text_of(message: Message) -> Text:
    """Cut a message to what a panel holds, after a word: a part of a figure would be another."""
    fitting = cut_at_space(message.text, lambda one: len(one.encode()) <= TEXT_BYTES_MAX)
    return Text(message_id=message.message_id, text=fitting, needs_answer=True)
