"""Jobs that bring firmware: fetched, believed, and handed to what the target is for.

Owns which target goes where, and what the cloud is told on the way. The hub's own program is not
among them: its slots and its trial are agent/update's.
"""

import asyncio
import contextlib
from pathlib import Path

from agent.firmware.installer import Installer
from agent.identity.files import make_folder
from agent.jobs.messages import Outcome
from agent.jobs.runner import Course, Work
from agent.update.download import OpenContext, check_content, forget_others
from agent.update.fetching import FETCH_AGAIN_S, fetch_whole, in_thread
from agent.update.installing import NOT_FITTED
from agent.update.keys import check_signature, read_keys
from shared.errors import BadInputError
from shared.jobs import Artefact, JobStatus, Target

FIRMWARE_NAME = "firmware"
"""The folder for it in the hub's state."""

TELL_EVERY_PERCENT = 10
INSTALLED = "installed"


class FirmwareWork:
    """One hub's; `installers` has those targets that hang on this hub."""

    def __init__(
        self,
        keys_file: Path | None,
        folder: Path,
        open_context: OpenContext,
        pauses: tuple[float, float] = FETCH_AGAIN_S,
    ) -> None:
        self.installers: dict[Target, Installer] = {}
        self._keys_file = keys_file
        self._folder = folder
        self._open_context = open_context
        self._pauses = pauses

    async def __call__(self, course: Course) -> Outcome:
        """Fetch and install, or go on with either after a cut."""
        artefact = course.document.artefact
        if artefact is None:
            raise BadInputError("an update of nothing")
        installer = self.installers.get(artefact.target)
        if installer is None:
            raise BadInputError(NOT_FITTED[artefact.target])
        said = course.job.notes.get(INSTALLED)
        if said is None:
            check_signature(artefact, read_keys(self._keys_file))
            teller = _Teller(course)
            file = await self._fetch(artefact, teller)
            said = await installer.install(file, artefact, teller.tell)
            course.note(**{INSTALLED: said})
        installer.forget()
        forget_others(self._folder)
        return Outcome(JobStatus.SUCCEEDED, {"version": artefact.version, "reason": said})

    async def _fetch(self, artefact: Artefact, teller: "_Teller") -> Path:
        """Return the artefact's file once it is what was signed; a cut one is gone on with."""
        make_folder(self._folder)
        loop = asyncio.get_running_loop()

        def tell(held_bytes: int) -> None:
            percent = 100 * held_bytes // artefact.size_bytes
            # Called in the thread that fetches.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(teller.tell, "fetching", percent)

        file = await fetch_whole(artefact, self._folder, self._open_context, tell, self._pauses)
        await in_thread(lambda _: check_content(file, artefact))
        return file


class UpdateByTarget:
    """The job `update`: the hub's own program by one work, firmware by another."""

    def __init__(self, agent: Work, firmware: Work) -> None:
        self._agent = agent
        self._firmware = firmware

    async def __call__(self, course: Course) -> Outcome:
        """Hand the job to the work its target is for."""
        artefact = course.document.artefact
        is_firmware = artefact is not None and artefact.target is not Target.AGENT
        return await (self._firmware if is_firmware else self._agent)(course)


class _Teller:
    """Tells the cloud each step, and every tenth of it."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._told = ("", 0)

    def tell(self, step: str, percent: int) -> None:
        """Hear of progress; most of it is kept to oneself."""
        tenth = percent // TELL_EVERY_PERCENT
        if (step, tenth) != self._told:
            self._told = (step, tenth)
            self._course.say({"step": step, "percent": str(tenth * TELL_EVERY_PERCENT)})
