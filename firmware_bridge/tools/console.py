"""What the installer's commands say, and where: results to stdout, all else to stderr."""

import curses
import os
import sys
from functools import cache

from shared.clock import SystemClock

QUIET_MS = 2_000
"""Shorter work needs no progress shown."""

LOOK_MS = 250

BAR_CELLS = 20
MAX_LINE_CHARS = 160
"""A line that wraps cannot be replaced by the next one."""


def say(text: str) -> None:
    """Print a line of the result, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_result(lines: str) -> None:
    """Print many lines of the result, each with its end."""
    sys.stdout.write(lines)


def note(text: str) -> None:
    """Tell the person at the terminal something that is no result."""
    clear_progress()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def is_watched() -> bool:
    """Whether a person sees what goes to stderr."""
    return sys.stderr.isatty()


@cache
def can_replace_lines() -> bool:
    """Whether the terminal can clear a line; a dumb one (TERM), or one nobody knows, cannot."""
    try:
        curses.setupterm(fd=sys.stderr.fileno())
        return bool(curses.tigetstr("el"))
    except (curses.error, OSError):
        return False


def show_progress(text: str) -> None:
    """Show a line in place of the last one; where nobody watches, or it would stay, nothing."""
    if is_watched() and can_replace_lines():
        sys.stderr.write(f"\r\x1b[K{text[:MAX_LINE_CHARS]}")
        sys.stderr.flush()


class Progress:
    """A progress line for work that lasts, where samples do not fill the same terminal."""

    def __init__(self) -> None:
        self._start_ms = self._shown_ms = SystemClock().monotonic_ms()
        self._is_wanted = is_watched() and not sys.stdout.isatty()

    def show(self, text: str) -> None:
        """Show a line after QUIET_MS, and a new one every LOOK_MS."""
        if not self._is_wanted:
            return
        now_ms = SystemClock().monotonic_ms()
        if now_ms - self._start_ms >= QUIET_MS and now_ms - self._shown_ms >= LOOK_MS:
            self._shown_ms = now_ms
            show_progress(text)


def clear_progress() -> None:
    """Take the progress line away."""
    show_progress("")


def bar(done: float, total: float) -> str:
    """Draw a progress bar."""
    share = min(max(done / total, 0.0), 1.0) if total else 1.0
    filled = int(share * BAR_CELLS)
    return f"[{'#' * filled}{'.' * (BAR_CELLS - filled)}]"


def drop_stdout() -> None:
    """Send stdout nowhere: its reader, such as `head`, has gone, and Python would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
