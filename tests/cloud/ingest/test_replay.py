"""Dead letters read in again: after an upgrade, one by one, or never."""

from pathlib import Path

import msgspec
import pytest

from cloud.ingest import letters
from cloud.ingest.upkeep import Upkeep
from shared import frames
from shared.frames import Envelope, read_envelope
from shared.units import MS_PER_DAY
from tests.support.cloud import LOG_ID, payload_of, samples_of
from tests.support.ingest import HOME, NOW_MS, THING, Cloud


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def _later(payload: bytes, version: int = 2) -> bytes:
    """Write a frame as a later version would that kept the body as it is."""
    envelope = msgspec.structs.replace(read_envelope(payload), version=version)
    return msgspec.msgpack.encode(envelope)


def _learn(monkeypatch: pytest.MonkeyPatch, version: int = 2) -> None:
    monkeypatch.setitem(frames.DECODERS, version, frames.DECODERS[1])


def _unread(cloud: Cloud) -> dict[str, int]:
    with cloud.database.reading() as connection:
        return letters.count_unread(connection, HOME)


def test_later_version_is_read_in_once_it_is_known(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored unread at first; after the upgrade its samples are there once, the letter gone."""
    (receipt,) = cloud.send(_later(payload_of(samples_of(1, 9))))
    before = (_unread(cloud), cloud.stored())

    _learn(monkeypatch)
    (replayed,) = cloud.service.replay_known()

    assert receipt.stored == [(1, 9, 0)]
    assert before == ({LOG_ID.hex(): 9}, {})
    assert (replayed.code, replayed.receipts[0].receipt.stored) == ("", [(1, 9, 0)])
    assert list(cloud.stored()) == list(range(1, 10))
    assert (cloud.letters(), _unread(cloud)) == ([], {})


def test_version_still_unknown_stays_as_it_is(cloud: Cloud) -> None:
    """Trying again changes nothing, and the range still counts as stored."""
    cloud.send(_later(payload_of(samples_of(1, 9))))

    known = cloud.service.replay_known()
    (replayed,) = cloud.service.replay()

    assert (known, replayed.code) == ([], "later-version")
    assert cloud.coverage() == [(1, 9, 0)]
    assert len(cloud.letters()) == 1


def test_part_that_came_again_in_a_known_version_is_not_doubled(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub may have gone back to an older version and sent some of it anew."""
    cloud.send(_later(payload_of(samples_of(1, 9))))
    cloud.send(payload_of(samples_of(4, 9)))

    _learn(monkeypatch)
    cloud.service.replay()

    assert sorted(cloud.stored()) == list(range(1, 13))
    assert cloud.letters() == []


def test_later_version_that_proves_unreadable_is_asked_for_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to be stored: that is taken back, and this hub offers again all that it holds."""
    (before,) = cloud.send(_later(payload_of(samples_of(1, 9, value=-(10**6)))))
    cloud.send(payload_of(samples_of(10, 3)))

    _learn(monkeypatch)
    (replayed,) = cloud.service.replay()

    (told,) = replayed.receipts
    assert replayed.code == "bad-value"
    assert told.receipt.store_id != before.store_id
    assert told.receipt.stored == [(10, 12, 0)]
    assert cloud.log().missing == [(1, 9, NOW_MS)]
    assert cloud.hub().store_renewals == 1


def test_letter_whose_cause_has_passed_is_read_in(cloud: Cloud) -> None:
    """A sample that was a broken clock's a week ago is none today."""
    ahead = payload_of(samples_of(1, 5, start_ms=NOW_MS + 2 * MS_PER_DAY))
    cloud.send(ahead)
    (still,) = cloud.service.replay()

    cloud.clock.advance_to(NOW_MS + 3 * MS_PER_DAY)
    (replayed,) = cloud.service.replay()

    assert (still.code, replayed.code) == ("bad-time", "")
    assert cloud.coverage() == [(1, 5, 0)]


def test_noise_stays_noise(cloud: Cloud) -> None:
    """What has no envelope is kept with its reason, and found by its id."""
    cloud.send(b"noise", b"more")
    ids = [int(str(one["dead_letter_id"])) for one in cloud.letters()]

    one = cloud.service.replay([ids[0]])
    after = cloud.service.replay(after=min(ids))
    none = cloud.service.replay([99])

    assert [(r.dead_letter_id, r.code) for r in one] == [(ids[0], "not-a-frame")]
    assert [r.dead_letter_id for r in after] == [max(ids)]
    assert none == []


def test_conflict_stays_a_conflict_and_counts_once(cloud: Cloud) -> None:
    """Trying again is not another alarm."""
    cloud.send(payload_of(samples_of(1, 5)))
    cloud.send(payload_of(samples_of(1, 5, value=7)))

    (replayed,) = cloud.service.replay()

    assert replayed.code == "conflict"
    assert cloud.hub().conflicts == 1


def test_worker_reads_in_what_it_knows_when_it_starts(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade is a restart: nobody needs to remember to replay."""
    cloud.send(_later(payload_of(samples_of(1, 9))))
    _learn(monkeypatch)
    upkeep = Upkeep(cloud.service, cloud.database, cloud.clock)

    receipts = upkeep.run()
    second = upkeep.run()

    assert [(one.thing, one.receipt.stored) for one in receipts] == [(THING, [(1, 9, 0)])]
    assert second == []
    assert upkeep.counts["dead-letters-read"] == 1


def test_known_versions_are_those_with_a_decoder() -> None:
    """This program reads what it writes."""
    assert frames.FRAME_VERSION in frames.DECODERS
    assert isinstance(read_envelope(payload_of(samples_of(1, 1))), Envelope)
