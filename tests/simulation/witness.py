"""What a run has witnessed: committed rows, freed rows, consent, and everything that left the hub.

It takes nobody's word: rows are noted as they become durable, messages as they leave.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from agent.records import Batch
from agent.torture.card import Key
from agent.uplink.port import Channel
from shared.consent import Granularity, narrowest
from shared.protocol import ConsentLimit
from shared.readings import COUNTERS, Medium
from tests.simulation.broker import Left
from tests.simulation.clocks import TrueTime
from tests.simulation.meters import Shown, SimulatedMeter


@dataclass(frozen=True)
class Kept:
    """A row that was durable once."""

    meter: str
    medium: Medium
    registers: dict[str, int]
    boot: int
    meter_clock_ms: int | None
    captured_at_ms: int | None
    shown: Shown


EDGE_MS = 125_000
"""A meter's clock may be two minutes off and is believed: the edges of a choice blur by as much."""


class Limit(NamedTuple):
    """The cloud's limit as the hub has heard it; revision 0 for none."""

    granularity: Granularity
    revision: int
    lifted: int


NO_LIMIT = Limit(Granularity.LIVE, 0, 0)


def counters_of(registers: dict[str, int]) -> dict[str, int]:
    """Leave out what is no counter, as thinning does."""
    return {name: value for name, value in registers.items() if name in COUNTERS}


@dataclass
class Witness:
    """One run's record."""

    truth: TrueTime
    meter: SimulatedMeter
    kept: dict[Key, Kept] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    consents: list[tuple[int, Granularity]] = field(default_factory=list)
    freed: set[Key] = field(default_factory=set)
    gone: dict[Key, list[Kept]] = field(default_factory=dict)
    imaged: set[Key] = field(default_factory=set)
    limit: Limit = NO_LIMIT
    imaged_consent: tuple[Granularity, Granularity, Limit] | None = None
    damaged: set[Key] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    chosen: Granularity = Granularity.LIVE
    commits: int = 0
    cards: int = 0

    def complain(self, text: str) -> None:
        """Note a violation as it happens."""
        self.complaints.append(text)

    def note_commit(self, batch: Batch) -> None:
        """Note what has just become durable; one place never means two samples."""
        self.commits += 1
        for meter_log, row in batch.rows:
            key = Key(meter_log.log_id.hex(), row.seq)
            shown = self._shown(meter_log.meter, meter_log.medium, row.registers)
            if shown is None:
                self.complain(f"{key} was committed and never shown: {row}")
                continue
            kept = Kept(
                meter_log.meter,
                meter_log.medium,
                dict(row.registers),
                row.boot,
                row.meter_clock_ms,
                row.captured_at_ms,
                shown,
            )
            if self.kept.setdefault(key, kept) != kept:
                self.complain(f"{key} was committed twice: {self.kept[key]} and {kept}")

    def note_moved(self, former: str, started: str, from_seq: int) -> None:
        """Note that rows went on in another log, renumbered from 1."""
        for key in [one for one in self.kept if one.log_id == former and one.seq >= from_seq]:
            moved = Key(started, key.seq - from_seq + 1)
            self.kept[moved] = self.kept.pop(key)
            if key in self.damaged:
                self.damaged.add(moved)

    def note_image(self) -> None:
        """Note that the card is copied as it is now."""
        self.imaged = set(self.kept)
        self.imaged_consent = (self.chosen, self.consents[-1][1], self.limit)

    def note_put_back(self) -> None:
        """Note that the card is as it was copied: what came later is gone with the other one.

        The cloud may have it or not; whatever is said under its place from now on is another.
        """
        self.cards += 1
        for key in [one for one in self.kept if one not in self.imaged]:
            self.gone.setdefault(key, []).append(self.kept.pop(key))
        if self.imaged_consent is not None:
            self.chosen, held, self.limit = self.imaged_consent
            self.consents.append((self.truth.ms(), held))

    def find(self, key: Key, registers: dict[str, int]) -> Kept | None:
        """Find the row of this place that says so, whole or in its counters alone."""
        held = [self.kept[key]] if key in self.kept else []
        for kept in [*held, *self.gone.get(key, [])]:
            if registers in (kept.registers, counters_of(kept.registers)):
                return kept
        return None

    def note_left(self, channel: Channel, payload: bytes) -> None:
        """Note a message that leaves the hub."""
        self.left.append(Left(self.truth.ms(), channel, payload))

    def note_consent(self, granularity: Granularity) -> None:
        """Note what the household has chosen just now, which lifts the cloud's limit."""
        self.chosen = granularity
        self.limit = Limit(Granularity.LIVE, 0, max(self.limit.lifted, self.limit.revision))
        self.consents.append((self.truth.ms(), granularity))

    def note_limit(self, limit: ConsentLimit | None, enforced: Granularity) -> None:
        """Note what a receipt has just said of the cloud's limit, and what the hub enforces now.

        Whatever store it is of, put back or not: nothing but the household's choice widens.
        """
        known = self.limit
        if limit is not None and limit.revision > max(known.lifted, known.revision):
            most = narrowest(known.granularity, Granularity(limit.granularity))
            self.limit = Limit(most, limit.revision, known.lifted)
        most = narrowest(self.chosen, self.limit.granularity)
        if narrowest(most, enforced) is not enforced:
            self.complain(f"the hub enforces {enforced} where {most} is the most")
        if enforced is not self.consents[-1][1]:
            self.consents.append((self.truth.ms(), enforced))

    def allowed(self, taken_ms: int, leaving_ms: int) -> Granularity:
        """Tell what may leave of a sample: the narrower of when it was taken and of now."""
        return narrowest(self._held_at(taken_ms), self._held_at(leaving_ms))

    def allowed_about(self, taken_ms: int, leaving_ms: int) -> set[Granularity]:
        """Tell what may be allowed of a sample, its meter's clock as far off as may be believed."""
        first, last = taken_ms - EDGE_MS, taken_ms + EDGE_MS
        changes = [since_ms for since_ms, _ in self.consents if first < since_ms <= last]
        return {self.allowed(at_ms, leaving_ms) for at_ms in (first, *changes)}

    def _held_at(self, at_ms: int) -> Granularity:
        held = self.consents[0][1]
        for since_ms, granularity in self.consents:
            if since_ms <= at_ms:
                held = granularity
        return held

    def _shown(self, meter: str, medium: Medium, registers: dict[str, int]) -> Shown | None:
        if medium is Medium.ELECTRICITY:
            number = registers.get("power_import_w", 0)
            found = self.meter.shown[number - 1] if 0 < number <= len(self.meter.shown) else None
            is_same = found is not None and found.meter == meter
            return found if is_same else None
        return self.meter.gas_shown.get(registers["gas_l"])
