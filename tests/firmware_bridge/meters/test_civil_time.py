"""Printed civil time to UTC: the zone decides, the flag only in the hour that happens twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.civil_time import CACHED_PREFIXES, CivilTime

LONDON = ZoneInfo("Europe/London")


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour, minute, second = parts
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("261025005959S", (2026, 10, 24, 23, 59, 59)),
        ("261025013000S", (2026, 10, 25, 0, 30, 0)),
        ("261025013000", (2026, 10, 25, 0, 30, 0)),
        ("261025013000W", (2026, 10, 25, 1, 30, 0)),
        ("261025020000W", (2026, 10, 25, 2, 0, 0)),
        ("260329005959W", (2026, 3, 29, 0, 59, 59)),
        ("260329020000S", (2026, 3, 29, 1, 0, 0)),
        ("260701120000W", (2026, 7, 1, 11, 0, 0)),
        ("260101120000S", (2026, 1, 1, 12, 0, 0)),
    ],
)
def test_printed_time_is_read_by_the_zone(printed: str, expected: tuple[int, ...]) -> None:
    """A flag that contradicts the zone is not believed outside the repeated hour."""
    assert CivilTime(LONDON).to_utc_ms(printed) == utc_ms(*expected)


@pytest.mark.parametrize(
    "printed",
    ["", "2610250130", "261025013060W", "261025016000W", "26102501300xW", "261025013000X",
     "260230120000W", "700101000000W", "261025013000WW", "²61025013000W"],
)  # fmt: skip
def test_no_time_is_none(printed: str) -> None:
    """Too short, too long, no date, no digits, or never set."""
    assert CivilTime(LONDON).to_utc_ms(printed) is None


@pytest.mark.parametrize(
    ("zone", "printed", "expected"),
    [
        ("Europe/London", "261231235960W", (2027, 1, 1, 0, 0, 0)),
        ("Europe/London", "260701005960S", (2026, 7, 1, 0, 0, 0)),
        ("Asia/Kolkata", "270101052960", (2027, 1, 1, 0, 0, 0)),
    ],
)
def test_a_leap_second_is_the_instant_of_the_next(
    zone: str, printed: str, expected: tuple[int, ...]
) -> None:
    """It ends a day of UTC, whatever hour that is here; at no other time is there a second 60."""
    assert CivilTime(ZoneInfo(zone)).to_utc_ms(printed) == utc_ms(*expected)


@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Amsterdam", "Australia/Lord_Howe"])
def test_every_ten_minutes_of_a_year_comes_back(zone: str) -> None:
    """Printing an instant with its flag and reading it gives the instant, cache and all."""
    times = CivilTime(ZoneInfo(zone))
    moment = datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC)

    for _ in range(52_560):
        local = moment.astimezone(ZoneInfo(zone))
        printed = local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")
        assert times.to_utc_ms(printed) == int(moment.timestamp()) * 1_000
        moment += timedelta(minutes=10)

    assert len(times._starts_ms) <= CACHED_PREFIXES
