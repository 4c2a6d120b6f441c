"""A panel message as the CBOR map in its frame: integer keys, deterministic (RFC 8949, 4.2.1).

Pure. Owns the way between dataclasses and bytes. Deterministic encoding is asked of the sender, so
that a decoder without allocation needs neither indefinite lengths nor a second way to write 1.
"""

from typing import Any

import cbor2

from firmware_bridge.display.faults import Fault, PanelFrameError
from firmware_bridge.display.fields import check_field
from firmware_bridge.display.framing import PanelFrame
from firmware_bridge.display.messages import (
    CLASSES,
    FIELDS,
    VERSION_MAX,
    VERSION_MIN,
    PanelMessage,
)

INTEGER_MIN, INTEGER_MAX = -(1 << 64), (1 << 64) - 1
"""What CBOR's own integers hold; cbor2 hands bignums over as integers too."""


def encode_body(message: PanelMessage) -> bytes:
    """Encode a message's known fields by rising key; PanelFrameError where one is out of range."""
    values: dict[int, object] = {}
    for field in FIELDS[message.TYPE]:
        value = getattr(message, field.name)
        if value is not None:
            check_field(field, value)
            values[field.rule.key] = value
    return cbor2.dumps(values)


def decode_message(frame: PanelFrame) -> PanelMessage:
    """Decode a frame's message; PanelFrameError where it is of another version or breaks a rule."""
    if not VERSION_MIN <= frame.version <= VERSION_MAX:
        raise PanelFrameError(
            Fault.VERSION,
            f"a frame of version {frame.version}, spoken here are {VERSION_MIN} to {VERSION_MAX}",
            hint="bring the older of hub and panel up to date",
        )
    return decode_body(frame.type, frame.body)


def decode_body(kind: int, body: bytes) -> PanelMessage:
    """Decode the body of a frame of type `kind`; PanelFrameError where a rule is broken.

    Unknown keys are ignored: a later version of a message may say more.
    """
    fields = FIELDS.get(kind)
    if fields is None:
        raise PanelFrameError(Fault.TYPE, f"no message has type 0x{kind:02x}")
    values = _map_of(body)
    known: dict[str, Any] = {}
    for field in fields:
        if field.rule.key in values:
            check_field(field, values[field.rule.key])
            known[field.name] = values[field.rule.key]
    for field in fields:
        if field.is_required and field.name not in known:
            said = f"{CLASSES[kind].__name__} lacks {field.name} (key {field.rule.key})"
            raise PanelFrameError(Fault.MISSING, said)
    return CLASSES[kind](**known)


def _map_of(body: bytes) -> dict[int, object]:
    """Decode a deterministic map of non-negative integers to plain values."""
    try:
        values = cbor2.loads(body)
    # cbor2 lets other errors of Python through for some inputs: overflow, bad dates.
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise PanelFrameError(Fault.BODY, f"the body is no CBOR: {error!s:.80}") from error
    if not isinstance(values, dict) or not all(map(_is_plain, values, values.values())):
        raise PanelFrameError(Fault.BODY, "the body is no map of integers to plain values")
    if cbor2.dumps({key: values[key] for key in sorted(values)}) != body:
        raise PanelFrameError(Fault.BODY, "the body is not encoded deterministically")
    return values


def _is_plain(key: object, value: object) -> bool:
    """Tell whether both are what version 1 allows, in keys and in values nobody knows yet."""
    if type(key) is not int or not 0 <= key <= INTEGER_MAX:
        return False
    if type(value) is int:
        return INTEGER_MIN <= value <= INTEGER_MAX
    return value is None or type(value) in (bool, str, bytes)
