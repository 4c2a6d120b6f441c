"""Frames are kept for thirteen months, then go a little at a time; what was used stays known."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from cloud.ingest import pruning
from cloud.ingest.pruning import Pruned, prune
from cloud.readings.store import CORRECTION_HORIZON_MS, FRAMES_KEPT_MS
from cloud.tables import frames, meters
from shared.frames import Gap, GapKind, encode_frame, frame_of
from shared.units import MS_PER_DAY
from tests.support.cloud import LOG_ID, METER, START_MS, payload_of, samples_of, stored_days
from tests.support.ingest import NOW_MS, Cloud

pytestmark = pytest.mark.usefixtures("either_store")

LATER_MS = NOW_MS + FRAMES_KEPT_MS + 1


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def _prune(cloud: Cloud, now_ms: int) -> Pruned:
    with cloud.database.writing() as connection:
        return prune(connection, now_ms)


def _frames_left(cloud: Cloud) -> int:
    with cloud.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(frames)).scalar_one())


def test_old_frames_go_and_their_meter_days_stay(cloud: Cloud) -> None:
    """What came in the last thirteen months is kept whole; the count of the rest is shown."""
    cloud.send(payload_of(samples_of(1, 30)))
    cloud.clock.advance_to(NOW_MS + MS_PER_DAY)
    cloud.send(payload_of(samples_of(31, 30)))
    before = stored_days(cloud.database)

    early = _prune(cloud, LATER_MS - 2)
    due = _prune(cloud, LATER_MS)

    assert (early.frames, due.frames, _frames_left(cloud)) == (0, 1, 1)
    assert stored_days(cloud.database) == before
    assert cloud.coverage() == [(1, 60, 0)]
    with cloud.database.reading() as connection:
        assert connection.execute(select(meters.c.frames_pruned)).scalar_one() == 1


def test_frames_without_samples_go_by_their_arrival(cloud: Cloud) -> None:
    """A frame that only says what was withheld has no time of its own."""
    withheld = frame_of(LOG_ID, METER, 0, [], gaps=[Gap(GapKind.WITHHELD, 1, 10)])
    cloud.send(encode_frame(withheld))

    assert _prune(cloud, LATER_MS).frames == 1


def test_a_run_is_bounded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest goes in the runs that follow."""
    monkeypatch.setattr(pruning, "MAX_PRUNED", 2)
    cloud.send(*[payload_of(samples_of(first, 5)) for first in range(1, 26, 5)])

    assert [_prune(cloud, LATER_MS).frames for _ in range(4)] == [2, 2, 1, 0]


def test_dead_letters_expire_but_never_what_counts_as_stored(cloud: Cloud) -> None:
    """A later version waits for its reader however long."""
    cloud.send(b"noise", msgspec.msgpack.encode([2, LOG_ID, 0, 1, 9, b"later"]))

    pruned = _prune(cloud, LATER_MS)

    assert pruned.dead_letters == 1
    assert [one["code"] for one in cloud.letters()] == ["later-version"]
    assert cloud.hub().dead_letters_expired == 1


def test_hub_that_offers_again_what_is_pruned_stores_nothing_twice(cloud: Cloud) -> None:
    """After a restore a hub may send two years: what is known is answered and left alone."""
    withheld = frame_of(LOG_ID, METER, 0, [], gaps=[Gap(GapKind.WITHHELD, 31, 40)])
    again = [payload_of(samples_of(1, 30)), encode_frame(withheld)]
    cloud.send(*again)
    before = stored_days(cloud.database)
    cloud.clock.advance_to(LATER_MS)
    _prune(cloud, LATER_MS)

    (receipt,) = cloud.send(*again)

    assert receipt.stored == [(1, 40, 0)]
    assert (_frames_left(cloud), cloud.log().withheld_count, stored_days(cloud.database)) == (
        0,
        10,
        before,
    )


def test_correction_past_the_horizon_is_refused_and_changes_nothing(cloud: Cloud) -> None:
    """The frames that would be needed to make its slots anew are gone: the hub is told so."""
    cloud.send(payload_of(samples_of(1, 30)))
    before = stored_days(cloud.database)
    cloud.clock.advance_to(START_MS + CORRECTION_HORIZON_MS + MS_PER_DAY)

    (receipt,) = cloud.send(payload_of(samples_of(1, 30, value=7), revision=1))

    assert receipt.rejected == [(1, 30, "too-late")]
    assert receipt.stored == [(1, 30, 0)]
    assert stored_days(cloud.database) == before


def test_samples_that_never_came_are_taken_however_old(cloud: Cloud) -> None:
    """A hub that was away for two years is no correction."""
    cloud.clock.advance_to(START_MS + 2 * CORRECTION_HORIZON_MS)

    (receipt,) = cloud.send(payload_of(samples_of(1, 30)))

    assert receipt.stored == [(1, 30, 0)]
    assert len(stored_days(cloud.database)) == 1
