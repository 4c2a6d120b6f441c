"""What each kind of fault does to a world; amounts as `schedule.KINDS` has them."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from agent.database import READABLE_FROM
from agent.torture.card import LATER_SCHEMA, age, come_from_later, flip_bits
from tests.simulation.world import GRANULARITIES, World

S_PER_DAY = 86_400

Strike = Callable[[World, float], Coroutine[Any, Any, None] | None]


async def _kill_hub(world: World, down_s: float) -> None:
    await world.kill_hub()
    await asyncio.sleep(down_s)
    await world.start_hub()


async def _reboot_hub(world: World, down_s: float) -> None:
    await world.kill_hub()
    await asyncio.sleep(down_s)
    if world.is_off:
        world.reboot()
    await world.start_hub()


async def _stop_hub(world: World, down_s: float) -> None:
    await world.stop_hub()
    await asyncio.sleep(down_s)
    await world.start_hub()


async def _long_off(world: World, days: float) -> None:
    """Off for weeks: nothing runs meanwhile, so the time is simply later."""
    await world.kill_hub()
    await asyncio.sleep(60)
    if world.is_off:
        world.loop.jump(days * S_PER_DAY)
        await asyncio.sleep(1)
        world.reboot()
    await world.start_hub()


def _image(world: World, _amount: float) -> None:
    """Copy the card as it is."""
    world.files.card.take_image()
    world.witness.note_image()


async def _put_back(world: World, down_s: float) -> None:
    """Let another card be in the hub: an image of an earlier day, or the database of one."""
    await world.kill_hub()
    await asyncio.sleep(down_s)
    if world.is_off:
        world.files.card.put_back(is_whole=world.draw(f"card {down_s}").random() < 0.5)
        world.witness.note_put_back()
        world.reboot()
    await world.start_hub()


async def _upgrade_hub(world: World, down_s: float) -> None:
    """Restart across two schemas: what the first release would have written, read by this one."""
    await world.stop_hub()
    await asyncio.sleep(down_s)
    if world.is_off:
        age(world.files.card.database)
    await world.start_hub()


async def _roll_back_hub(world: World, down_s: float) -> None:
    """Start this release on what a later one has written: it goes on only where that allows it."""
    await world.stop_hub()
    if world.is_off:
        come_from_later(world.files.card.database, LATER_SCHEMA)
        if world.would_start():
            world.witness.complain("the hub started on a later schema")
        come_from_later(world.files.card.database, READABLE_FROM)
        if not world.would_start():
            world.witness.complain("the hub refused a later schema that it may go on with")
    await asyncio.sleep(down_s)
    await world.start_hub()


def _upgrade_cloud(world: World, down_s: float) -> None:
    """Restart the workers across two schemas."""
    for worker in world.workers:
        worker.kill(down_s)
    world.cloud.commits_to_fail = 0
    world.cloud.age()


def _roll_back_cloud(world: World, down_s: float) -> None:
    """Start this release on what a later one has changed: it refuses, and spoils nothing."""
    for worker in world.workers:
        worker.kill(down_s)
    world.cloud.commits_to_fail = 0
    if world.cloud.come_from_later():
        world.witness.complain("the cloud started on a later schema")


async def _revoke(world: World, for_s: float) -> None:
    world.cloud.commits_to_fail = 0
    world.cloud.revoke()
    await asyncio.sleep(for_s)
    world.readmit()


async def _disk_full(world: World, for_s: float) -> None:
    world.set_full(is_full=True)
    await asyncio.sleep(for_s)
    world.set_full(is_full=False)


def _bit_flip(world: World, rows: float) -> None:
    """Flip a bit of some rows, behind the hub's back."""
    draw = world.draw("bit flip")
    # Through the hub's own connection where it runs: its file is for it alone.
    if world.life is not None:
        world.witness.damaged |= flip_bits(world.life.log._db, draw, round(rows))
    elif world.is_off:
        path = world.files.card.database
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as own:
            world.witness.damaged |= flip_bits(own, draw, round(rows))


def _link_down(world: World, for_s: float) -> None:
    world.broker.cut_link(for_s)


def _half_open(world: World, for_s: float) -> None:
    """Take every message and deliver none, until somebody notices."""
    world.broker.is_link_up = False
    world.loop.call_later(for_s, world.broker.bounce)
    world.loop.call_later(for_s, setattr, world.broker, "is_link_up", True)


