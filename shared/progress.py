"""A bar for commands that take longer than a moment: on a terminal only, on standard error."""

import sys
import time

PATIENCE_S = 2.0
"""What is done sooner needs no bar."""

REDRAW_S = 0.2
WIDTH = 30


class Progress:
    """How far a count has come; drawn when `show` is called and it is due, wiped out by `close`."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total = label, max(1, total)
        self._started_s = self._drawn_s = time.monotonic()
        self._is_shown = False

    def show(self, done: int) -> None:
        """Draw the bar anew if it is due."""
        now_s = time.monotonic()
        is_due = now_s - self._started_s > PATIENCE_S and now_s - self._drawn_s > REDRAW_S
        if not is_due or not sys.stderr.isatty():
            return
        self._drawn_s, self._is_shown = now_s, True
        percent = min(100, 100 * done // self._total)
        bar = ("█" * (percent * WIDTH // 100)).ljust(WIDTH, "·")
        left_s = round((now_s - self._started_s) * (100 - percent) / max(percent, 1))
        sys.stderr.write(f"\r{self._label} {bar} {percent:3} %  {left_s} s left\033[K")
        sys.stderr.flush()

    def close(self) -> None:
        """Wipe the bar out."""
        if self._is_shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._is_shown = False
