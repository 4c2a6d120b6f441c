"""Measures the lake: bytes a sample beside CSV.gz and the frames, and how fast it is written."""

import csv
import gzip
import io
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from firmware_bridge.simulator.p1_meter import telegrams
from shared.frames import Frame, encode_frame, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import LOG_ID
from tests.support.lake import LakeStage

START_MS = 1_767_225_600_000
DAYS = 2
FRAME_SAMPLES = 360
HOURLY_SAMPLES = 4
"""What an hour leaves of two half hours, each with its opening and its closing."""

NARROW = ("power_import_w", "import_t2_mwh")
TARIFFS = ("import_t1_mwh", "import_t2_mwh")


class Kept(NamedTuple):
    """What a household's samples take: in the lake's objects, as CSV.gz a day, and in frames."""

    samples: int
    values: int
    lake_bytes: int
    manifest_bytes: int
    csv_bytes: int
    frame_bytes: int
    export_s: float
    verify_s: float


def measure() -> list[dict[str, object]]:
    """Export two days of the simulated household in three degrees of detail."""
    full = [
        StampedSample(seq, lines[0].taken_at_ms, lines[0].registers)
        for seq, (_, lines) in enumerate(
            telegrams(1, START_MS + 1, START_MS + DAYS * MS_PER_DAY), 1
        )
    ]
    wide = _keep(full, FRAME_SAMPLES)
    narrow = _keep([_only(one, NARROW) for one in full], FRAME_SAMPLES)
    edges = _keep(_openings_and_closings(full), HOURLY_SAMPLES)
    return [
        *_size_rows("every P1 register", wide),
        *_size_rows("time, power, one register", narrow),
        *_size_rows("half-hourly, two registers", edges),
        _shown("export of frames to Parquet", wide.values / wide.export_s),
        _shown("verification of the same, value by value", wide.values / wide.verify_s),
    ]


def _size_rows(title: str, kept: Kept) -> list[dict[str, object]]:
    ours = kept.lake_bytes / kept.samples
    manifest = kept.manifest_bytes / kept.samples
    theirs = {"CSV.gz a day": kept.csv_bytes, "the frames": kept.frame_bytes}
    return [
        {
            "name": f"lake bytes a sample: {title}",
            "ours": round(ours, 2),
            "unit": "B",
            "peer": peer,
            "theirs": round(count / kept.samples, 2),
            "ratio": round(count / kept.lake_bytes, 2),
            "target": None,
            "note": f"{kept.values / kept.samples:.0f} values a sample; a day a file; manifests "
            f"apart, {manifest:.2f} B",
        }
        for peer, count in theirs.items()
    ]


def _shown(name: str, rate: float) -> dict[str, object]:
    return {
        "name": name,
        "ours": round(rate),
        "unit": "values/s",
        "peer": "–",
        "theirs": "–",
        "ratio": "–",
        "target": None,
        "note": "decoding the frames included, one process",
    }


def _keep(samples: Sequence[StampedSample], frame_samples: int) -> Kept:
    frames = list(_frames(samples, frame_samples))
    with tempfile.TemporaryDirectory() as folder:
        stage = LakeStage(Path(folder))
        for frame in frames:
            stage.keep("home", frame)
        lake = stage.lake()
        started_s = time.perf_counter()
        stage.export(lake)
        exported_s = time.perf_counter()
        assert stage.verify().faults == []
        verified_s = time.perf_counter()
        files = {name: len(content) for name, content in stage.files().items()}
        stage.database.close()
    return Kept(
        samples=len(samples),
        values=sum(len(one.registers) for one in samples),
        lake_bytes=sum(size for name, size in files.items() if name.endswith(".parquet")),
        manifest_bytes=sum(size for name, size in files.items() if name.endswith(".json.gz")),
        csv_bytes=_csv_bytes(samples),
        frame_bytes=sum(len(encode_frame(frame)) for frame in frames),
        export_s=exported_s - started_s,
        verify_s=verified_s - exported_s,
    )


def _frames(samples: Sequence[StampedSample], count: int) -> list[Frame]:
    left = iter(samples)
    parts = iter(lambda: list(islice(left, count)), [])
    return [frame_of(LOG_ID, "SIM-E-0001", 0, part) for part in parts]


def _csv_bytes(samples: Sequence[StampedSample]) -> int:
    """Write each day as one would by hand: a column for each register, gzipped."""
    total = 0
    names = sorted({name for one in samples for name in one.registers})
    for day in sorted({(one.taken_at_ms - 1) // MS_PER_DAY for one in samples}):
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["seq", "taken_at_ms", *names])
        for one in samples:
            if (one.taken_at_ms - 1) // MS_PER_DAY == day:
                values = (one.registers.get(name) for name in names)
                writer.writerow([one.seq, one.taken_at_ms, *values])
        total += len(gzip.compress(text.getvalue().encode(), mtime=0))
    return total


def _only(sample: StampedSample, names: Sequence[str]) -> StampedSample:
    registers = {name: sample.registers[name] for name in names}
    return StampedSample(sample.seq, sample.taken_at_ms, registers)


def _openings_and_closings(samples: Sequence[StampedSample]) -> list[StampedSample]:
    """Keep what half-hourly consent lets out, numbered as if the rest had been withheld."""
    slots: dict[int, list[StampedSample]] = {}
    for one in samples:
        slots.setdefault((one.taken_at_ms - 1) // SLOT_MS, []).append(one)
    kept = [one for slot in sorted(slots) for one in (slots[slot][0], slots[slot][-1])]
    return [
        StampedSample(seq, one.taken_at_ms, {name: one.registers[name] for name in TARIFFS})
        for seq, one in enumerate(kept, 1)
    ]
