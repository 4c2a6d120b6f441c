"""Corrections after sending, from the clock ledger to the cloud's half hours, in one process."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.upkeep.backup import back_up, restore
from agent.upkeep.sealing import seal
from agent.upkeep.thinning import Thinner
from agent.uplink.framing import CLOSED_AFTER_MS
from shared.calendar import slot_start_ms
from shared.meterdays import usage_of_run
from shared.units import MS_PER_HOUR, MS_PER_MINUTE
from tests.support.corrections import WRONG_BY_MS, World

HONEST_MS = 2_000 + 10
"""What was dated stays unless it moves by more than 2 s, seen from a source that is 10 ms off."""

WRONG_BY_HOURS_MS = WRONG_BY_MS[:-1]
"""What a cloud takes: it refuses a sample of more than a day ahead until the hub knows better."""


def play(world: World, rng: random.Random, steps: int) -> None:
    """Let a home go through this and that, with sources that are wrong at times."""
    for _ in range(steps):
        action = rng.choice(
            ("hear", "hear", "hear", "right", "wrong", "talk", "talk", "restart", "reboot", "seal")
        )
        if action == "hear":
            world.hear(rng.randint(1, 45))
        elif action == "right":
            world.tell(rng.choice((0, 8, -8)))
        elif action == "wrong":
            world.tell(rng.choice(WRONG_BY_HOURS_MS), rng.choice((10, 1_500, 8_000)))
        elif action == "talk":
            chance = rng.choice((0.3, 1.0))
            world.talk(lambda _, chance=chance: chance, rng.randint(0, 2**32))  # type: ignore[misc]  # a default of its own
        elif action == "restart":
            world.restart()
        elif action == "reboot" and world.granularity != "half-hourly" and rng.random() < 0.3:
            world.reboot(rng.randint(0, 3) * MS_PER_HOUR)
        elif action == "seal":
            seal(world.hub.log)


def finish(world: World, rng: random.Random) -> None:
    """Let the truth come out, every day that samples were ever dated on end, all arrive."""
    world.tell(0)
    world.hear(rng.randint(1, 20))
    world.pass_by(40 * MS_PER_HOUR)
    world.settle()


@settings(max_examples=40, deadline=None)
@example(162, "half-hourly")  # A lie that no row was heard in closed the running half hour.
@example(268, "half-hourly")  # Rows came in the seconds until their revision was learned.
@example(3626, "half-hourly")  # The time stepped back into a half hour that was closed.
@given(st.integers(0, 2**32), st.sampled_from(("10s", "half-hourly", "daily", "none")))
def test_the_cloud_has_what_the_ledger_says_in_the_end(seed: int, granularity: str) -> None:
    """Each sample once and at the hub's last word; half hours and days are those of it.

    Sources wrong by seconds to hours, contradicted before and after sending, boots, restarts and
    messages that are lost, late and doubled; a meter with or without a clock. A half hour that two
    boots share may have been closed before the second learned its time: not here.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        meter_off_ms = rng.choice((None, None, 0, 30_000, -118_000, 10**9))
        world = World(Path(folder), granularity, meter_off_ms)
        play(world, rng, rng.randint(4, 24))
        finish(world, rng)

        resolved, stored = world.resolved(), world.stored()

        assert world.cloud.hub().conflicts == 0
        assert {place: resolved[place][1] for place in stored} == stored
        assert world.hub_edges() == world.true_edges()
        now_ms = world.hub.utc_ms()
        if granularity == "10s":
            assert stored.keys() == resolved.keys()
            assert world.cloud_edges() == world.true_edges()
        elif granularity == "half-hourly":
            edges = world.cloud_edges()
            for slot, one in world.true_edges().items():
                if slot_start_ms(slot + 1) + CLOSED_AFTER_MS <= now_ms:
                    assert edges.get(slot) == one
        elif granularity == "daily":
            for day, edges_of_day in world.day_edges().items():
                assert edges_of_day <= stored.keys(), day
        elif granularity == "none":
            assert stored == {}
        world.close()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_where_the_ledger_learned_the_truth_the_cloud_has_it(seed: int) -> None:
    """Sources wrong, each otherwise, and each contradicted by the truth: nothing stays wrong."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.hear(rng.randint(0, 30))
        for wrong_by_ms in rng.sample(WRONG_BY_MS, rng.randint(1, 3)):
            world.tell(wrong_by_ms)
            world.hear(rng.randint(1, 60))
            if rng.random() < 0.7:
                world.talk()
            world.tell(rng.choice((0, 5, -5)))
            world.hear(rng.randint(1, 60))
            if rng.random() < 0.3:
                world.restart()
        finish(world, rng)

        assert world.stored().keys() == world.true_ms.keys()
        assert world.worst_ms() <= HONEST_MS
        world.close()


@pytest.mark.usefixtures("either_store")
@pytest.mark.parametrize("granularity", ["10s", "half-hourly"])
def test_an_hour_that_was_sent_wrong_is_put_right(tmp_path: Path, granularity: str) -> None:
    """The first word was five hours off; the truth comes when all of it is stored already."""
    world = World(tmp_path, granularity)
    world.tell(5 * MS_PER_HOUR)
    world.hear(90)
    world.settle()
    wrong = world.stored()
    world.tell(0)
    world.hear(45)
    world.pass_by(MS_PER_HOUR)

    world.settle()

    right = world.stored()
    assert max(abs(at_ms - world.true_ms[place]) for place, at_ms in right.items()) <= HONEST_MS
    assert (
        min(abs(wrong[place] - right[place]) for place in wrong.keys() & right.keys()) > MS_PER_HOUR
    )
    assert world.cloud_edges() == world.true_edges()
    assert world.cloud.hub().conflicts == 0
    world.close()


def test_a_liar_between_two_that_agree_moves_nothing_for_good(tmp_path: Path) -> None:
    """One reply of a wrong server, put right a minute later: what was right is right again."""
    world = World(tmp_path)
    world.tell(0)
    world.hear(60)
    world.settle()
    before = world.stored()
    world.tell(20 * MS_PER_MINUTE)
    world.settle()
    moved = world.stored()
    world.hear(1)
    world.tell(0)

    world.settle()

    after = world.stored()
    assert moved != before
    assert {place: after[place] for place in before} == before
    assert world.worst_ms() <= HONEST_MS
    world.close()


def test_nothing_is_sent_again_where_no_time_moved(tmp_path: Path) -> None:
    """A day of sources that agree: every frame at revision 0, each row once."""
    world = World(tmp_path)
    for _ in range(24):
        world.tell(0, 40)
        world.hear(60)
        world.talk()
    world.settle()

    assert world.hub.ledger.size > 1
    assert world.cloud.service is not None
    (log,) = world.hub.log.all_logs()
    assert world.hub.wanted(log.log) == []
    assert {revision for _, _, revision in world.session.delivery(log.log).stored} == {0}
    world.close()


@pytest.mark.parametrize("narrowed_to", ["none", "daily", "half-hourly"])
def test_a_correction_that_moves_no_sample_takes_none_away(
    tmp_path: Path, narrowed_to: str
) -> None:
    """The meter's own clock was right all the while, and less may leave than when it was sent."""
    world = World(tmp_path, meter_off_ms=0)
    world.tell(0)
    world.hear(90)
    world.settle()
    before, edges = world.stored(), world.cloud_edges()
    world.hub.set_granularity(narrowed_to)
    world.tell(5_000)
    world.hear(5)
    world.pass_by(2 * MS_PER_HOUR)

    world.settle()

    (log,) = world.hub.log.all_logs()
    assert len(before) == 90
    assert world.hub.ledger.revised() != []
    assert world.hub.wanted(log.log) == []
    assert before.items() <= world.stored().items()
    assert world.cloud_edges().keys() >= edges.keys()
    world.close()


