"""Keeps a screen up to date: draws at most once in its interval, and only what has changed.

Owns when something is drawn; what, is `layout.py`'s. A screen that is slow, unplugged or wrong
costs the meter's pipeline nothing: its bus is waited for in a thread of its own.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from functools import partial

from agent.screen.device import HINT, Screen
from agent.screen.face import Face
from agent.screen.layout import draw_face
from agent.screendrivers import Theme, is_between
from shared.errors import OperatorError

RETRY_S = 60.0
"""How soon a screen that did not answer is tried again."""

LOOK_AGAIN_S = 10.0
"""How soon ages and the clock are looked at where no meter has said anything new."""

CLOSE_S_MAX = 2.0
"""What a hub that stops waits for its screen: its last readings are committed after it, and paper
of several colours takes half a minute. It is closed all the same, if there is the time."""

_logger = logging.getLogger(__name__)


class ScreenTask:
    """One screen; `read_face` and `read_mark` are called in the event loop.

    The mark changes whenever a meter was heard: until then a face is not computed again but for
    its ages. `open_screen` may block, and raises OSError where the screen does not answer,
    or OperatorError.
    """

    def __init__(
        self,
        open_screen: Callable[[], Screen],
        read_face: Callable[[], Face],
        read_mark: Callable[[], Hashable],
        thread: Executor,
        *,
        every_s: float,
        theme: Theme,
        dim: tuple[str, str] | None = None,
    ) -> None:
        self.drawn = 0
        """Pictures sent to the screen."""
        self.failures = 0
        """Times that the screen did not take one, or could not be opened."""
        self._open_screen = open_screen
        self._read_face = read_face
        self._read_mark = read_mark
        self._thread = thread
        self._every_s = every_s
        self._theme: Theme = theme
        self._dim = dim
        self._is_dim = False
        self._shown: Face | None = None
        self._mark: Hashable = None
        self._looked_s = float("-inf")

    async def run(self) -> None:
        """Draw until cancelled; a screen that fails is opened again after a while."""
        told = ""
        while True:
            try:
                await self._serve()
            except (OSError, OperatorError) as error:
                self.failures += 1
                said = str(error) if isinstance(error, OperatorError) else f"{error} ({HINT})"
                if said != told:
                    told = said
                    _logger.warning("the screen shows nothing: %s", told)
            except Exception:
                # The loop's boundary: a driver's own fault may not end the hub either.
                self.failures += 1
                _logger.exception("the screen's driver failed")
            await asyncio.sleep(RETRY_S)

    async def _serve(self) -> None:
        """Open the screen and draw on it until it fails."""
        loop = asyncio.get_running_loop()
        screen = await loop.run_in_executor(self._thread, self._open_screen)
        self._shown, self._mark, self._is_dim = None, None, False
        try:
            while True:
                await self._draw_if_changed(screen)
                await asyncio.sleep(self._every_s)
        finally:
            closing = loop.run_in_executor(self._thread, _close, screen)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S_MAX):
                    await asyncio.shield(closing)

    async def _draw_if_changed(self, screen: Screen) -> None:
        face = self._look()
        if face is None or face == self._shown:
            return
        loop = asyncio.get_running_loop()
        is_dim = self._dim is not None and is_between(face.clock[:5], self._dim)
        if is_dim != self._is_dim:
            await loop.run_in_executor(self._thread, partial(screen.dim, is_dim=is_dim))
            self._is_dim = is_dim
        await loop.run_in_executor(self._thread, _draw, screen, face, self._theme)
        self._shown = face
        self.drawn += 1

    def _look(self) -> Face | None:
        """Read the face where anything in it may have changed."""
        now_s, mark = asyncio.get_running_loop().time(), self._read_mark()
        if mark == self._mark and now_s - self._looked_s < LOOK_AGAIN_S:
            return None
        self._mark, self._looked_s = mark, now_s
        try:
            return self._read_face()
        except Exception:
            # The loop's boundary: no fault here may end the hub, whose readings matter more.
            self.failures += 1
            _logger.exception("the screen could not be told the home's figures this time")
            return None


def _draw(screen: Screen, face: Face, theme: Theme) -> None:
    screen.show(draw_face(face, screen.size, screen.depth, theme))


def _close(screen: Screen) -> None:
    try:
        screen.close()
    except OSError as error:
        _logger.info("the screen could not be switched off: %s", error)
