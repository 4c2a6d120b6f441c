"""An ASGI application on a free loopback port, in a thread of its own, for tests with a browser."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from agent.demo.ports import free_port

START_S_MAX = 60.0
STOP_S_MAX = 10.0
POLL_S = 0.01


class WebServer:
    """Serves inside the `with` block; `before_stop` is called in the loop's thread, once.

    Where it `is_whole`, the application's own start and end are run too.
    """

    def __init__(
        self,
        app: Starlette,
        port: int | None = None,
        before_stop: Callable[[], None] | None = None,
        *,
        is_whole: bool = False,
    ) -> None:
        self.app = app
        self.port = port or free_port()
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=self.port,
            log_level="warning",
            lifespan="on" if is_whole else "off",
        )
        self._server = _StoppableServer(config, before_stop)
        self._thread = threading.Thread(target=self._server.run, name="webserver")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_S_MAX
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended while starting"
            assert time.monotonic() < deadline, f"no listener after {START_S_MAX} s"
            time.sleep(POLL_S)
        return self

    def stop(self) -> None:
        """End the server as an application would, and wait for its thread."""
        self._server.should_exit = True
        self._thread.join(STOP_S_MAX)
        assert not self._thread.is_alive(), f"the server did not end within {STOP_S_MAX} s"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _StoppableServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, before_stop: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._before_stop = before_stop

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        if self._before_stop is not None:
            self._before_stop()
        await super().shutdown(sockets)  # type: ignore[arg-type]
