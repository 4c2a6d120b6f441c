"""A hub behind the display page, for tests: its inputs may change while the page is open."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette

from agent.departures import DepartureLine
from agent.home.firstpin import FirstPinDoor
from agent.home.inputs import HomeInputs
from agent.home.joining import JoinState
from agent.home.local.served import KnownSlots, Past
from agent.home.page import JoinDoor, create_page, end_events
from agent.home.pinfile import PinFile
from agent.home.posts import HouseholdDoor
from agent.provision.tickets import read_ticket
from shared.calendar import Interval
from shared.errors import OperatorError
from shared.readings import QUANTITIES, Medium
from shared.units import SLOT_MS
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
        self.asked: list[tuple[Interval, Medium, frozenset[str] | None]] = []
        self.acknowledged: list[int] = []
        self.budgets: list[int | None] = []
        self.departed: list[DepartureLine] = []
        self.asked_since: list[int] = []
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

    async def recall(
        self,
        span: Interval,
        medium: Medium,
        meters: frozenset[str] | None,
        make: Callable[[Past], bytes],
    ) -> bytes:
        """Answer from the slots of the inputs, whatever meters are asked for."""
        self.asked.append((span, medium, meters))
        slots = range(span.start_ms // SLOT_MS, span.end_ms // SLOT_MS)
        known = {
            "import_mwh": self.inputs.electricity_slots,
            "export_mwh": self.inputs.export_slots,
            "gas_l": self.inputs.gas_slots,
        }
        return make(
            {
                name: KnownSlots(
                    {slot: one for slot, one in known[name].items() if slot in slots}, {}
                )
                for name in QUANTITIES[medium]
                if name in known
            }
        )

    def read_departures(self, since_utc_day: int) -> list[DepartureLine]:
        """Give what left, whenever that was, and note since when it was asked for."""
        self.asked_since.append(since_utc_day)
        return self.departed

    def acknowledge(self, message_id: int) -> bool:
        """Take the acknowledgement of any message but the ninth."""
        if message_id == 9:
            return False
        self.acknowledged.append(message_id)
        return True

    def page(
        self, pin: str = PIN, pin_file: PinFile | None = None, framed_by: Sequence[str] = ()
    ) -> Starlette:
        """Make the page of this home, which answers to "hub.home" too."""
        return create_page(
            self.read,
            allowed_hosts=frozenset({"hub.home"}),
            framed_by=framed_by,
            pin=pin,
            set_granularity=self.choose,
            read_past=self.recall,
            first_pin=FirstPinDoor(pin_file, lambda: self.up_ms, 0) if pin_file else None,
            joining=JoinDoor(lambda: self.joining, self.offer),
            household=HouseholdDoor(self.acknowledge, self.budgets.append),
            read_departures=self.read_departures,
        )

    def serve(self, port: int | None = None) -> WebServer:
        """Serve a page made anew, as a hub that has just started would; use it in a `with`."""
        app = self.page()
        return WebServer(app, port, before_stop=lambda: end_events(app))
