"""Plays a simulated meter into a sink: its history at full speed, then live, and its oracle beside.

The shell around the pure meter: waits, writes and reports; decides nothing about readings.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Literal

from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.meters import METERS, Build, Fitting
from firmware_bridge.simulator.oracle import (
    CadenceOracle,
    OracleLine,
    encode_lines,
    lines_beside,
    with_doubts,
)
from firmware_bridge.simulator.sinks import WAIT_S, Sink, Stopping
from firmware_bridge.simulator.timing import LiveTimes, history_times
from shared.clock import Clock
from shared.units import MS_PER_DAY, MS_PER_SECOND

BATCH = 16
"""Telegrams in one write of the history, about 12 KB: more than a pseudo-terminal holds."""

PROGRESS_S = 0.5

Phase = Literal["history", "live"]

Report = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a simulation is; `total` is how many telegrams its history has."""

    phase: Phase
    emitted: int
    total: int
    meter_time_ms: int


@dataclass(frozen=True, slots=True)
class Script:
    """What to play: a seed and a protocol, how much history before now, and whether to go on live.

    `now_ms` is the now that history leads up to, None the clock's; `until_ms` ends the simulation
    before that meter time, None plays to now, or for ever if live.
    """

    seed: int
    protocol: str = "p1"
    history_days: float = 0
    history_cadence_s: int = 10
    is_live: bool = True
    now_ms: int | None = None
    until_ms: int | None = None


class OracleFile:
    """Writes each telegram's lines once the next one is known; `finish` writes the last ones.

    A telegram that did not arrive, or whose time a hub cannot know, is written at once and takes
    no part in the cadence.
    """

    def __init__(self, file: BinaryIO | None) -> None:
        self._file = file
        self._oracle = CadenceOracle()
        self._pending: Emission | None = None

    def push(self, emission: Emission) -> None:
        """Take a telegram that has left, or was lost on its way."""
        if emission.kept:
            self._write(lines_beside(emission.kept))
        if emission.is_damaged or emission.clock_off_ms:
            self._write(
                lines_beside(
                    emission.shown,
                    is_damaged=emission.is_damaged,
                    clock_off_ms=emission.clock_off_ms,
                )
            )
            return
        self._decide(emission)
        self._pending = emission

    def finish(self) -> None:
        """Write what is pending: no telegram follows."""
        self._decide(None)
        self._pending = None
        self.flush()

    def flush(self) -> None:
        """Hand what is decided to the operating system."""
        if self._file is not None:
            self._file.flush()

    def _decide(self, following: Emission | None) -> None:
        if self._pending is None:
            return
        shown_next = None if following is None else following.shown
        lines = self._oracle.decide(self._pending.shown, shown_next)
        if self._pending.doubtful:
            lines = with_doubts(lines, self._pending.doubtful)
        self._write(lines)

    def _write(self, lines: list[OracleLine]) -> None:
        if self._file is not None:
            self._file.write(encode_lines(lines))


class Player:
    """Plays one script to its end, or until told to stop; always ends between two telegrams."""

    def __init__(
        self,
        script: Script,
        *,
        clock: Clock,
        sink: Sink,
        oracle: OracleFile,
        stopping: Stopping,
        report: Report,
        build: Build | None = None,
        batch: int = BATCH,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take what makes the meter; None is the protocol's own."""
        self._script = script
        self._clock = clock
        self._sink = sink
        self._oracle = oracle
        self._stopping = stopping
        self._report = report
        self._batch = batch
        self._sleep = sleep
        self._started_ms = clock.utc_ms() if script.now_ms is None else script.now_ms
        self._start_ms = self._started_ms - round(script.history_days * MS_PER_DAY)
        make = build or METERS[script.protocol].build
        self._meter = make(Fitting(script.seed, self._start_ms))
        self._last_ms = self._start_ms
        self._emitted = 0
        self._reported_ms = clock.monotonic_ms()

    def play(self) -> int:
        """Play it; return how many telegrams left."""
        self._play_history()
        if self._script.is_live:
            self._play_live()
        self._oracle.finish()
        return self._emitted

    def _history_end_ms(self) -> int:
        """The history ends at now, which moves on while it is played if live follows."""
        end_ms = self._clock.utc_ms() if self._script.is_live else self._started_ms
        until_ms = self._script.until_ms
        return end_ms if until_ms is None else min(end_ms, until_ms)

    def _play_history(self) -> None:
        emissions = self._history()
        while not self._stopping() and (batch := list(islice(emissions, self._batch))):
            if not self._send(batch, "history"):
                return

    def _history(self) -> Iterator[Emission]:
        script = self._script
        for time_ms in history_times(script.seed, self._start_ms, script.history_cadence_s):
            if time_ms >= self._history_end_ms():
                return
            yield self._meter.emit(time_ms)

    def _play_live(self) -> None:
        times = LiveTimes(self._script.seed)
        while not self._stopping():
            time_ms, leaves_ms = times.after(self._last_ms)
            if self._script.until_ms is not None and time_ms >= self._script.until_ms:
                return
            if not self._wait_until(leaves_ms):
                return
            if not self._send([self._meter.emit(time_ms)], "live"):
                return

    def _wait_until(self, leaves_ms: int) -> bool:
        """Wait for an instant; tell whether it came before the simulation was told to end."""
        while (left_ms := leaves_ms - self._clock.utc_ms()) > 0:
            if self._stopping():
                return False
            self._sleep(min(WAIT_S, left_ms / MS_PER_SECOND))
        return True

    def _send(self, batch: list[Emission], phase: Phase) -> bool:
        """Send telegrams and record those that left; tell whether all did."""
        sent = self._sink.send([emission.telegram for emission in batch], self._stopping)
        for emission in batch[:sent]:
            self._oracle.push(emission)
        if sent:
            self._emitted += sent
            self._last_ms = batch[sent - 1].shown[0].taken_at_ms
        self._tell(phase)
        return sent == len(batch)

    def _tell(self, phase: Phase) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._reported_ms < PROGRESS_S * MS_PER_SECOND:
            return
        self._reported_ms = now_ms
        self._oracle.flush()
        cadence_ms = self._script.history_cadence_s * MS_PER_SECOND
        total = max(0, self._history_end_ms() - self._start_ms) // cadence_ms
        self._report(Progress(phase, self._emitted, total, self._last_ms))
