"""The revocation list: who is on it, when it is written anew, and who is told when it is not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Table

from cloud.app import create_app
from cloud.fleet.authority import LEAF_VALIDITY
from cloud.fleet.broker import PID_NAME
from cloud.fleet.certificates import read_certificates
from cloud.fleet.crl import (
    ALARM_BEFORE_DAYS,
    REFRESH_BEFORE_DAYS,
    VALIDITY_DAYS,
    RevocationList,
    Standing,
    read_list,
)
from cloud.fleet.records import Status, set_status
from cloud.fleet.revocation import Publisher, let_in, reload_broker, shut_out
from cloud.fleettables import certificates
from cloud.households.revocations import all_revoked
from cloud.hubauth import Sender
from cloud.tables import revocations
from shared.errors import OperatorError
from shared.units import MS_PER_DAY
from tests.support.enrolling import SigningCloud

TRUE = "true"


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path)
    yield cloud
    cloud.close()


def publisher_of(cloud: SigningCloud, command: str = TRUE) -> Publisher:
    """Make a publisher whose broker is a command."""
    return Publisher(cloud.database, cloud.authority, cloud.clock, command)


def listed(cloud: SigningCloud) -> RevocationList:
    """Read the list."""
    return read_list(cloud.authority.revocations)


def shut(cloud: SigningCloud, thing: str) -> None:
    """Revoke a hub."""
    with cloud.database.writing() as connection:
        shut_out(connection, thing, cloud.now_ms, cloud.enrolment)


def test_revoked_hub_is_listed_with_all_its_certificates(cloud: SigningCloud) -> None:
    """Those of claims and those of files; nobody else's."""
    cloud.provision("hub-a")
    cloud.provision("hub-b")
    carried = cloud.authority.issue("hub-a")

    shut(cloud, "hub-a")
    wrote = publisher_of(cloud).refresh()

    serials = {int(record.serial, 16) for record in cloud.records("hub-a")}
    assert wrote
    assert listed(cloud).serials == serials
    assert len(serials) == 2
    assert read_certificates(carried.certificate)[0].serial_number in serials


def test_list_is_signed_by_the_issuer_and_its_number_rises(cloud: SigningCloud) -> None:
    """The broker must take it for the issuer's, and newer than the last."""
    cloud.provision("hub-a")
    first = listed(cloud)

    shut(cloud, "hub-a")
    publisher_of(cloud).refresh()

    assert listed(cloud).number > first.number > 0


def test_hub_let_in_again_is_taken_off(cloud: SigningCloud) -> None:
    """With the certificate it had: nobody need visit it."""
    cloud.provision("hub-a")
    shut(cloud, "hub-a")
    publisher_of(cloud).refresh()

    with cloud.database.writing() as connection:
        was_revoked = [let_in(connection, "hub-a", cloud.now_ms) for _ in range(2)]
    publisher_of(cloud).refresh()

    assert was_revoked == [True, False]
    assert listed(cloud).serials == frozenset()
    assert [record.status for record in cloud.records()] == [Status.ACTIVE]


Backup = dict[Table, list[dict[str, Any]]]


def put_back(cloud: SigningCloud, backup: Backup) -> None:
    """Put the rows back as they were."""
    with cloud.database.writing() as connection:
        for table, rows in backup.items():
            connection.execute(table.delete())
            if rows:
                connection.execute(table.insert(), rows)


@pytest.fixture(name="backup")
def _backup(cloud: SigningCloud) -> Backup:
    """Copy who is in and who is out, when there are two hubs."""
    for thing in ("hub-a", "hub-b"):
        cloud.provision(thing)
    cloud.pass_ms(60_000)
    with cloud.database.reading() as connection:
        return {
            table: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in (certificates, revocations)
        }


def test_hub_revoked_after_a_backup_stays_out_when_that_is_put_back(
    cloud: SigningCloud, backup: Backup, caplog: pytest.LogCaptureFixture
) -> None:
    """In the rows too, by which ingest goes; whoever was not revoked stays in."""
    cloud.pass_ms(60_000)
    shut(cloud, "hub-a")
    publisher_of(cloud).refresh()
    before = listed(cloud).serials
    put_back(cloud, backup)

    publisher_of(cloud).refresh()

    with cloud.database.reading() as connection:
        assert all_revoked(connection) == {"hub-a"}
    assert listed(cloud).serials == before
    assert [one.status for one in cloud.records("hub-a")] == [Status.REVOKED]
    assert [one.status for one in cloud.records("hub-b")] == [Status.ACTIVE]
    assert "'hub-a'" in caplog.text


def test_certificate_superseded_after_a_backup_stays_out(
    cloud: SigningCloud, backup: Backup
) -> None:
    """And with it alone, not its hub."""
    cloud.pass_ms(60_000)
    (old,) = cloud.records("hub-a")
    with cloud.database.writing() as connection:
        set_status(connection, old.certificate_id, Status.SUPERSEDED, cloud.now_ms)
    publisher_of(cloud).refresh()
    put_back(cloud, backup)

    publisher_of(cloud).refresh()

    with cloud.database.reading() as connection:
        assert all_revoked(connection) == set()
    assert [one.status for one in cloud.records("hub-a")] == [Status.SUPERSEDED]
    assert listed(cloud).serials == {int(old.serial, 16)}


