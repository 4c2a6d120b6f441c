"""The demo's panel: the C reference on a serial line of the hub, its picture beside the hub's page.

Owns the line's terminal and the program's build; what shows it is panelpage.py, which processes run
is the stage's. A machine without a compiler has no panel in its demo, and is told so.
"""

import http.server
import os
import termios
import tty
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from agent.demo.panelpage import HOST, serve_panel_page
from agent.demo.reference import build_reference, find_compiler

LIBRARIES = ("cbor2", "cobs", "fastcrc")
"""What the hub needs to speak with a panel: the extra [panel]."""


class DemoPanel:
    """A panel's terminal, program and picture; `absent` says in words why there is none."""

    def __init__(self, folder: Path, display_url: str = "", *, is_wanted: bool = True) -> None:
        self.absent = find_obstacle() if is_wanted else "not asked for"
        self.port = ""
        """What the hub's panel.port names; "" where there is no panel."""
        self.url = ""
        self.picture = folder / "panel.png"
        self.line = -1
        """The program's end of the terminal."""
        self._folder = folder
        self._display_url = display_url
        self._theirs = -1
        self._server: http.server.ThreadingHTTPServer | None = None

    def prepare(self) -> None:
        """Open the terminal and serve the page, unless there is an obstacle."""
        if self.absent:
            return
        self.line, self._theirs = os.openpty()
        # Held open here too, so that a hub may come and go without the program's line ending.
        tty.setraw(self._theirs, termios.TCSANOW)
        link = self._folder / "panel"
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._theirs))
        self.port = str(link)
        self._server = serve_panel_page(self.picture, self._display_url)
        self.url = f"http://{HOST}:{self._server.server_port}"

    def command(self, build: Callable[[str, Path], Path] = build_reference) -> list[str]:
        """Build the program, and say how it is started on `line`."""
        program = build(find_compiler() or "cc", self._folder)
        return [str(program), "run", "--png", str(self.picture)]

    def close(self) -> None:
        """Close the terminal and the page's server."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for descriptor in (self.line, self._theirs):
            if descriptor >= 0:
                os.close(descriptor)
        self.line = self._theirs = -1

    def sentence(self) -> str:
        """Say where the panel is shown, or why there is none."""
        if self.absent:
            return f"none: {self.absent}"
        return f"{self.url}   (the C reference, on a serial line of the hub, beside the display)"


def find_obstacle() -> str:
    """Say in plain words why this machine shows no panel; "" where it can."""
    if find_compiler() is None:
        return "no C compiler here to build it with (apt install gcc libc6-dev)"
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (pip install 'hearthlink[panel]')"
    return ""
