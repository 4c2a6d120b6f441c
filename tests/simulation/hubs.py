"""The hub of a run: the agent's own parts on a real database, killed, rebooted and starved.

Built as `agent/app.py` builds it, with the uplink, the clock and the randomness of the run.
"""

import asyncio
import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from agent import app, database
from agent.config import Config, read_config
from agent.consent import MADE_FACT, Consent, decode_limit_state, decode_made
from agent.consent_record import LIMIT_FACT
from agent.hub import Hub
from agent.log import Log
from agent.pipeline import run_pipeline
from agent.reader import LogReader
from agent.records import Batch, MeterLog
from agent.rows import LogRow
from agent.sharing import Sharing
from agent.timekeeping import ClockLedger
from agent.torture.card import Key
from agent.upkeep import opening
from shared.consent import Granularity
from shared.errors import HearthlinkError
from shared.protocol import ConsentLimit
from tests.simulation.broker import SimulatedUplink
from tests.simulation.card import Card
from tests.simulation.clocks import HubClock
from tests.simulation.schedule import Plan
from tests.simulation.witness import Witness

SPARE_PAGES = 1 << 30


class WitnessedLog(Log):
    """The hub's log, whose durable commits are witnessed; `fill` makes its disk full."""

    def __init__(self, path: Path, witness: Witness) -> None:
        super().__init__(path)
        self._witness = witness
        self.is_stored: Callable[[Key], bool] = lambda _key: False

    def commit(self, batch: Batch) -> None:
        """Commit as ever, then say what is durable."""
        super().commit(batch)
        self._witness.note_commit(batch)

    def restart_log(self, former: MeterLog, from_seq: int) -> MeterLog:
        """Go on in a new log as ever, and note where the rows have gone."""
        started = super().restart_log(former, from_seq)
        self._witness.note_moved(former.log_id.hex(), started.log_id.hex(), from_seq)
        return started

    def free(self, log: int, first_seq: int, last_seq: int) -> int:
        """Free as ever, and hold it against what the cloud has stored."""
        (log_id,) = self._db.execute("SELECT log_id FROM logs WHERE log = ?", (log,)).fetchone()
        held = self._keys(log, log_id.hex(), first_seq, last_seq)
        freed = super().free(log, first_seq, last_seq)
        # A block goes only as a whole: what is still there was not freed.
        for key in held - self._keys(log, log_id.hex(), first_seq, last_seq):
            self._witness.freed.add(key)
            if not self.is_stored(key):
                self._witness.complain(f"{key} was freed and is not stored")
        return freed

    def _keys(self, log: int, log_id: str, first_seq: int, last_seq: int) -> set[Key]:
        rows = LogReader(self._db).read(log, first_seq, last_seq)
        return {Key(log_id, row.seq) for row in rows if isinstance(row, LogRow)}

    def fill(self) -> None:
        """Let SQLite find no further page: a write that needs one fails as on a full disk."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        """Let the disk have room again."""
        self._db.execute(f"PRAGMA max_page_count = {SPARE_PAGES}")

    def break_off(self) -> None:
        """Close as a killed process does: what no COMMIT ended is gone."""
        self._committed.close()
        self._db.close()


class HubFiles:
    """The card of a run's hub, emptied between runs, and the settings of its hub."""

    def __init__(self, folder: Path) -> None:
        self.card = Card(folder)
        self._config = read_config(
            {"hub": {"state_dir": str(folder)}, "meter": {"link": "replay:none"}}, {}, "simulation"
        )
        self.source = self._config.meters[0]

    def config(self, plan: Plan) -> Config:
        """Return the settings of a schedule's hub; its meter is fed by hand."""
        return dataclasses.replace(
            self._config,
            meters=(),
            log_commit_window_s=plan.window_s,
            uplink_frame_interval_s=plan.frame_interval_s,
            uplink_backlog_frames_per_s=plan.backlog_frames_per_s,
            uplink_start_delay_s=plan.start_delay_s,
            uplink_live=True,
            consent_granularity=Granularity(plan.consent),
        )


class HubLife:
    """One process of the hub, from its start to its end."""

    def __init__(
        self,
        files: HubFiles,
        plan: Plan,
        clock: HubClock,
        uplink: SimulatedUplink,
        witness: Witness,
        draw: Random,
    ) -> None:
        self.log = _open(files.card.database, witness)
        self.uplink = uplink
        try:
            self.hub = _build(files.config(plan), clock, self.log, uplink, witness, draw)
        except sqlite3.Error:
            self.log.break_off()
            raise
        self.task: asyncio.Task[None] | None = None

    def run(self) -> "asyncio.Task[None]":
        """Start the pipeline."""
        self.task = asyncio.get_running_loop().create_task(run_pipeline(self.hub), name="hub")
        return self.task

    async def kill(self, spared: "set[asyncio.Task[Any]]") -> None:
        """End everything of this process at once; `spared` are the tasks that are not the hub's."""
        self.uplink.kill()
        theirs = asyncio.all_tasks() - spared
        for task in theirs:
            task.cancel()
        await asyncio.gather(*theirs, return_exceptions=True)
        self.log.break_off()

    async def stop(self) -> None:
        """End in the hub's own order: commit, send, wait for receipts, close."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        try:
            await app._close(self.hub)
        except sqlite3.Error:
            # What is left open would hold the file of the next run too.
            self.log.break_off()
            raise
        self.uplink.kill()


def _open(path: Path, witness: Witness) -> WitnessedLog:
    """Open the log as the hub does; one whose opening fails half-way is closed, as by its end."""
    opened: list[WitnessedLog] = []

    def make(database: Path) -> WitnessedLog:
        opened.append(WitnessedLog(database, witness))
        return opened[-1]

    try:
        # No page is damaged here, so that SQLite's own check of all of them would find nothing;
        # and nothing wears, so that zeros ahead of the WAL would spare nothing.
        with (
            patch.object(opening, "Log", make),
            patch.object(database, "lengthen_wal", lambda _path: None),
            patch.object(opening, "salvage_if_damaged", lambda _path: None),
        ):
            opening.open_log(path)
    except (sqlite3.Error, HearthlinkError):
        for one in opened:
            one.break_off()
        raise
    return opened[-1]


def _watch_limit(sharing: Sharing, witness: Witness) -> None:
    """Let the witness hear each of the cloud's limits as the hub does."""
    take = sharing.take_limit

    def take_limit(limit: ConsentLimit | None) -> None:
        take(limit)
        witness.note_limit(limit, sharing.consent.now)

    sharing.take_limit = take_limit  # type: ignore[method-assign]  # the same, and heard


def _build(
    config: Config,
    clock: HubClock,
    log: Log,
    uplink: SimulatedUplink,
    witness: Witness,
    draw: Random,
) -> Hub:
    choices = [
        (since_ms, Granularity(granularity))
        for since_ms, granularity in log.committed.execute("SELECT * FROM consent")
    ]
    hub = Hub(
        config,
        clock,
        log,
        ClockLedger(log.clock_pieces(), config.meter_clock_tolerance_ms),
        Consent(
            [(0, config.consent_granularity), *choices],
            decode_limit_state(log.fact(LIMIT_FACT)),
            decode_made(log.fact(MADE_FACT)),
        ),
        clock.error_ms,
        uplink,
    )
    _watch_limit(hub.sharing, witness)
    hub.machine = clock  # type: ignore[assignment]  # the machine is simulated too
    session = hub.session = app._session(hub, uplink)
    session._jitter = session._sender._jitter = draw
    hub.ask_system_clock()
    hub.restore()
    return hub
