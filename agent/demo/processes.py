"""The demo's processes: commands started with logs of their own, waited for, and stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from shared.errors import OperatorError

START_S = 30.0
STOP_S = 20.0
POLL_S = 0.1


class Processes:
    """What runs, by name; each process's messages go to a file of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[str]] = {}

    def those_of(self, names: Iterable[str]) -> "list[subprocess.Popen[str]]":
        """Return those of these names that were started and not stopped."""
        return [self._running[name] for name in names if name in self._running]

    def start(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str] | None = None,
        output: int | None = None,
        line: int | None = None,
    ) -> None:
        """Start a process; `output` is where its standard output goes, None to its file too.

        `line` is a terminal that it reads and writes instead.
        """
        log = (self._folder / f"{name}.log").open("ab")
        self._running[name] = subprocess.Popen(  # noqa: S603 (our own commands and mosquitto)
            command,
            env={**os.environ, **(environment or {})},  # noqa: TID251 (passes it on, reads nothing)
            stdin=subprocess.DEVNULL if line is None else line,
            stdout=(output or log) if line is None else line,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()

    def stop(self, name: str) -> None:
        """Stop a process in its own order: SIGTERM, patience, SIGKILL."""
        process = self._running.pop(name, None)
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def check_running(self) -> None:
        """Raise OperatorError where a process has ended by itself, with the end of what it said."""
        for name, process in self._running.items():
            if process.poll() is not None:
                said = (self._folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise OperatorError(
                    f"{name} ended with status {process.returncode}:\n{said}",
                    hint=f"see {self._folder / name}.log",
                )

    def wait_for(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Wait until a process is ready; raise OperatorError where it ends or takes too long."""
        deadline = time.monotonic() + START_S
        while not is_ready():
            self.check_running()
            if time.monotonic() > deadline:
                raise OperatorError(f"{name} did not start", hint=f"see {self._folder / name}.log")
            time.sleep(POLL_S)

    def wait_for_port(self, name: str, host: str, port: int) -> None:
        """Wait until a process listens; raise OperatorError as `wait_for` does."""

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((host, port)) == 0

        self.wait_for(name, listens)


def hearthlink(*words: str) -> list[str]:
    """Return one of our own commands, of the installation this runs in."""
    return [str(Path(sys.executable).with_name("hearthlink")), *words]


def run_hearthlink(*words: str) -> str:
    """Run one of our own commands; return its output, raise OperatorError where it fails."""
    done = subprocess.run(  # noqa: S603
        hearthlink(*words), capture_output=True, text=True, check=False, timeout=START_S
    )
    if done.returncode:
        raise OperatorError(f"hearthlink {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
