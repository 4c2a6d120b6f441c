"""`hearthlink update`: what it prints, and what a person may not do either."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.update import cli
from agent.update.slots import Slots, Trial
from shared.errors import OperatorError
from tests.support.artefacts import Maker, content_of, packages_in


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """A hub with empty slots, and the maker whose key it knows."""
    (tmp_path / "maker").mkdir()
    maker = Maker(tmp_path / "maker")
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    monkeypatch.setenv("HEARTHLINK_UPDATE_SLOTS_DIR", str(tmp_path / "slots"))
    monkeypatch.setenv("HEARTHLINK_UPDATE_KEYS_FILE", str(maker.keys_file()))
    return maker


def install(maker: Maker, version: str, **changes: Any) -> int:
    """Install a version by hand."""
    archive, artefact = maker.make(version, **changes)
    said = maker.folder / f"{version}.json"
    said.write_bytes(msgspec.json.encode(artefact))
    return cli.run(["install", str(archive), "--artefact", str(said)])


def test_the_first_program_is_adopted_and_the_next_tried_out(
    hub: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand too, a program has to prove itself against the one before."""
    assert install(hub, "1.0.0") == 0
    assert install(hub, "1.1.0") == 0
    said = capsys.readouterr().out
    assert cli.run(["status"]) == 0
    status = capsys.readouterr().out

    assert "start the hub" in said
    assert "restart the hub to try it" in said
    assert "slot b: version 1.1.0 (current)" in status
    assert "last update: 1.1.0: on trial, started 0 times" in status
    assert Slots(tmp_path / "slots").floor() == "1.0.0"
    with pytest.raises(OperatorError, match="on trial"):
        install(hub, "1.2.0")


@pytest.mark.parametrize("version", ["1.0.0", "0.9.0"])
def test_nothing_older_goes_in_by_hand_either(hub: Maker, tmp_path: Path, version: str) -> None:
    """The floor holds for everybody; nothing is changed."""
    install(hub, "1.0.0")
    before = content_of(tmp_path / "slots" / "a")

    with pytest.raises(OperatorError, match="refused: version"):
        install(hub, version)

    slots = Slots(tmp_path / "slots")
    assert (slots.current, slots.trial()) == ("a", None)
    assert content_of(tmp_path / "slots" / "a") == before


def test_the_last_updates_end_is_told(
    hub: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, and as JSON for a program."""
    install(hub, "1.0.0")
    slots = Slots(tmp_path / "slots")
    slots.give_up(Trial("b", "a", "1.1.0", "job/1"), "the page does not answer")
    capsys.readouterr()

    cli.run(["status"])
    words = capsys.readouterr().out
    cli.run(["status", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert "1.1.0: failed: the page does not answer" in words
    assert told["trial"]["reason"] == "the page does not answer"
    assert told["slots"]["a"]["version"] == "1.0.0"


def test_a_hub_without_slots_says_where_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is empty by default."""
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")

    with pytest.raises(OperatorError, match=r"update\.slots_dir is empty") as caught:
        cli.run(["status"])

    assert "update.md" in caught.value.hint


def test_a_maker_overwrites_nothing(hub: Maker, tmp_path: Path) -> None:
    """Neither a key nor an archive; and a folder without the program is not packed."""
    taken = tmp_path / "taken"
    taken.write_text("x")
    key = tmp_path / "key.pem"
    assert cli.run(["key", str(key), "--id", "maker-1"]) == 0
    assert key.stat().st_mode & 0o777 == 0o600
    packages = packages_in(tmp_path / "packages", "1.0.0")
    rest = ["--release", "1.0.0", "--url", "https://x/y", "--key", str(key), "--key-id", "maker-1"]

    for words, match in (
        (["key", str(taken), "--id", "maker-1"], "taken"),
        (["pack", str(packages), str(taken), *rest], "taken"),
        (["pack", str(tmp_path), str(tmp_path / "new"), *rest], "no hearthlink"),
        (["pack", str(packages), str(tmp_path / "new"), *rest[:5], str(taken), *rest[6:]], "taken"),
    ):
        with pytest.raises(OperatorError, match=match):
            cli.run(words)


def test_a_file_that_describes_no_artefact_is_named(hub: Maker, tmp_path: Path) -> None:
    """As is an archive that is not there."""
    (tmp_path / "x.json").write_text("{}")

    with pytest.raises(OperatorError, match="does not describe"):
        cli.run(["install", "none", "--artefact", str(tmp_path / "x.json")])
