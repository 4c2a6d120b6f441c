"""E-paper by Pimoroni's library: its inks, its faults, and white paper when the hub stops."""

import sys
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from agent.screen.device import open_screen
from agent.screen.paper import PaperScreen, open_paper
from agent.screendrivers import Detected, ScreenSettings, read_interface
from shared.errors import OperatorError

SIZE = (250, 122)


class Board:
    """What of a board of Pimoroni's is used; which index is which ink differs between them."""

    width, height = SIZE

    def __init__(self, black: int = 1, white: int = 0) -> None:
        self.BLACK, self.WHITE = black, white
        self.border: int | None = None
        self.image: Image.Image | None = None
        self.shown: list[Image.Image] = []
        self.fault: BaseException | None = None

    def set_border(self, colour: int) -> None:
        """Take the border's ink."""
        self.border = colour

    def set_image(self, image: Image.Image) -> None:
        """Take a picture."""
        self.image = image

    def show(self) -> None:
        """Print it."""
        if self.fault is not None:
            raise self.fault
        assert self.image is not None
        self.shown.append(self.image)


def corner(size: tuple[int, int]) -> Image.Image:
    """A white picture whose upper left pixel alone is black."""
    picture = Image.new("1", size, 255)
    picture.putpixel((0, 0), 0)
    return picture


def settings(rotate: int = 0) -> ScreenSettings:
    """The settings of e-paper."""
    return ScreenSettings("inky", Detected(), None, rotate, "light", 60.0, 24, 25, 18)


def given(monkeypatch: pytest.MonkeyPatch, auto: Any) -> None:
    """Install a library whose search for a board is the test's."""
    library, search = ModuleType("inky"), ModuleType("inky.auto")
    search.auto = auto  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "inky", library)
    monkeypatch.setitem(sys.modules, "inky.auto", search)


@pytest.mark.parametrize(("black", "white"), [(1, 0), (0, 1)])
def test_a_picture_is_put_into_the_boards_own_inks(black: int, white: int) -> None:
    """Two indices and no dithering; with their colours, for boards that go by those."""
    board = Board(black, white)

    PaperScreen(board, 0).show(corner(SIZE))

    (printed,) = board.shown
    assert (printed.mode, printed.size, board.border) == ("P", SIZE, white)
    assert set(printed.getcolors() or []) == {(1, black), (SIZE[0] * SIZE[1] - 1, white)}
    assert printed.convert("RGB").getpixel((0, 0)) == (0, 0, 0)
    assert printed.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize(("rotate", "black"), [(90, (249, 0)), (180, (249, 121))])
def test_paper_is_turned_as_other_screens_are(rotate: int, black: tuple[int, int]) -> None:
    """Clockwise, for who looks at it."""
    board = Board()
    screen = PaperScreen(board, rotate)

    screen.show(corner(screen.size))

    assert screen.size == (SIZE if rotate == 180 else SIZE[::-1])
    assert board.shown[0].getpixel(black) == board.BLACK


def test_a_hub_that_stops_leaves_white_paper() -> None:
    """What is printed stays for as long as it hangs, and would be taken for true."""
    board = Board()
    screen = PaperScreen(board, 90)
    screen.show(corner(screen.size))

    screen.close()

    assert board.shown[-1].getcolors() == [(SIZE[0] * SIZE[1], board.WHITE)]


@pytest.mark.parametrize("fault", [RuntimeError("busy"), SystemExit("used"), OSError()])
def test_a_board_that_takes_no_picture_is_tried_again(fault: BaseException) -> None:
    """Its library of pins would end the program: that is held back, as a fault that may pass."""
    board = Board()
    board.fault = fault

    with pytest.raises(OSError):  # noqa: PT011 (each has its own words)
        PaperScreen(board, 0).show(corner(SIZE))


@pytest.mark.parametrize("fault", [RuntimeError("No EEPROM detected!"), SystemExit("in use")])
def test_no_board_may_come(fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for again each minute."""

    def auto() -> Board:
        raise fault

    given(monkeypatch, auto)

    with pytest.raises(OSError, match="no e-paper answers"):
        open_screen(settings())


def test_the_board_is_the_one_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its size nor its pins are asked of anybody; and it has no light to dim."""
    board = Board()
    given(monkeypatch, lambda: board)

    screen = open_screen(settings(rotate=90))
    screen.dim(is_dim=True)

    assert (screen.size, screen.depth) == ((122, 250), "1")
    assert board.shown == []


def test_without_the_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed on a Pi alone."""
    monkeypatch.setitem(sys.modules, "inky.auto", None)

    with pytest.raises(OperatorError, match="inky") as refused:
        open_paper(0)

    assert "epaper" in refused.value.hint


def test_paper_hangs_where_it_says() -> None:
    """An interface of its own would be contradicted by the board."""
    assert read_interface("inky", "") == Detected()
    with pytest.raises(ValueError, match="leave it empty"):
        read_interface("inky", "spi:0.0")
