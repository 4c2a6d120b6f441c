"""What the simulated panel answers to update requests, good ones and others."""

import hashlib
import random

import cbor2
import pytest
from smp import packet
from smp.error import MGMT_ERR
from smp.header import Header
from smp.image_management import IMG_MGMT_ERR

from firmware_bridge.simulator.smp_flash import Flash
from firmware_bridge.simulator.smp_server import BUFFER_BYTES, SmpServer
from tests.support.firmware import FirmwareMaker

MAKER = FirmwareMaker()
OLD, NEW = MAKER.make((1, 0, 0, 0)), MAKER.make((1, 1, 0, 2), payload_bytes=3_000)
SHA = hashlib.sha256(NEW).digest()
READ, WRITE = 0, 2
PIECE = 500


@pytest.fixture
def flash() -> Flash:
    """A panel that runs 1.0.0."""
    return Flash.with_image(OLD, sectors=4)


@pytest.fixture
def server(flash: Flash) -> SmpServer:
    """Its server."""
    return SmpServer(flash)


def request(server: SmpServer, op: int, group: int, command: int, body: object) -> object:
    """Ask by hand, byte by byte as the protocol has it; return the answer's body."""
    encoded = cbor2.dumps(body)
    head = bytes((op | 0x08, 0, *len(encoded).to_bytes(2), *group.to_bytes(2), 9, command))
    answer = b"".join(server.receive(line) for line in packet.encode(head + encoded))
    decoder = packet.decode()
    next(decoder)
    for line in answer.splitlines(keepends=True):
        try:
            decoder.send(line)
        except StopIteration as done:
            header = Header.loads(done.value[:8])
            assert (header.op, header.sequence, header.command_id) == (op + 1, 9, command)
            return cbor2.loads(done.value[8:])
    raise AssertionError(f"no answer: {answer!r}")


def upload(server: SmpServer, begin: int = 0, end: int = len(NEW)) -> list[object]:
    """Send an image in pieces; return the answers."""
    answers = []
    for at in range(begin, end, PIECE):
        body: dict[str, object] = {"off": at, "data": NEW[at : at + PIECE]}
        if at == 0:
            body |= {"len": len(NEW), "sha": SHA}
        answers.append(request(server, WRITE, 1, 1, body))
    return answers


def images(server: SmpServer) -> list[dict[str, object]]:
    """Ask for the states of both slots."""
    said = request(server, READ, 1, 0, {})
    assert isinstance(said, dict)
    return list(said["images"])


def image_error(code: IMG_MGMT_ERR) -> dict[str, object]:
    """Write a refusal of the image group."""
    return {"err": {"group": 1, "rc": int(code)}}


def test_it_echoes_and_says_its_sizes(server: SmpServer) -> None:
    """What every client asks first."""
    assert request(server, WRITE, 0, 0, {"d": "hello"}) == {"r": "hello"}
    assert request(server, READ, 0, 6, {}) == {"buf_size": BUFFER_BYTES, "buf_count": 4}


@pytest.mark.parametrize(("op", "group", "command"), [(READ, 0, 0), (WRITE, 8, 0), (READ, 1, 1)])
def test_what_it_cannot_is_refused(server: SmpServer, op: int, group: int, command: int) -> None:
    """Other groups, and requests of the wrong kind."""
    assert request(server, op, group, command, {}) == {"rc": int(MGMT_ERR.ENOTSUP)}


def test_a_restart_is_answered_and_left_to_the_board(server: SmpServer) -> None:
    """The answer leaves first."""
    assert request(server, WRITE, 0, 5, {}) == {}
    assert server.wants_restart


def test_a_new_panel_has_one_image_that_runs_and_is_kept(server: SmpServer) -> None:
    """An empty slot is not listed."""
    (only,) = images(server)

    assert (only["slot"], only["version"]) == (0, "1.0.0")
    assert (only["active"], only["confirmed"], only["pending"]) == (True, True, False)


def test_an_upload_is_checked_when_it_is_whole(server: SmpServer, flash: Flash) -> None:
    """Offsets on the way, a match at the end, and the slot lists it."""
    answers = upload(server)

    assert answers[0] == {"off": PIECE}
    assert answers[-1] == {"off": len(NEW), "match": True}
    assert images(server)[1]["version"] == "1.1.0.2"
    assert bytes(flash.slots[1].content[: len(NEW)]) == NEW


def test_a_piece_that_is_not_the_next_is_answered_with_the_next(server: SmpServer) -> None:
    """Sent twice, or one too far: nothing is written."""
    upload(server, end=1_000)

    for at in (500, 1_500):
        body = {"off": at, "data": NEW[at : at + PIECE]}
        assert request(server, WRITE, 1, 1, body) == {"off": 1_000}


def test_an_upload_is_gone_on_with_by_its_sha(server: SmpServer) -> None:
    """The first piece again, as after a kill of the client."""
    upload(server, end=1_500)
    again = {"off": 0, "data": NEW[:PIECE], "len": len(NEW), "sha": SHA}

    assert request(server, WRITE, 1, 1, again) == {"off": 1_500}
    assert upload(server, begin=1_500)[-1] == {"off": len(NEW), "match": True}


def test_an_upload_of_something_else_begins_anew(server: SmpServer, flash: Flash) -> None:
    """Another sha is another file: the slot is erased."""
    upload(server, end=1_500)
    other = {"off": 0, "data": b"\x01" * 16, "len": 700, "sha": b"\x09" * 32}

    assert request(server, WRITE, 1, 1, other) == {"off": 16}
    assert flash.slots[1].content[16:32] == b"\xff" * 16


