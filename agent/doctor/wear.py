"""Checks how fast the state folder's card wears, and how long it will last."""

import sqlite3

from agent.config import Config
from agent.disk import DiskCounter, read_counter
from agent.doctor.check import Check, Result
from agent.doctor.reading import read_fact
from agent.vitals import FACT, decode_note, look_at
from agent.wear import DAYS_PER_YEAR, Wear, add_look, bytes_a_day, days_left
from shared.clock import Clock

NAME = "card wear"

SOON_DAYS = 2 * DAYS_PER_YEAR
"""A card that lasts less is one that somebody must think of."""

MAX_YEARS_SAID = 50
"""No card is trusted for longer, whatever is written to it."""

BYTES_PER_MB = 1_000_000

FIX = (
    "see what writes so much (sudo iotop -ao), raise log.commit_window_s, or use a card made for "
    "endurance and say so in storage.endurance_tb"
)


def check_wear(connection: sqlite3.Connection, config: Config, clock: Clock) -> Check:
    """Check what is written a day to the disk that the state folder lies on."""
    counter = read_counter(config.hub_state_dir)
    if counter is None:
        finding = f"{config.hub_state_dir} lies on no disk of its own: nothing to count"
        return Check(NAME, Result.ABSENT, finding)
    wear = look_again(decode_note(read_fact(connection, FACT)).wear, counter, clock)
    return judge_wear(wear, config.storage_endurance_tb)


def look_again(noted: Wear | None, counter: DiskCounter, clock: Clock) -> Wear:
    """Add what was written since the hub took its last note."""
    return add_look(noted, look_at(counter, clock))


def judge_wear(wear: Wear, endurance_tb: int) -> Check:
    """Say what is written a day, and how long a card lasts that takes so many terabytes."""
    rate = bytes_a_day(wear)
    if rate is None:
        return Check(NAME, Result.OK, f"{wear.device}: not known before an hour has passed")
    finding = (
        f"{rate / BYTES_PER_MB:,.1f} MB a day to {wear.device}, by all programs of this machine; "
    )
    left = days_left(wear, endurance_tb)
    if left is None:
        return Check(NAME, Result.OK, f"{finding}nothing wears it")
    finding += f"if it takes {endurance_tb:,} TB, it lasts {_span(left)}"
    if left < SOON_DAYS:
        return Check(NAME, Result.WARNING, finding, FIX)
    return Check(NAME, Result.OK, finding)


def _span(days: float) -> str:
    years = days / DAYS_PER_YEAR
    if years > MAX_YEARS_SAID:
        return f"more than {MAX_YEARS_SAID} years"
    return f"about {years:.0f} years" if days >= SOON_DAYS else f"about {days:,.0f} days"
