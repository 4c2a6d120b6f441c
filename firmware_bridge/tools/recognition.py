"""Which protocol bytes are in, by which codec makes the most of them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from firmware_bridge.meters.catalog import CODECS, codec_for
from firmware_bridge.meters.codec import Codec, Refused, Telegram
from firmware_bridge.meters.keys import Keys
from firmware_bridge.tools.recording import Recording, is_text
from shared.readings import Quality

CHECKED_WEIGHT = 8
"""A value under a checksum tells more than one that merely looks like a value."""

LOCKED_REASONS = frozenset({"encrypted", "no-key", "wrong-key"})
"""Refusals that come from a telegram that was understood, but for its key."""

LOCKED_SCORE = 4

LIKENESS = {"no-values": 8, "bad-value": 8, "bad-crc": 2, "too-long": 1, "truncated": 1}
"""How much each byte of a refused telegram says for its protocol, where none decodes."""

TEXT_PROTOCOLS = frozenset({"glow", "raven", "zigbee"})
"""Any line of bytes may look like a damaged one of theirs."""

REFUSAL_COST = 16
"""Strange bytes break into many small refusals, a damaged telegram into few."""

MIN_LIKE_SHARE = 5
"""Damaged telegrams make up a fifth of the bytes at least: by chance, a tenth looks like some."""

MAX_METERS = 8
"""Shown of what speaks on one line; a bus or a radio network may have more."""

FEED_BYTES = 16_384


@dataclass(slots=True)
class Hearing:
    """What one codec has made of a stream so far."""

    protocol: str
    codec: Codec
    samples: int = 0
    score: int = 0
    newest: dict[str, Telegram] = field(default_factory=dict)
    locked: Refused | None = None
    likeness: int = 0

    def feed(self, chunk: bytes) -> None:
        """Let the codec hear more; the newest reading of each meter is kept."""
        for found in self.codec.feed(chunk):
            if isinstance(found, Refused):
                self._refuse(found)
            else:
                self._count(found)

    @property
    def is_recognised(self) -> bool:
        """Whether the bytes are in this protocol beyond doubt."""
        return self.samples > 0 or self.locked is not None

    def _count(self, telegram: Telegram) -> None:
        for sample in telegram.samples[:1]:
            before = self.newest.get(sample.meter)
            if before is None and len(self.newest) >= MAX_METERS:
                continue
            # What a meter says between its readings, such as a price, takes no reading's place.
            if before is None or _has_registers(telegram) or not _has_registers(before):
                self.newest[sample.meter] = telegram
        for sample in telegram.samples:
            is_checked = not sample.quality & Quality.UNCHECKED
            self.samples += 1
            known = len(sample.registers) * (CHECKED_WEIGHT if is_checked else 1)
            # Of two dialects of one language, the right one knows the clock and more of the codes.
            has_clock = sample.meter_time_ms is not None
            self.score += known * 2 + has_clock * 2 - len(sample.unknown)

    def _refuse(self, refused: Refused) -> None:
        if refused.reason in LOCKED_REASONS:
            self.locked = refused
            self.score += LOCKED_SCORE
        else:
            self.score -= 1
            self.likeness += self._likeness_of(refused) - REFUSAL_COST

    def _likeness_of(self, refused: Refused) -> int:
        """Weigh the bytes of a refusal; those of a protocol of text lines have to be text."""
        if self.protocol in TEXT_PROTOCOLS and not is_text(refused.raw):
            return 0
        return LIKENESS.get(refused.reason, 0) * len(refused.raw)


def _has_registers(telegram: Telegram) -> bool:
    return any(sample.registers for sample in telegram.samples)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A protocol, and the reading of the file that it was recognised in.

    Not `is_certain` where no telegram was whole: then it is what the damaged ones look like most.
    """

    protocol: str
    recording: Recording
    score: int
    is_certain: bool = True


def hearings(zone: ZoneInfo, keys: Keys | None = None) -> list[Hearing]:
    """Begin to listen with every codec there is."""
    return [Hearing(name, codec_for(name, zone, keys)) for name in CODECS]


def best_hearing(heard: Iterable[Hearing], *, was_asked: bool) -> Hearing | None:
    """Return the hearing that understood most; None where none understood anything.

    Protocols overlap: of equals, what came without being asked is one that pushes.
    """
    recognised = [hearing for hearing in heard if hearing.is_recognised]
    return max(
        recognised,
        key=lambda hearing: (hearing.score, CODECS[hearing.protocol].must_ask == was_asked),
        default=None,
    )


def recognise(
    recordings: Sequence[Recording], protocols: Sequence[str], zone: ZoneInfo, keys: Keys | None
) -> Recognised | None:
    """Try every protocol on every reading of a file; return the best.

    Where nothing decodes, return what looks most like telegrams; None where nothing does.
    """
    certain: list[Recognised] = []
    likely: list[Recognised] = []
    for recording in recordings:
        for protocol in protocols:
            hearing = Hearing(protocol, codec_for(protocol, zone, keys))
            for chunk in in_chunks(recording.content):
                hearing.feed(chunk)
            hearing.feed(b"")
            if hearing.is_recognised:
                certain.append(Recognised(protocol, recording, hearing.score))
            elif hearing.likeness * MIN_LIKE_SHARE > len(recording.content):
                likely.append(Recognised(protocol, recording, hearing.likeness, False))
    return max(certain or likely, key=lambda recognised: recognised.score, default=None)


def in_chunks(content: bytes) -> Iterable[bytes]:
    """Cut bytes into pieces such as a link gives."""
    return (content[start : start + FEED_BYTES] for start in range(0, len(content), FEED_BYTES))
