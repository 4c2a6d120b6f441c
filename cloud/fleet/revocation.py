"""Shutting a hub out, and the broker's copy of that: the revocation list, written and read in.

The rows decide. The list follows them: whoever may write it compares the two and writes it where
they differ, or where it is old, so that a revocation by any process or none reaches the broker.
"""

import logging
import os
import shlex
import signal
import subprocess
from pathlib import Path

from sqlalchemy import Connection

from cloud.db import Database
from cloud.fleet import claims, records
from cloud.fleet.authority import Authority
from cloud.fleet.broker import PID_NAME
from cloud.fleet.certificates import Revoked, utc
from cloud.fleet.crl import read_list
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.records import Status
from cloud.households.revocations import Revocation, readmit, revoke
from shared.clock import Clock
from shared.errors import OperatorError

PROGRAM = "mosquitto"
RELOAD_S_MAX = 30

_log = logging.getLogger(__name__)


def shut_out(
    connection: Connection, thing: str, now_ms: int, enrolment: Enrolment | None
) -> Revocation:
    """Refuse a hub and end what it has; `enrolment` knows certificates carried as files."""
    revocation = revoke(connection, thing, now_ms)
    if enrolment is not None:
        enrolment.adopt(connection, thing, now_ms)
    claims.end_claims(connection, thing, now_ms)
    records.bar_pending(connection, thing, now_ms)
    for record in records.list_of_thing(connection, thing, Status.ACTIVE):
        records.set_status(connection, record.certificate_id, Status.REVOKED, now_ms)
    return revocation


def let_in(connection: Connection, thing: str, now_ms: int) -> bool:
    """Hear a hub again with the certificates it was shut out with; false where it was not."""
    if not readmit(connection, thing, now_ms):
        return False
    for record in records.list_of_thing(connection, thing, Status.REVOKED):
        records.set_status(connection, record.certificate_id, Status.ACTIVE, now_ms)
    return True


class Publisher:
    """Keeps the broker's revocation list as the rows say; safe to use from several processes."""

    def __init__(
        self, database: Database, authority: Authority, clock: Clock, command: str = ""
    ) -> None:
        """`command` has the broker read the list; empty: a SIGHUP by its file of process id."""
        self._database = database
        self._authority = authority
        self._clock = clock
        self._command = command
        self._told_number = 0

    def refresh(self) -> bool:
        """Write the list where it differs from the rows or is old; returns whether it was.

        Raises OperatorError where it was written and the broker could not be told; the next call
        tells it again.
        """
        now_ms = self._clock.utc_ms()
        with self._database.reading() as connection:
            barred = records.list_barred(connection, now_ms)
        present = read_list(self._authority.revocations)
        wanted = [
            Revoked(int(one.serial, 16), utc(one.changed_at_ms), one.status == Status.SUPERSEDED)
            for one in barred
        ]
        is_due = present.is_stale(now_ms) or present.serials != {one.serial for one in wanted}
        if is_due:
            present = self._authority.publish(wanted)
            _log.info("revocation list %d: %d certificates", present.number, len(wanted))
        # Also what another process wrote: it may have ended before the broker was told.
        if present.number != self._told_number:
            reload_broker(self._authority.directory, self._command)
            self._told_number = present.number
        return is_due


def reload_broker(directory: Path, command: str = "") -> None:
    """Have the broker read its revocation list; raises OperatorError where it cannot be told."""
    try:
        if command:
            subprocess.run(  # noqa: S603  # the operator's own command, of the configuration
                shlex.split(command), check=True, timeout=RELOAD_S_MAX, capture_output=True
            )
        else:
            os.kill(_broker_process(directory / PID_NAME), signal.SIGHUP)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise OperatorError(
            f"the broker was not told to read its revocation list: {error}",
            hint="send it SIGHUP, or set broker_reload to a command that does",
        ) from error


def _broker_process(path: Path) -> int:
    """Read which process is the broker's: the file may be left of one that ended long ago."""
    process = int(path.read_text("ascii"))
    name = Path(f"/proc/{process}/comm").read_text("utf-8").strip()
    if not name.startswith(PROGRAM):
        raise ValueError(f"process {process} of {path} is {name!r}, not {PROGRAM}")
    return process
