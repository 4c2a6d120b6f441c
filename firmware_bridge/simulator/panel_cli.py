"""`hearthlink simulate panel`: a simulated display panel on a pseudo-terminal.

Owns the terminal, the waiting and what is printed; what the panel does is `panel.py`'s.
"""

import argparse
import contextlib
import json
import math
import os
import select
import shlex
import subprocess
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from firmware_bridge.display.messages import FIELDS, Display, PanelMessage, Text
from firmware_bridge.simulator.panel import Boot, SimulatedPanel
from firmware_bridge.simulator.panel_faults import (
    NO_FLASH_FAULTS,
    FlashFaults,
    PanelFaults,
    read_panel_faults,
)
from firmware_bridge.simulator.panel_picture import draw_lines, draw_png
from firmware_bridge.simulator.stopping import stopped_by_signals
from shared.errors import OperatorError

PTY = "pty:"
STEP_S = 0.01
READ_BYTES = 4_096
UNREAD_BYTES_MAX = 16_384
"""What a hub that does not read is kept; a UART keeps nothing."""


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink simulate panel",
        description="Simulate a display panel on a serial port that a hub's panel.port can name.",
    )
    parser.add_argument("--link", help="pty:PATH (default: the pseudo-terminal's own name)")
    parser.add_argument(
        "--faults", metavar="SPEC", help="flip=1/2000,stall=3s@10s and so on, or a TOML file"
    )
    parser.add_argument("--board", help="what it calls itself (default: as its image says)")
    parser.add_argument("--firmware", default="1.0.0", help="the version it tells")
    parser.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="the signed image it runs; it takes updates then, and tells the image's version",
    )
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="the public keys its bootloader knows (PEM)"
    )
    parser.add_argument(
        "--answer-s", type=float, help="answer messages by a button after so many seconds"
    )
    parser.add_argument(
        "--program",
        metavar="COMMAND",
        help="run this panel of your own instead, its input and output the line",
    )
    parser.add_argument("--seconds", type=float, help="end by itself so long after the start")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="keep what it shows here, as a PNG"
    )
    parser.add_argument("--json", action="store_true", help="print what happens as JSON lines")
    return parser


def run_panel(arguments: Sequence[str]) -> int:
    """Simulate until the end that was asked for, or until SIGTERM or SIGINT; return 0."""
    options = build_parser().parse_args(arguments)
    faults = read_panel_faults(options.faults) if options.faults else PanelFaults()
    board = "simulated"
    start_boot: Callable[[], Boot] = partial(Boot, options.firmware)
    if options.image:
        board, start_boot = _boots(options.image, options.keys, faults.flash)
    elif faults.flash != NO_FLASH_FAULTS:
        raise OperatorError(
            "brownout and corrupt are faults of a flash, which this panel has not",
            hint="give it an image and its keys: --image FILE --keys FILE",
        )
    panel = SimulatedPanel(
        faults,
        start_boot,
        board=options.board or board,
        answer_after_ms=None if options.answer_s is None else round(options.answer_s * 1_000),
    )
    with stopped_by_signals() as stopping, _terminal(options.link) as (master, port):
        say = _say_json if options.json else _say_words
        say("port", {"port": port})
        if options.program:
            status = _run_program(shlex.split(options.program), master, stopping, options.seconds)
            say("ended", {"status": status})
            return 0
        play_panel(panel, master, stopping, options.seconds, _Screen(options.picture, say))
        say("ended", {"starts": panel.starts, "is_welcome": panel.is_welcome})
    return 0


def _boots(image: Path, keys: Path | None, faults: FlashFaults) -> tuple[str, Callable[[], Boot]]:
    """Give the board of an image, and let a bootloader start it; its flash then has its faults.

    Raises OperatorError for an image that it does not start.
    """
    if keys is None:
        raise OperatorError(
            "a panel that runs an image needs the keys that its bootloader knows",
            hint="give --keys FILE beside --image",
        )
    try:
        from firmware_bridge.simulator.smp_boots import SmpBoots  # noqa: PLC0415 (brings libraries)
        from firmware_bridge.simulator.smp_flash import Flash  # noqa: PLC0415 (as above)

        boots = SmpBoots(Flash.with_image(image.read_bytes()), keys.read_text("ascii"))
        board = str(boots.start_surely().image.board)
        boots.flash.cut_after, boots.flash.corrupt_after = faults
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"a panel that takes updates needs the package {error.name}, which is not installed",
            hint="pip install 'hearthlink[agent,panel]'",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"image or keys cannot be read: {error}", hint="name the files imgtool made"
        ) from error

    def start() -> Boot:
        started = boots.start_surely()
        return Boot(started.firmware, started.server)

    return board, start


