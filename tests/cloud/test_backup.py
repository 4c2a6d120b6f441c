"""A store put back from an old backup: hubs offer again what they hold, and nothing is doubled."""

import os
import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.uplink.store import KnownStore
from cloud.backup import back_up, renew, restore
from shared.clock import DrivenClock
from shared.errors import OperatorError
from shared.protocol import Receipt
from shared.ranges import union
from shared.units import MS_PER_HOUR
from tests.support.cloud import config_in, payload_of, samples_of, stored_days
from tests.support.ingest import NOW_MS, Cloud

FRAME = 10


class Hub:
    """A hub that keeps all it ever logged and believes receipts alone, none of which is lost.

    What lost receipts cost is the gap ledger's (docs/durability.md).
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.last_seq = 0
        self.known = KnownStore(None, None)
        self.stored: list[tuple[int, int]] = []
        self.wants_hello = False

    @property
    def store_id(self) -> str:
        """The store that it heard from last."""
        return self.known.store_id

    def log(self, count: int) -> None:
        """Commit samples."""
        self.last_seq += count

    def connect(self) -> None:
        """Say hello, then send until everything is stored, a few rounds at most."""
        self.wants_hello = False
        said = {"store_id": self.store_id, "receipt_revision": self.known.given}
        self._hear(self.cloud.greet(1, self.last_seq, **said))
        self.send()

    def go_on(self) -> None:
        """Stay connected and send; a hello follows late where a receipt hints at a put-back."""
        self.send()
        if self.wants_hello:
            self.connect()

    def hear_reminders(self) -> None:
        """Take what the cloud says by itself."""
        self._hear([one.receipt for one in self.cloud.service.remind()])

    def lose_receipts(self) -> None:
        """Know no receipt of this store, and still believe stored what they said."""
        self.known = KnownStore(self.store_id.encode(), None)

    def send(self) -> None:
        """Send what is not stored, and leave the hello for later."""
        for _ in range(3):
            self._hear(self.cloud.send(*[payload_of(samples_of(f, FRAME)) for f in self._unsent()]))

    def _unsent(self) -> list[int]:
        return [
            first
            for first in range(1, self.last_seq + 1, FRAME)
            if not any(a <= first and first + FRAME - 1 <= b for a, b in self.stored)
        ]

    def _hear(self, receipts: list[Receipt]) -> None:
        for receipt in receipts:
            self.wants_hello = self.wants_hello or self.known.is_put_back(receipt)
            if receipt.store_id != self.store_id:
                self.stored = []
            self.known.take(receipt)
            self.stored = union([*self.stored, *receipt.stored])


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def test_hub_fills_what_an_old_backup_lacks(cloud: Cloud, tmp_path: Path) -> None:
    """Running workers go on with what was put back; each sample is there once in the end."""
    hub = Hub(cloud)
    hub.log(100)
    hub.connect()
    back_up(cloud.database, tmp_path / "old.db")
    hub.log(200)
    hub.connect()
    before, whole = hub.store_id, stored_days(cloud.database)

    restored = restore(config_in(tmp_path), tmp_path / "old.db", DrivenClock(NOW_MS))
    after_restore = cloud.coverage()
    hub.connect()

    assert after_restore == [(1, 100, 0)]
    assert restored.store_id == cloud.service.store_id == hub.store_id != before
    assert hub.stored == [(1, 300)]
    assert list(cloud.stored()) == list(range(1, 301))
    assert (stored_days(cloud.database), cloud.log().missing) == (whole, [])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
@example(139)
@example(202)
@example(54803)
def test_whatever_is_put_back_when_each_sample_is_there_once_in_the_end(seed: int) -> None:
    """Backups, restores, copied files and renewals in any order, with a hub that goes on."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        cloud = Cloud(directory)
        hub = Hub(cloud)
        backups: list[Path] = []
        for step in range(10):
            # A receipt given again differs from its first by the time, which goes on meanwhile.
            cloud.clock.advance_to(NOW_MS + step)
            hub.log(rng.choice((0, 10, 50)))
            action = rng.choice(("connect", "connect", "backup", "restore", "copy", "renew"))
            if action == "backup":
                backups.append(directory / f"{step}.backup")
                back_up(cloud.database, backups[-1])
            elif action == "restore" and backups:
                restore(config_in(directory), rng.choice(backups), DrivenClock(NOW_MS + step))
            elif action == "copy" and backups:
                cloud.database.replace_with(rng.choice(backups))
            elif action == "renew":
                renew(cloud.database, cloud.clock)
            elif hub.last_seq:
                rng.choice((hub.connect, hub.go_on))()
        hub.log(10)

        hub.connect()

        assert hub.stored == [(1, hub.last_seq)]
        assert sorted(cloud.stored()) == list(range(1, hub.last_seq + 1))
        cloud.database.close()
        truth = Cloud(directory / "truth")
        truth.send(payload_of(samples_of(1, hub.last_seq)))
        assert stored_days(cloud.database) == stored_days(truth.database)
        truth.database.close()
        cloud.database.close()


