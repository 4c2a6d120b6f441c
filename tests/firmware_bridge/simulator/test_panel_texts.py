"""The messages on a panel: which stand, and how they are laid out, in both languages alike."""

from pathlib import Path

import pytest

from firmware_bridge.display.messages import TEXT_BYTES_MAX, Display, Text, Welcome
from firmware_bridge.simulator.panel_picture import (
    COLUMNS,
    SIGNS,
    TOLD_FIRST,
    TOLD_LINES,
    draw_lines,
    draw_png,
)
from firmware_bridge.simulator.panel_texts import TEXTS_MAX, StandingTexts, lay_out
from tests.docs.panel_picture import draw, pixels_of
from tests.support.panel_build import plain_reference

EVENING = Display(power_w=1_436, light=2, today_wh=9_333, gas_as_of_min=1_080, link=0)
NOTICE = "Planned maintenance in your street on 3 May: no power from 9 to 11. Call 105?"
SAME, OTHER = (Welcome(version=1, boot_id=0, session=one) for one in (1, 2))


def text_of(number: int, text: str = "x") -> Text:
    """A message that wants an answer."""
    return Text(message_id=number, text=text, needs_answer=True)


def wrapped(text: str, lines_max: int = TOLD_LINES) -> list[str]:
    """Lay a message out as the picture does, without the lines that stay empty."""
    return [one for one in lay_out(text, SIGNS, COLUMNS, lines_max) if one]


def test_a_message_is_wrapped_between_words() -> None:
    """In capitals, all of it, with the signs that messages are made of."""
    assert wrapped(NOTICE) == [
        "PLANNED MAINTENANCE IN",
        "YOUR STREET ON 3 MAY: NO",
        "POWER FROM 9 TO 11. CALL",
        "105?",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("£5.00 left", ["GBP5.00 LEFT"]),
        ("20 € – don\u2019t wait…", ["20 EUR ? DON'T WAIT..."]),
        ("ä☀\u0000b", ["???B"]),
        ("a" * COLUMNS + " b", ["A" * COLUMNS, "B"]),
        ("a" * (COLUMNS + 2), ["A" * COLUMNS, "AA"]),
        ("a  b", ["A  B"]),
    ],
)
def test_what_a_panel_has_no_sign_for_is_spelt_or_marked(text: str, lines: list[str]) -> None:
    """Money by its letters; a character of another script is one mark, however long."""
    assert wrapped(text) == lines


def test_what_does_not_fit_ends_in_dots() -> None:
    """Within the line: who reads it knows that there is more at the page."""
    assert wrapped("one two three " * 4, lines_max=2) == [
        "ONE TWO THREE ONE TWO",
        "THREE ONE TWO THREE ONE...",
    ]
    assert wrapped("a" * 60, lines_max=2)[-1] == "A" * (COLUMNS - 3) + "..."


def test_a_message_stands_over_the_table() -> None:
    """Power above it and the meter below stay in sight."""
    plain, told = draw_lines(EVENING), draw_lines(EVENING, text_of(4, NOTICE))

    assert len(told) == len(plain)
    assert told[:TOLD_FIRST] == plain[:TOLD_FIRST]
    assert told[TOLD_FIRST] == "PLANNED MAINTENANCE IN"
    assert told[TOLD_FIRST + TOLD_LINES :] == plain[TOLD_FIRST + TOLD_LINES :] == ["METER OK"]
    assert draw_lines(None, text_of(4))[:3] == ["NO DATA", "", "X"]


def test_the_newest_stands_until_it_is_taken_back() -> None:
    """Then the one before it, which nobody has answered."""
    texts = StandingTexts()

    assert [texts.take(one) for one in (SAME, text_of(4), text_of(5))] == [False, True, True]
    assert texts.shown == text_of(5)
    assert texts.take(Text(message_id=5, text=""))
    assert texts.shown == text_of(4)
    assert not texts.take(Text(message_id=9, text=""))
    assert not texts.take(EVENING)
    assert texts.take(Text(message_id=4, text=""))
    assert texts.shown is None


def test_a_hub_started_anew_tells_again_what_stands() -> None:
    """At another session a panel forgets its texts; at the same one, after a lost link, not."""
    texts = StandingTexts()
    texts.take(SAME)
    texts.take(text_of(4))

    assert not texts.take(SAME)
    assert texts.shown == text_of(4)
    assert texts.take(OTHER)
    assert texts.shown is None


def test_where_there_is_no_room_the_oldest_goes() -> None:
    """A bound, which the hub's own keeps from being reached."""
    texts = StandingTexts()
    for number in range(TEXTS_MAX + 1):
        texts.take(text_of(number))

    for number in range(TEXTS_MAX, 0, -1):
        assert texts.shown == text_of(number)
        texts.take(Text(message_id=number, text=""))

    assert texts.shown is None


@pytest.mark.parametrize(
    "text",
    [
        NOTICE,
        "£" * (TEXT_BYTES_MAX // 2),
        "ä☀€ " * (TEXT_BYTES_MAX // 9),
        ",!?'/()+%.-: 0123456789",
        "longwordsofmanyletters " * 6,
    ],
)
def test_both_languages_lay_a_message_out_alike(text: str, tmp_path: Path) -> None:
    """Pixel for pixel, over the same figures."""
    picture = tmp_path / "panel.png"

    draw(plain_reference(), EVENING, picture, [text_of(4, text)])

    drawn = draw_png(draw_lines(EVENING, text_of(4, text)))
    assert pixels_of(picture.read_bytes()) == pixels_of(drawn)
    assert pixels_of(drawn) != pixels_of(draw_png(draw_lines(EVENING)))
