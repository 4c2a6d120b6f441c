"""Live power: fan-out by household and meter, bounded for slow viewers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

from cloud.app import create_app
from cloud.live import MAX_WAITING_SAMPLES, LiveFeed
from shared import topics
from shared.protocol import Live, encode_message
from shared.readings import Medium
from tests.support.cloud import METER, START_MS, TOKEN, config_in

TOPIC = topics.live("hub-1")


def _sample(power_w: int, meter: str = METER) -> bytes:
    live = Live(meter, Medium.ELECTRICITY, START_MS, {"power_import_w": power_w})
    return encode_message(live)


def _household_of(thing: str) -> str | None:
    return {"hub-1": "home", "hub-2": "other"}.get(thing)


def test_viewer_sees_its_own_meter_only() -> None:
    """Another meter, another household's hub, an unknown hub and noise reach nobody."""

    async def watch() -> tuple[list[int], dict[str, int]]:
        feed = LiveFeed(_household_of)
        feed.attach(asyncio.get_running_loop())
        with feed.watching("home", METER) as viewer:
            feed.receive(TOPIC, _sample(1, "M2"))
            feed.receive(topics.live("hub-2"), _sample(2))
            feed.receive(topics.live("hub-3"), _sample(3))
            feed.receive(TOPIC, b"noise")
            feed.receive("elsewhere", _sample(4))
            feed.receive(TOPIC, _sample(5))
            await asyncio.sleep(0)
            seen = [viewer.get_nowait() for _ in range(viewer.qsize())]
        assert feed.viewer_count == 0
        return [one.registers["power_import_w"] for one in seen if one], dict(feed.counts)

    powers, counts = asyncio.run(watch())

    assert powers == [5]
    assert counts == {"unknown-hub": 1, "bad-messages": 2}


def test_slow_viewer_loses_the_oldest() -> None:
    """A viewer that does not read keeps the newest samples, and the loss is counted."""

    async def watch() -> tuple[list[int], int]:
        feed = LiveFeed(_household_of)
        feed.attach(asyncio.get_running_loop())
        with feed.watching("home", METER) as viewer:
            for power_w in range(MAX_WAITING_SAMPLES + 3):
                feed.receive(TOPIC, _sample(power_w))
            await asyncio.sleep(0)
            seen = [viewer.get_nowait() for _ in range(viewer.qsize())]
        return [one.registers["power_import_w"] for one in seen if one], feed.counts["dropped"]

    powers, dropped = asyncio.run(watch())

    assert powers == list(range(3, MAX_WAITING_SAMPLES + 3))
    assert dropped == 3


def test_sample_before_the_loop_runs_is_dropped() -> None:
    """A message that arrives before the API serves has nobody to go to."""
    feed = LiveFeed(_household_of)

    feed.receive(TOPIC, _sample(1))
    feed.close()

    assert feed.counts["unknown-hub"] == 1


def test_stream_sends_events_until_it_is_closed(tmp_path: Path) -> None:
    """The endpoint streams each sample as an event and ends when the service ends."""
    app = create_app(config_in(tmp_path))
    feed: LiveFeed = app.state.parts.live
    sent: list[dict[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))
        if message["type"] == "http.response.body" and b"watching" in message["body"]:
            live = Live(METER, Medium.ELECTRICITY, START_MS, {"power_import_w": 412})
            feed.deliver("home", live)
            feed.close()

    async def serve() -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/v1/meters/{METER}/live",
            "raw_path": f"/v1/meters/{METER}/live".encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        async with _lifespan(app):
            await asyncio.wait_for(app(scope, receive, send), 10)

    asyncio.run(serve())

    body = b"".join(message.get("body", b"") for message in sent)
    assert b"event: live\n" in body
    assert b'"power_import_w":412' in body
    assert b'"taken_at":"2026-03-01T00:00:00Z"' in body


@contextlib.asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    async with app.router.lifespan_context(app):
        yield
