"""The verdict finds what is lost, doubled, altered or served wrongly; it can fail."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from agent.torture.card import Key
from agent.torture.cast import Cast
from agent.torture.evidence import Evidence, digest_of
from agent.torture.verdict import judge

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
        self.oracle_path.write_text("\n".join(emitted) + "\n")

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
    declared = judge(cast, evidence)

    assert (lost.lost, lost.is_whole()) == (1, False)
    assert (declared.lost, declared.is_whole()) == (0, True)


def test_a_second_copy_is_a_duplicate(tmp_path: Path, evidence: Evidence) -> None:
    """At the same revision it counts twice."""
    assert judge(StandIn(tmp_path, [*whole(), sample(4)]), evidence).duplicated == 1


def test_another_value_is_altered(tmp_path: Path, evidence: Evidence) -> None:
    """The meter never showed it, and the hub committed something else."""
    samples = whole()
    samples[3]["registers"] = {"import_mwh": 1}

    assert judge(StandIn(tmp_path, samples), evidence).altered == 2


def test_a_wrong_answer_at_a_slots_end_is_found(tmp_path: Path, evidence: Evidence) -> None:
    """The API is asked at every boundary."""
    cast = StandIn(tmp_path, whole())
    cast.is_wrong = True

    assert judge(cast, evidence).wrong_boundaries == 3
