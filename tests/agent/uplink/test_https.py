"""The HTTPS uplink: live first, a clock that is wrong, a cloud that refuses."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.uplink.access import CloudAccess
from agent.uplink.https import MAX_LIVE, MAX_QUEUED, HttpsUplink
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event, Undelivered
from cloud.fleet.authority import Authority
from cloud.households.revocations import readmit, revoke
from cloud.hubauth import HubGate
from cloud.ingest.hubs import HubDoor
from shared.clock import DrivenClock, SystemClock
from shared.protocol import Hello, Live, encode_message
from shared.readings import Medium
from tests.support.https_stage import HttpsStage
from tests.support.stages import THING

PATIENCE_S = 60.0
HELLO = encode_message(Hello("1.0", 1, []))
pytestmark = pytest.mark.slow


def live(number: int) -> bytes:
    return encode_message(Live("M1", Medium.ELECTRICITY, number, {"power_import_w": number}))


@pytest.fixture
def stage() -> Iterator[HttpsStage]:
    """The real API over TLS, listening; the uplink asks for nothing by itself."""
    made = HttpsStage(ask_s=60)
    made.up()
    made.listen()
    yield made
    made.close()


async def until(events: list[Event], kind: type[Event]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(isinstance(event, kind) for event in events):  # noqa: ASYNC110 (told by another thread)
            await asyncio.sleep(0.01)


async def until_received(stage: HttpsStage, channel: Channel, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(stage.received(channel)) < count:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.01)


def test_live_goes_before_everything_that_waits(stage: HttpsStage) -> None:
    """A backlog in the queue does not make live late; of many live samples the newest go."""

    async def scenario() -> list[str]:
        events: list[Event] = []
        await stage.uplink.start(events.append)
        await until(events, Connected)
        taken = [stage.uplink.publish(Channel.FRAMES, b"frame") for _ in range(MAX_QUEUED + 1)]
        for number in range(3 * MAX_LIVE):
            assert stage.uplink.publish(Channel.LIVE, live(number))
        await until_received(stage, Channel.FRAMES, MAX_QUEUED)
        await stage.uplink.stop()
        assert taken == [True] * MAX_QUEUED + [False]
        return [path for path, _ in stage._got]

    paths = asyncio.run(scenario())

    assert stage.received(Channel.LIVE) == [live(n) for n in range(2 * MAX_LIVE, 3 * MAX_LIVE)]
    assert paths[1 : 1 + MAX_LIVE] == ["/v1/hub/live"] * MAX_LIVE


@pytest.mark.parametrize("off_ms", [0, -1_700_000_000_000, 86_400_000])
def test_a_hub_whose_clock_is_wrong_signs_by_the_clouds(off_ms: int) -> None:
    """A hub that wakes in 1970 is not locked out: a refusal tells the time."""
    clock = DrivenClock(max(0, SystemClock().utc_ms() + off_ms))
    stage = HttpsStage(clock)
    stage.up()
    stage.listen()

    async def scenario() -> list[Event]:
        events: list[Event] = []
        await stage.uplink.start(events.append)
        await until(events, Connected)
        stage.uplink.publish(Channel.HELLO, HELLO)
        await until(events, Arrived)
        await stage.uplink.stop()
        return events

    try:
        events = asyncio.run(scenario())
    finally:
        stage.close()

    assert not any(isinstance(event, Disconnected) for event in events)


def test_a_revoked_hub_is_told_so_and_comes_back_once_it_is_let_in(stage: HttpsStage) -> None:
    """In words, and with growing pauses; nothing that it sent meanwhile is answered."""
    database = stage.app.state.parts.database

    async def scenario() -> list[Event]:
        events: list[Event] = []
        await stage.uplink.start(events.append)
        await until(events, Connected)
        with database.writing() as connection:
            revoke(connection, THING, SystemClock().utc_ms())
        stage.uplink.publish(Channel.HELLO, HELLO)
        await until(events, Disconnected)
        assert not stage.uplink.publish(Channel.FRAMES, b"frame")
        with database.writing() as connection:
            readmit(connection, THING, SystemClock().utc_ms())
        told, events[:] = list(events), []
        await until(events, Connected)
        stage.uplink.publish(Channel.HELLO, HELLO)
        await until(events, Arrived)
        await stage.uplink.stop()
        return told

    told = asyncio.run(scenario())

    assert not any(isinstance(event, Arrived | Undelivered) for event in told)
    (refusal,) = [event for event in told if isinstance(event, Disconnected)]
    assert "HTTP 403" in refusal.reason
    assert "is revoked" in refusal.reason
    assert "hearthlink fleet restore" in refusal.reason


def test_what_waits_can_be_taken_back(stage: HttpsStage) -> None:
    """Frames and live samples that have not left are dropped; a hello stays."""

    async def scenario() -> tuple[bool, bool]:
        events: list[Event] = []
        await stage.uplink.start(events.append)
        await until(events, Connected)
        for _ in range(8):
            stage.uplink.publish(Channel.FRAMES, b"frame")
        stage.uplink.publish(Channel.LIVE, live(1))
        stage.uplink.publish(Channel.HELLO, HELLO)
        recalled = stage.uplink.recall(), stage.uplink.recall()
        await until(events, Arrived)
        await stage.uplink.stop()
        return recalled

    recalled = asyncio.run(scenario())

    assert recalled == (True, False)
    assert stage.received(Channel.FRAMES) == []
    assert stage.received(Channel.LIVE) == []


def test_a_hub_of_another_fleet_is_refused_with_the_reason(stage: HttpsStage) -> None:
    """A certificate that this fleet's authority did not sign connects nobody."""
    other = Authority(stage.directory / "other", SystemClock())
    other.prepare()
    rogue = other.issue(THING)
    access = CloudAccess(
        "localhost", stage.port, stage.access.ca_file, rogue.certificate, rogue.key
    )
    uplink = HttpsUplink(THING, access, SystemClock())

    async def scenario() -> list[Event]:
        events: list[Event] = []
        await uplink.start(events.append)
        await until(events, Disconnected)
        await uplink.stop()
        return events

    (event,) = asyncio.run(scenario())

    assert isinstance(event, Disconnected)
    assert "HTTP 401" in event.reason
    assert "not of the fleet's authority" in event.reason


