"""Follows every meter, and decides which values are believed. Pure: time comes as arguments.

What is not logged (`cadence.py` says what is) stays in memory for the display and for live.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain

import msgspec

from agent.cadence import Cadence, behind_credit
from agent.heard import SHAPES, Heard, Moment, counters_of
from agent.records import RunChange
from agent.registers import HOLDS, SLACK_MS, UNDATED_SLACK_MS, CounterWatch, Verdict
from agent.rows import LogRow
from agent.timekeeping import (
    MAX_CAPTURE_AGE_MS,
    MAX_KEPT_AGE_MS,
    METER_CLOCK_TOLERANCE_MS,
    taken_at,
)
from firmware_bridge.meters.codec import Telegram
from shared.readings import COUNTERS, Medium, Sample
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_DAY, MS_PER_HOUR

UNKNOWN_ELAPSED_MS = 35 * MS_PER_DAY
"""What has passed where no clock can tell (a meter and a hub without time, after a restart)."""

MAX_METERS = 32
"""A home has a handful; serials garbled in telegrams without a checksum must not go on for ever."""

FORGOTTEN_AFTER_MS = 30 * MS_PER_DAY
"""A meter silent for so long makes room where MAX_METERS are known: it is gone, or never was."""

MAX_POWER_W = 1_000_000
"""No home's meter passes a megawatt; a larger power is a sentinel or garbage."""


SURELY_THERE = 3
"""Heard so often a serial is a meter's; a garbled one comes once."""

PASSED_AFTER_MS = MS_PER_HOUR
"""Each serial begins a log, so garbled ones make room for each other this seldom."""

REPLAYED = "replayed"
"""The reason to set a telegram aside that was heard before."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One value that was refused."""

    meter: str
    register: str
    value: int
    reason: str


@dataclass(slots=True)
class Collected:
    """What became of one telegram: samples to log, all samples for live, and refused values."""

    to_log: list[Heard] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


@dataclass(slots=True)
class _Meter:
    watch: CounterWatch
    cadence: Cadence
    times_heard: int = 0
    progress_ms: int = 0
    last_meter_clock_ms: int | None = None
    last_utc_ms: int | None = None
    last_boot: int = -1
    last_monotonic_ms: int = 0
    capture_ms: int | None = None
    capture_progress_ms: int = 0
    doubted: dict[str, int] = field(default_factory=dict)
    source: str = ""
    clocks_ms: dict[str, int] = field(default_factory=dict)

    def note_clock(self, said_ms: int | None, source: str) -> None:
        """Remember what the meter's clock said; a source that lags does not set it back."""
        if said_ms is not None:
            self.clocks_ms[source] = said_ms
        last_ms = self.last_meter_clock_ms
        is_ahead = last_ms is None or (said_ms is not None and said_ms >= last_ms)
        if source == self.source or is_ahead:
            self.last_meter_clock_ms = said_ms
        self.source = source


