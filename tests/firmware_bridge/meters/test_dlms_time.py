"""COSEM date-times: deviations of either sign, none at all, both clock changes, unset clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.dlms_time import BAD_TIME, NO_TIME, CosemTime, encode_date_time

OSLO = ZoneInfo("Europe/Oslo")
LONDON = ZoneInfo("Europe/London")
NO_DEVIATION = -0x8000


def raw_time(
    civil: tuple[int, int, int, int, int, int], deviation: int = NO_DEVIATION, status: int = 0
) -> bytes:
    """Encode civil time with a deviation and a clock status."""
    year, month, day, hour, minute, second = civil
    head = year.to_bytes(2, "big") + bytes((month, day, 0xFF, hour, minute, second, 0xFF))
    return head + deviation.to_bytes(2, "big", signed=True) + bytes((status,))


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour, minute = parts
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize("deviation", [-60, 60, NO_DEVIATION])
def test_winter_time_is_the_same_with_either_sign_or_none(deviation: int) -> None:
    """The standard says UTC less local, some makers local less UTC; the zone tells."""
    printed = CosemTime(OSLO).read(raw_time((2026, 1, 15, 12, 30, 0), deviation))

    assert printed.utc_ms == utc_ms(2026, 1, 15, 11, 30)


@pytest.mark.parametrize("deviation", [-120, 120, NO_DEVIATION])
def test_summer_time_is_the_same_with_either_sign_or_none(deviation: int) -> None:
    """The same in summer."""
    printed = CosemTime(OSLO).read(raw_time((2026, 7, 15, 12, 30, 0), deviation, 0x80))

    assert printed.utc_ms == utc_ms(2026, 7, 15, 10, 30)


@pytest.mark.parametrize("deviation", [-60, 60])
def test_meter_that_keeps_winter_time_all_year_is_believed(deviation: int) -> None:
    """Its deviation differs from the zone's rules in summer; the nearer sign is meant."""
    printed = CosemTime(OSLO).read(raw_time((2026, 7, 15, 12, 30, 0), deviation))

    assert printed.utc_ms == utc_ms(2026, 7, 15, 11, 30)


def test_deviation_of_nothing_is_utc() -> None:
    """A meter that keeps UTC says so."""
    printed = CosemTime(OSLO).read(raw_time((2026, 7, 15, 12, 30, 0), 0))

    assert printed.utc_ms == utc_ms(2026, 7, 15, 12, 30)


@pytest.mark.parametrize(
    ("deviation", "status", "hour"),
    [
        (-120, 0x80, 0),
        (-60, 0, 1),
        (120, 0x80, 0),
        (60, 0, 1),
        (NO_DEVIATION, 0x80, 0),
        (NO_DEVIATION, 0x00, 1),
        (NO_DEVIATION, 0xFF, 0),
    ],
)
def test_repeated_hour_is_told_by_deviation_or_summer_bit(
    deviation: int, status: int, hour: int
) -> None:
    """02:30 comes twice; without any word the first is taken."""
    printed = CosemTime(OSLO).read(raw_time((2026, 10, 25, 2, 30, 0), deviation, status))

    assert printed.utc_ms == utc_ms(2026, 10, 25, hour, 30)


@pytest.mark.parametrize(
    "raw",
    [
        raw_time((0xFFFF, 1, 1, 0, 0, 0)),
        raw_time((2026, 0xFF, 1, 0, 0, 0)),
        raw_time((2026, 1, 0xFF, 0, 0, 0)),
        raw_time((2026, 1, 1, 0xFF, 0, 0)),
    ],
)
def test_unspecified_time_is_no_time(raw: bytes) -> None:
    """And no fault."""
    assert CosemTime(OSLO).read(raw) == NO_TIME


@pytest.mark.parametrize(
    "civil",
    [
        (2026, 13, 1, 0, 0, 0),
        (2026, 2, 30, 0, 0, 0),
        (2026, 1, 1, 24, 0, 0),
        (0, 1, 1, 0, 0, 0),
        (2026, 1, 1, 11, 59, 60),
    ],
)
def test_impossible_time_is_bad(civil: tuple[int, int, int, int, int, int]) -> None:
    """A date that is in no calendar."""
    assert CosemTime(OSLO).read(raw_time(civil)) == BAD_TIME


def test_a_leap_second_is_the_instant_of_the_next() -> None:
    """It ends a day of UTC, which is an hour past midnight in Oslo in winter."""
    last, after = (raw_time((2027, 1, 1, *rest)) for rest in ((0, 59, 60), (1, 0, 0)))

    assert CosemTime(OSLO).read(last) == CosemTime(OSLO).read(after)


def test_hundredths_and_unspecified_seconds_are_read() -> None:
    """0xFF is not specified: nothing is added for it."""
    whole = raw_time((2026, 1, 15, 12, 30, 0))

    assert CosemTime(OSLO).read(whole[:8] + b"\x19" + whole[9:]).utc_ms == (
        utc_ms(2026, 1, 15, 11, 30) + 250
    )
    assert CosemTime(OSLO).read(whole[:7] + b"\xff" + whole[8:]).utc_ms == (
        utc_ms(2026, 1, 15, 11, 30)
    )


@given(st.integers(946_684_800, 4_102_444_799), st.sampled_from([OSLO, LONDON, ZoneInfo("UTC")]))
def test_encoded_instant_comes_back(second: int, zone: ZoneInfo) -> None:
    """Through every clock change, and through the cache."""
    times = CosemTime(zone)

    raw = encode_date_time(second * 1_000, zone)

    assert times.read(raw).utc_ms == second * 1_000
    assert times.read(raw).utc_ms == second * 1_000


@given(st.binary(min_size=12, max_size=12))
def test_any_twelve_bytes_are_a_time_or_none(raw: bytes) -> None:
    """Nothing is raised, and the cache stays bounded."""
    times = CosemTime(OSLO)

    for day in range(1, 200):
        times.read(raw[:3] + bytes((day % 28 + 1,)) + raw[4:])

    assert len(times._offsets_ms) <= 64
