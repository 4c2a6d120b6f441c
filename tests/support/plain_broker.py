"""A plain Mosquitto on a free loopback port, as a household has one: no TLS, perhaps a password."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.ports import free_port

HOST = "127.0.0.1"
SEARCH_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
START_S_MAX = 60.0
STOP_S_MAX = 5.0
POLL_S = 0.02


class PlainBroker:
    """A broker alive inside the `with` block; `lines` are added to its configuration."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._lines = lines or ("allow_anonymous true",)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """How a link names it, without a filter."""
        return f"mqtt://{HOST}:{self.port}"

    def set_password(self, name: str, password: str) -> str:
        """Write a password file with one user; return the line that names it."""
        path = self.folder / "passwords"
        path.write_text(f"{name}:{password}\n")
        path.chmod(0o600)
        subprocess.run([find_program("mosquitto_passwd"), "-U", str(path)], check=True)
        self._lines = ("allow_anonymous false", f"password_file {path}", "user root")
        return self._lines[1]

    def publish(self, *messages: tuple[str, bytes], retain: bool = False, qos: int = 1) -> None:
        """Publish messages, and return when the broker has them."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect(HOST, self.port)
        client.loop_start()
        for topic, payload in messages:
            client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(START_S_MAX)
        client.disconnect()
        client.loop_stop()

    def start(self) -> None:
        """Start the process and return once it accepts connections."""
        config = self.folder / "plain.conf"
        lines = (f"listener {self.port} {HOST}", "persistence false", *self._lines)
        config.write_text("\n".join(lines) + "\n")
        with (self.folder / "plain.log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_program("mosquitto"), "-c", str(config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S_MAX
        while not self._accepts():
            assert self._process.poll() is None, (self.folder / "plain.log").read_text()
            assert time.monotonic() < deadline, f"no listener after {START_S_MAX} s"
            time.sleep(POLL_S)

    def kill(self) -> None:
        """Take the process away without warning (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S_MAX)
            self._process = None

    def _accepts(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def find_program(name: str) -> str:
    """Return the path of one of Mosquitto's programs."""
    program = shutil.which(name) or shutil.which(name, path=SEARCH_PATH)
    assert program is not None, f"{name} is not installed: run 'make setup'"
    return program
