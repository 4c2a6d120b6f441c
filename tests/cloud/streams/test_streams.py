"""Live streams over real connections: events, a WebSocket, who may, and a stream resumed."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from fastapi.testclient import TestClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agent.demo.ports import free_port
from cloud.app import create_app
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.live.feed import LiveFeed
from cloud.streams.connections import MAX_CLIENT_MESSAGES, POLICY, SEE_YOU
from cloud.streams.credentials import PROTOCOL
from cloud.streams.wires import Wires
from shared import topics
from shared.clock import DrivenClock
from shared.protocol import Live, encode_message
from shared.readings import Medium
from tests.support.cloud import (
    HEADERS,
    METER,
    START_MS,
    TOKEN,
    config_in,
    payload_of,
    samples_of,
)

WAIT_S = 60.0
PATH = f"/v1/meters/{METER}/live"


class Serving:
    """The API behind a real server, with a meter that the test lets speak."""

    def __init__(self, directory: Path) -> None:
        clock = DrivenClock(START_MS)
        self.app = create_app(config_in(directory), clock)
        self.feed: LiveFeed = self.app.state.parts.live
        service = IngestService(self.app.state.parts.database, clock, Rules())
        service.ingest([Message("hub-1", payload_of(samples_of(1, 3)), START_MS)])
        self.port = free_port()
        config = uvicorn.Config(
            Wires(self.app), "127.0.0.1", self.port, log_level="error", ws_per_message_deflate=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def start(self) -> None:
        """Return once it listens."""
        self._thread.start()
        pause = threading.Event()
        while not self._server.started:
            pause.wait(0.01)

    def stop(self) -> None:
        """End every stream, then the server."""
        self.feed.close()
        self._server.should_exit = True
        self._thread.join(WAIT_S)

    def speak(self, power_w: int) -> None:
        """Let the hub send a live sample."""
        live = Live(METER, Medium.ELECTRICITY, START_MS, {"power_import_w": power_w})
        self.feed.receive(topics.live("hub-1"), encode_message(live))

    @contextlib.contextmanager
    def events(self, **headers: str) -> Iterator[Any]:
        """Open the event stream; yields a function that reads the next event's data."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        connection.request("GET", PATH, headers={**HEADERS, **headers})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        def read() -> Any:
            while line := answer.readline():
                if line.startswith(b"data: "):
                    return msgspec.json.decode(line[6:])
            return None

        yield read
        connection.close()

    def socket(self, query: str = "", **options: Any) -> ClientConnection:
        """Open a WebSocket with the token in a header, unless the options say otherwise."""
        chosen: Any = {"additional_headers": HEADERS, "open_timeout": WAIT_S, **options}
        socket: ClientConnection = connect(f"ws://127.0.0.1:{self.port}{PATH}{query}", **chosen)
        return socket


@pytest.fixture(name="api", scope="module")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("streams"))
    serving.start()
    yield serving
    serving.stop()


def heard(socket: ClientConnection) -> dict[str, Any]:
    """Read the next message."""
    message: dict[str, Any] = msgspec.json.decode(socket.recv(WAIT_S))
    return message


def test_events_and_sockets_say_the_same(api: Serving) -> None:
    """First how the hubs stand, then each sample."""
    with api.events() as read, api.socket() as socket:
        first = (read(), heard(socket))
        api.speak(412)
        second = (read(), heard(socket))

    assert first[0] == first[1]
    assert first[0] == {
        "event": "watching",
        "meter": METER,
        "is_complete": None,
        "gateways": [{"gateway": "hub-1", "state": "offline", "last_seen": "2026-03-01T00:00:00Z"}],
    }
    assert second[0] == second[1]
    assert second[0]["registers"] == {"power_import_w": 412}


def test_either_stream_is_resumed_where_the_other_broke_off(api: Serving) -> None:
    """By the browser's own header, or by a parameter."""
    with api.events() as read:
        read()
        api.speak(1)
        seen = read()["id"]
    api.speak(2)

    with (
        api.events(**{"Last-Event-ID": seen}) as read,
        api.socket(f"?after={seen}") as socket,
    ):
        found = [(read(), read()), (heard(socket), heard(socket))]

    for watching, missed in found:
        assert watching["is_complete"] is True
        assert missed["registers"]["power_import_w"] == 2


