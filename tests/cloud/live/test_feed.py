"""Live power: fan-out by household and meter, bounded for slow viewers, resumed after a break."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloud.app import create_app
from cloud.db import Database
from cloud.households.repository import lock_hub
from cloud.households.revocations import limit_consent, revoke
from cloud.live.feed import (
    ALL_KEPT,
    GRACE_S,
    HEARTBEAT_S,
    MAX_STREAM_S,
    LiveFeed,
)
from cloud.live.inbox import ANSWER_HOLDS_S
from cloud.live.messages import HEARTBEAT, EventId, Message, read_event_id
from cloud.live.ring import KEPT_MS, MAX_KEPT, Ring
from cloud.live.viewers import MAX_WAITING, Viewer
from shared import topics
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.protocol import Live, encode_message
from shared.readings import Medium
from tests.support.cloud import METER, START_MS, config_in

TOPIC = topics.live("hub-1")


def sample(power_w: int, meter: str = METER) -> bytes:
    """Write a hub's live message."""
    live = Live(meter, Medium.ELECTRICITY, START_MS, {"power_import_w": power_w})
    return encode_message(live)


HOUSEHOLDS = {"hub-1": "home", "hub-2": "other"}


def households_of(things: Sequence[str]) -> dict[str, str]:
    """Know two hubs."""
    return {thing: HOUSEHOLDS[thing] for thing in things if thing in HOUSEHOLDS}


def said(message: Message) -> dict[str, Any]:
    """Read what a message says, which is the same in both kinds of stream."""
    found: dict[str, Any] = msgspec.json.decode(message.text)
    if found["event"] != "heartbeat":
        assert message.sse.split(b"data: ")[1].strip() == message.text.encode()
    return found


async def powers(viewer: Viewer) -> list[int]:
    """Take what waits for a viewer, at least one message."""
    return [said(one)["registers"]["power_import_w"] for one in await viewer.take()]


def played(scenario: Callable[[LiveFeed, list[float], DrivenClock], Any]) -> Any:
    """Run a scenario on a feed, whose two clocks the test drives."""

    async def run() -> Any:
        now_s, clock = [1_000.0], DrivenClock(START_MS)
        feed = LiveFeed(households_of, lambda: now_s[0], clock)
        feed.attach(asyncio.get_running_loop())
        return await asyncio.wait_for(scenario(feed, now_s, clock), 5)

    return asyncio.run(run())


def test_viewer_sees_its_own_meter_only() -> None:
    """Another meter, another household's hub, an unknown hub and noise reach nobody."""

    async def watch(feed: LiveFeed, *_: Any) -> tuple[list[int], dict[str, int]]:
        with feed.watching("home", METER) as viewer:
            feed.receive(TOPIC, sample(1, "M2"))
            feed.receive(topics.live("hub-2"), sample(2))
            feed.receive(topics.live("hub-3"), sample(3))
            feed.receive(TOPIC, b"noise")
            feed.receive("elsewhere", sample(4))
            feed.receive(TOPIC, sample(5))
            seen = await powers(viewer)
        assert feed.viewer_count == 0
        return seen, dict(feed.counts)

    seen, counts = played(watch)

    assert seen == [5]
    assert counts == {"unknown-hub": 1, "bad-messages": 2, "unwatched": 2}


def test_a_sample_is_written_once_for_all_who_watch() -> None:
    """Many viewers share the very same bytes."""

    async def watch(feed: LiveFeed, *_: Any) -> list[Message]:
        with feed.watching("home", METER) as one, feed.watching("home", METER) as other:
            feed.receive(TOPIC, sample(7))
            return [*(await one.take()), *(await other.take())]

    one, other = played(watch)

    assert one is other
    assert said(one) == {
        "event": "live",
        "id": said(one)["id"],
        "meter": METER,
        "medium": "electricity",
        "taken_at": "2026-03-01T00:00:00Z",
        "registers": {"power_import_w": 7},
    }
    assert one.sse.startswith(b"id: " + said(one)["id"].encode() + b"\nevent: live\n")


def test_slow_viewer_loses_the_oldest() -> None:
    """A viewer that does not read keeps the newest samples, and the loss is counted."""

    async def watch(feed: LiveFeed, *_: Any) -> tuple[list[int], int]:
        with feed.watching("home", METER) as viewer:
            for power_w in range(MAX_WAITING + 3):
                feed.receive(TOPIC, sample(power_w))
            await feed.settle()
            return await powers(viewer), feed.counts["dropped"]

    assert played(watch) == (list(range(3, MAX_WAITING + 3)), 3)


def test_a_stream_that_broke_off_is_resumed_without_loss() -> None:
    """What came while the viewer was away is said first, in order, and nothing twice."""

    async def watch(feed: LiveFeed, now_s: list[float], clock: DrivenClock) -> Any:
        with feed.watching("home", METER) as viewer:
            feed.receive(TOPIC, sample(1))
            (seen,) = await viewer.take()
        for power_w in (2, 3):
            clock.advance_to(clock.utc_ms() + 50_000)
            now_s[0] += 50
            feed.receive(TOPIC, sample(power_w))
        await feed.settle()
        with feed.watching("home", METER, said(seen)["id"]) as viewer:
            missed = await powers(viewer)
            feed.receive(TOPIC, sample(4))
            return missed, viewer.is_complete, await powers(viewer)

    assert played(watch) == ([2, 3], True, [4])


