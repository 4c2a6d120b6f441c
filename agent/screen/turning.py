"""A picture for a screen that hangs upright, upside down or across. Pure."""

from PIL import Image

QUARTER_DEGREES = 90
_TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
"""Clockwise, as a person turns the screen; Pillow counts the other way round."""


def turned(picture: Image.Image, degrees: int) -> Image.Image:
    """Turn a picture clockwise by whole quarters, back for who looks at a screen turned so."""
    turn = _TURNS.get(degrees)
    return picture if turn is None else picture.transpose(turn)


def turned_size(size: tuple[int, int], degrees: int) -> tuple[int, int]:
    """Say how large the picture on a turned screen is."""
    width, height = size
    return (width, height) if degrees % (2 * QUARTER_DEGREES) == 0 else (height, width)
