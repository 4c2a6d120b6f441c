"""The demo's check finds what is lost, doubled, altered or served wrongly; it can fail."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.demo.check import Summary, Truth, check_demo, rfc3339
from agent.demo.stage import Stage
from agent.log import Log
from agent.records import Batch
from agent.rows import LogRow
from agent.timekeeping import Piece
from shared.readings import Medium

START_MS = 1_772_323_200_000
METER = "SIM-E-0001"
HALF_PAST_MS = START_MS + 1_800_000


def truth(place: int) -> Truth:
    """Say what the meter displayed ten seconds times `place` after the start."""
    return Truth(METER, START_MS + place * 10_000, {"import_mwh": 1_000_000 + place * 1_000})


def line_of(sample: Truth) -> str:
    """Write a sample as the oracle and the cloud do."""
    return json.dumps(
        {
            "meter": sample.meter,
            "taken_at_ms": sample.taken_at_ms,
            "registers": sample.registers,
            "must_log": sample.must_log,
            "doubtful": sample.doubtful,
        }
    )


def in_order(samples: list[Truth]) -> list[Truth]:
    """Sort samples by when they were taken."""
    return sorted(samples, key=lambda one: one.taken_at_ms)


class _Process:
    def __init__(self, lines: list[str]) -> None:
        self.stdout: Iterator[str] = iter(lines)

    def wait(self) -> int:
        return 0


class StandIn(Stage):
    """A stage whose cloud holds and serves what the test says."""

    def __init__(self, folder: Path, emitted: list[Truth], stored: list[Truth]) -> None:
        super().__init__(
            Namespace(
                state=folder,
                page_port=1,
                api_port=2,
                broker_port=3,
                replay=None,
                zone="UTC",
                protocol="p1",
            )
        )
        self.stored = stored
        folder.mkdir(exist_ok=True)
        self.oracle_paths[0].write_text("\n".join(map(line_of, emitted)) + "\n")
        self.hub_database.parent.mkdir()
        log = Log(self.hub_database)
        meter_log = log.meter_log(METER, Medium.ELECTRICITY)
        boot = log.boot_number("boot")
        log.add_clock_piece(Piece(boot, START_MS, START_MS, 0, "meter"))
        rows = [
            LogRow(seq, boot, one.taken_at_ms, one.taken_at_ms, None, one.registers, 0)
            for seq, one in enumerate(emitted, 1)
        ]
        log.commit(Batch(rows=[(meter_log, row) for row in rows]))
        log.put_fact("telegrams_decoded", str(len(rows)).encode())
        log.close()

    def cloud(self, *_words: str) -> Any:
        """Stand in for `hearthlink cloud samples`."""
        return _Process([line_of(sample) for sample in self.stored])

    def get(self, url: str) -> Any:
        """Stand in for `/registers?at=`: the last stored sample until then."""
        at = url.split("at=")[1].replace("%3A", ":")
        until = [one for one in self.stored if rfc3339(one.taken_at_ms) <= at]
        return {"registers": until[-1].registers if until else {}}


@pytest.fixture
def emitted() -> list[Truth]:
    """Seven hundred samples: nearly two hours."""
    return [truth(place) for place in range(700)]


def test_everything_stored_once_is_whole(tmp_path: Path, emitted: list[Truth]) -> None:
    """Nothing lost, doubled or altered; each register served at each half hour and at the end."""
    summary = check_demo(StandIn(tmp_path, emitted, emitted))

    assert summary == Summary(700, 700, 700, 4, 0, 0, 0, 0, 0, 0)
    assert summary.is_whole()


def test_a_sample_not_stored_is_lost(tmp_path: Path, emitted: list[Truth]) -> None:
    """One missing in the middle is counted."""
    summary = check_demo(StandIn(tmp_path, emitted, emitted[:300] + emitted[301:]))

    assert (summary.lost, summary.is_whole()) == (1, False)


def test_a_sample_stored_twice_is_doubled(tmp_path: Path, emitted: list[Truth]) -> None:
    """A second copy is counted, though the set is complete."""
    summary = check_demo(StandIn(tmp_path, emitted, [*emitted, emitted[5]]))

    assert (summary.lost, summary.duplicated, summary.is_whole()) == (0, 1, False)


def test_a_sample_never_emitted_is_altered(tmp_path: Path, emitted: list[Truth]) -> None:
    """A value that the meter never displayed is lost as it was and altered as it is."""
    wrong = Truth(METER, emitted[9].taken_at_ms, {"import_mwh": 1})

    summary = check_demo(StandIn(tmp_path, emitted, [*emitted[:9], wrong, *emitted[10:]]))

    assert (summary.lost, summary.altered, summary.is_whole()) == (1, 1, False)


def test_a_register_served_wrongly_is_an_energy_difference(
    tmp_path: Path, emitted: list[Truth]
) -> None:
    """The last sample is not served: the API is one watt hour behind the meter."""
    summary = check_demo(StandIn(tmp_path, emitted, emitted[:-1]))

    assert (summary.energy_difference_mwh, summary.is_whole()) == (1_000, False)


def test_gas_is_counted_apart_from_energy(tmp_path: Path, emitted: list[Truth]) -> None:
    """Litres are no milliwatt-hours; what is neither is a difference all the same."""
    at_ms = emitted[-1].taken_at_ms
    said = Truth(METER, at_ms, {**emitted[-1].registers, "gas_l": 500, "water_l": 70})
    served = Truth(METER, at_ms, {**emitted[-1].registers, "gas_l": 497, "water_l": 69})

    summary = check_demo(StandIn(tmp_path, [*emitted[:-1], said], [*emitted[:-1], served]))

    assert summary.energy_difference_mwh == 0
    assert (summary.gas_difference_l, summary.other_difference) == (3, 1)
    assert not summary.is_whole()


def test_a_doubtful_register_may_be_left_out_and_no_other(
    tmp_path: Path, emitted: list[Truth]
) -> None:
    """What was displayed and never measured is no loss; a measured register is."""
    at_ms, shown = emitted[9].taken_at_ms, {**emitted[9].registers, "export_mwh": 0}
    doubtful = Truth(METER, at_ms, shown, doubtful=("export_mwh",))
    measured = Truth(METER, at_ms, shown)
    without = Truth(METER, at_ms, emitted[9].registers)
    stored = [*emitted[:9], without, *emitted[10:]]

    left_out = check_demo(StandIn(tmp_path / "1", [*emitted[:9], doubtful, *emitted[10:]], stored))
    lost = check_demo(StandIn(tmp_path / "2", [*emitted[:9], measured, *emitted[10:]], stored))

    assert left_out.is_whole()
    assert (lost.lost, lost.altered) == (1, 1)


def test_a_half_hour_that_was_healed_is_the_truth_at_its_boundary(
    tmp_path: Path, emitted: list[Truth]
) -> None:
    """Nothing that must be there is near it; what the meter kept is what the cloud may serve."""
    gap = [one for one in emitted if not -900_000 < one.taken_at_ms - HALF_PAST_MS < 900_000]
    kept = Truth(METER, HALF_PAST_MS, {"import_mwh": 1_180_000}, must_log=False)
    wrong = Truth(METER, HALF_PAST_MS, {"import_mwh": 1_180_001})

    healed = check_demo(StandIn(tmp_path / "1", in_order([*gap, kept]), in_order([*gap, kept])))
    unhealed = check_demo(StandIn(tmp_path / "2", in_order([*gap, kept]), gap))
    altered = check_demo(StandIn(tmp_path / "3", in_order([*gap, kept]), in_order([*gap, wrong])))

    assert healed.is_whole()
    assert unhealed.is_whole()
    assert altered.altered == 1
