"""Plays one schedule: hub, broker, cloud and meter together, faults as they are due, then peace.

After the last fault everything is mended, and the run goes on until nothing is left to send.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from agent import intake as agent_intake
from agent.rows import LogRow
from agent.torture.card import Key
from agent.upkeep.opening import open_log
from cloud.ingest.hubbatch import HEAL_MS
from cloud.ingest.repository import REMIND_OLD_MS
from shared.consent import Granularity
from shared.errors import OperatorError, RetryableError
from shared.frames import MAX_SEQ
from shared.ranges import Range, contains, union
from shared.units import MS_PER_SECOND
from tests.simulation.broker import STORM, Broker, SimulatedUplink
from tests.simulation.clocks import CloudClock, HubClock, TrueTime
from tests.simulation.cloud import Cloud
from tests.simulation.hubs import HubFiles, HubLife
from tests.simulation.loop import VirtualLoop
from tests.simulation.meters import SimulatedMeter
from tests.simulation.schedule import Fault, Plan
from tests.simulation.stored import coverage_of
from tests.simulation.witness import Witness
from tests.simulation.workers import Worker

SETTLE_S_MAX = 5 * 3_600
"""Every timeout of the protocol has passed twice by then."""

HEALING_ROUNDS = 3
RESTART_S = 5.0
RESTARTS_MAX = 1_000
"""A disk stays full for ten minutes at most."""
GRANULARITIES = list(Granularity)


class World:
    """One run."""

    def __init__(self, loop: VirtualLoop, plan: Plan, files: HubFiles, cloud: Cloud) -> None:
        self.plan = plan
        self.loop = loop
        self.files = files
        self.cloud = cloud
        self.truth = TrueTime(loop, plan.start_ms)
        self.meter = SimulatedMeter(plan.meter, self.draw("meter"), plan.start_ms)
        self.witness = Witness(self.truth, self.meter)
        self.broker = Broker(loop, self.draw("network"), plan.noise)
        files.card.begin()
        cloud.begin(CloudClock(self.truth), plan.receipt_interval_s)
        self.workers = [
            Worker(loop, self.draw(f"worker {n}"), cloud, self.broker, self.witness.complain)
            for n in range(plan.workers)
        ]
        self.broker.workers = list(self.workers)
        self.life: HubLife | None = None
        self.boots = 0
        self.clock = self._boot()
        self.has_lied = False
        self.is_full = False
        self.has_been_full = False
        self.is_over = False
        self._is_closed = False
        self._is_ending = False
        self.restores = 0
        self.copies_back = 0
        self.has_stepped = 115_000 < abs(plan.meter.clock_off_ms or 0) < 125_000
        self.timeless: set[Key] = set()
        self.believed_stored: dict[str, list[Range]] = {}
        self.refused: dict[str, list[tuple[int, int, str]]] = {}
        self._own: set[asyncio.Task[Any]] = set()
        self._switching = asyncio.Lock()
        self._clearing: asyncio.Task[None] | None = None

    def draw(self, name: str) -> Random:
        """Give a part its own randomness, so that leaving out a fault disturbs no other."""
        return Random(f"{name} {self.plan.seed}")

    async def play(self) -> None:
        """Play the schedule to its end."""
        task = asyncio.current_task()
        if task is not None:
            self._own.add(task)
        self.witness.note_consent(Granularity(self.plan.consent))
        await self.start_hub()
        for fault in self.plan.faults:
            self.loop.call_later(fault.at_s, self._begin, fault)
        for _ in range(self.plan.telegrams):
            await asyncio.sleep(self.plan.cadence_s)
            self._speak()
        await self._heal()
        await self._settle()
        self._read_hub()
        self._is_closed = True
        await self.stop_hub()

    async def start_hub(self) -> None:
        """Start the hub where it is not running; where its disk refuses, try again later."""
        async with self._switching:
            tries = 0
            # A fault that outlasts the run finds the curtain down.
            while self.life is None and not self._is_closed:
                tries += 1
                if tries > RESTARTS_MAX:
                    raise RuntimeError("the hub does not start any more")
                uplink = SimulatedUplink(self.broker, self.witness.note_left)
                draw = self.draw(f"life {self.boots} {self.loop.time()}")
                try:
                    life = HubLife(self.files, self.plan, self.clock, uplink, self.witness, draw)
                except (sqlite3.Error, OperatorError):
                    await asyncio.sleep(RESTART_S)
                    continue
                life.log.is_stored = self._is_stored
                if self.is_full:
                    life.log.fill()
                self.life = life
                life.run().add_done_callback(self._note_end)

    async def kill_hub(self) -> None:
        """Take the hub's process away."""
        await self._end_hub(lambda life: life.kill(self._own))

    async def stop_hub(self) -> None:
        """Let the hub's process end in its own order."""
        await self._end_hub(HubLife.stop)

    async def _end_hub(self, end: Callable[[HubLife], Awaitable[None]]) -> None:
        async with self._switching:
            life, self.life = self.life, None
            if life is not None:
                self._is_ending = True
                try:
                    await end(life)
                finally:
                    self._is_ending = False

    @property
    def is_off(self) -> bool:
        """Tell whether no process has the card: one that ends writes until it has ended."""
        return self.life is None and not self._is_ending

    def would_start(self) -> bool:
        """Tell whether the hub can start on its card as it is."""
        try:
            open_log(self.files.card.database).close()
        except OperatorError:
            return False
        return True

    def readmit(self) -> None:
        """Let the cloud hear the hub again."""
        self.cloud.commits_to_fail = 0
        said = self.cloud.readmit()
        if said:
            self.witness.complain(said)

    def reboot(self) -> None:
        """Let the machine's next process be one of another boot."""
        self.clock = self._boot()

    def spawn(self, work: Any) -> None:
        """Run something beside the rest."""
        task = self.loop.create_task(work)
        self._own.add(task)
        task.add_done_callback(self._own.discard)

    def _boot(self) -> HubClock:
        self.boots += 1
        clock = HubClock(self.truth, self.draw(f"boot {self.boots}"), self.boots)
        if self.plan.ntp_after_s is not None:
            self.loop.call_later(
                self.plan.ntp_after_s, clock.synchronise, self.draw(f"ntp {self.boots}")
            )
        return clock

    def _begin(self, fault: Fault) -> None:
        from tests.simulation.faults import STRIKES  # noqa: PLC0415  # each names the other

        if not self.is_over:
            strike: Callable[[World, float], Any] = STRIKES[fault.kind]
            work = strike(self, fault.amount)
            if work is not None:
                self.spawn(work)

    def _speak(self) -> None:
        telegram = self.meter.telegram(self.truth.ms())
        if self.life is None or (self._clearing is not None and not self._clearing.done()):
            return
        hub = self.life.hub
        hub.take([telegram], self.files.source)
        if hub.intake.pending_rows >= agent_intake.MAX_PENDING_ROWS:
            self._clearing = self.loop.create_task(hub.intake.make_room())

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            inner = getattr(error, "exceptions", [error])[0]
            self.witness.complain(f"the hub's process ended with {inner!r}")

    def _is_stored(self, key: Key) -> bool:
        return contains(coverage_of(self.cloud.database, key.log_id), key.seq, key.seq)

    def choose(self, granularity: Granularity) -> None:
        """Let the household choose, where the hub is there to hear it."""
        if self.life is not None:
            with contextlib.suppress(RetryableError):
                self.life.hub.set_granularity(granularity.value)
                self.witness.note_consent(granularity)

    def storm(self, for_s: float) -> None:
        """Let the network be at its worst for a while."""
        self.broker.noise = STORM
        self.loop.call_later(for_s, self._calm)

    def _calm(self) -> None:
        if not self.is_over:
            self.broker.noise = self.plan.noise

    def set_full(self, *, is_full: bool) -> None:
        """Fill the hub's disk, or make room."""
        self.is_full = is_full
        self.has_been_full |= is_full
        if self.life is not None:
            if is_full:
                self.life.log.fill()
            else:
                self.life.log.make_room()

    async def _heal(self) -> None:
        self.is_over = True
        self.broker.heal()
        self.cloud.commits_to_fail = 0
        self.readmit()
        for worker in self.workers:
            worker.heal()
        self.set_full(is_full=False)
        self.clock.synchronise(self.draw("healing"))
        await self.start_hub()
        await asyncio.sleep(65)
        if self.plan.reconnects_at_end:
            self.broker.bounce()

    async def _settle(self) -> None:
        """Wait until the slots have ended and everything that may be sent is stored."""
        rest_ms = -self.truth.ms() % 1_800_000
        if "half-hourly" in {one.value for _, one in self.witness.consents}:
            # The hub's machine stands still until the half hour has ended: nothing happens in it.
            self.loop.jump(rest_ms / 1_000)
            await asyncio.sleep(240)
        await self._wait_for_peace()
        if self.copies_back:
            await self._wait_for_healing()
            await self._wait_for_peace()
        if not self._is_settled():
            self.witness.complain(f"not everything was stored within {SETTLE_S_MAX} s of peace")

    async def _wait_for_peace(self) -> None:
        until_s = self.loop.time() + SETTLE_S_MAX
        while not self._is_settled() and self.loop.time() < until_s:  # noqa: ASYNC110  # virtual
            await asyncio.sleep(60)

    async def _wait_for_healing(self) -> None:
        """Wait until a store put back unnoticed has asked for what it once said to have stored."""
        self.loop.jump(HEAL_MS / MS_PER_SECOND)
        for _ in range(HEALING_ROUNDS):
            # A hub is told of an old hole once an hour.
            self.loop.jump(REMIND_OLD_MS / MS_PER_SECOND)
            await asyncio.sleep(120)
            self.workers[0].remind()
            await asyncio.sleep(120)

    def _read_hub(self) -> None:
        """Note what the hub believes at the end."""
        if self.life is None or self.life.hub.session is None:
            return
        hub = self.life.hub
        for meter_log in hub.log.all_logs():
            log_id, delivery = meter_log.log_id.hex(), self.life.hub.session.delivery(meter_log.log)
            self.believed_stored[log_id] = delivery.stored_ranges()
            self.refused[log_id] = delivery.refused
            for row in hub.log.read(meter_log.log, 0, MAX_SEQ):
                if isinstance(row, LogRow) and hub.ledger.resolve(row) is None:
                    self.timeless.add(Key(log_id, row.seq))

    def ever(self, *granularities: Granularity) -> bool:
        """Tell whether the household ever chose one of these."""
        return any(one in granularities for _, one in self.witness.consents)

    @property
    def may_redate(self) -> bool:
        """Tell whether a sample may be sent twice with other words: a conflict to the cloud."""
        return self.is_dated_by_hub or len(self.witness.consents) > 1

    @property
    def is_dated_by_hub(self) -> bool:
        """Tell whether some samples may be dated by the hub's clock, which a source betters."""
        off_ms = self.plan.meter.clock_off_ms
        return off_ms is None or abs(off_ms) > 115_000 or self.has_stepped or self.has_lied

    def _is_settled(self) -> bool:
        if self.life is None or self.life.hub.session is None:
            return False
        hub = self.life.hub
        if hub.intake.pending_rows or not self.life.uplink.is_connected:
            return False
        assert hub.session is not None
        is_to_hear = self.plan.reconnects_at_end and self.cloud.renewed
        if is_to_hear and self.cloud.renewed != hub.session.store_id:
            # The answer to its hello, which tells of the other store, is on its way.
            return False
        for meter_log, ranges in hub.session.unstored():
            delivery = hub.session.delivery(meter_log.log)
            timeless = union(delivery.timeless)
            for first, last in ranges:
                for seq in range(first, last + 1):
                    key = Key(meter_log.log_id.hex(), seq)
                    is_exempt = contains(timeless, seq, seq) or self.is_waiting(key)
                    if not is_exempt:
                        return False
        return True

    def is_waiting(self, key: Key) -> bool:
        """Tell whether a sample, or one before it, may only leave when its day has ended.

        Frames leave in order of a log's sequences, so what follows such a one waits with it.
        """
        if not self.ever(Granularity.DAILY):
            return False
        now_ms = self.truth.ms()
        return any(
            Granularity.DAILY in self.witness.allowed_about(kept.shown.at_ms, now_ms)
            for one, kept in self.witness.kept.items()
            if one.log_id == key.log_id and one.seq <= key.seq
        )
