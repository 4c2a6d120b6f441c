"""A running hub's place in its cloud: joining, renewing in time, following what changed beside."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent import membership as membership_module
from agent.identity.renewal import due_ms
from agent.membership import Doors, Membership
from agent.provision.claimfile import ClaimFile
from agent.provision.enrolment import Tools
from agent.provision.joining import join
from agent.provision.renewing import renew
from agent.uplink.junction import Junction
from agent.uplink.port import Channel, Disconnected, Event, Uplink
from tests.support.fake_fleet import CLAIM, THING, EnrollingCloud
from tests.support.fakes import FakeUplink

PATIENCE_S = 60.0


class Home:
    """A hub's membership with the cloud, the transports and the claim file in a test's hands."""

    def __init__(self, folder: Path) -> None:
        self.cloud = EnrollingCloud()
        self.folder = folder
        self.claim_file = folder / "hearthlink-claim.txt"
        self.uplinks: list[FakeUplink] = []
        self.events: list[Event] = []
        self.membership = Membership(
            self.cloud.tools(folder).identity,
            Doors(self.tools, self.open_uplink, self.attach, ClaimFile(self.claim_file, "")),
        )

    def tools(self, tell: Callable[..., None]) -> Tools:
        """Make the tools, telling of each step."""
        return dataclasses.replace(self.cloud.tools(self.folder), tell=tell)

    def open_uplink(self, *_: object) -> Uplink:
        """Make a transport."""
        self.uplinks.append(FakeUplink())
        return self.uplinks[-1]

    def attach(self, junction: Junction) -> None:
        """Start as the session would."""
        self.started = asyncio.ensure_future(junction.start(self.events.append))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 (bounded)
                await asyncio.sleep(0.01)

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        """Run a scenario beside the membership's task."""

        async def running() -> None:
            self.membership.open()
            task = asyncio.create_task(self.membership.run())
            try:
                await scenario()
            finally:
                task.cancel()

        asyncio.run(running())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A hub that has not joined yet, and looks around often."""
    monkeypatch.setattr(membership_module, "TICK_S", 0.02)
    monkeypatch.setattr(membership_module, "JOIN_AGAIN_S", (0.02, 0.05))
    return Home(tmp_path)


def test_a_claim_of_the_pages_joins_while_the_hub_runs(home: Home) -> None:
    """From no identity to a started transport, without a restart; each step is shown."""

    async def scenario() -> None:
        home.membership.offer(CLAIM)
        await home.until(lambda: bool(home.uplinks) and home.uplinks[-1].is_started)

    home.run(scenario)

    assert home.membership.state.thing == THING
    assert not home.membership.state.problem


def test_a_claim_file_is_used_and_removed(home: Home) -> None:
    """The installer's card needs nothing else."""
    home.claim_file.write_text(f"# claim\n{CLAIM}\n")

    async def scenario() -> None:
        await home.until(lambda: not home.claim_file.exists())

    home.run(scenario)

    assert home.membership.state.thing == THING


def test_a_refused_claim_file_is_put_aside_with_the_reason(home: Home) -> None:
    """It is not tried for ever; who takes the card out reads why."""
    home.cloud.refuse_claim = "this claim has expired"
    home.claim_file.write_text(CLAIM)
    aside = home.folder / "hearthlink-claim.refused.txt"

    async def scenario() -> None:
        await home.until(aside.exists)

    home.run(scenario)

    assert "this claim has expired" in aside.read_text()
    assert not home.claim_file.exists()
    assert home.membership.state.problem == "this claim has expired"


def test_nonsense_in_a_claim_file_is_put_aside(home: Home) -> None:
    """A text that is no claim says so."""
    home.claim_file.write_text("Dear hub, please join.")

    async def scenario() -> None:
        await home.until(lambda: not home.claim_file.exists())

    home.run(scenario)

    assert "no claim" in (home.folder / "hearthlink-claim.refused.txt").read_text()


