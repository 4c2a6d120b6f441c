"""What the supplier or network operator told the household, as a display shows it. Pure."""

import msgspec

from agent.home.inputs import HomeInputs
from agent.home.words import format_clock
from shared.units import MS_PER_DAY

READ_SHOWN_MS = MS_PER_DAY
"""A message that was read can be read again for a day."""


class MessageView(msgspec.Struct, frozen=True):
    """One message, in one clean line of any script; `id` is what an acknowledgement names."""

    id: int
    text: str
    received_ms: int
    received_text: str
    is_acknowledged: bool


def view_messages(inputs: HomeInputs) -> list[MessageView]:
    """List the messages, those that wait for the household first, then the newest first."""
    shown = [
        MessageView(
            one.message_id,
            one.text,
            one.received_ms,
            format_clock(one.received_ms, inputs.now_ms, inputs.zone),
            one.acknowledged_ms is not None,
        )
        for one in inputs.messages
        if one.acknowledged_ms is None or inputs.now_ms - one.acknowledged_ms <= READ_SHOWN_MS
    ]
    return sorted(shown, key=lambda one: (one.is_acknowledged, -one.id))
