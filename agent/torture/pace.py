"""Lets the meter tell its history in bursts, so that it lasts as long as the faults do."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

SPEAKS_S = 0.05
SILENT_S = 0.35
"""Some 400 telegrams a second: an hour of a household's meter, and frames all the time."""


class Pace:
    """A thread that lets the meter go on, and holds it, by turns; until it is ended."""

    def __init__(self, resume: Callable[[], None], freeze: Callable[[], None]) -> None:
        self._resume = resume
        self._freeze = freeze
        self._is_over = threading.Event()
        self._may_speak = threading.Event()
        self._may_speak.set()
        self._thread = threading.Thread(target=self._take_turns, name="pace", daemon=True)

    def start(self) -> None:
        """Begin, once there is a meter."""
        self._thread.start()

    def end(self) -> None:
        """Leave the meter going on."""
        self._is_over.set()
        self._may_speak.set()
        if self._thread.is_alive():
            self._thread.join()
        self._resume()

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """Let the meter say nothing meanwhile, but for what it has begun."""
        self._may_speak.clear()
        try:
            yield
        finally:
            self._may_speak.set()

    def _take_turns(self) -> None:
        while not self._is_over.is_set():
            self._may_speak.wait()
            self._resume()
            time.sleep(SPEAKS_S)
            self._freeze()
            self._is_over.wait(SILENT_S)
