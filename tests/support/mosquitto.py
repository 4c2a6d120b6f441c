"""A real Mosquitto for tests, with the configuration and certificates that operators get."""

import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.demo.ports import free_port
from cloud.fleet.authority import Authority, Credentials
from cloud.fleet.broker import ACCESS_LIST_NAME, write_broker_config
from shared.clock import SystemClock
from shared.topics import SERVICE_PREFIX

START_S_MAX = 60.0
STOP_S_MAX = 5.0
POLL_S = 0.02
SEARCH_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
"""Debian keeps the broker in /usr/sbin, which an ordinary user's PATH lacks."""


OBSERVER = "cloud-observer"
"""A service that no operator has: it may read and write everything, for tests that look on."""

EVERYTHING = (
    "hearthlink/v1/#",
    "$aws/things/#",
    "$aws/certificates/#",
    "$aws/provisioning-templates/#",
)


class Broker:
    """A Mosquitto on free loopback ports, alive inside the `with` block.

    `directory` holds the certificates, the configuration and `mosquitto.log`; without one a
    temporary folder is made and removed. With `ephemeral` (the default) a kill forgets everything.
    With `root` the root's key lies in that folder, and an issuer signs.
    """

    host = "localhost"

    def __init__(
        self,
        directory: Path | None = None,
        *,
        ephemeral: bool = True,
        root: Path | None = None,
    ) -> None:
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="hearthlink-broker-"))
        self.port = free_port()
        self.services_port = free_port()
        self.authority = Authority(self.directory, SystemClock())
        self.authority.prepare(root)
        self.config = write_broker_config(
            self.authority, self.port, ephemeral=ephemeral, services_port=self.services_port
        )
        self.allow(f"user {OBSERVER}", *(f"topic readwrite {one}" for one in EVERYTHING))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ca(self) -> Path:
        """The certificate that clients trust."""
        return self.authority.certificate

    @property
    def pid(self) -> int | None:
        """The process's id; None while none runs."""
        return self._process.pid if self._process is not None else None

    @property
    def log_path(self) -> Path:
        """What the broker printed."""
        return self.directory / "mosquitto.log"

    def issue(self, thing: str) -> Credentials:
        """Make (or find) the credentials of a hub."""
        return self.authority.issue(thing)

    def service(self, name: str = OBSERVER) -> Credentials:
        """Find the credentials of one of the cloud's services, or of the tests' own."""
        return self.authority._ensure(name)

    def port_for(self, name: str) -> int:
        """Choose the listener for whoever has a name: services have their own."""
        return self.services_port if name.startswith(SERVICE_PREFIX) else self.port

    def allow(self, *lines: str) -> None:
        """Add lines to the access list; a broker that runs reads them when it is restarted."""
        path = self.directory / ACCESS_LIST_NAME
        path.write_text("\n".join([path.read_text(), *lines, ""]))

    def tls_context(self, credentials: Credentials) -> ssl.SSLContext:
        """Build a client context that trusts this broker and shows `credentials`."""
        context = ssl.create_default_context(cafile=str(credentials.authority))
        context.load_cert_chain(credentials.certificate, credentials.key)
        return context

    def start(self) -> None:
        """Start the process and return once it accepts connections."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path=SEARCH_PATH)
        assert program is not None, "mosquitto is not installed: run 'make setup'"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self.config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S_MAX
        while not self._accepts():
            status = self._process.poll()
            assert status is None, f"mosquitto ended with {status}: {self.log_path.read_text()}"
            assert time.monotonic() < deadline, f"no listener after {START_S_MAX} s"
            time.sleep(POLL_S)

    def reload(self) -> None:
        """Have the process read its access list and its revocation list again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Take the process away without warning (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S_MAX)
            self._process = None

    def stop(self) -> None:
        """Ask the process to end, and wait for it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_S_MAX)
            self._process = None

    def restart(self) -> None:
        """Start again on the same port with the same files, after a kill or a stop."""
        self.stop()
        self.start()

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.services_port), timeout=1).close()
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
        self.stop()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
