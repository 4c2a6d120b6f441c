"""What other libraries make of a capture, each in a process of its own: some hang, some print.

`ask` is the near side; run as `python -m tests.bench.peers PEER` this is the far one, which answers
each line of JSON with another. The peers come without type hints and are found by name: only the
bench has them.
"""

import contextlib
import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.captures import Capture

PATIENCE_S = 10
"""A library takes milliseconds for a capture; one that takes so long has an endless loop."""

AMSHAN_KINDS = {
    "active_power_import": ("power_import{}_w", "import_mwh", 1),
    "active_power_export": ("power_export{}_w", "export_mwh", 1),
    "reactive_power_import": ("reactive_power_import{}_var", "reactive_import_mvarh", 1),
    "reactive_power_export": ("reactive_power_export{}_var", "reactive_export_mvarh", 1),
    "voltage": ("voltage{}_mv", "", 1_000),
    "current": ("current{}_ma", "", 1_000),
}
AMSHAN_FIELD = re.compile(f"({'|'.join(AMSHAN_KINDS)})(_l[123]|_total)?")

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """How many frames a peer found and decoded in a capture; or why it gave none.

    `values` are those of its last frame by our registers, where its units are known (amshan's).
    """

    framed: int = 0
    decoded: int = 0
    fault: str = ""
    values: dict[str, int] = field(default_factory=dict)


def ask(peer: str, captures: list[Capture]) -> Iterator[Answer]:
    """Ask a peer about each capture in turn; one it hangs on costs only itself."""
    process = _start(peer)
    try:
        for capture in captures:
            answer = _ask_one(process, capture)
            yield answer
            if answer.fault:
                _stop(process)
                process = _start(peer)
    finally:
        _stop(process)


