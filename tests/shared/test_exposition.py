"""Prometheus's text format: meanings, kinds, labels and numbers."""

import re

import pytest

from shared.exposition import Kind, Measured, Metric, counter, gauge, render

LINE = re.compile(
    r'^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? '
    r"-?[0-9.e+-]+$"
)
TELEGRAMS = counter("telegrams", "Telegrams decoded.")
REFUSED = counter("refused", "Input set aside, by its reason.", "reason")
LINK_OPEN = gauge("link_open", "1 while a link is open.", "link")
BYTES = gauge("database_bytes", "Size of the database.")
METRICS = (TELEGRAMS, REFUSED, LINK_OPEN, BYTES)


def test_names_say_what_a_metric_is() -> None:
    """Ours all begin alike, and what only counts up ends in _total."""
    assert Metric("hearthlink_telegrams_total", Kind.COUNTER, "Telegrams decoded.") == TELEGRAMS
    assert LINK_OPEN.name == "hearthlink_link_open"
    assert (LINK_OPEN.kind, LINK_OPEN.labels) == (Kind.GAUGE, ("link",))


def test_a_metric_is_written_with_its_meaning_and_kind() -> None:
    """HELP and TYPE come once, before all of its numbers; the text ends with a line's end."""
    text = render(
        METRICS,
        [
            Measured(REFUSED, 2, ("bad-crc",)),
            Measured(TELEGRAMS, 10),
            Measured(REFUSED, 1, ("noise",)),
        ],
    ).decode()

    assert text == (
        "# HELP hearthlink_telegrams_total Telegrams decoded.\n"
        "# TYPE hearthlink_telegrams_total counter\n"
        "hearthlink_telegrams_total 10\n"
        "# HELP hearthlink_refused_total Input set aside, by its reason.\n"
        "# TYPE hearthlink_refused_total counter\n"
        'hearthlink_refused_total{reason="bad-crc"} 2\n'
        'hearthlink_refused_total{reason="noise"} 1\n'
    )


def test_a_labels_value_cannot_break_the_format() -> None:
    """Quotes, backslashes and line breaks are escaped."""
    text = render(METRICS, [Measured(LINK_OPEN, True, ('a"b\\c\nd',))]).decode()

    line = text.splitlines()[-1]
    assert line == r'hearthlink_link_open{link="a\"b\\c\nd"} 1'
    assert LINE.match(line)


@pytest.mark.parametrize(
    ("value", "written"),
    [(123_456_789_012_345, "123456789012345"), (0.25, "0.25"), (False, "0"), (1e20, "1e+20")],
)
def test_numbers_keep_their_digits(value: float, written: str) -> None:
    """Bytes written in a card's life are counted to the byte."""
    text = render(METRICS, [Measured(BYTES, value)]).decode()

    assert text.splitlines()[-1] == f"hearthlink_database_bytes {written}"


def test_a_number_must_have_its_labels() -> None:
    """One label too few is a fault of ours, found here and not in Prometheus."""
    with pytest.raises(ValueError, match="zip"):
        render(METRICS, [Measured(LINK_OPEN, 1)])


def test_a_metric_without_a_number_is_absent() -> None:
    """An empty family says nothing; nor does a number of no metric that is listed."""
    assert render(METRICS, []) == b""
    assert render((), [Measured(TELEGRAMS, 1)]) == b""
