"""Settings that the cloud asks for in the settings shadow: checked, applied, watched, reported.

A change is wholly applied or not at all, and on probation for some minutes: where the hub's health
worsens meanwhile, or the hub had to be started anew, what held before holds again and the change is
refused with the reason. The household's own choices (consent, the page) are not among them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec

from agent.log import Log
from agent.pace import Pace
from agent.uplink.junction import Junction
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event
from shared.errors import BadInputError
from shared.shadows import MAX_SHADOW_BYTES, RemoteSettings, decode_settings, report_settings

FACT = "remote_settings"
PROBATION_S = 300.0
"""Five of the longest intervals that matter: a commit window, a receipt's lateness, a watchdog."""

LOOK_EVERY_S = 5.0
MAX_REASON_CHARS = 300
MAX_ANSWER_BYTES = 4 * MAX_SHADOW_BYTES
"""The shadow with what was desired, reported, and when."""

_logger = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True):
    """What is kept over restarts.

    `holds` is what is applied, `asked` what the cloud asked for last and was dealt with. While
    `before` is not None, `holds` is on probation and `before` what to go back to.
    """

    holds: RemoteSettings = RemoteSettings()
    asked: bytes = b""
    refused: Annotated[str, msgspec.Meta(max_length=MAX_REASON_CHARS)] = ""
    before: RemoteSettings | None = None


class _Trial(NamedTuple):
    """A probation under way: what ailed the hub before it, and when it is over."""

    sound: dict[str, int]
    ends_s: float


class _State(msgspec.Struct):
    desired: dict[str, Any] = {}


class _Document(msgspec.Struct):
    state: _State


class RemoteControl:
    """One hub's; `run` is its task.

    `own` is the pace of the hub's file, `apply` makes another one hold, `ailments` counts what is
    wrong by kind: a kind that is new, or counts higher, is health that worsened.
    """

    def __init__(
        self,
        log: Log,
        own: Pace,
        apply: Callable[[Pace], None],
        ailments: Callable[[], dict[str, int]],
        *,
        probation_s: float = PROBATION_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._log = log
        self._own = own
        self._apply = apply
        self._ailments = ailments
        self._probation_s = probation_s
        self._look_every_s = look_every_s
        self._junction: Junction | None = None
        self._asked: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._is_reported = False
        self._is_connected = False
        self._trial: _Trial | None = None
        self.kept = _read(log.fact(FACT))
        if self.kept.before is not None:
            self._go_back("the hub was started anew while they were tried")
        self._apply(own.with_remote(self.kept.holds))

    def attach(self, junction: Junction) -> None:
        """Hear and report over this connection."""
        self._junction = junction
        junction.listen(self._hear)

    async def run(self) -> None:
        """Take one change after another, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every_s):
                    self._take(await self._asked.get())
            self._judge()
            self._report()

    def _take(self, desired: bytes) -> None:
        """Apply what is asked for; what changes nothing leaves a probation as it is."""
        if desired == self.kept.asked:
            return
        self._is_reported = False
        before = self.kept.before
        try:
            settings = decode_settings(desired)
        except BadInputError as error:
            refused = str(error)[:MAX_REASON_CHARS]
            self._keep(Kept(self.kept.holds, desired, refused, before))
            return
        if settings == self.kept.holds:
            self._keep(Kept(settings, desired, before=before))
            return
        # On probation the way back stays the settings that were sound, not those half tried.
        self._try(settings, desired, self.kept.holds if before is None else before)

    def _try(self, settings: RemoteSettings, desired: bytes, before: RemoteSettings) -> None:
        # Written before it is tried: a change that ends the hub must not be met again at its start.
        if settings == before:
            self._trial = None
            self._keep(Kept(settings, desired))
        else:
            sound = self._ailments() if self._trial is None else self._trial.sound
            self._trial = _Trial(sound, asyncio.get_running_loop().time() + self._probation_s)
            self._keep(Kept(settings, desired, before=before))
            _logger.info("the cloud's settings are tried: %s", settings)
        self._apply(self._own.with_remote(settings))

    def _judge(self) -> None:
        """Take back what made the hub ill; let what its probation has passed hold."""
        if self._trial is None:
            return
        sound, ends_s = self._trial
        worse = [what for what, count in self._ailments().items() if count > sound.get(what, 0)]
        if worse:
            self._go_back(f"health worsened: {', '.join(worse)}")
            self._apply(self._own.with_remote(self.kept.holds))
        elif asyncio.get_running_loop().time() >= ends_s:
            self._trial = None
            self._keep(msgspec.structs.replace(self.kept, before=None))

    def _go_back(self, reason: str) -> None:
        self._trial = None
        _logger.warning("the cloud's settings are taken back: %s", reason)
        before = self.kept.before or RemoteSettings()
        self._keep(Kept(before, self.kept.asked, reason[:MAX_REASON_CHARS]))
        self._is_reported = False

    def _keep(self, kept: Kept) -> None:
        self.kept = kept
        self._log.put_fact(FACT, msgspec.json.encode(kept))

    def _report(self) -> None:
        """Say what holds, once for each change and connection, and not for a delta again."""
        if self._is_reported or not self._is_connected or self._junction is None:
            return
        report = report_settings(self.kept.holds, self.kept.refused)
        payload = msgspec.json.encode({"state": {"reported": report}})
        self._is_reported = self._junction.publish(Channel.SETTINGS_UPDATE, payload)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._is_connected, self._is_reported = True, False
            self._ask()
        elif isinstance(event, Disconnected):
            self._is_connected = False
        elif isinstance(event, Arrived) and event.channel is Channel.SETTINGS_DELTA:
            # A delta holds what differs; what is wanted is asked for whole.
            self._ask()
        elif isinstance(event, Arrived) and event.channel is Channel.SETTINGS:
            self._hear_settings(event.payload)

    def _hear_settings(self, payload: bytes) -> None:
        if len(payload) > MAX_ANSWER_BYTES:
            _logger.warning("a settings shadow of %d bytes is passed over", len(payload))
            return
        try:
            state = msgspec.json.decode(payload, type=_Document).state
        except (msgspec.MsgspecError, RecursionError) as error:
            _logger.warning("the settings shadow cannot be read: %s", error)
            return
        with contextlib.suppress(asyncio.QueueEmpty):
            # The newest counts.
            self._asked.get_nowait()
        # In one order of names: a cloud may write the same in another one each time.
        desired = msgspec.json.encode(state.desired, order="sorted")
        if desired != self.kept.asked:
            self._asked.put_nowait(desired)

    def _ask(self) -> None:
        if self._junction is not None:
            self._junction.publish(Channel.SETTINGS_GET, b"{}")


def _read(written: bytes | None) -> Kept:
    try:
        return Kept() if written is None else msgspec.json.decode(written, type=Kept)
    except msgspec.MsgspecError as error:
        _logger.warning("the settings of the cloud cannot be read and are asked anew: %s", error)
        return Kept()
