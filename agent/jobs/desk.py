"""The hub's side of AWS IoT jobs over its own connection: asks for the next, reports, is answered.

Owns the exchange of messages and its patience; what a job means is the runner's.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from agent.jobs.messages import OVER, Execution, decode_execution, decode_refusal, encode_report
from agent.uplink.junction import Junction
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event
from shared.errors import BadInputError
from shared.jobs import JobStatus

ANSWER_S = 20.0
ASK_AGAIN_S = 3_600.0
"""Who lost a notice hears of its job within the hour all the same."""

TELL_AGAIN_S = 15.0
MAX_WAITING = 64
"""A cloud that floods a hub with answers fills no memory."""

_logger = logging.getLogger(__name__)


class JobDesk:
    """One hub's; `attach` gives it a connection, now or later."""

    def __init__(self, answer_s: float = ANSWER_S, ask_again_s: float = ASK_AGAIN_S) -> None:
        self._junction: Junction | None = None
        self._answer_s = answer_s
        self._ask_again_s = ask_again_s
        self._is_connected = asyncio.Event()
        self._may_have_more = asyncio.Event()
        self._answers: asyncio.Queue[Arrived] = asyncio.Queue(MAX_WAITING)
        self.refused = 0

    def attach(self, junction: Junction) -> None:
        """Speak and hear over this connection."""
        self._junction = junction
        junction.listen(self._hear)

    async def next(self) -> Execution:
        """Wait for a job, which thereby begins; one that cannot be read is counted and skipped."""
        while True:
            await self._is_connected.wait()
            self._may_have_more.clear()
            try:
                found = await self._ask()
            except BadInputError as error:
                self.refused += 1
                _logger.warning("a job was passed over: %s", error)
                found = None
            if found is not None:
                return found
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._ask_again_s):
                    await self._may_have_more.wait()

    def tell(self, execution: Execution, details: Mapping[str, str]) -> None:
        """Say how far a job is; lost where there is no connection, which does no harm."""
        report = encode_report(JobStatus.IN_PROGRESS, details, execution.execution_number)
        if self._junction is not None and self._is_connected.is_set():
            self._junction.publish(Channel.JOB_UPDATE, report, execution.job_id)

    async def report(
        self, execution: Execution, status: JobStatus, details: Mapping[str, str]
    ) -> None:
        """Say how a job ended; returns once the cloud knows, or does not want to any more."""
        report = encode_report(status, details, execution.execution_number)
        while True:
            await self._is_connected.wait()
            self._forget_answers()
            if self._publish(Channel.JOB_UPDATE, report, execution.job_id):
                answer = await self._answer(execution.job_id)
                if answer is not None and answer.channel is Channel.JOB_ACCEPTED:
                    return
                code = decode_refusal(answer.payload) if answer is not None else ""
                if code in OVER:
                    _logger.info("the cloud has closed job %s: %s", execution.job_id, code)
                    return
            await asyncio.sleep(min(TELL_AGAIN_S, self._answer_s))

    async def _ask(self) -> Execution | None:
        self._forget_answers()
        if not self._publish(Channel.JOB_NEXT, b"{}", ""):
            return None
        answer = await self._answer("")
        if answer is None or answer.channel is not Channel.JOB_ACCEPTED:
            return None
        return decode_execution(answer.payload)

    def _publish(self, channel: Channel, payload: bytes, subject: str) -> bool:
        return self._junction is not None and self._junction.publish(channel, payload, subject)

    async def _answer(self, subject: str) -> Arrived | None:
        try:
            async with asyncio.timeout(self._answer_s):
                while True:
                    answer = await self._answers.get()
                    if answer.subject == subject:
                        return answer
        except TimeoutError:
            return None

    def _forget_answers(self) -> None:
        while not self._answers.empty():
            self._answers.get_nowait()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._is_connected.set()
            self._may_have_more.set()
        elif isinstance(event, Disconnected):
            self._is_connected.clear()
        elif isinstance(event, Arrived):
            if event.channel is Channel.JOB_NOTICE:
                self._may_have_more.set()
            elif event.channel in (Channel.JOB_ACCEPTED, Channel.JOB_REJECTED):
                with contextlib.suppress(asyncio.QueueFull):
                    self._answers.put_nowait(event)
