"""Ingest as a service: poison, ownership, receipts and their pacing, hello and status."""

import random
import zlib
from pathlib import Path

import msgspec
import pytest

from cloud.households.repository import list_hubs
from cloud.ingest import letters, merger, repository
from shared import frames
from shared.errors import BadInputError, FrameError
from shared.frames import MAX_FRAME_BYTES, Gap, GapKind, encode_frame, frame_of
from shared.protocol import Hello, LogState, Status, encode_message
from shared.readings import StampedSample
from shared.units import MS_PER_DAY
from tests.support.cloud import (
    LOG_ID,
    METER,
    START_MS,
    payload_of,
    samples_of,
)
from tests.support.ingest import HOME, NOW_MS, Cloud

pytestmark = pytest.mark.usefixtures("either_store")


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def test_frame_is_stored_and_answered(cloud: Cloud) -> None:
    """The receipt lists what is stored, with the store's name, the window and the cloud's time."""
    (receipt,) = cloud.send(payload_of(samples_of(1, 30)))

    assert receipt.store_id == cloud.service.store_id
    assert receipt.log_id == LOG_ID.hex()
    assert receipt.stored == [(1, 30, 0)]
    assert (receipt.window_frames, receipt.cloud_time_ms) == (16, NOW_MS)


def test_receipt_revision_rises(cloud: Cloud) -> None:
    """Every receipt of a hub has a higher revision than the one before."""
    receipts = [cloud.send(payload_of(samples_of(first, 5)))[0] for first in (1, 6, 11)]

    revisions = [receipt.revision for receipt in receipts]
    assert revisions == sorted(set(revisions))


def test_duplicate_is_answered_and_not_stored_again(cloud: Cloud) -> None:
    """The same frame again, whole or cut otherwise, is stored and said so."""
    cloud.send(payload_of(samples_of(1, 30)))

    again = cloud.send(payload_of(samples_of(1, 30)), payload_of(samples_of(11, 10)))

    assert again[0].stored == [(1, 30, 0)]
    assert again[0].rejected == []


def test_conflict_is_rejected_with_its_code_and_counted(cloud: Cloud) -> None:
    """Another content at the same place and revision is set aside and raises the hub's counter."""
    cloud.send(payload_of(samples_of(1, 5)))

    (receipt,) = cloud.send(payload_of(samples_of(3, 5, value=9)))

    assert receipt.rejected == [(3, 7, "conflict")]
    assert receipt.stored == [(1, 5, 0)]
    assert cloud.letters()[0]["code"] == "conflict"
    with cloud.database.reading() as connection:
        assert list_hubs(connection, HOME)[0].conflicts == 1


def test_log_of_one_meter_takes_no_frame_of_another(cloud: Cloud) -> None:
    """A log belongs to one meter for ever."""
    cloud.send(payload_of(samples_of(1, 5)))

    (receipt,) = cloud.send(payload_of(samples_of(6, 5), meter="M2"))

    assert receipt.rejected == [(6, 10, "conflict")]


def test_log_of_another_hub_is_wrong_hub(cloud: Cloud) -> None:
    """A hub cannot write into another's log, nor learn what is stored of it."""
    cloud.send(payload_of(samples_of(1, 5)))

    (receipt,) = cloud.send(payload_of(samples_of(6, 5)), thing="hub-2")

    assert receipt.rejected == [(6, 10, "wrong-hub")]
    assert receipt.stored == []
    assert cloud.coverage() == [(1, 5, 0)]


def _envelope(version: int, body: bytes) -> bytes:
    return msgspec.msgpack.encode([version, LOG_ID, 0, 1, 9, body])


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (_envelope(1, b"nothing deflated"), "not-a-frame"),
        (_envelope(1, zlib.compress(b"\x00" * (1 << 21))), "inflates-too-large"),
        (payload_of(samples_of(1, 9, start_ms=NOW_MS + 2 * MS_PER_DAY)), "bad-time"),
        (payload_of(samples_of(1, 9, value=-(10**6))), "bad-value"),
    ],
)
def test_poison_is_rejected_with_its_range(cloud: Cloud, payload: bytes, code: str) -> None:
    """A frame whose envelope can be read is rejected by range and code, and set aside."""
    (receipt,) = cloud.send(payload)

    assert receipt.rejected == [(1, 9, code)]
    assert receipt.stored == []
    assert [letter["code"] for letter in cloud.letters()] == [code]


@pytest.mark.parametrize("payload", [b"", b"noise", b"\x00" * (MAX_FRAME_BYTES + 1)])
def test_bytes_without_an_envelope_are_set_aside(cloud: Cloud, payload: bytes) -> None:
    """What is no frame at all gets no receipt, is kept within bounds, and good frames go on."""
    (receipt,) = cloud.send(payload, payload_of(samples_of(1, 5)))

    assert receipt.stored == [(1, 5, 0)]
    (letter,) = cloud.letters()
    assert int(str(letter["size_bytes"])) <= MAX_FRAME_BYTES


