"""What ends by itself at a broker: its revocation list is renewed early, or told of early.

So are its certificate and the services', which hubs could not connect without.
"""

import logging
from pathlib import Path

import pytest

from cloud.fleet.authority import LEAF_VALIDITY, RENEW_BEFORE
from cloud.fleet.crl import ALARM_BEFORE_DAYS, REFRESH_BEFORE_DAYS, VALIDITY_DAYS, read_list
from cloud.fleet.devices import DeviceService
from shared.clock import DrivenClock
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.device_cloud import DeviceCloud


class Later:
    """A device service so many days after its fleet's list was written; nothing is connected."""

    def __init__(self, directory: Path, days: int) -> None:
        self.cloud = DeviceCloud(directory)
        signing = self.cloud.signing
        self.path = self.cloud.broker.authority.revocations
        written_ms = read_list(self.path).next_update_ms - VALIDITY_DAYS * MS_PER_DAY
        self.clock = DrivenClock(written_ms + days * MS_PER_DAY)
        self.service = DeviceService(signing.config, signing.database, self.clock, {})

    def days_left(self) -> int:
        """Tell for how many days the broker will take the list."""
        return (read_list(self.path).next_update_ms - self.clock.utc_ms()) // MS_PER_DAY


@pytest.mark.parametrize(
    ("days", "left"),
    [
        (VALIDITY_DAYS - REFRESH_BEFORE_DAYS - 1, REFRESH_BEFORE_DAYS + 1),
        (VALIDITY_DAYS - REFRESH_BEFORE_DAYS + 1, VALIDITY_DAYS),
        (VALIDITY_DAYS + 1, VALIDITY_DAYS),
    ],
)
def test_list_is_written_anew_long_before_it_expires(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, left: int
) -> None:
    """A third of its life is over: with nobody revoked, and before anybody has to look."""
    later = Later(tmp_path, days)

    later.service._tick()

    assert later.days_left() == left
    assert "revocation list is" not in caplog.text
    later.cloud.close()


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (VALIDITY_DAYS - ALARM_BEFORE_DAYS - 1, ""),
        (VALIDITY_DAYS - ALARM_BEFORE_DAYS + 1, "the revocation list is due"),
        (VALIDITY_DAYS + 1, "the revocation list is expired"),
    ],
)
def test_list_that_cannot_be_written_is_told_ten_days_before_it_expires(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, told: str
) -> None:
    """As an error and in the counters, beside the reason why it cannot be written."""
    later = Later(tmp_path, days)
    # Whoever writes it needs this name for the draft, and may not have it.
    later.path.with_name(f".{later.path.name}.new").mkdir()

    with caplog.at_level(logging.ERROR):
        later.service._tick()

    assert later.service.counts["failed-revocation-list"] == 1
    assert later.service.counts["failed-expiry"] == bool(told)
    assert told in caplog.text
    assert ("the broker refuses every hub" in caplog.text) == bool(told)
    later.cloud.close()


@pytest.mark.parametrize(("days_before", "is_told"), [(1, False), (-1, True)])
def test_brokers_certificate_is_told_of_months_before_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days_before: int, *, is_told: bool
) -> None:
    """With what to run: nothing renews it by itself, and without it no hub connects."""
    later = Later(tmp_path, (LEAF_VALIDITY - RENEW_BEFORE).days - days_before)

    with caplog.at_level(logging.ERROR):
        later.service._tick()

    assert later.service.counts["failed-certificates"] == is_told
    assert ("server.crt: 89 days left: run 'hearthlink fleet init'" in caplog.text) == is_told
    later.cloud.close()


def test_certificates_are_looked_at_once_an_hour(tmp_path: Path) -> None:
    """A tick comes each second; files that change once in years are not read each time."""
    later = Later(tmp_path, LEAF_VALIDITY.days)

    for _ in range(3):
        later.service._tick()
    later.clock.advance_to(later.clock.utc_ms() + MS_PER_HOUR)
    later.service._tick()

    assert later.service.counts["failed-certificates"] == 2
    later.cloud.close()
