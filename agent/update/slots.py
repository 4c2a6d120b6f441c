"""The slots of the hub's program, and which of them runs.

    slots/a/, slots/b/       a program each: slot.json says which, site/ has its packages
    slots/current -> a       the one that is started (starter.py)
    slots/trial.json         the last update: what it is, how often it was started, how it ended
    slots/floor.json         the highest version that ever proved itself: nothing older comes back
    slots/incoming/          what is being fetched

A slot has its name only once all of it is durable, and `current` is changed in one step: whatever
is cut off when, one whole program is named. Knows nothing of jobs, networks or signatures.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

import agent
from agent.identity.files import (
    PRIVATE_MODE,
    make_folder,
    point,
    remove,
    sync_folder,
    write_whole,
)
from agent.update.starter import CURRENT, MANIFEST, PACKAGES, SLOTS, TRIAL
from agent.update.starter import is_usable as is_usable_slot
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.jobs import version_key

FLOOR = "floor.json"
INCOMING = "incoming"
LOCK = ".lock"
CONFIRMED, FAILED = "confirmed", "failed"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a slot has in it: `slot.json`, part of the signed artefact.

    `python` is the interpreter's "3.11" its packages are built for, `machine` the processor's name
    or "any"; `schema` is the database's newest that it knows, `readable_from` the oldest schema
    whose programs can go on with the database after it.
    """

    version: str
    python: str
    machine: str
    schema: int
    readable_from: int


class Trial(msgspec.Struct, frozen=True):
    """One update: into which slot, how often it was started since, and how it ended.

    `was_answered` and `was_heard` say whether cloud and meters spoke to the program before it.
    """

    slot: str
    previous: str
    version: str
    job: str
    starts: int = 0
    was_answered: bool = False
    was_heard: bool = False
    outcome: str = ""
    reason: str = ""


class _Floor(msgspec.Struct, frozen=True):
    version: str


class Slots:
    """One hub's slots; `settle` makes durable what was written, before it gets its name."""

    def __init__(self, folder: Path, settle: Callable[[], None] = os.sync) -> None:
        self.folder = folder.absolute()
        self._settle = settle

    @property
    def current(self) -> str:
        """Name the slot that will be started; empty where there is none."""
        try:
            name = (self.folder / CURRENT).readlink().name
        except OSError:
            return ""
        return name if self.is_usable(name) else ""

    def running(self, program: Path = Path(agent.__file__)) -> str:
        """Name the slot that this very program was started from; empty where from none."""
        found = [one for one in SLOTS if program.is_relative_to(self.folder / one)]
        return found[0] if found else ""

    def is_usable(self, name: str) -> bool:
        """Tell whether a slot has a whole program in it."""
        return name in SLOTS and is_usable_slot(self.folder / name)

    def manifest(self, name: str) -> Manifest:
        """Read what a slot has in it; raises BadInputError where that cannot be read."""
        return read_manifest(self.folder / name / MANIFEST)

    def incoming(self) -> Path:
        """Make and return the folder that artefacts are fetched into."""
        return make_folder(self.folder / INCOMING)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have the slots to oneself; raises RetryableError where another process has them."""
        make_folder(self.folder)
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RetryableError(
                    f"{self.folder} is in use: another process updates this hub"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def begin(self) -> Path:
        """Make an empty folder for a program that is unpacked; what was begun before goes."""
        make_folder(self.folder)
        self.tidy()
        return make_folder(self.folder / f"{self._spare()}.new")

    def install(self, unpacked: Path) -> str:
        """Make what was unpacked durable and the spare slot; return that slot's name.

        The slot that runs, or will be started, is never touched.
        """
        name = unpacked.name.removesuffix(".new")
        if name not in SLOTS or name in (self.current, self.running()):
            raise OperatorError(f"slot {name!r} is in use", hint="restart the hub first")
        self._settle()
        if (self.folder / name).exists():
            old = self.folder / f"{name}.old"
            (self.folder / name).replace(old)
            sync_folder(self.folder)
            remove(old)
        unpacked.replace(self.folder / name)
        sync_folder(self.folder)
        return name

    def try_out(self, trial: Trial) -> None:
        """Have another slot started from now on, on trial."""
        write_whole(self.folder / TRIAL, msgspec.json.encode(trial))
        point(self.folder / CURRENT, trial.slot)

    def trial(self) -> Trial | None:
        """Read how the last update stands; None where there was none, or it cannot be read."""
        try:
            return msgspec.json.decode((self.folder / TRIAL).read_bytes(), type=Trial)
        except (OSError, msgspec.MsgspecError):
            return None

    def confirm(self, trial: Trial) -> None:
        """Take the program on trial for good: from now on nothing older comes back."""
        self.raise_floor(trial.version)
        done = msgspec.structs.replace(trial, outcome=CONFIRMED)
        write_whole(self.folder / TRIAL, msgspec.json.encode(done))

    def give_up(self, trial: Trial, reason: str) -> None:
        """Have the slot before started again, and write down why."""
        done = msgspec.structs.replace(trial, outcome=FAILED, reason=reason)
        write_whole(self.folder / TRIAL, msgspec.json.encode(done))
        if self.is_usable(trial.previous):
            point(self.folder / CURRENT, trial.previous)

    def adopt(self, name: str) -> None:
        """Have a slot started without a trial: the first one, put in by hand."""
        self.raise_floor(self.manifest(name).version)
        point(self.folder / CURRENT, name)

    def floor(self) -> str:
        """Tell the highest version that ever proved itself here; "0.0.0" where none has."""
        try:
            found = msgspec.json.decode((self.folder / FLOOR).read_bytes(), type=_Floor)
            version_key(found.version)
        except FileNotFoundError:
            return "0.0.0"
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise OperatorError(
                f"{self.folder / FLOOR} cannot be read: {error}",
                hint="write the version that runs into it: " + '{"version": "1.2.3"}',
            ) from error
        return found.version

    def raise_floor(self, version: str) -> None:
        """Note that a version has proved itself; a floor never falls."""
        if version_key(version) > version_key(self.floor()):
            write_whole(self.folder / FLOOR, msgspec.json.encode(_Floor(version)))

    def tidy(self) -> None:
        """Remove what a cut left half unpacked; neither slot."""
        for name in SLOTS:
            for rest in (f"{name}.new", f"{name}.old"):
                shutil.rmtree(self.folder / rest, ignore_errors=True)

    def _spare(self) -> str:
        used = self.current or self.running()
        return next(one for one in SLOTS if one != used)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; raises BadInputError where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInputError(f"{path} does not say what the slot has in it: {error}") from error


__all__ = [
    "CONFIRMED",
    "CURRENT",
    "FAILED",
    "MANIFEST",
    "PACKAGES",
    "SLOTS",
    "TRIAL",
    "Manifest",
    "Slots",
    "Trial",
    "read_manifest",
]
