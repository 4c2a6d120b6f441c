"""The page docs/how-to/doctor.md says of every check, code and reason what the program says."""

from pathlib import Path

import pytest

from agent.doctor.contents import REFUSALS
from agent.doctor.examination import examine
from agent.doctor.quarantine import MEANINGS
from shared.clock import SystemClock
from tests.support.hubs import config_in

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "doctor.md"


@pytest.fixture(scope="module")
def page() -> str:
    """The page's text."""
    return PAGE.read_text()


def test_every_check_is_on_the_page(tmp_path: Path, page: str) -> None:
    """A name that is printed can be looked up."""
    checks = examine(config_in(tmp_path, page_port=0), None, SystemClock())

    cells = {
        name.strip()
        for line in page.splitlines()
        if line.startswith("| ")
        for name in line.split("|")[1].split(",")
    }
    assert {check.name for check in checks} <= cells


def test_every_refusal_is_on_the_page(page: str) -> None:
    """Code, meaning and fix are the program's own."""
    for code, (words, fix) in REFUSALS.items():
        assert f"| `{code}` | {words} | {fix} |" in page


def test_every_reason_is_on_the_page(page: str) -> None:
    """Reason, meaning and fix are the program's own."""
    for reason, meaning in MEANINGS.items():
        assert f"| `{reason}` | {meaning.words} | {meaning.fix} |" in page
