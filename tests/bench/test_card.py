"""The card's hour: what is judged, and how the page shows it."""

from pathlib import Path

import pytest

from tests.bench import card
from tests.bench.card import CARD, SMALL, TITLE, Hour, Written, missed, replace_section

FLOOR_BYTES = 8_000


def hour(kind: str, window_s: int, commit_bytes: int, stopping_bytes: int = 0) -> Hour:
    """Make an hour of one hub beside its floor."""
    commits = 3_600 / max(window_s, 10)
    hub = Written(kind, window_s, commits, round(commits * commit_bytes), stopping_bytes)
    floor = Written(kind, max(window_s, 10), commits, round(commits * FLOOR_BYTES), 0)
    return Hour("2026-03-01", 60.0, [hub], [floor])


@pytest.mark.parametrize(
    ("kind", "window_s", "commit_bytes", "stopping_bytes", "count"),
    [
        (SMALL, 0, 16_000, 0, 0),
        (SMALL, 300, 16_001, 0, 1),
        (SMALL, 300, 16_000, 90_000, 0),
        (CARD, 60, 16_001, 0, 1),
        (SMALL, 60, 20_000, 60 * 1_000, 2),
        (SMALL, 60, 15_000, 60 * 6_000, 1),
    ],
)
def test_limits_are_the_floor_and_the_day(
    kind: str, window_s: int, commit_bytes: int, stopping_bytes: int, count: int
) -> None:
    """Twice the floor at every window; 30 MB a day at the default, a stop every hour included."""
    assert len(missed(hour(kind, window_s, commit_bytes, stopping_bytes))) == count


def test_the_section_is_put_where_the_page_had_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of the hour changes its own section, and nothing else of the page."""
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Benchmarks\n\nabove\n\n{TITLE}\n\nold\n\n## Captures\n\nbelow\n")
    monkeypatch.setattr(card, "read_record", lambda: hour(SMALL, 60, 12_000))

    replace_section(page)
    once = page.read_text()
    replace_section(page)

    assert page.read_text() == once
    assert "old" not in once
    assert once.startswith("# Benchmarks\n\nabove\n")
    assert once.endswith("## Captures\n\nbelow\n")
    assert (
        "| ext4, 1 KiB blocks | 60 s | 12,000 B | 8,000 B | 1.50 | 2 | 0 B | 17.3 MB | 30 MB |"
        in once
    )


def test_a_page_without_the_section_gets_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run adds it, before the others."""
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\n## Captures\n\nbelow\n")
    monkeypatch.setattr(card, "read_record", lambda: hour(CARD, 0, 12_000))

    replace_section(page)

    assert f"# Benchmarks\n\n{TITLE}\n\nWritten by" in page.read_text()
    assert page.read_text().endswith("|\n\n## Captures\n\nbelow\n")
