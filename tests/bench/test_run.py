"""The bench runner's own judgement: which rows meet their target, and what the page shows."""

from pathlib import Path
from unittest import mock

from tests.bench import card
from tests.bench.results import Result, keep, read_results
from tests.bench.run import REPORT, find_benches, is_met, main, render

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
    result = Result(
        "How fast.", "2026-03-01", "2 cores", [ROW, ROW | {"name": "slow", "ratio": 1.0}]
    )

    page = render({"decoding": result})

    assert "## decoding\n\nHow fast.\n\nTaken on 2026-03-01: 2 cores." in page
    assert "| decode | 9,000 | telegrams/s | other | 1,500 | 6 | 5 | yes |" in page
    assert "| slow | 9,000 | telegrams/s | other | 1,500 | 1 | 5 | **no** |" in page


def test_benches_are_found_by_name(tmp_path: Path) -> None:
    """A new file needs no registration; others can be left out."""
    for subject in ("one", "two"):
        (tmp_path / f"bench_{subject}.py").write_text("def measure():\n    return []\n")

    found = [subject for subject, _ in find_benches({"two"}, tmp_path)]

    assert found == ["two"]


def test_a_subject_measured_anew_replaces_its_own_rows(tmp_path: Path) -> None:
    """The others stay as they were taken, on the page too."""
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    keep("slow", Result("About.", "2025-01-01", "1 core", [ROW | {"name": "former"}]), results)
    keep("captures", Result("About.", "2025-01-01", "1 core", [ROW | {"name": "other"}]), results)

    class Bench:
        """How fast."""

        measure = staticmethod(lambda: [ROW | {"name": "new"}])

    with mock.patch("tests.bench.run.find_benches", return_value=[("slow", Bench)]):
        status = main(["slow", "--results", str(results), "--report", str(page)])

    assert status == 0
    assert [one.rows[0]["name"] for one in read_results(results).values()] == ["other", "new"]
    assert "| new |" in page.read_text()
    assert "| other |" in page.read_text()
    assert "former" not in page.read_text()


def test_the_page_says_what_is_kept() -> None:
    """Nobody writes a figure into the page by hand: it is made of the kept results alone."""
    assert REPORT.read_text() == render(read_results()) + card.section()


def test_an_unknown_subject_fails(tmp_path: Path) -> None:
    """Measuring nothing is not a success."""
    page = tmp_path / "page.md"

    assert main(["no-such-subject", "--report", str(page)]) == 1
    assert not page.exists()
