"""The page's server: uvicorn, without what it would bring along and the hub does not ask for.

The package imports its own commands, and click and multiprocessing with them: 1.6 MB of a hub's
memory (measured), whose limit is 45. Its configuration of logging, which is left as it is here,
takes 0.7 MB with all that could be configured. Both are entered here without being run.
"""

import contextlib
from collections.abc import Iterator

from starlette.applications import Starlette

from agent.entering import enter

STOP_WITHIN_S = 2
"""How long a stopping hub waits for requests under way."""

_uvicorn = enter("uvicorn")
enter("logging.config")

from uvicorn.config import Config  # noqa: E402 (what it imports has to be entered first)
from uvicorn.server import Server  # noqa: E402

_uvicorn.__dict__.setdefault("Config", Config)
"""What uvicorn's own modules ask the package for."""


class PageServer(Server):
    """uvicorn without its own signal handling: the hub stops its parts in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the hub."""
        yield


def page_server(page: Starlette) -> PageServer:
    """Make what serves a page on sockets that are given to it."""
    return PageServer(
        Config(
            page,
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="asyncio",
            http="h11",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
    )
