"""What the installer's commands say besides their results."""

import io
import os
import subprocess
import sys

import pytest

from firmware_bridge.tools import console
from shared.clock import DrivenClock


class Terminal(io.StringIO):
    """A stream that says of itself what it is told to."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Whether somebody watches."""
        return self._is_terminal


def shown(monkeypatch: pytest.MonkeyPatch, *, error: bool, output: bool) -> str:
    """Work for five seconds, and return what was shown meanwhile."""
    clock, stream = DrivenClock(1_000), Terminal(is_terminal=error)
    monkeypatch.setattr(console, "SystemClock", lambda: clock)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(console, "can_replace_lines", lambda: True)
    monkeypatch.setattr(sys, "stdout", Terminal(is_terminal=output))
    progress = console.Progress()
    for second in range(5):
        clock.advance_to(1_000 + second * 1_000)
        progress.show(f"{second} s")
        progress.show("too soon")
    return stream.getvalue()


def test_long_work_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two seconds, and no more often than is readable."""
    text = shown(monkeypatch, error=True, output=False)

    assert "1 s" not in text
    assert [f"{second} s" in text for second in (2, 3, 4)] == [True, True, True]
    assert "too soon" not in text


@pytest.mark.parametrize(("error", "output"), [(False, False), (True, True)])
def test_progress_is_silent_where_it_would_disturb(
    monkeypatch: pytest.MonkeyPatch, *, error: bool, output: bool
) -> None:
    """Nobody watches, or the samples fill the same terminal."""
    assert shown(monkeypatch, error=error, output=output) == ""


@pytest.mark.parametrize(
    ("terminal", "text"), [("xterm", b"\r\x1b[K10 s\r\x1b[K"), ("dumb", b""), ("", b"")]
)
def test_terminal_that_cannot_clear_a_line_gets_no_control_codes(
    terminal: str, text: bytes
) -> None:
    """An editor's shell, or a serial console, would show them as rubbish."""
    ours, theirs = os.openpty()
    program = (
        "from firmware_bridge.tools import console; "
        "console.show_progress('10 s'); console.note('done')"
    )
    environment = {**os.environ, "TERM": terminal}

    subprocess.run([sys.executable, "-c", program], stderr=theirs, env=environment, check=True)
    shown = os.read(ours, 1_000)
    os.close(ours)
    os.close(theirs)

    assert shown == text + b"done\r\n"
