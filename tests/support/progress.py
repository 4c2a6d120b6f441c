"""A bar for whatever takes longer than a moment, on a terminal only."""

import sys
import time

PATIENCE_S = 2
"""What is done sooner needs no bar."""

REDRAW_S = 0.2
WIDTH = 30


class Progress:
    """How far a count has come; draws on standard error, and wipes itself out in the end."""

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
        part = min(1.0, done / self._total)
        bar = ("█" * round(part * WIDTH)).ljust(WIDTH, "·")
        left_s = (now_s - self._started_s) * (1 - part) / max(part, 0.001)
        line = f"\r{self._label:16} {bar} {part:4.0%}  {left_s:4.0f} s left"
        sys.stderr.write(line)
        sys.stderr.flush()

    def close(self) -> None:
        """Wipe the bar out."""
        if self._is_shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
