"""What hubs are asked while somebody looks: asked once, renewed, and ended when nobody does."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cloud.live.demands import DEMAND_S, RENEW_S, RETRY_S, Demands
from cloud.live.feed import GRACE_S, LiveFeed
from cloud.live.repository import HubState, hubs_of, put_demand, shown_hubs
from cloud.registry.selfhosted import SelfHostedRegistry
from cloud.scope import Scope
from cloud.shadows.repository import read_shadow
from shared import topics
from shared.consent import Granularity
from shared.errors import BadInputError
from tests.support.cloud import METER, payload_of, samples_of
from tests.support.ingest import HOME, NOW_MS, THING, Cloud


def _all_at_home(things: Sequence[str]) -> dict[str, str]:
    return dict.fromkeys(things, "home")


class Api:
    """One process's feed and demands, on a clock the test moves."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.now_s = 100.0
        self.feed = LiveFeed(_all_at_home, lambda: self.now_s, cloud.clock)
        registry = SelfHostedRegistry(cloud.database, cloud.clock)
        self.demands = Demands(self.feed, cloud.database, registry, cloud.clock, lambda: self.now_s)

    async def after(self, passed_s: float) -> dict[str, Any] | None:
        """Let time pass and the demands be looked at; returns what the hub is asked."""
        self.now_s += passed_s
        self.cloud.clock.advance_to(self.cloud.clock.utc_ms() + int(passed_s * 1_000))
        await self.demands.settle()
        return asked(self.cloud)


def asked(cloud: Cloud) -> dict[str, Any] | None:
    """Read the hub's live shadow."""
    with cloud.database.reading() as connection:
        kept = read_shadow(connection, THING, topics.LIVE_SHADOW)
    return None if kept is None else kept.shadow.desired.state


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that knows a hub with a meter, which allows live."""
    made = Cloud(tmp_path)
    made.send(payload_of(samples_of(1, 3)))
    made.greet(1, 3, consent="live")
    made.connect()
    yield made
    made.database.close()


def test_nothing_is_asked_of_a_hub_that_nobody_watches(cloud: Cloud) -> None:
    """Not even a shadow is written."""
    assert asyncio.run(Api(cloud).after(10)) is None


def test_many_viewers_cost_one_demand_that_is_renewed_and_ended(cloud: Cloud) -> None:
    """Asked when the first comes, renewed each minute, ended after the last is not back."""
    api = Api(cloud)

    async def scenario() -> list[Any]:
        found = []
        with api.feed.watching("home", METER), api.feed.watching("home", METER):
            found.append(await api.after(0))
            found.append(await api.after(RENEW_S - 1))
            found.append(await api.after(1))
        found.append(await api.after(GRACE_S - 1))
        found.append(await api.after(1))
        found.append(await api.after(1_000))
        return found

    first, same, renewed, waiting, ended, after = asyncio.run(scenario())

    assert first == {"revision": NOW_MS, "for_s": DEMAND_S}
    assert same == first
    assert renewed == {"revision": NOW_MS + int(RENEW_S) * 1_000, "for_s": DEMAND_S}
    assert waiting["for_s"] == DEMAND_S
    assert ended["for_s"] == 0
    assert ended["revision"] > waiting["revision"]
    assert after == ended
    assert api.feed.audiences == {}


def test_a_process_that_ends_its_demand_leaves_anothers(cloud: Cloud) -> None:
    """Two processes of the API, each with viewers of its own."""
    one, other = Api(cloud), Api(cloud)

    async def scenario() -> list[Any]:
        with one.feed.watching("home", METER):
            await one.after(0)
        with other.feed.watching("home", METER):
            await other.after(GRACE_S)
            one.now_s += GRACE_S
            left = await one.after(0)
        await other.after(GRACE_S)
        return [left, asked(cloud)]

    left, ended = asyncio.run(scenario())

    assert left["for_s"] == DEMAND_S
    assert ended["for_s"] == 0


def test_only_a_hub_that_may_is_asked(cloud: Cloud) -> None:
    """What the household does not allow is not even asked for, nor a hub that is shut out."""
    api = Api(cloud)
    cloud.greet(1, 3, consent="10s")

    async def scenario() -> list[Any]:
        with api.feed.watching("home", METER):
            refused = await api.after(0)
            cloud.greet(1, 3, consent="live")
            return [refused, await api.after(RENEW_S)]

    refused, allowed = asyncio.run(scenario())

    assert refused is None
    assert allowed["for_s"] == DEMAND_S


def test_a_hub_that_cannot_be_asked_is_tried_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, and soon; viewers stay."""
    api = Api(cloud)

    def refuse(*_: object) -> int:
        raise BadInputError("not now")

    async def scenario() -> list[Any]:
        with api.feed.watching("home", METER):
            with monkeypatch.context() as broken:
                broken.setattr(SelfHostedRegistry, "desire", refuse)
                failed = await api.after(0)
            return [failed, await api.after(RETRY_S)]

    failed, again = asyncio.run(scenario())

    assert failed is None
    assert again["for_s"] == DEMAND_S
    assert api.feed.counts["failed-demands"] == 1


def test_revisions_rise_whatever_the_clock_says(cloud: Cloud) -> None:
    """The hub passes over a lower one: it came late."""
    with cloud.database.writing() as connection:
        found = [
            put_demand(connection, THING, "a", NOW_MS + 10_000, NOW_MS),
            put_demand(connection, THING, "b", NOW_MS + 60_500, NOW_MS),
            put_demand(connection, THING, "b", 0, NOW_MS - 5_000),
        ]

    assert [one.revision for one in found] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    assert [one.for_s for one in found] == [10, 61, 15]


def test_how_a_hub_stands_is_told(cloud: Cloud) -> None:
    """In one word, for whoever waits for samples."""

    def state() -> HubState:
        with cloud.database.reading() as connection:
            (found,) = hubs_of(connection, HOME, METER)
        return found.state

    states = [state()]
    cloud.disconnect()
    states.append(state())
    cloud.limit(Granularity.DAILY)
    states.append(state())
    cloud.revoke()
    states.append(state())

    assert states == [HubState.ASKED, HubState.OFFLINE, HubState.CONSENT, HubState.REVOKED]


@pytest.mark.parametrize("forbid", [lambda cloud: cloud.limit(Granularity.DAILY), Cloud.revoke])
def test_samples_that_come_all_the_same_are_shown_to_nobody(
    cloud: Cloud, forbid: Callable[[Cloud], None]
) -> None:
    """Of a hub that is limited to less or shut out, and of one nobody knows."""

    def shown() -> dict[str, str]:
        with cloud.database.reading() as connection:
            return shown_hubs(connection, [THING, "stranger"])

    before = shown()
    forbid(cloud)

    assert before == {THING: "home"}
    assert shown() == {}


def test_another_household_asks_no_hub_of_this_one(cloud: Cloud) -> None:
    """Though it names the meter."""
    with cloud.database.reading() as connection:
        found = hubs_of(connection, Scope.of("other"), METER)

    assert found == []