class Collector:
    """Follows every meter of the hub from telegram to telegram."""

    def __init__(self, fuse_a: int, tolerance_ms: int = METER_CLOCK_TOLERANCE_MS) -> None:
        self._fuse_a = fuse_a
        self._tolerance_ms = tolerance_ms
        self._meters: dict[str, _Meter] = {}

    def restore(
        self,
        meter: str,
        medium: Medium,
        rows: Iterable[tuple[LogRow, int]],
        runs: Iterable[RunChange],
        closings: Mapping[tuple[str, str], tuple[int, int]],
    ) -> None:
        """Go on from a meter's last rows, the newest first, each with when it was taken.

        A register refused when the hub stopped is not in the newest: each counter goes on from the
        newest row that has it in the run it is in, else from that run's closing. `runs` are the
        changes of the rows' log, oldest first; `closings` are when and what, by register and run.
        """
        state = self._state(meter, medium)
        current = {change.register: change for change in runs}
        earlier = behind_credit(rows, state.cadence)
        newest = next(earlier, None)
        if newest is None:
            return
        row, at_ms = newest
        for register, (value, age_ms) in _last_counters(newest, earlier, current, closings).items():
            change = current.get(register)
            state.watch.restore(register, value, -age_ms, change.modulus if change else 0)
        state.last_meter_clock_ms = row.meter_clock_ms
        # A row whose time nobody knows says nothing of what has passed since.
        state.last_utc_ms = at_ms if at_ms >= EARLIEST_PLAUSIBLE_MS else None
        state.last_boot = row.boot
        state.last_monotonic_ms = row.monotonic_ms
        state.times_heard = SURELY_THERE
        state.capture_ms = row.captured_at_ms
        state.cadence.restore(row, at_ms)

    def knows(self, meter: str) -> bool:
        """Tell whether a meter is followed: it was heard, and there was room."""
        return meter in self._meters

    def offer(self, telegram: Telegram, moment: Moment, source: str = "") -> Collected:
        """Take a telegram heard at `moment`; sub-meters' times hang on the telegram's clock.

        `source` is the way it came: where a meter is heard by two, one may lag behind the other.

        Of what a meter kept, only what the log has not yet goes on.
        """
        collected = Collected()
        first = telegram.samples[0] if telegram.samples and not telegram.is_past else None
        clock_ms = first.meter_time_ms if first else None
        if first is not None and _is_heard_again(self._meters.get(first.meter), first, source):
            collected.doubts.append(Doubt(first.meter, "clock", clock_ms or 0, REPLAYED))
            return collected
        for sample in telegram.samples:
            captured_ms = None if sample is first else sample.meter_time_ms
            if telegram.is_past:
                if _has_nothing_new(self._meters.get(sample.meter), sample, telegram.is_healing):
                    continue
                captured_ms = self._believed_capture(captured_ms, moment, telegram.is_healing)
                if captured_ms is None and telegram.is_healing:
                    collected.doubts.append(
                        Doubt(sample.meter, "clock", sample.meter_time_ms or 0, "bad-time")
                    )
                    continue
            self._offer_sample(sample, moment, clock_ms, captured_ms, collected, source)
        return collected

    def _believed_capture(
        self, captured_ms: int | None, moment: Moment, is_healing: bool
    ) -> int | None:
        """Return a kept sample's own time where it can be; None where it is to be that of now.

        Half hours that are asked for lie up to a week back; a register's last capture is of today.
        """
        if captured_ms is None or moment.utc_ms is None:
            return captured_ms
        age_ms = moment.utc_ms - captured_ms
        most_ms = max(MAX_KEPT_AGE_MS if is_healing else MAX_CAPTURE_AGE_MS, self._tolerance_ms)
        return captured_ms if -self._tolerance_ms <= age_ms <= most_ms else None

    def _offer_sample(
        self,
        sample: Sample,
        moment: Moment,
        clock_ms: int | None,
        captured_ms: int | None,
        collected: Collected,
        source: str,
    ) -> None:
        if sample.meter not in self._meters and not self._make_room(moment):
            collected.doubts.append(Doubt(sample.meter, "meters", MAX_METERS, "too-many-meters"))
            return
        state = self._state(sample.meter, sample.medium)
        state.times_heard += 1
        said_ms = captured_ms if clock_ms is None else clock_ms
        state.progress_ms += _elapsed_ms(state, moment, said_ms)
        state.note_clock(said_ms, source)
        state.last_utc_ms = moment.utc_ms
        if clock_ms is None and captured_ms is not None and moment.utc_ms is not None:
            # What the meter kept was true then; the next reading may be of now.
            state.last_utc_ms = min(moment.utc_ms, captured_ms)
        state.last_boot, state.last_monotonic_ms = moment.boot, moment.monotonic_ms
        if captured_ms is None or captured_ms != state.capture_ms:
            state.capture_ms, state.capture_progress_ms = captured_ms, state.progress_ms
            state.doubted.clear()
        is_undated = captured_ms is None and sample.medium is not Medium.ELECTRICITY
        slack_ms = UNDATED_SLACK_MS if is_undated else SLACK_MS
        believed, changes = _believed(sample, state, slack_ms, collected.doubts, source)
        if not believed.registers:
            return
        at_ms = self._best_time_ms(moment, clock_ms, captured_ms)
        heard = Heard(believed, moment, clock_ms, captured_ms, at_ms, changes)
        collected.heard.append(heard)
        if captured_ms is None or heard.counters or not counters_of(sample):
            collected.to_log.extend(state.cadence.due(heard))

    def _best_time_ms(self, moment: Moment, clock_ms: int | None, captured_ms: int | None) -> int:
        if moment.utc_ms is not None:
            return taken_at(moment.utc_ms, clock_ms, captured_ms, 0, self._tolerance_ms)[0]
        return captured_ms or clock_ms or moment.monotonic_ms

    def _make_room(self, moment: Moment) -> bool:
        """Forget a meter where there are too many; say whether one more fits.

        First one that was heard once or twice and no more, as a garbled serial is; then one that
        has been silent for long.
        """
        if len(self._meters) < MAX_METERS:
            return True
        silences_ms = {name: _silent_ms(state, moment) for name, state in self._meters.items()}
        passing = {
            name: silent_ms
            for name, silent_ms in silences_ms.items()
            if self._meters[name].times_heard < SURELY_THERE and silent_ms > PASSED_AFTER_MS
        }
        choice = passing or silences_ms
        longest = max(choice, key=choice.__getitem__)
        if not passing and silences_ms[longest] <= FORGOTTEN_AFTER_MS:
            return False
        del self._meters[longest]
        return True

    def _state(self, meter: str, medium: Medium) -> _Meter:
        state = self._meters.get(meter)
        if state is None:
            state = self._meters[meter] = _Meter(
                CounterWatch(medium, self._fuse_a), Cadence(medium)
            )
        return state


