"""The way of an artefact into the spare slot: judged, fetched, checked, unpacked, put on trial.

Each step may be cut off and done again. Nothing of an artefact is looked into before its hash is
the signed one; nothing runs before a restart.
"""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.database import READABLE_FROM, migrations
from agent.update.download import OpenContext, check_content, forget_others
from agent.update.fetching import FETCH_AGAIN_S, fetch_whole
from agent.update.keys import check_signature, read_keys
from agent.update.slots import MANIFEST, Manifest, Slots, Trial, read_manifest
from agent.versions import own_version
from shared.errors import BadInputError
from shared.jobs import Artefact, Target, version_key

ANY_MACHINE = "any"
NOT_FITTED = {
    Target.PANEL: "this hub has no display panel configured, so its firmware goes nowhere",
    Target.RADIO: "this hub has no radio configured that takes firmware from it",
}


class Updater:
    """Installs artefacts into one hub's slots."""

    def __init__(
        self,
        slots: Slots,
        keys_file: Path | None,
        open_context: OpenContext,
        pauses: tuple[float, float] = FETCH_AGAIN_S,
    ) -> None:
        self.slots = slots
        self._keys_file = keys_file
        self._open_context = open_context
        self._pauses = pauses

    def running_version(self) -> str:
        """Tell the version of the program that runs."""
        running = self.slots.running()
        return self.slots.manifest(running).version if running else own_version()

    def judge(self, artefact: Artefact) -> None:
        """Raise BadInputError or OperatorError, with the reason, for what must not be installed."""
        if artefact.target is not Target.AGENT:
            raise BadInputError(NOT_FITTED[artefact.target])
        check_signature(artefact, read_keys(self._keys_file))
        held = max(self.running_version(), self.slots.floor(), key=version_key)
        if version_key(artefact.version) <= version_key(held):
            raise BadInputError(
                f"version {artefact.version} is not newer than {held}, which this hub has had"
            )

    def judge_by_hand(self, artefact: Artefact, *, is_first: bool) -> None:
        """Judge an artefact that a person brings; the first into empty slots may be any signed."""
        if is_first and artefact.target is Target.AGENT:
            check_signature(artefact, read_keys(self._keys_file))
        else:
            self.judge(artefact)

    async def fetch(self, artefact: Artefact, tell: Callable[[int], None]) -> Path:
        """Fetch an artefact with as many tries as bring it on; raises as `fetch_whole`."""
        incoming = self.slots.incoming()
        return await fetch_whole(artefact, incoming, self._open_context, tell, self._pauses)

    def install(self, archive: Path, artefact: Artefact, is_wanted: Callable[[], bool]) -> str:
        """Check an archive's content and put it into the spare slot; return the slot's name."""
        from agent.update.unpacking import unpack  # noqa: PLC0415 (brings tarfile, once a release)

        check_content(archive, artefact)
        unpacked = self.slots.begin()
        try:
            unpack(archive, unpacked, is_wanted)
            judge_manifest(read_manifest(unpacked / MANIFEST), artefact)
        except BadInputError:
            self.slots.tidy()
            raise
        return self.slots.install(unpacked)

    def try_out(self, slot: str, trial: Trial) -> Trial:
        """Have the slot started next time, on trial; `trial` says all but from where to where."""
        begun = msgspec.structs.replace(trial, slot=slot, previous=self.slots.running())
        self.slots.try_out(begun)
        forget_others(self.slots.incoming())
        return begun


def judge_manifest(manifest: Manifest, artefact: Artefact) -> None:
    """Raise BadInputError for a program that cannot run here, or from which none could go back."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    known = migrations()[-1][0]
    if manifest.version != artefact.version:
        raise BadInputError(f"signed as {artefact.version}, the slot says {manifest.version}")
    if manifest.python != python:
        raise BadInputError(f"it is for Python {manifest.python}, this hub has {python}")
    if manifest.machine not in (ANY_MACHINE, platform.machine()):
        raise BadInputError(f"it is for {manifest.machine}, this hub is {platform.machine()}")
    if manifest.readable_from > known or manifest.schema < READABLE_FROM:
        raise BadInputError(
            f"its database (schema {manifest.schema}, readable from {manifest.readable_from}) "
            f"leaves no way back to this program, which knows {known}; install a version between"
        )
