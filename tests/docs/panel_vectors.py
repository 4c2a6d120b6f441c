"""Conformance vectors of the panel protocol: docs/reference/panel-vectors.json, from the code.

`make reference` writes them. Owns the examples; what they come to is the protocol's own code, and
the C reference must come to the same.
"""

import json
from typing import Any

import cbor2
from cobs import cobs  # type: ignore[import-untyped]
from fastcrc import crc16

from firmware_bridge.display.body import decode_message, encode_body
from firmware_bridge.display.faults import PanelFrameError
from firmware_bridge.display.fields import Flag, Whole, Words
from firmware_bridge.display.framing import (
    Console,
    Damaged,
    PanelFrame,
    Piece,
    SmpLine,
    Splitter,
    open_frame,
    seal_frame,
)
from firmware_bridge.display.messages import (
    FIELDS,
    Ack,
    Button,
    Display,
    Hello,
    Log,
    PanelMessage,
    Ping,
    Refused,
    Status,
    Text,
    Time,
    Welcome,
)

GOOD: dict[str, tuple[int, PanelMessage]] = {
    "hello": (
        0,
        Hello(
            version_min=1,
            version_max=1,
            board="maker-1",
            firmware="1.2.3",
            boot_id=0xDEADBEEF,
            capabilities=31,
            frame_bytes_max=256,
            width_px=320,
            height_px=240,
            slots=2,
        ),
    ),
    "hello, the least": (0, Hello(version_min=1, version_max=3, boot_id=0)),
    "welcome": (0, Welcome(version=1, boot_id=0xDEADBEEF, hub="hearthlink", session=7)),
    "refused": (0, Refused(version_min=1, version_max=1, reason="panel speaks 2-3, hub 1-1")),
    "ack": (0, Ack(acknowledged_sequence=5, acknowledged_type=0x05)),
    "display": (
        5,
        Display(
            power_w=1_234,
            light=1,
            cost_per_h_millipence=30_209,
            today_wh=5_600,
            today_millipence=187_250,
            link=0,
            currency="GBP",
        ),
    ),
    "display, export and debt": (
        255,
        Display(power_w=-3_600, balance_millipence=-250_000, debt_millipence=1_000_000),
    ),
    "display, nothing known": (6, Display()),
    "display, largest values": (
        10,
        Display(
            power_w=0x7FFFFFFF, cost_per_h_millipence=-0x80000000, month_wh=0xFFFFFFFF, gas_age_s=24
        ),
    ),
    "text": (7, Text(message_id=42, text="Tarif ändert sich: 1 € ☀", needs_answer=True)),
    "text, empty": (8, Text(message_id=0, text="")),
    "text, longest": (9, Text(message_id=1, text="x" * 160)),
    "time": (
        10,
        Time(
            unix_s=1_795_305_600,
            offset_min=0,
            next_offset_min=60,
            next_change_unix_s=1_806_195_600,
        ),
    ),
    "time, west": (11, Time(unix_s=5_000_000_000, offset_min=-210)),
    "button": (1, Button(event_id=1, button=2, press=1, message_id=42)),
    "status": (0, Status(uptime_s=86_400, reset_cause=1, crc_errors=3, dropped=0)),
    "log": (0, Log(level=2, text="warm")),
    "ping": (12, Ping()),
    "ping for hello": (0, Ping(wants_hello=True)),
}

BODIES: dict[str, tuple[int, str]] = {
    "no such type": (0x55, "a0"),
    "an array": (0x05, "80"),
    "indefinite length": (0x05, "bfff"),
    "not the shortest integer": (0x05, "a1001801"),
    "a key twice": (0x05, "a200010001"),
    "keys that fall": (0x05, "a201010001"),
    "a negative key": (0x05, "a12001"),
    "a text as a key": (0x05, "a1613001"),
    "an array for an unknown key": (0x05, "a1186380"),
    "a tag for an unknown key": (0x05, "a11863c249010000000000000000"),
    "a float for an unknown key": (0x05, "a11863f93c00"),
    "undefined for an unknown key": (0x05, "a11863f7"),
    "bytes after the map": (0x05, "a000"),
    "a map cut short": (0x05, "a20001"),
    "a text cut short": (0x05, "a118186347"),
    "text that is no UTF-8": (0x05, "a1181861ff"),
    "text with a surrogate": (0x0A, "a200010163eda080"),
    "light out of range": (0x05, "a10103"),
    "power out of range": (0x05, "a1001a80000000"),
    "an integer of 64 bits": (0x05, "a1001bffffffffffffffff"),
    "true for an integer": (0x05, "a100f5"),
    "null for an integer": (0x05, "a100f6"),
    "text for an integer": (0x05, "a1006130"),
    "a currency too long": (0x05, "a118186441414141"),
    "event 0": (0x08, "a3000001010200"),
    "a field that is required": (0x08, "a200010101"),
}

