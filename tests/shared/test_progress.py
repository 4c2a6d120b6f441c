"""The bar of long commands: patient, on a terminal only, and gone in the end."""

import sys

import pytest

from shared import progress
from shared.progress import Progress


@pytest.fixture(name="bar")
def _bar(monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    monkeypatch.setattr(progress, "REDRAW_S", -1.0)
    return Progress("export", 4)


def test_bar_is_drawn_on_a_terminal_and_wiped_out(
    bar: Progress, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each state over the one before; past its total it stays full."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    bar.show(1)
    bar.show(9)
    bar.close()

    drawn = capsys.readouterr().err.split("\r")
    assert " 25 %" in drawn[1]
    assert "100 %  0 s left" in drawn[2]
    assert drawn[3] == "\033[K"


def test_nothing_is_drawn_elsewhere_nor_too_soon(
    bar: Progress, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log or a pipe, and of what is done in a moment."""
    bar.show(1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "PATIENCE_S", 60.0)
    bar.show(2)
    bar.close()

    assert capsys.readouterr().err == ""
