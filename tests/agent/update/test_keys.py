"""Signatures: by a known key, over exactly this artefact."""

from pathlib import Path

import msgspec
import pytest

from agent.update.keys import check_signature, read_keys
from shared.errors import BadInputError, OperatorError
from shared.jobs import Artefact, Target
from tests.support.artefacts import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """Who signs."""
    return Maker(tmp_path)


def test_a_signed_artefact_is_believed(maker: Maker) -> None:
    """Wherever it lies: the URL is not signed, so that it may be mirrored."""
    _, artefact = maker.make("1.2.3")
    elsewhere = msgspec.structs.replace(artefact, url="https://mirror.example.org/x")

    check_signature(artefact, read_keys(maker.keys_file()))
    check_signature(elsewhere, read_keys(maker.keys_file()))


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.2.4"},
        {"sha256": "0" * 64},
        {"size_bytes": 7},
        {"target": Target.RADIO},
        {"signature": "AAAA"},
        {"signature": "not base64!"},
        {"signature": ""},
    ],
    ids=str,
)
def test_anything_else_is_not(maker: Maker, change: dict[str, object]) -> None:
    """Another version, hash, size or target, or another signature."""
    _, artefact = maker.make("1.2.3")
    forged: Artefact = msgspec.structs.replace(artefact, **change)

    with pytest.raises(BadInputError, match="signature"):
        check_signature(forged, read_keys(maker.keys_file()))


def test_an_unknown_key_is_not_believed(maker: Maker, tmp_path: Path) -> None:
    """Neither another key under the known name nor a name that is not known."""
    (tmp_path / "other").mkdir()
    _, foreign = Maker(tmp_path / "other").make("1.2.3")
    renamed = msgspec.structs.replace(foreign, key_id="maker-2")

    for artefact, words in ((foreign, "signature"), (renamed, "not known here")):
        with pytest.raises(BadInputError, match=words):
            check_signature(artefact, read_keys(maker.keys_file()))


@pytest.mark.parametrize(
    "content", ["", "# none\n", "maker-1\n", "maker-1 AAAA\n", "ma/ker " + "A" * 43 + "=\n"]
)
def test_a_file_without_usable_keys_is_named(tmp_path: Path, content: str) -> None:
    """An operator is told what a line looks like."""
    path = tmp_path / "keys"
    path.write_text(content)

    with pytest.raises(OperatorError) as caught:
        read_keys(path)

    assert "KEY-ID BASE64" in caught.value.hint


def test_without_a_file_nothing_is_believed(tmp_path: Path) -> None:
    """No setting, and a setting that names nothing."""
    for path in (None, tmp_path / "none"):
        with pytest.raises(OperatorError):
            read_keys(path)
