"""Processes that may be taken away: killed, frozen, kept from writing, and started again."""

import os
import resource
import signal
from pathlib import Path

from agent.demo.processes import Processes


class Troupe(Processes):
    """What runs, and how each was started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._commands: dict[str, tuple[list[str], dict[str, str] | None]] = {}

    def start(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str] | None = None,
        output: int | None = None,
        line: int | None = None,
    ) -> None:
        """Start a process, and remember how; one on a line is not started again."""
        self.remember(name, command, environment)
        super().start(name, command, environment, output, line)

    def remember(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> None:
        """Let a process be started so from now on."""
        self._commands[name] = (command, environment)

    def again(self, name: str) -> None:
        """Start a process that was taken away, as it was started before."""
        if name not in self._running:
            super().start(name, *self._commands[name])

    def kill(self, name: str) -> None:
        """Take a process away without warning (SIGKILL)."""
        process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def wait(self, name: str, patience_s: float) -> int:
        """Wait until a process has ended by itself; return its status."""
        return self._running.pop(name).wait(patience_s)

    def freeze(self, name: str) -> None:
        """Let a process stand still (SIGSTOP)."""
        os.kill(self._running[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a process go on (SIGCONT)."""
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)

    def limit_files(self, name: str, bytes_max: int | None) -> None:
        """Let no file of a process grow past a size, as a full disk does; None lifts that."""
        soft = resource.RLIM_INFINITY if bytes_max is None else bytes_max
        limits = (soft, resource.RLIM_INFINITY)
        resource.prlimit(self._running[name].pid, resource.RLIMIT_FSIZE, limits)

    def ended(self) -> list[str]:
        """List the processes that have ended by themselves."""
        return [name for name, one in self._running.items() if one.poll() is not None]
