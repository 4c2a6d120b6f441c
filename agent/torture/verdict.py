"""The proof: the simulator's own record and the hub's commits against what the cloud has.

Nothing of ours is believed about itself: stored samples are decoded from the stored frames by
`hearthlink cloud samples`, registers are asked of the API, and the truth is what the meter showed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from agent.demo.check import rfc3339
from agent.torture.card import Key
from agent.torture.cast import Cast
from agent.torture.consent import finer
from agent.torture.evidence import Evidence, digest_of
from agent.torture.store import Declared, declared
from shared.frames import GapKind
from shared.ranges import contains
from shared.readings import COUNTERS
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
    """What came of every reading; `wrong_boundaries` are slot ends where the API differs.

    `withheld` were declared so, and might be; `finer` say more than the household allowed.
    """

    emitted: int
    committed: int
    stored: int
    damaged: int
    lost: int
    duplicated: int
    altered: int
    withheld: int
    finer: int
    boundaries: int
    wrong_boundaries: int
    examples: list[str]

    def is_whole(self) -> bool:
        """Tell whether nothing was lost, doubled or altered."""
        return self.boundaries > 0 and not (
            self.lost or self.duplicated or self.altered or self.finer or self.wrong_boundaries
        )


def judge(cast: Cast, evidence: Evidence) -> Verdict:
    """Compare once everything is at rest; the cloud still serves, the hub has stopped."""
    shown = list(_read_oracle(cast))
    stored = list(_read_stored(cast))
    copies = Counter((one.log_id, one.seq, one.revision) for one in stored)
    by_revision = sorted(stored, key=lambda one: one.revision)
    newest = {Key(one.log_id, one.seq): one for one in by_revision}
    missing = (evidence.committed.keys() | evidence.damaged) - newest.keys()
    lost, withheld = _explain(missing, evidence, declared(cast.cloud_database))
    altered = _altered(newest, shown, evidence)
    too_fine = finer(evidence.narrowings, stored, evidence.damaged, cast.zone)
    boundaries = list(_boundaries(newest.values()))
    wrong = [one for one in boundaries if _registers_at(cast, one[0], one[1]) != one[2]]
    examples = [*lost, *evidence.changed, *altered, *too_fine, *wrong]
    return Verdict(
        emitted=len({_said(one) for one in shown}),
        committed=len(evidence.committed),
        stored=len(stored),
        damaged=len(evidence.damaged),
        lost=len(lost) + len(evidence.changed),
        duplicated=sum(copies.values()) - len(copies),
        altered=len(altered),
        withheld=len(withheld),
        finer=len(too_fine),
        boundaries=len(boundaries),
        wrong_boundaries=len(wrong),
        examples=[str(one) for one in examples[:MAX_SHOWN]],
    )


def _explain(
    missing: Iterable[Key], evidence: Evidence, said: Declared
) -> tuple[list[Key], list[Key]]:
    """Tell what is lost of what is not stored, and what was withheld as it might be.

    What was damaged on purpose is declared, or was stored before that.
    """

    def is_declared(kind: GapKind, key: Key) -> bool:
        return contains(said[kind].get(key.log_id, []), key.seq, key.seq)

    lost, withheld = [], []
    for key in missing:
        if evidence.may_withhold(key) and is_declared(GapKind.WITHHELD, key):
            withheld.append(key)
        elif not (key in evidence.damaged and is_declared(GapKind.DAMAGED, key)):
            lost.append(key)
    return lost, withheld


def _altered(
    newest: Mapping[Key, Stored], shown: Sequence[Shown], evidence: Evidence
) -> list[Stored]:
    """List what the meter never showed, or the hub did not commit so.

    Where less was allowed, a sample may have left with its counters alone.
    """
    whole = {_said(one) for one in shown}
    counted = {_said(_counters_of(one)) for one in shown}
    altered = []
    for key, one in newest.items():
        if evidence.may_withhold(key) and one.registers.keys() <= COUNTERS:
            is_shown, committed = _said(one) in counted, None
        else:
            is_shown, committed = _said(one) in whole, evidence.committed.get(key)
        if not is_shown or committed not in {None, digest_of(one.registers)}:
            altered.append(one)
    return altered


def _said(one: Stored | Shown) -> int:
    return hash((one.meter, one.taken_at_ms, digest_of(one.registers)))


def _counters_of(one: Shown) -> Shown:
    counters = {name: value for name, value in one.registers.items() if name in COUNTERS}
    return msgspec.structs.replace(one, registers=counters)


def _read_oracle(cast: Cast) -> Iterator[Shown]:
    decode = msgspec.json.Decoder(Shown).decode
    for path in cast.oracle_paths:
        content = path.read_bytes()
        yield from map(decode, content[: content.rfind(b"\n") + 1].splitlines())


def _read_stored(cast: Cast) -> Iterator[Stored]:
    decode = msgspec.json.Decoder(Stored).decode
    process = cast.cloud("samples", "--all")
    yield from map(decode, process.stdout or ())
    if process.wait():
        raise RuntimeError(f"hearthlink cloud samples ended with status {process.returncode}")


def _boundaries(stored: Iterable[Stored]) -> Iterator[tuple[str, int, dict[str, int]]]:
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