def _broker_restart(world: World, down_s: float) -> None:
    world.broker.restart(down_s, forgets=False)


def _broker_wipe(world: World, down_s: float) -> None:
    world.broker.restart(down_s, forgets=True)


def _storm(world: World, for_s: float) -> None:
    world.storm(for_s)


def _kill_worker(world: World, down_s: float) -> None:
    world.workers[0].kill(down_s)


def _kill_worker_after_commit(world: World, down_s: float) -> None:
    world.workers[-1].dies_after_commit_s = down_s


def _stall_worker(world: World, for_s: float) -> None:
    world.workers[0].stall(for_s)


def _no_workers(world: World, for_s: float) -> None:
    for worker in world.workers:
        worker.kill(for_s)


def _commit_fails(world: World, commits: float) -> None:
    world.cloud.commits_to_fail = round(commits)


async def _pause(world: World, for_s: float) -> None:
    world.cloud.window_frames = 0
    for worker in world.workers:
        worker.renew()
    await asyncio.sleep(for_s)
    world.cloud.window_frames = 16
    for worker in world.workers:
        worker.renew()


def _backup(world: World, _amount: float) -> None:
    world.cloud.save()


def _restore(world: World, _amount: float) -> None:
    """Go back to the last backup; the workers start anew."""
    for worker in world.workers:
        worker.kill(5)
    world.cloud.commits_to_fail = 0
    world.cloud.restore()
    world.restores += 1


def _copy_back(world: World, _amount: float) -> None:
    """Put the last backup's file back by hand: the store keeps its name, and counts again."""
    for worker in world.workers:
        worker.kill(5)
    world.cloud.commits_to_fail = 0
    world.cloud.copy_back()
    world.restores += 1
    world.copies_back += 1


def _limit(world: World, place: float) -> None:
    """Let the cloud narrow what the hub may send, and tell it at once."""
    world.cloud.commits_to_fail = 0
    world.cloud.limit(GRANULARITIES[int(place)])
    world.workers[0].tell()


def _ntp_lost(world: World, _amount: float) -> None:
    world.clock.lose_ntp()


def _ntp_synced(world: World, _amount: float) -> None:
    world.clock.synchronise(world.draw("synchronised"))


def _clock_step(world: World, ms: float) -> None:
    """Somebody sets the wall clock: the kernel no longer vouches for it."""
    world.clock.lose_ntp()
    world.clock.step(round(ms))


def _clock_lies(world: World, ms: float) -> None:
    """A wrong NTP server: the kernel vouches for a wrong clock."""
    world.has_lied = world.has_lied or world.clock.error_ms() is not None
    world.clock.step(round(ms))


def _meter_clock_step(world: World, ms: float) -> None:
    world.meter.step_clock(round(ms))
    world.has_stepped = True


def _swap(world: World, _amount: float) -> None:
    world.meter.swap()


def _fall(world: World, _amount: float) -> None:
    world.meter.fall()


def _consent(world: World, place: float) -> None:
    world.choose(GRANULARITIES[int(place)])


STRIKES: dict[str, Strike] = {
    "kill-hub": _kill_hub,
    "reboot-hub": _reboot_hub,
    "stop-hub": _stop_hub,
    "long-off": _long_off,
    "image": _image,
    "put-back": _put_back,
    "upgrade-hub": _upgrade_hub,
    "roll-back-hub": _roll_back_hub,
    "upgrade-cloud": _upgrade_cloud,
    "roll-back-cloud": _roll_back_cloud,
    "revoke": _revoke,
    "disk-full": _disk_full,
    "bit-flip": _bit_flip,
    "link-down": _link_down,
    "half-open": _half_open,
    "broker-restart": _broker_restart,
    "broker-wipe": _broker_wipe,
    "storm": _storm,
    "kill-worker": _kill_worker,
    "kill-worker-after-commit": _kill_worker_after_commit,
    "stall-worker": _stall_worker,
    "no-workers": _no_workers,
    "commit-fails": _commit_fails,
    "pause": _pause,
    "backup": _backup,
    "restore": _restore,
    "copy-back": _copy_back,
    "limit": _limit,
    "ntp-lost": _ntp_lost,
    "ntp-synced": _ntp_synced,
    "clock-step": _clock_step,
    "clock-lies": _clock_lies,
    "meter-clock-step": _meter_clock_step,
    "swap": _swap,
    "fall": _fall,
    "consent": _consent,
}
