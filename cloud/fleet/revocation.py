"""Shutting a hub out, and the broker's copy of that: the revocation list, written and read in.

The rows decide. The list follows them: whoever may write it compares the two and writes it where
they differ, or where it is old, so that a revocation by any process or none reaches the broker.

But rows may have been put back from a backup that is older than the list. Nobody is let in by that:
what the list has barred since is barred in the rows again, and stays on the list where they do not
know it at all. What was let in on purpose is told apart by when its row changed.
"""

import logging
import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from cloud.db import Database
from cloud.fleet import claims, records
from cloud.fleet.authority import LEAF_VALIDITY, Authority
from cloud.fleet.broker import PID_NAME
from cloud.fleet.certificates import Revoked, utc
from cloud.fleet.crl import read_list
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.records import Status
from cloud.households.revocations import Revocation, readmit, revoke
from shared.clock import Clock
from shared.errors import OperatorError
from shared.units import MS_PER_SECOND

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
        # The list counts seconds: this change must be seen to come after what it lists.
        changed_at_ms = max(now_ms, record.changed_at_ms + MS_PER_SECOND)
        records.set_status(connection, record.certificate_id, Status.ACTIVE, changed_at_ms)
    return True


def bar_again(
    connection: Connection, line: Revoked, now_ms: int, enrolment: Enrolment | None
) -> None:
    """Bar a listed certificate in rows that do not say so.

    They are older than the list, unless its hub was let in since.
    """
    record = records.find_serial(connection, line.serial)
    if record is None or record.status not in (Status.ACTIVE, Status.PENDING):
        return
    if line.is_final:
        records.set_status(connection, record.certificate_id, Status.SUPERSEDED, now_ms)
        _log.warning("the database is of before %r had another certificate", record.thing)
    elif utc(record.changed_at_ms) <= line.revoked_at:
        shut_out(connection, record.thing, now_ms, enrolment)
        _log.warning("the database is of before %r was revoked: revoked again", record.thing)


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
        present = read_list(self._authority.revocations)
        wanted = self._barred(now_ms)
        missing = present.serials - {one.serial for one in wanted}
        if missing:
            lines = [one for one in present.revoked if one.serial in missing]
            unknown = self._bar_again(lines, now_ms)
            wanted = [*self._barred(now_ms), *unknown]
        is_due = present.is_stale(now_ms) or present.serials != {one.serial for one in wanted}
        if is_due:
            present = self._authority.publish(wanted)
            _log.info("revocation list %d: %d certificates", present.number, len(wanted))
        # Also what another process wrote: it may have ended before the broker was told.
        if present.number != self._told_number:
            reload_broker(self._authority.directory, self._command)
            self._told_number = present.number
        return is_due

    def _barred(self, now_ms: int) -> list[Revoked]:
        with self._database.reading() as connection:
            barred = records.list_barred(connection, now_ms)
        return [
            Revoked(int(one.serial, 16), utc(one.changed_at_ms), one.status == Status.SUPERSEDED)
            for one in barred
        ]

    def _bar_again(self, lines: Sequence[Revoked], now_ms: int) -> list[Revoked]:
        """Have the rows say what the list does; returns what they know nothing of.

        Such a line is kept for as long as any certificate can be valid.
        """
        with self._database.reading() as connection:
            known = records.known_serials(connection, [line.serial for line in lines])
        for line in lines:
            if line.serial in known:
                with self._database.writing() as connection:
                    bar_again(connection, line, now_ms, Enrolment(self._authority))
        oldest = utc(now_ms) - LEAF_VALIDITY
        return [one for one in lines if one.serial not in known and one.revoked_at > oldest]


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