def test_an_upload_is_forgotten_with_a_restart(server: SmpServer, flash: Flash) -> None:
    """A new boot knows no upload, and says that it is at the beginning."""
    upload(server, end=1_500)
    after = SmpServer(flash)

    assert request(after, WRITE, 1, 1, {"off": 1_500, "data": b"x"}) == {"off": 0}


def test_a_spoilt_byte_shows_in_the_match(server: SmpServer, flash: Flash) -> None:
    """Flash that does not hold what was written."""
    upload(server, end=2_000)
    flash.slots[1].content[100] ^= 1

    assert upload(server, begin=2_000)[-1] == {"off": len(NEW), "match": False}


def test_uploads_that_cannot_be_are_refused(server: SmpServer) -> None:
    """Without a length, without an offset, larger than a slot, longer than was said."""
    for body, code in (
        ({"off": 0, "data": b"x"}, IMG_MGMT_ERR.INVALID_LENGTH),
        ({"data": b"x"}, IMG_MGMT_ERR.INVALID_OFFSET),
        ({"off": 0, "data": b"x", "len": 1 << 20}, IMG_MGMT_ERR.INVALID_IMAGE_TOO_LARGE),
        ({"off": 0, "data": b"xyz", "len": 2}, IMG_MGMT_ERR.INVALID_IMAGE_DATA_OVERRUN),
    ):
        assert request(server, WRITE, 1, 1, body) == image_error(code)


def test_an_image_is_marked_by_its_hash(server: SmpServer, flash: Flash) -> None:
    """Not that of the file."""
    upload(server)
    told = images(server)[1]["hash"]

    assert request(server, WRITE, 1, 0, {"hash": SHA}) == image_error(IMG_MGMT_ERR.NO_IMAGE)
    said = request(server, WRITE, 1, 0, {"hash": told})
    assert isinstance(said, dict)
    assert said["images"][1]["pending"]
    assert flash.slots[1].is_pending
    assert not flash.slots[1].is_permanent


def test_what_runs_is_confirmed_and_cannot_be_put_on_trial(server: SmpServer, flash: Flash) -> None:
    """With its hash, or without any."""
    flash.slots[0].is_confirmed = False
    running = images(server)[0]["hash"]

    denied = request(server, WRITE, 1, 0, {"hash": running})
    assert denied == image_error(IMG_MGMT_ERR.IMAGE_SETTING_TEST_TO_ACTIVE_DENIED)
    request(server, WRITE, 1, 0, {"hash": running, "confirm": True})
    assert images(server)[0]["confirmed"]
    flash.slots[0].is_confirmed = False
    request(server, WRITE, 1, 0, {"confirm": True})
    assert flash.slots[0].is_confirmed


@pytest.mark.parametrize("command", [1, 5])
def test_the_way_back_is_not_overwritten(server: SmpServer, flash: Flash, command: int) -> None:
    """While what runs is not confirmed, or something waits to be started."""
    upload(server)
    body = {"off": 0, "data": b"x", "len": 50, "sha": b"s"} if command == 1 else {}
    flash.slots[1].is_pending = True
    refused = image_error(IMG_MGMT_ERR.NO_FREE_SLOT)
    assert request(server, WRITE, 1, command, body) == refused
    flash.slots[1].is_pending, flash.slots[0].is_confirmed = False, False
    assert request(server, WRITE, 1, command, body) == refused


def test_a_slot_can_be_erased(server: SmpServer) -> None:
    """Then it is not listed any more."""
    upload(server)
    assert len(images(server)) == 2

    assert request(server, WRITE, 1, 5, {}) == {}
    assert len(images(server)) == 1


def test_a_request_larger_than_the_buffer_is_refused(flash: Flash) -> None:
    """A client that does not ask for the sizes finds out so."""
    small = SmpServer(flash, buffer_bytes=200)

    answer = request(small, WRITE, 1, 1, {"off": 0, "data": bytes(300), "len": 900})
    assert answer == {"rc": int(MGMT_ERR.ENOMEM)}


def test_a_brown_out_answers_nothing_until_the_next_start(server: SmpServer, flash: Flash) -> None:
    """The flash keeps what was written; the board starts anew."""
    flash.cut_after = 1
    encoded = cbor2.dumps({"off": 0, "data": NEW[:PIECE], "len": len(NEW), "sha": SHA})
    head = bytes((WRITE | 0x08, 0, *len(encoded).to_bytes(2), 0, 1, 9, 1))

    for _ in range(2):
        assert b"".join(server.receive(line) for line in packet.encode(head + encoded)) == b""
    assert server.is_dark
    assert server.wants_restart
    assert upload(SmpServer(flash))[-1] == {"off": len(NEW), "match": True}


def test_noise_is_counted_and_answers_nothing(server: SmpServer) -> None:
    """Lines of any bytes, requests spoilt anywhere, answers sent back to the server."""
    chance = random.Random(1)
    for _ in range(300):
        assert server.receive(b"\x06\x09" + chance.randbytes(20) + b"\n") == b""
        assert server.receive(chance.randbytes(20) + b"\n") == b""
    whole = b"".join(packet.encode(bytes((0x0B, 0, 0, 1, 0, 0, 1, 0)) + b"\xa0"))
    assert server.receive(whole) == b""
    assert server.damaged > 250
