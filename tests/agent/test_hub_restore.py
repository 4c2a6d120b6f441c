"""What a hub goes on from after a restart, when a register was being refused as it stopped."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from agent.hub import Hub
from agent.registers import CONSISTENT_SAMPLES
from agent.restoring import RESTORED_ROWS
from firmware_bridge.meters.codec import Telegram
from shared.clock import DrivenClock
from shared.readings import Medium, Sample
from tests.support.hubs import METER, START_MS, hub_in, take, telegram

STEP_MS = 10_000
BEFORE_MWH = 10**10


def feed(hub: Hub, first: int, values: Iterable[int]) -> int:
    """Let the hub hear a value every ten seconds, from step `first` on; return the next step."""
    step = first
    for value in values:
        take(hub, [telegram(value, START_MS + step * STEP_MS, power_import_w=100)])
        step += 1
    asyncio.run(hub.intake.commit())
    return step


def feed_without_import(hub: Hub, first: int, count: int) -> int:
    """Let the hub hear samples that lack the counter, as a meter without a value prints them."""
    for step in range(first, first + count):
        said = Sample(METER, Medium.ELECTRICITY, START_MS + step * STEP_MS, {"power_import_w": 100})
        take(hub, [Telegram((said,))])
    asyncio.run(hub.intake.commit())
    return first + count


def restarted(hub: Hub, directory: Path, step: int) -> Hub:
    """Stop a hub and start another on its log."""
    hub.log.close()
    clock = DrivenClock(START_MS + step * STEP_MS)
    return hub_in(directory, hub_clock="meter", clock=clock)


def used_mwh(hub: Hub) -> int:
    """Sum what the hub says was used."""
    usage = hub.history.usage("import_mwh", Medium.ELECTRICITY)
    return sum(one.amount for one in usage.values())


def test_a_restart_while_a_register_is_refused_keeps_the_doubt(tmp_path: Path) -> None:
    """A register that was reset stays refused after the restart, then begins a run of its own."""
    hub = hub_in(tmp_path, hub_clock="meter")
    step = feed(hub, 1, (BEFORE_MWH + n * 100 for n in range(61)))
    step = feed(hub, step, [0] * 20)

    again = restarted(hub, tmp_path, step)
    step = feed(again, step, [0, *(n * 1_000 for n in range(1, 101))])

    (run,) = again.log.runs(again.log.meters[METER].log)
    assert run.run.endswith(f":{run.from_seq}")
    assert again.intake.counts.doubts == CONSISTENT_SAMPLES
    assert used_mwh(again) == 60 * 100 + (100 - CONSISTENT_SAMPLES) * 1_000


def test_a_register_absent_for_longer_than_is_read_back_goes_on_from_its_closing(
    tmp_path: Path,
) -> None:
    """What the page's history kept of it is enough: a low value is refused, a later one holds."""
    hub = hub_in(tmp_path, hub_clock="meter")
    step = feed(hub, 1, (BEFORE_MWH + n * 100 for n in range(61)))
    step = feed_without_import(hub, step, RESTORED_ROWS + 200)

    again = restarted(hub, tmp_path, step)
    step = feed(again, step, [1_000])
    refused = again.intake.counts.doubts
    feed(again, step, [BEFORE_MWH + 50_000])

    assert refused == 1
    assert again.intake.counts.doubts == 1
    assert used_mwh(again) == 50_000


def test_a_run_that_is_over_is_not_gone_back_to(tmp_path: Path) -> None:
    """After a re-base the values go on in the new run, with its doubts, across restarts."""
    hub = hub_in(tmp_path, hub_clock="meter")
    step = feed(hub, 1, [BEFORE_MWH])
    step = feed(hub, step, (1_000 + n for n in range(CONSISTENT_SAMPLES + 1)))
    step = feed_without_import(hub, step, 10)

    again = restarted(hub, tmp_path, step)
    feed(again, step, [2_000])

    assert again.intake.counts.doubts == 0
    assert len(again.log.runs(again.log.meters[METER].log)) == 1


def test_a_log_just_started_goes_on_from_the_one_before(tmp_path: Path) -> None:
    """A new log without a row is no new meter: a fall is doubted after the restart."""
    hub = hub_in(tmp_path, hub_clock="meter")
    step = feed(hub, 1, [BEFORE_MWH, BEFORE_MWH + 100])
    hub.log.start_log(METER, Medium.ELECTRICITY)

    again = restarted(hub, tmp_path, step)
    feed(again, step, [5_000])

    assert again.intake.counts.refused_by_reason == {"register-fell": 1}


def test_a_register_missing_in_a_new_log_goes_on_from_the_closing_in_the_one_before(
    tmp_path: Path,
) -> None:
    """Runs go on across a meter's logs, and so do the closings by which they are known."""
    hub = hub_in(tmp_path, hub_clock="meter")
    step = feed(hub, 1, (BEFORE_MWH + n * 100 for n in range(200)))
    hub.log.start_log(METER, Medium.ELECTRICITY)
    step = feed_without_import(hub, step, 10)

    again = restarted(hub, tmp_path, step)
    feed(again, step, [5_000])

    assert again.intake.counts.refused_by_reason == {"register-fell": 1}
