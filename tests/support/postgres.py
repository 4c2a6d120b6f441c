"""A PostgreSQL server of the test session's own, and databases on it as cheap as files.

Started by the first test that asks, on a socket in a folder of its own, never on a port; stopped
when the process ends, even where it is killed. Durability is off unless asked for.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

import psycopg

from cloud.db import Database

OWNER = "hearthlink"
"""Owns the databases and may make roles, and no more: what the self-hosting page has people do."""

START_S_MAX = 60.0
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}
_TEMPLATE = "hearthlink_template"


class PostgresServer:
    """A server that runs until `stop`; `settings` are its own (`fsync`, `shared_buffers`)."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="hearthlink-postgres-"))
        # It refuses to run as root; any account will do that owns nothing else.
        self._account = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._account:
            shutil.chown(self.folder, "nobody")
        self._numbers = count(1)
        self._run(
            *("initdb", "-D", str(self.folder / "store"), "-U", "postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        )
        self._process = self._start(settings)
        self.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")

    @property
    def pid(self) -> int:
        """The id of the process that all of the server's others are children of."""
        return self._process.pid

    def written_bytes(self) -> int:
        """Tell how much has gone to the WAL since the server was made."""
        with psycopg.connect(self.conninfo()) as connection:
            query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8"
            found = connection.execute(query).fetchone()
        assert found is not None
        return int(found[0])

    def url(self, database: str, login: str = OWNER) -> str:
        """Name a database as the cloud's configuration does."""
        return f"postgresql://{login}@/{database}?host={self.folder}"

    def conninfo(self, database: str = "postgres", login: str = "postgres") -> str:
        """Name a database as libpq does."""
        return f"host={self.folder} user={login} dbname={database}"

    def empty_database(self) -> str:
        """Make a database with nothing in it, and give its name."""
        name = f"empty_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
        return name

    def migrated_database(self) -> str:
        """Make a database with the newest schema, as a copy of one that was migrated."""
        self._make_template()
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} OWNER {OWNER}")
        return name

    def copy_of(self, name: str) -> str:
        """Copy a database that nobody is connected to, and give the copy's name."""
        copy = f"copy_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {copy} TEMPLATE {name} OWNER {OWNER}")
        return copy

    def rename(self, name: str, new: str) -> None:
        """Put a database in the place of another."""
        self.drop(new)
        self.execute(f"ALTER DATABASE {name} RENAME TO {new}")

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the superuser, in no transaction."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def version(self) -> tuple[int, ...]:
        """Tell which version the server is, (15, 18) or later."""
        with psycopg.connect(self.conninfo()) as connection:
            return divmod(connection.info.server_version, 10_000)

    def is_idle(self, name: str) -> bool:
        """Tell whether nobody is within a transaction in a database."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state <> 'idle'"
        with psycopg.connect(self.conninfo()) as connection:
            return connection.execute(query, [name]).fetchone() == (0,)

    def cpu_s(self) -> float:
        """Read how much of a core those at work in it have used, in seconds."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            # Those that end meanwhile are no more.
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self._process.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Stop the server at once and remove its files."""
        self._process.terminate()
        try:
            self._process.wait(START_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @cache  # noqa: B019  # a server lives as long as its process
    def _make_template(self) -> None:
        self.execute(f"CREATE DATABASE {_TEMPLATE} OWNER {OWNER}")
        database = Database(self.url(_TEMPLATE))
        database.migrate()
        database.close()

    def _start(self, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        said = {"listen_addresses": "", "unix_socket_directories": str(self.folder), **settings}
        words = [word for key, value in said.items() for word in ("-c", f"{key}={value}")]
        # Killed with the test's process, which may have no chance to stop it.
        command = ["setpriv", "--pdeathsig", "KILL", str(self._programs / "postgres")]
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [*command, "-D", str(self.folder / "store"), *words],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "server.log").open("wb"),
            **self._account,  # type: ignore[call-overload]  # an account and its groups
        )
        deadline = time.monotonic() + START_S_MAX
        while True:
            try:
                psycopg.connect(self.conninfo()).close()
            except psycopg.OperationalError:
                said_so = (self.folder / "server.log").read_text()
                assert process.poll() is None, said_so
                assert time.monotonic() < deadline, said_so
                time.sleep(0.02)
            else:
                return process

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._account,  # type: ignore[call-overload]  # as above
        )
        assert done.returncode == 0, done.stderr


def programs() -> Path:
    """Find the server's programs, which Debian keeps off the PATH; the newest version's.

    Another's where the environment names their folder: `POSTGRESQL_BIN=/opt/pg16/bin pytest …`.
    """
    if chosen := os.environ.get("POSTGRESQL_BIN"):
        return Path(chosen)
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3])
    )
    named = shutil.which("initdb")
    assert found or named, "PostgreSQL is not installed: run 'make setup'"
    return found[-1].parent if found else Path(str(named)).resolve().parent


@cache
def session_server() -> PostgresServer:
    """Give the server of this process, started on first use."""
    server = PostgresServer(NOT_DURABLE)
    atexit.register(server.stop)
    return server
