"""Commands leave nothing in the hub's folders that the hub could not read."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agent import provision_command, tariff_import, wipe_command
from agent.ownership import ROOT, check_owner, judge_owner
from agent.update import cli as update
from agent.upkeep import cli as upkeep
from shared.errors import OperatorError

HUB_USER = 54_321
"""A user that no machine has."""


@pytest.fixture(name="foreign")
def _foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's folder, looked at as root, whose it is not."""
    folder = tmp_path / "hub"
    folder.mkdir(mode=0o700)
    if os.geteuid() == ROOT:
        os.chown(folder, HUB_USER, HUB_USER)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: ROOT)
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(folder))
    monkeypatch.setenv("HEARTHLINK_UPDATE_SLOTS_DIR", str(folder / "slots"))
    return folder


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (provision_command.run, ["hearthlink:cloud.example.org/7K2Q9-M4XAB-0CDEF-GHJKM"]),
        (provision_command.run, ["--renew"]),
        (wipe_command.run, ["--yes"]),
        (update.run, ["install", "archive", "--artefact", "said.json"]),
        (upkeep.run, ["restore", "backup"]),
        (tariff_import.run, ["import", "TARIFF"]),
    ],
)
def test_root_leaves_nothing_in_another_users_folder(
    foreign: Path, tmp_path: Path, run: Callable[[Sequence[str]], int], words: list[str]
) -> None:
    """Refused before anything is written, with the command that would do."""
    tariff = tmp_path / "tariff.json"
    tariff.write_text(TARIFF)

    with pytest.raises(OperatorError, match=f"^{re.escape(str(foreign))} is of") as refused:
        run([str(tariff) if word == "TARIFF" else word for word in words])

    assert "sudo -u" in refused.value.hint
    assert list(foreign.iterdir()) == []


def test_own_folder_and_one_yet_to_be_made_are_taken(tmp_path: Path) -> None:
    """What will be made in one's own folder is one's own."""
    check_owner(tmp_path)
    check_owner(tmp_path / "hub" / "identity")


@pytest.mark.parametrize(
    ("owner", "user", "is_writable", "is_right"),
    [
        (ROOT, ROOT, True, True),
        (HUB_USER, ROOT, True, False),
        (HUB_USER, HUB_USER, True, True),
        (ROOT, HUB_USER, True, True),
        (ROOT, HUB_USER, False, False),
        (HUB_USER, HUB_USER + 1, False, False),
    ],
)
def test_root_is_held_to_its_own_and_others_to_what_they_may(
    owner: int, user: int, is_writable: bool, is_right: bool
) -> None:
    """A folder that is shared with the hub's user on purpose is that user's to write in."""
    place = Path("/var/lib/hearthlink")
    if is_right:
        judge_owner(place, owner, user, is_writable=is_writable)
        return

    with pytest.raises(OperatorError, match="could not use"):
        judge_owner(place, owner, user, is_writable=is_writable)


TARIFF = """{
  "name": "Flat", "currency": "GBP",
  "versions": [{
    "version": "1", "starts_on": "2026-01-01", "standing_millionths_per_day": 450000,
    "vat_permille": 50, "prices": {"kind": "flat", "price_millionths_per_kwh": 250000}
  }]
}"""
