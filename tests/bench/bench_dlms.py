"""DLMS push decoding beside gurux-dlms, on the same frames of our simulator; the capture shelf."""

import contextlib
import io
import re
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.simulator.dlms_meter import MeterKeys, telegrams

ZONE = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
COUNT = 2_000
"""Some hours of pushes: no two are alike."""

ROUNDS = 3
KEYS = MeterKeys()
SHELF = Path(__file__).parents[2] / "../shared/captures/dlms"


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    rows = [_speed_row("plain", None), _speed_row("encrypted and authenticated", KEYS)]
    return rows + _shelf_rows()


def _speed_row(kind: str, keys: MeterKeys | None) -> dict[str, object]:
    end_ms = START_MS + COUNT * 10_000
    content = [push for push, _ in telegrams(1, START_MS, end_ms, keys=keys)]
    ours = _best_rate(content, lambda pushes: _decode_ours(pushes, keys))
    theirs = _best_rate(content[: COUNT // 8], lambda pushes: _decode_theirs(pushes, keys))
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


def _best_rate(content: list[bytes], decode: Callable[[list[bytes]], int]) -> float:
    """Return the best of a few rounds: the machine is shared, its slow moments are not ours."""
    best_s = min(_timed(content, decode) for _ in range(ROUNDS))
    return len(content) / best_s


def _timed(content: list[bytes], decode: Callable[[list[bytes]], int]) -> float:
    # The peer prints a line for every push it deciphers.
    with contextlib.redirect_stdout(io.StringIO()):
        start_s = time.perf_counter()
        found = decode(content)
        took_s = time.perf_counter() - start_s
    assert found == len(content)
    return took_s


def _ours(keys: MeterKeys | None) -> DlmsCodec:
    if keys is None:
        return DlmsCodec(ZONE)
    return DlmsCodec(ZONE, keys.key, keys.authentication_key)


def _decode_ours(content: list[bytes], keys: MeterKeys | None) -> int:
    codec = _ours(keys)
    return sum(isinstance(entry, Telegram) for push in content for entry in codec.feed(push))


def _decode_theirs(content: list[bytes], keys: MeterKeys | None) -> int:
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


def _shelf_rows() -> list[dict[str, object]]:
    """Count what of the capture shelf each decodes; no row where the shelf is not there."""
    captures = _captures()
    if not captures:
        return []
    ours = sum(_is_decoded_by_us(content, keys) for content, keys in captures)
    theirs = sum(_is_decoded_by_peer(content, keys) for content, keys in captures)
    return [
        {
            "name": "DLMS captures decoded",
            "ours": ours,
            "unit": f"of {len(captures)}",
            "peer": "gurux-dlms",
            "theirs": theirs,
            "ratio": round(ours / max(1, theirs), 2),
            "target": 1,
            "note": "one has a wrong checksum, one is encrypted without its key known",
        }
    ]


def _captures() -> list[tuple[bytes, MeterKeys | None]]:
    found: list[tuple[bytes, MeterKeys | None]] = [
        (path.read_bytes(), None) for path in sorted(SHELF.glob("*.bin"))
    ]
    for path in sorted((SHELF / "esphome").glob("*.log")):
        if path.stem.endswith("_decoded"):
            continue
        digits = re.sub(r"[^0-9A-Fa-f]", "", path.read_text("utf-8-sig"))
        found.append((bytes.fromhex(digits), _keys_beside(path)))
    return found


def _keys_beside(path: Path) -> MeterKeys | None:
    key, authentication_key = path.with_suffix(".key"), path.with_suffix(".gak")
    if not key.is_file():
        return None
    other = authentication_key if authentication_key.is_file() else key
    return MeterKeys(bytes.fromhex(key.read_text()), bytes.fromhex(other.read_text()))


def _is_decoded_by_us(content: bytes, keys: MeterKeys | None) -> bool:
    codec = _ours(keys)
    found = codec.feed(content) + codec.feed(b"")
    return any(isinstance(entry, Telegram) for entry in found)


def _is_decoded_by_peer(content: bytes, keys: MeterKeys | None) -> bool:
    gurux = import_module("gurux_dlms")
    enums = import_module("gurux_dlms.enums")
    secure = import_module("gurux_dlms.secure.GXDLMSSecureClient").GXDLMSSecureClient
    client = secure(True)
    if keys is not None:
        client.ciphering.blockCipherKey = keys.key
        client.ciphering.authenticationKey = keys.authentication_key
    types = enums.InterfaceType
    client.interfaceType = {0x7E: types.HDLC, 0x68: types.WIRED_MBUS}.get(content[0], types.PDU)
    notification, reply = gurux.GXReplyData(), gurux.GXReplyData()
    bare = content[3:] if content[:1] == b"\xe6" else content
    buffer = gurux.GXByteBuffer(bare)
    # The peer prints what it dislikes, and raises whatever it happens to.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        while buffer.position < len(buffer):
            before = buffer.position
            client.getData(buffer, reply, notification)
            if notification.value is not None or buffer.position == before:
                break
    return notification.value is not None or reply.value is not None
