"""The verdict finds what is lost, doubled, altered or served wrongly; it can fail."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from agent.torture.card import Key
from agent.torture.cast import Cast
from agent.torture.consent import Narrowing
from agent.torture.evidence import Evidence, digest_of
from agent.torture.verdict import judge
from shared.consent import Granularity
from shared.frames import Gap, GapKind, encode_frame, frame_of

START_MS = 1_772_323_200_000
METER = "SIM-E-0001"
LOG = "ab" * 16


def sample(seq: int) -> dict[str, Any]:
    """Say what the meter showed, as the cloud prints it."""
    return {
        "log_id": LOG,
        "seq": seq,
        "revision": 0,
        "meter": METER,
        "taken_at_ms": START_MS + seq * 600_000,
        "registers": {"import_mwh": seq * 1_000},
    }


class _Process:
    returncode = 0

    def __init__(self, lines: list[str]) -> None:
        self.stdout: Iterator[str] = iter(lines)

    def wait(self) -> int:
        return 0


class StandIn(Cast):
    """A cast whose cloud holds and serves what the test says."""

    def __init__(self, folder: Path, samples: list[dict[str, Any]]) -> None:
        super().__init__(folder, 1, 1)
        self.samples = samples
        self.is_wrong = False
        emitted = [json.dumps(sample(seq)) for seq in range(1, 10)]
        self.oracle_paths[0].write_text("\n".join(emitted) + "\n")
        self.cloud_database.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.cloud_database)) as store:
            store.execute("CREATE TABLE IF NOT EXISTS frames (frame_id, payload)")

    def declare(self, kind: GapKind, seq: int) -> None:
        """Let a stored frame say why there is no such sample."""
        frame = frame_of(bytes.fromhex(LOG), METER, 0, [], gaps=[Gap(kind, seq, seq)])
        with closing(sqlite3.connect(self.cloud_database)) as store, store:
            store.execute("INSERT INTO frames VALUES (1, ?)", (encode_frame(frame),))

    def cloud(self, *words: str) -> Any:
        """Print the stored samples."""
        return _Process([json.dumps(one) for one in self.samples])

    def get(self, url: str) -> Any:
        """Serve the last sample before an instant, or what is stored."""
        if "gateways" in url:
            return {"gateways": [{"logs": [{"log_id": LOG, "stored": [[1, 9, 0]]}]}]}
        at = parse_qs(urlparse(url).query)["at"][0]
        place = (int(at[11:13]) * 60 + int(at[14:16])) // 10
        until = [one for one in self.samples if one["seq"] <= place]
        return {"registers": {} if self.is_wrong else until[-1]["registers"]}


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """The hub had committed nine samples."""
    found = Evidence(tmp_path / "hub.sqlite")
    found.committed = {
        Key(LOG, seq): digest_of({"import_mwh": seq * 1_000}) for seq in range(1, 10)
    }
    return found


def whole() -> list[dict[str, Any]]:
    """Everything the hub had committed."""
    return [sample(seq) for seq in range(1, 10)]


def test_everything_stored_once_is_whole(tmp_path: Path, evidence: Evidence) -> None:
    """Nine samples, three slots."""
    verdict = judge(StandIn(tmp_path, whole()), evidence)

    assert verdict.is_whole()
    assert (verdict.stored, verdict.boundaries, verdict.examples) == (9, 3, [])


def test_a_committed_sample_that_is_not_stored_is_lost(tmp_path: Path, evidence: Evidence) -> None:
    """Unless it was damaged on purpose and its place is declared."""
    cast = StandIn(tmp_path, whole()[:-1])

    lost = judge(cast, evidence)
    evidence.damaged.add(Key(LOG, 9))
    not_declared = judge(cast, evidence)
    cast.declare(GapKind.DAMAGED, 9)
    declared = judge(cast, evidence)

    assert (lost.lost, lost.is_whole()) == (1, False)
    assert not_declared.lost == 1
    assert (declared.lost, declared.is_whole()) == (0, True)


def test_what_consent_withheld_is_not_lost(tmp_path: Path, evidence: Evidence) -> None:
    """Where the household let less leave, and the hub has said so."""
    cast = StandIn(tmp_path, whole()[:-1])
    cast.declare(GapKind.WITHHELD, 9)

    before = judge(cast, evidence)
    evidence.narrowings.append(Narrowing(Granularity.DAILY, {LOG: (5, 9)}, {LOG: [(9, 9)]}))
    after = judge(cast, evidence)

    assert (before.lost, before.withheld) == (1, 0)
    assert (after.lost, after.withheld) == (0, 1)


def test_more_than_was_allowed_is_found(tmp_path: Path, evidence: Evidence) -> None:
    """Whatever left of what nothing was to leave of."""
    evidence.narrowings.append(Narrowing(Granularity.NONE, {LOG: (5, 9)}, {LOG: [(9, 9)]}))

    verdict = judge(StandIn(tmp_path, whole()), evidence)

    assert (verdict.finer, verdict.is_whole()) == (5, False)


def test_a_second_copy_is_a_duplicate(tmp_path: Path, evidence: Evidence) -> None:
    """At the same revision it counts twice."""
    assert judge(StandIn(tmp_path, [*whole(), sample(4)]), evidence).duplicated == 1


def test_another_value_is_altered(tmp_path: Path, evidence: Evidence) -> None:
    """The meter never showed it, or the hub committed something else."""
    samples = whole()
    samples[3]["registers"] = {"import_mwh": 1}

    assert judge(StandIn(tmp_path, samples), evidence).altered == 1


def test_a_wrong_answer_at_a_slots_end_is_found(tmp_path: Path, evidence: Evidence) -> None:
    """The API is asked at every boundary."""
    cast = StandIn(tmp_path, whole())
    cast.is_wrong = True

    assert judge(cast, evidence).wrong_boundaries == 3
