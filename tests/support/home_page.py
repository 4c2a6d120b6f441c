"""A hub behind the display page, for tests: its inputs may change while the page is open."""

from starlette.applications import Starlette

from agent.home.firstpin import FirstPinDoor
from agent.home.inputs import HomeInputs
from agent.home.joining import JoinState
from agent.home.page import JoinDoor, create_page, end_events
from agent.home.pinfile import PinFile
from agent.home.posts import HouseholdDoor
from agent.provision.tickets import read_ticket
from shared.errors import OperatorError
from tests.support.home_inputs import home_inputs
from tests.support.webserver import WebServer

PIN = "4711"


class Home:
    """A hub for the page: `inputs` is what it reads, `chosen` the granularities that were set.

    `up_ms` is for how long it has been on.
    """

    def __init__(self) -> None:
        self.inputs = home_inputs()
        self.chosen: list[str] = []
        self.claims: list[str] = []
        self.joining = JoinState()
        self.acknowledged: list[int] = []
        self.budgets: list[int | None] = []
        self.reads = 0
        self.up_ms = 0

    def read(self) -> HomeInputs:
        """Read the inputs, counting how often."""
        self.reads += 1
        return self.inputs

    def choose(self, granularity: str) -> None:
        """Accept any granularity but "weekly"."""
        if granularity == "weekly":
            raise OperatorError("granularity 'weekly' is unknown", hint="use half-hourly")
        self.chosen.append(granularity)

    def offer(self, claim: str) -> None:
        """Take a claim, if it is one."""
        read_ticket(claim)
        self.claims.append(claim)

    def acknowledge(self, message_id: int) -> bool:
        """Take the acknowledgement of any message but the ninth."""
        if message_id == 9:
            return False
        self.acknowledged.append(message_id)
        return True

    def page(self, pin: str = PIN, pin_file: PinFile | None = None) -> Starlette:
        """Make the page of this home, which answers to "hub.home" too."""
        return create_page(
            self.read,
            allowed_hosts=frozenset({"hub.home"}),
            pin=pin,
            set_granularity=self.choose,
            first_pin=FirstPinDoor(pin_file, lambda: self.up_ms, 0) if pin_file else None,
            joining=JoinDoor(lambda: self.joining, self.offer),
            household=HouseholdDoor(self.acknowledge, self.budgets.append),
        )

    def serve(self, port: int | None = None) -> WebServer:
        """Serve a page made anew, as a hub that has just started would; use it in a `with`."""
        app = self.page()
        return WebServer(app, port, before_stop=lambda: end_events(app))
