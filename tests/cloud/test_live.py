"""Live power: fan-out by household and meter, bounded for slow viewers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

from cloud.app import create_app
from cloud.db import Database
from cloud.households.repository import lock_hub
from cloud.households.revocations import limit_consent, revoke
from cloud.live import ANSWER_HOLDS_S, MAX_WAITING_SAMPLES, LiveFeed
from shared import topics
from shared.consent import Granularity
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


def test_hub_that_may_no_longer_be_shown_is_dropped_within_seconds() -> None:
    """The household of a hub is asked again after a moment, and not for every sample."""
    now_s, asked, shown = [0.0], [], []

    def household_of(thing: str) -> str | None:
        asked.append(thing)
        return "home" if now_s[0] < ANSWER_HOLDS_S else None

    async def watch() -> None:
        feed = LiveFeed(household_of, lambda: now_s[0])
        feed.attach(asyncio.get_running_loop())
        with feed.watching("home", METER) as viewer:
            for now_s[0] in (0.0, 0.5, ANSWER_HOLDS_S, ANSWER_HOLDS_S + 0.5):
                feed.receive(TOPIC, _sample(5))
            await asyncio.sleep(0)
            shown.append(viewer.qsize())
            shown.append(feed.counts["unknown-hub"])

    asyncio.run(watch())

    assert shown == [2, 2]
    assert asked == ["hub-1", "hub-1"]


def test_live_of_a_revoked_or_limited_hub_reaches_nobody(tmp_path: Path) -> None:
    """The API itself asks for both; a limit to live is none."""
    app = create_app(config_in(tmp_path))
    database: Database = app.state.parts.database
    limits = {"hub-2": Granularity.LIVE, "hub-3": Granularity.TEN_SECONDS}
    with database.writing() as connection:
        for thing in ("hub-1", "hub-2", "hub-3"):
            lock_hub(connection, thing, START_MS)
        revoke(connection, "hub-1", START_MS)
        for thing, granularity in limits.items():
            limit_consent(connection, thing, granularity, START_MS)

    async def watch() -> list[int]:
        feed = app.state.parts.live
        feed.attach(asyncio.get_running_loop())
        with feed.watching("home", METER) as viewer:
            for number in (1, 2, 3):
                feed.receive(topics.live(f"hub-{number}"), _sample(number))
            await asyncio.sleep(0)
            return [viewer.get_nowait().registers["power_import_w"] for _ in range(viewer.qsize())]

    powers = asyncio.run(watch())
    database.close()

    assert powers == [2]
