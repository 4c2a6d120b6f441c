"""Measures frames of the simulated household: bytes a sample, and encoding and decoding time."""

import json
import statistics
import time

from firmware_bridge.simulator.p1_meter import telegrams
from shared.frames import Frame, decode_frame, encode_frame, frame_of
from shared.readings import StampedSample

FRAME_SAMPLES = 360
HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000
"""2026-01-01T00:00Z: winter; the second season is half a year later."""

SEASONS_MS = (START_MS, START_MS + 182 * 24 * HOUR_MS)
ROUNDS = 200
SERIES = 9
LOG_ID = bytes(range(16))


def measure() -> list[dict[str, object]]:
    """Frame two days of a household, an hour a frame; compare with JSON rows and the limits."""
    hours = [hour for start_ms in SEASONS_MS for hour in _hours(start_ms)]
    narrow = [_frame(hour, ("power_import_w", "import_t2_mwh")) for hour in hours]
    wide = [_frame(hour, None) for hour in hours]
    rows = _size_rows(narrow, wide)
    took_us = _round_trip_us(narrow[len(narrow) // 3])
    rows.append(
        {
            "name": "encode + decode a frame of 360 samples: time, power, one register",
            "ours": round(took_us, 1),
            "unit": "µs",
            "peer": "limit",
            "theirs": 200,
            "ratio": round(200 / took_us, 2),
            "target": 1,
            "note": f"the best of {SERIES} medians of {ROUNDS}",
        }
    )
    return rows


def _size_rows(narrow: list[Frame], wide: list[Frame]) -> list[dict[str, object]]:
    narrow_bytes = sum(len(encode_frame(frame)) for frame in narrow) / _samples(narrow)
    json_bytes = sum(len(_json_rows(frame)) for frame in narrow) / _samples(narrow)
    values = sum(1 + len(frame.columns) for frame in wide) / len(wide)
    wide_bytes = sum(len(encode_frame(frame)) for frame in wide) / _samples(wide)
    return [
        {
            "name": "frame bytes a sample: time, power, one register",
            "ours": round(narrow_bytes, 2),
            "unit": "B",
            "peer": "limit",
            "theirs": 1.4,
            "ratio": round(1.4 / narrow_bytes, 2),
            "target": 1,
            "note": f"{len(narrow)} hours of the simulated household, winter and summer",
        },
        {
            "name": "the same against JSON rows",
            "ours": round(narrow_bytes, 2),
            "unit": "B",
            "peer": "JSON rows",
            "theirs": round(json_bytes, 1),
            "ratio": round(json_bytes / narrow_bytes, 1),
            "target": None,
            "note": "",
        },
        {
            "name": "frame bytes a value: every P1 column",
            "ours": round(wide_bytes / values, 3),
            "unit": "B",
            "peer": "limit",
            "theirs": 0.5,
            "ratio": round(0.5 / (wide_bytes / values), 2),
            "target": 1,
            "note": f"{values:.0f} values a sample, {wide_bytes:.1f} B a sample",
        },
    ]


def _hours(start_ms: int) -> list[list[StampedSample]]:
    samples = [
        StampedSample(seq, line.taken_at_ms, line.registers)
        for seq, (_, lines) in enumerate(telegrams(1, start_ms, start_ms + 24 * HOUR_MS), 1)
        for line in lines[:1]
    ]
    return [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples), FRAME_SAMPLES)]


def _frame(samples: list[StampedSample], registers: tuple[str, ...] | None) -> Frame:
    if registers is not None:
        samples = [
            StampedSample(s.seq, s.taken_at_ms, {name: s.registers[name] for name in registers})
            for s in samples
        ]
    return frame_of(LOG_ID, "SIM-E-0001", 0, samples)


def _samples(frames: list[Frame]) -> int:
    return sum(len(frame.times_ms) for frame in frames)


def _json_rows(frame: Frame) -> bytes:
    power, register = (column.values for column in frame.columns)
    rows = [list(row) for row in zip(frame.times_ms, power, register, strict=True)]
    return json.dumps(rows, separators=(",", ":")).encode()


def _round_trip_us(frame: Frame) -> float:
    """Take the best of some medians: what else the machine does only ever adds."""
    medians = []
    for _ in range(SERIES):
        took = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            decode_frame(encode_frame(frame))
            took.append((time.perf_counter() - started) * 1e6)
        medians.append(statistics.median(took))
    return min(medians)
