"""What the cloud may ask of the running hub, put together: settings, jobs, an update's trial.

Built by app.py; each part decides for itself (remote.py, jobs/, update/).
"""

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.firmware.work import FIRMWARE_NAME, FirmwareWork, UpdateByTarget
from agent.hub import Hub
from agent.identity.place import Place
from agent.jobs.desk import JobDesk
from agent.jobs.examining import read_diagnosis
from agent.jobs.journal import Journal
from agent.jobs.runner import JobRunner, Work
from agent.jobs.works import DiagnoseWork, RestartWork, RotateWork, UpdateWork
from agent.liveness import COMMIT
from agent.remote import RemoteControl
from agent.restarting import Restarting
from agent.update.installing import Updater
from agent.update.slots import Slots, Trial
from agent.update.trial import TrialWatch
from agent.uplink.junction import Junction
from agent.uplink.tls import server_context
from agent.watchdog import page_answers
from shared.jobs import Operation

JOBS_NAME = "jobs"
HEARD_WITHIN_MS = 120_000
"""A meter that spoke two minutes before an update is expected to be understood after it."""


class Governance:
    """One hub's; `start` begins its tasks. The identity's side is set once there is one."""

    def __init__(self, hub: Hub, restarting: Restarting) -> None:
        config = hub.config
        self._hub = hub
        self.certificate_expires: Callable[[], int | None] = lambda: None
        self.fingerprint: Callable[[], str] = lambda: ""
        self.authority_file: Callable[[], Path | None] = lambda: config.uplink_ca_file
        self.rotate: Callable[[], Awaitable[Place]] | None = None
        self.page: tuple[str, int] | None = None
        self.slots = Slots(config.update_slots_dir) if config.update_slots_dir else None
        updater = None
        if self.slots is not None:
            hub.slot = self.slots.running()
            updater = Updater(
                self.slots,
                config.update_keys_file,
                self._open_context,
            )
        self.firmware = FirmwareWork(
            config.update_keys_file, config.hub_state_dir / FIRMWARE_NAME, self._open_context
        )
        self.remote = RemoteControl(hub.log, hub.own_pace, hub.set_pace, self.ailments)
        self._restarting = restarting
        self._desk = JobDesk()
        works: dict[Operation, Work] = {
            Operation.RESTART: RestartWork(restarting.ask),
            Operation.DIAGNOSE: DiagnoseWork(
                lambda: read_diagnosis(hub, self.certificate_expires()), config.hub_state_dir
            ),
            Operation.ROTATE: RotateWork(lambda: self.rotate, self._fingerprint),
            Operation.UPDATE: UpdateByTarget(
                UpdateWork(updater, restarting.ask, self.standing), self.firmware
            ),
        }
        self.jobs = JobRunner(
            self._desk,
            Journal(config.hub_state_dir / JOBS_NAME),
            works,
            hub.utc_ms,
            life=secrets.token_hex(8),
        )

    def attach(self, junction: Junction) -> None:
        """Take orders over this connection."""
        self.remote.attach(junction)
        self._hub.live_demand.attach(junction)
        self._desk.attach(junction)

    def start(self, group: asyncio.TaskGroup) -> "list[asyncio.Task[None]]":
        """Begin: settings, jobs, and the trial of a program that is on one."""
        tasks = [
            group.create_task(self.remote.run(), name="remote settings"),
            group.create_task(self.jobs.run(), name="jobs"),
        ]
        if self.slots is not None:
            watch = TrialWatch(self.slots, self.find_faults, self._restarting.ask)
            tasks.append(group.create_task(watch.run(), name="trial"))
        return tasks

    async def find_faults(self, trial: Trial) -> list[str]:
        """Say what does not work yet of what must: parts, page, meters and cloud as before."""
        hub = self._hub
        faults = [f"no answer from {part}" for part in hub.liveness.late()]
        if not hub.liveness.knows(COMMIT):
            faults.append("no commit yet")
        if self.page is not None and not await page_answers(*self.page):
            faults.append("the page does not answer")
        if trial.was_heard and not hub.intake.counts.telegrams:
            faults.append("no meter is understood")
        if trial.was_answered and not (hub.session is not None and hub.session.is_answered):
            faults.append("the cloud has not answered")
        return faults

    def _open_context(self) -> ssl.SSLContext:
        """Believe the authorities of the system, and the one of the hub's own cloud."""
        context = server_context(None, self._hub.certificate_time)
        own = self.authority_file()
        if own is not None and own.exists():
            context.load_verify_locations(cafile=own)
        return context

    def _fingerprint(self) -> str:
        return self.fingerprint()

    def standing(self) -> tuple[bool, bool]:
        """Tell whether the cloud answers, and whether a meter was heard lately."""
        hub = self._hub
        now_ms = hub.machine.monotonic_ms()
        newest_ms = max((one.monotonic_ms for one in hub.latest.values()), default=None)
        is_heard = newest_ms is not None and now_ms - newest_ms < HEARD_WITHIN_MS
        return hub.session is not None and hub.session.is_answered, is_heard

    def ailments(self) -> dict[str, int]:
        """Count what must not become more while settings are on probation."""
        hub = self._hub
        counts = {
            "failed commits": hub.intake.counts.failed_commits,
            "database errors": 0,
            "frames overdue": 0,
            "parts that do not answer": len(hub.liveness.late()),
        }
        session = hub.session
        if session is not None:
            counts["database errors"] = session.state.database_errors
            counts["frames overdue"] = session.state.frames_overdue
        return counts