def test_what_was_there_is_kept_aside(cloud: Cloud, tmp_path: Path) -> None:
    """A restore by mistake can be undone: the copy is a backup itself."""
    back_up(cloud.database, tmp_path / "old.db")
    cloud.send(payload_of(samples_of(1, 30)))

    replaced = restore(config_in(tmp_path), tmp_path / "old.db", DrivenClock(NOW_MS)).replaced
    assert replaced is not None
    undone = restore(config_in(tmp_path), replaced, DrivenClock(NOW_MS + 1))

    assert cloud.coverage() == [(1, 30, 0)]
    assert undone.store_id == cloud.service.store_id


def test_store_put_back_by_copying_its_file_is_found_out_by_a_hub(
    cloud: Cloud, tmp_path: Path
) -> None:
    """The hub knows a later receipt than this store has given: it is asked for everything."""
    hub = Hub(cloud)
    hub.log(100)
    hub.connect()
    back_up(cloud.database, tmp_path / "old.db")
    hub.log(200)
    hub.connect()
    before = hub.store_id

    cloud.database.replace_with(tmp_path / "old.db")
    hub.connect()

    assert hub.store_id != before
    assert cloud.hub().store_renewals == 1
    assert hub.stored == [(1, 300)]
    assert list(cloud.stored()) == list(range(1, 301))


def test_copy_that_has_counted_on_is_found_out_by_a_late_hello(
    cloud: Cloud, tmp_path: Path
) -> None:
    """The hub stays connected and hears a revision twice, before the store counts past it."""
    hub = Hub(cloud)
    hub.log(100)
    hub.connect()
    back_up(cloud.database, tmp_path / "old.db")
    hub.log(200)
    hub.go_on()
    cloud.database.replace_with(tmp_path / "old.db")
    cloud.clock.advance_to(NOW_MS + 1)

    for _ in range(3):
        hub.log(10)
        hub.send()
    hole = cloud.log().missing
    hub.go_on()

    assert hole
    assert cloud.hub().store_renewals == 1
    assert hub.stored == [(1, 330)]
    assert list(cloud.stored()) == list(range(1, 331))


def test_hub_that_believes_stored_what_is_not_is_asked_for_everything_once(
    cloud: Cloud, tmp_path: Path
) -> None:
    """Nobody noticed the copied file: a hole that stays for a day though the hub holds it tells."""
    hub = Hub(cloud)
    hub.log(100)
    cloud.connect()
    hub.connect()
    back_up(cloud.database, tmp_path / "old.db")
    hub.log(200)
    hub.connect()
    cloud.database.replace_with(tmp_path / "old.db")
    hub.lose_receipts()
    hub.log(10)
    hub.connect()
    hole = cloud.log().missing

    for hours in (1, 23, 24, 48):
        cloud.clock.advance_to(NOW_MS + hours * MS_PER_HOUR)
        hub.hear_reminders()
    healed = cloud.log().missing
    hub.connect()

    assert [one[:2] for one in hole] == [(101, 300)]
    assert healed == hole
    assert cloud.hub().store_renewals == 1
    assert (hub.stored, cloud.log().missing) == ([(1, 310)], [])


