"""Live on demand at the hub: for as long as the cloud asked, by no clock of the hub's."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.livedemand import DemandWatch
from agent.uplink.port import Channel
from shared.errors import BadInputError
from shared.protocol import decode_live
from shared.shadows import MAX_LIVE_S, MAX_SHADOW_BYTES, decode_live_demand
from tests.support.fakes import FakeUplink
from tests.support.governing import joined
from tests.support.hubs import START_MS, hub_in, take, telegram

NOW_S = 1_800_000_000


def delta(revision: int, for_s: int, *, age_s: int = 0) -> bytes:
    """Write the live shadow's delta as the cloud sends it, `age_s` after it was written."""
    stamp = {"timestamp": NOW_S - age_s}
    return msgspec.json.encode(
        {
            "state": {"revision": revision, "for_s": for_s},
            "metadata": {"revision": stamp, "for_s": stamp},
            "version": 3,
            "timestamp": NOW_S,
        }
    )


def answer(revision: int, for_s: int, *, age_s: int = 0) -> bytes:
    """Write the whole live shadow as the cloud answers it."""
    inner: dict[str, Any] = msgspec.json.decode(delta(revision, for_s, age_s=age_s))
    for name in ("state", "metadata"):
        inner[name] = {"desired": inner[name]}
    return msgspec.json.encode(inner)


class Hub:
    """A watch with a clock and a cloud in the test's hands."""

    def __init__(self) -> None:
        self.now_ms = 5_000
        self.cloud = FakeUplink()
        self.watch = DemandWatch(lambda: self.now_ms)

    def hear(self, *payloads: bytes) -> None:
        """Let the cloud say these, one after another."""
        for payload in payloads:
            self.cloud.arrive(Channel.LIVE_DEMAND, payload)


def played(*payloads: bytes) -> Hub:
    """Connect a hub and let it hear these."""
    hub = Hub()

    async def scenario() -> None:
        await joined(hub.cloud, hub.watch.attach)
        hub.hear(*payloads)

    asyncio.run(scenario())
    return hub


def test_a_demand_ends_by_itself() -> None:
    """After its seconds, though nothing more is heard."""
    hub = played(delta(1, 60))

    seen = []
    for hub.now_ms in (5_000, 64_999, 65_000):
        seen.append(hub.watch.is_wanted())
    assert seen == [True, True, False]


@pytest.mark.parametrize("document", [delta, answer])
def test_what_was_asked_long_ago_holds_for_the_rest_only(document: Any) -> None:
    """By the cloud's own two stamps: a hub that was away does not begin it anew."""
    hub = played(document(1, 60, age_s=45))

    first = hub.watch.is_wanted()
    hub.now_ms += 15_000

    assert first
    assert not hub.watch.is_wanted()
    assert not played(document(1, 60, age_s=86_400)).watch.is_wanted()


def test_a_demand_that_comes_late_does_not_undo_a_later_one() -> None:
    """Nobody looks any more, and then arrives what was asked before."""
    assert not played(delta(8, 0), delta(7, 60)).watch.is_wanted()
    assert played(delta(8, 0), delta(9, 60)).watch.is_wanted()


def test_the_shadow_is_asked_on_every_connection() -> None:
    """Someone may have begun to look while the hub was away; a restored cloud counts anew."""
    hub = played(delta(8, 0))

    async def again() -> None:
        hub.cloud.lose()
        hub.cloud.connect()
        hub.hear(delta(1, 60))

    asyncio.run(again())

    assert hub.cloud.taken(Channel.LIVE_GET) == [b"{}", b"{}"]
    assert hub.watch.is_wanted()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"state": {"revision": 1, "for_s": -1}}',
        b'{"state": {"revision": "1", "for_s": 5}}',
        b'{"state": {"revision": 1, "for_s": %d}}' % (MAX_LIVE_S + 1),
        b'{"state": {"revision": 1, "for_s": 5}, "metadata": {"revision": 5}}',
        b"x" * (4 * MAX_SHADOW_BYTES + 1),
    ],
)
def test_a_demand_that_cannot_be_read_changes_nothing(payload: bytes) -> None:
    """It is passed over with a warning."""
    with pytest.raises(BadInputError):
        decode_live_demand(payload)

    assert played(delta(1, 60), payload).watch.is_wanted()


def test_a_shadow_without_a_demand_is_none() -> None:
    """As a hub meets it that nobody has ever looked at."""
    assert decode_live_demand(b'{"state": {}, "version": 1, "timestamp": 1}') is None


def test_live_leaves_while_it_is_demanded_and_allowed(tmp_path: Path) -> None:
    """Neither alone is enough, and it stops when the demand is taken back."""
    uplink = FakeUplink()
    hub = hub_in(tmp_path, uplink=uplink, hub_clock="meter")

    async def scenario() -> list[list[int]]:
        await joined(uplink, hub.live_demand.attach)
        take(hub, [telegram(10**9, START_MS + 1_000)])
        sent = []
        for number, (granularity, payload) in enumerate(
            [("10s", delta(1, 60)), ("live", delta(2, 60)), ("live", delta(3, 0))]
        ):
            hub.set_granularity(granularity)
            uplink.arrive(Channel.LIVE_DEMAND, payload)
            hub._live_sent_ms.clear()
            take(hub, [telegram(10**9 + 1 + number, START_MS + 2_000 + number)])
            sent.append([decode_live(one).taken_at_ms for one in uplink.taken(Channel.LIVE)])
        return sent

    assert asyncio.run(scenario()) == [[], [START_MS + 2_001], []]
    hub.log.close()
