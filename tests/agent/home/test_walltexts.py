"""Which messages stand on a panel: told once, taken back once they are answered, never more."""

from agent.home.inputs import Message
from agent.home.walltexts import WallTexts
from firmware_bridge.display.messages import TEXT_BYTES_MAX, Text

FIRST, SECOND = Message(1, "first", 0), Message(2, "second", 0)


class Told:
    """What is told to a panel; at most so many texts are taken, and all of them delivered."""

    def __init__(self, taken_max: int = 99) -> None:
        self.texts: list[Text] = []
        self.taken_max = taken_max

    def tell(self, text: Text) -> bool:
        """Take a text while there is room."""
        if len(self.texts) >= self.taken_max:
            return False
        self.texts.append(text)
        return True

    def deliver(self, wall: WallTexts) -> list[tuple[int, str]]:
        """Let the panel acknowledge all of it; return what it was."""
        delivered, self.texts = self.texts, []
        for text in delivered:
            wall.note_delivered(text)
        return [(text.message_id, text.text) for text in delivered]


def test_a_message_is_told_once() -> None:
    """Neither while it waits nor after it was delivered is it told again."""
    wall, told = WallTexts(), Told()

    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    assert told.deliver(wall) == [(1, "first"), (2, "second")]
    wall.bring_up_to_date([FIRST, SECOND], told.tell)

    assert told.texts == []


def test_what_is_answered_is_taken_back_once() -> None:
    """By an empty text of its number; what still stands is left alone."""
    wall, told = WallTexts(), Told()
    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    told.deliver(wall)

    wall.bring_up_to_date([SECOND], told.tell)
    wall.bring_up_to_date([SECOND], told.tell)
    assert told.deliver(wall) == [(1, "")]
    wall.bring_up_to_date([SECOND], told.tell)

    assert told.texts == []


def test_what_is_answered_before_it_arrives_is_taken_back_after_it() -> None:
    """It is under way: the panel would show it for good."""
    wall, told = WallTexts(), Told()
    wall.bring_up_to_date([FIRST], told.tell)
    wall.bring_up_to_date([], told.tell)
    assert told.deliver(wall) == [(1, "first")]

    wall.bring_up_to_date([], told.tell)

    assert told.deliver(wall) == [(1, "")]


def test_what_finds_no_room_is_told_later() -> None:
    """Messages and what takes them back alike."""
    wall, told = WallTexts(), Told(taken_max=1)
    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    assert told.deliver(wall) == [(1, "first")]
    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    assert told.deliver(wall) == [(2, "second")]

    wall.bring_up_to_date([], told.tell)
    assert told.deliver(wall) == [(1, "")]
    wall.bring_up_to_date([], told.tell)

    assert told.deliver(wall) == [(2, "")]


def test_a_panel_that_forgot_is_told_what_stands_and_nothing_is_taken_back() -> None:
    """At another boot, or session; one that was only away for a moment has not forgotten."""
    wall, told = WallTexts(), Told()
    wall.meet((7, 0))
    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    told.deliver(wall)

    wall.meet((7, 0))
    wall.bring_up_to_date([FIRST, SECOND], told.tell)
    assert told.texts == []
    wall.meet((8, 0))
    wall.bring_up_to_date([SECOND], told.tell)

    assert told.deliver(wall) == [(2, "second")]


def test_a_long_message_is_cut_after_a_word_with_dots() -> None:
    """What is told is short enough in bytes, and none of its figures is half a figure."""
    wall, told = WallTexts(), Told()
    long = "Die Störung dauert bis 12:30 " * 8

    wall.bring_up_to_date([Message(1, long.strip(), 0)], told.tell)

    (text,) = told.texts
    assert text.needs_answer
    assert len(text.text.encode()) <= TEXT_BYTES_MAX
    assert text.text.endswith("…")
    assert set(text.text.removesuffix("…").split()) <= set(long.split())


def test_a_single_word_is_cut_between_what_readers_take_for_characters() -> None:
    """A family is not parted into its members, nor a letter from its accent."""
    wall, told = WallTexts(), Told()
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

    wall.bring_up_to_date([Message(1, family * 20, 0)], told.tell)

    (text,) = told.texts
    kept = text.text.removesuffix("…")
    assert kept == family * (len(kept) // len(family))
    assert len(kept) >= len(family)