def test_a_browser_shows_its_token_as_a_subprotocol(api: Serving) -> None:
    """It cannot set headers there; the token is not said back."""
    offered = [PROTOCOL, f"bearer.{TOKEN}"]
    with api.socket(additional_headers={}, subprotocols=offered) as socket:
        assert socket.subprotocol == PROTOCOL
        assert heard(socket)["event"] == "watching"


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {}},
        {"additional_headers": {"Authorization": "Bearer wrong"}},
        {"additional_headers": {"Authorization": "Basic eDp5"}},
        {"additional_headers": {}, "subprotocols": [PROTOCOL, "bearer.wrong"]},
    ],
    ids=str,
)
def test_a_socket_needs_the_token(api: Serving, options: dict[str, Any]) -> None:
    """It is refused before it opens, with the problem that any request is answered with."""
    with pytest.raises(InvalidStatus) as caught:
        api.socket(**options)

    assert caught.value.response.status_code == 401
    assert b'"status":401' in (caught.value.response.body or b"")


def test_a_socket_for_an_unknown_meter_is_refused(api: Serving) -> None:
    """With 404, as the stream of events is."""
    with pytest.raises(InvalidStatus) as caught:
        connect(f"ws://127.0.0.1:{api.port}/v1/meters/nobody/live", additional_headers=HEADERS)

    assert caught.value.response.status_code == 404


def test_a_client_that_talks_too_much_is_closed(api: Serving) -> None:
    """It has nothing to say here."""
    with api.socket() as socket:
        heard(socket)
        for _ in range(MAX_CLIENT_MESSAGES):
            socket.send("x")
        with pytest.raises(ConnectionClosed) as caught:
            heard(socket)

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == POLICY


def test_viewers_that_leave_are_forgotten(api: Serving) -> None:
    """At once, whichever stream they had."""
    with api.events() as read, api.socket() as socket:
        read()
        heard(socket)
        assert api.feed.viewer_count == 2

    pause = threading.Event()
    for _ in range(500):
        if api.feed.viewer_count == 0:
            break
        pause.wait(0.01)
    assert api.feed.viewer_count == 0


def test_a_demand_can_be_made_before_anyone_watches(api: Serving) -> None:
    """Bounded; what is heard meanwhile is kept for who comes."""
    client = TestClient(api.app, raise_server_exceptions=False)
    answer = client.post(PATH, json={"for_s": 60}, headers=HEADERS)
    bad = [
        client.post(PATH, json=body, headers=HEADERS).status_code
        for body in ({"for_s": 0}, {"for_s": 901}, {"for_s": "x"}, {"until": 5})
    ]
    unknown = client.post("/v1/meters/nobody/live", json={}, headers=HEADERS).status_code
    api.speak(77)

    with api.socket("?after=0") as socket:
        heard(socket)
        powers = [heard(socket)["registers"]["power_import_w"]]
        while powers[-1] != 77:
            powers.append(heard(socket)["registers"]["power_import_w"])

    assert answer.status_code == 200
    assert answer.json()["until"] == "2026-03-01T00:01:00Z"
    assert answer.json()["gateways"][0]["state"] == "offline"
    assert bad == [422] * 4
    assert unknown == 404


def test_streams_end_with_the_service(tmp_path: Path) -> None:
    """Asked to come again, and to whoever does nothing is lost."""
    serving = Serving(tmp_path)
    serving.start()
    with serving.events() as read, serving.socket() as socket:
        read()
        heard(socket)
        serving.stop()

        assert read() is None
        with pytest.raises(ConnectionClosed) as caught:
            heard(socket)

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == SEE_YOU


def test_samples_are_written_beside_the_layers_of_a_request(api: Serving) -> None:
    """In whole chunks: what is read as HTTP/1.1 says is what was said, to the end of the answer."""
    with api.events() as read:
        read()
        powers = []
        for power_w in range(3):
            api.speak(power_w)
            powers.append(read()["registers"]["power_import_w"])
        (viewer,) = [one for each in api.feed.audiences.values() for one in each.viewers]
        has_wire = viewer._write is not None

    assert (powers, has_wire) == ([0, 1, 2], True)


def test_a_client_of_http_1_0_is_told_without_chunks(api: Serving) -> None:
    """It knows none: each message is sent as it is."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    with socket_of(api.port) as client, client.makefile("rb") as answer:
        client.sendall(f"GET {PATH} HTTP/1.0\r\n{fields}\r\n".encode())
        while answer.readline().strip():
            pass
        lines = [answer.readline() for _ in range(4)]
        api.speak(412)
        lines += [answer.readline() for _ in range(3)]

    assert lines[0].startswith(b"retry: ")
    assert [line[:5] for line in lines[4:]] == [b"id: 1", b"event", b"data:"]


def socket_of(port: int) -> socket.socket:
    """Open a plain connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
