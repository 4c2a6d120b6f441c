"""Frames of full detail, made of a log's columns at once: how a month's backlog is cut. Reads only.

Where anything has to be left out of them or told of a row by itself, `framing.py` does it, row by
row; where both can, they make the same frame.
"""

from collections.abc import Sequence

from agent.consent import Consent
from agent.dating import date_columns
from agent.reader import LogReader
from agent.records import MeterLog, RunChange
from agent.timekeeping import ClockLedger
from agent.uplink.framing import FRAME_SAMPLES, WHOLE, Chunk, Cut
from shared.frames import Column, Frame


def cut_whole(
    reader: LogReader,
    ledger: ClockLedger,
    consent: Consent,
    meter_log: MeterLog,
    changes: Sequence[RunChange],
    chunk: Chunk,
) -> Cut | None:
    """Cut a frame of all rows of a chunk, as they are in its blocks.

    None where there is anything to be decided about a part of them: a hole or an unsealed row, a
    time that is not plain, a register's new run, consent that lets less out or changes among them.
    """
    first_seq, last_seq = chunk.first_seq, chunk.last_seq
    if last_seq - first_seq >= FRAME_SAMPLES:
        return None
    if any(first_seq < change.from_seq <= last_seq for change in changes):
        return None
    columns = reader.read_columns(meter_log.log, first_seq, last_seq)
    dated = date_columns(ledger, columns) if columns is not None else None
    if columns is None or dated is None:
        return None
    boot, heard = columns.boots[0], columns.heard
    instants = ((boot, heard[0]), (boot, heard[-1]))
    if consent.for_all(min(dated.times_ms), max(dated.times_ms), instants) not in WHOLE:
        return None
    runs = {one.register: (one.run, one.modulus) for one in changes if one.from_seq <= first_seq}
    frame = Frame(
        log_id=meter_log.log_id,
        meter=meter_log.meter,
        revision=chunk.revision,
        first_seq=first_seq,
        last_seq=last_seq,
        times_ms=dated.times_ms,
        columns=[
            Column(name, *runs.get(name, ("", 0)), values)
            for name, values in columns.registers.items()
        ],
        qualities=dated.qualities,
    )
    return Cut(frame, last_seq)
