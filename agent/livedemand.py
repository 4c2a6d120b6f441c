"""For how long the cloud demands live samples, as the live shadow says.

Holds the instant, by the clock that nobody sets, at which the demand is over; whether consent lets
a live sample leave is not decided here. Nothing is kept over a restart: the shadow is asked anew,
and says how old its demand is.
"""

import logging
from collections.abc import Callable

from agent.uplink.junction import Junction
from agent.uplink.port import Arrived, Channel, Connected, Event
from shared.errors import BadInputError
from shared.shadows import decode_live_demand
from shared.units import MS_PER_SECOND

_logger = logging.getLogger(__name__)


class DemandWatch:
    """One hub's; `monotonic_ms` is a clock that only ever goes on."""

    def __init__(self, monotonic_ms: Callable[[], int]) -> None:
        self._monotonic_ms = monotonic_ms
        self._junction: Junction | None = None
        self._revision = 0
        self._until_ms = 0

    def attach(self, junction: Junction) -> None:
        """Hear of demands over this connection."""
        self._junction = junction
        junction.listen(self._hear)

    def is_wanted(self) -> bool:
        """Tell whether somebody in the cloud looks now."""
        return self._monotonic_ms() < self._until_ms

    def _hear(self, event: Event) -> None:
        if isinstance(event, Connected):
            # A cloud that was put back may count from lower down than the one before.
            self._revision = 0
            if self._junction is not None:
                self._junction.publish(Channel.LIVE_GET, b"{}")
        elif isinstance(event, Arrived) and event.channel is Channel.LIVE_DEMAND:
            self._take(event.payload)

    def _take(self, payload: bytes) -> None:
        try:
            found = decode_live_demand(payload)
        except BadInputError as error:
            _logger.warning("a demand for live samples is passed over: %s", error)
            return
        if found is None or found.demand.revision < self._revision:
            return
        self._revision = found.demand.revision
        self._until_ms = self._monotonic_ms() + found.left_s * MS_PER_SECOND
