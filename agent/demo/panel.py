"""The demo's panel: the C reference on a serial line of the hub, and its picture on a small page.

Owns the line's terminal, the program's build and the picture's server; which processes run is the
stage's. A machine without a compiler has no panel in its demo, and is told so.
"""

import http.server
import os
import termios
import threading
import tty
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from agent.demo.ports import free_port
from agent.demo.reference import build_reference, find_compiler

HOST = "127.0.0.1"
LIBRARIES = ("cbor2", "cobs", "fastcrc")
"""What the hub needs to speak with a panel: the extra [panel]."""

PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<title>Panel</title><style>body{margin:2rem;font:1rem system-ui}img{border:.6rem solid #222;
border-radius:.6rem}</style></head><body><h1>The panel on the wall</h1>
<img src="panel.png" alt="What the C reference panel shows now" width="432" height="256">
<p>Drawn by firmware_bridge/reference, a second after the meter.</p></body></html>
"""


class DemoPanel:
    """A panel's terminal, program and picture; `absent` says in words why there is none."""

    def __init__(self, folder: Path, *, is_wanted: bool = True) -> None:
        self.absent = find_obstacle() if is_wanted else "not asked for"
        self.port = ""
        """What the hub's panel.port names; "" where there is no panel."""
        self.url = ""
        self.picture = folder / "panel.png"
        self.line = -1
        """The program's end of the terminal."""
        self._folder = folder
        self._theirs = -1
        self._server: http.server.ThreadingHTTPServer | None = None

    def prepare(self) -> None:
        """Open the terminal and serve the picture, unless there is an obstacle."""
        if self.absent:
            return
        self.line, self._theirs = os.openpty()
        # Held open here too, so that a hub may come and go without the program's line ending.
        tty.setraw(self._theirs, termios.TCSANOW)
        link = self._folder / "panel"
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._theirs))
        self.port = str(link)
        self._server = _serve(self.picture)
        self.url = f"http://{HOST}:{self._server.server_port}"

    def command(self, build: Callable[[str, Path], Path] = build_reference) -> list[str]:
        """Build the program, and say how it is started on `line`."""
        program = build(find_compiler() or "cc", self._folder)
        return [str(program), "run", "--png", str(self.picture)]

    def close(self) -> None:
        """Close the terminal and the picture's server."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for descriptor in (self.line, self._theirs):
            if descriptor >= 0:
                os.close(descriptor)
        self.line = self._theirs = -1

    def sentence(self) -> str:
        """Say where the panel's picture is, or why there is none."""
        if self.absent:
            return f"none: {self.absent}"
        return f"{self.url}   (the C reference, on a serial line of the hub)"


def find_obstacle() -> str:
    """Say in plain words why this machine shows no panel; "" where it can."""
    if find_compiler() is None:
        return "no C compiler here to build it with (apt install gcc libc6-dev)"
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (pip install 'hearthlink[panel]')"
    return ""


def _serve(picture: Path) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Serves the page and the picture, and nothing else."""

        def do_GET(self) -> None:
            """Answer with the page, or the picture as it is now."""
            if self.path == "/":
                self._answer(PAGE, "text/html; charset=utf-8")
            elif self.path == "/panel.png" and picture.exists():
                self._answer(picture.read_bytes(), "image/png")
            else:
                self.send_error(404)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (its name)
            """Keep the demo's terminal for the demo."""

        def _answer(self, content: bytes, media_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

    server = http.server.ThreadingHTTPServer((HOST, free_port()), Handler)
    threading.Thread(target=server.serve_forever, name="panel picture", daemon=True).start()
    return server