def test_certificate_of_after_a_backup_stays_on_the_list(
    cloud: SigningCloud, backup: Backup
) -> None:
    """Nobody knows whose it was: refused by the broker, and over HTTPS, until it has expired."""
    cloud.provision("hub-c")
    (late,) = cloud.records("hub-c")
    serial = int(late.serial, 16)
    shut(cloud, "hub-c")
    publisher_of(cloud).refresh()
    put_back(cloud, backup)
    publisher = publisher_of(cloud)

    publisher.refresh()
    is_taken = cloud.desk.watch(Sender("hub-c", late.certificate_id, serial))
    kept = listed(cloud).serials
    cloud.pass_ms(VALIDITY_DAYS * MS_PER_DAY)
    publisher.refresh()
    still_kept = listed(cloud).serials
    cloud.pass_ms(LEAF_VALIDITY.days * MS_PER_DAY)
    publisher.refresh()

    assert (is_taken, kept, still_kept) == (False, frozenset({serial}), frozenset({serial}))
    assert listed(cloud).serials == frozenset()
    assert cloud.desk.watch(Sender("hub-d", "of a file", 7))


def test_hub_let_in_before_the_list_was_written_is_not_revoked_again(
    cloud: SigningCloud,
) -> None:
    """The list may lag behind by two changes within a second, or a process that was down."""
    cloud.provision("hub-a")
    shut(cloud, "hub-a")
    publisher_of(cloud).refresh()
    with cloud.database.writing() as connection:
        let_in(connection, "hub-a", cloud.now_ms)

    publisher_of(cloud).refresh()
    publisher_of(cloud).refresh()

    assert [record.status for record in cloud.records()] == [Status.ACTIVE]
    assert listed(cloud).serials == frozenset()


def test_list_that_says_what_the_rows_say_is_left_alone(cloud: SigningCloud) -> None:
    """Until a third of its time is over."""
    publisher = publisher_of(cloud)

    first = publisher.refresh()
    cloud.pass_ms((VALIDITY_DAYS - REFRESH_BEFORE_DAYS) * MS_PER_DAY)
    second = publisher.refresh()
    cloud.pass_ms(1_000)
    third = publisher.refresh()

    assert (first, second, third) == (False, False, True)
    assert listed(cloud).next_update_ms == cloud.now_ms + VALIDITY_DAYS * MS_PER_DAY


def test_expired_certificates_leave_the_list(cloud: SigningCloud) -> None:
    """They are refused by their dates; a list that only grows would not end."""
    cloud.provision("hub-a")
    shut(cloud, "hub-a")
    publisher_of(cloud).refresh()
    cloud.pass_ms(1_200 * MS_PER_DAY)

    publisher_of(cloud).refresh()

    assert listed(cloud).serials == frozenset()


@pytest.mark.parametrize(
    ("days_left", "expected"),
    [
        (VALIDITY_DAYS, Standing.OK),
        (ALARM_BEFORE_DAYS, Standing.OK),
        (ALARM_BEFORE_DAYS - 1, Standing.DUE),
        (1, Standing.DUE),
        (0, Standing.EXPIRED),
        (-5, Standing.EXPIRED),
    ],
)
def test_health_tells_of_a_list_long_before_it_expires(
    cloud: SigningCloud, days_left: int, expected: Standing
) -> None:
    """Ten days before the broker refuses every hub, whoever watches the API knows."""
    client = TestClient(create_app(cloud.config, cloud.clock))
    cloud.pass_ms((VALIDITY_DAYS - days_left) * MS_PER_DAY)

    health = client.get("/v1/health").json()

    assert health["revocation_list"] == expected
    assert health["status"] == ("ok" if expected is Standing.OK else "degraded")


def test_missing_or_damaged_list_is_told_and_written(cloud: SigningCloud) -> None:
    """Somebody deleted it, or a disk was full."""
    for content in (b"", b"noise"):
        cloud.authority.revocations.write_bytes(content)
        assert listed(cloud).standing(cloud.now_ms) is Standing.MISSING

        publisher_of(cloud).refresh()

        assert listed(cloud).standing(cloud.now_ms) is Standing.OK


def test_broker_that_was_not_told_is_told_by_the_next_refresh(
    cloud: SigningCloud, tmp_path: Path
) -> None:
    """The list is written all the same; nobody thinks that it is in force."""
    cloud.provision("hub-a")
    shut(cloud, "hub-a")
    told = tmp_path / "told"
    publisher = publisher_of(cloud, f"test -e {told}")

    with pytest.raises(OperatorError, match="not told"):
        publisher.refresh()
    told.touch()

    assert publisher.refresh() is False
    assert len(listed(cloud).serials) == 1


def test_process_that_is_no_broker_is_not_signalled(tmp_path: Path) -> None:
    """A file of process id left by a broker of last year may name anybody's process."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / PID_NAME).write_text(f"{bystander.pid}\n")

        with pytest.raises(OperatorError, match="not mosquitto"):
            reload_broker(tmp_path)

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("content", ["", "x", "999999999"])
def test_useless_pid_file_is_an_operators_error(tmp_path: Path, content: str) -> None:
    """With what to do instead."""
    (tmp_path / PID_NAME).write_text(content)

    with pytest.raises(OperatorError, match="broker_reload"):
        reload_broker(tmp_path)


@pytest.mark.parametrize("command", ["false", "/nonexistent/program", "'"])
def test_reload_command_that_fails_is_told(tmp_path: Path, command: str) -> None:
    """Its status, or that there is none."""
    with pytest.raises(OperatorError, match="not told"):
        reload_broker(tmp_path, command)
