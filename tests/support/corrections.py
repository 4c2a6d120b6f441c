"""A hub whose sources of time may be wrong, before the real ingest, all in one process.

True time goes on whatever the hub believes of it. Restarts, new boots, lost and late messages are
the test's to choose; `settle` lets everything arrive.
"""

import asyncio
import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from agent.floor import RELEASED_MS
from agent.hub import Hub
from agent.rows import LogRow
from agent.uplink.framing import CLOSED_AFTER_MS
from agent.uplink.numbering import outbid
from agent.uplink.port import Channel
from agent.uplink.sender import SessionHooks, SessionRules
from agent.uplink.session import Session
from cloud.readings.export import samples
from shared.calendar import day_of, local_date
from shared.meterdays import SlotEdges, edges_of, join_into, unpack_day
from shared.protocol import encode_message
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from tests.support.clocks import StillClock
from tests.support.cloud import stored_days
from tests.support.fakes import FakeUplink
from tests.support.hubs import METER, hub_in, take, telegram
from tests.support.ingest import THING, Cloud

BEGIN_MS = RELEASED_MS + 100 * MS_PER_DAY
"""The true time at the start, on the boundary of a slot, and later than any hub's floor."""

WH = 1_000
SAMPLE_EVERY_MS = MS_PER_MINUTE
MAX_TURNS = 500

Place = tuple[str, int]
"""A log's id in hex and a sequence."""


