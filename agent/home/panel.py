"""Feeds the panel on the wall: what displays show, the time, and messages with their answers.

Owns when something is told. It reads, and holds nothing up: figures are computed only while a panel
is there, a turn is never sooner than `LEAST_S` after the last, and no fault here ends the hub.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agent.home.inputs import Message
from agent.home.panelrecord import PanelRecord
from agent.home.panelview import PanelView
from agent.home.shown import Shown
from agent.home.snapshot import snapshot_of, time_of
from agent.home.walltexts import WallTexts
from firmware_bridge.display.hub_end import Delivered, HubEvent, Joined, OtherVersion, Said
from firmware_bridge.display.line import HubLine
from firmware_bridge.display.messages import Button, Log, Text
from shared.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND

TURN_S = 1.0
"""A meter speaks once a second at most."""

LEAST_S = 0.25
"""Between two turns: a panel that starts anew all the time has no figures computed for each."""

QUIET_MS = 10 * MS_PER_SECOND
"""Where no meter was heard since, the same figures are told so often: their ages move on."""

TIME_EVERY_MS = MS_PER_HOUR
"""A panel's own clock drifts a fraction of a second in it."""

RETRY_S = 10.0
"""After a fault that should not be."""

TELL_LOG_MS = MS_PER_MINUTE
"""A panel's lines go into the hub's own log so often at most; all of them are counted."""

_logger = logging.getLogger(__name__)


class PanelFacts(NamedTuple):
    """One instant of the home, for its panel."""

    shown: Shown
    zone: ZoneInfo


class HouseholdMessages(NamedTuple):
    """How messages to the household are read: those nobody has answered, and that one now is."""

    open: Callable[[], Sequence[Message]]
    answer: Callable[[int], object]


class PanelFeed:
    """One panel's feed; `read_facts` and `heard_ms` (when any meter was heard last) are cheap."""

    def __init__(
        self,
        line: Callable[[Callable[[HubEvent], None]], HubLine],
        record: PanelRecord,
        messages: HouseholdMessages,
        read_facts: Callable[[], PanelFacts],
        heard_ms: Callable[[], int],
        now_ms: Callable[[], int],
    ) -> None:
        self.record = record
        self.line = line(self._take)
        self._messages = messages
        self._read_facts = read_facts
        self._heard_ms = heard_ms
        self._now_ms = now_ms
        self._soon = asyncio.Event()
        self._shown_at_ms: int | None = None
        self._time_at_ms: int | None = None
        self._wall = WallTexts()
        self._logged_at_ms: int | None = None

    def view(self) -> PanelView:
        """Say how the panel is."""
        return self.record.view(self.line, self._now_ms())

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.line.run(), name="panel line")
                    group.create_task(self._take_turns(), name="panel turns")
            except Exception:
                # The loop's boundary: no fault of a display may end the hub that reads the meter.
                self.record.failures += 1
                _logger.exception("the panel on %s cannot be fed", self.view().port)
                await asyncio.sleep(RETRY_S)

    async def _take_turns(self) -> None:
        while True:
            self.take_turn()
            await asyncio.sleep(LEAST_S)
            try:
                async with asyncio.timeout(TURN_S - LEAST_S):
                    await self._soon.wait()
            except TimeoutError:
                continue

    def take_turn(self) -> None:
        """Tell what there is to tell, if a panel is there to be told."""
        self._soon.clear()
        if self.line.end.panel is None or self.line.is_lent:
            return
        self._tell_messages()
        now_ms = self._now_ms()
        if not self._is_due(now_ms):
            return
        facts = self._read_facts()
        self._tell_time(facts, now_ms)
        self.line.show(snapshot_of(facts.shown, facts.zone))
        self._shown_at_ms = now_ms

    def _tell_messages(self) -> None:
        """Bring the texts up to date, or count those that this panel keeps from the household."""
        wanted = self._messages.open()
        if self.line.end.shows_texts:
            self.record.texts_unshown = 0
            self._wall.bring_up_to_date(wanted, self.line.tell)
        else:
            self.record.texts_unshown = len(wanted)
            # Whatever another panel was told, this one's successor knows nothing of.
            self._wall = WallTexts()

    def _is_due(self, now_ms: int) -> bool:
        shown_at_ms = self._shown_at_ms
        if shown_at_ms is None or now_ms - shown_at_ms >= QUIET_MS:
            return True
        return self._heard_ms() > shown_at_ms

    def _tell_time(self, facts: PanelFacts, now_ms: int) -> None:
        """Tell a time that may be believed; a panel without one shows none."""
        if not facts.shown.is_clock_trusted:
            return
        if self._time_at_ms is None or now_ms - self._time_at_ms >= TIME_EVERY_MS:
            self.line.set_time(time_of(facts.shown.now_ms, facts.zone))
            self._time_at_ms = now_ms

    def _take(self, event: HubEvent) -> None:
        """Take what the line tells, in the event loop."""
        now_ms = self._now_ms()
        self.record.take(event, now_ms)
        match event:
            case Joined(hello):
                # The panel forgets its texts at another session: the hub's, or an update's.
                self._join((hello.boot_id, self.line.state.times_lent))
            case OtherVersion():
                self._log_now_and_then(logging.WARNING, "is refused", self.view().reason)
            case Delivered(Text() as text):
                self._wall.note_delivered(text)
            case Said(Button(message_id=int(number))):
                self._messages.answer(number)
            case Said(Log(level=level, text=text)):
                level_of_ours = logging.WARNING if level > 1 else logging.INFO
                self._log_now_and_then(level_of_ours, "says", text)
            case _:
                pass

    def _join(self, memory: Hashable) -> None:
        """Tell a panel everything that a start, or a lost line, has made it forget."""
        self._wall.meet(memory)
        self._shown_at_ms = self._time_at_ms = None
        self._soon.set()
        self._log_now_and_then(logging.INFO, "is there", self.view().name)

    def _log_now_and_then(self, level: int, said: str, what: str) -> None:
        now_ms = self._now_ms()
        if self._logged_at_ms is None or now_ms - self._logged_at_ms >= TELL_LOG_MS:
            self._logged_at_ms = now_ms
            # As repr: what a panel says must not break a line of the log.
            _logger.log(level, "the panel %s: %s", said, repr(what)[1:-1])
