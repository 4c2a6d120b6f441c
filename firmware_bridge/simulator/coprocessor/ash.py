"""The stick's end of ASH, the serial protocol under EZSP, with faults that can be switched on.

Framing and retransmission are the radio library's own, turned round. Source: UG101, ASH protocol.
"""

import contextlib
import random
from collections.abc import Callable
from typing import Any

from bellows import ash  # type: ignore[import-untyped]
from bellows.types import NcpResetCode  # type: ignore[import-untyped]

from shared.errors import RetryableError

VERSION = 2
EXCEEDED = NcpResetCode.ERROR_EXCEEDED_MAXIMUM_ACK_TIMEOUT_COUNT
PERMILLE = 1_000

NOT_TAKEN = (ash.AshException, TimeoutError, RuntimeError, OSError)
"""What sending a frame ends in when the host does not acknowledge it."""


class NotTakenError(RetryableError):
    """The host did not acknowledge a frame: it is resetting, or gone."""


class StickAsh(ash.AshProtocol):  # type: ignore[misc]  # bellows has no types
    """Answers resets as a stick does; may lose frames both ways, hold still, or fail."""

    def __init__(self, upper: Any, *, on_reset: Callable[[], None], source: random.Random) -> None:
        super().__init__(upper)
        self._on_reset = on_reset
        self._source = source
        self._held: list[bytes] | None = None
        self.lost_permille = 0

    def rst_frame_received(self, frame: Any) -> None:
        """The host resets the stick: begin anew and say so."""
        super().rst_frame_received(frame)
        self.restart(NcpResetCode.RESET_SOFTWARE)

    def restart(self, code: Any) -> None:
        """Begin anew and tell the host, asked or not."""
        self._ncp_state, self._ncp_reset_code = ash.NcpState.CONNECTED, None
        self._tx_seq = self._rx_seq = 0
        self._in_reject_condition = False
        self._cancel_pending_data_frames(ash.NcpFailure(code=code))
        self._change_ack_timeout(ash.T_RX_ACK_INIT)
        self._on_reset()
        self._write_frame(ash.RStackFrame(version=VERSION, reset_code=NcpResetCode(code)))

    def host_gone(self) -> None:
        """The host has closed the port; it resets the stick when it is back."""
        super()._enter_failed_state(EXCEEDED)
        self._on_reset()

    def fail(self, code: Any) -> None:
        """Say that a fault has occurred and do nothing more until the host resets the stick."""
        self._enter_failed_state(NcpResetCode(code))

    def hold(self) -> None:
        """Write nothing for now."""
        self._held = []

    def resume(self) -> None:
        """Write what was held back."""
        held, self._held = self._held or [], None
        for content in held:
            self._transport.write(content)

    async def send(self, content: bytes) -> None:
        """Send an EZSP frame; raise NotTakenError unless the host has acknowledged it."""
        try:
            await self.send_data(content)
        except NOT_TAKEN as error:
            raise NotTakenError(f"the host took no frame: {error!r}") from error

    def frame_received(self, frame: Any) -> None:
        """Take a frame, unless it is lost on the way or the stick has failed."""
        if self._is_lost() and not isinstance(frame, ash.RstFrame):
            return
        if self._ncp_state is ash.NcpState.FAILED and not isinstance(frame, ash.RstFrame):
            return
        super().frame_received(frame)

    def _enter_failed_state(self, reset_code: Any) -> None:
        """Tell the host, as a stick does whose frames the host leaves unacknowledged too often."""
        with contextlib.suppress(ash.NcpFailure):
            self._write_frame(ash.ErrorFrame(version=VERSION, reset_code=reset_code))
        super()._enter_failed_state(reset_code)

    def _write_frame(self, frame: Any, **options: Any) -> None:
        if self._is_lost() and not isinstance(frame, ash.RStackFrame | ash.ErrorFrame):
            return
        if self._held is None:
            super()._write_frame(frame, **options)
            return
        self._held.append(bytes(self._stuff_bytes(frame.to_bytes())) + bytes([ash.Reserved.FLAG]))

    def _is_lost(self) -> bool:
        return self._source.randrange(PERMILLE) < self.lost_permille
