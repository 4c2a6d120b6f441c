"""The display's events over a real connection: what is sent, to how many, and how it ends."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.home import events
from tests.support.home_inputs import electricity_meter, home_inputs
from tests.support.home_page import Home

READ_S_MAX = 10.0


@pytest.fixture
def home() -> Home:
    """A home in good health."""
    return Home()


@contextmanager
def watching(url: str) -> Iterator[http.client.HTTPResponse]:
    """Watch the events of a served page."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=READ_S_MAX)
    try:
        connection.request("GET", "/events")
        yield connection.getresponse()
    finally:
        connection.close()


def read_event(response: http.client.HTTPResponse) -> dict[str, str]:
    """Read one event: its fields by name."""
    fields = {}
    while line := response.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        fields[name] = value
    return fields


def test_events_carry_the_build_and_then_each_changed_view(home: Home) -> None:
    """The first view comes at once, the next as soon as something has changed."""
    with home.serve() as server, watching(server.url) as response:
        first, second = read_event(response), read_event(response)
        home.inputs = home_inputs(meters=[electricity_meter(222)])
        third = read_event(response)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert (first["event"], first["retry"]) == ("build", str(events.RETRY_MS))
    assert json.loads(second["data"])["power"]["net_w"] == 1_436
    assert json.loads(third["data"])["power"]["net_w"] == 222


def test_quiet_stream_beats(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that does not change is not sent again; a beat says that the hub is there."""
    monkeypatch.setattr(events, "VIEW_INTERVAL_S", 0.02)
    monkeypatch.setattr(events, "BEAT_INTERVAL_S", 0.1)

    with home.serve() as server, watching(server.url) as response:
        kinds = [read_event(response)["event"] for _ in range(4)]

    assert kinds == ["build", "view", "beat", "beat"]


def test_viewers_share_one_view_a_second(home: Home) -> None:
    """A second viewer costs no second reading of the hub."""
    with home.serve() as server, watching(server.url) as one, watching(server.url) as other:
        for response in (one, other):
            read_event(response)
            read_event(response)
        reads = home.reads

    assert reads <= 2


def test_viewers_are_limited_and_places_come_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One viewer too many is told so; when one leaves there is room again."""
    monkeypatch.setattr(events, "MAX_VIEWERS", 1)
    monkeypatch.setattr(events, "VIEW_INTERVAL_S", 0.02)

    with home.serve() as server:
        with watching(server.url) as first:
            read_event(first)
            with watching(server.url) as second:
                refused = (second.status, second.headers["retry-after"])
        first.close()
        statuses = []
        for _ in range(200):
            with watching(server.url) as again:
                statuses.append(again.status)
            if statuses[-1] == 200:
                break

    assert refused == (503, "30")
    assert statuses[-1] == 200
    assert server.app.state.feed.viewers == 0


def test_stream_ends_after_its_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer's place is given back after an hour; its page simply connects again."""
    monkeypatch.setattr(events, "MAX_STREAM_S", 0.05)
    monkeypatch.setattr(events, "VIEW_INTERVAL_S", 0.02)

    with home.serve() as server, watching(server.url) as response:
        text = response.read().decode()

    assert text.count("event: view") == 1


def test_server_stops_while_someone_watches(home: Home) -> None:
    """Ending the events lets the server end: the stream closes as a whole response."""
    with home.serve() as server, watching(server.url) as response:
        read_event(response)
        server.stop()
        rest = response.read()

    assert b"event: view" in rest
    assert server.app.state.feed.viewers == 0


def test_viewer_that_cannot_be_sent_to_is_let_go(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A display that vanished keeps its place no longer than the stream's own time allows."""
    monkeypatch.setattr(events, "MAX_STREAM_S", 0.05)
    monkeypatch.setattr(events, "LINGER_S", 0.05)

    with (
        home.serve() as server,
        watching(server.url) as response,
        pytest.raises(http.client.IncompleteRead),
    ):
        response.read()

    assert server.app.state.feed.viewers == 0
