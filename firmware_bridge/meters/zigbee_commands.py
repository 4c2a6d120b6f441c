"""What a ZigBee meter says in commands of its own: prices and messages to the household.

Pure. Nothing here is a register: every field goes to `unknown` as it was told, the price too, for
what a household pays is its tariff's to say. Source: Smart Energy profile, Price and Messaging.
"""

import struct

from firmware_bridge.meters.zcl import ZclFrame
from firmware_bridge.meters.zcl_table import MESSAGING, PRICE
from firmware_bridge.meters.zcl_types import take, text_of

MAX_CHARS = 80
"""Of a field that is shown raw."""

MAX_TEXT_CHARS = 1_024

PUBLISH_PRICE, DISPLAY_MESSAGE, DISPLAY_PROTECTED = 0x00, 0x00, 0x02
_MESSAGES = frozenset(((MESSAGING, DISPLAY_MESSAGE), (MESSAGING, DISPLAY_PROTECTED)))

_FIELDS = (
    ("IssuerEventId", "<I"), ("CurrentTime", "<I"), ("UnitOfMeasure", "<B"), ("Currency", "<H"),
    ("TrailingDigitAndTier", "<B"), ("TiersAndRegisterTier", "<B"), ("StartTime", "<I"),
    ("DurationMinutes", "<H"), ("Price", "<I"), ("PriceRatio", "<B"), ("GenerationPrice", "<I"),
    ("GenerationPriceRatio", "<B"),
)  # fmt: skip
"""Of PublishPrice after its rate label; those from the ratio on are not always sent."""

_MUST = 9
_MESSAGE_HEAD = struct.Struct("<IBIH")


def read_command(cluster: int, frame: ZclFrame) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the fields of a command to the household, and the message that is in it.

    A command that is not known is shown as its payload. Raises ZclError where one is cut short.
    """
    if frame.manufacturer is None and (cluster, frame.command) == (PRICE, PUBLISH_PRICE):
        return _price(frame.payload), ()
    if frame.manufacturer is None and (cluster, frame.command) in _MESSAGES:
        return _message(frame)
    maker = "" if frame.manufacturer is None else f"{frame.manufacturer:04x}."
    return {f"{maker}{cluster:04x}!{frame.command:02x}": frame.payload.hex()[:MAX_CHARS]}, ()


def _price(payload: bytes) -> dict[str, str]:
    fields = {"ProviderId": str(int.from_bytes(take(payload, 0, 4), "little"))}
    label, place = _octets(payload, 4)
    fields["RateLabel"] = text_of(label)[:MAX_CHARS]
    for number, (name, form) in enumerate(_FIELDS):
        size = struct.calcsize(form)
        if number >= _MUST and len(payload) - place < size:
            break
        (value,) = struct.unpack(form, take(payload, place, size))
        place += size
        if value != (1 << 8 * size) - 1:
            fields[name] = str(value)
    return {f"PublishPrice.{name}": value for name, value in fields.items() if value}


def _message(frame: ZclFrame) -> tuple[dict[str, str], tuple[str, ...]]:
    """Take a message apart; the text of one that asks for a PIN is not shown."""
    payload = frame.payload
    number, control, start_s, minutes = _MESSAGE_HEAD.unpack(take(payload, 0, _MESSAGE_HEAD.size))
    content, _ = _octets(payload, _MESSAGE_HEAD.size)
    is_protected = frame.command == DISPLAY_PROTECTED
    fields = {
        "DisplayMessage.MessageId": str(number),
        "DisplayMessage.Control": str(control),
        "DisplayMessage.StartTime": str(start_s),
        "DisplayMessage.DurationMinutes": str(minutes),
    }
    text = text_of(content)[:MAX_TEXT_CHARS]
    if is_protected:
        return {**fields, "DisplayMessage.IsProtected": "1"}, ()
    return fields, (text,) if text else ()


def _octets(payload: bytes, place: int) -> tuple[bytes, int]:
    size = take(payload, place, 1)[0]
    if size == 0xFF:  # noqa: PLR2004 (a string that is none)
        return b"", place + 1
    content = take(payload, place + 1, size)
    return content, place + 1 + size
