"""Messages to the household: each once, kept over restarts, bounded, and gone when they are."""

from pathlib import Path

import pytest

from agent.home.inputs import Message
from agent.home.messages import (
    FACT,
    FORGOTTEN_AFTER_MS,
    LAST_ID,
    MAX_CHARS,
    MAX_MESSAGES,
    Messages,
)
from agent.log import Log
from agent.records import Batch
from firmware_bridge.meters.codec import Telegram
from shared.readings import Medium, Quality, Sample
from tests.support.hubs import START_MS, hub_in, take, telegram

LINK = "/dev/meter"


def says(*texts: str, quality: int = 0) -> Telegram:
    """A telegram that carries texts."""
    return Telegram(
        (Sample("M1", Medium.ELECTRICITY, None, {"power_import_w": 5}, quality),), texts
    )


class Shelf:
    """A shelf on a database, with a clock that the test sets."""

    def __init__(self, path: Path) -> None:
        self.log = Log(path / "hub.sqlite")
        self.now_ms = 0
        self.shelf = Messages(None, 0)

    def hear(self, *texts: str, quality: int = 0, link: str = LINK) -> list[str]:
        """Hear a telegram, and return what is on the shelf."""
        one = says(*texts, quality=quality)
        self.shelf.hear(one, link, now_ms=self.now_ms, utc_ms=START_MS + self.now_ms)
        return self.texts()

    def texts(self) -> list[str]:
        """What is on the shelf, oldest first."""
        return [one.text for one in self.shelf.all()]

    def restart(self) -> None:
        """Commit what is to be kept, and start anew."""
        self.log.commit(Batch(facts=self.shelf.due()))
        self.shelf = Messages(self.log.fact(FACT), self.now_ms)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path)


def test_a_message_that_each_telegram_repeats_is_one(shelf: Shelf) -> None:
    """A P1 meter says it every second."""
    for _ in range(3):
        shelf.hear("Power off on 3 May")

    assert shelf.shelf.all() == (Message(1, "Power off on 3 May", START_MS),)


def test_two_texts_of_one_telegram_are_two_messages(shelf: Shelf) -> None:
    """DSMR has a code for each."""
    assert sorted(shelf.hear("one", "two")) == ["one", "two"]


def test_messages_are_kept_over_a_restart(shelf: Shelf) -> None:
    """So is who has read them, and numbers are not used again."""
    shelf.hear("first")
    shelf.shelf.answer(1, START_MS + 5)
    shelf.restart()

    shelf.hear("second")

    assert [(one.message_id, one.acknowledged_ms) for one in shelf.shelf.all()] == [
        (1, START_MS + 5),
        (2, None),
    ]


def test_nothing_is_written_where_nothing_changed(shelf: Shelf) -> None:
    """A card must not wear by a text that is told every second."""
    shelf.hear("text")
    first = shelf.shelf.due()
    shelf.hear("text")

    assert list(first) == [FACT]
    assert shelf.shelf.due() == {}


def test_a_message_that_was_read_is_not_new_while_it_is_told(shelf: Shelf) -> None:
    """The meter goes on repeating it for weeks."""
    shelf.hear("text")
    shelf.shelf.answer(1, START_MS)
    for day in range(1, 10):
        shelf.now_ms = day * FORGOTTEN_AFTER_MS
        shelf.hear("text")

    assert [one.message_id for one in shelf.shelf.all()] == [1]


def test_the_same_words_after_a_silence_are_a_new_message(shelf: Shelf) -> None:
    """The supplier has sent them again."""
    shelf.hear("Top up, please")
    shelf.shelf.answer(1, START_MS)
    shelf.now_ms = FORGOTTEN_AFTER_MS + 1
    shelf.hear("Top up, please")

    assert [(one.message_id, one.acknowledged_ms) for one in shelf.shelf.all()] == [(2, None)]


def test_an_unread_message_stays_though_the_meter_has_stopped_telling_it(shelf: Shelf) -> None:
    """A ZigBee meter tells it once."""
    shelf.hear("unread")
    shelf.now_ms = 30 * FORGOTTEN_AFTER_MS

    assert shelf.hear("other") == ["unread", "other"]


def test_too_many_messages_give_up_the_read_before_the_unread(shelf: Shelf) -> None:
    """What is given up unread is counted."""
    for number in range(MAX_MESSAGES):
        shelf.hear(f"text {number}")
    shelf.shelf.answer(4, START_MS)

    shelf.hear("one more")
    dropped_first = shelf.shelf.dropped
    shelf.hear("and more")

    assert len(shelf.texts()) == MAX_MESSAGES
    assert "text 3" not in shelf.texts()
    assert "text 0" not in shelf.texts()
    assert (dropped_first, shelf.shelf.dropped) == (0, 1)


def test_without_a_checksum_a_text_must_come_twice(shelf: Shelf) -> None:
    """Garbled words come once."""
    unchecked = int(Quality.UNCHECKED)

    assert shelf.hear("gar\u00dfled", quality=unchecked) == []
    assert shelf.hear("text", quality=unchecked) == []
    assert shelf.hear("text", quality=unchecked) == ["text"]
    assert shelf.hear("text", quality=unchecked, link="other") == ["text"]


def test_a_text_is_cleaned_and_cut(shelf: Shelf) -> None:
    """However long it is and whatever it holds; one of nothing is none."""
    (long,) = shelf.hear("\u202ew" + "e\u0301\n" * 2_000)

    assert len(long) <= MAX_CHARS
    assert long.startswith("wé é")
    assert shelf.hear("\u200b \x00") == [long]


def test_an_unknown_message_cannot_be_acknowledged(shelf: Shelf) -> None:
    """It was given up meanwhile, or never was."""
    assert not shelf.shelf.answer(7, START_MS)


def test_reading_twice_keeps_the_first_time(shelf: Shelf) -> None:
    """Two displays may answer."""
    shelf.hear("text")
    shelf.shelf.answer(1, START_MS)
    shelf.shelf.answer(1, START_MS + 9)

    assert shelf.shelf.all()[0].acknowledged_ms == START_MS
    assert shelf.shelf.open() == []


def test_numbers_begin_again_after_the_last(shelf: Shelf) -> None:
    """A panel has four bytes for them."""
    shelf.shelf._kept.next_id = LAST_ID
    shelf.hear("last")
    shelf.hear("first")

    assert [one.message_id for one in shelf.shelf.all()] == [LAST_ID, 1]


def test_a_spoilt_record_is_an_empty_shelf() -> None:
    """The hub starts all the same."""
    assert Messages(b"{", 0).all() == ()


def test_a_hub_keeps_what_its_meter_tells(tmp_path: Path) -> None:
    """From the telegram to the next group commit, with no write of its own."""
    hub = hub_in(tmp_path)
    told = telegram(1_000)
    take(hub, [Telegram(told.samples, ("Power off on 3 May",))])
    batch = Batch()

    hub._complete_batch(batch)

    assert [one.text for one in hub.messages.all()] == ["Power off on 3 May"]
    assert b"Power off" in batch.facts[FACT]
    hub.log.close()