def _last_counters(
    last: tuple[LogRow, int],
    earlier: Iterable[tuple[LogRow, int]],
    current: Mapping[str, RunChange],
    closings: Mapping[tuple[str, str], tuple[int, int]],
) -> dict[str, tuple[int, int]]:
    """Find each counter's last value in its current run, with its age when the newest row was."""
    found: dict[str, tuple[int, int]] = {}
    newest, newest_at_ms = last
    is_dated = newest_at_ms >= EARLIEST_PLAUSIBLE_MS
    for row, at_ms in chain([last], earlier):
        spans_ms = [newest.monotonic_ms - row.monotonic_ms] if row.boot == newest.boot else []
        if is_dated and at_ms >= EARLIEST_PLAUSIBLE_MS:
            spans_ms.append(newest_at_ms - at_ms)
        age_ms = max(0, *spans_ms) if spans_ms else UNKNOWN_ELAPSED_MS
        for register, value in row.registers.items():
            change = current.get(register)
            if register in COUNTERS and (change is None or row.seq >= change.from_seq):
                found.setdefault(register, (value, age_ms))
    for (register, run), (at_ms, value) in closings.items():
        change = current.get(register)
        if run == (change.run if change else ""):
            age_ms = max(0, newest_at_ms - at_ms) if is_dated else UNKNOWN_ELAPSED_MS
            found.setdefault(register, (value, age_ms))
    return found


