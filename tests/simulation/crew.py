"""Plays many seeds over several processes, each with a theatre of its own."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.play import Outcome, Theatre
from tests.simulation.schedule import plan_of

CHUNK = 20
"""Seeds handed to a process at a time."""

_theatres: list[Theatre] = []


def play_many(seeds: range, jobs: int) -> Iterator[list[Outcome]]:
    """Play every seed; yield what came of some of them, as they are done."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawning, initializer=_open) as pool:
        for done in as_completed([pool.submit(_play_chunk, chunk) for chunk in chunks]):
            yield done.result()


def _open() -> None:
    _theatres.append(Theatre())


def _play_chunk(seeds: range) -> list[Outcome]:
    return [_theatres[0].play(plan_of(seed)) for seed in seeds]
