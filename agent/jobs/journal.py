"""The jobs' journal: which one is being done, and how those before it ended. Survives any cut.

    jobs/current.json   the job under way, with what its operation has to remember
    jobs/done.json      the newest that ended, so that none of them is ever done again

Owns these two files; knows nothing of what jobs do.
"""

from pathlib import Path

import msgspec

from agent.identity.files import make_folder, remove, write_whole
from agent.jobs.messages import Outcome
from shared.jobs import JobDocument

CURRENT = "current.json"
DONE = "done.json"
MAX_DONE = 64
"""A cloud that offers a job again does so within its next few."""


class Job(msgspec.Struct, frozen=True):
    """A job under way: begun in the life `life` of the program; `outcome` once it has ended."""

    job_id: str
    number: int
    life: str
    document: JobDocument | None
    notes: dict[str, str] = {}
    outcome: Outcome | None = None

    @property
    def key(self) -> str:
        """Name this execution: the cloud may have one job tried again under the next number."""
        return f"{self.job_id}/{self.number}"


class Journal:
    """One hub's; what cannot be read counts as absent, and what was done is then asked anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> Job | None:
        """Read the job under way."""
        try:
            return msgspec.json.decode((self._folder / CURRENT).read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError):
            return None

    def note(self, job: Job) -> None:
        """Write the job under way as it stands, durably."""
        make_folder(self._folder)
        write_whole(self._folder / CURRENT, msgspec.json.encode(job))

    def close(self, job: Job) -> None:
        """The cloud knows how the job ended: remember that, and be free for the next."""
        done = self._done()
        if job.outcome is not None:
            done.pop(job.key, None)
            done[job.key] = job.outcome
        kept = dict(list(done.items())[-MAX_DONE:])
        make_folder(self._folder)
        write_whole(self._folder / DONE, msgspec.json.encode(kept))
        remove(self._folder / CURRENT)

    def outcome_of(self, key: str) -> Outcome | None:
        """Tell how a job ended, where it is among the newest that did."""
        return self._done().get(key)

    def _done(self) -> dict[str, Outcome]:
        try:
            return msgspec.json.decode((self._folder / DONE).read_bytes(), type=dict[str, Outcome])
        except (OSError, msgspec.MsgspecError):
            return {}
