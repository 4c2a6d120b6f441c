"""The conformance vectors in the tree: what the code says, and what it takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.display.body import decode_message
from firmware_bridge.display.framing import PanelFrame, Splitter
from firmware_bridge.display.messages import CLASSES
from tests.docs.panel_vectors import vectors_page

FILE = Path(__file__).parents[3] / "docs" / "reference" / "panel-vectors.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text())


def test_vectors_are_what_the_code_says() -> None:
    """A file that differs from the code is mended by `make reference`."""
    assert FILE.read_text() == vectors_page()


@pytest.mark.parametrize(
    "vector", VECTORS["messages"] + VECTORS["tolerated"], ids=lambda one: one["name"]
)
def test_wire_is_decoded_to_its_fields(vector: dict[str, Any]) -> None:
    """Each field that is said, and no other."""
    (frame,) = Splitter().feed(bytes.fromhex(vector["wire"]))

    assert isinstance(frame, PanelFrame)
    assert frame.sequence == vector["sequence"]
    assert decode_message(frame) == CLASSES[vector["type"]](**vector["fields"])


def test_every_type_has_a_vector() -> None:
    """And every fault one that shows it."""
    assert {one["type"] for one in VECTORS["messages"]} == set(CLASSES)
    assert {one["fault"] for one in VECTORS["refused"]} == {
        *("long", "cobs", "short", "crc", "version", "type", "body", "field", "missing")
    }