class World:
    """One home with a meter, a hub and a cloud; `meter_off_ms` is its clock's error, if it has one.

    `true_ms` is the true time of each row by its place, as of the moment it was heard.
    """

    def __init__(
        self, folder: Path, granularity: str = "10s", meter_off_ms: int | None = None
    ) -> None:
        self.folder = folder
        self.granularity = granularity
        self.meter_off_ms = meter_off_ms
        for name in ("hub", "cloud"):
            (folder / name).mkdir(parents=True)
        self.cloud = Cloud(folder / "cloud")
        self.true_ms: dict[Place, int] = {}
        self._since_start_ms = 0
        self._boot_started_ms = 0
        self._boots = 1
        self._register_mwh = 1_000_000
        self._waiting: list[bytes] = []
        self.clock = StillClock("boot-1")
        self.start()

    @property
    def now_ms(self) -> int:
        """The true time."""
        return BEGIN_MS + self._since_start_ms

    def start(self) -> None:
        """Start the hub's process on what it left."""
        self.hub: Hub = hub_in(
            self.folder / "hub", clock=self.clock, consent_granularity=self.granularity
        )
        self.uplink = FakeUplink()
        rules = SessionRules(
            0, 1_000, 0, self.hub.chunk_rows, lambda: self.hub.ledger.size, self.hub.cut,
            self.hub.wanted, partial(outbid, self.hub.log, self.hub.ledger),
        )  # fmt: skip
        hooks = SessionHooks(
            monotonic_ms=lambda: self._since_start_ms,
            utc_ms=self.hub.utc_ms,
            on_cloud_time=lambda _at_ms, _trip_ms: None,
            on_tariff=lambda _payload: None,
            on_bad_input=lambda *_: None,
            sharing=self.hub.sharing,
        )
        self.session = Session(self.hub.log, self.uplink, rules, hooks, "1.0")
        self.hub.session = self.session
        asyncio.run(self.uplink.start(self.session.deliver))
        self.uplink.connect()

    def restart(self) -> None:
        """End the process, what was on its way too, and start it again."""
        self.hub.log.close()
        self._waiting.clear()
        self.start()

    def reboot(self, off_ms: int) -> None:
        """Let the power fail for a while: monotonic time begins again."""
        self._boots += 1
        self._since_start_ms += off_ms
        self._boot_started_ms = self._since_start_ms
        self.clock = StillClock(f"boot-{self._boots}")
        self.restart()

    def pass_by(self, ms: int) -> None:
        """Let time pass."""
        self._since_start_ms += ms
        self.clock.monotonic = self._since_start_ms - self._boot_started_ms
        self.cloud.clock.advance_to(self.now_ms)

    def hear(self, count: int, every_ms: int = SAMPLE_EVERY_MS) -> None:
        """Hear the meter so often, and commit what is to be logged."""
        for _ in range(count):
            self.pass_by(every_ms)
            self._register_mwh += WH
            clock_ms = None if self.meter_off_ms is None else self.now_ms + self.meter_off_ms
            before = self._next_seq()
            take(self.hub, [telegram(self._register_mwh, clock_ms)])
            log_id = self.hub.log.meters[METER].log_id.hex()
            self.true_ms |= {(log_id, seq): self.now_ms for seq in range(before, self._next_seq())}
        asyncio.run(self.hub.intake.commit())

    def _next_seq(self) -> int:
        known = self.hub.log.meters.get(METER)
        return known.next_seq if known else 1

    def tell(self, off_ms: int = 0, uncertainty_ms: int = 10) -> None:
        """Let a source tell the time, wrong by so much; no two speak in the same millisecond."""
        self.pass_by(1)
        self.hub.believe(self.now_ms + off_ms, uncertainty_ms, "ntp")

    def talk(self, carried: Callable[[int], float] = lambda _: 1.0, seed: int = 0) -> None:
        """Let the session do what is due; carry each message with a chance, in any order."""
        draw = random.Random(seed)
        self._step()
        self._waiting += self.uplink.taken(Channel.FRAMES)
        hellos = self.uplink.taken(Channel.HELLO)
        receipts = [one for hello in hellos for _, one in self.cloud.service.greet(THING, hello)]
        draw.shuffle(self._waiting)
        left = []
        for payload in self._waiting:
            if draw.random() < carried(len(payload)):
                receipts += self.cloud.send(*[payload] * draw.choice((1, 1, 2)))
            else:
                left.append(payload)
        self._waiting = left
        for receipt in receipts:
            self.uplink.arrive(Channel.RECEIPTS, encode_message(receipt))
        self._step()

    def _step(self) -> None:
        events = self.session._events
        while not events.empty():
            self.session._handle(events.get_nowait())
        while self.session._send_due(is_final=True) == 0:
            continue

    def settle(self) -> None:
        """Let everything arrive."""
        self.uplink.lose()
        self.uplink.connect()
        for _ in range(MAX_TURNS):
            self.talk()
            if self.session.is_answered and not self._waiting and not self._in_flight():
                return
            self.pass_by(MS_PER_MINUTE)
        raise AssertionError("the hub and the cloud never come to rest")

    def _in_flight(self) -> bool:
        return any(self.session.delivery(one.log).flights for one in self.hub.log.all_logs())

    def resolved(self) -> dict[Place, tuple[LogRow, int]]:
        """What the hub now says of each row it dates: the row and its time."""
        found = {}
        for one in self.hub.log.all_logs():
            for row in self.hub.log.read(one.log, 0, 2**40):
                time = self.hub.ledger.resolve(row) if isinstance(row, LogRow) else None
                if isinstance(row, LogRow) and time is not None:
                    found[one.log_id.hex(), row.seq] = (row, time[0])
        return found

    def stored(self) -> dict[Place, int]:
        """The time of each sample that counts in the cloud; fails where one is there twice."""
        with self.cloud.database.reading() as connection:
            lines = [msgspec.json.decode(one) for one in samples(connection, with_all=False)]
        times = {(one["log_id"], one["seq"]): one["taken_at_ms"] for one in lines}
        assert len(times) == len(lines)
        return times

    def cloud_edges(self) -> SlotEdges:
        """The cloud's openings and closings."""
        edges: SlotEdges = {}
        for known in stored_days(self.cloud.database).values():
            join_into(edges, known)
        return edges

    def hub_edges(self) -> SlotEdges:
        """The hub's own openings and closings."""
        edges: SlotEdges = {}
        for days in self.hub.history._days.values():
            for day, packed in days.items():
                join_into(edges, unpack_day(packed, day))
        return edges

    def true_edges(self) -> SlotEdges:
        """What the openings and closings are by the hub's last word on each row."""
        rows = [(at_ms, row.registers["import_mwh"]) for row, at_ms in self.resolved().values()]
        return edges_of([at_ms for at_ms, _ in rows], [value for _, value in rows])

    def day_edges(self) -> dict[dt.date, set[Place]]:
        """The first and the last row of each day that is closed, by the hub's last word."""
        zone = self.hub.config.hub_zone
        by_day: dict[dt.date, list[tuple[int, Place]]] = defaultdict(list)
        for place, (_, at_ms) in self.resolved().items():
            by_day[local_date(at_ms - 1, zone)].append((at_ms, place))
        closed_ms = self.hub.utc_ms() - CLOSED_AFTER_MS
        return {
            day: {min(rows)[1], max(rows)[1]}
            for day, rows in by_day.items()
            if day_of(day, zone).end_ms <= closed_ms
        }

    def worst_ms(self) -> int:
        """How far the cloud's time of any sample is from the true one."""
        return max(abs(at_ms - self.true_ms[place]) for place, at_ms in self.stored().items())

    def close(self) -> None:
        """Close both databases."""
        self.hub.log.close()
        self.cloud.database.close()


WRONG_BY_MS = (
    3_000, -3_000, 90_000, 20 * MS_PER_MINUTE, -20 * MS_PER_MINUTE, 5 * MS_PER_HOUR,
    -5 * MS_PER_HOUR, 3 * MS_PER_DAY,
)  # fmt: skip
"""How wrong sources are: seconds to days."""
