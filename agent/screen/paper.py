"""E-paper on the hub's pins, by Pimoroni's library inky; loaded only where it is configured.

Owns the paper's two inks and the faults of its library; what is drawn comes as a picture. Nothing
is dithered: a picture of one bit is put into the indices of black and white as they are.
"""

from typing import Any

from PIL import Image

from agent.screen.palette import LIT, Depth
from agent.screen.turning import turned, turned_size
from shared.errors import OperatorError

COLOURS = 256


class PaperScreen:
    """One board of Pimoroni's, turned by `rotate` degrees clockwise.

    A picture takes seconds, or half a minute on paper of several colours.
    """

    depth: Depth = "1"

    def __init__(self, board: Any, rotate: int) -> None:
        self._board = board
        self._rotate = rotate
        self.size = turned_size((board.width, board.height), rotate)

    def show(self, picture: Image.Image) -> None:
        """Show a picture of one bit; raises OSError where the board does not take it."""
        self._print(turned(picture, self._rotate))

    def dim(self, *, is_dim: bool) -> None:
        """Paper gives no light."""

    def close(self) -> None:
        """Leave white paper: a figure on it would stand there for as long as it hangs."""
        self._print(Image.new("1", (self._board.width, self._board.height), LIT))

    def _print(self, picture: Image.Image) -> None:
        board = self._board
        try:
            board.set_border(board.WHITE)
            board.set_image(_in_inks(picture, board.BLACK, board.WHITE))
            board.show()
        except (RuntimeError, SystemExit) as error:
            raise OSError(f"the e-paper took no picture: {error}") from error


def open_paper(rotate: int) -> PaperScreen:
    """Open the board that says by its own memory which it is.

    Raises OSError where there is none, which may pass; OperatorError where the library is missing.
    """
    try:
        from inky.auto import auto  # type: ignore[import-not-found]  # noqa: PLC0415 (on a Pi alone)
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"screen.driver 'inky' needs the package {error.name}, which is not installed",
            hint="pip install 'hearthlink[agent,screen,epaper]' on the hub itself",
        ) from error
    try:
        return PaperScreen(auto(), rotate)
    # Where a pin is taken its library of pins ends the program, so as to print no traceback.
    except (RuntimeError, SystemExit) as error:
        raise OSError(f"no e-paper answers: {error}") from error


def _in_inks(picture: Image.Image, black: int, white: int) -> Image.Image:
    """Put a picture of one bit into the board's own indices, with the colours that they are."""
    inks = picture.point([black, *[white] * (COLOURS - 1)], "L")
    printed = Image.frombytes("P", inks.size, inks.tobytes())
    colours = [0] * (3 * COLOURS)
    colours[3 * white : 3 * white + 3] = [LIT] * 3
    printed.putpalette(colours)
    return printed