def test_hole_that_stays_hides_no_later_one(cloud: Cloud) -> None:
    """The hub is asked for everything once for each, though the first is never filled."""
    renewals = []
    cloud.connect()
    cloud.greet(1, 60)
    cloud.send(payload_of(samples_of(1, 40)), payload_of(samples_of(51, 10)))

    for days in range(1, 6):
        cloud.clock.advance_to(NOW_MS + days * 24 * MS_PER_HOUR)
        cloud.service.remind()
        renewals.append(cloud.hub().store_renewals)
        if days == 2:
            cloud.greet(1, 80)
            cloud.send(payload_of(samples_of(71, 10)))

    assert [one[:2] for one in cloud.log().missing] == [(41, 50), (61, 70)]
    assert renewals == [1, 1, 2, 2, 2]


def test_hello_of_a_hub_that_is_up_to_date_changes_no_name(cloud: Cloud) -> None:
    """Nor does one that knows another store: it is from before a restore."""
    hub = Hub(cloud)
    hub.log(30)
    hub.connect()

    hub.connect()
    cloud.greet(1, 30, store_id="another", receipt_revision=10**6)

    assert hub.store_id == cloud.service.store_id
    assert cloud.hub().store_renewals == 0


def test_renewed_store_is_renewed_for_every_hub(cloud: Cloud) -> None:
    """A hub that had a name of its own for the store meets the new one too."""
    hub = Hub(cloud)
    hub.log(30)
    hub.connect()
    hub.known.revision += 100
    hub.connect()
    own = hub.store_id

    name = renew(cloud.database, cloud.clock)
    hub.connect()

    assert own != name
    assert hub.store_id == name


def test_restore_into_an_empty_place(cloud: Cloud, tmp_path: Path) -> None:
    """A new machine has nothing to keep aside."""
    cloud.send(payload_of(samples_of(1, 30)))
    back_up(cloud.database, tmp_path / "old.db")
    new = tmp_path / "new"
    config = config_in(new)
    (new / "cloud.db").unlink()

    restored = restore(config, tmp_path / "old.db", DrivenClock(NOW_MS))

    moved = Cloud(new)
    assert restored.replaced is None
    assert (moved.coverage(), moved.service.store_id) == ([(1, 30, 0)], restored.store_id)
    assert sorted(path.name for path in new.iterdir()) == [
        "cloud.db",
        "cloud.db-shm",
        "cloud.db-wal",
    ]


def test_backup_of_an_older_schema_is_brought_up(tmp_path: Path) -> None:
    """Upgrading the cloud does not make its backups worthless."""
    schema = Path(__file__).parent / "databases" / "schema_0001.sql"
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(schema.read_text())

    restore(config_in(tmp_path), tmp_path / "old.db", DrivenClock(NOW_MS))

    assert Cloud(tmp_path).coverage() == [(1, 20, 0), (26, 30, 0)]


def test_file_that_will_not_do_changes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """Missing, no database, damaged, or of a later program: said with the fix, nothing replaced."""
    cloud.send(payload_of(samples_of(1, 30)))
    noise, later, damaged = (tmp_path / name for name in ("noise", "later", "damaged"))
    noise.write_bytes(os.urandom(9_000))
    for path in (later, damaged):
        back_up(cloud.database, path)
    with closing(sqlite3.connect(later)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    with damaged.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)

    hints = []
    for path in (tmp_path / "none", noise, later, damaged):
        with pytest.raises(OperatorError) as caught:
            restore(config_in(tmp_path), path, DrivenClock(NOW_MS))
        hints.append(caught.value.hint)

    assert all(hints)
    assert "upgrade" in hints[2]
    assert cloud.coverage() == [(1, 30, 0)]


def test_backup_overwrites_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """A backup that is there is worth more than the command."""
    back_up(cloud.database, tmp_path / "old.db")

    with pytest.raises(OperatorError, match="exists already"):
        back_up(cloud.database, tmp_path / "old.db")


def test_database_server_has_its_own_tools(cloud: Cloud) -> None:
    """The hint names them, and the step that must follow."""
    cloud.database.dialect = "postgresql"

    with pytest.raises(OperatorError, match="postgresql") as caught:
        back_up(cloud.database, Path("unused"))

    assert "store renew" in caught.value.hint
