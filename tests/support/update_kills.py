"""Kills a hub's process with SIGKILL while it updates, and has the real starter start what is left.

The hub is lost where the starter starts nothing, or a program that is not of one version.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from agent.update import starter
from agent.update.slots import CONFIRMED, FAILED
from shared.jobs import Artefact
from tests.support.artefacts import Maker, SlotsAs, fill_slot, first_slot, packages_in
from tests.support.killer import Killer, KillToll
from tests.support.update_cuts import NEW, OLD, OLDER, Update

MODULES = 60
STARTS_S_MAX = 60.0

PROGRAM = """import importlib, pathlib
def main():
    root, found = pathlib.Path(__file__).parents[1], set()
    for path in sorted(root.glob("*/module_*.py")):
        found.add(importlib.import_module(f"{path.parent.name}.{path.stem}").VERSION)
    print(*sorted(found), len(sorted(root.glob("*/module_*.py"))))
    return 0
"""
"""Looks at itself: which versions its modules are of, and how many there are."""


def kill_updates(folder: Path, kills: int, seed: int) -> KillToll:
    """Kill so many updates; every second one installs a program that never proves itself."""
    toll = KillToll()
    if not kills:
        return toll
    maker = Maker(folder / "maker")
    maker.folder.mkdir(parents=True)
    _complete(packages_in(maker.folder / f"packages-{NEW}", NEW, MODULES))
    archive, artefact = maker.make(NEW)
    keys = maker.keys_file()
    hub = first_slot(folder / "hub" / "slots", OLD, MODULES)
    fill_slot(hub, "b", OLDER, MODULES)
    for name in starter.SLOTS:
        _complete(hub.folder / name / "site")
    killer = Killer(seed, __name__)
    for ends_well in (True, False):
        killer.measure(_live, _copied(hub.folder, 0), archive, artefact, keys, ends_well)
        shutil.rmtree(_copied_to(hub.folder, 0))
    number = 0
    while toll.kills < kills:
        number += 1
        slots, ends_well = _copied(hub.folder, number), number % 2 == 0
        toll.add(in_the_middle=killer.kill(_live, slots, archive, artefact, keys, ends_well))
        _check_started(slots, toll)
        if not killer.finish(_live, slots, archive, artefact, keys, ends_well):
            toll.faults.append(f"{slots.name}: what is left of its update fails")
        _check_end(slots, toll, ends_well=ends_well)
        shutil.rmtree(slots)
    return toll


def _copied(slots: Path, number: int) -> Path:
    return Path(shutil.copytree(slots, _copied_to(slots, number), symlinks=True))


def _copied_to(slots: Path, number: int) -> Path:
    return slots.parent / f"hub-{number}"


def _live(slots: Path, archive: Path, artefact: Artefact, keys: Path, ends_well: bool) -> None:
    Update(SlotsAs(slots), archive, artefact, keys, ends_well=ends_well).live()


def _check_started(slots: Path, toll: KillToll) -> None:
    """Start the hub as its service does: a whole program must answer, old or new."""
    command = [sys.executable, str(Path(starter.__file__)), "--slots", str(slots), "run"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=STARTS_S_MAX
    )
    if done.stdout.split() not in ([OLD, str(2 * MODULES)], [NEW, str(2 * MODULES)]):
        toll.lost += 1
        toll.faults.append(f"{slots.name}: started {done.stdout!r} {done.stderr[-200:]!r}")


def _check_end(slots: Path, toll: KillToll, *, ends_well: bool) -> None:
    found = SlotsAs(slots)
    trial = found.trial()
    came_to = (trial.outcome if trial else "", found.current, found.floor())
    if came_to != ((CONFIRMED, "b", NEW) if ends_well else (FAILED, "a", OLD)):
        toll.unfinished += 1
        toll.faults.append(f"{slots.name}: it came to {came_to}")


def _complete(site: Path) -> None:
    """Make a folder of modules a program that can be started."""
    for package in ("agent", "shared"):
        (site / package / "__init__.py").touch()
    (site / "shared" / "cli.py").write_text(PROGRAM)
