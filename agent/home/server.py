"""The page's server: uvicorn, without the command line that its package would bring along.

The package imports its own commands, and click and multiprocessing with them: 1.6 MB of a hub's
memory (measured), whose limit is 45. It is entered here without being run; somebody who asks it for
a name runs it then.
"""

import contextlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec
from types import ModuleType

from starlette.applications import Starlette

STOP_WITHIN_S = 2
"""How long a stopping hub waits for requests under way."""


def _enter(name: str) -> ModuleType:
    """Let a package's modules be imported without running the package itself.

    Raises ModuleNotFoundError where there is none.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    package, loader = module_from_spec(spec), spec.loader

    def run(wanted: str) -> object:
        """Run it after all, for what it has not got yet."""
        if package.__dict__.pop("__getattr__", None) is None:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        loader.exec_module(package)
        return getattr(package, wanted)

    package.__dict__["__getattr__"] = run
    sys.modules[name] = package
    return package


_uvicorn = _enter("uvicorn")

from uvicorn.config import Config  # noqa: E402 (its package has to be entered first)
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
