"""What a hub's collector makes of a faulty meter: no energy that was not used, none counted twice.

From the simulated bytes through the codec to the rows that would be logged, without a hub.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from agent.collector import Collector
from agent.heard import Heard, Moment
from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.household import LONDON
from shared.readings import COUNTERS
from shared.units import MS_PER_HOUR, SLOT_MS
from tests.support.faulty import SUMMER_MS, emissions

FUSE_A = 100
SPRING_MS = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp()) * 1_000
AUTUMN_MS = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp()) * 1_000
"""An hour before London's clocks change."""


@dataclass
class Ledger:
    """The differences between logged rows, run by run, as an account would add them up."""

    used: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    runs: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(lambda: 1))
    wraps: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    last: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, heard: Heard) -> None:
        """Add a row that is logged."""
        for name, value in heard.sample.registers.items():
            if name not in COUNTERS:
                continue
            key = (heard.sample.meter, name)
            change = heard.changes.get(name)
            if change is not None and change.is_new_run:
                self.runs[key] += 1
            elif key in self.last:
                step = value - self.last[key] + ((change and change.modulus) or 0)
                if change is not None and change.modulus:
                    self.wraps.append(name)
                self.steps.append(step)
                self.used[key] += step
            self.last[key] = value


def collect(told: Sequence[Emission], protocol: str = "p1") -> tuple[Ledger, list[Heard]]:
    """Give what is emitted to a collector whose clock is right."""
    codec, collector = codec_for(protocol, LONDON), Collector(FUSE_A)
    ledger, rows = Ledger(), []
    for emission in told:
        at_ms = emission.shown[0].taken_at_ms
        for decoded in codec.feed(emission.telegram):
            if isinstance(decoded, Telegram):
                offered = collector.offer(decoded, Moment(1, at_ms - SUMMER_MS, at_ms))
                rows += offered.to_log
    for heard in rows:
        ledger.add(heard)
    return ledger, rows


def used_truly(told: Sequence[Emission], name: str, meter: str | None = None) -> int:
    """Return what a register of one meter gained, first telegram to last."""
    values = [
        shown.registers[name]
        for one in told
        for shown in one.shown
        if name in shown.registers and meter in (None, shown.meter)
    ]
    return values[-1] - values[0]


@pytest.mark.parametrize("protocol", ["p1", "dlms", "sml", "iec62056"])
@pytest.mark.parametrize("start_ms", [SPRING_MS, AUTUMN_MS], ids=["forward", "back"])
def test_both_clock_changes_lose_and_double_nothing(start_ms: int, protocol: str) -> None:
    """Every ten seconds of UTC has its row through the missing hour and through the double one."""
    told = list(emissions("seed=0", protocol=protocol, start_ms=start_ms, hours=4))

    ledger, rows = collect(told, protocol)

    times = [row.at_ms for row in rows if row.sample.meter == told[0].shown[0].meter]
    assert times == [one.shown[0].taken_at_ms for one in told]
    assert {(time - 1) // SLOT_MS for time in times[1:]} == set(
        range(start_ms // SLOT_MS, start_ms // SLOT_MS + 8)
    )
    for name in ("import_t1_mwh", "import_t2_mwh"):
        assert ledger.used[(told[0].shown[0].meter, name)] == used_truly(told, name)
    assert ledger.wraps == []
    assert set(ledger.runs.values()) <= {1}


def test_an_exchange_counts_neither_registers_difference() -> None:
    """Each meter's energy is its own; the gas meter's goes through."""
    told = list(emissions("swap@2h", hours=4))

    ledger, _ = collect(told)

    for meter in ("SIM-E-0003", "SIM-E-5002"):
        for name in ("import_t2_mwh", "export_t2_mwh"):
            assert ledger.used[(meter, name)] == used_truly(told, name, meter)
    assert ledger.used[("SIM-G-0003", "gas_l")] == used_truly(told, "gas_l")
    assert set(ledger.runs.values()) <= {1}


@pytest.mark.parametrize("protocol", ["p1", "dlms", "sml", "raven"])
def test_a_wrap_is_counted_through(protocol: str) -> None:
    """What the household uses is the same whether its registers wrap or not."""
    told = list(emissions("wrap=import,wrap=export", protocol=protocol, hours=30, cadence_s=60))
    plain = list(emissions("seed=0", protocol=protocol, hours=30, cadence_s=60))

    ledger, _ = collect(told, protocol)

    meter = told[0].shown[0].meter
    names = sorted({name for key, name in ledger.used if key == meter})
    assert names
    for name in names:
        assert ledger.used[(meter, name)] == used_truly(plain, name)
    fallen = {name for name in names if used_truly(told, name) < 0}
    assert set(ledger.wraps) == fallen
    assert fallen >= {name for name in names if name != "export_t1_mwh"}
    assert set(ledger.runs.values()) <= {1}


@pytest.mark.parametrize(
    "spec",
    [
        "glitch=export@30m",
        "glitch=import@30m+20s",
        "zero@30m+1m",
        "invalid=export@30m+20s",
        "lost=gas@30m+1h",
        "flip=1/3000,drop=1/20,cut=1/20",
        "clock=+1h@30m+30m",
        "clock=1970@30m+30m",
        "drift=+30s/d",
    ],
)
def test_a_passing_fault_costs_no_energy_and_adds_none(spec: str) -> None:
    """What was displayed falsely is left out; all that was used is counted once."""
    told = list(emissions(spec, hours=3))
    plain = list(emissions("seed=0", hours=3))

    ledger, _ = collect(told)

    assert min(ledger.steps) >= 0
    for name in ("import_t2_mwh", "export_t2_mwh"):
        used = ledger.used[("SIM-E-0003", name)]
        gap = used_truly(plain[-12:], name)
        assert used_truly(plain, name) - gap <= used <= used_truly(plain, name)
    assert set(ledger.runs.values()) <= {1}


def test_a_register_that_stuck_for_hours_is_no_spike_when_it_goes_on() -> None:
    """What it missed is not counted into one moment: it begins a run."""
    told = list(emissions("stuck=export@30m+3h", hours=4))

    ledger, _ = collect(told)

    assert min(ledger.steps) >= 0
    assert max(ledger.steps) < FUSE_A * 253 * 3 * 1_000 * 70_000 // MS_PER_HOUR
    assert ledger.runs[("SIM-E-0003", "export_t2_mwh")] == 2


def test_a_repeated_telegram_adds_no_energy() -> None:
    """Its lower registers are refused, and the next telegram counts from where it was."""
    told = list(emissions("replay=1/5", hours=1))

    ledger, _ = collect(told)

    assert min(ledger.steps) >= 0
    for name in ("import_t2_mwh", "export_t2_mwh"):
        assert ledger.used[("SIM-E-0003", name)] == used_truly(told, name)
    assert set(ledger.runs.values()) <= {1}
