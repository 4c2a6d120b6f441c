"""Draw the README's picture of a panel: `make screenshot`, or `python -m tests.docs.panel_picture`.

Owns docs/images/panel.png and nothing else. The C reference draws it, shown the home that the
display's own tests have, through the hub's own way from figures to a snapshot.
"""

import dataclasses
import subprocess
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from agent.demo.reference import build_reference, find_compiler
from agent.home.shown import build_shown
from agent.home.snapshot import snapshot_of
from firmware_bridge.display.body import decode_message, encode_body
from firmware_bridge.display.framing import open_frame, seal_frame
from firmware_bridge.display.messages import Display, Hello, Text, Welcome
from firmware_bridge.simulator.panel_picture import PNG, draw_lines, draw_png
from tests.support.home_inputs import LONDON, home_inputs

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "panel.png"


def draw(
    program: Path, display: Display, picture: Path, told: Sequence[Text | Welcome] = ()
) -> None:
    """Have the reference draw a snapshot, as a hub on its standard input shows it one.

    `told` comes after it; a Welcome there is made one of the panel's boot.
    """
    with subprocess.Popen(
        [program, "run", "--png", picture],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        hello = decode_message(open_frame(_first_frame(running.stdout.fileno())))
        assert isinstance(hello, Hello)
        welcome = Welcome(version=1, boot_id=hello.boot_id, session=1)
        running.stdin.write(seal_frame(Welcome.TYPE, 0, encode_body(welcome)))
        running.stdin.write(seal_frame(Display.TYPE, 1, encode_body(display)))
        for sequence, one in enumerate(told, 2):
            if isinstance(one, Welcome):
                one = dataclasses.replace(one, boot_id=hello.boot_id)  # noqa: PLW2901
            running.stdin.write(seal_frame(one.TYPE, sequence, encode_body(one)))
        running.stdin.close()
        running.stdout.read()
    assert running.returncode == 0, "the reference ended with a fault"


def _first_frame(descriptor: int) -> bytes:
    """Read what stands between the first two delimiters."""
    said = b""
    with open(descriptor, "rb", buffering=0, closefd=False) as stream:
        while said.count(b"\x00") < 2 or not said.strip(b"\x00"):
            said += stream.read(1)
    return said.strip(b"\x00")


def evening() -> Display:
    """The home of an evening in November, as a panel is sent it."""
    return snapshot_of(build_shown(home_inputs()), LONDON)


def pixels_of(png: bytes) -> bytes:
    """Unpack a picture's rows, whatever its writer packed them with."""
    assert png.startswith(PNG)
    start = png.index(b"IDAT")
    length = int.from_bytes(png[start - 4 : start])
    return zlib.decompress(png[start + 4 : start + 4 + length])


def main() -> None:
    """Draw the picture into the tree: the reference's pixels, packed."""
    packed = draw_png(draw_lines(evening()))
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "panel.png"
        draw(build_reference(find_compiler() or "cc", Path(folder)), evening(), drawn)
        assert pixels_of(drawn.read_bytes()) == pixels_of(packed)
    PICTURE.write_bytes(packed)
    print(PICTURE)


if __name__ == "__main__":
    main()
