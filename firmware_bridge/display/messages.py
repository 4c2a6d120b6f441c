"""What hub and panel say to each other, one class a type, each field with its key and range.

Pure. Owns the vocabulary of docs/reference/panel.md; bytes are `body.py`'s and `framing.py`'s.
A field that is None is not known and does not go on the wire: never 0 for "not yet".
"""

import enum
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

from firmware_bridge.display.fields import (
    I32_MAX,
    I32_MIN,
    U8_MAX,
    U32_MAX,
    Field,
    Flag,
    Whole,
    Words,
    fields_of,
)

VERSION_MIN = VERSION_MAX = 1
"""The versions of the protocol that this code speaks."""

LAST_VERSION = 8
"""Versions are 1 to 8 for ever: so a frame's second byte is no tab, no line end and no SMP."""

TEXT_BYTES_MAX = 160
"""A supplier's message as the smallest panels can hold it; the hub cuts longer ones."""

MINUTES_A_DAY_MAX = 1_439
OFFSET_MIN_MAX = 1_080
"""No zone is further than 18 hours from UTC."""
UNIX_S_MAX = 253_402_300_799
"""The last second of the year 9999, beyond which panels print no date."""
FRAME_BYTES_MAX = 256
"""A decoded frame, CRC included: every panel takes one so long, and a small controller can."""


