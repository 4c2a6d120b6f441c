"""The database: engine, transactions, and the few things dialects do differently.

The only module that commits. What only one dialect does stands in `cloud.sqlitefile` and
`cloud.postgres`, which nothing but this, `cloud.writes` and the migrations may use. Every request
or batch is one transaction: `reading()` or `writing()`.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    bindparam,
    create_engine,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from cloud import postgres, sqlitefile
from cloud.migrations import schemas
from cloud.scope import Scope
from cloud.sqlitefile import copy_file
from shared.errors import HearthlinkError, OperatorError, RetryableError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

POOL_SIZE = 8
POOL_OVERFLOW = 32
"""Together what the API's thread pool can ask for at once (40 threads)."""

_MIGRATING = threading.Lock()
"""Alembic keeps what it works on in module globals: one thread of a process at a time."""

UNHEARD_S_MAX = 1.0
"""A busy worker need not ask before each batch whether the server is there."""

_PING = text("SELECT 1")
_SCHEMA = text("SELECT version_num FROM alembic_version")
_HEARD_S = "hearthlink_heard_s"


class Database:
    """One database by URL; safe to use from many threads and from several processes.

    Raises OperatorError where its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        try:
            self.engine = create_engine(parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW)
        except ModuleNotFoundError as error:
            raise OperatorError(
                f"a {self.dialect} database needs the package {error.name}",
                hint="pip install 'hearthlink[cloud,postgresql]'",
            ) from error
        self._reading: dict[str, Any] = {}
        self._role: str | None = None
        if self.dialect == "sqlite":
            sqlitefile.prepare(self.engine)
        else:
            postgres.prepare(self.engine)
            # One view for all of a transaction's questions, as SQLite gives it by itself.
            self._reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @contextlib.contextmanager
    def reading(self, scope: Scope | None = None) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view, in PostgreSQL of the scope's rows."""
        with self._begun(self._reading, scope, writes=False) as connection:
            try:
                yield connection
            except HearthlinkError:
                # A question that is refused has harmed no transaction.
                self._end_reading(connection)
                raise
            self._end_reading(connection)

    @contextlib.contextmanager
    def looking(self) -> Iterator[Connection]:
        """For single questions that only read and are no household's: each has a view of its own.

        In PostgreSQL none of them is a transaction that would have to be begun and ended.
        """
        if self.dialect != "postgresql":
            with self.reading() as connection:
                yield connection
            return
        with self._begun({"isolation_level": "AUTOCOMMIT"}, None, writes=False) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, scope: Scope | None = None) -> Iterator[Connection]:
        """A transaction that writes: committed when the block ends, rolled back where it raises.

        In PostgreSQL each question sees what is committed by then: whoever reads in order to write
        takes the row's lock first (`with_for_update`), and locks hubs before meters, each by name.
        """
        with self._begun({}, scope, writes=True) as connection:
            yield connection
            try:
                connection.commit()
            except BaseException:
                # Its transaction may still be open, and SQLAlchemy takes it for ended: the pool
                # would hand it to the next.
                connection.invalidate()
                raise

    def _begun(
        self, options: Mapping[str, Any], scope: Scope | None, *, writes: bool
    ) -> Connection:
        """Take a connection whose server answers; what the pool holds may be of one long gone."""
        if self.dialect == "sqlite":
            connection = self.engine.connect()
            sqlitefile.choose(connection, writes=writes)
            return connection
        for is_last in (False, True):
            connection = self.engine.connect().execution_options(**options)
            try:
                self._narrow(connection, scope)
            except BaseException as error:
                connection.close()
                is_gone = isinstance(error, DBAPIError) and error.connection_invalidated
                if is_last or not is_gone:
                    raise
            else:
                break
        return connection

    def _narrow(self, connection: Connection, scope: Scope | None) -> None:
        """Tell PostgreSQL whose rows the transaction is about, for row-level security."""
        if self.dialect != "postgresql":
            return
        if scope is None:
            self._check_alive(connection)
            return
        postgres.narrow(connection, self._household_role(connection), scope)

    def _household_role(self, connection: Connection) -> str:
        if self._role is None:
            self._role = postgres.household_role(connection)
        return self._role

    def narrow(self, connection: Connection, scope: Scope) -> None:
        """Let the rest of a transaction of `reading()` see fewer households than it was begun for.

        What several callers ask in one transaction is read for each as it would be in its own.
        """
        self._narrow(connection, scope)

    def ask_each(
        self,
        connection: Connection,
        question: CompoundSelect[Any] | Select[Any],
        asked: Sequence[tuple[Scope, Mapping[str, object]]],
    ) -> list[Sequence[Sequence[Any]]]:
        """Put one question for several scopes in turn; each sees the rows of its own alone.

        The rest of the transaction of `reading()` is then about the last of them. `question` is one
        that was built once.
        """
        if self.dialect == "postgresql":
            return postgres.ask_each(connection, self._household_role(connection), question, asked)
        return [connection.execute(question, given).all() for _, given in asked]

    def ask(
        self,
        connection: Connection,
        question: CompoundSelect[Any] | Select[Any],
        given: Mapping[str, object],
    ) -> Sequence[Sequence[Any]]:
        """Put a question that was built once, for those whom `ask_each` or `narrow` named last."""
        if self.dialect == "postgresql":
            return postgres.ask(connection, question, given)
        return connection.execute(question, given).all()

    def _end_reading(self, connection: Connection) -> None:
        """End a transaction in which nothing was written, as cheaply as the dialect can.

        psycopg forgets its prepared statements with each rollback: PostgreSQL would plan each
        question anew, which under security by row takes several times longer than the answer. It
        has refused writes there; SQLite has not, and a rollback undoes them.
        """
        if self.dialect == "postgresql":
            connection.commit()
        else:
            connection.rollback()

    def _check_alive(self, connection: Connection) -> None:
        """Ask a server that this connection has not heard for a while whether it is there."""
        now_s = time.monotonic()
        if now_s - connection.info.get(_HEARD_S, 0.0) > UNHEARD_S_MAX:
            connection.execute(_PING)
        elif not connection.in_transaction():
            # What is put to the driver itself (`ask_each`) would not be known as one, nor ended.
            connection.begin()
        connection.info[_HEARD_S] = now_s

    def migrate(self) -> None:
        """Bring the schema to the newest revision; several processes may do so at once.

        Raises OperatorError where a later program has changed the schema already.
        """
        if self._schema() == schemas()[-1]:
            return
        # Alembic takes longer to load than most commands do to run.
        from alembic import command  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        with _MIGRATING, self.writing() as connection:
            if self.dialect == "postgresql":
                postgres.lock_migrations(connection)
            settings = migrations()
            settings.attributes["connection"] = connection
            try:
                command.upgrade(settings, "head")
            except CommandError as error:
                raise OperatorError(
                    f"the database was changed by a later program: {error}",
                    hint="upgrade hearthlink again, or restore a backup from before the upgrade",
                ) from error

    def _schema(self) -> str:
        """Read which schema the database has, "" for none yet."""
        with self.reading() as connection:
            if self.dialect == "postgresql":
                postgres.check_server(connection)
            if not connection.dialect.has_table(connection, "alembic_version"):
                return ""
            return str(connection.execute(_SCHEMA).scalar_one_or_none() or "")

    def copy_to(self, target: Path) -> None:
        """Copy the whole database into a new file, while others go on reading and writing it.

        Raises OperatorError for a database server, which has its own tools for that.
        """
        copy_file(self.file(), target)

    def replace_with(self, source: Path) -> None:
        """Put another file's content in the place of this database's, in one transaction.

        Processes that have it open go on with the new content. Raises as `copy_to`.
        """
        target = self.file()
        self.engine.dispose()
        copy_file(source, target)

    def file(self) -> Path:
        """Name the SQLite file; raises OperatorError for a database server, which has none."""
        name = self.engine.url.database
        if self.dialect != "sqlite" or not name:
            raise OperatorError(
                f"a {self.dialect} database is not copied by this command",
                hint="use pg_dump and pg_restore, then 'hearthlink cloud store renew'",
            )
        return Path(name)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def knows_schema(schema: str) -> bool:
    """Tell whether this program has a database's schema among its migrations."""
    return schema in schemas()


