"""Keeps the running hub in its cloud: joins by a claim, renews in time, follows what changed.

A hub without an identity reads its meters all the same; whichever way a claim comes (the page, a
file on the boot partition, `hearthlink provision` beside it), the hub connects without a restart.
It decides when; how is agent/provision's, and what is kept agent/identity's.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.identity.certificates import Facts
from agent.identity.folder import Identity, IdentityFolder
from agent.identity.place import Place, Purpose
from agent.identity.renewal import is_due
from agent.provision.claimfile import ClaimFile
from agent.provision.enrolment import Tools
from agent.provision.joining import Ticket, join
from agent.provision.renewing import renew
from agent.provision.steps import Shown
from agent.uplink.junction import Junction
from agent.uplink.pacing import Backoff
from agent.uplink.port import Connected, Event, Uplink
from shared.errors import HearthlinkError, OperatorError

TICK_S = 2.0
JOIN_AGAIN_S = (5.0, 300.0)
RENEW_AGAIN_S = (600.0, 21_600.0)
"""A try takes the hub's connection away for a second: not every minute of a cloud's bad day."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class MembershipState:
    """What the page shows: the thing it joined as, what is under way, what stands in the way."""

    thing: str = ""
    expires_ms: int | None = None
    is_busy: bool = False
    steps: list[Shown] = field(default_factory=list)
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Doors:
    """What a membership is given: tools, transports, and whom to tell that the hub has joined."""

    tools: Callable[[Callable[[Shown], None]], Tools]
    open_uplink: Callable[[Place, Identity], Uplink]
    attach: Callable[[Junction], None]
    claim_file: ClaimFile


class Membership:
    """One hub's; `run` is its task, the other methods may be called from the same event loop."""

    def __init__(self, identity: IdentityFolder, doors: Doors) -> None:
        self.state = MembershipState()
        self.junction: Junction | None = None
        self._identity = identity
        self._doors = doors
        self._tools = doors.tools(self._note_step)
        self._name = ""
        self._facts: Facts | None = None
        self._ticket: Ticket | None = None
        self._wake = asyncio.Event()
        self._not_before_s = 0.0
        self._joins = Backoff(*JOIN_AGAIN_S, random.random)
        self._renewals = Backoff(*RENEW_AGAIN_S, random.random)
        self._change = asyncio.Lock()

    def open(self) -> None:
        """Connect with the identity that is there; one that cannot be used is shown, not fatal."""
        try:
            name, present = self._identity.current_name(), self._identity.current()
            if present is None:
                return
            transport = self._doors.open_uplink(present.place, present)
        except HearthlinkError as error:
            self._note_problem(error)
            return
        self._follow(name, present)
        self.junction = Junction(transport)
        self.junction.listen(self._hear)
        self._doors.attach(self.junction)

    async def run(self) -> None:
        """Look for something to do, for ever."""
        while True:
            try:
                await self._turn()
            except Exception as error:  # the loop's boundary: the hub goes on reading
                _logger.exception("the hub's membership could not be looked after")
                self.state.problem = f"unforeseen: {error}"
                self._put_off(self._joins)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    def offer(self, ticket: Ticket) -> None:
        """Take a claim to join by; it is used at once, whatever was waited for."""
        self._ticket = ticket
        self._not_before_s = 0.0
        self.state.problem = self.state.hint = ""
        self.state.is_busy = True
        self._wake.set()

    def fingerprint(self) -> str:
        """Name the certificate in use; empty where there is none."""
        present = self._identity.current()
        return present.facts.fingerprint if present is not None else ""

    def authority_file(self) -> Path | None:
        """Name the file of the cloud's own authority, where it has one."""
        present = self._identity.current()
        return present.authority_file if present is not None else None

    async def rotate(self) -> Place:
        """Renew the certificate now, as a job may ask; raises as `agent.provision.renew` does."""
        async with self._change:
            return await self._renew()

    async def _turn(self) -> None:
        async with self._change:
            if self._identity.current_name() != self._name:
                await self._connect()
            if asyncio.get_running_loop().time() < self._not_before_s:
                return
            from_file = self._doors.claim_file.read() if self._ticket is None else None
            ticket = self._ticket if self._ticket is not None else from_file
            journal = self._identity.journal()
            if ticket is not None or (journal is not None and journal.purpose is Purpose.JOIN):
                await self._try(self._join(ticket, is_from_file=from_file is not None), self._joins)
            elif self._wants_renewal() or (journal is not None):
                await self._try(self._renew(), self._renewals)

    def _wants_renewal(self) -> bool:
        return self._facts is not None and is_due(self._facts, self._tools.utc_ms())

    async def _try(self, doing: Awaitable[Place], pauses: Backoff) -> None:
        """Do it; what stands in the way is shown, and tried again after a pause."""
        self.state.is_busy = True
        self.state.steps.clear()
        try:
            await doing
        except HearthlinkError as error:
            self._note_problem(error)
            self._put_off(pauses)
        else:
            self.state.problem = self.state.hint = ""
            pauses.reset()
        finally:
            self.state.is_busy = False

    async def _join(self, ticket: Ticket | None, *, is_from_file: bool) -> Place:
        try:
            async with self._disconnected("the hub joins a cloud"):
                place = await join(self._tools, ticket)
        except OperatorError as error:
            self._ticket = None
            if is_from_file:
                self._doors.claim_file.refuse(str(error))
            raise
        self._ticket = None
        self._doors.claim_file.remove()
        _logger.info("joined %s as %s", place.host, place.thing)
        return place

    async def _renew(self) -> Place:
        async with self._disconnected("the hub renews its certificate"):
            place = await renew(self._tools)
        _logger.info("the certificate of %s is renewed", place.thing)
        return place

    @asynccontextmanager
    async def _disconnected(self, reason: str) -> AsyncIterator[None]:
        """Leave the connection to the provisioning, which goes by the same name; then go on."""
        if self.junction is not None:
            await self.junction.pause(reason)
        try:
            yield
        finally:
            await self._connect()

    async def _connect(self) -> None:
        """Connect with the identity that is the current one now."""
        if self.junction is None:
            self.open()
            return
        name, present = self._identity.current_name(), self._identity.current()
        if present is not None:
            transport = self._doors.open_uplink(present.place, present)
            self._follow(name, present)
            await self.junction.change(transport)

    def _follow(self, name: str, present: Identity) -> None:
        self._name, self._facts = name, present.facts
        self.state.thing, self.state.expires_ms = present.place.thing, present.facts.expires_ms

    def _hear(self, event: Event) -> None:
        """Once the current identity has connected, what was before is not needed any more."""
        if isinstance(event, Connected) and self._identity.current_name() == self._name:
            with contextlib.suppress(HearthlinkError), self._identity.held():
                self._identity.forget_previous()

    def _note_step(self, step: Shown) -> None:
        self.state.steps.append(step)

    def _note_problem(self, error: HearthlinkError) -> None:
        if self.state.problem != error.message:
            _logger.warning("the hub's membership: %s", error)
        self.state.problem, self.state.hint = error.message, error.hint

    def _put_off(self, pauses: Backoff) -> None:
        self._not_before_s = asyncio.get_running_loop().time() + pauses.next_s()