def _start(peer: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.peers", peer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _ask_one(process: subprocess.Popen[bytes], capture: Capture) -> Answer:
    assert process.stdin is not None
    assert process.stdout is not None
    keys = capture.keys
    question = {
        "protocol": capture.protocol,
        "content": capture.content.hex(),
        "key": keys.key.hex() if keys else "",
        "authentication_key": ((keys.authentication_key or keys.key) if keys else b"").hex(),
    }
    process.stdin.write(json.dumps(question).encode() + b"\n")
    process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
    line = process.stdout.readline() if ready else b""
    if not line:
        return Answer(fault="hangs" if not ready else "ends")
    return Answer(**json.loads(line))


Ask = Callable[[str, bytes, bytes, bytes], Answer]


def dsmr_parser(_protocol: str, content: bytes, _key: bytes, _other: bytes) -> Answer:
    """Frame with its buffer, and decode with whichever of its specifications fits best."""
    specifications: Any = import_module("dsmr_parser.telegram_specifications")
    parsers: Any = import_module("dsmr_parser.parsers")
    buffer = import_module("dsmr_parser.clients.telegram_buffer").TelegramBuffer()
    buffer.append(content.decode("latin-1"))
    known = [
        one for one in vars(specifications).values() if isinstance(one, dict) and "objects" in one
    ]
    framed = decoded = 0
    for telegram in buffer.get_all():
        framed += 1
        decoded += any(_has_values(parsers.TelegramParser(one), telegram) for one in known)
    return Answer(framed, decoded)


def _has_values(parser: Any, telegram: str) -> bool:
    with contextlib.suppress(Exception):
        return len(list(parser.parse(telegram))) > 0
    return False


def amshan(protocol: str, content: bytes, _key: bytes, _other: bytes) -> Answer:
    """Frame with its readers, and decode with its automatic decoder."""
    decoder = import_module("han.autodecoder").AutoDecoder()
    if protocol == "p1":
        readouts = import_module("han.dlde").ModeDReader().read(content)
        return Answer(len(readouts), sum(_decodes(decoder.decode_message, one) for one in readouts))
    frames = import_module("han.hdlc").HdlcFrameReader(use_octet_stuffing=False).read(content)
    lists = [decoder.decode_message(one) for one in frames]
    read = [one for one in lists or [decoder.decode_message_payload(content)] if one is not None]
    return Answer(len(frames), len(read), values=_registers(read[-1]) if read else {})


def _registers(fields: dict[str, Any]) -> dict[str, int]:
    """Translate amshan's fields, in W, Wh, V and A, to our registers."""
    found: dict[str, int] = {}
    for name, value in fields.items():
        match = AMSHAN_FIELD.fullmatch(name)
        if match is None:
            continue
        kind, part = match[1], match[2] or ""
        register, total, factor = AMSHAN_KINDS[kind]
        if part == "_total":
            found[total] = round(value * 1_000)
        else:
            found[register.format(part)] = round(value * factor)
    return found


def _decodes(decode: Callable[[Any], Any], message: Any) -> bool:
    with contextlib.suppress(Exception):
        return decode(message) is not None
    return False


def pysml(_protocol: str, content: bytes, _key: bytes, _other: bytes) -> Answer:
    """Find frame after frame, and read the values of each."""
    base = import_module("sml").SmlBase
    framed = decoded = 0
    while content:
        end, frame = base.find_frame(content)
        if frame is None:
            break
        framed += 1
        decoded += _decodes(list, frame)
        content = content[end:]
    return Answer(framed, decoded)


def smllib(_protocol: str, content: bytes, _key: bytes, _other: bytes) -> Answer:
    """Take frame after frame off its reader; what it raises on is not decoded."""
    errors = import_module("smllib.errors")
    reader = import_module("smllib").SmlStreamReader()
    reader.add(content)
    framed = decoded = 0
    while True:
        try:
            frame = reader.get_frame()
        except errors.CrcError:
            continue
        if frame is None:
            return Answer(framed, decoded)
        framed += 1
        decoded += _decodes(lambda one: one.get_obis(), frame)


def gurux(_protocol: str, content: bytes, key: bytes, other: bytes) -> Answer:
    """Let its client take the bytes, with the keys where there are some."""
    module = import_module("gurux_dlms")
    types = import_module("gurux_dlms.enums").InterfaceType
    client = import_module("gurux_dlms.secure.GXDLMSSecureClient").GXDLMSSecureClient(True)
    if key:
        client.ciphering.blockCipherKey = key
        client.ciphering.authenticationKey = other
    client.interfaceType = {0x7E: types.HDLC, 0x68: types.WIRED_MBUS}.get(content[0], types.PDU)
    notification, reply = module.GXReplyData(), module.GXReplyData()
    buffer = module.GXByteBuffer(content[3:] if content[:1] == b"\xe6" else content)
    with contextlib.suppress(Exception):
        while buffer.position < len(buffer):
            before = buffer.position
            client.getData(buffer, reply, notification)
            if notification.value is not None or buffer.position == before:
                break
    decoded = int(notification.value is not None or reply.value is not None)
    return Answer(decoded, decoded)


def dlms_cosem(_protocol: str, content: bytes, key: bytes, other: bytes) -> Answer:
    """Give it one HDLC frame after another, as it wants them, then the notification inside."""
    frames = import_module("dlms_cosem.hdlc.frames")
    apdus = import_module("dlms_cosem.protocol.xdlms")
    apdu, framed = content, 0
    if content[:1] == b"\x7e":
        apdu = b""
        for frame in _hdlc_frames(content):
            apdu += frames.UnnumberedInformationFrame.from_bytes(frame).payload
            framed += 1
    apdu = apdu[3:] if apdu[:1] == b"\xe6" else apdu
    if apdu[:1] == b"\xdb":
        apdu = apdus.GeneralGlobalCipher.from_bytes(apdu).to_plain_apdu(key, other)
    notification = apdus.DataNotification.from_bytes(apdu)
    import_module("dlms_cosem.utils").parse_as_dlms_data(notification.body)
    return Answer(framed or 1, 1)


def _hdlc_frames(content: bytes) -> Iterator[bytes]:
    place = 0
    while place + 2 < len(content):
        if content[place] == 0x7E and content[place + 1] & 0xF0 == 0xA0:
            size = ((content[place + 1] & 7) << 8 | content[place + 2]) + 2
            yield content[place : place + size]
            place += size - 1
        else:
            place += 1


PEERS: dict[str, Ask] = {
    "dsmr-parser": dsmr_parser,
    "amshan": amshan,
    "pysml": pysml,
    "smllib": smllib,
    "gurux-dlms": gurux,
    "dlms-cosem": dlms_cosem,
}


def main() -> int:
    """Answer questions until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # Some peers print what they dislike: that must not be taken for an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    look = PEERS[sys.argv[1]]
    for line in sys.stdin:
        question = json.loads(line)
        parts = (bytes.fromhex(question[name]) for name in ("content", "key", "authentication_key"))
        try:
            answer = look(question["protocol"], *parts)
        except Exception:  # noqa: BLE001 (a peer raises whatever it happens to: it decoded nothing)
            answer = Answer()
        print(json.dumps(asdict(answer)), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
