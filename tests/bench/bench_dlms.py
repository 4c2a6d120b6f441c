"""DLMS push decoding beside gurux-dlms, on the same frames of our simulator."""

import contextlib
import io
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.simulator.dlms_meter import MeterKeys, telegrams
from tests.bench.rates import best_rate

ZONE = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
COUNT = 2_000
"""Some hours of pushes: no two are alike."""

KEYS = MeterKeys()


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    return [_speed_row("plain", None), _speed_row("encrypted and authenticated", KEYS)]


def _speed_row(kind: str, keys: MeterKeys | None) -> dict[str, object]:
    end_ms = START_MS + COUNT * 10_000
    content = [push for push, _ in telegrams(1, START_MS, end_ms, keys=keys)]
    ours = best_rate(content, lambda pushes: _decode_ours(pushes, keys))
    theirs = best_rate(content[: COUNT // 8], lambda pushes: _decode_theirs(pushes, keys))
    return {
        "name": f"DLMS push decoding, {kind}",
        "ours": round(ours),
        "unit": "pushes/s",
        "peer": "gurux-dlms",
        "theirs": round(theirs),
        "ratio": round(ours / theirs, 1),
        "target": 3,
        "note": f"{len(content[0])} byte pushes of two HDLC segments, framing included, one core",
    }


def _ours(keys: MeterKeys | None) -> DlmsCodec:
    if keys is None:
        return DlmsCodec(ZONE)
    return DlmsCodec(ZONE, keys.key, keys.authentication_key)


def _decode_ours(content: list[bytes], keys: MeterKeys | None) -> int:
    codec = _ours(keys)
    return sum(isinstance(entry, Telegram) for push in content for entry in codec.feed(push))


def _decode_theirs(content: list[bytes], keys: MeterKeys | None) -> int:
    # The peer prints a line for every push it deciphers.
    with contextlib.redirect_stdout(io.StringIO()):
        return sum(_theirs(push, keys) is not None for push in content)


def _theirs(push: bytes, keys: MeterKeys | None) -> Any:
    """Return what the peer makes of one push, None where it makes nothing of it."""
    # Imported here and by name: only the bench has the peer, which comes without type hints.
    gurux = import_module("gurux_dlms")
    secure = import_module("gurux_dlms.secure.GXDLMSSecureClient").GXDLMSSecureClient
    client = _CLIENTS.get(keys)
    if client is None:
        client = _CLIENTS[keys] = secure(True)
        if keys is not None:
            client.ciphering.blockCipherKey = keys.key
            client.ciphering.authenticationKey = keys.authentication_key
    notification, reply = gurux.GXReplyData(), gurux.GXReplyData()
    buffer = gurux.GXByteBuffer(push)
    while buffer.position < len(buffer):
        client.getData(buffer, reply, notification)
        if notification.isComplete() and not notification.isMoreData():
            return notification.value
    return None


_CLIENTS: dict[MeterKeys | None, Any] = {}
"""One client for each kind of push: making one takes longer than decoding."""
