"""The bench runner's own judgement: which rows meet their target, and what the page shows."""

from pathlib import Path

from tests.bench.run import find_benches, is_met, main, render

ROW = {
    "name": "decode",
    "ours": 9000.0,
    "unit": "telegrams/s",
    "peer": "other",
    "theirs": 1500.0,
    "ratio": 6.0,
    "target": 5.0,
    "note": "",
}


def test_a_ratio_at_its_target_is_met() -> None:
    """The target itself is good enough."""
    assert is_met(ROW | {"ratio": 5.0})


def test_a_ratio_below_its_target_is_missed() -> None:
    """Anything less is a miss."""
    assert not is_met(ROW | {"ratio": 4.99})


def test_a_target_without_a_ratio_is_missed() -> None:
    """A figure that was not measured cannot pass."""
    assert not is_met(ROW | {"ratio": None})


def test_a_row_without_a_target_is_not_judged() -> None:
    """What is only shown fails nothing."""
    assert is_met(ROW | {"target": None})


def test_the_page_marks_a_miss() -> None:
    """A reader sees at once which target was missed."""
    page = render([ROW, ROW | {"name": "slow", "ratio": 1.0}])

    assert "| decode | 9,000 | telegrams/s | other | 1,500 | 6 | 5 | yes |" in page
    assert "| slow | 9,000 | telegrams/s | other | 1,500 | 1 | 5 | **no** |" in page


def test_benches_are_found_by_name(tmp_path: Path) -> None:
    """A new file needs no registration; others can be left out."""
    for subject in ("one", "two"):
        (tmp_path / f"bench_{subject}.py").write_text("def measure():\n    return []\n")

    found = [subject for subject, _ in find_benches({"two"}, tmp_path)]

    assert found == ["two"]


def test_an_unknown_subject_fails(tmp_path: Path) -> None:
    """Measuring nothing is not a success."""
    assert main(["no-such-subject", "--report", str(tmp_path / "page.md")]) == 1
