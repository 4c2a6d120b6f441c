"""What must hold when a run has come to rest: each check lists what is wrong, in words."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from agent.torture.card import Key
from shared.consent import Granularity
from shared.frames import GapKind
from shared.ranges import contains, union
from shared.readings import Quality
from tests.simulation.stored import Store
from tests.simulation.witness import Kept, counters_of
from tests.simulation.world import World

TOLERANCE_MS = 120_000
"""How far off the hub's time a meter's clock may be to be believed (DESIGN rule 2)."""

UNCERTAIN_MS = 2_100
"""No sample is framed before its time is known to two seconds; a crystal's drift beside it."""

WHOLE = (Granularity.LIVE, Granularity.TEN_SECONDS)

Check = Callable[[World, Store], Iterator[str]]


def stored_once(_world: World, store: Store) -> Iterator[str]:
    """No sample is stored twice at one revision."""
    for key, copies in store.copies.items():
        revisions = [copy.revision for copy in copies]
        if len(revisions) != len(set(revisions)):
            yield f"{key} is stored {len(copies)} times: {copies}"


def stored_unaltered(world: World, store: Store) -> Iterator[str]:
    """What is stored was committed, and says what it said: whole, or its counters alone."""
    for key, copies in store.copies.items():
        for copy in copies:
            kept = world.witness.find(key, copy.sample.registers)
            if kept is None or copy.meter != kept.meter:
                yield f"{key} is stored as {copy}, and was {world.witness.kept.get(key)}"


def covered_is_framed(_world: World, store: Store) -> Iterator[str]:
    """The coverage that receipts speak of is just what the frames cover."""
    for log_id in store.covered.keys() | store.framed.keys():
        covered, framed = store.covered.get(log_id, []), union(store.framed.get(log_id, []))
        if covered != framed:
            yield f"log {log_id} is covered {covered}, and framed {framed}"


def nothing_lost(world: World, store: Store) -> Iterator[str]:
    """Every sample once committed is stored, or declared with a reason that holds."""
    witness = world.witness
    for key, kept in witness.kept.items():
        said = [copy.sample.registers for copy in store.copies.get(key, ())]
        if any(one in (kept.registers, counters_of(kept.registers)) for one in said):
            continue
        if not contains(store.covered.get(key.log_id, []), key.seq, key.seq):
            if not _may_be_missing(world, key, kept):
                yield f"{key} is neither stored nor declared: {kept}"
            continue
        gaps = store.gaps.get(key.log_id, ())
        kinds = {g.kind for g in gaps if g.first_seq <= key.seq <= g.last_seq}
        if GapKind.DAMAGED in kinds and key not in witness.damaged:
            yield f"{key} is declared damaged, and was not"
        if GapKind.THINNED in kinds and not world.has_been_full:
            yield f"{key} was thinned, and its disk never full"
        if not kinds:
            yield f"{key} is covered by {said}, and was {kept}"
        if kinds == {GapKind.WITHHELD} and not _may_be_withheld(world, kept):
            yield f"{key} is withheld, and never had to be: {kept}"


def _may_be_missing(world: World, key: Key, kept: Kept) -> bool:
    """A boot that never learned the time, a day not over, or freed before the cloud went back."""
    if world.is_waiting(key) or key in world.timeless:
        return True
    return key in world.witness.freed and world.restores > 0


def _may_be_withheld(world: World, kept: Kept) -> bool:
    taken_ms = kept.shown.at_ms - TOLERANCE_MS
    seen = {one for since_ms, one in world.witness.consents if since_ms >= taken_ms}
    seen.add(world.witness.allowed(taken_ms, taken_ms))
    return not seen <= set(WHOLE)


def belief_is_stored(world: World, store: Store) -> Iterator[str]:
    """What the hub takes for stored is stored."""
    for log_id, ranges in world.believed_stored.items():
        for first, last in ranges:
            if not contains(store.covered.get(log_id, []), first, last):
                covered = store.covered.get(log_id, [])
                yield f"the hub takes {first} to {last} of {log_id} for stored, not {covered}"


def times_are_right(world: World, store: Store) -> Iterator[str]:
    """A sample is dated by its meter where that clock was near, else within two seconds."""
    if world.has_lied:
        return
    for key, copies in store.copies.items():
        kept = world.witness.find(key, copies[0].sample.registers)
        if kept is None:
            continue
        shown, taken_ms = kept.shown, copies[0].sample.taken_at_ms
        off_ms = 0 if shown.clock_ms is None else shown.clock_ms - shown.at_ms
        if copies[0].sample.quality & Quality.HUB_TIME:
            is_right = any(
                abs(taken_ms - told.at_ms) <= UNCERTAIN_MS
                and (told.off_ms is None or abs(told.off_ms) >= TOLERANCE_MS - UNCERTAIN_MS)
                for told in _told(world, kept)
            )
        else:
            # A capture may be from before its meter's clock stepped: what a hub heard that was
            # not there then is a clock that is near, and nothing tells it that it was not.
            offs_ms = [off_ms, *(told.off_ms for told in _told(world, kept))]
            is_near = any(
                off is not None and abs(off) <= TOLERANCE_MS + UNCERTAIN_MS for off in offs_ms
            )
            is_right = taken_ms == shown.clock_ms and is_near
        if not is_right:
            yield f"{key} is dated {taken_ms - shown.at_ms} ms off, its meter's clock {off_ms} ms"


class Told(NamedTuple):
    """When a reading was taken by a telegram that told it, and how far off its clock was then."""

    at_ms: int
    off_ms: int | None


def _told(world: World, kept: Kept) -> list[Told]:
    """List each telegram that may have told a row: a clock may have stepped since a capture."""
    if kept.meter_clock_ms is None:
        return [Told(kept.shown.at_ms, None)]
    captured_at_ms = kept.captured_at_ms
    if captured_at_ms is None:
        # Another reading of the same capture, of a clock set back: it is dated by its telegram.
        captured_at_ms = kept.meter_clock_ms if _has_set_its_clock(world) else kept.shown.clock_ms
    age_ms = kept.meter_clock_ms - (captured_at_ms or kept.meter_clock_ms)
    return [
        Told(one.at_ms - age_ms, one.clock_ms - one.at_ms)
        for one in world.witness.meter.shown
        if one.clock_ms == kept.meter_clock_ms
    ]


def _has_set_its_clock(world: World) -> bool:
    return any(fault.kind == "meter-clock-step" for fault in world.plan.faults)


def nothing_held(world: World, store: Store) -> Iterator[str]:
    """No range is given up as refused, but one that is stored with an earlier word of its time."""
    for log_id, refused in world.refused.items():
        covered = store.covered.get(log_id, [])
        for first, last, code in refused:
            is_redated = code == "conflict" and world.may_redate
            if not (is_redated and contains(covered, first, last)):
                yield f"log {log_id} holds {first} to {last} for ever: {code}"


def dead_letters_are_known(world: World, store: Store) -> Iterator[str]:
    """The cloud sets aside nothing but what a better known time has dated anew."""
    for code, detail in store.dead:
        if code != "conflict" or not world.may_redate:
            yield f"set aside: {code}, {detail}"


CHECKS: tuple[Check, ...] = (
    stored_once,
    stored_unaltered,
    covered_is_framed,
    nothing_lost,
    belief_is_stored,
    times_are_right,
    nothing_held,
    dead_letters_are_known,
)