UNKNOWN_KEYS = cbor2.dumps({0: 5, 99: "more", 100: b"x", 101: None, 102: True, 103: -(1 << 64)})


def vectors_page() -> str:
    """Render the file."""
    page = {
        "about": "Panel protocol of Hearthlink, see panel.md. All bytes are hex. `messages`: decode"
        " `wire` to `fields`, encode these to `wire`. `tolerated`: decode alone. `refused`: what"
        " lies between two delimiters, and its fault. `streams`: what a line's bytes come to.",
        "version": 1,
        "messages": [_good(name, sequence, one) for name, (sequence, one) in GOOD.items()],
        "tolerated": [
            {
                "name": "unknown keys",
                "wire": seal_frame(0x05, 1, UNKNOWN_KEYS).hex(),
                "type": 5,
                "sequence": 1,
                "fields": {"power_w": 5},
            }
        ],
        "refused": [*_refused_bodies(), *_refused_frames()],
        "streams": [_stream(name, raw) for name, raw in _streams().items()],
    }
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"


def known_fields(message: PanelMessage) -> dict[str, Any]:
    """Name the fields that a message says, in the order of their keys."""
    said = {field.name: getattr(message, field.name) for field in FIELDS[message.TYPE]}
    return {name: value for name, value in said.items() if value is not None}


def field_rows(kind: int) -> list[str]:
    """Render a row of panel.md for each field of a type: key, name, what it may hold."""
    rows = []
    for field in FIELDS[kind]:
        match field.rule:
            case Whole(_, low, high):
                kept = f"{low} to {high}"
            case Words(_, most):
                kept = f"text, at most {most} bytes"
            case Flag():
                kept = "true or false"
        needed = "yes" if field.is_required else ""
        rows.append(f"| {field.rule.key} | `{field.name}` | {kept} | {needed} |")
    return rows


def _good(name: str, sequence: int, message: PanelMessage) -> dict[str, Any]:
    wire = seal_frame(message.TYPE, sequence, encode_body(message))
    return {
        "name": name,
        "frame": bytes(cobs.decode(wire[1:-1])).hex(),
        "wire": wire.hex(),
        "type": message.TYPE,
        "sequence": sequence,
        "fields": known_fields(message),
    }


def _refused_bodies() -> list[dict[str, str]]:
    return [
        _refused(name, seal_frame(kind, 1, bytes.fromhex(body))[1:-1])
        for name, (kind, body) in BODIES.items()
    ]


def _refused_frames() -> list[dict[str, str]]:
    ping = seal_frame(0x0B, 1, b"\xa0")[1:-1]
    short = bytes((1, 0x0B, 1))
    crc = crc16.ibm_3740(short).to_bytes(2)
    return [
        _refused("longer than any frame", b"\x01" * 259),
        _refused("a run that does not end", b"\x05\x01\x05"),
        _refused("a frame without a body", bytes(cobs.encode(short + crc))),
        _refused("a byte changed", ping[:-1] + bytes((ping[-1] ^ 0x20,))),
        _refused("version 2", seal_frame(0x0B, 1, b"\xa0", version=2)[1:-1]),
    ]


def _refused(name: str, encoded: bytes) -> dict[str, str]:
    try:
        decode_message(open_frame(encoded))
    except PanelFrameError as error:
        return {"name": name, "encoded": encoded.hex(), "fault": error.fault.value}
    raise AssertionError(f"{name} is taken")


def _streams() -> dict[str, bytes]:
    ping = seal_frame(0x0B, 1, b"\xa0")
    smp = b"\x06\x09AAsAAAABAAECAw==\n"
    return {
        "a boot banner before a frame": b"boot 1.2.3\r\n" + ping,
        "SMP between frames": ping + smp + b"\x04\x14AAAA\n" + ping,
        "one delimiter between frames": ping + ping[1:],
        "a frame cut off by another": ping[:4] + ping,
        "a delimiter changed": ping[:-1] + b"\x41" + ping[1:] + ping,
        "line ends within a frame": seal_frame(0x0A, 0x0A, encode_body(Log(level=1, text="a\nb"))),
    }


def _stream(name: str, raw: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "bytes": raw.hex(),
        "yields": [list(_piece(piece)) for piece in Splitter().feed(raw)],
    }


def _piece(piece: Piece) -> tuple[str, str]:
    match piece:
        case PanelFrame():
            return "frame", piece.body.hex()
        case SmpLine(line):
            return "smp", line.hex()
        case Console(text):
            return "console", text.hex()
        case Damaged(fault, _):
            return "damaged", fault.value
