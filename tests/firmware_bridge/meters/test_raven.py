"""Framing of a RAVEn's stream: NULs, fragments, truncation, noise."""

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.raven import RavenCodec
from firmware_bridge.simulator.raven_meter import emissions
from tests.support.codecs import reasons_of, telegrams_of

START_MS = 1_790_000_000_000
STANZAS = [one.telegram for one in emissions(3, START_MS, START_MS + 200_000)]
DEMAND, SUMMATION = STANZAS[0], next(s for s in STANZAS if b"<CurrentSummation" in s)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = RavenCodec()
    return codec.feed(content) + codec.feed(b"")


def test_nul_bytes_are_passed_over_everywhere() -> None:
    """A stick sends them at its start and now and then within a stanza."""
    found = decode(b"\0\0\0" + DEMAND[:60] + b"\0" + DEMAND[60:120] + b"\0\0" + DEMAND[120:])

    assert found == decode(DEMAND)


def test_stream_that_begins_within_a_stanza_costs_that_one_alone() -> None:
    """Its fields are not taken for stanzas of their own."""
    found = decode(DEMAND[70:] + SUMMATION)

    assert reasons_of(found) == ["noise"]
    assert telegrams_of(found) == telegrams_of(decode(SUMMATION))


@pytest.mark.parametrize("cut", [21, 30, 90, 130, 200, 300])
def test_stanza_cut_short_by_the_next_costs_only_itself(cut: int) -> None:
    """Wherever it is cut, in a tag or in a value."""
    found = decode(DEMAND[:cut] + SUMMATION)

    assert reasons_of(found) == ["truncated"]
    assert telegrams_of(found) == telegrams_of(decode(SUMMATION))


def test_stanza_that_lost_its_middle_is_refused() -> None:
    """Two halves that do not fit are no reading, and the next is whole."""
    found = decode(DEMAND[:130] + DEMAND[180:] + SUMMATION)

    assert reasons_of(found) == ["bad-value"]
    assert telegrams_of(found) == telegrams_of(decode(SUMMATION))


@pytest.mark.parametrize("line", [b"Multiplier", b"Divisor", b"Demand", b"MeterMacId"])
def test_reading_that_lost_a_line_is_refused(line: bytes) -> None:
    """Without its divisor a reading would be a thousand times too large."""
    lines = [one for one in DEMAND.splitlines(keepends=True) if b"<" + line + b">" not in one]

    found = decode(SUMMATION + b"".join(lines))

    assert reasons_of(found) == ["truncated"]
    assert telegrams_of(found) == telegrams_of(decode(SUMMATION))


def test_stanza_longer_than_the_cap_is_refused() -> None:
    """The next stanza is found after it."""
    found = decode(b"<MessageCluster><Text>" + b"x" * 9_000 + b"\r\n" + DEMAND)

    assert reasons_of(found) == ["too-long", "noise"]
    assert telegrams_of(found) == telegrams_of(decode(DEMAND))
