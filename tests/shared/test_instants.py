"""Times as the API writes and reads them."""

from zoneinfo import ZoneInfo

import pytest

from shared.errors import BadInputError
from shared.instants import format_utc, parse_instant
from tests.support.cloud import START_MS

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-03-01", START_MS),
        ("2026-03-01T00:00:00Z", START_MS),
        ("2026-03-01T01:00:00+01:00", START_MS),
        ("2026-03-01T01:00:00 01:00", START_MS),
        ("2026-03-01T00:00:00.250Z", START_MS + 250),
        ("2026-07-01", 1_782_860_400_000),
    ],
)
def test_instants_are_read(text: str, at_ms: int) -> None:
    """A date is its local midnight; an offset is honoured, a '+' lost to the URL too."""
    assert parse_instant(text, "from", LONDON) == at_ms


@pytest.mark.parametrize("text", ["", "now", "2026-02-30", "2026-03-01T00:00", "0001-01-01"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    """The parameter is named, and how to write it."""
    with pytest.raises(BadInputError, match="from = ") as caught:
        parse_instant(text, "from", LONDON)

    assert "2026-03-01T00:00:00Z" in caught.value.hint


def test_milliseconds_are_written_only_where_there_are_any() -> None:
    """Whole seconds stay short."""
    assert format_utc(START_MS) == "2026-03-01T00:00:00Z"
    assert format_utc(START_MS + 7) == "2026-03-01T00:00:00.007Z"
