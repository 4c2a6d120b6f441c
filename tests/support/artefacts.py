"""What tests of updates share: a maker with a key, programs in archives, slots, a server."""

import base64
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.database import READABLE_FROM, migrations
from agent.update.packing import describe, pack
from agent.update.slots import Manifest, Slots
from shared.jobs import Artefact

KEY_ID = "maker-1"


def manifest_of(version: str, /, **changes: object) -> Manifest:
    """Say of a program that it would run here."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    newest = migrations()[-1][0]
    fitting = Manifest(version, python, platform.machine(), newest, READABLE_FROM)
    return msgspec.structs.replace(fitting, **changes)


def packages_in(folder: Path, version: str, modules: int = 8) -> Path:
    """Write a program of a few small files, each of which names its version."""
    for package in ("agent", "shared"):
        (folder / package).mkdir(parents=True)
        for number in range(modules):
            content = f"VERSION = {version!r}\nNUMBER = {number}\n" + "#" * 500 * number
            (folder / package / f"module_{number}.py").write_text(content)
    return folder


@dataclass
class Maker:
    """Who makes programs for hubs, and a folder to make them in."""

    folder: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def keys_file(self) -> Path:
        """Write the file of public keys that a hub is given."""
        path = self.folder / "maker.keys"
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        path.write_text(f"# who makes programs for this hub\n{KEY_ID} {public}\n")
        return path

    def make(
        self,
        version: str,
        /,
        url: str = "http://127.0.0.1:1/none.tar.gz",
        packages: Path | None = None,
        **changes: object,
    ) -> tuple[Path, Artefact]:
        """Pack a program and sign it; `changes` are of its manifest."""
        if packages is None:
            packages = self.folder / f"packages-{version}"
            if not packages.exists():
                packages_in(packages, version)
        archive = self.folder / f"program-{version}.tar.gz"
        archive.unlink(missing_ok=True)
        pack(packages, manifest_of(version, **changes), archive)
        return archive, describe(archive, version, url, KEY_ID, self.key)


class SlotsAs(Slots):
    """Slots whose running program is the one that is current when a test says so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, settle=lambda: None)
        self.runs = self.current

    def running(self, program: Path = Path()) -> str:
        """Name the slot that the test says is running."""
        return self.runs


def first_slot(folder: Path, version: str, modules: int = 8) -> SlotsAs:
    """Make slots whose `a` holds a program of this version, current and running."""
    slots = SlotsAs(folder)
    fill_slot(slots, "a", version, modules)
    slots.adopt("a")
    slots.runs = "a"
    return slots


def fill_slot(slots: Slots, name: str, version: str, modules: int = 8) -> None:
    """Write a whole program straight into a slot."""
    packages_in(slots.folder / name / "site", version, modules)
    content = msgspec.json.encode(manifest_of(version))
    (slots.folder / name / "slot.json").write_bytes(content)


def content_of(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@dataclass
class Server:
    """An HTTP server that has one file, and may behave badly."""

    content: bytes = b""
    port: int = 0
    breaks_after: list[int] = field(default_factory=list)
    ignores_ranges: bool = False
    status: int | None = None
    shifts_by: int = 0
    ranges: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Say where the file is."""
        return f"http://127.0.0.1:{self.port}/programs/hub.tar.gz"


@contextmanager
def serving(content: bytes = b"") -> Iterator[Server]:
    """Serve a file on a free port of loopback."""
    server = Server(content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, server)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, server: Server) -> None:
    wanted = request.headers.get("Range", "")
    server.ranges.append(wanted)
    begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
    if server.ignores_ranges:
        begin = 0
    status = server.status or (206 if begin else 200)
    body = server.content[begin:]
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    if status == 206:
        shown = begin + server.shifts_by
        request.send_header("Content-Range", f"bytes {shown}-{len(server.content) - 1}/*")
    request.send_header("Connection", "close")
    request.end_headers()
    if server.breaks_after:
        body = body[: server.breaks_after.pop(0)]
    request.wfile.write(body)
    request.close_connection = True
