"""`hearthlink panel preview`: the picture that a screen would show, as a PNG file for designers."""

import argparse
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from agent.home.shown import Shown
from shared.calendar import check_zone
from shared.cli import EXIT_OK
from shared.errors import BadInputError, OperatorError

SIZE = re.compile(r"(\d{1,4})[x×](\d{1,4})")
VIEW_PATH = "/view.json"
TIMEOUT_S = 10.0
MAX_VIEW_BYTES = 1_000_000
"""A view has some 30 KB."""

STATES = ("evening", "stale", "empty", "export", "message")


class _Place(msgspec.Struct):
    """What of a hub's view the model of a display leaves out."""

    zone: str


def add_preview(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to the command."""
    parser = actions.add_parser("preview", description=run_preview.__doc__, help="draw a screen")
    parser.add_argument("file", type=Path, metavar="FILE", help="the PNG file to write")
    parser.add_argument(
        "--size", required=True, metavar="WxH", help="pixels of the screen, such as 320x240"
    )
    parser.add_argument(
        "--depth", choices=("1", "rgb"), default="rgb", help="1: one bit a pixel (default rgb)"
    )
    parser.add_argument(
        "--theme", choices=("dark", "light"), default="dark", help="as screen.theme (default dark)"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--state", choices=STATES, default="evening", help="a made-up home (default evening)"
    )
    source.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        help="a running hub's page, such as http://127.0.0.1:8080, or its view.json as a file",
    )
    parser.set_defaults(act=run_preview)


def run_preview(chosen: argparse.Namespace) -> int:
    """Draw what a screen of some size would show, without one."""
    try:
        from agent.screen.face import build_face  # noqa: PLC0415 (keeps --help quick)
        from agent.screen.layout import draw_face  # noqa: PLC0415 (brings Pillow)
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"a preview needs the package {error.name}, which is not installed",
            hint="pip install 'hearthlink[agent,screen]'",
        ) from error
    size = read_size(chosen.size)
    shown, zone = _sample(chosen.state) if chosen.source is None else read_view(chosen.source)
    depth: Any = chosen.depth.upper()
    picture = draw_face(build_face(shown, zone), size, depth, chosen.theme)
    try:
        picture.save(chosen.file, format="PNG")
    except OSError as error:
        raise OperatorError(f"{chosen.file} cannot be written: {error.strerror}") from error
    return EXIT_OK


def read_size(text: str) -> tuple[int, int]:
    """Read a size such as 320x240; raises OperatorError for none, or none that is drawn."""
    from agent.screen.layout import LEAST_PX, MOST_PX  # noqa: PLC0415 (brings Pillow)

    found = SIZE.fullmatch(text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    sides = zip(LEAST_PX, size, MOST_PX, strict=True)
    if not all(least <= side <= most for least, side, most in sides):
        raise OperatorError(
            f"--size {text[:20]!r} is none that can be drawn",
            hint=f"give WxH from {LEAST_PX[0]}x{LEAST_PX[1]} to {MOST_PX[0]}x{MOST_PX[1]}",
        )
    return size


def read_view(source: str) -> tuple[Shown, ZoneInfo]:
    """Read what a hub shows, from its page or from a file; raises OperatorError."""
    body = _fetch(source) if source.startswith(("http://", "https://")) else _read(Path(source))
    try:
        return (
            msgspec.json.decode(body, type=Shown),
            check_zone(msgspec.json.decode(body, type=_Place).zone),
        )
    except (msgspec.MsgspecError, BadInputError) as error:
        raise OperatorError(
            f"{source} is not a hub's view: {error}",
            hint=f"give the address of a hub of this version, or its {VIEW_PATH} as a file",
        ) from error


def _sample(state: str) -> tuple[Shown, ZoneInfo]:
    from agent.screen.sample import ZONE, sample_states  # noqa: PLC0415 (only where it is asked)

    return sample_states()[state](), ZONE


def _fetch(address: str) -> bytes:
    url = address.rstrip("/").removesuffix(VIEW_PATH) + VIEW_PATH
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 (http alone)
            return bytes(answer.read(MAX_VIEW_BYTES))
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise OperatorError(
            f"{url} does not answer: {error}", hint="is the hub running, and is this its page?"
        ) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_VIEW_BYTES)
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from error
