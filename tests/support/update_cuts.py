"""Cuts the power at every change of the disk of an update, and says whether a hub was lost.

One update is: fetch, check, unpack, swap, start on trial, and confirm or go back. After each cut
the hub starts as it does, and the update is done again to its end.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from agent.update import starter
from agent.update.download import part_of
from agent.update.installing import Updater
from agent.update.slots import CONFIRMED, FAILED, Trial
from shared.jobs import Artefact
from tests.support.artefacts import Maker, SlotsAs, content_of, fill_slot, first_slot, packages_in
from tests.support.power import PowerCutError, cut_after

OLDER, OLD, NEW = "0.9.0", "1.0.0", "1.1.0"
KEY = "job/1"


@dataclass
class Losses:
    """What the cuts cost: hubs that start nothing whole, and that came to another end."""

    cuts: int = 0
    lost: int = 0
    unfinished: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        """Count a fault and keep its words."""
        self.faults.append(what)


class Update:
    """One hub, one artefact, and the whole of each program to compare with."""

    def __init__(
        self, slots: SlotsAs, archive: Path, artefact: Artefact, keys: Path, *, ends_well: bool
    ) -> None:
        self.slots = slots
        self.artefact = artefact
        self._content = archive.read_bytes()
        self._keys = keys
        self._ends_well = ends_well
        self.programs: list[dict[str, bytes]] = []

    @classmethod
    def made_in(cls, folder: Path, maker: Maker, *, ends_well: bool) -> Self:
        """Make a hub with an older program and an old one, which runs."""
        slots = first_slot(folder / "slots", OLD)
        fill_slot(slots, "b", OLDER)
        archive, artefact = maker.make(NEW)
        made = cls(slots, archive, artefact, maker.keys_file(), ends_well=ends_well)
        made.programs = [
            content_of(slots.folder / "a" / "site"),
            content_of(maker.folder / f"packages-{NEW}"),
        ]
        return made

    def live(self) -> None:
        """Do what is left of the update, from wherever the hub stands."""
        slots = self.slots
        trial = slots.trial()
        if trial is None or trial.job != KEY:
            trial = self._install(self.artefact)
        if not trial.outcome and slots.current != trial.slot:
            slots.try_out(trial)
        self.start()
        trial = slots.trial()
        if trial is not None and not trial.outcome and slots.runs == trial.slot:
            if self._ends_well:
                slots.confirm(trial)
            else:
                for _ in range(starter.MAX_STARTS + 1):
                    self.start()

    def start(self) -> str:
        """Start the hub, and say which slot runs now."""
        self.slots.runs = starter.choose(self.slots.folder)
        return self.slots.runs

    def _install(self, artefact: Artefact) -> Trial:
        updater = Updater(self.slots, self._keys, ssl.create_default_context)
        updater.judge(artefact)
        path = part_of(self.slots.incoming(), artefact)
        path.write_bytes(self._content)
        slot = updater.install(path, artefact, lambda: True)
        return updater.try_out(slot, Trial("", "", artefact.version, KEY))


def cut_everywhere(folder: Path, *, ends_well: bool, every: int = 1, modules: int = 8) -> Losses:
    """Cut one update at each change of the disk (or each `every`th), each time from the start.

    The new program is of twice so many `modules`: the more, the more changes there are.
    """
    losses, number, is_whole = Losses(), 0, False
    (folder / "maker").mkdir()
    maker = Maker(folder / "maker")
    packages_in(maker.folder / f"packages-{NEW}", NEW, modules)
    while not is_whole:
        hub = Update.made_in(folder / f"hub-{number}", maker, ends_well=ends_well)
        is_whole = not _is_cut(hub.live, number, hub.slots)
        if is_whole:
            break
        losses.cuts += 1
        _judge(hub, number, losses, ends_well=ends_well)
        number += every
    return losses


def _is_cut(doing: Callable[[], None], number: int, slots: SlotsAs) -> bool:
    with cut_after(number, slots.folder):
        try:
            doing()
        except PowerCutError:
            return True
    return False


def _judge(hub: Update, number: int, losses: Losses, *, ends_well: bool) -> None:
    """The hub must start something whole, and then come to the end it was to come to."""
    started = hub.start()
    if content_of(hub.slots.folder / started / "site") not in hub.programs:
        losses.lost += 1
        losses.add(f"after {number}: slot {started} is not whole")
        return
    hub.live()
    trial = hub.slots.trial()
    wanted = (CONFIRMED, "b", NEW) if ends_well else (FAILED, "a", OLD)
    came_to = (trial.outcome if trial else "", hub.slots.current, hub.slots.floor())
    if came_to != wanted or hub.start() != wanted[1]:
        losses.unfinished += 1
        losses.add(f"after {number}: {came_to}")
