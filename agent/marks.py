"""The side file of marks: which sequences may have been used, and where the database lies.

A database that is behind its marks was put back to an older state, and one that lies elsewhere is a
copy whose original may still run: either goes on under new log ids, so that no number names two
samples. Written ahead of use in steps, so that a commit need not wait for it. It also names the
logs, for a database that loses the record of whose they are. Owns one file.
"""

import hashlib
import logging
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.records import MeterLog, RowsOfLog
from shared.readings import Medium

MARKS_NAME = "log-marks"

STEP = 720
"""Two hours at ten seconds: twelve small writes a day, and a rewind by more is seen at once."""

SLOT_BYTES = 4_096
"""The card's own unit: of the two slots a cut can tear one, and the other is whole."""

MAX_MARKS = 100
"""Logs that fit a slot at 40 B each; a hub has a handful, and a hello carries 64."""

MACHINE_FILES = (
    "/proc/device-tree/serial-number",
    "/sys/block/mmcblk0/device/cid",
    "/sys/class/dmi/id/product_uuid",
)
"""What tells one computer or card from its clone, where there is such a thing."""

HEAD_BYTES = 8
"""A checksum and a length stand before the marks, and again before the names."""

_logger = logging.getLogger(__name__)


class LogName(NamedTuple):
    """What tells whose a log is: its number in the database, its meter, and what that measures."""

    log: int
    meter: str
    medium: Medium


class Marks(msgspec.Struct):
    """The marks of one state folder. `certain`, `reserved` and `names` are by log id.

    Names are for a database that loses them: the newest, as many as there is room for.
    """

    path: Path
    place: str
    certain: dict[bytes, int] = {}
    reserved: dict[bytes, int] = {}
    generation: int = 0
    names: dict[bytes, LogName] = {}

    def cover(self, parted: Sequence[RowsOfLog]) -> None:
        """Make sure that the file reserves these rows' sequences before they are committed."""
        reserved = self.reserved
        short = [
            (meter_log.log_id, rows)
            for meter_log, rows in parted
            if rows[-1].seq >= reserved.get(meter_log.log_id, 0)
        ]
        if not short:
            return
        for log_id, rows in short:
            self.certain[log_id] = rows[0].seq
            reserved[log_id] = rows[-1].seq + STEP
        self.name(meter_log for meter_log, _ in parted)
        self._write()

    def name(self, logs: Iterable[MeterLog]) -> None:
        """Take down whose these logs are, for the next write."""
        self.names |= {one.log_id: LogName(one.log, one.meter, one.medium) for one in logs}

    def settle(self, next_seqs: Mapping[bytes, int]) -> None:
        """Say exactly what was used, on the way out."""
        self.certain = dict(list(next_seqs.items())[-MAX_MARKS:])
        self.reserved = dict(self.certain)
        self._write()

    def is_behind(self, log_id: bytes, next_seq: int) -> bool:
        """Tell whether a log whose next sequence is this one has certainly used later ones."""
        return next_seq < self.certain.get(log_id, 0)

    def _write(self) -> None:
        """Overwrite the older of the two slots in place; what a full or dying disk says is told.

        The commit goes on without: it is the rewound card that goes unnoticed then, not a reading.
        """
        self.generation += 1
        for log_id in list(self.reserved)[:-MAX_MARKS]:
            del self.reserved[log_id]
            self.certain.pop(log_id, None)
        slot = _packed([self.generation, self.place, self.certain, self.reserved])
        self.names = {one: name for one, name in self.names.items() if one in self.reserved}
        # Behind the marks, where a release that knows of no names does not look.
        slot += self._packed_names(SLOT_BYTES - len(slot))
        try:
            _overwrite(self.path, self.generation % 2 * SLOT_BYTES, slot.ljust(SLOT_BYTES, b"\0"))
        except OSError as error:
            _logger.warning("the marks in %s could not be written: %s", self.path, error)

    def _packed_names(self, room_bytes: int) -> bytes:
        names = list(self.names.items())
        while names:
            packed = _packed([self.generation, dict(names)])
            if len(packed) <= room_bytes:
                return packed
            del names[0]
        return b""


def _packed(content: object) -> bytes:
    body = msgspec.msgpack.encode(content)
    return zlib.crc32(body).to_bytes(4, "big") + len(body).to_bytes(4, "big") + body


def _unpacked(packed: bytes) -> bytes | None:
    """Return a sound body; None for one that was torn, or never written."""
    kept, length = int.from_bytes(packed[:4], "big"), int.from_bytes(packed[4:HEAD_BYTES], "big")
    body = packed[HEAD_BYTES : HEAD_BYTES + length]
    return body if length and zlib.crc32(body) == kept else None


def _overwrite(path: Path, offset: int, slot: bytes) -> None:
    is_new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if is_new:
            os.pwrite(file, bytes(2 * SLOT_BYTES), 0)
        os.pwrite(file, slot, offset)
        os.fsync(file) if is_new else os.fdatasync(file)
    finally:
        os.close(file)
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_marks(path: Path) -> Marks | None:
    """Read the newer sound slot; None where there is none."""
    try:
        content = path.read_bytes()[: 2 * SLOT_BYTES]
    except OSError:
        return None
    found = [
        marks
        for offset in (0, SLOT_BYTES)
        if (marks := _read_slot(path, content[offset : offset + SLOT_BYTES])) is not None
    ]
    return max(found, key=lambda marks: marks.generation, default=None)


def _read_slot(path: Path, slot: bytes) -> Marks | None:
    body = _unpacked(slot)
    if body is None:
        return None
    try:
        generation, place, certain, reserved = msgspec.msgpack.decode(
            body, type=tuple[int, str, dict[bytes, int], dict[bytes, int]]
        )
    except msgspec.MsgspecError:
        return None
    names = _read_names(slot[HEAD_BYTES + len(body) :], generation)
    return Marks(path, place, certain, reserved, generation, names)


def _read_names(packed: bytes, generation: int) -> dict[bytes, LogName]:
    """Read the names written with these marks; a release that knew of none left what was there."""
    body = _unpacked(packed)
    if body is None:
        return {}
    try:
        written, names = msgspec.msgpack.decode(body, type=tuple[int, dict[bytes, LogName]])
    except msgspec.MsgspecError:
        return {}
    return names if written == generation else {}


def place_of(database: Path) -> str:
    """Name where a database lies: its file, and the machine and card as far as they tell.

    A file keeps its number when it is renamed, and loses it when it is copied.
    """
    told = [str(database.stat().st_ino)]
    for name in MACHINE_FILES:
        try:
            told.append(Path(name).read_text(errors="replace").strip())
        except OSError:
            told.append("")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]
