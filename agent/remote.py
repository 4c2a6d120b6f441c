"""Settings that the cloud asks for in the settings shadow: checked, applied, watched, reported.

A change is wholly applied or not at all, and on probation for some minutes: where the hub's health
worsens meanwhile, or the hub had to be started anew, what held before holds again and the change is
refused with the reason. The household's own choices (consent, the page) are not among them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Annotated

import msgspec

from agent.log import Log
from agent.pace import Pace
from agent.uplink.junction import Junction
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event
from shared.errors import BadInputError
from shared.shadows import MAX_SHADOW_BYTES, RemoteSettings, SettingsReport, decode_settings

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


class _State(msgspec.Struct):
    desired: msgspec.Raw = msgspec.Raw(b"{}")


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
            try:
                async with asyncio.timeout(self._look_every_s):
                    asked = await self._asked.get()
            except TimeoutError:
                self._report()
                continue
            if self._take(asked):
                await self._watch()
            self._report()

    def _take(self, desired: bytes) -> bool:
        """Apply what is asked for; tell whether that changed anything."""
        if desired == self.kept.asked:
            return False
        self._is_reported = False
        try:
            settings = decode_settings(desired)
        except BadInputError as error:
            refused = str(error)[:MAX_REASON_CHARS]
            self._keep(Kept(self.kept.holds, desired, refused))
            return False
        if settings == self.kept.holds:
            self._keep(Kept(settings, desired))
            return False
        # Written before it is tried: a change that ends the hub must not be met again at its start.
        self._keep(Kept(settings, desired, before=self.kept.holds))
        self._apply(self._own.with_remote(settings))
        _logger.info("the cloud's settings are tried: %s", settings)
        return True

    async def _watch(self) -> None:
        """See the probation through; another change ends it early, and is judged from before."""
        sound = self._ailments()
        deadline_s = asyncio.get_running_loop().time() + self._probation_s
        while asyncio.get_running_loop().time() < deadline_s and self._asked.empty():
            self._report()
            await asyncio.sleep(self._look_every_s)
            now = self._ailments()
            worse = [what for what, count in now.items() if count > sound.get(what, 0)]
            if worse:
                self._go_back(f"health worsened: {', '.join(worse)}")
                self._apply(self._own.with_remote(self.kept.holds))
                return
        self._keep(Kept(self.kept.holds, self.kept.asked))

    def _go_back(self, reason: str) -> None:
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
        report = SettingsReport(self.kept.holds, self.kept.refused)
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
            desired = bytes(msgspec.json.decode(payload, type=_Document).state.desired)
        except (msgspec.MsgspecError, RecursionError) as error:
            _logger.warning("the settings shadow cannot be read: %s", error)
            return
        with contextlib.suppress(asyncio.QueueEmpty):
            # The newest counts.
            self._asked.get_nowait()
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
