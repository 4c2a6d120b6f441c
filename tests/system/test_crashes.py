"""The real processes, killed without warning on the way: nothing is lost, nothing is doubled.

What the hub had not committed when it was killed is detail it never acknowledged; what it committed
is stored once, and the registers carry the energy across.
"""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.uplink.sender import BACKLOG_ANSWER_MS
from firmware_bridge.simulator.oracle import OracleLine, read_lines
from shared.readings import Medium
from shared.units import MS_PER_SECOND, SLOT_MS
from tests.support.way import Way

HUB = "crash-hub"
END_MS = 1_772_323_200_000
"""2026-03-01T00:00Z: when the simulated history ends."""

DAYS = 3
OVERDUE_S = 1.5 * BACKLOG_ANSWER_MS / MS_PER_SECOND + 10
"""A receipt is waited for so long at most; ten seconds for machines that do other work too."""

LIVE_S = 12
"""More than a bucket of the cadence: at least one sample after the last kill is logged."""


@pytest.mark.usefixtures("either_store")
@pytest.mark.slow
def test_kills_of_broker_worker_and_hub_lose_and_double_nothing(tmp_path: Path) -> None:
    """Energy at the API equals the oracle's to the mWh after all three were killed mid-backlog."""
    with Way(tmp_path, workers=2) as way:
        way.start(
            "meter",
            "simulate",
            f"--link=pty:{tmp_path / 'meter'}",
            f"--history-days={DAYS}",
            f"--now-ms={END_MS}",
            f"--oracle={tmp_path / 'oracle.jsonl'}",
        )
        way.until((tmp_path / "meter").exists, "the meter's port is there")
        link, slowly = str(tmp_path / "meter"), {"uplink_backlog_frames_per_s": 4}

        way.broker.kill()
        way.start_hub(HUB, link, **slowly)
        way.until(lambda: len(way.held(HUB)) == 2, "the hub logs both meters without a broker")
        way.broker.restart()
        way.until(lambda: way.count_stored(HUB) > 1_000, "the backlog begins to arrive")
        way.pause_worker("ingest-1")
        frames_before = way.count_stored(HUB)
        way.until(lambda: way.count_stored(HUB) > frames_before + 1_500, "worker 2 goes on")
        way.kill("ingest-1")
        way.broker.kill()
        way.broker.restart()
        way.kill(HUB)
        way.start_hub(HUB, link)
        # The meter goes on after its history: what a killed hub had heard and not committed is
        # carried by the registers of what it says next.
        way.until(lambda: is_live(tmp_path), "the meter has played its history")
        time.sleep(LIVE_S)
        assert way.stop("meter") == 0
        way.until(lambda: way.is_all_stored(HUB), "everything committed is stored")
        assert way.stop(HUB) == 0

        oracle = read_lines((tmp_path / "oracle.jsonl").read_bytes())
        must = [one for one in oracle if one.must_log]
        _assert_nothing_doubled_or_altered(way, oracle)
        for medium, quantity in (
            (Medium.ELECTRICITY, "import_mwh"),
            (Medium.ELECTRICITY, "export_mwh"),
            (Medium.GAS, "gas_l"),
        ):
            _assert_usage_equals(way, [one for one in must if one.medium is medium], quantity)


@pytest.mark.slow
def test_a_worker_that_dies_delays_nothing_beyond_a_receipts_timeout(tmp_path: Path) -> None:
    """What it had queued is sent again when its receipt is overdue, to the one that is left."""
    with Way(tmp_path, workers=2) as way:
        way.start(
            "meter",
            "simulate",
            f"--link=pty:{tmp_path / 'meter'}",
            "--history-days=1",
            f"--now-ms={END_MS}",
            f"--oracle={tmp_path / 'oracle.jsonl'}",
        )
        way.until((tmp_path / "meter").exists, "the meter's port is there")
        # A frame holds an hour: a day takes half a minute, long enough to pause a worker in it.
        way.start_hub(HUB, str(tmp_path / "meter"), uplink_backlog_frames_per_s=1)
        way.until(lambda: way.count_stored(HUB) > 0, "the backlog begins to arrive")
        way.pause_worker("ingest-1")
        queued = _left_behind(way)

        way.kill("ingest-1")
        began_s = time.monotonic()
        way.until(lambda: not queued & way.holes(HUB), "what the dead worker had is stored")
        late_s = time.monotonic() - began_s
        assert way.stop("meter") == 0
        way.until(lambda: way.is_all_stored(HUB), "everything committed is stored")
        assert way.stop(HUB) == 0

        assert late_s < OVERDUE_S
        _assert_nothing_doubled_or_altered(
            way, read_lines((tmp_path / "oracle.jsonl").read_bytes())
        )


def _left_behind(way: Way) -> set[tuple[str, int]]:
    """Name what waits at a paused worker: the other one goes on storing, and it stays missing.

    A single look is not enough: a hole between two frames of the worker that runs closes by itself.
    """
    queued: set[tuple[str, int]] = set()
    while not queued:
        missing, stored = way.holes(HUB), way.count_stored(HUB)
        way.until(lambda before=stored: way.count_stored(HUB) > before, "more is stored")  # type: ignore[misc]
        queued = missing & way.holes(HUB)
    return queued


def is_live(folder: Path) -> bool:
    """Tell whether the meter speaks a telegram a second by now."""
    return "live:" in (folder / "meter.log").read_text()


def _assert_nothing_doubled_or_altered(way: Way, oracle: list[OracleLine]) -> None:
    emitted = {(one.meter, one.taken_at_ms, _frozen(one.registers)) for one in oracle}
    stored = Counter((s["thing"], s["log_id"], s["seq"]) for s in way.stored_samples())
    values = {(s["meter"], s["taken_at_ms"], _frozen(s["registers"])) for s in way.stored_samples()}

    assert max(stored.values()) == 1
    assert values <= emitted
    assert len(stored) == sum(last - first + 1 for first, last in way.held(HUB).values())


def _assert_usage_equals(way: Way, oracle: list[OracleLine], quantity: str) -> None:
    """The sum of all half hours is what the display gained, register by register."""
    first, last = oracle[0], oracle[-1]
    start, end = (
        datetime.fromtimestamp(at_ms // SLOT_MS * SLOT_MS / 1000, UTC)
        for at_ms in (first.taken_at_ms, last.taken_at_ms + SLOT_MS)
    )
    usage = way.get(
        f"/v1/meters/{first.meter}/usage?resolution=half-hour"
        f"&from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"
    )
    registers = way.get(f"/v1/meters/{first.meter}/registers?at={_utc(last.taken_at_ms)}")
    prefix, unit = quantity.rsplit("_", 1)
    gained = sum(
        last.registers[name] - first.registers[name]
        for name in first.registers
        if name == quantity or (name.startswith(f"{prefix}_t") and name.endswith(unit))
    )

    assert sum(interval[quantity] or 0 for interval in usage["intervals"]) == gained
    assert gained > 0
    assert registers["registers"] == last.registers


def _frozen(registers: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(registers.items()))


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}Z"
