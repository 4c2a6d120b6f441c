"""What the jobs do: restart, diagnose, rotate, update. Each goes on from where it was cut off."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.diagnosis import Diagnosis, as_details, encode
from agent.identity.files import write_whole
from agent.identity.place import Place
from agent.jobs.messages import MAX_DETAIL_CHARS, Outcome
from agent.jobs.runner import Course
from agent.update.fetching import in_thread
from agent.update.installing import Updater
from agent.update.slots import CONFIRMED, FAILED, Trial
from shared.errors import BadInputError, OperatorError
from shared.jobs import Artefact, JobStatus

BUNDLE_NAME = "diagnosis.json"
MAX_RESTARTS = 3
NOT_STARTED = "the new slot was never started: is the hub started by the slots' starter?"
LOOK_EVERY_S = 1.0
TELL_EVERY_PERCENT = 10


class RestartWork:
    """Starts the hub anew; done once another life of the program finds the job in the journal."""

    def __init__(self, restart: Callable[[str], None]) -> None:
        self._restart = restart

    async def __call__(self, course: Course) -> Outcome:
        """Start anew, or say that it was."""
        if course.is_resumed:
            return Outcome(JobStatus.SUCCEEDED, {"restarted": "the hub is back"})
        course.say({"step": "restarting"})
        return await _leave(self._restart, f"job {course.job.job_id}")


class DiagnoseWork:
    """Writes the bundle into the state folder, and sends its parts in the report."""

    def __init__(self, read: Callable[[], Diagnosis], folder: Path) -> None:
        self._read = read
        self._folder = folder

    async def __call__(self, course: Course) -> Outcome:
        """Look, write, and report; a second look does no harm."""
        course.say({"step": "looking"})
        diagnosis = self._read()
        try:
            write_whole(self._folder / BUNDLE_NAME, encode(diagnosis))
        except OSError as error:
            raise OperatorError(f"the bundle cannot be written: {error}") from error
        return Outcome(JobStatus.SUCCEEDED, as_details(diagnosis, MAX_DETAIL_CHARS))


class RotateWork:
    """Renews the hub's certificate with a new key; `door` gives the way, or None."""

    def __init__(
        self,
        door: Callable[[], Callable[[], Awaitable[Place]] | None],
        fingerprint: Callable[[], str],
    ) -> None:
        self._door = door
        self._fingerprint = fingerprint

    async def __call__(self, course: Course) -> Outcome:
        """Renew, unless that was done before the cut."""
        rotate = self._door()
        if rotate is None:
            raise BadInputError("this hub's certificate was made elsewhere: renew it by hand")
        before = course.job.notes.get("before")
        if before is None:
            before = self._fingerprint()
            course.note(before=before)
        if self._fingerprint() == before:
            course.say({"step": "renewing"})
            await rotate()
        return Outcome(JobStatus.SUCCEEDED, {"certificate": self._fingerprint()})


class UpdateWork:
    """Puts an artefact into the spare slot, has it tried out, and says whether it stayed.

    `standing` tells whether cloud and meters speak to the program that runs now.
    """

    def __init__(
        self,
        updater: Updater | None,
        restart: Callable[[str], None],
        standing: Callable[[], tuple[bool, bool]],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._updater = updater
        self._restart = restart
        self._standing = standing
        self._look_every_s = look_every_s

    async def __call__(self, course: Course) -> Outcome:
        """Install and try, or go on with either."""
        artefact, updater = course.document.artefact, self._updater
        if updater is None or not updater.slots.running():
            raise BadInputError("this hub's program was not started from a slot")
        if artefact is None:
            raise BadInputError("an update of nothing")
        trial = updater.slots.trial()
        if trial is None or trial.job != course.job.key:
            updater.judge(artefact)
            trial = await self._install(updater, artefact, course)
        if not trial.outcome and trial.slot != updater.slots.running():
            # Cut off before the restart, be it before `current` was changed.
            restarts = int(course.job.notes.get("restarts", "0"))
            if restarts >= MAX_RESTARTS:
                updater.slots.give_up(trial, NOT_STARTED)
                return Outcome(JobStatus.FAILED, {"reason": NOT_STARTED})
            course.note(restarts=str(restarts + 1))
            updater.slots.try_out(trial)
            course.say({"step": "restarting into the new version"})
            return await _leave(self._restart, f"version {trial.version} is tried out")
        return await self._verdict(updater, trial)

    async def _install(self, updater: Updater, artefact: Artefact, course: Course) -> Trial:
        told = -TELL_EVERY_PERCENT
        loop = asyncio.get_running_loop()

        def tell(held_bytes: int) -> None:
            nonlocal told
            percent = 100 * held_bytes // artefact.size_bytes
            if percent >= told + TELL_EVERY_PERCENT:
                told = percent
                # Called in the thread that fetches.
                said = {"step": "fetching", "percent": str(percent)}
                loop.call_soon_threadsafe(course.say, said)

        with updater.slots.held():
            archive = await updater.fetch(artefact, tell)
            course.say({"step": "installing"})
            slot = await in_thread(lambda is_wanted: updater.install(archive, artefact, is_wanted))
            is_answered, is_heard = self._standing()
            trial = Trial(
                slot,
                "",
                artefact.version,
                course.job.key,
                was_answered=is_answered,
                was_heard=is_heard,
            )
            return updater.try_out(slot, trial)

    async def _verdict(self, updater: Updater, trial: Trial) -> Outcome:
        """Wait until the trial has ended: in the new program, or in the one before it."""
        while True:
            now = updater.slots.trial() or trial
            if now.outcome == CONFIRMED:
                return Outcome(JobStatus.SUCCEEDED, {"version": now.version, "slot": now.slot})
            if now.outcome == FAILED:
                said = {"reason": now.reason, "version": updater.running_version()}
                return Outcome(JobStatus.FAILED, said)
            await asyncio.sleep(self._look_every_s)


async def _leave(restart: Callable[[str], None], reason: str) -> Outcome:
    """Have the hub started anew, and wait for the end."""
    restart(reason)
    await asyncio.Event().wait()
    raise OperatorError("the hub did not stop")
