"""Messages to the household: each once, answered for good, and kept over a restart."""

from agent.home.messages import FACT, FORGET_MS, MESSAGES_MAX, TEXT_CHARS_MAX, Messages


def texts_of(messages: Messages) -> list[str]:
    """The texts nobody has answered."""
    return [one.text for one in messages.open()]


def test_a_text_said_in_every_telegram_is_one_message() -> None:
    """P1 meters repeat it each second."""
    messages = Messages(None, 0)

    for second in range(100):
        messages.hear(["Power cut on Monday"], second * 1_000)

    assert texts_of(messages) == ["Power cut on Monday"]


def test_an_answered_message_does_not_come_back_while_it_is_said() -> None:
    """The household has read it, whatever the meter goes on saying."""
    messages = Messages(None, 0)
    messages.hear(["Hello"], 0)
    (one,) = messages.open()

    assert messages.answer(one.message_id)
    messages.hear(["Hello"], 1_000)

    assert messages.open() == []
    assert not messages.answer(one.message_id)


def test_the_same_words_are_a_new_message_once_they_were_gone() -> None:
    """A power cut may be announced twice a year."""
    messages = Messages(None, 0)
    messages.hear(["Power cut"], 0)
    messages.answer(messages.open()[0].message_id)

    messages.hear(["Another"], FORGET_MS)
    messages.hear(["Power cut"], FORGET_MS + 1)

    assert texts_of(messages) == ["Another", "Power cut"]


def test_empty_texts_are_none() -> None:
    """A meter without a message sends an empty one."""
    messages = Messages(None, 0)

    messages.hear(["", "  "], 0)

    assert (messages.open(), messages.due()) == ([], {})


def test_there_are_a_few_at_most() -> None:
    """The answered go first, then the oldest, which is counted."""
    messages = Messages(None, 0)
    messages.hear([f"text {number}" for number in range(MESSAGES_MAX)], 0)
    messages.answer(messages.open()[3].message_id)

    messages.hear(["one more"], 1)
    messages.hear(["and another"], 2)

    assert len(messages.open()) == MESSAGES_MAX
    assert "text 0" not in texts_of(messages)
    assert messages.dropped == 1


def test_a_long_text_is_cut() -> None:
    """Nothing a meter says is unbounded."""
    messages = Messages(None, 0)

    messages.hear(["x" * 5_000], 0)

    assert len(texts_of(messages)[0]) == TEXT_CHARS_MAX


def test_messages_outlive_a_restart() -> None:
    """Open ones are still open, answered ones still answered, and numbers are not used again."""
    before = Messages(None, 0)
    before.hear(["first", "second"], 0)
    before.answer(1)
    kept = before.due()
    assert before.due() == {}

    after = Messages(kept[FACT], 0)
    after.hear(["first", "third"], 1)

    assert [(one.message_id, one.text) for one in after.open()] == [(2, "second"), (3, "third")]


def test_notes_that_cannot_be_read_are_none() -> None:
    """A damaged note costs the messages and nothing else."""
    messages = Messages(b"\x00{", 0)

    messages.hear(["x"], 0)

    assert texts_of(messages) == ["x"]