def test_a_hub_that_is_no_longer_believed_is_disconnected(stage: HttpsStage) -> None:
    """A certificate that stops being good calls for the growing pauses, not for a re-send."""
    other = Authority(stage.directory / "other", SystemClock())
    other.prepare()

    async def scenario() -> list[Event]:
        events: list[Event] = []
        await stage.uplink.start(events.append)
        await until(events, Connected)
        door: HubDoor = stage.app.state.hub_door
        gate = HubGate(str(other.certificate), SystemClock())
        stage.app.state.hub_door = HubDoor(gate, door.ingest)
        stage.uplink.publish(Channel.HELLO, HELLO)
        await until(events, Disconnected)
        await stage.uplink.stop()
        return events

    (_, event) = asyncio.run(scenario())

    assert isinstance(event, Disconnected)
    assert "HTTP 401" in event.reason


def test_a_refused_message_takes_what_waits_behind_it_along(stage: HttpsStage) -> None:
    """The session sends it all again after its pause: sent now as well, it would come twice."""

    async def scenario() -> list[Event]:
        events: list[Event] = []
        await stage.uplink.start(events.append)
        await until(events, Connected)
        stage.uplink.publish(Channel.HELLO, b"not a hello")
        for _ in range(5):
            stage.uplink.publish(Channel.FRAMES, b"frame")
        await until(events, Undelivered)
        stage.uplink.publish(Channel.HELLO, HELLO)
        await until(events, Arrived)
        await stage.uplink.stop()
        return events

    events = asyncio.run(scenario())

    (refused,) = [event for event in events if isinstance(event, Undelivered)]
    assert refused.channel is Channel.HELLO
    assert "HTTP 400" in refused.reason
    assert stage.received(Channel.FRAMES) == []


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"], "no answer of the cloud's"),
        ([b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>"], "HTTP 502"),
        (
            [b"HTTP/1.1 401 No\r\nHearthlink-Time-Ms: " + b"9" * 5_000 + b"\r\n\r\n"],
            "refused the hub",
        ),
    ],
)
def test_what_a_strange_proxy_answers_is_told_of(
    tmp_path: Path, answers: list[bytes], reason: str
) -> None:
    """Anything may stand between hub and cloud; its words end a try, never the uplink."""
    authority = Authority(tmp_path / "fleet", SystemClock())
    authority.prepare()
    hub = authority.issue(THING)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.server.certificate, authority.server.key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(answers[0])
            if b"401" in answers[0]:
                writer.close()
                return

    async def scenario() -> list[Event]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        access = CloudAccess("localhost", port, hub.authority, hub.certificate, hub.key)
        uplink = HttpsUplink(THING, access, SystemClock())
        events: list[Event] = []
        await uplink.start(events.append)
        async with asyncio.timeout(PATIENCE_S):
            while not any(isinstance(event, Disconnected) for event in events):
                uplink.publish(Channel.HELLO, HELLO)
                await asyncio.sleep(0.01)
        await uplink.stop()
        server.close()
        return events

    events = asyncio.run(scenario())

    (first, *_) = [event for event in events if isinstance(event, Disconnected)]
    assert reason in first.reason
