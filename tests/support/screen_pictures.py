"""Pictures of screens that are kept: `python -m tests.support.screen_pictures` draws them anew.

Look at what has changed before it is committed; nothing else decides that a picture is right.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops

from agent.screen.face import Face, build_face
from agent.screen.layout import draw_face
from agent.screen.palette import Depth
from agent.screen.sample import ZONE, sample_states
from agent.screendrivers import Theme

FOLDER = Path(__file__).parents[1] / "golden" / "screens"

UNLIKE_LEVELS = 64
"""A pixel is another where a quarter of the range lies between: smoothing differs by less."""

UNLIKE_PERMILLE_MAX = 5
"""How many pixels may be: another version of the letters' renderer moves an edge here and there."""


class Kept(NamedTuple):
    """One picture: which state of a home, on which screen."""

    state: str
    size: tuple[int, int]
    depth: Depth
    theme: Theme = "dark"

    @property
    def path(self) -> Path:
        """Where it is kept."""
        width, height = self.size
        return FOLDER / f"{self.state}-{width}x{height}-{self.depth.lower()}-{self.theme}.png"

    def draw(self) -> Image.Image:
        """Draw it as it is now."""
        return draw_face(face_of(self.state), self.size, self.depth, self.theme)


STATES = ("evening", "stale", "empty", "export", "message")
KEPT = [
    *(Kept(state, (128, 64), "1") for state in STATES),
    *(Kept(state, (320, 240), "RGB") for state in STATES),
    *(Kept(state, (800, 480), "RGB") for state in STATES[:2]),
    Kept("evening", (128, 32), "1"),
    Kept("message", (160, 128), "RGB"),
    Kept("evening", (296, 128), "1", "light"),
    Kept("evening", (240, 320), "RGB", "light"),
]


@cache
def face_of(state: str) -> Face:
    """Return the face of a made-up home."""
    return build_face(sample_states()[state](), ZONE)


def unlike_permille(one: Image.Image, other: Image.Image) -> int:
    """Tell how many of a thousand pixels are others; all of them where the sizes are."""
    if one.size != other.size:
        return 1_000
    difference = ImageChops.difference(one.convert("L"), other.convert("L"))
    unlike = sum(difference.histogram()[UNLIKE_LEVELS:])
    return -(-unlike * 1_000 // (one.width * one.height))


def renew() -> None:
    """Draw all of them anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kept in KEPT:
        kept.draw().save(kept.path, format="PNG", optimize=True)


if __name__ == "__main__":
    renew()
