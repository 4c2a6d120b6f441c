"""Feeds systemd's watchdog, and only while meter loops, commit and page all answer.

Owns the asking; what is alive is told by `liveness.py`, and what is said goes through `notify.py`.
A hub that is fed blindly looks alive while its page hangs or its disk has stopped answering.
"""

import asyncio
import logging
from collections.abc import Callable

from agent.liveness import PAGE, Liveness
from agent.notify import ALIVE, READY, STATUS, STOPPING, Notifier

PAGE_ANSWER_S = 10.0
"""The page answers in milliseconds; a Pi at its busiest within this."""

START_POLL_S = 0.1
STATUS_EVERY_S = 60.0
"""How often the status is told to a manager that watches nothing."""

FEEDS_PER_WATCHDOG = 3
"""systemd asks for two in its time; a third lets one late answer pass."""

MAX_HEAD_BYTES = 64
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (looked up, not bound)
"""Whom to ask where the page listens on every address."""

_logger = logging.getLogger(__name__)


async def page_answers(host: str, port: int, patience_s: float = PAGE_ANSWER_S) -> bool:
    """Ask the page for its health as a browser would; False where no answer comes in time."""
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection(EVERY_ADDRESS.get(host, host), port)
            try:
                writer.write(
                    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                head = await reader.read(MAX_HEAD_BYTES)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return head.startswith(b"HTTP/1.1 200 ")


class Watchdog:
    """Asks, and feeds: one round after another until the hub stops.

    `describe` says in a line what the hub is doing; `page` is the address it listens on.
    """

    def __init__(
        self,
        notifier: Notifier,
        liveness: Liveness,
        *,
        describe: Callable[[], str],
        page: tuple[str, int],
        page_patience_s: float = PAGE_ANSWER_S,
    ) -> None:
        self._notifier = notifier
        self._liveness = liveness
        self._describe = describe
        self._page = page
        self._page_patience_s = page_patience_s
        watchdog_s = notifier.manager.watchdog_s
        self._round_s = watchdog_s / FEEDS_PER_WATCHDOG if watchdog_s else STATUS_EVERY_S

    async def run(self) -> None:
        """Say that the hub is ready once its page answers, then feed for as long as all answer."""
        if not self._notifier.manager.address:
            return
        while not await page_answers(*self._page, self._page_patience_s):  # noqa: ASYNC110 (no event)
            await asyncio.sleep(START_POLL_S)
        self._notifier.say(READY, STATUS + self._describe())
        while True:
            pause_s = await self._round()
            await asyncio.sleep(pause_s)

    async def _round(self) -> float:
        """Ask every part, feed or not, and tell how long the next round may wait."""
        began_s = asyncio.get_running_loop().time()
        late = self._liveness.late()
        if not await page_answers(*self._page, self._page_patience_s):
            late[PAGE] = self._page_patience_s
        if late:
            words = ", ".join(f"{part} for {since_s:.0f} s" for part, since_s in late.items())
            _logger.error("no answer from %s: the watchdog is not fed", words)
            self._notifier.status(f"no answer from {words}")
        else:
            self._notifier.say(ALIVE, STATUS + self._describe())
        return max(0.0, began_s + self._round_s - asyncio.get_running_loop().time())

    def stopping(self) -> None:
        """Say that the hub is on its way out, and will not be fed any more."""
        self._notifier.say(STOPPING, f"{STATUS}committing and sending what waits")
