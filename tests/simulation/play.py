"""Plays one seed from its schedule to its verdict, in a process that plays many."""

import asyncio
import contextlib
import gc
import logging
import math
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from agent import intake, pipeline
from agent.upkeep import sealing
from agent.uplink import session
from tests.simulation.cloud import Cloud
from tests.simulation.consent_checks import nothing_finer_left
from tests.simulation.hubs import HubFiles
from tests.simulation.invariants import CHECKS, Check
from tests.simulation.loop import VirtualLoop
from tests.simulation.schedule import Plan
from tests.simulation.stored import read_store
from tests.simulation.usage_checks import registers_are_served, usage_is_exact
from tests.simulation.world import World

MEMORY = Path("/dev/shm")
"""Files that need no disk: nothing here asks what a power cut leaves."""

SEAL_EVERY_S = 240.0
"""Blocks of a few rows are sealed here, and often enough so."""

COLLECT_EVERY = 100

ALL_CHECKS: tuple[Check, ...] = (
    *CHECKS,
    nothing_finer_left,
    registers_are_served,
    usage_is_exact,
)


@dataclass
class Outcome:
    """What came of one schedule."""

    seed: int
    violations: list[str] = field(default_factory=list)
    faults: int = 0
    samples: int = 0
    stored: int = 0
    frames: int = 0
    commits: int = 0
    virtual_s: float = 0.0


class Theatre:
    """The databases that a process's runs share, one after another."""

    def __init__(self) -> None:
        within = str(MEMORY) if MEMORY.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="hearthlink-simulation-", dir=within)
        folder = Path(self._folder.name)
        self._cloud = Cloud(folder)
        self._files = HubFiles(folder)
        self._played = 0
        # What is loaded by now stays: it need not be looked through again and again.
        gc.collect()
        gc.freeze()
        logging.disable(logging.CRITICAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        logging.disable(logging.NOTSET)
        gc.unfreeze()
        gc.enable()
        self._cloud.close()
        self._folder.cleanup()

    def empty(self) -> None:
        """Empty the store, as each run does that begins."""
        self._cloud.empty()

    def dump(self) -> list[str]:
        """Write down all that the store holds."""
        return self._cloud.dump()

    def play(self, plan: Plan) -> Outcome:
        """Play a schedule and judge what it leaves."""
        # Collecting garbage in the middle of thousands of short runs takes a quarter of their time.
        self._played += 1
        gc.disable()
        if self._played % COLLECT_EVERY == 0:
            gc.collect()
        draw = Random(f"loop {plan.seed}")
        loop = VirtualLoop(draw)
        try:
            with _drawn_secrets(draw), _limits_of(plan):
                world = World(loop, plan, self._files, self._cloud)
                loop.set_exception_handler(lambda _loop, what: _complain(world, what))
                try:
                    loop.run_until_complete(world.play())
                except Exception as error:  # noqa: BLE001  # the loop's boundary: it is judged
                    world.witness.complain(f"the run ended with {error!r}")
                _end_tasks(loop)
        finally:
            loop.close()
        return _judge(world, loop.time())


def _judge(world: World, virtual_s: float) -> Outcome:
    store = read_store(world.cloud.database)
    outcome = Outcome(world.plan.seed, list(world.witness.complaints))
    for check in ALL_CHECKS:
        outcome.violations += [f"{check.__name__}: {said}" for said in check(world, store)]
    outcome.faults = len(world.plan.faults)
    outcome.samples = len(world.witness.kept)
    outcome.stored = len(store.copies)
    outcome.frames = sum(map(len, store.framed.values()))
    outcome.commits = world.witness.commits
    outcome.virtual_s = virtual_s
    return outcome


def _end_tasks(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))


def _complain(world: World, what: dict[str, Any]) -> None:
    world.witness.complain(f"{what.get('message')}: {what.get('exception')!r}")


@contextlib.contextmanager
def _drawn_secrets(draw: Random) -> Iterator[None]:
    """Draw log ids from the seed too: they decide the order of what is told at one instant."""
    with patch.object(secrets, "token_bytes", draw.randbytes):
        yield


@contextlib.contextmanager
def _limits_of(plan: Plan) -> Iterator[None]:
    """Let the hub's own limits be small enough to be met in a run of minutes."""
    with (
        patch.object(session, "TICK_S", plan.tick_s),
        patch.object(sealing, "BLOCK_ROWS", plan.block_rows),
        patch.object(pipeline, "SEAL_EVERY_S", SEAL_EVERY_S),
        patch.object(intake, "MAX_PENDING_ROWS", 8 if plan.seed % 4 == 0 else 128),
        # Nobody sets another window in the middle of a run.
        patch.object(intake, "LOOK_EVERY_S", math.inf),
    ):
        yield
