"""Bytes a day and the life of a card, from counters that begin anew with each boot."""

import pytest

from agent.wear import RECENT_MS, SHORTEST_MS, Look, Wear, add_look, bytes_a_day, days_left
from shared.units import MS_PER_DAY, MS_PER_HOUR

MB = 1_000_000


def look(megabytes: int, at_ms: int, *, boot_id: str = "a", identity: str = "card") -> Look:
    return Look("mmcblk0", identity, boot_id, megabytes * MB, at_ms)


def worn(*looks: Look) -> Wear:
    wear = None
    for one in looks:
        wear = add_look(wear, one)
    assert wear is not None
    return wear


def test_the_first_look_counts_the_boot_so_far() -> None:
    """The kernel's counter and its clock began together."""
    wear = worn(look(30, 6 * MS_PER_HOUR))

    assert bytes_a_day(wear) == 120 * MB
    assert wear.written_bytes == 30 * MB


def test_looks_of_one_boot_are_not_counted_twice() -> None:
    """Each adds what came since the one before, however often it is looked."""
    wear = worn(*(look(hour, hour * MS_PER_HOUR) for hour in range(1, 25)))

    assert (wear.written_bytes, bytes_a_day(wear)) == (24 * MB, 24 * MB)


def test_a_restart_of_the_machine_adds_its_new_count() -> None:
    """The counter begins with the boot; what came before is kept."""
    wear = worn(
        look(24, MS_PER_DAY), look(2, 2 * MS_PER_HOUR, boot_id="b"), look(26, 26 * MS_PER_HOUR)
    )

    assert wear.written_bytes == (24 + 2 + 26) * MB
    assert bytes_a_day(wear) == 24 * MB


def test_a_restart_of_the_hub_counts_what_came_meanwhile() -> None:
    """Same boot, hours later: other programs wrote on."""
    wear = worn(look(10, 10 * MS_PER_HOUR), look(40, 40 * MS_PER_HOUR))

    assert wear.written_bytes == 40 * MB


def test_another_card_begins_anew() -> None:
    """A changed card has not been written to by the old one's hub."""
    wear = worn(look(5_000, MS_PER_DAY), look(1, 2 * MS_PER_HOUR, identity="new", boot_id="b"))

    assert wear.written_bytes == MB


def test_the_rate_follows_the_last_weeks() -> None:
    """A gigabyte on the day of installation is not what a year is reckoned from."""
    looks = [look(10_000, MS_PER_DAY)]
    looks += [look(10_000 + 20 * day, day * MS_PER_DAY) for day in range(2, 400)]

    rate = bytes_a_day(worn(*looks))

    assert rate is not None
    assert 20 * MB <= rate < 21 * MB
    assert worn(*looks).recent_ms <= RECENT_MS


def test_too_short_a_look_says_nothing() -> None:
    """Switching on writes more than a day of work."""
    wear = worn(look(500, SHORTEST_MS - 1))

    assert bytes_a_day(wear) is None
    assert days_left(wear, 5) is None


def test_the_life_left_is_what_the_card_takes_still() -> None:
    """What was seen written is off; a card that has had it all has nothing left."""
    wear = worn(look(1_000, MS_PER_DAY))

    assert days_left(wear, 5) == pytest.approx((5_000_000 - 1_000) / 1_000)
    assert days_left(wear, 0.0005) == 0.0


def test_a_disk_that_is_never_written_to_lasts() -> None:
    """There is no end to be foretold."""
    assert days_left(worn(look(0, MS_PER_DAY)), 5) is None
