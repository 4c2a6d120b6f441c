"""Counts stay right and bounded, and are told so that a person can use them."""

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.tools.recognition import Recognised
from firmware_bridge.tools.recording import Form, Recording
from firmware_bridge.tools.summary import MAX_SHOWN_UNKNOWN, summary_lines
from firmware_bridge.tools.tally import (
    MAX_EXAMPLES,
    MAX_METERS,
    MAX_TEXTS,
    MAX_UNKNOWN,
    Tally,
    describe,
    rfc3339,
)
from shared.readings import Medium, Quality, Sample


def sample(meter: str = "M1", **unknown: str) -> Sample:
    """Make a sample."""
    return Sample(
        meter, Medium.ELECTRICITY, 1_000, {"import_mwh": 1}, Quality.UNCHECKED, unknown=unknown
    )


def told(tally: Tally, *, score: int = 1, is_certain: bool = True) -> str:
    """Write the summary for people."""
    recognised = Recognised("p1", Recording(Form.RAW, b""), score, is_certain)
    return "\n".join(summary_lines(recognised, "file", 1_000, tally))


def test_everything_is_counted_and_nothing_grows_for_ever() -> None:
    """A garbled line may bring a new serial with every telegram."""
    tally = Tally()

    for number in range(500):
        tally.take(Telegram((sample(f"M{number}", **{f"C{number}": "1"}),), (f"text {number}",)))
        tally.take(Refused("noise", "1 bytes", b"\x80"))

    assert (tally.telegrams, tally.samples, tally.unchecked, tally.refusals) == (500,) * 4
    assert len(tally.meters) == MAX_METERS
    assert len(tally.unknown) == MAX_UNKNOWN
    assert len(tally.texts) == MAX_TEXTS
    assert tally.refused["noise"].count == 500
    assert len(tally.refused["noise"].examples) == MAX_EXAMPLES


def test_summary_names_unknown_codes_texts_and_reasons() -> None:
    """The most frequent reason first, each with what to do."""
    tally = Tally()
    codes = {f"1-0:200.{number}.0": "7" for number in range(20)}
    tally.take(Telegram((sample("M1", **codes),), ("Hello",)))
    tally.take(Refused("bad-crc", "checksum 0000", b"/XYZ"))
    for _ in range(2):
        tally.take(Refused("odd-reason", "seldom seen", b""))

    text = told(tally)

    assert "1-0:200.0.0 = 7" in text
    assert f"and {20 - MAX_SHOWN_UNKNOWN} more" in text
    assert text.count("= 7") == MAX_SHOWN_UNKNOWN
    assert "in our table: 20" in text
    assert "text for the household: Hello" in text
    assert text.index("odd-reason") < text.index("bad-crc: checksum 0000 ('/XYZ')")
    assert "plug the cable in firmly" in text
    assert "hearthlink capture PORT FILE" in text


def test_healthy_meter_is_not_asked_for_a_capture() -> None:
    """What is known and left out on purpose is shown as such, beside what is not known."""
    tally = Tally()
    tally.take(Telegram((sample("M1", **{"1-0:99.97.0": "3 0-0:96.7.19"}),)))

    healthy = told(tally)
    tally.take(Telegram((sample("M1", **{"1-0:200.1.0": "7"}),)))
    strange = told(tally)

    assert "left out on purpose: 1" in healthy
    assert "1-0:99.97.0 = 3" in healthy
    assert "send us" not in healthy
    assert "in our table: 1" in strange
    assert "send us" in strange


def test_guess_is_called_one() -> None:
    """Damaged telegrams only look like a protocol."""
    assert "perhaps P1" in told(Tally(), is_certain=False)
    assert "no protocol known" in told(Tally(), score=0)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "detail"),
        (b"/XYZ\r\n", "detail ('/XYZ\\r\\n')"),
        (b"\x7e\xa0", "detail (7e a0)"),
        (b"\x00" * 17, "detail (" + "00 " * 15 + "00…)"),
    ],
)
def test_refused_bytes_are_shown_as_text_or_hexadecimal(raw: bytes, text: str) -> None:
    """Their head only."""
    assert describe(Refused("noise", "detail", raw)) == text


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (1_790_000_000_250, "2026-09-21T14:13:20.250Z"),
        (10**17, None),
    ],
)
def test_times_are_rfc_3339(time_ms: int | None, text: str | None) -> None:
    """In UTC; a time that no calendar has is none."""
    assert rfc3339(time_ms) == text