@pytest.mark.parametrize(("before_ms", "after_ms"), [(0, 2 * MS_PER_HOUR), (-5 * MS_PER_HOUR, 0)])
def test_what_was_heard_before_a_wider_choice_never_leaves(
    tmp_path: Path, before_ms: int, after_ms: int
) -> None:
    """Whichever way the time moves: one goes ahead after the choice, one was behind before it."""
    world = World(tmp_path, "none")
    world.tell(before_ms)
    world.hear(60)
    world.settle()
    world.hub.set_granularity("10s")
    world.tell(after_ms)
    world.hear(3)

    world.settle()

    assert sorted(seq for _, seq in world.stored()) == [61, 62, 63]
    world.close()


@pytest.mark.usefixtures("either_store")
@pytest.mark.parametrize("off_ms", [5 * MS_PER_HOUR, -5 * MS_PER_HOUR])
def test_energy_is_right_where_thinning_came_before_the_correction(
    tmp_path: Path, off_ms: int
) -> None:
    """The cloud keeps no detail at a time that the hub can no longer put right."""
    world = World(tmp_path)
    world.tell(off_ms)
    world.hear(800)
    world.settle()
    while seal(world.hub.log):
        pass
    stored = world.session.delivery
    thinner = Thinner(
        world.hub.log,
        world.hub.ledger.resolve,
        world.hub.config.hub_zone,
        lambda log: stored(log).stored_ranges(),
    )
    given_up = thinner.thin()
    world.tell(0)
    world.hear(400)
    world.pass_by(MS_PER_HOUR)

    world.settle()

    assert given_up > 0
    assert world.cloud_edges() == world.true_edges()
    assert usage_of_run(world.cloud_edges(), 0) == usage_of_run(world.true_edges(), 0)
    world.close()


