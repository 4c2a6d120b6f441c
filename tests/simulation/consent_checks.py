"""Consent, proved from what left: each frame and live message against the household's choices."""

from collections import defaultdict
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from agent.torture.card import Key
from agent.uplink.port import Channel
from shared.calendar import local_date, slot_of_sample, slot_start_ms
from shared.consent import Granularity
from shared.frames import decode_frame
from shared.readings import COUNTERS, StampedSample
from tests.simulation.broker import Left
from tests.simulation.meters import MODULUS_MWH
from tests.simulation.stored import Store
from tests.simulation.witness import EDGE_MS, Kept
from tests.simulation.world import World

Edges = dict[tuple[str, str, int], dict[tuple[int, int], Kept]]
"""By log, granularity and span: what left of it, by its place and when it was shown."""

DETAILED = (Granularity.LIVE, Granularity.TEN_SECONDS)
EDGES_OF_SPAN = 2
ZONE = ZoneInfo("Europe/London")


def nothing_finer_left(world: World, _store: Store) -> Iterator[str]:
    """Nothing finer than the narrower of then and now ever left the hub, live included."""
    edges: Edges = defaultdict(dict)
    for left in world.witness.left:
        if left.channel is Channel.LIVE:
            if _widest(world, left.at_ms, left.at_ms) is not Granularity.LIVE:
                yield f"live left at {left.at_ms} under {_widest(world, left.at_ms, left.at_ms)}"
        elif left.channel is Channel.FRAMES:
            yield from _frame(world, left, edges)
    for (log_id, kind, span), said in edges.items():
        if len(said) > EDGES_OF_SPAN + _splits(world, list(said.values())):
            yield f"{len(said)} samples of {kind} {span} left log {log_id}: {sorted(said)}"


def _frame(world: World, left: Left, edges: Edges) -> Iterator[str]:
    frame = decode_frame(left.payload)
    log_id = frame.log_id.hex()
    for sample in frame.samples():
        kept = world.witness.find(Key(log_id, sample.seq), sample.registers)
        if kept is None:
            yield f"{log_id} {sample.seq} left and was never committed"
            continue
        allowed = _widest(world, kept.shown.at_ms, left.at_ms)
        if allowed is Granularity.NONE:
            yield f"{log_id} {sample.seq} left at {left.at_ms} under none"
        elif allowed not in DETAILED:
            yield from _thinned(sample, kept, left)
            span = slot_of_sample(sample.taken_at_ms)
            if allowed is Granularity.DAILY:
                span = local_date(sample.taken_at_ms - 1, ZONE).toordinal()
            edges[log_id, allowed.value, span][sample.seq, kept.shown.at_ms] = kept


def _thinned(sample: StampedSample, kept: Kept, left: Left) -> Iterator[str]:
    if not sample.registers.keys() <= COUNTERS:
        yield f"{sample} left with more than counters"
    if slot_start_ms(slot_of_sample(sample.taken_at_ms) + 1) > left.at_ms + EDGE_MS:
        yield f"{sample} left at {left.at_ms}, before its half hour ended"


def _widest(world: World, taken_ms: int, leaving_ms: int) -> Granularity:
    """The most that may be allowed of a sample, its meter's clock as far off as may be believed."""
    return min(world.witness.allowed_about(taken_ms, leaving_ms), key=list(Granularity).index)


def _splits(world: World, kept: list[Kept]) -> int:
    """A span is cut where consent or a register's run changes within it: two more edges each.

    So it is where the card was changed for one of an earlier moment, which says the rest anew.
    """
    times = [one.shown.at_ms for one in kept]
    # A register that is in doubt is left out, and the next run begins behind that.
    runs = {
        (one.shown.era, one.shown.counted // MODULUS_MWH, "import_mwh" in one.registers)
        for one in kept
    }
    changes = [
        since
        for since, _ in world.witness.consents[1:]
        if min(times) - EDGE_MS <= since <= max(times) + EDGE_MS
    ]
    # A clock set back sorts samples into a span that was left: the stretch begins anew.
    jumps = 2 * (world.has_stepped or world.has_lied)
    cards = world.witness.cards
    return 2 * (len(changes) + len(runs) - 1 + len(world.witness.damaged) + jumps + cards)