def test_part_that_we_compress_less_than_its_sender_is_stored_in_pieces(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is new of a frame may be too large for one of ours: no sample is lost or doubled."""
    rng = random.Random(1)
    registers = [f"r{n}" for n in range(30)]
    samples = [
        StampedSample(seq, START_MS + seq, {name: rng.choice([3, 5, 70_000]) for name in registers})
        for seq in range(1, 3_001)
    ]
    whole = payload_of(samples)
    monkeypatch.setattr(frames, "COMPRESSION_LEVEL", 0)
    with pytest.raises(FrameError):
        payload_of(samples[1:])
    cloud.send(payload_of(samples[:1]))

    (receipt,) = cloud.send(whole)

    assert (receipt.stored, receipt.rejected) == ([(1, 3_000, 0)], [])
    assert cloud.stored() == {one.seq: one.taken_at_ms for one in samples}


def test_part_that_cannot_be_encoded_is_rejected_and_costs_nothing_else(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One frame's fault is its own: neither a half of it stays nor does the batch fail."""

    def encode(part: frames.Frame) -> bytes:
        if part.first_seq > 5:
            raise FrameError("bad-value", "register \0: refused")
        return encode_frame(part)

    cloud.send(payload_of(samples_of(5, 1)))
    monkeypatch.setattr(merger, "encode_frame", encode)

    (receipt,) = cloud.send(payload_of(samples_of(1, 9)), payload_of(samples_of(11, 5)))

    assert receipt.rejected == [(1, 9, "bad-value")]
    assert receipt.stored == [(5, 5, 0), (11, 15, 0)]
    assert list(cloud.stored()) == [5, *range(11, 16)]
    assert "\0" not in str(cloud.letters()[0]["detail"])


def test_later_version_is_kept_and_counts_as_stored(cloud: Cloud) -> None:
    """Authenticated bytes of a version to come are kept whole for replay."""
    (receipt,) = cloud.send(_envelope(2, b"from the future"))

    assert receipt.stored == [(1, 9, 0)]
    assert receipt.rejected == []
    assert cloud.letters()[0]["code"] == "later-version"


def test_dead_letters_are_bounded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound letters are counted and refused, and a later version is then not claimed."""
    monkeypatch.setattr(letters, "MAX_DEAD_LETTERS_PER_HUB", 2)

    cloud.send(b"one", b"two", b"two", b"three")
    (receipt,) = cloud.send(_envelope(2, b"from the future"))

    assert sorted(int(str(letter["seen_count"])) for letter in cloud.letters()) == [1, 2]
    assert receipt.stored == []
    assert receipt.rejected == [(1, 9, "later-version")]
    with cloud.database.reading() as connection:
        assert list_hubs(connection, HOME)[0].dead_letters_refused == 2


def test_logs_of_a_hub_are_bounded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that opens logs without end is told so."""
    monkeypatch.setattr(repository, "MAX_LOGS_PER_HUB", 1)
    cloud.send(payload_of(samples_of(1, 5)))

    (receipt,) = cloud.send(payload_of(samples_of(1, 5), log_id=b"x" * 16))

    assert receipt.rejected == [(1, 5, "too-many-logs")]


def test_steady_receipts_keep_their_interval(tmp_path: Path) -> None:
    """Between two steady-state receipts of a log lies at least the interval."""
    cloud = Cloud(tmp_path, receipt_interval_s=3600)

    first = cloud.send(payload_of(samples_of(1, 5)))
    second = cloud.send(payload_of(samples_of(6, 5)))
    cloud.clock.advance_to(NOW_MS + 3_600_000)
    third = cloud.send(payload_of(samples_of(11, 5, start_ms=NOW_MS + 3_590_000)))

    assert [len(first), len(second), len(third)] == [1, 0, 1]
    assert third[0].stored == [(1, 15, 0)]


def test_backlog_gap_and_rejection_are_answered_at_once(tmp_path: Path) -> None:
    """Whatever the interval, a hub that catches up, left a hole or sent poison hears of it."""
    cloud = Cloud(tmp_path, receipt_interval_s=3600)
    cloud.send(payload_of(samples_of(1, 5)))

    backlog = cloud.send(payload_of(samples_of(6, 5, start_ms=START_MS - MS_PER_DAY)))
    gap = cloud.send(payload_of(samples_of(21, 5)))
    poison = cloud.send(_envelope(1, b"noise"))

    assert [len(backlog), len(gap), len(poison)] == [1, 1, 1]
    assert gap[0].stored == [(1, 10, 0), (21, 25, 0)]


def test_frame_without_samples_is_steady(tmp_path: Path) -> None:
    """All withheld is no backlog, on either side: the interval holds for its receipt."""
    cloud = Cloud(tmp_path, receipt_interval_s=3600)
    cloud.send(payload_of(samples_of(1, 5)))
    withheld = frame_of(LOG_ID, METER, 0, [], gaps=[Gap(GapKind.WITHHELD, 6, 10)])

    answers = cloud.send(encode_frame(withheld))

    assert answers == []
    assert cloud.coverage() == [(1, 10, 0)]


def test_receipt_lists_what_is_stored_of_a_span_in_conflict(cloud: Cloud) -> None:
    """Past 64 ranges too: the hub must learn what of it need not be sent again."""
    cloud.send(*[payload_of(samples_of(seq, 1)) for seq in range(1, 161, 2)])

    (receipt,) = cloud.send(payload_of(samples_of(157, 3, value=9)))

    assert receipt.rejected == [(157, 159, "conflict")]
    assert receipt.stored[-2:] == [(157, 157, 0), (159, 159, 0)]
    assert len(receipt.stored) == 64


def test_receipt_lists_this_batch_where_there_is_too_much_to_list(cloud: Cloud) -> None:
    """Of more than 64 ranges a receipt lists those just stored, and the oldest of the others."""
    cloud.send(*[payload_of(samples_of(seq, 1)) for seq in range(1, 161, 2)])

    (receipt,) = cloud.send(payload_of(samples_of(301, 1)))

    assert len(receipt.stored) == 64
    assert receipt.stored[-1] == (301, 301, 0)
    assert receipt.stored[0] == (1, 1, 0)


def test_hello_is_answered_for_every_log(cloud: Cloud) -> None:
    """Each log listed gets a receipt with what is stored of it."""
    cloud.send(payload_of(samples_of(1, 5)))
    states = [LogState(LOG_ID.hex(), METER, 1, 9), LogState("ab" * 16, "M2", 1, 0)]

    answers = cloud.service.greet("hub-1", encode_message(Hello("0.1.0", 1, states, "hi-1")))

    assert [(a.receipt.log_id, a.receipt.stored) for a in answers] == [
        (LOG_ID.hex(), [(1, 5, 0)]),
        ("ab" * 16, []),
    ]
    assert {a.receipt.answers for a in answers} == {"hi-1"}


def test_hello_without_logs_is_told_the_time(cloud: Cloud) -> None:
    """A new hub learns the time and its window from a receipt without a log."""
    (answer,) = cloud.service.greet("hub-1", encode_message(Hello("0.1.0", 1, [])))

    assert (answer.receipt.log_id, answer.receipt.cloud_time_ms) == ("", NOW_MS)


def test_hello_of_another_hubs_log_is_rejected(cloud: Cloud) -> None:
    """Listing another's log gives nothing away."""
    cloud.send(payload_of(samples_of(1, 5)))
    hello = Hello("0.1.0", 1, [LogState(LOG_ID.hex(), METER, 1, 9)])

    (answer,) = cloud.service.greet("hub-2", encode_message(hello))

    assert (answer.receipt.stored, answer.receipt.rejected) == ([], [(1, 9, "wrong-hub")])


@pytest.mark.parametrize(
    "state",
    [
        LogState("short", METER, 1, 2),
        LogState("Z" * 32, METER, 1, 2),
        LogState("ab" * 16, "m" * 65, 1, 2),
        LogState("ab" * 16, "m\0", 1, 2),
        LogState("ab" * 16, METER, 9, 2),
        LogState("ab" * 16, METER, 1, 2**60),
    ],
)
def test_hello_out_of_bounds_is_no_hello(cloud: Cloud, state: LogState) -> None:
    """A hello that breaks a limit changes nothing."""
    with pytest.raises(BadInputError):
        cloud.service.greet("hub-1", encode_message(Hello("0.1.0", 1, [state])))


def test_hello_with_a_nul_in_its_version_is_no_hello(cloud: Cloud) -> None:
    """PostgreSQL keeps no such text; a hub that sends it is told nothing and changes nothing."""
    with pytest.raises(BadInputError, match="NUL"):
        cloud.service.greet("hub-1", encode_message(Hello("0.1\0", 1, [])))


def test_status_with_a_nul_is_refused(cloud: Cloud) -> None:
    """A connection id is kept as text too."""
    with pytest.raises(BadInputError, match="NUL"):
        cloud.service.note_status("hub-1", encode_message(Status("a\0", online=True)))


def test_late_offline_of_another_connection_is_ignored(cloud: Cloud) -> None:
    """Only the connection that said it is online may say that it is not."""
    seen = []

    for connection_id, online in (("a", True), ("b", True), ("a", False), ("b", False)):
        status = encode_message(Status(connection_id, online=online))
        cloud.service.note_status("hub-1", status)
        with cloud.database.reading() as connection:
            seen.append(list_hubs(connection, HOME)[0].is_online)

    assert seen == [True, True, True, False]


def test_status_with_a_long_connection_id_is_refused(cloud: Cloud) -> None:
    """A connection id beyond its limit is bad input."""
    with pytest.raises(BadInputError, match="65 characters"):
        cloud.service.note_status("hub-1", encode_message(Status("x" * 65, online=True)))
