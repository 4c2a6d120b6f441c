"""START HERE: how a reading goes from the meter's bytes to the log and on to the cloud.

    link ─bytes→ codec ─telegrams→ intake ─group commit→ log ─committed rows→ history, session
                                     │                            (page)   (frames → receipts)
                                     └─ heard → live

Nothing below acknowledges anything before it is committed, and nothing is freed because it was
sent: only what a receipt lists is freed, when its retention has passed.
"""

import asyncio
import logging
import sqlite3
from contextlib import aclosing
from functools import partial

from agent.hub import Hub
from agent.liveness import COMMIT, COMMIT_SLACK_S, meter_bound_s
from agent.meters import MeterConfig
from agent.upkeep.sealing import seal
from firmware_bridge.links import (
    Backoff,
    LinkEvent,
    LinkEventKind,
    Opener,
    chunks,
    open_link,
)
from firmware_bridge.links.addresses import device_of
from firmware_bridge.meters.catalog import codec_for
from shared.errors import HearthlinkError
from shared.units import MS_PER_HOUR, MS_PER_SECOND

CLOCK_CHECK_S = 60.0
RETRY_S = 60.0
"""How soon a link is tried again whose settings, files or libraries must be mended first."""

SEAL_EVERY_S = 60.0
FREE_EVERY_S = MS_PER_HOUR / MS_PER_SECOND

_logger = logging.getLogger(__name__)


async def run_pipeline(hub: Hub) -> None:
    """Carry readings until cancelled; after a finite link (a replay) has ended, go on sending."""
    async with asyncio.TaskGroup() as group:
        for meter in hub.config.meters:
            group.create_task(_keep_reading(hub, meter), name=_part(meter))
        group.create_task(
            hub.intake.commit_every(lambda: hub.pace.commit_window_s, partial(_note_commit, hub)),
            name="commit",
        )
        group.create_task(_watch_clock(hub), name="clock")
        group.create_task(_free_stored(hub), name="free")
        group.create_task(_seal(hub), name="seal")
        group.create_task(_converse(hub), name="session")


async def _keep_reading(hub: Hub, meter: MeterConfig) -> None:
    """Read one meter for ever; what it cannot go on from ends a hub that has no other meter."""
    while True:
        try:
            await _read_meter(hub, meter)
        except Exception as error:
            if len(hub.config.meters) == 1:
                raise
            # The loop's boundary: a stick's spoilt database must not silence the meters beside it.
            _logger.exception("meter link %s cannot be read", meter.link)
            # It waits to be mended: a hub started anew would find the same.
            hub.liveness.release(_part(meter))
            hint = error.hint if isinstance(error, HearthlinkError) else ""
            hub.note_link(meter.link, LinkEvent(LinkEventKind.LOST, str(error), hint, RETRY_S))
            await asyncio.sleep(RETRY_S)
        else:
            return


async def _read_meter(hub: Hub, meter: MeterConfig) -> None:
    """Read one meter's link, decode it, and hand every telegram to the intake."""
    codec = codec_for(meter.protocol, hub.config.hub_zone, meter.keys)
    settings = meter.link_settings(hub.config.hub_state_dir)
    interrupted = False
    part = _part(meter)
    answered = partial(hub.liveness.expect, part, meter_bound_s(meter.link, meter.silence_s))

    def note(event: LinkEvent) -> None:
        nonlocal interrupted
        answered()
        interrupted = interrupted or event.kind is not LinkEventKind.OPENED
        hub.note_link(meter.link, event)

    stream = chunks(
        _opener(hub, meter, lambda: open_link(meter.link, settings)),
        silence_s=meter.silence_s,
        backoff=Backoff(),
        on_event=note,
    )
    answered()
    async with aclosing(stream):
        async for chunk in stream:
            if interrupted:
                interrupted = False
                hub.take(codec.feed(b""), meter)
            hub.take(codec.feed(chunk), meter)
            # A full disk keeps the meter waiting; whether the disk answers is the commit's part.
            hub.liveness.release(part)
            await hub.intake.make_room()
            answered()
    hub.liveness.release(part)
    hub.take(codec.feed(b""), meter)
    await hub.intake.commit()


def _opener(hub: Hub, meter: MeterConfig, opener: Opener) -> Opener:
    """Open a meter's link; in turns with a job, where its radio takes firmware from jobs."""
    if device_of(meter.link) != hub.config.update_radio_port:
        return opener
    return hub.radio.opener(opener, partial(hub.liveness.release, _part(meter)))


async def _converse(hub: Hub) -> None:
    """Talk to the cloud, once there is one: a hub may be provisioned while it runs."""
    if hub.session is None:
        await hub.joined.wait()
    if hub.session is not None:
        await hub.session.run()


def _note_commit(hub: Hub) -> None:
    hub.liveness.expect(COMMIT, hub.pace.commit_window_s + COMMIT_SLACK_S)


def _part(meter: MeterConfig) -> str:
    return f"meter {meter.link}"


async def _watch_clock(hub: Hub) -> None:
    """Ask the machine for the time again and again: NTP may have set it since."""
    while True:
        hub.ask_system_clock()
        await asyncio.sleep(CLOCK_CHECK_S)


async def _seal(hub: Hub) -> None:
    """Seal full segments, a few at a time, and take in what commands have left for the hub."""
    while True:
        try:
            while await asyncio.to_thread(seal, hub.log):
                pass
            hub.take_left()
        except (sqlite3.Error, OSError) as error:
            _logger.warning("nothing could be sealed this time: %s", error)
        await asyncio.sleep(SEAL_EVERY_S)


async def _free_stored(hub: Hub) -> None:
    """Free what is stored and old enough, and keep within the log's limits."""
    while True:
        try:
            freed = hub.free_stored()
        except (sqlite3.Error, OSError) as error:
            _logger.warning("nothing could be freed this time: %s", error)
        else:
            _logger.info("freed %d samples past their retention", freed)
        await asyncio.sleep(FREE_EVERY_S)