def migrations() -> "AlembicConfig":
    """Tell Alembic where the migrations are; whoever runs one adds its connection."""
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415  # as in `migrate`

    settings = AlembicConfig()
    settings.set_main_option("script_location", "cloud:migrations")
    return settings


def owned(table: Table) -> ColumnElement[bool]:
    """The same as `within` for a statement built once: "households" is given where it is run."""
    return table.c.household_id.in_(bindparam("households", expanding=True))


def within(table: Table, scope: Scope) -> ColumnElement[bool]:
    """The condition every query carries: rows of the caller's households only."""
    if len(scope.household_ids) == 1:
        condition: ColumnElement[bool] = table.c.household_id == scope.only
        return condition
    return table.c.household_id.in_(sorted(scope.household_ids))


LOCK_TIMEOUT_MS = 5_000
"""Ingest waits behind who waits for the table: a batch that takes longer is let pass instead."""


def await_writers(connection: Connection, table: Table) -> None:
    """Wait until no other transaction is writing to a table, and keep others from it until the end.

    PostgreSQL gives numbers out before the commit: without this a lower one can appear after a
    higher one was read. SQLite's one writer holds the table already. For a moment of work only, in
    a transaction of `writing()`; raises RetryableError after `LOCK_TIMEOUT_MS`.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    try:
        connection.execute(text(f"LOCK TABLE {table.name} IN SHARE MODE"))
    except OperationalError as error:
        raise RetryableError(
            f"others are writing to {table.name} for too long: {error.orig}", hint="try again"
        ) from error
