"""docs/reference/panel.md: its fields, its bytes and its faults are the program's."""

import json
import re
from pathlib import Path

import pytest

from firmware_bridge.display.faults import Fault
from firmware_bridge.display.messages import CLASSES
from tests.docs.panel_vectors import field_rows

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (FOLDER / "panel.md").read_text()
VECTORS = json.loads((FOLDER / "panel-vectors.json").read_text())
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_fields_are_documented(kind: int) -> None:
    """Each type has a section with exactly its rows."""
    _, _, rest = PAGE.partition(f"### 0x{kind:02X} {CLASSES[kind].__name__.upper()}\n")
    section = rest.partition("\n### ")[0]

    assert re.findall(r"^\| \d.*", section, re.MULTILINE) == field_rows(kind)


def test_faults_are_documented() -> None:
    """Each by its word, in the order in which they are told."""
    (sentence,) = re.findall(r"^\*\*Faults\.\*\*.*", PAGE, re.MULTILINE)

    assert re.findall(r"`(\w+)`", sentence) == [one.value for one in Fault]


@pytest.mark.parametrize(("name", "block"), [*zip(("display", "ack"), BLOCKS, strict=True)])
def test_annotated_bytes_are_the_vectors(name: str, block: str) -> None:
    """In one line, and again one by one beside what they mean."""
    (wire,) = [one["wire"] for one in VECTORS["messages"] if one["name"] == name]
    whole, _, annotated = block.partition("\n\n")
    told = "".join(line.strip().partition("  ")[0] for line in annotated.splitlines())

    assert whole.replace(" ", "") == wire
    assert told.replace(" ", "") == wire