def test_a_cloud_that_is_away_is_tried_again(home: Home) -> None:
    """The claim is kept; what stands in the way is shown meanwhile."""
    home.cloud.is_away = True

    async def scenario() -> None:
        home.membership.offer(CLAIM)
        await home.until(lambda: home.membership.state.problem == "the cloud is away")
        home.cloud.is_away = False
        await home.until(lambda: home.membership.state.thing == THING)

    home.run(scenario)


def test_what_was_provisioned_beside_is_followed(home: Home) -> None:
    """`hearthlink provision` in another process: the running hub connects by itself."""

    async def scenario() -> None:
        await join(home.cloud.tools(home.folder), CLAIM)
        await home.until(lambda: bool(home.uplinks) and home.uplinks[-1].is_started)

    home.run(scenario)


def test_a_certificate_is_renewed_when_it_is_due(home: Home) -> None:
    """The transport is changed for one with the new certificate; the old identity goes then."""
    asyncio.run(join(home.cloud.tools(home.folder), CLAIM))
    identity = home.cloud.tools(home.folder).identity
    before = identity.current()
    assert before is not None
    home.cloud.now_ms = due_ms(before.facts)

    async def scenario() -> None:
        await home.until(lambda: len(home.uplinks) > 1 and home.uplinks[-1].is_started)
        assert before.folder.exists()
        home.uplinks[-1].connect()

    home.run(scenario)

    assert home.uplinks[0].is_stopped
    assert not before.folder.exists()


def test_before_it_is_due_nothing_is_renewed(home: Home) -> None:
    """A minute early is early."""
    asyncio.run(join(home.cloud.tools(home.folder), CLAIM))
    present = home.cloud.tools(home.folder).identity.current()
    assert present is not None
    home.cloud.now_ms = due_ms(present.facts) - 60_000
    home.cloud.log.clear()

    async def scenario() -> None:
        await asyncio.sleep(0.1)

    home.run(scenario)

    assert home.cloud.log == []


def test_a_renewal_that_fails_leaves_the_hub_connected(home: Home) -> None:
    """The old certificate serves on."""
    asyncio.run(join(home.cloud.tools(home.folder), CLAIM))
    present = home.cloud.tools(home.folder).identity.current()
    assert present is not None
    home.cloud.now_ms = due_ms(present.facts)
    home.cloud.is_away = True

    async def scenario() -> None:
        await home.until(lambda: len(home.uplinks) > 1 and home.uplinks[-1].is_started)
        home.uplinks[-1].connect()
        assert home.membership.junction is not None
        assert home.membership.junction.publish(Channel.HELLO, b"hello")

    home.run(scenario)

    assert any(isinstance(event, Disconnected) for event in home.events)


def test_a_job_may_rotate_the_certificate_at_once(home: Home) -> None:
    """Whether it is due or not."""
    asyncio.run(join(home.cloud.tools(home.folder), CLAIM))
    name = home.cloud.tools(home.folder).identity.current_name()

    async def scenario() -> None:
        assert (await home.membership.rotate()).thing == THING

    home.run(scenario)

    assert home.cloud.tools(home.folder).identity.current_name() != name


def test_an_identity_that_cannot_be_used_is_shown_and_not_fatal(home: Home) -> None:
    """The hub reads on; the page says what is wrong."""
    asyncio.run(join(home.cloud.tools(home.folder), CLAIM))
    present = home.cloud.tools(home.folder).identity.current()
    assert present is not None
    present.certificate_file.write_text("spoilt")

    home.membership.open()

    assert "cannot be used" in home.membership.state.problem
    assert home.uplinks == []


def test_renewals_of_many_hubs_are_spread(tmp_path: Path) -> None:
    """Hubs of one day do not come back on one day, and none before two thirds of its life."""
    cloud = EnrollingCloud()
    asyncio.run(join(cloud.tools(tmp_path), CLAIM))
    dates = set()
    for _ in range(3):
        asyncio.run(renew(cloud.tools(tmp_path)))
        present = cloud.tools(tmp_path).identity.current()
        assert present is not None
        life_ms = present.facts.expires_ms - present.facts.begins_ms
        dates.add(due_ms(present.facts))
        assert life_ms * 0.66 < due_ms(present.facts) - present.facts.begins_ms < life_ms * 0.72

    assert len(dates) == 3
