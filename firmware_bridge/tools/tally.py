"""What a stream held: telegrams, meters, refusals by reason, codes nobody knows. Pure, bounded."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from firmware_bridge.meters.codec import Refused, Telegram
from shared.readings import Quality, Sample
from shared.units import MS_PER_SECOND

MAX_METERS = 64
"""One port carries a handful; more are garbled serials."""

MAX_EXAMPLES = 3
MAX_UNKNOWN = 256
"""A display with both fuels tells some 70 fields that are no registers."""

MAX_TEXTS = 16
SHOWN_BYTES = 16
"""How much of refused bytes an example shows: enough to see what kind they are."""

HINTS = {
    "bad-crc": "arrived damaged; plug the cable in firmly, keep it short and off mains wires",
    "bad-value": "a value is no number that can be; see bad-crc",
    "bad-time": "the meter's clock is wrong; its values are kept",
    "encrypted": "this meter encrypts: give its key with --key @FILE",
    "no-key": "this meter encrypts: give its key with --key @FILE",
    "noise": "bytes that are no telegram; wrong speed or framing gives only these",
    "no-values": "a whole telegram without anything known; send us a redacted capture",
    "too-long": "a telegram that never ended; is the protocol right?",
    "truncated": "cut short, as the first and the last of a capture often are",
    "unknown-apdu": "a whole telegram that is no push of readings; send us a redacted capture",
    "wrong-key": "check --key (and --auth-key) against the network operator's letter",
}
"""What a person on site can do about each reason."""


@dataclass(slots=True)
class MeterTally:
    """One meter's samples."""

    medium: str
    samples: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


@dataclass(slots=True)
class RefusedTally:
    """One reason's refusals, with the first few of their details."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


class Tally:
    """Counts what a codec gave."""

    def __init__(self) -> None:
        self.telegrams = 0
        self.samples = 0
        self.unchecked = 0
        self.meters: dict[str, MeterTally] = {}
        self.refused: dict[str, RefusedTally] = {}
        self.unknown: dict[str, str] = {}
        self.texts: list[str] = []

    def take(self, found: Telegram | Refused) -> None:
        """Count one result of a codec."""
        if isinstance(found, Refused):
            self._take_refused(found)
            return
        self.telegrams += 1
        for text in found.texts:
            if text not in self.texts and len(self.texts) < MAX_TEXTS:
                self.texts.append(text)
        for sample in found.samples:
            self._take_sample(sample)

    @property
    def refusals(self) -> int:
        """How many refusals there were, of all reasons."""
        return sum(reason.count for reason in self.refused.values())

    def as_document(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "telegrams": self.telegrams,
            "samples": self.samples,
            "unchecked": self.unchecked,
            "meters": [
                {
                    "meter": name,
                    "medium": meter.medium,
                    "samples": meter.samples,
                    "first": rfc3339(meter.first_ms),
                    "last": rfc3339(meter.last_ms),
                }
                for name, meter in self.meters.items()
            ],
            "refused": {
                reason: {
                    "count": refused.count,
                    "examples": refused.examples,
                    "hint": HINTS.get(reason, ""),
                }
                for reason, refused in sorted(self.refused.items())
            },
            "unknown": self.unknown,
            "texts": self.texts,
        }

    def _take_refused(self, refused: Refused) -> None:
        reason = self.refused.setdefault(refused.reason, RefusedTally())
        reason.count += 1
        if len(reason.examples) < MAX_EXAMPLES:
            reason.examples.append(describe(refused))

    def _take_sample(self, sample: Sample) -> None:
        self.samples += 1
        self.unchecked += bool(sample.quality & Quality.UNCHECKED)
        for code, value in sample.unknown.items():
            if len(self.unknown) < MAX_UNKNOWN:
                self.unknown.setdefault(code, value)
        if sample.meter not in self.meters and len(self.meters) >= MAX_METERS:
            return
        meter = self.meters.setdefault(sample.meter, MeterTally(sample.medium.value))
        meter.samples += 1
        if sample.meter_time_ms is not None:
            meter.first_ms = sample.meter_time_ms if meter.first_ms is None else meter.first_ms
            meter.last_ms = sample.meter_time_ms


def describe(refused: Refused) -> str:
    """Say what was refused, with the head of its bytes."""
    shown = refused.raw[:SHOWN_BYTES]
    text = shown.decode("latin-1")
    head = repr(text) if text.isascii() and text.strip().isprintable() else shown.hex(" ")
    more = "…" if len(refused.raw) > SHOWN_BYTES else ""
    head = head if shown else ""
    return f"{refused.detail} ({head}{more})" if head else refused.detail


def sample_document(sample: Sample) -> dict[str, Any]:
    """Return a sample for JSON: its time as RFC 3339 UTC, its quality as names."""
    return {
        "meter": sample.meter,
        "medium": sample.medium.value,
        "taken_at": rfc3339(sample.meter_time_ms),
        "registers": sample.registers,
        "quality": [
            str(flag.name).lower().replace("_", "-") for flag in Quality if flag & sample.quality
        ],
        "unknown": sample.unknown,
    }


def rfc3339(time_ms: int | None) -> str | None:
    """Write an instant as RFC 3339 in UTC, with milliseconds only where it has some."""
    if time_ms is None:
        return None
    seconds, milliseconds = divmod(time_ms, MS_PER_SECOND)
    try:
        written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return None
    return f"{written}.{milliseconds:03d}Z" if milliseconds else f"{written}Z"
