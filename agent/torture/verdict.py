"""The proof: the simulator's own record and the hub's commits against what the cloud has.

Nothing of ours is believed about itself: stored samples are decoded from the stored frames by
`hearthlink cloud samples`, registers are asked of the API, and the truth is what the meter showed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from agent.demo.check import rfc3339
from agent.torture.card import Key
from agent.torture.cast import Cast
from agent.torture.evidence import Evidence, digest_of
from shared.ranges import contains
from shared.units import SLOT_MS

MAX_SHOWN = 5


class Stored(msgspec.Struct, frozen=True):
    """One stored copy of a sample, as `cloud samples` prints it."""

    log_id: str
    seq: int
    revision: int
    meter: str
    taken_at_ms: int
    registers: dict[str, int]


class Shown(msgspec.Struct, frozen=True):
    """One sample as the meter showed it."""

    meter: str
    taken_at_ms: int
    registers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of every reading; `wrong_boundaries` are slot ends where the API differs."""

    emitted: int
    committed: int
    stored: int
    damaged: int
    lost: int
    duplicated: int
    altered: int
    boundaries: int
    wrong_boundaries: int
    examples: list[str]

    def is_whole(self) -> bool:
        """Tell whether nothing was lost, doubled or altered."""
        return self.boundaries > 0 and not (
            self.lost or self.duplicated or self.altered or self.wrong_boundaries
        )


def judge(cast: Cast, evidence: Evidence) -> Verdict:
    """Compare once everything is at rest; the cloud still serves, the hub has stopped."""
    shown = {_said(one) for one in _read_oracle(cast)}
    stored = list(_read_stored(cast))
    copies = Counter((one.log_id, one.seq, one.revision) for one in stored)
    by_key = {Key(one.log_id, one.seq): one for one in stored}
    covered = cast.stored() or {}
    # Damaged on purpose: stored before that, or declared in a frame that covers its place.
    lost = [
        key
        for key in evidence.committed.keys() | evidence.damaged
        if key not in by_key
        and not (
            key in evidence.damaged and contains(covered.get(key.log_id, []), key.seq, key.seq)
        )
    ]
    altered = [one for one in stored if _said(one) not in shown]
    altered += [
        by_key[key]
        for key, digest in evidence.committed.items()
        if key in by_key and digest_of(by_key[key].registers) != digest
    ]
    boundaries = list(_boundaries(stored))
    wrong = [one for one in boundaries if _registers_at(cast, one[0], one[1]) != one[2]]
    return Verdict(
        emitted=len(shown),
        committed=len(evidence.committed),
        stored=len(stored),
        damaged=len(evidence.damaged),
        lost=len(lost) + len(evidence.changed),
        duplicated=sum(copies.values()) - len(copies),
        altered=len(altered),
        boundaries=len(boundaries),
        wrong_boundaries=len(wrong),
        examples=[str(one) for one in [*lost, *evidence.changed, *altered, *wrong][:MAX_SHOWN]],
    )


def _said(one: Stored | Shown) -> int:
    return hash((one.meter, one.taken_at_ms, digest_of(one.registers)))


def _read_oracle(cast: Cast) -> Iterator[Shown]:
    content = cast.oracle_path.read_bytes()
    decode = msgspec.json.Decoder(Shown).decode
    yield from map(decode, content[: content.rfind(b"\n") + 1].splitlines())


def _read_stored(cast: Cast) -> Iterator[Stored]:
    decode = msgspec.json.Decoder(Stored).decode
    process = cast.cloud("samples", "--all")
    yield from map(decode, process.stdout or ())
    if process.wait():
        raise RuntimeError(f"hearthlink cloud samples ended with status {process.returncode}")


def _boundaries(stored: list[Stored]) -> Iterator[tuple[str, int, dict[str, int]]]:
    """Give for each meter and slot's end what it had last shown until then, of what is stored."""
    by_meter: dict[str, list[Stored]] = {}
    for one in stored:
        by_meter.setdefault(one.meter, []).append(one)
    for meter, samples in by_meter.items():
        last: dict[int, Stored] = {}
        for one in sorted(samples, key=lambda one: (one.taken_at_ms, one.log_id, one.seq)):
            last[-(-one.taken_at_ms // SLOT_MS) * SLOT_MS] = one
        for end_ms, one in last.items():
            yield meter, end_ms, one.registers


def _registers_at(cast: Cast, meter: str, at_ms: int) -> dict[str, int]:
    at = urlencode({"at": rfc3339(at_ms)})
    answer: Any = cast.get(f"{cast.api_url}/v1/meters/{meter}/registers?{at}")
    return dict(answer["registers"])
