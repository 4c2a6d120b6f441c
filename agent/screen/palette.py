"""The colours of a screen, by its depth and theme. Pure."""

from typing import Literal, NamedTuple

from agent.home.light import Level
from agent.screendrivers import Theme

Depth = Literal["1", "RGB"]
LIT = 255
"""A pixel of one bit that is on, as Pillow keeps it."""

Colour = int | tuple[int, int, int]


class Palette(NamedTuple):
    """What is drawn in which colour; `soft` is for what is beside or old.

    A light of one bit is told by its shape and word alone, as it is for who sees no colours.
    """

    ground: Colour
    ink: Colour
    soft: Colour
    edge: Colour
    low: Colour
    medium: Colour
    high: Colour

    def of_light(self, light: Level | None) -> Colour:
        """Return the colour of a light; of none, that of what is old."""
        if light is None:
            return self.soft
        return {Level.LOW: self.low, Level.MEDIUM: self.medium, Level.HIGH: self.high}[light]


_COLOURS: dict[Theme, Palette] = {
    "dark": Palette(
        ground=(14, 20, 23),
        ink=(240, 240, 236),
        soft=(150, 160, 164),
        edge=(48, 58, 62),
        low=(92, 200, 130),
        medium=(245, 190, 80),
        high=(250, 120, 100),
    ),
    "light": Palette(
        ground=(255, 255, 255),
        ink=(10, 14, 16),
        soft=(92, 100, 104),
        edge=(205, 210, 212),
        low=(16, 120, 66),
        medium=(160, 96, 0),
        high=(190, 40, 24),
    ),
}


def palette_of(depth: Depth, theme: Theme) -> Palette:
    """Return the colours; with one bit the light theme is black on white, as on paper."""
    if depth == "RGB":
        return _COLOURS[theme]
    ground, ink = (0, LIT) if theme == "dark" else (LIT, 0)
    return Palette(ground, ink, ink, ink, ink, ink, ink)
