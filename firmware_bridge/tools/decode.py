"""`hearthlink decode`: what a recorded file of a meter says, a JSON object for each sample."""

import argparse
import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from firmware_bridge.meters.catalog import CODECS, codec_for
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.keys import Keys
from firmware_bridge.tools import console
from firmware_bridge.tools.options import add_meter_options, keys_of, zone_of
from firmware_bridge.tools.recognition import Recognised, in_chunks, recognise
from firmware_bridge.tools.recording import (
    MAX_TEXT_BYTES,
    Form,
    Recording,
    is_text,
    recordings_of,
    stream_of,
)
from firmware_bridge.tools.summary import summary_document, summary_lines
from firmware_bridge.tools.tally import HINTS, Tally, describe, sample_document
from shared.errors import OperatorError

HEAD_BYTES = 65_536
"""What the protocol is guessed from: more than twenty telegrams of the longest kind."""

MAX_NOTED = 5
"""Refusals told one by one; `--summary` counts them all."""

GZIP_MARK = b"\x1f\x8b"

EXIT_OK = 0
EXIT_NOTHING = 1


@dataclass(frozen=True, slots=True)
class Source:
    """A file's head, already read, and the rest of it; `total` is its size, 0 if not known."""

    name: str
    head: bytes
    rest: BufferedReader | gzip.GzipFile
    total: int

    def chunks(self) -> Iterator[bytes]:
        """Yield all of its bytes, in pieces; only once."""
        yield from in_chunks(self.head)
        while chunk := self.rest.read(HEAD_BYTES):
            yield from in_chunks(chunk)

    def whole(self) -> bytes:
        """Return all of its bytes; only once. Raises OperatorError past MAX_TEXT_BYTES."""
        content = self.head + self.rest.read(MAX_TEXT_BYTES)
        if len(content) > MAX_TEXT_BYTES:
            raise OperatorError(
                f"{self.name} is text of more than {MAX_TEXT_BYTES >> 20} MB",
                hint="cut it in parts, with 'split --line-bytes=50M' for example",
            )
        return content


def run(arguments: list[str]) -> int:
    """Decode a file; return 0 where it held a sample, 1 where it held none."""
    options = build_parser().parse_args(arguments)
    zone, keys = zone_of(options.zone), keys_of(options.key, options.auth_key)
    file, total = _open(options.file)
    try:
        with file, _unpacked(file) as content:
            source = Source(options.file, content.read(HEAD_BYTES), content, total)
            return _decode(source, options, zone, keys)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise OperatorError(
            f"{options.file} is packed with gzip, and damaged: {error}", hint="copy it again"
        ) from error
    except BrokenPipeError:
        console.drop_stdout()
        return EXIT_OK


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink decode",
        description="Decode a recorded meter: raw bytes, a hex dump, or a log with hex in it.",
    )
    parser.add_argument("file", metavar="FILE", help="the recording; - reads standard input")
    parser.add_argument(
        "--protocol", choices=sorted(CODECS), help="what it speaks (default: found out)"
    )
    add_meter_options(parser)
    parser.add_argument(
        "--summary", action="store_true", help="count telegrams and refusals instead of samples"
    )
    parser.add_argument("--json", action="store_true", help="with --summary: one JSON object")
    return parser


def _unpacked(file: BufferedReader) -> BufferedReader | gzip.GzipFile:
    """Read through gzip, which people send logs in."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP_MARK else file


def _open(name: str) -> tuple[BufferedReader, int]:
    """Open a file, or standard input; return it with its size, 0 where that is not known."""
    if name == "-":
        return BufferedReader(cast("RawIOBase", sys.stdin.buffer)), 0
    path = Path(name)
    try:
        return path.open("rb"), path.stat().st_size
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}", hint="give an existing file, or -"
        ) from error


def _decode(source: Source, options: argparse.Namespace, zone: ZoneInfo, keys: Keys | None) -> int:
    protocols = [options.protocol] if options.protocol else list(CODECS)
    tally, size, progress = Tally(), 0, console.Progress()
    recognised, chunks = _recognise(source, protocols, zone, keys)
    codec = codec_for(recognised.protocol, zone, keys)
    for chunk in chunks:
        size += len(chunk)
        bar = f"{console.bar(size, source.total)} " if source.total else ""
        progress.show(f"{bar}{size:,} bytes, {tally.samples:,} samples")
        _take(codec.feed(chunk), tally, is_summary=options.summary)
    _take(codec.feed(b""), tally, is_summary=options.summary)
    console.clear_progress()
    if options.summary and options.json:
        document = summary_document(recognised, source.name, size, tally)
        console.say(msgspec.json.encode(document).decode())
    elif options.summary:
        for line in summary_lines(recognised, source.name, size, tally):
            console.say(line)
    else:
        _note_end(recognised, tally)
    return EXIT_OK if tally.samples else EXIT_NOTHING


def _recognise(
    source: Source, protocols: list[str], zone: ZoneInfo, keys: Keys | None
) -> tuple[Recognised, Iterable[bytes]]:
    """Find the protocol and the way the bytes are written, by the head or, failing it, by all."""
    if not source.head:
        raise OperatorError(f"{source.name} is empty", hint="was the meter connected?")
    found = recognise(recordings_of(source.head), protocols, zone, keys)
    if found is not None and found.is_certain:
        return found, stream_of(found.recording.form, source.chunks())
    if not is_text(source.head):
        raw = Recording(Form.RAW, source.head)
        return found or Recognised(protocols[0], raw, 0, is_certain=False), source.chunks()
    console.show_progress(f"{source.name}: reading the text")
    recordings = recordings_of(source.whole())
    found = recognise(recordings, protocols, zone, keys) or Recognised(
        protocols[0], recordings[-1], 0, is_certain=False
    )
    return found, in_chunks(found.recording.content)


def _take(found: Iterable[Telegram | Refused], tally: Tally, *, is_summary: bool) -> None:
    lines: list[bytes] = []
    for result in found:
        tally.take(result)
        if is_summary:
            continue
        if isinstance(result, Refused):
            if tally.refusals <= MAX_NOTED:
                console.note(f"refused, {result.reason}: {describe(result)}")
            continue
        lines += [msgspec.json.encode(sample_document(sample)) for sample in result.samples]
    if lines:
        console.write_result(b"\n".join([*lines, b""]).decode())


def _note_end(recognised: Recognised, tally: Tally) -> None:
    """Tell on stderr what the samples do not: how many refusals, texts, and where none decoded."""
    if tally.refusals > MAX_NOTED:
        console.note(f"… {tally.refusals} refused in all; --summary counts them by reason")
    for text in tally.texts:
        console.note(f"text for the household: {text}")
    if tally.samples:
        return
    looked = f"as {recognised.protocol}, {recognised.recording.form}"
    console.note(f"no sample was found; read {looked}")
    for reason in tally.refused:
        if reason in HINTS:
            console.note(f"  {reason}: {HINTS[reason]}")
