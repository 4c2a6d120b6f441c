"""Checks what was set aside; says in a household's words what it means and what to do."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from agent.doctor.check import Check, Result
from agent.home.words import format_count, format_span
from shared.clock import Clock
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_DAY

RECENT_MS = MS_PER_DAY
"""What was set aside longer ago is told, but no longer a warning."""

MAX_REASONS = 24
"""Reasons are few by design; a report must not grow with a bug that invents them."""


class Meaning(NamedTuple):
    """What a reason means, what to do, and whether it also happens where all is well."""

    words: str
    fix: str
    is_ordinary: bool = False


_CABLE = "plug the cable in firmly, keep it short and away from mains wires, try another"
_PROTOCOL = "check meter.protocol and meter.baud against the meter's manual"

MEANINGS: dict[str, Meaning] = {
    "bad-crc": Meaning("a telegram arrived damaged and was left out", _CABLE),
    "bad-receipt": Meaning("an answer of the cloud could not be read", "update the hub"),
    "bad-tariff": Meaning(
        "a tariff from the cloud could not be read; the one before still holds",
        "enter the tariff again in the app",
    ),
    "bad-time": Meaning(
        "the meter's clock said a time that cannot be; the hub's own was taken",
        "if it goes on, tell the network operator that the meter's clock is wrong",
    ),
    "bad-value": Meaning("a value in a telegram was no number that can be", _CABLE),
    "encrypted": Meaning(
        "the meter encrypts what it says, and no key is set",
        "ask the network operator for the meter's keys and set meter.key",
    ),
    "impossible-power": Meaning("the meter said a power no home can have", _CABLE),
    "no-meter-id": Meaning(
        "a message came before its meter's number was known, as happens when a display starts",
        "nothing, unless it goes on: then see whether the display itself reads the meter",
        is_ordinary=True,
    ),
    "negative-counter": Meaning(
        "the meter's count was below zero", "note what the meter's own display shows; " + _CABLE
    ),
    "no-values": Meaning("a telegram held no value this program knows", _PROTOCOL),
    "noise": Meaning("bytes between telegrams that are none", _PROTOCOL, is_ordinary=True),
    "not-described": Meaning(
        "a device reported before it had said in which unit",
        "nothing, unless it goes on: then let it join again (hearthlink zigbee permit)",
        is_ordinary=True,
    ),
    "register-fell": Meaning(
        "the meter's count went back; the value was not used",
        "was the meter changed? nothing to do then; otherwise note what its display shows",
    ),
    "register-rose-impossibly": Meaning(
        "the meter's count rose more than the fuse lets through; the value was not used",
        "check hub.fuse_a; otherwise note what the meter's display shows",
    ),
    "replayed": Meaning(
        "a telegram from before was heard once more, as a busy adapter may repeat it",
        "nothing, unless it goes on: then another adapter",
        is_ordinary=True,
    ),
    "too-long": Meaning("a telegram never ended", _PROTOCOL),
    "too-many-meters": Meaning(
        "more meters were heard than a home has; only the first ones are logged",
        "their serials may be garbled: " + _CABLE,
    ),
    "truncated": Meaning(
        "a telegram was cut off, as happens when the hub starts or the cable is pulled",
        _CABLE,
        is_ordinary=True,
    ),
    "unframeable": Meaning(
        "samples could not be packed for the cloud; they are kept here", "update the hub"
    ),
    "unknown-apdu": Meaning(
        "the meter sent a kind of message this program does not know", _PROTOCOL
    ),
    "unknown-message": Meaning(
        "a message was none that this program knows", "check the topic in meter.link"
    ),
    "wrong-key": Meaning(
        "what the meter says does not open with the key that is set",
        "check meter.key and meter.authentication_key against the network operator's letter",
    ),
    "zero-after-boot": Meaning(
        "the meter said zero, as some do while they start; it was not used",
        "nothing, unless it goes on",
        is_ordinary=True,
    ),
}
"""Every reason that the codecs, the counters' watch and the session give."""

UNKNOWN = Meaning("this version has no words for it", "update the hub")

ORDINARY_PER_DAY = 20
"""An ordinary reason that comes more often than a restart an hour is no longer ordinary."""


class SetAside(NamedTuple):
    """One reason: how often in all, and of late; how long ago the last time (None: unknown)."""

    reason: str
    times: int
    recent_times: int
    age_ms: int | None


def check_quarantine(connection: sqlite3.Connection, clock: Clock) -> list[Check]:
    """Say what was set aside, a check for each reason."""
    return judge_quarantine(read_set_aside(connection, clock.utc_ms()))


def read_set_aside(connection: sqlite3.Connection, now_ms: int) -> list[SetAside]:
    """Count the quarantine by reason, most frequent first; only what is kept whole has a time."""
    rows = connection.execute(
        "SELECT c.reason, c.count, "
        "(SELECT count(*) FROM quarantine q WHERE q.reason = c.reason AND q.at_ms > ?), "
        "(SELECT max(at_ms) FROM quarantine q WHERE q.reason = c.reason) "
        "FROM quarantine_counts c ORDER BY c.count DESC, c.reason",
        (now_ms - RECENT_MS,),
    )
    return [
        SetAside(reason, times, recent, _age_ms(newest_ms, now_ms))
        for reason, times, recent, newest_ms in rows
    ]


def _age_ms(at_ms: int | None, now_ms: int) -> int | None:
    """Tell an age; a hub that did not know the time wrote its monotonic clock, which tells none."""
    if at_ms is None or at_ms < EARLIEST_PLAUSIBLE_MS:
        return None
    return max(now_ms - at_ms, 0)


def judge_quarantine(found: Sequence[SetAside]) -> list[Check]:
    """Say what each reason means and what to do; nothing of it ever stopped the hub."""
    if not found:
        return [Check("quarantine", Result.OK, "nothing was ever set aside")]
    checks = [_judge_reason(one) for one in found[:MAX_REASONS]]
    if len(found) > MAX_REASONS:
        more = format_count(len(found) - MAX_REASONS, "further reason")
        checks.append(Check("quarantine", Result.WARNING, more, "update the hub"))
    return checks


def _judge_reason(one: SetAside) -> Check:
    meaning = MEANINGS.get(one.reason, UNKNOWN)
    name = f"quarantine {one.reason}"
    finding = f"{format_count(one.times, 'time')}: {meaning.words}"
    if one.age_ms is not None:
        finding += f"; last {format_span(one.age_ms)} ago"
    bearable = ORDINARY_PER_DAY if meaning.is_ordinary else 0
    if one.recent_times <= bearable:
        return Check(name, Result.OK, finding)
    return Check(name, Result.WARNING, finding, meaning.fix)
