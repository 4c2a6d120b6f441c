"""Documentation that cannot fall behind: what the code has, the pages say."""

import re
import subprocess
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import pytest

from cloud.fleet.refusals import REFUSALS
from cloud.problems import KINDS
from tests.docs import generate

ROOT = generate.ROOT
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
MADE = ("commands.md", "metrics.md", "problems.md", "registers.md", "settings.md", "topics.md")
NAMED_PATH = re.compile(r"`(tests/[^`]*)`")
NAMED_TEST = re.compile(r"`(test_\w+(?:\.py)?)`")
README_LINES_MAX = 120
DECISION_HEADINGS = (
    "Status",
    "Context",
    "Decision",
    "Consequences",
    "Alternatives",
    "Enforced by",
)


@pytest.fixture(scope="module")
def reference() -> str:
    """Everything docs/reference/ says."""
    return "\n".join(page.read_text() for page in sorted(generate.REFERENCE.glob("*.md")))


@pytest.mark.parametrize("name", MADE)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """A generated page that differs from the code is mended by `make reference`."""
    renderers = {
        "commands.md": generate.commands_page,
        "metrics.md": generate.metrics_page,
        "problems.md": generate.problems_page,
        "registers.md": generate.registers_page,
        "settings.md": generate.settings_page,
        "topics.md": generate.topics_page,
    }

    page = (generate.REFERENCE / name).read_text()

    assert page == renderers[name](), f"docs/reference/{name} has drifted: run 'make reference'"


def test_every_command_is_documented(reference: str) -> None:
    """Each one that a package lists has a section."""
    for name in generate.commands():
        assert f"\n## hearthlink {name}\n" in reference


def test_every_argument_is_explained() -> None:
    """Each command, action and argument says what it is for."""
    parsers = [one for parser in generate.parsers() for one in generate.with_actions(parser)]

    assert parsers
    for parser in parsers:
        assert parser.description, f"{parser.prog} has no description"
        for name, _, meaning in generate.argument_rows(parser):
            assert meaning, f"{parser.prog} {name} has no help"


@pytest.mark.parametrize("module", generate.SETTINGS_MODULES.values())
def test_every_setting_is_documented_and_explained(module: str, reference: str) -> None:
    """Each key of the configuration appears with a meaning."""
    rows = generate.setting_rows(module)

    assert rows
    for key, _, meaning, variable in rows:
        assert f"| `{key}` |" in reference
        assert f"`{variable}`" in reference
        assert meaning


def test_every_topic_is_documented(reference: str) -> None:
    """Each topic the code can spell appears with its purpose."""
    rows = generate.topic_rows()

    assert rows
    for topic, purpose in rows:
        assert f"`{topic}`" in reference
        assert purpose


def test_every_rejection_code_is_documented(reference: str) -> None:
    """An operator who reads a code in a receipt finds it in the reference."""
    codes = generate.error_codes()

    assert codes
    for code in sorted(codes):
        assert f"`{code}`" in reference, f"rejection code {code} is in no page of docs/reference/"


def test_every_code_of_a_problem_is_documented() -> None:
    """A program that reads a code finds what it means and what to do."""
    codes = generate.problem_codes()
    page = (generate.REFERENCE / "problems.md").read_text()

    assert "bad-cursor" in codes
    assert codes <= set(KINDS)
    for code in KINDS:
        assert f"| `{code}` |" in page


def test_every_refusal_of_provisioning_is_documented() -> None:
    """With its status and what AWS's topics call it."""
    page = (generate.REFERENCE / "provisioning.md").read_text()

    for code, kind in REFUSALS.items():
        row = f"| `{code}` | {int(kind.status)} | `{kind.aws_code}` | {kind.meaning} |"
        assert row in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file that exists."""
    for target in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / unquote(target)).exists(), f"{page.name} links to {target}"


def test_the_threat_model_names_tests_that_there_are() -> None:
    """Each file and test that docs/security.md names: an attack without one would look defended."""
    page = (ROOT / "docs" / "security.md").read_text()
    files = list((ROOT / "tests").rglob("*.py"))
    written = "\n".join(path.read_text() for path in files if path.name.startswith("test_"))
    names = {path.name for path in files}

    paths = set(NAMED_PATH.findall(page))
    tests = set(NAMED_TEST.findall(page))

    assert len(paths) > 20
    assert [one for one in sorted(paths) if not (ROOT / one).exists()] == []
    assert [one for one in sorted(tests) if one.endswith(".py") and one not in names] == []
    functions = {one for one in tests if not one.endswith(".py")}
    assert [one for one in sorted(functions) if f"def {one}(" not in written] == []


def test_the_readme_stays_short() -> None:
    """The first page fits a reader's patience and names the two commands."""
    readme = (ROOT / "README.md").read_text()

    assert len(readme.splitlines()) < README_LINES_MAX
    assert "make demo" in readme
    assert "make test" in readme


@pytest.mark.parametrize("record", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=str)
def test_a_decision_record_has_its_parts(record: Path) -> None:
    """Each decision says what it is, why, what else was thought of, and what holds it."""
    text = record.read_text()

    for heading in DECISION_HEADINGS:
        assert f"\n## {heading}\n" in text, f"{record.name} has no {heading}"


def test_every_dependency_is_accounted_for() -> None:
    """A package that pyproject.toml names has a line in docs/dependencies.md."""
    project = generate.read_project()
    named = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    page = (ROOT / "docs" / "dependencies.md").read_text()

    for requirement in sorted(set(named)):
        assert f"| {requirement} |" in page, f"{requirement} is not in docs/dependencies.md"


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.lock")), ids=str)
def test_a_lock_holds_names_versions_and_hashes_only(lock: Path) -> None:
    """A lock names no index, folder or host of the machine that made it, and all has a hash."""
    text = lock.read_text()
    pinned = re.findall(
        r"^[a-z0-9._-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE
    )

    assert len(pinned) == text.count("==")
    assert not re.search(r"^-|://|(?<![\w.])/\w", text, re.MULTILINE)


def test_make_lists_every_target() -> None:
    """`make` alone tells a newcomer what there is, a comment each."""
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    for target in ("demo", "test", "check", "bench", "clean"):
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


def test_no_folder_hides_a_library() -> None:
    """`packaging/` and `tests/` are no packages: the first would hide a library of that name."""
    assert not list((ROOT / "packaging").rglob("__init__.py"))
    assert not list((ROOT / "tests").rglob("__init__.py"))
