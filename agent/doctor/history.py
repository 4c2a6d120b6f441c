"""Checks what became of the log: what was given up to make room, and what happened to its file."""

import sqlite3

import msgspec

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.reading import read_fact
from agent.home.words import format_count
from agent.reader import LogReader
from agent.reserve import Reserve
from agent.upkeep.opening import COPIED, RENEWED_FACT, Renewal
from agent.upkeep.retention import BYTES_PER_MB, file_bytes
from agent.upkeep.salvage import Salvage, read_salvage
from agent.upkeep.thinning import count_thinned

ROOM, IDS = "room", "log ids"


def check_room(connection: sqlite3.Connection, config: Config) -> Check:
    """Check that the log fits what it may take, and say what was given up for it."""
    size, free = file_bytes(connection)
    reserve = Reserve(config.hub_state_dir)
    thinned = sum(count_thinned(connection).values())
    return judge_room((size - free) // BYTES_PER_MB, config.log_max_mb, thinned, reserve.is_there)


def judge_room(used_mb: int, max_mb: int, thinned: int, has_reserve: bool) -> Check:
    """Say how much of its size the log takes, and whether anything had to be given up."""
    finding = f"{used_mb:,} of {max_mb:,} MB"
    if not has_reserve:
        finding += "; no room is set aside for a full disk"
    if thinned:
        finding += (
            f"; {format_count(thinned, 'sample')} thinned to half-hours or days to make room, "
            "energy is exact"
        )
        fix = "make room on the disk, or raise log.max_mb; let the cloud store what waits"
        return Check(ROOM, Result.WARNING, finding, fix)
    if not has_reserve:
        fix = "make room on the disk; the hub sets 4 MB aside when there are 16, within the hour"
        return Check(ROOM, Result.WARNING, finding, fix)
    return Check(ROOM, Result.OK, f"{finding}; nothing was given up")


def check_ids(connection: sqlite3.Connection) -> Check:
    """Say whether the log had to go on under new ids, or was salvaged, and why."""
    renewed = read_fact(connection, RENEWED_FACT)
    return judge_ids(
        read_salvage(LogReader(connection)),
        None if renewed is None else msgspec.json.decode(renewed, type=Renewal),
    )


def judge_ids(salvage: Salvage | None, renewal: Renewal | None) -> Check:
    """Say what happened to the log's file; none of it costs what was acknowledged and stored."""
    if salvage is not None:
        came_through = "nothing of it could be read"
        if salvage.rows or salvage.lost or salvage.orphans:
            samples = format_count(salvage.rows, "sample")
            came_through = f"{samples} salvaged, {salvage.lost:,} lost and declared"
        if salvage.orphans:
            came_through += f", {salvage.orphans:,} lost with the record of whose they are"
        if salvage.unread:
            came_through += (
                f"; by the marks beside it {salvage.unread:,} samples were in it, of which the "
                "cloud has what it had stored"
            )
        if salvage.partly:
            came_through += f"; read in part: {', '.join(salvage.partly)}"
        finding = f"the database was damaged ({salvage.reason}): {came_through}; "
        finding += f"the file is kept as {salvage.moved_to}"
        fix = "the card is failing: change it (docs/durability.md); registers carry the energy"
        return Check(IDS, Result.WARNING, finding, fix)
    if renewal is None:
        return Check(IDS, Result.OK, "never damaged, copied or put back")
    finding = f"{format_count(len(renewal.meters), 'meter')} under new log ids: {renewal.reason}"
    fix = "run one of the two only" if renewal.reason == COPIED else ""
    return Check(IDS, Result.OK, finding, fix)
