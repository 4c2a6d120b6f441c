"""The device service and the age of the broker's revocation list: renewed early, or told early."""

import logging
from pathlib import Path

import pytest

from cloud.fleet.crl import ALARM_BEFORE_DAYS, REFRESH_BEFORE_DAYS, VALIDITY_DAYS, read_list
from cloud.fleet.devices import DeviceService
from shared.clock import DrivenClock
from shared.units import MS_PER_DAY, MS_PER_SECOND
from tests.support.device_cloud import DeviceCloud


class Later:
    """A device service so many days after its fleet's list was written; nothing is connected."""

    def __init__(self, directory: Path, days: int) -> None:
        self.cloud = DeviceCloud(directory)
        signing = self.cloud.signing
        self.path = self.cloud.broker.authority.revocations
        self.clock = DrivenClock(signing.now_ms + days * MS_PER_DAY)
        self.service = DeviceService(signing.config, signing.database, self.clock, {})

    def days_left(self) -> int:
        """Tell for how many days the broker will take the list; its end is a whole second."""
        left_ms = read_list(self.path).next_update_ms - self.clock.utc_ms()
        return (left_ms + MS_PER_SECOND) // MS_PER_DAY


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