def test_what_cannot_be_resumed_whole_says_so() -> None:
    """After a longer break, or with an id that is none."""

    async def watch(feed: LiveFeed, _now_s: Any, clock: DrivenClock) -> Any:
        with feed.watching("home", METER) as viewer:
            feed.receive(TOPIC, sample(1))
            (seen,) = await viewer.take()
            for power_w in (2, 3):
                clock.advance_to(clock.utc_ms() + KEPT_MS)
                feed.receive(TOPIC, sample(power_w))
                await viewer.take()
            clock.advance_to(clock.utc_ms() + 1)
            feed.receive(TOPIC, sample(4))
            await viewer.take()
        found = []
        for after in (said(seen)["id"], "no id", "", ALL_KEPT):
            with feed.watching("home", METER, after) as viewer:
                missed = await powers(viewer) if after in (said(seen)["id"], ALL_KEPT) else []
                found.append((missed, viewer.is_complete))
        return found

    assert played(watch) == [([3, 4], False), ([], False), ([], None), ([3, 4], None)]


def test_another_process_resumes_by_the_time() -> None:
    """It rather says a sample twice; what came before it listened it does not have."""
    mine = EventId(START_MS, 10, "00000001")
    ring = Ring(mine)
    heard = [Message(b"%d" % n, b"", "") for n in range(3)]
    for n, message in enumerate(heard):
        ring.add(EventId(START_MS + 10_000 * (n + 1), 11 + n, "00000001"), message)

    before, within, early = (
        ring.after(EventId(at_ms, 999, "ffffffff"))
        for at_ms in (START_MS + 5_000, START_MS + 10_500, START_MS - 1)
    )

    assert before == (heard, True)
    assert within == (heard, True)
    assert early == (heard, False)


def test_a_ring_is_bounded() -> None:
    """By count, and what went makes it incomplete for who has not seen it."""
    ring = Ring(EventId(START_MS, 0, "00000001"))
    for number in range(1, MAX_KEPT + 3):
        ring.add(EventId(START_MS, number, "00000001"), HEARTBEAT)

    missed, is_complete = ring.after(EventId(START_MS, 1, "00000001"))

    assert (len(missed), is_complete) == (MAX_KEPT, False)
    assert ring.after(EventId(START_MS, 2, "00000001"))[1] is True


@pytest.mark.parametrize(
    "text", ["", "0", "1-2", "1-2-zzzzzzzz", "1-2-00000001\n", "-1-2-00000001"]
)
def test_an_id_that_is_none_is_read_as_none(text: str) -> None:
    """Clients give back what they were given, or anything."""
    assert read_event_id(text) is None
    assert read_event_id(str(EventId(5, 6, "00000001"))) == (5, 6, "00000001")


def test_quiet_streams_are_kept_alive_and_old_ones_end() -> None:
    """A word each so often; the end is no loss, since the next stream goes on from there."""

    async def watch(feed: LiveFeed, now_s: list[float], _clock: Any) -> Any:
        with feed.watching("home", METER) as viewer:
            now_s[0] += HEARTBEAT_S
            feed.tick()
            quiet = await viewer.take()
            feed.tick()
            now_s[0] += MAX_STREAM_S
            feed.receive(TOPIC, sample(1))
            await feed.settle()
            feed.tick()
            return quiet, await powers(viewer), await viewer.take()

    assert played(watch) == ([HEARTBEAT], [1], [])


def test_every_stream_ends_with_the_service() -> None:
    """A server that is asked to end does not wait for viewers."""

    async def watch(feed: LiveFeed, *_: Any) -> list[Message]:
        with feed.watching("home", METER) as viewer:
            feed.close()
            return await viewer.take()

    assert played(watch) == []


def test_a_meter_is_wanted_until_nobody_comes_back() -> None:
    """For the time in which a stream can be resumed; a demand without a viewer counts too."""

    async def watch(feed: LiveFeed, now_s: list[float], _clock: Any) -> list[bool]:
        with feed.watching("home", METER):
            (audience,) = feed.audiences.values()
            found = [audience.is_wanted(now_s[0] + 1e6)]
        found += [audience.is_wanted(now_s[0] + after) for after in (GRACE_S - 1, GRACE_S)]
        feed.expect("home", METER, 500)
        return [*found, audience.is_wanted(now_s[0] + 499), audience.is_wanted(now_s[0] + 500)]

    assert played(watch) == [True, True, False, True, False]


def test_sample_before_the_loop_runs_is_dropped() -> None:
    """A message that arrives before the API serves has nobody to go to."""
    feed = LiveFeed(households_of)
    feed.receive(TOPIC, sample(1))
    feed.expect("home", METER, 60)

    feed.receive(TOPIC, sample(1))
    feed.close()

    assert feed.counts == {"unwatched": 1, "unattached": 1}


def test_hub_that_may_no_longer_be_shown_is_dropped_within_seconds() -> None:
    """The household of a hub is asked again after a moment, and not for every sample."""
    now_s = [0.0]
    asked: list[str] = []

    def households_of(things: Sequence[str]) -> dict[str, str]:
        asked.extend(things)
        return dict.fromkeys(things, "home") if now_s[0] < ANSWER_HOLDS_S else {}

    async def watch() -> tuple[int, int]:
        feed = LiveFeed(households_of, lambda: now_s[0])
        feed.attach(asyncio.get_running_loop())
        with feed.watching("home", METER) as viewer:
            for now_s[0] in (0.0, 0.5, ANSWER_HOLDS_S, ANSWER_HOLDS_S + 0.5):
                feed.receive(TOPIC, sample(5))
                await feed.settle()
            return len(await viewer.take()), feed.counts["unknown-hub"]

    assert asyncio.run(watch()) == (2, 2)
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
        feed: LiveFeed = app.state.parts.live
        feed.attach(asyncio.get_running_loop())
        with feed.watching("home", METER) as viewer:
            for number in (1, 2, 3):
                feed.receive(topics.live(f"hub-{number}"), sample(number))
            return await powers(viewer)

    found = asyncio.run(watch())
    database.close()

    assert found == [2]
