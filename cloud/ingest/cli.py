"""`hearthlink cloud dead-letters`, `replay` and `prune`: what ingest set aside or has to delete."""

import json
from collections.abc import Sequence

from cloud.config import Config
from cloud.db import Database
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.ingest.hubbatch import Rules
from cloud.ingest.letters import list_dead_letters
from cloud.ingest.pruning import prune
from cloud.ingest.service import MAX_REPLAYED, IngestService, Replayed
from cloud.scope import Scope
from shared.clock import Clock
from shared.instants import format_utc

MAX_LISTED = 10_000
"""More than forty hubs can have at once; the latest first."""


def show_letters(database: Database, *, as_json: bool) -> int:
    """Print each dead letter on a line, or all as one JSON list."""
    with database.reading() as connection:
        letters = list_dead_letters(connection, Scope.of(DEFAULT_HOUSEHOLD), MAX_LISTED)
    for letter in letters:
        letter["received_at"] = format_utc(int(str(letter.pop("received_at_ms"))))
    if as_json:
        print(json.dumps(letters, indent=2))
        return 0
    for one in letters:
        span = "" if one["first_seq"] is None else f" {one['first_seq']}-{one['last_seq']}"
        times = f" seen {one['seen_count']} times" if one["seen_count"] != 1 else ""
        print(
            f"{one['dead_letter_id']} {one['received_at']} {one['thing']} {one['code']}"
            f"{span}{times}: {one['detail']}"
        )
    print(f"{len(letters)} dead letters")
    return 0


def replay(
    config: Config, database: Database, clock: Clock, ids: Sequence[int], *, as_json: bool
) -> int:
    """Read letters in again, all where none is named; return 1 where one of them stays."""
    rules = Rules(config.receipt_interval_s, config.window_frames)
    service = IngestService(database, clock, rules)
    done: list[Replayed] = []
    while page := service.replay(ids, after=done[-1].dead_letter_id if done else 0):
        done += page
        if len(page) < MAX_REPLAYED:
            break
    known = {one.dead_letter_id for one in done}
    missing = [number for number in ids if number not in known]
    if as_json:
        entries = [
            {"dead_letter_id": one.dead_letter_id, "thing": one.thing, "code": one.code}
            for one in done
        ]
        print(json.dumps({"replayed": entries, "unknown": missing}, indent=2))
    else:
        for one in done:
            print(f"{one.dead_letter_id} {one.thing}: {one.code or 'read in'}")
        for number in missing:
            print(f"{number}: no such dead letter")
    return 1 if missing or any(one.code for one in done) else 0


def prune_all(database: Database, clock: Clock, exported_to: int | None = None) -> int:
    """Delete everything past its time, a bounded transaction after another; see `prune`."""
    frames = letters = 0
    while True:
        with database.writing() as connection:
            pruned = prune(connection, clock.utc_ms(), exported_to)
        frames += pruned.frames
        letters += pruned.dead_letters
        if not pruned.frames and not pruned.dead_letters:
            break
    print(f"deleted {frames} frames and {letters} dead letters that came over 13 months ago")
    return 0
