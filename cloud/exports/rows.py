"""The rows of an export, a batch at a time, each batch read in a transaction of its own.

A reader who is slow holds no transaction and no connection; what changes meanwhile is in the later
batches and not in the earlier ones.
"""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.db import Database
from cloud.exports.columns import Row
from cloud.readings.conversions import conversions_of
from cloud.readings.energies import Energies
from cloud.readings.known import known_usage
from cloud.readings.service import replaced_ranges
from cloud.readings.tenancy import readings_of
from cloud.readings.usage import serve
from cloud.scope import Scope
from shared.calendar import Interval, to_local
from shared.frames import decode_frame
from shared.ranges import contains
from shared.readings import Medium
from shared.units import MS_PER_DAY

BATCH_MS = 32 * MS_PER_DAY
"""What is read at once: a month of half hours (1,490), or one longer interval; 300 KB of rows."""

SAMPLED_MS = MS_PER_DAY // 4
"""Samples are read six hours at a time: 21,600 of them at one a second."""


def usage_rows(
    database: Database,
    scope: Scope,
    meter: str,
    medium: Medium,
    intervals: Sequence[Interval],
    zone: ZoneInfo,
    now_ms: int,
) -> Iterator[list[Row]]:
    """Yield usage by interval, as the API serves it."""
    for batch in _batches(intervals):
        with database.reading(scope) as connection:
            span_ms = batch[0].start_ms, batch[-1].end_ms
            known = known_usage(connection, scope, meter, medium, span_ms)
            conversions = conversions_of(connection, scope, meter, medium, zone)
        energies = None
        if conversions is not None:
            energies = Energies()
            energies.add(known["gas_l"], conversions)
        rows: list[Row] = []
        for one in serve(known, batch, now_ms):
            row = {
                "meter": meter,
                "start": one.interval.start_ms,
                "end": one.interval.end_ms,
                "local_start": to_local(one.interval.start_ms, zone).isoformat(),
                **one.amounts,
                "status": one.status.value,
                "source": one.source and one.source.value,
                "why": " ".join(one.why) or None,
            }
            if energies is not None:
                row["gas_mwh"] = energies.of(one.interval)
            rows.append(row)
        yield rows


def _batches(intervals: Sequence[Interval]) -> Iterator[list[Interval]]:
    """Cut intervals by how long they are together: a year is as many half hours however cut."""
    batch: list[Interval] = []
    for one in intervals:
        if batch and one.end_ms - batch[0].start_ms > BATCH_MS:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def sample_rows(
    database: Database, scope: Scope, meter: str, span_ms: tuple[int, int]
) -> Iterator[list[Row]]:
    """Yield the samples of `[start, end)` that stand, in order of time, each once."""
    for start_ms in range(span_ms[0], span_ms[1], SAMPLED_MS):
        end_ms = min(start_ms + SAMPLED_MS, span_ms[1])
        with database.reading(scope) as connection:
            yield _samples(connection, scope, meter, start_ms, end_ms)


def _samples(
    connection: Connection, scope: Scope, meter: str, start_ms: int, end_ms: int
) -> list[Row]:
    store = readings_of(connection)
    found: dict[tuple[int, str, int], Row] = {}
    for stored in store.frames_of_meter(scope, meter, start_ms, end_ms - 1):
        replaced = replaced_ranges(store, scope, stored)
        for sample in decode_frame(stored.payload).samples():
            is_asked = start_ms <= sample.taken_at_ms < end_ms
            if is_asked and not contains(replaced, sample.seq, sample.seq):
                found[sample.taken_at_ms, stored.log_id, sample.seq] = {
                    "meter": meter,
                    "taken_at": sample.taken_at_ms,
                    "log_id": stored.log_id,
                    "seq": sample.seq,
                    "revision": stored.revision,
                    **sample.registers,
                }
    return [found[place] for place in sorted(found)]
