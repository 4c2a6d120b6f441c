"""The update of a panel's firmware: upload, test, restart, HELLO of the new version, confirm.

Pure: takes bytes and the monotonic time in milliseconds, gives bytes; `note` makes its state
durable before the bytes that depend on it are given. What the panel holds decides, so it goes on
from wherever line, panel or hub were cut off.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from smp.image_management import ImageStatesReadResponse
from smp.message import Response
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite, ImageUploadWrite
from smpclient.requests.os_management import MCUMgrParametersRead, ResetWrite

from firmware_bridge.display.framing import SmpLine
from firmware_bridge.display.hub_end import HubEnd, Joined
from firmware_bridge.display.image import FirmwareImage
from firmware_bridge.display.image_rules import is_running, judge_anew, judge_image
from firmware_bridge.display.messages import Hello
from firmware_bridge.display.smp_exchange import GIVE_UP_MS, Exchange, refusal_of
from firmware_bridge.display.stop_and_wait import Turn
from firmware_bridge.display.update_moves import Ended, Move, Phase, UpdateState, next_move
from firmware_bridge.display.upload_pieces import BUFFER_BYTES_MIN, ERASE_MS, Upload, buffer_of
from shared.errors import BadInputError

HELLO_MS = 30_000
"""A panel that does not say HELLO for so long after a start has not come up."""

LOOK_AGAIN_MS = 5_000
"""A second restart would end the trial: it is asked for only if the slots say that none was."""

STALL_MS = 120_000
"""Without any progress for so long the update is put off; it can be gone on with later."""
PUT_OFF = "the panel has not answered for two minutes; the update goes on where it stopped"

ATTEMPTS_MAX = 5
"""Uploads, marks, restarts and confirmations each; more of one means the panel does not do it."""


class PanelUpdate:
    """One image for one panel; `session` is a number that no earlier start of the hub had."""

    def __init__(
        self,
        image: FirmwareImage,
        state: UpdateState,
        session: int,
        note: Callable[[UpdateState], None],
    ) -> None:
        self.state = state
        self.upload = Upload(image.content)
        self.ended: Ended | None = None
        self.step = "waiting for the panel"
        self._image = image
        self._note = note
        self._end = HubEnd(session, "update")
        self._exchange = Exchange(session)
        self._on_answer: Callable[[Any, int], None] = self._take_slots
        self._panel: Hello | None = None
        self._awaits_boot_after: int | None = None
        self._hello_by_ms: int | None = None
        self._look_at_ms: int | None = None
        self._progress_at_ms = 0
        self._attempts: dict[Move, int] = {}
        self._refusal = ""

    @property
    def sent_bytes(self) -> int:
        """How much of the image the panel has."""
        return self.upload.sent_bytes

    @property
    def total_bytes(self) -> int:
        """How long the image is."""
        return len(self._image.content)

    def begin(self, now_ms: int) -> None:
        """Begin, or go on, on a line that was just opened: ask who is there."""
        self._progress_at_ms = now_ms
        self._greet(now_ms)

    def take_outgoing(self) -> bytes:
        """Take the bytes that are to be written."""
        return self._end.take_outgoing() + self._exchange.take_outgoing()

    def due_ms(self) -> int:
        """When `advance` has something to do, if nothing arrives before."""
        dues = [self._progress_at_ms + STALL_MS, self._exchange.due_ms(), self._look_at_ms]
        if self._hello_by_ms is not None:
            dues += [self._hello_by_ms, self._end.due_ms()]
        return min(due for due in dues if due is not None)

    def receive(self, received: bytes, now_ms: int) -> None:
        """Take bytes from the line."""
        for event in self._end.receive(received, now_ms):
            if self.ended is not None:
                return
            match event:
                case Joined(hello):
                    self._meet(hello, now_ms)
                case SmpLine(line):
                    answer = self._exchange.receive(line, now_ms)
                    if answer is not None:
                        self._on_answer(answer, now_ms)
                case _:
                    pass

    def advance(self, now_ms: int) -> None:
        """Do what the time asks for: send again, look again, go back, put it off."""
        if self.ended is not None:
            return
        if now_ms >= self._progress_at_ms + STALL_MS:
            self.ended = Ended(is_installed=False, reason=PUT_OFF, is_put_off=True)
            return
        if self._hello_by_ms is not None:
            self._end.advance(now_ms)
        if self._hello_by_ms is not None and now_ms >= self._hello_by_ms:
            self._miss_hello(now_ms)
        elif self._look_at_ms is not None and now_ms >= self._look_at_ms:
            self._look_at_ms = now_ms + LOOK_AGAIN_MS
            self._look(now_ms, give_up_ms=LOOK_AGAIN_MS)
        elif self._exchange.advance(now_ms) is Turn.LOST and self._hello_by_ms is None:
            self._greet(now_ms)

    def _greet(self, now_ms: int, boot_before: int | None = None) -> None:
        """Wait for HELLO; of another boot than the one before, where that is named."""
        self._exchange.forget()
        self._end.begin_anew(now_ms)
        self._panel = None
        self._awaits_boot_after = boot_before
        self._hello_by_ms = now_ms + HELLO_MS
        self._look_at_ms = None if boot_before is None else now_ms + LOOK_AGAIN_MS

    def _meet(self, hello: Hello, now_ms: int) -> None:
        """Go on with a panel that says who it is: it is there, or it was started anew."""
        if hello.boot_id == self._awaits_boot_after:
            return
        self._awaits_boot_after = self._hello_by_ms = self._look_at_ms = None
        self._panel = hello
        if self.state.phase is not Phase.UPLOADING:
            self._progress_at_ms = now_ms
        try:
            self._judge(hello)
        except BadInputError as error:
            self._fail(f"refused: {error}")
            return
        self._exchange.forget()
        self._ask(MCUMgrParametersRead, self._take_size, now_ms)

    def _judge(self, hello: Hello) -> None:
        """Raise BadInputError for a panel that must not have the image."""
        is_begun = self.state.phase is not Phase.UPLOADING or self.state.trials > 0
        if is_begun or self.state.allows_older:
            # What was marked may run by now, and is not newer than itself.
            judge_image(self._image, hello, allows_older=True)
        else:
            self._refusal = judge_anew(self._image, hello)

    def _miss_hello(self, now_ms: int) -> None:
        """No HELLO came in time: firmware on trial has failed, and other panels are asked again."""
        if self.state.phase is Phase.TRIED:
            self._go_back(f"version {self.state.version} did not say HELLO within 30 s", now_ms)
        elif self.state.phase is Phase.REVERTING:
            self._fail(f"{self.state.reason}; switch the panel off and on to have it go back")
        else:
            self._greet(now_ms)

    def _ask(self, kind: Any, then: Callable[[Any, int], None], now_ms: int, **fields: Any) -> None:
        self._on_answer = then
        self._exchange.ask(kind, now_ms, **fields)

    def _look(self, now_ms: int, **fields: Any) -> None:
        self._ask(ImageStatesRead, self._take_slots, now_ms, **fields)

    def _take_size(self, answer: Response, now_ms: int) -> None:
        """Learn how large a request may be; panels need not say."""
        self.upload.buffer_bytes = said = buffer_of(answer)
        if said < BUFFER_BYTES_MIN:
            self._fail(f"the panel takes requests of {said} bytes, {BUFFER_BYTES_MIN} are needed")
        else:
            self._look(now_ms)

    def _take_slots(self, answer: Response, now_ms: int) -> None:
        """Decide by what the panel holds."""
        if not isinstance(answer, ImageStatesReadResponse):
            self._be_refused(str(refusal_of(answer)), now_ms)
            return
        move = next_move(answer.images, self.state)
        if self._panel is None:
            if move in (Move.RESET, Move.GO_BACK):
                self._restart(now_ms, move)  # it has not happened yet
            return
        if self._refusal and move not in (Move.CONFIRM, Move.DONE):
            self._fail(self._refusal)
        else:
            self._try(move, now_ms)

    def _try(self, move: Move, now_ms: int) -> None:
        """Make a move, unless it was made often enough."""
        self._attempts[move] = self._attempts.get(move, 0) + 1
        if self._attempts[move] > ATTEMPTS_MAX:
            self._fail(f"the panel does not get beyond: {move.value}")
        else:
            self._do(move, now_ms)

    def _do(self, move: Move, now_ms: int) -> None:
        match move:
            case Move.UPLOAD:
                self._remember(Phase.UPLOADING)
                self._send_piece(0, now_ms)
            case Move.MARK:
                self.step = "marking"
                self._remember(Phase.MARKING)
                self._ask(ImageStatesWrite, self._take_slots, now_ms, hash=self._image.hash)
            case Move.RESET:
                if self.state.phase is not Phase.TRIED:
                    self._remember(Phase.TRIED, trials=self.state.trials + 1)
                self._restart(now_ms, move)
            case Move.CONFIRM:
                self._confirm(now_ms)
            case Move.GO_BACK:
                self._restart(now_ms, move)
            case Move.DONE:
                self.upload.sent_bytes = self.total_bytes
                said = f"the panel runs version {self.state.version}"
                self.ended = Ended(is_installed=True, reason=said)
            case Move.NOT_STARTED | Move.WENT_BACK:
                self._fail(f"{move.value}; it runs {self._running()}")
            case Move.GIVEN_UP:
                self._fail(f"{self.state.reason}; the panel went back to {self._running()}")

    def _confirm(self, now_ms: int) -> None:
        """Keep an image that runs, once its HELLO says its own version."""
        if self._panel is None or not is_running(self._image.version, self._panel):
            self._go_back(f"the new firmware says that it is {self._running()}", now_ms)
            return
        self.step = "confirming"
        self._ask(ImageStatesWrite, self._take_slots, now_ms, hash=self._image.hash, confirm=True)

    def _restart(self, now_ms: int, move: Move) -> None:
        """Ask for a restart, once, and wait for the HELLO of another boot."""
        self.step = "restarting" if move is Move.RESET else "going back"
        before = self._panel.boot_id if self._panel is not None else self._awaits_boot_after
        self._greet(now_ms, -1 if before is None else before)
        # What follows is HELLO, not the answer.
        self._ask(ResetWrite, lambda *_: None, now_ms, is_repeated=False)

    def _go_back(self, reason: str, now_ms: int) -> None:
        """Have the bootloader put the firmware before back."""
        self._remember(Phase.REVERTING, reason=reason)
        self._restart(now_ms, Move.GO_BACK)

    def _send_piece(self, offset: int, now_ms: int) -> None:
        """Send the image's bytes from an offset on, as many as the panel takes at once."""
        self.step = "uploading"
        fields = self.upload.piece(offset)
        if fields is None:
            self._fail("the panel asks for the image's first byte again and again")
            return
        give_up_ms = GIVE_UP_MS if offset else ERASE_MS
        self._ask(ImageUploadWrite, self._take_offset, now_ms, give_up_ms=give_up_ms, **fields)

    def _take_offset(self, answer: Response, now_ms: int) -> None:
        """Go on from where the panel says it is: after a loss or a cut it knows better than we."""
        before_bytes, offset = self.sent_bytes, self.upload.take(answer)
        if offset is None:
            self._be_refused(str(refusal_of(answer)), now_ms)
            return
        if offset > before_bytes:
            self._progress_at_ms = now_ms
        if offset < self.total_bytes:
            self._send_piece(offset, now_ms)
        else:
            self._look(now_ms)

    def _be_refused(self, refusal: str, now_ms: int) -> None:
        """Take a refusal: what cannot be marked is sent anew, and an image on trial goes back."""
        said = f"the panel refused {self.step}: {refusal}"
        match self.state.phase:
            case Phase.TRIED:
                self._go_back(said, now_ms)
            case Phase.MARKING:
                self._try(Move.UPLOAD, now_ms)
            case _:
                self._fail(said)

    def _remember(self, phase: Phase, **changes: Any) -> None:
        self.state = msgspec.structs.replace(self.state, phase=phase, **changes)
        self._note(self.state)

    def _fail(self, reason: str) -> None:
        self.ended = Ended(is_installed=False, reason=reason)

    def _running(self) -> str:
        return str(self._panel.firmware) if self._panel is not None else "unknown firmware"