def test_a_database_put_back_outbids_what_it_has_forgotten(tmp_path: Path) -> None:
    """The cloud had a liar's times at revisions that the copy's ledger never gave."""
    world = World(tmp_path)
    world.tell(0)
    world.hear(60)
    world.settle()
    path, copy = world.hub.config.database_path, tmp_path / "copy.sqlite"
    back_up(path, copy, lambda *_: None)
    for off_ms in (20, -20, 40):
        world.tell(off_ms * MS_PER_MINUTE)
        world.settle()
    world.hub.log.close()
    restore(path, copy, lambda *_: None)
    world.start()

    world.hear(5)
    world.tell(0)
    world.settle()
    world.restart()
    world.settle()

    resolved = world.resolved()
    assert {place: resolved[place][1] for place in world.stored()} == world.stored()
    assert world.stored().keys() == resolved.keys()
    assert world.worst_ms() <= HONEST_MS
    (log, *_) = world.hub.log.all_logs()
    assert world.session.delivery(log.log).unstored((1, 60)) == []
    world.close()


@pytest.mark.usefixtures("either_store")
def test_a_correction_after_a_restore_outbids_those_before_it(tmp_path: Path) -> None:
    """Its number begins above all that the cloud has."""
    world = World(tmp_path)
    world.tell(0)
    world.hear(60)
    path, copy = world.hub.config.database_path, tmp_path / "copy.sqlite"
    back_up(path, copy, lambda *_: None)
    for off_ms in (20, -20, 40):
        world.tell(off_ms * MS_PER_MINUTE)
        world.hear(1)
        world.settle()
    world.hub.log.close()
    restore(path, copy, lambda *_: None)
    world.start()
    world.settle()
    world.tell(90 * MS_PER_MINUTE)
    world.hear(3)

    world.settle()

    resolved, stored = world.resolved(), world.stored()
    assert resolved.keys() <= stored.keys()
    assert all(stored[place] == at_ms for place, (_, at_ms) in resolved.items())
    world.close()
