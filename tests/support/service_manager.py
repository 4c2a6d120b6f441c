"""A service manager for tests: systemd's end of the notify socket, bound for real."""

import secrets
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.notify import ServiceManager


class FakeManager:
    """Takes datagrams on an AF_UNIX socket; use it in a `with`."""

    def __init__(self, *, is_abstract: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hl-notify-")
        name = f"hearthlink-test-{secrets.token_hex(8)}"
        self.address = f"@{name}" if is_abstract else str(Path(self._folder.name, "notify"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name}" if is_abstract else self.address)
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def manager(self, watchdog_s: float = 0.0) -> ServiceManager:
        """Tell what this manager would put into the environment."""
        return ServiceManager(self.address, watchdog_s)

    def lines(self) -> list[str]:
        """Take what has come since last asked, an assignment a line."""
        fresh: list[str] = []
        while True:
            try:
                fresh += self._socket.recv(4_096).decode().split("\n")
            except BlockingIOError:
                self.heard += fresh
                return fresh

    def wait_for(self, line: str, patience_s: float = 60.0) -> None:
        """Wait until an assignment that begins so has come, from another process or thread."""
        deadline_s = time.monotonic() + patience_s
        while not any(one.startswith(line) for one in self.heard):
            assert time.monotonic() < deadline_s, f"{line!r} was not said, but {self.heard}"
            self.lines()
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._folder.cleanup()
