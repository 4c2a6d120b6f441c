"""Homes of the demo side by side in front of one cloud, for tests that are about the homes."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agent.demo import play
from agent.demo.check import Summary, check_demo
from agent.demo.stage import SIMULATED_ZONE, Stage
from tests.support.ports import free_port
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
        self._visits += 1
        ports = {"api_port": self.chosen.api_port, "broker_port": self.chosen.broker_port}
        chosen = _chosen(folder, protocol=home, seed=self._visits, **ports, **options)
        started = time.monotonic()
        with _Guest(self, chosen) as guest:
            play._play_history(guest)
            play._await_stored(guest)
            while time.monotonic() - started < seconds or _count(guest) < rows:
                guest.hear_out()
                time.sleep(play.POLL_S)
                guest.check_running()
                assert time.monotonic() - started < play.STALL_S, f"{home} has too few rows"
            guest.end_readings()
            return check_demo(guest)


class _Guest(Stage):
    """A home in front of a cloud that is another's."""

    def __init__(self, host: SharedCloud, chosen: argparse.Namespace) -> None:
        super().__init__(chosen)
        self._host = host
        self.thing = f"hub-{chosen.seed}"
        self.token = host.token

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


def _count(guest: Stage) -> int:
    held = play.held_ranges(guest).values()
    return sum(last - first + 1 for first, last in held)
