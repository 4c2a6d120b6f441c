"""The one way to the cloud, shared: the session, health, settings and jobs speak and hear over it.

The transport behind it can be changed while the hub runs: when it joins a cloud, or has another
certificate. What arrives for the session goes to the session; everything else to whoever listens.
"""

from collections.abc import Callable

from agent.uplink.port import Arrived, Channel, Disconnected, Event, Uplink

OF_THE_SESSION = frozenset({Channel.RECEIPTS, Channel.TARIFF})
"""Arrivals that the session alone hears; connections and their ends everybody does."""


class Junction:
    """The Uplink port over another uplink, which may be changed for a third."""

    def __init__(self, transport: Uplink) -> None:
        self._transport: Uplink | None = transport
        self._deliver: Callable[[Event], None] | None = None
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, hear: Callable[[Event], None]) -> None:
        """Tell somebody else too, on the event loop, of connections and of what is not receipts."""
        self._listeners.append(hear)

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin connecting."""
        self._deliver = deliver
        if self._transport is not None:
            await self._transport.start(self._hear)

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Hand a message over; False without a connection."""
        return self._transport is not None and self._transport.publish(channel, payload, subject)

    def recall(self) -> bool:
        """Drop what waits in the transport and has not left; tell whether anything did."""
        return self._transport is not None and self._transport.recall()

    async def stop(self) -> None:
        """Say offline and disconnect, for good or until another transport is given."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.stop()

    async def pause(self, reason: str) -> None:
        """Disconnect until `change`; everybody is told the reason."""
        await self.stop()
        self._hear(Disconnected(reason))

    async def change(self, transport: Uplink) -> None:
        """Go on over another transport; what the last one had in flight counts as lost."""
        await self.pause("the hub changes its connection")
        self._transport = transport
        if self._deliver is not None:
            await transport.start(self._hear)

    def _hear(self, event: Event) -> None:
        is_session_only = isinstance(event, Arrived) and event.channel in OF_THE_SESSION
        is_for_others = isinstance(event, Arrived) and not is_session_only
        if self._deliver is not None and not is_for_others:
            self._deliver(event)
        if not is_session_only:
            for hear in self._listeners:
                hear(event)