def _run_program(
    command: list[str], master: int, stopping: Callable[[], bool], seconds: float | None
) -> int:
    """Run a program at our end of the terminal until it ends or is to end; return its status."""
    os.set_blocking(master, True)
    end_s = math.inf if seconds is None else time.monotonic() + seconds
    try:
        running = subprocess.Popen(command, stdin=master, stdout=master)  # noqa: S603 (the caller's)
    except OSError as error:
        raise OperatorError(
            f"{command[0]} cannot be run: {error.strerror}", hint="name your panel's program"
        ) from error
    with running:
        while running.poll() is None and not stopping() and time.monotonic() < end_s:
            time.sleep(STEP_S)
        running.terminate()
    return running.returncode


def play_panel(
    panel: SimulatedPanel,
    master: int,
    stopping: Callable[[], bool],
    seconds: float | None = None,
    screen: "_Screen | None" = None,
) -> None:
    """Move a panel's bytes over a terminal's own end until told to stop."""
    began_s = time.monotonic()
    unwritten = b""
    starts = panel.starts
    while not stopping():
        elapsed_s = time.monotonic() - began_s
        if seconds is not None and elapsed_s >= seconds:
            return
        now_ms = int(elapsed_s * 1_000)
        ready, _, _ = select.select([master], [], [], STEP_S)
        if ready:
            with contextlib.suppress(BlockingIOError):
                panel.receive(os.read(master, READ_BYTES), now_ms)
        panel.advance(now_ms)
        unwritten = (unwritten + panel.take_outgoing(now_ms))[:UNREAD_BYTES_MAX]
        with contextlib.suppress(BlockingIOError):
            unwritten = unwritten[os.write(master, unwritten) :] if unwritten else b""
        if screen is not None:
            if panel.starts != starts:
                starts = panel.starts
                screen.say("start", {"starts": starts})
            for told in panel.told:
                screen.tell(told.message)
            screen.look(None if panel.end.has_no_news(now_ms) else panel.shown, panel.texts.shown)
        panel.told.clear()


class _Screen:
    """Draws what is shown, and tells what is told."""

    def __init__(self, picture: Path | None, say: Callable[[str, dict[str, object]], None]) -> None:
        self.say = say
        self._picture = picture
        self._lines = draw_lines(None)
        self._draw()

    def tell(self, message: PanelMessage) -> None:
        """Tell of a message."""
        names = (field.name for field in FIELDS[message.TYPE])
        fields = {name: value for name in names if (value := getattr(message, name)) is not None}
        self.say(type(message).__name__.lower(), fields)

    def look(self, display: Display | None, text: Text | None) -> None:
        """Draw the latest figures and message; None for what is gone, or too old to be shown."""
        lines = draw_lines(display, text)
        if lines != self._lines:
            self._lines = lines
            self._draw()

    def _draw(self) -> None:
        """Write the picture whole: who looks at it sees no half of one."""
        if self._picture is None:
            return
        part = self._picture.with_name(f"{self._picture.name}.part")
        try:
            part.write_bytes(draw_png(self._lines))
            part.replace(self._picture)
        except OSError as error:
            raise OperatorError(
                f"the picture {self._picture} cannot be written: {error.strerror}",
                hint="give a file in a folder that is there",
            ) from error


@contextlib.contextmanager
def _terminal(link: str | None) -> Iterator[tuple[int, str]]:
    """Open a pseudo-terminal, linked where it is asked for; give our end and the port's name."""
    if link is not None and not link.startswith(PTY):
        raise OperatorError(f"link {link!r} is not for a panel", hint="use pty:PATH, or none")
    path = None if link is None else Path(link.removeprefix(PTY))
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    os.set_blocking(master, False)
    try:
        if path is not None:
            _link(path, os.ttyname(slave))
        yield master, str(path.absolute()) if path is not None else os.ttyname(slave)
    finally:
        if path is not None and path.is_symlink():
            path.unlink()
        os.close(master)
        os.close(slave)


def _link(path: Path, name: str) -> None:
    try:
        if path.is_symlink():
            path.unlink()
        path.symlink_to(name)
    except OSError as error:
        raise OperatorError(
            f"serial port cannot be linked at {path}: {error.strerror}",
            hint="give a path in an existing folder that holds no file of that name",
        ) from error


def _say_json(event: str, fields: dict[str, object]) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def _say_words(event: str, fields: dict[str, object]) -> None:
    if event == "port":
        print(f"a panel at {fields['port']}: set panel.port to it", flush=True)
    else:
        told = ", ".join(f"{name} {value}" for name, value in fields.items())
        print(f"{event}: {told}", flush=True)
