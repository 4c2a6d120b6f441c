"""Whether two live hubs go by one identity, as after a card was copied: their runs alternate. Pure.

Every run of a hub's program has an id of its own and says it in its hellos. Once another run has
spoken the one before is over: one that speaks again has a clone beside it. A hello may come late,
so one return proves nothing; several within an hour do.
"""

import msgspec

from shared.units import MS_PER_DAY, MS_PER_HOUR

MAX_RUNS = 8
"""Runs remembered of a hub, the latest first: so many clones at once are told apart."""

MAX_RUN_CHARS = 32
RETURNS_MIN = 4
"""A hello that comes late makes two returns: its own, and that of the run it interrupted."""

RETURNS_WITHIN_MS = MS_PER_HOUR
TOLD_FOR_MS = MS_PER_DAY
"""How long after the last return hub and operator are told: an evening's clone shows next day."""


class Runs(msgspec.Struct, frozen=True, omit_defaults=True):
    """The runs of a hub that spoke lately, and how often one of them came back.

    `returns` counts those within an hour from `counted_from_ms` on, `takeovers` all since the first
    clone; `seen_at_ms` is when a clone was last seen, 0 for never.
    """

    known: list[str] = []
    returns: int = 0
    counted_from_ms: int = 0
    takeovers: int = 0
    seen_at_ms: int = 0


def note_run(runs: Runs, run_id: str, now_ms: int) -> Runs:
    """Note which run speaks; a hub that says none changes nothing."""
    run_id = run_id[:MAX_RUN_CHARS]
    if not run_id or runs.known[:1] == [run_id]:
        return runs
    known = [run_id, *(one for one in runs.known if one != run_id)][:MAX_RUNS]
    if run_id not in runs.known:
        return msgspec.structs.replace(runs, known=known)
    is_same_hour = now_ms - runs.counted_from_ms < RETURNS_WITHIN_MS
    returns = runs.returns + 1 if is_same_hour else 1
    is_clone = returns >= RETURNS_MIN
    return Runs(
        known,
        returns,
        runs.counted_from_ms if is_same_hour else now_ms,
        runs.takeovers + (returns if returns == RETURNS_MIN else is_clone),
        now_ms if is_clone else runs.seen_at_ms,
    )


def told_ms(runs: Runs, now_ms: int) -> int:
    """Say when a clone was last seen, 0 where that is too long ago to be told."""
    return runs.seen_at_ms if now_ms - runs.seen_at_ms < TOLD_FOR_MS else 0


def read_runs(kept: bytes | None) -> Runs:
    """Read what the hub's row has."""
    return msgspec.json.decode(kept, type=Runs) if kept else Runs()


def write_runs(runs: Runs) -> bytes:
    """Write it for the hub's row."""
    return msgspec.json.encode(runs)
