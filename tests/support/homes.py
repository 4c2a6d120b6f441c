"""Homes of the demo side by side in front of one cloud, for tests that are about the homes."""

import argparse
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.demo import play
from agent.demo.check import Summary, check_demo
from agent.demo.ports import free_port
from agent.demo.sources import Source, home_of
from agent.demo.stage import SIMULATED_ZONE, Stage
from firmware_bridge.simulator.oracle import read_lines
from tests.support.stores import url_for


def _chosen(folder: Path, **others: object) -> argparse.Namespace:
    """Say what `hearthlink demo` would be told; `others` as its options."""
    options: dict[str, object] = {
        "state": folder,
        "seed": 1,
        "history_days": 0.2,
        "protocol": "p1",
        "replay": None,
        "zone": SIMULATED_ZONE,
        "faults": None,
        "page_port": free_port(),
        "api_port": free_port(),
        "broker_port": free_port(),
    }
    return argparse.Namespace(**{**options, **others})


class SharedCloud(Stage):
    """The demo's broker and cloud without its home; homes come and go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_chosen(folder))
        self._visits = 0

    def _start_all(self) -> None:
        self._start_cloud()

    def _cloud_environment(self, service: str) -> dict[str, str]:
        store = {"HEARTHLINK_CLOUD_DATABASE_URL": url_for(self.state)}
        return {**super()._cloud_environment(service), **store}

    def visit(
        self, home: str, folder: Path, *, seconds: float = 3, rows: int = 0, **options: object
    ) -> Summary:
        """Run a home for `seconds` and until it has `rows` stored; `options` as the demo's.

        Each visit is of another household, whose meters nobody else has.
        """
        started = time.monotonic()
        with self._guest(folder, {home: home_of(home)}, **options) as guest:
            _play(guest)
            while time.monotonic() - started < seconds or _count(guest) < rows:
                _go_on(guest, started, f"{home} has too few rows")
            guest.end_readings()
            return check_demo(guest)

    def visit_all(self, least: Mapping[str, int], folder: Path) -> tuple[Summary, dict[str, int]]:
        """Run homes behind one hub, until each has so many samples to be logged by what it shows.

        Returns the summary of them all, and how many samples each had to log.
        """
        started = time.monotonic()
        with self._guest(folder, {home: home_of(home) for home in least}) as guest:
            _play(guest)
            for home, rows in least.items():
                while guest.to_log(home) < rows:
                    _go_on(guest, started, f"{home} has too few samples")
            guest.end_readings()
            return check_demo(guest), {home: guest.to_log(home) for home in least}

    def _guest(
        self, folder: Path, homes: Mapping[str, Mapping[str, Source]], **options: object
    ) -> "_Guest":
        first = self._visits + 1
        self._visits += len(homes)
        ports = {"api_port": self.chosen.api_port, "broker_port": self.chosen.broker_port}
        chosen = _chosen(folder, protocol=next(iter(homes)), seed=first, **ports, **options)
        return _Guest(self, chosen, homes)


def _play(guest: "_Guest") -> None:
    play._play_history(guest)
    play._await_stored(guest)


def _go_on(guest: "_Guest", started: float, what: str) -> None:
    guest.hear_out()
    time.sleep(play.POLL_S)
    guest.check_running()
    assert time.monotonic() - started < play.STALL_S, what


class _Guest(Stage):
    """A hub in front of a cloud that is another's; each of its homes is of a seed of its own."""

    def __init__(
        self,
        host: SharedCloud,
        chosen: argparse.Namespace,
        homes: Mapping[str, Mapping[str, Source]],
    ) -> None:
        super().__init__(chosen)
        self._host = host
        self.thing = f"hub-{chosen.seed}"
        self.token = host.token
        self._names = {
            home: {one: _name(home, one, homes) for one in homes[home]} for home in homes
        }
        self.sources = {
            self._names[home][one]: source
            for home, sources in homes.items()
            for one, source in sources.items()
        }
        self._seeds = {
            name: seed
            for seed, names in enumerate(self._names.values(), chosen.seed)
            for name in names.values()
        }

    def to_log(self, home: str) -> int:
        """Count the samples that a home's sources say must be logged."""
        paths = [self.state / f"{name}.oracle.jsonl" for name in self._names[home].values()]
        shown = [path.read_bytes() for path in paths if path.exists()]
        return sum(line.must_log for content in shown for line in read_lines(content))

    def _start_source(self, name: str, source: Source) -> dict[str, Any]:
        self.chosen.seed = self._seeds[name]
        return super()._start_source(name, source)

    def _check_ports(self) -> None:
        """The cloud's are taken, by the cloud."""

    def _start_all(self) -> None:
        self._start_home()

    def _cloud_environment(self, service: str) -> dict[str, str]:
        return self._host._cloud_environment(service)

    def cloud(self, *words: str) -> Any:
        """Start one of the cloud's commands; of what it lists only the own hub's is seen."""
        return _Own(super().cloud(*words), self.thing)


class _Own:
    """What a process prints about one hub."""

    def __init__(self, process: Any, thing: str) -> None:
        self._process = process
        self._thing = thing

    @property
    def stdout(self) -> Iterator[str]:
        """The lines that name the hub."""
        for line in self._process.stdout:
            if msgspec.json.decode(line)["thing"] == self._thing:
                yield line

    def wait(self) -> int:
        """Wait for its end and tell its status."""
        return int(self._process.wait())


def _name(home: str, source: str, homes: Mapping[str, object]) -> str:
    """Name a source by itself in a home that is alone, as the demo does."""
    return source if len(homes) == 1 else f"{home}-{source}"


def _count(guest: Stage) -> int:
    held = play.held_ranges(guest).values()
    return sum(last - first + 1 for first, last in held)