class Capability(enum.IntFlag):
    """What a panel has."""

    DISPLAY = 1
    LEDS = 2
    BUTTONS = 4
    TEXT = 8
    UPDATE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A panel says who it is, after its start and whenever it is asked."""

    TYPE: ClassVar[int] = 0x01
    version_min: Annotated[int, Whole(0, 1, U8_MAX)]
    version_max: Annotated[int, Whole(1, 1, U8_MAX)]
    board: Annotated[str | None, Words(2, 16)] = None
    firmware: Annotated[str | None, Words(3, 16)] = None
    boot_id: Annotated[int, Whole(4, 0, U32_MAX)]
    capabilities: Annotated[int | None, Whole(5, 0, U32_MAX)] = None
    frame_bytes_max: Annotated[int | None, Whole(6, FRAME_BYTES_MAX, 0xFFFF)] = None
    width_px: Annotated[int | None, Whole(7, 0, 0xFFFF)] = None
    height_px: Annotated[int | None, Whole(8, 0, 0xFFFF)] = None
    slots: Annotated[int | None, Whole(9, 0, U8_MAX)] = None

    @property
    def shows_figures(self) -> bool:
        """Whether a DISPLAY is any use to it: for a screen, or for lights."""
        return bool(self._abilities & (Capability.DISPLAY | Capability.LEDS))

    @property
    def shows_texts(self) -> bool:
        """Whether the household can read a message on it."""
        return bool(self._abilities & Capability.TEXT)

    @property
    def _abilities(self) -> Capability:
        """What it has; one that says nothing of it is a display and no more."""
        said = self.capabilities
        return Capability.DISPLAY if said is None else Capability(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The hub takes a panel in; `session` is new with each start of the hub."""

    TYPE: ClassVar[int] = 0x02
    version: Annotated[int, Whole(0, 1, LAST_VERSION)]
    boot_id: Annotated[int, Whole(1, 0, U32_MAX)]
    hub: Annotated[str | None, Words(2, 32)] = None
    session: Annotated[int, Whole(3, 0, U32_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The hub speaks none of a panel's versions, and says which it speaks."""

    TYPE: ClassVar[int] = 0x03
    version_min: Annotated[int, Whole(0, 1, LAST_VERSION)]
    version_max: Annotated[int, Whole(1, 1, LAST_VERSION)]
    reason: Annotated[str | None, Words(2, 80)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A frame has arrived, whether it was new or came again."""

    TYPE: ClassVar[int] = 0x04
    acknowledged_sequence: Annotated[int, Whole(0, 0, U8_MAX)]
    acknowledged_type: Annotated[int, Whole(1, 0, U8_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Everything a panel may show at once; the latest wins, and each field may be unknown."""

    TYPE: ClassVar[int] = 0x05
    power_w: Annotated[int | None, Whole(0, I32_MIN, I32_MAX)] = None
    light: Annotated[int | None, Whole(1, 0, 2)] = None
    cost_per_h_millipence: Annotated[int | None, Whole(2, I32_MIN, I32_MAX)] = None
    today_wh: Annotated[int | None, Whole(3, 0, U32_MAX)] = None
    today_millipence: Annotated[int | None, Whole(4, I32_MIN, I32_MAX)] = None
    yesterday_wh: Annotated[int | None, Whole(5, 0, U32_MAX)] = None
    yesterday_millipence: Annotated[int | None, Whole(6, I32_MIN, I32_MAX)] = None
    week_wh: Annotated[int | None, Whole(7, 0, U32_MAX)] = None
    week_millipence: Annotated[int | None, Whole(8, I32_MIN, I32_MAX)] = None
    month_wh: Annotated[int | None, Whole(9, 0, U32_MAX)] = None
    month_millipence: Annotated[int | None, Whole(10, I32_MIN, I32_MAX)] = None
    budget_millipence: Annotated[int | None, Whole(11, 0, U32_MAX)] = None
    export_today_wh: Annotated[int | None, Whole(12, 0, U32_MAX)] = None
    gas_today_wh: Annotated[int | None, Whole(13, 0, U32_MAX)] = None
    gas_today_millipence: Annotated[int | None, Whole(14, I32_MIN, I32_MAX)] = None
    gas_as_of_min: Annotated[int | None, Whole(15, 0, MINUTES_A_DAY_MAX)] = None
    rate_millipence_per_kwh: Annotated[int | None, Whole(16, I32_MIN, I32_MAX)] = None
    next_cheap_min: Annotated[int | None, Whole(17, 0, MINUTES_A_DAY_MAX)] = None
    balance_millipence: Annotated[int | None, Whole(18, I32_MIN, I32_MAX)] = None
    emergency_millipence: Annotated[int | None, Whole(19, I32_MIN, I32_MAX)] = None
    debt_millipence: Annotated[int | None, Whole(20, 0, U32_MAX)] = None
    power_age_s: Annotated[int | None, Whole(21, 0, U32_MAX)] = None
    gas_age_s: Annotated[int | None, Whole(22, 0, U32_MAX)] = None
    link: Annotated[int | None, Whole(23, 0, 2)] = None
    currency: Annotated[str | None, Words(24, 3)] = None
    self_use_today_wh: Annotated[int | None, Whole(25, 0, U32_MAX)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message to the household, from its supplier or its hub."""

    TYPE: ClassVar[int] = 0x06
    message_id: Annotated[int, Whole(0, 0, U32_MAX)]
    text: Annotated[str, Words(1, TEXT_BYTES_MAX)]
    needs_answer: Annotated[bool | None, Flag(2)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """What time it is, and when summer time next begins or ends."""

    TYPE: ClassVar[int] = 0x07
    unix_s: Annotated[int, Whole(0, 0, UNIX_S_MAX)]
    offset_min: Annotated[int, Whole(1, -OFFSET_MIN_MAX, OFFSET_MIN_MAX)]
    next_offset_min: Annotated[int | None, Whole(2, -OFFSET_MIN_MAX, OFFSET_MIN_MAX)] = None
    next_change_unix_s: Annotated[int | None, Whole(3, 0, UNIX_S_MAX)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button was pressed; event ids rise by one within a boot, from 1."""

    TYPE: ClassVar[int] = 0x08
    event_id: Annotated[int, Whole(0, 1, U32_MAX)]
    button: Annotated[int, Whole(1, 0, U8_MAX)]
    press: Annotated[int, Whole(2, 0, 1)]
    message_id: Annotated[int | None, Whole(3, 0, U32_MAX)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a panel is; sent now and then, never acknowledged."""

    TYPE: ClassVar[int] = 0x09
    uptime_s: Annotated[int, Whole(0, 0, U32_MAX)]
    reset_cause: Annotated[int | None, Whole(1, 0, U8_MAX)] = None
    crc_errors: Annotated[int | None, Whole(2, 0, U32_MAX)] = None
    dropped: Annotated[int | None, Whole(3, 0, U32_MAX)] = None
    ram_free_bytes: Annotated[int | None, Whole(4, 0, U32_MAX)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A line of a panel's own log; never acknowledged."""

    TYPE: ClassVar[int] = 0x0A
    level: Annotated[int, Whole(0, 0, 4)]
    text: Annotated[str, Words(1, TEXT_BYTES_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Is the other side there? It is acknowledged, or answered by HELLO where one is wanted."""

    TYPE: ClassVar[int] = 0x0B
    wants_hello: Annotated[bool | None, Flag(0)] = None


PanelMessage: TypeAlias = (
    Hello | Welcome | Refused | Ack | Display | Text | Time | Button | Status | Log | Ping
)

CLASSES: dict[int, type[PanelMessage]] = {
    one.TYPE: one
    for one in (Hello, Welcome, Refused, Ack, Display, Text, Time, Button, Status, Log, Ping)
}
"""Every message class, by its type on the wire."""

FIELDS: dict[int, tuple[Field, ...]] = {kind: fields_of(one) for kind, one in CLASSES.items()}
"""The fields of each type, by rising key."""


def cut_text(text: str, bytes_max: int = TEXT_BYTES_MAX) -> str:
    """Cut text to at most `bytes_max` bytes of UTF-8, between two characters."""
    return text.encode()[:bytes_max].decode(errors="ignore")
