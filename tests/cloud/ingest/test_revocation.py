"""A revoked hub: nothing of it is taken, answered or shown, from the next transaction on."""

from pathlib import Path

import pytest

from cloud.households.revocations import readmit, revoke
from cloud.ingest.service import REVOKED
from shared.protocol import Status, encode_message
from tests.support.cloud import payload_of, samples_of
from tests.support.ingest import NOW_MS, THING, Cloud

pytestmark = pytest.mark.usefixtures("either_store")


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.connect()
    cloud.send(payload_of(samples_of(1, 5)))
    with cloud.database.writing() as connection:
        revoke(connection, THING, NOW_MS)
    return cloud


def test_frames_and_hello_are_counted_and_change_nothing(cloud: Cloud) -> None:
    """No receipt, no dead letter, no sample, no word of being online."""
    frames = cloud.send(payload_of(samples_of(6, 5)), b"noise")
    hello = cloud.greet(1, 10)
    cloud.service.note_status(THING, encode_message(Status("b", online=True)))

    assert (frames, hello, cloud.letters()) == ([], [], [])
    assert cloud.coverage() == [(1, 5, 0)]
    assert (cloud.log().last_seq_held, cloud.hub().is_online) == (None, False)
    assert cloud.hub().messages_refused == 4


def test_other_hubs_of_the_batch_go_on(cloud: Cloud) -> None:
    """A revocation costs nobody else anything."""
    frame = payload_of(samples_of(1, 5), log_id=b"2" * 16, meter="M2")

    (receipt,) = cloud.send(frame, thing="hub-2")

    assert receipt.stored == [(1, 5, 0)]


def test_neither_reminders_nor_replay_reach_it(cloud: Cloud) -> None:
    """What was set aside before stays so."""
    with cloud.database.writing() as connection:
        readmit(connection, THING, NOW_MS)
    cloud.send(b"noise")
    with cloud.database.writing() as connection:
        revoke(connection, THING, NOW_MS)

    (replayed,) = cloud.service.replay()

    assert (replayed.code, replayed.receipts) == (REVOKED, [])
    assert cloud.service.tell(THING) == []
    assert len(cloud.letters()) == 1


def test_hub_let_in_again_is_heard(cloud: Cloud) -> None:
    """What it held meanwhile is taken as if it had been away."""
    with cloud.database.writing() as connection:
        was_revoked = readmit(connection, THING, NOW_MS)
        is_again = readmit(connection, THING, NOW_MS)

    (receipt,) = cloud.send(payload_of(samples_of(6, 5)))

    assert (was_revoked, is_again) == (True, False)
    assert receipt.stored == [(1, 10, 0)]
    assert not cloud.service.is_revoked(THING)


def test_hub_never_heard_can_be_revoked(cloud: Cloud) -> None:
    """A certificate that was lost before its first use."""
    with cloud.database.writing() as connection:
        first = revoke(connection, "hub-9", NOW_MS)
        again = revoke(connection, "hub-9", NOW_MS + 1)

    assert first == again
    assert cloud.send(payload_of(samples_of(1, 5)), thing="hub-9") == []
