"""One device of the network: described, healed, read, told to report, and asked when it does not.

Owns the order of a device's lines: its description, then what it kept and what it shows, then its
reports, which wait meanwhile. What the lines say is the codec's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from zigpy.exceptions import ZigbeeException
from zigpy.zcl.helpers import ReportingConfig

from firmware_bridge.links.zigbee import description, frames
from firmware_bridge.links.zigbee.clusters import METERING
from firmware_bridge.links.zigbee.description import Measuring
from firmware_bridge.links.zigbee.lines import line_of
from firmware_bridge.links.zigbee.pace import DEFAULT_PACE, Pace
from shared.clock import Clock
from shared.units import SLOT_MS

LOGGER = logging.getLogger(__name__)

MAX_WAITING_REPORTS = 256
"""Reports that wait while a device is described: five seconds of the fastest device there is."""

MAX_HEALED_SLOTS = 336
"""A week of half hours, asked for in 28 frames; a longer outage is healed by the registers."""

NO_ANSWER = (TimeoutError, ZigbeeException, OSError, RuntimeError)
"""What asking may end in: no answer, none in time, or a radio that has just gone."""


REPORT_AFTER_S, REPORT_WITHIN_S = 1, 30
"""A meter's power each second at most, its register each half minute at least."""


class DeviceReader:
    """Reads one device until stopped; every frame of the device goes through `receive`."""

    def __init__(
        self, device: Any, put: Callable[[bytes], None], *, clock: Clock, pace: Pace = DEFAULT_PACE
    ) -> None:
        self.device = device
        self.ieee = str(device.ieee).replace(":", "").lower()
        self.state = "opening"
        self.heard_ms: int | None = None
        self._put = put
        self._clock = clock
        self._pace = pace
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._opened_s = float("-inf")
        self._heard_s = float("-inf")
        self._reported_s = float("-inf")
        self.reports_dropped = 0
        self.faults = 0

    def open(self, *, slots: int) -> None:
        """Begin anew: describe, ask for `slots` half hours it kept, read, and have it report."""
        now_s = self._now_s()
        if now_s - self._opened_s < self._pace.settle_s:
            return
        self.stop()
        self._opened_s = self._heard_s = now_s
        self.state = "opening"
        name = f"zigbee-{self.ieee}"
        self._task = asyncio.get_running_loop().create_task(self._run(slots), name=name)

    def reopen(self) -> None:
        """Begin anew after a gap, asking for the half hours that ended in it."""
        self.open(slots=self.slots_since(self.heard_ms))

    def stop(self) -> None:
        """Stop asking; frames that still come pass through."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._opened_s = float("-inf")
        self._flush()

    def slots_since(self, heard_ms: int | None) -> int:
        """Count the half hours that have ended since an instant, at most MAX_HEALED_SLOTS."""
        if heard_ms is None:
            return 0
        ended = self._clock.utc_ms() // SLOT_MS - heard_ms // SLOT_MS
        return max(0, min(MAX_HEALED_SLOTS, ended))

    def receive(self, line: bytes, *, is_report: bool) -> None:
        """Take a frame the device sent, as a line."""
        now_s = self._now_s()
        if is_report and now_s - self._heard_s > self._longest_silence_s():
            self.reopen()
        self._heard_s = now_s
        self.heard_ms = self._clock.utc_ms()
        if not is_report:
            self._put(line)
            return
        self._reported_s = now_s
        if self.state != "opening":
            self._put(line)
            return
        self._waiting.append(line)
        if len(self._waiting) > MAX_WAITING_REPORTS:
            self._waiting.popleft()
            self.reports_dropped += 1

    async def _run(self, slots: int) -> None:
        await self._guard(self._introduce(slots))
        self._flush()
        self.state = "reading"
        has_reports = await self._guard(self._subscribe())
        told_s, slow_s = float("-inf"), self._now_s()
        while True:
            now_s = self._now_s()
            if now_s - told_s >= self._pace.told_s:
                told_s = now_s
                await self._guard(self._ask_told())
            is_slow_due = now_s - slow_s >= self._pace.slow_poll_s
            slow_s = now_s if is_slow_due else slow_s
            await asyncio.sleep(self._pace.poll_s)
            await self._guard(self._ask_unreported(has_reports=has_reports, is_slow=is_slow_due))

    async def _guard(self, step: Awaitable[bool]) -> bool:
        """Take a step; one that fails in an unforeseen way is told, and the device still read."""
        try:
            return await step
        except Exception:
            LOGGER.exception("ZigBee device %s: a step failed", self.ieee)
            self.faults += 1
            return False

    async def _introduce(self, slots: int) -> bool:
        """Describe, heal and read, in this order; tell whether there was time for all of it."""
        try:
            async with asyncio.timeout(self._pace.opening_s):
                await self._describe()
                await self._recall(slots)
                await self._read_all(description.measuring(self.device))
        except TimeoutError:
            LOGGER.info("ZigBee device %s is slow to answer; its reports go first", self.ieee)
            return False
        return True

    async def _describe(self) -> None:
        """Have the device describe itself; one that cannot is described from memory."""
        described = False
        if not (description.is_sleepy(self.device) and description.is_remembered(self.device)):
            described = await self._ask_description()
        if not described:
            self._put_remembered()

    async def _ask_description(self) -> bool:
        answered = True
        for cluster in description.described(self.device):
            attributes = list(description.DESCRIPTION[int(cluster.cluster_id)])
            try:
                await cluster.read_attributes(attributes, allow_cache=False)
            except asyncio.CancelledError:
                self._put_remembered()
                raise
            except NO_ANSWER as error:
                LOGGER.debug("ZigBee device %s gave no description: %r", self.ieee, error)
                answered = False
        return answered

    def _put_remembered(self) -> None:
        for cluster, frame in description.remembered_frames(self.device):
            self._put(self._line(cluster, frame))

    async def _recall(self, slots: int) -> None:
        """Ask each Smart Energy meter for the half hours it kept: all imported, then exported."""
        for meter in description.measuring(self.device):
            if not slots or not meter.is_smart_energy or meter.number != METERING:
                continue
            has_more = await self._recall_channel(meter, frames.DELIVERED, slots)
            if has_more and not meter.is_slow:
                await self._recall_channel(meter, frames.RECEIVED, slots)

    async def _recall_channel(self, meter: Measuring, channel: int, slots: int) -> bool:
        """Ask for the half hours of a channel, newest first; tell whether there were any."""
        end_time_s, left = frames.LATEST, slots
        while left > 0:
            request = frames.get_profile(channel, min(left, frames.PERIODS_PER_FRAME), end_time_s)
            answer = await self._ask(meter.cluster, request)
            count = int(getattr(answer, "number_of_periods_delivered", 0))
            if not count:
                break
            left -= count
            end_time_s = int(answer.end_time) - count * frames.HALF_HOUR_S
        return left < slots

    async def _read_all(self, meters: list[Measuring]) -> None:
        for meter in meters:
            request = frames.read_attributes(description.READING[meter.number])
            await self._ask(meter.cluster, request)

    async def _subscribe(self) -> bool:
        """Bind and configure reporting; tell whether every measuring cluster agreed to report."""
        agreed = True
        for meter in description.measuring(self.device):
            attributes = description.REPORTED[meter.number]
            within_s = REPORT_WITHIN_S if not meter.is_slow else int(self._pace.slow_poll_s)
            asked = {
                meter.cluster.find_attribute(attribute): _reporting(within_s)
                for attribute in attributes
            }
            try:
                await meter.cluster.bind()
                told = await meter.cluster.configure_reporting_multiple(asked)
            except NO_ANSWER as error:
                LOGGER.debug("ZigBee device %s will not report: %r", self.ieee, error)
                agreed = False
                continue
            agreed &= any(int(status) == frames.SUCCESS for status in told.values())
        return agreed

    async def _ask_unreported(self, *, has_reports: bool, is_slow: bool) -> bool:
        """Ask the meters that are due: one that does not report, and where it is time the slow."""
        is_silent = self._now_s() - self._reported_s > self._pace.silence_s
        due = [
            meter
            for meter in description.measuring(self.device)
            if (is_slow if meter.is_slow else is_silent or not has_reports)
        ]
        await self._read_all(due)
        return bool(due)

    async def _ask_told(self) -> bool:
        """Ask for prices, messages, credit and the supplier, where there are any."""
        clusters = description.telling(self.device)
        for cluster in clusters:
            for request in description.TOLD[int(cluster.cluster_id)]:
                await self._ask(cluster, request)
        return bool(clusters)

    async def _ask(self, cluster: Any, request: frames.Request) -> Any:
        """Send a request and wait for its answer, which comes by `receive` too; None for none."""
        sequence = self.device.get_sequence()
        try:
            return await cluster.endpoint.request(
                cluster=cluster.cluster_id,
                sequence=sequence,
                data=request.frame(sequence),
                command_id=request.command,
                timeout=self._pace.answer_s,
                retries=1,
            )
        except NO_ANSWER as error:
            LOGGER.debug("ZigBee device %s did not answer: %r", self.ieee, error)
            return None

    def _line(self, cluster: Any, frame: bytes) -> bytes:
        endpoint = cluster.endpoint
        return line_of(
            self.ieee, endpoint.endpoint_id, int(endpoint.profile_id), cluster.cluster_id, frame
        )

    def _flush(self) -> None:
        """Pass on the reports that waited."""
        while self._waiting:
            self._put(self._waiting.popleft())

    def _longest_silence_s(self) -> float:
        meters = description.measuring(self.device)
        is_quick = any(meter.is_smart_energy and not meter.is_slow for meter in meters)
        return self._pace.silence_s if is_quick else self._pace.slow_silence_s

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def _reporting(within_s: int) -> ReportingConfig:
    return ReportingConfig(min_interval=REPORT_AFTER_S, max_interval=within_s, reportable_change=1)
