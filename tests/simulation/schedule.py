"""Draws a schedule from a seed: how the parts are set, and which faults strike when. Pure."""

from dataclasses import dataclass, replace
from random import Random

from tests.simulation.meters import MODULUS_MWH, MeterPlan

BASE_MS = 1_898_553_600_000
"""2030-03-01T00:00Z, a slot's boundary, later than any release plays in it: a hub's time floor."""

SLOT_S = 1_800


@dataclass(frozen=True)
class Fault:
    """One fault: when it strikes, and how long or how much, as its kind has it."""

    at_s: float
    kind: str
    amount: float = 0.0


@dataclass(frozen=True)
class Noise:
    """What the network does to each message."""

    drop: float
    duplicate: float
    delay_s: float


@dataclass(frozen=True)
class Plan:
    """Everything a seed decides before the run."""

    seed: int
    start_ms: int
    cadence_s: int
    telegrams: int
    window_s: float
    frame_interval_s: float
    backlog_frames_per_s: float
    start_delay_s: float
    receipt_interval_s: int
    tick_s: float
    workers: int
    block_rows: int
    consent: str
    noise: Noise
    meter: MeterPlan
    ntp_after_s: float | None
    reconnects_at_end: bool
    faults: tuple[Fault, ...]

    @property
    def length_s(self) -> float:
        """How long the meter speaks."""
        return self.cadence_s * self.telegrams

    def only(self, places: set[int]) -> "Plan":
        """The same schedule with these faults alone, to find which of them matter."""
        return replace(self, faults=tuple(one for n, one in enumerate(self.faults) if n in places))


KINDS: dict[str, tuple[float, float, float]] = {
    # kind: weight, least amount, greatest amount
    "kill-hub": (4, 0.1, 120),
    "reboot-hub": (3, 5, 900),
    "stop-hub": (1, 1, 300),
    "long-off": (0.5, 1, 45),
    "image": (0.5, 0, 0),
    "put-back": (2, 20, 150),
    "upgrade-hub": (1, 1, 60),
    "roll-back-hub": (0.5, 5, 300),
    "upgrade-cloud": (0.3, 1, 60),
    "roll-back-cloud": (0.2, 5, 300),
    "revoke": (1.5, 5, 900),
    "disk-full": (2, 5, 600),
    "bit-flip": (1, 1, 3),
    "link-down": (3, 1, 900),
    "half-open": (2, 5, 60),
    "broker-restart": (2, 1, 120),
    "broker-wipe": (2, 1, 120),
    "storm": (3, 10, 600),
    "kill-worker": (3, 1, 120),
    "kill-worker-after-commit": (2, 1, 120),
    "stall-worker": (2, 5, 300),
    "no-workers": (1, 5, 600),
    "commit-fails": (2, 1, 8),
    "pause": (1, 5, 900),
    "backup": (0.5, 0, 0),
    "restore": (2, 0, 0),
    "copy-back": (2, 0, 0),
    "limit": (2, 0, 4.99),
    "ntp-lost": (1, 0, 0),
    "ntp-synced": (2, 0, 0),
    "clock-step": (1, -90_000, 90_000),
    "clock-lies": (0.5, -90_000, 90_000),
    "meter-clock-step": (1, -300_000, 300_000),
    "swap": (1, 0, 0),
    "fall": (1, 0, 0),
    "consent": (2, 0, 4.99),
}
"""The faults there are; amounts are seconds, days off, rows, commits or milliseconds."""


NEEDED_BEFORE = {"put-back": "image", "restore": "backup", "copy-back": "backup"}
"""There is little to go back to where nothing was kept."""


def plan_of(seed: int) -> Plan:
    """Draw the schedule of a seed."""
    draw = Random(f"plan {seed}")
    cadence_s = draw.choice((10, 20, 30, 60))
    telegrams = draw.randint(4, 14)
    length_s = cadence_s * telegrams
    interval_s = draw.choice((30, 60, 300, 300))
    return Plan(
        seed=seed,
        start_ms=BASE_MS + draw.randint(0, 96) * SLOT_S * 1_000 - draw.randint(0, length_s) * 1_000,
        cadence_s=cadence_s,
        telegrams=telegrams,
        window_s=draw.choice((10, 20, 60, 60, 300)),
        frame_interval_s=interval_s,
        backlog_frames_per_s=draw.choice((0.2, 2, 100)),
        start_delay_s=draw.choice((0, 0, 5, 60)),
        receipt_interval_s=draw.choice((0, 0, 60, 3_600)),
        tick_s=draw.choice((10.0, 60.0, 60.0, 120.0)),
        workers=draw.choice((1, 2, 3)),
        block_rows=draw.choice((4, 8, 360)),
        consent=draw.choice(
            ("live", "10s", "10s", "10s", "half-hourly", "half-hourly", "daily", "none")
        ),
        noise=_noise(draw),
        meter=_meter(draw),
        ntp_after_s=draw.choice((0, 0, 0, 5, length_s / 2, None)),
        reconnects_at_end=draw.random() < 0.95,
        faults=_faults(draw, length_s),
    )


def _noise(draw: Random) -> Noise:
    if draw.random() < 0.4:
        return Noise(0, 0, 0.05)
    return Noise(draw.choice((0, 0.05, 0.3)), draw.choice((0, 0.1, 0.4)), draw.choice((0.1, 2, 40)))


def _meter(draw: Random) -> MeterPlan:
    start_mwh = draw.choice((0, 1_234_567_000, MODULUS_MWH - draw.randint(0, 400_000)))
    off_ms = draw.choice((0, 0, 0, 2_500, -9_000, 100_000, -119_000, 150_000, -86_400_000, None))
    return MeterPlan(start_mwh, off_ms, has_gas=draw.random() < 0.2)


def _faults(draw: Random, length_s: int) -> tuple[Fault, ...]:
    kinds = list(KINDS)
    weights = [KINDS[kind][0] for kind in kinds]
    faults = []
    for kind in draw.choices(kinds, weights, k=draw.randint(0, 6)):
        _, least, greatest = KINDS[kind]
        amount = least + (greatest - least) * draw.random() ** 2
        at_s = round(draw.uniform(0, length_s), 1)
        faults.append(Fault(at_s, kind, round(amount, 2)))
        if kind in NEEDED_BEFORE:
            faults.append(Fault(round(draw.uniform(0, at_s), 1), NEEDED_BEFORE[kind]))
    return tuple(sorted(faults, key=lambda one: one.at_s))
