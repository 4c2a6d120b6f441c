"""The text of /metrics: Prometheus's format and conventions."""

import re

import pytest

from agent import metrics
from agent.metrics import METRICS, Kind, Measured, Metric, render

LINE = re.compile(
    r'^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? '
    r"-?[0-9.e+-]+$"
)


def test_a_metric_is_written_with_its_meaning_and_kind() -> None:
    """HELP and TYPE come once, before all of its numbers; the text ends with a line's end."""
    text = render(
        [
            Measured(metrics.REFUSED, 2, ("bad-crc",)),
            Measured(metrics.TELEGRAMS, 10),
            Measured(metrics.REFUSED, 1, ("noise",)),
        ]
    ).decode()

    assert text == (
        "# HELP hearthlink_telegrams_total Telegrams decoded.\n"
        "# TYPE hearthlink_telegrams_total counter\n"
        "hearthlink_telegrams_total 10\n"
        "# HELP hearthlink_refused_total Input set aside, by its reason in doctor.md.\n"
        "# TYPE hearthlink_refused_total counter\n"
        'hearthlink_refused_total{reason="bad-crc"} 2\n'
        'hearthlink_refused_total{reason="noise"} 1\n'
    )


def test_a_links_address_cannot_break_the_format() -> None:
    """Quotes, backslashes and line breaks are escaped."""
    text = render([Measured(metrics.LINK_OPEN, True, ('a"b\\c\nd',))]).decode()

    line = text.splitlines()[-1]
    assert line == r'hearthlink_link_open{link="a\"b\\c\nd"} 1'
    assert LINE.match(line)


@pytest.mark.parametrize(
    ("value", "written"),
    [(123_456_789_012_345, "123456789012345"), (0.25, "0.25"), (False, "0"), (1e20, "1e+20")],
)
def test_numbers_keep_their_digits(value: float, written: str) -> None:
    """Bytes written in a card's life are counted to the byte."""
    text = render([Measured(metrics.DATABASE, value)]).decode()

    assert text.splitlines()[-1] == f"hearthlink_database_bytes {written}"


def test_a_number_must_have_its_labels() -> None:
    """One label too few is a fault of ours, found here and not in Prometheus."""
    with pytest.raises(ValueError, match="zip"):
        render([Measured(metrics.LINK_OPEN, 1)])


def test_a_metric_without_a_number_is_absent() -> None:
    """An empty family says nothing."""
    assert render([]) == b""


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    """One prefix; counters end in _total, nothing else does; base units; a sentence of help."""
    assert re.fullmatch(r"hearthlink_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not re.search(r"_(ms|kb|mb|minutes|hours|days)(_|$)", metric.name)
    assert metric.help.endswith(".")
    assert "\n" not in metric.help


def test_no_name_is_given_twice() -> None:
    """Prometheus would drop the whole answer."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_every_metric_that_is_defined_is_listed() -> None:
    """What is not in METRICS would never be written."""
    defined = {value for value in vars(metrics).values() if isinstance(value, Metric)}

    assert defined == set(METRICS)
