"""A hub behind the display page, for tests: its inputs may change while the page is open."""

from starlette.applications import Starlette

from agent.home.inputs import HomeInputs
from agent.home.page import create_page, end_events
from shared.errors import OperatorError
from tests.support.home_inputs import home_inputs
from tests.support.webserver import WebServer

PIN = "4711"


class Home:
    """A hub for the page: `inputs` is what it reads, `chosen` the granularities that were set."""

    def __init__(self) -> None:
        self.inputs = home_inputs()
        self.chosen: list[str] = []
        self.reads = 0

    def read(self) -> HomeInputs:
        """Read the inputs, counting how often."""
        self.reads += 1
        return self.inputs

    def choose(self, granularity: str) -> None:
        """Accept any granularity but "weekly"."""
        if granularity == "weekly":
            raise OperatorError("granularity 'weekly' is unknown", hint="use half-hourly")
        self.chosen.append(granularity)

    def page(self, pin: str = PIN) -> Starlette:
        """Make the page of this home, which answers to "hub.home" too."""
        return create_page(
            self.read,
            allowed_hosts=frozenset({"hub.home"}),
            pin=pin,
            set_granularity=self.choose,
        )

    def serve(self, port: int | None = None) -> WebServer:
        """Serve a page made anew, as a hub that has just started would; use it in a `with`."""
        app = self.page()
        return WebServer(app, port, before_stop=lambda: end_events(app))
