"""Tells Home Assistant what the home's displays show, through the household's own MQTT broker.

Owns when something is said: everything after connecting and after Home Assistant's birth, what has
changed at every turn. What is said is decided in `entities.py` and `discovery.py`. The one thing it
takes is that a message was read. It holds nothing up: a broker that is slow, off or wrong costs the
meter's pipeline nothing.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from agent.home.broker import BrokerPlace, HouseholdBroker
from agent.home.discovery import Message, Naming, Style, plan
from agent.home.entities import Facts, announce, tell
from agent.home.homeentities import open_messages

TURN_S = 10.0
"""How often the present is told; half the rate at which a British display is fed."""

SETTLE_S = 1.0
"""How long what a broker has retained may take to come after subscribing."""

JITTER_S_MAX = 2.0
"""Home Assistant starts with all its devices at once; each waits a random part of this."""

FOLLOW_S = 2.0
"""What is not retained is said again so soon after an announcement: only then does it listen."""

MAX_ID_DIGITS = 10
"""Of a message's id, which has four bytes."""

_logger = logging.getLogger(__name__)


class HomeAssistant:
    """The hub as Home Assistant's devices; `read_facts` is called in the event loop.

    `acknowledge` takes the id of a message that was read, and returns False where there is none.
    """

    def __init__(
        self,
        place: BrokerPlace,
        naming: Naming,
        style: Style,
        read_facts: Callable[[], Facts],
        draw: Callable[[float, float], float] = random.uniform,
        acknowledge: Callable[[int], bool] = lambda _message: False,
    ) -> None:
        self.failures = 0
        """Turns in which nothing could be read or said."""
        self.births = 0
        """How often Home Assistant said that it had started."""
        self.presses = 0
        """Messages that were acknowledged there."""
        self.presses_refused = 0
        """What came in place of that and names no message that waits."""
        self._naming = naming
        self._style: Style = style
        self._read_facts = read_facts
        self._draw = draw
        self._acknowledge = acknowledge
        self._wake = asyncio.Event()
        self._is_born = False
        self._waiting: set[int] = set()
        self._announced: dict[str, bytes] = {}
        self._said: dict[str, bytes] = {}
        self.broker = HouseholdBroker(
            place,
            online=naming.status,
            configs=naming.configs,
            listeners={
                naming.birth: self._hear_birth,
                naming.acknowledge: self._hear_press,
            },
            on_connect=self._wake.set,
        )

    async def run(self) -> None:
        """Tell until cancelled."""
        self.broker.start()
        try:
            while True:
                await self.broker.is_connected.wait()
                await self._serve(self.broker.connects)
        finally:
            await self.broker.stop()

    async def _serve(self, connection: int) -> None:
        """Tell through one connection until it is lost."""
        await asyncio.sleep(SETTLE_S)
        if not self._is_born:
            self._wake.clear()
        self._announced = dict(self.broker.held)
        self._said = {}
        is_repeated = False
        while self.broker.is_connected.is_set() and self.broker.connects == connection:
            has_announced = self._take_turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FOLLOW_S if has_announced or is_repeated else TURN_S):
                    await self._wake.wait()
            self._wake.clear()
            is_repeated = self._is_born
            if self._is_born:
                self._is_born = False
                await asyncio.sleep(self._draw(0.0, JITTER_S_MAX))
                self._repeat()

    def _hear_birth(self, payload: bytes) -> None:
        """Take what Home Assistant says of itself: "online" when it has started, or "offline"."""
        if payload == b"online":
            self.births += 1
            self._is_born = True
            self._wake.set()

    def _hear_press(self, payload: bytes) -> None:
        """Have a message read that waits; a press of the button names it, whatever else does not.

        Each is taken once, so that a flood of them costs no turn.
        """
        is_id = payload.isdigit() and len(payload) <= MAX_ID_DIGITS
        message = int(payload) if is_id else 0
        if message in self._waiting and self._acknowledge(message):
            self._waiting.discard(message)
            self.presses += 1
            self._wake.set()
        else:
            self.presses_refused += 1

    def _take_turn(self) -> bool:
        """Say what there is to say; return whether anything was announced."""
        try:
            facts = self._read_facts()
            wanted = announce(facts, self._naming)
            changes = plan(self._announced, wanted, self._naming, self._style)
            states = tell(facts, self._naming)
        except Exception:
            # The loop's boundary: no fault here may end the hub, whose readings matter more.
            self.failures += 1
            _logger.exception("Home Assistant could not be told the home's figures this time")
            return False
        self._waiting = {one.id for one in open_messages(facts.shown)}
        for message in changes:
            self._announce(message)
        self._say(Message(self._naming.status, b"online", retain=True))
        for message in states:
            self._say(message)
        return bool(changes)

    def _announce(self, message: Message) -> None:
        if not self.broker.publish(message):
            return
        if message.payload:
            self._announced[message.topic] = message.payload
        else:
            self._announced.pop(message.topic, None)

    def _say(self, message: Message) -> None:
        """Say the present each time, and what is retained where it has changed."""
        if message.retain and self._said.get(message.topic) == message.payload:
            return
        if self.broker.publish(message):
            self._said[message.topic] = message.payload

    def _repeat(self) -> None:
        """Say everything again, for a Home Assistant that has just started."""
        for topic, payload in self._announced.items():
            self.broker.publish(Message(topic, payload, retain=True))
        self._said = {}