def _believed(
    sample: Sample, state: _Meter, slack_ms: int, doubts: list[Doubt], source: str
) -> tuple[Sample, dict[str, Verdict]]:
    """Take out the values that cannot be; name the registers that wrapped or began a new run.

    A capture is one reading however often it is repeated: a value refused in it is one doubt. What
    comes late is no doubt: it was told by another source, and with no counter left, all of it was.
    """
    changes: dict[str, Verdict] = {}
    refused: dict[str, str] = {}
    late: set[str] = set()
    registers = sample.registers
    for register, is_counter in _watched_among(tuple(registers)):
        value = registers[register]
        if is_counter:
            verdict = state.watch.judge(
                register, value, state.capture_progress_ms, slack_ms, source
            )
            if verdict is HOLDS:
                continue
            if verdict.is_late:
                late.add(register)
                continue
            if verdict.fault is not None:
                refused[register] = verdict.fault.value
            else:
                changes[register] = verdict
        elif abs(value) > MAX_POWER_W:
            refused[register] = "impossible-power"
    if not refused and not late:
        return sample, changes
    for register, reason in refused.items():
        value = sample.registers[register]
        if state.doubted.get(register) != value:
            state.doubted[register] = value
            doubts.append(Doubt(sample.meter, register, value, reason))
    return _without(sample, refused.keys(), late), changes


@lru_cache(maxsize=SHAPES)
def _watched_among(names: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """List the counters and powers among registers, in order, and whether each is a counter."""
    return tuple((one, one in COUNTERS) for one in names if one in COUNTERS or one.endswith("_w"))


def _without(sample: Sample, refused: AbstractSet[str], late: AbstractSet[str]) -> Sample:
    """Take registers out of a sample; all of them where every counter was told before."""
    registers = {
        name: value
        for name, value in sample.registers.items()
        if name not in refused and name not in late
    }
    if late and not registers.keys() & COUNTERS:
        registers = {}
    return msgspec.structs.replace(sample, registers=registers)


def _is_heard_again(state: _Meter | None, sample: Sample, source: str) -> bool:
    """Tell whether a telegram from before comes once more: an older clock, an older counter.

    Older than its own source told before: the first of a source that lags behind another is new.

    A clock that was set back tells counters that go on, or that stay where nothing is used.
    """
    if state is None or sample.meter_time_ms is None:
        return False
    known_ms = state.clocks_ms.get(source) if state.clocks_ms else state.last_meter_clock_ms
    if known_ms is None or sample.meter_time_ms >= known_ms:
        return False
    steps = _steps(state, sample)
    return bool(steps) and max(steps) <= 0 and min(steps) < 0


def _has_nothing_new(state: _Meter | None, sample: Sample, is_healing: bool) -> bool:
    """Tell whether the log has what a meter kept: no counter higher, and older or lower.

    There is nothing to heal of a meter that was never heard.
    """
    if state is None:
        return is_healing
    steps = _steps(state, sample)
    is_older = (sample.meter_time_ms or 0) < state.cadence.last_at_ms
    return max(steps, default=0) <= 0 and (is_older or min(steps, default=0) < 0)


def _steps(state: _Meter, sample: Sample) -> list[int]:
    """Tell by how much each counter of a sample is above what is believed."""
    return [
        value - known
        for name, value in counters_of(sample).items()
        if (known := state.watch.last_value(name)) is not None
    ]


def _elapsed_ms(state: _Meter, moment: Moment, clock_ms: int | None) -> int:
    """Tell how long it was since this meter was last heard: the longest that any clock says."""
    spans = [0]
    if moment.boot == state.last_boot:
        spans.append(moment.monotonic_ms - state.last_monotonic_ms)
    if clock_ms is not None and state.last_meter_clock_ms is not None:
        spans.append(clock_ms - state.last_meter_clock_ms)
    if moment.utc_ms is not None and state.last_utc_ms is not None:
        spans.append(moment.utc_ms - state.last_utc_ms)
    return max(spans) if len(spans) > 1 else UNKNOWN_ELAPSED_MS


def _silent_ms(state: _Meter, moment: Moment) -> int:
    """Tell how long a meter has surely been silent; 0 where the hub's clocks cannot tell.

    The meter's own clock has no say: another meter's garbled one would make the living look gone.
    """
    if moment.boot == state.last_boot:
        return moment.monotonic_ms - state.last_monotonic_ms
    if moment.utc_ms is not None and state.last_utc_ms is not None:
        return moment.utc_ms - state.last_utc_ms
    return 0
