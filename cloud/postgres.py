"""What only PostgreSQL does: its lock around migrations, and row-level security. Commits nothing.

A database has one role of its own that security by row binds. The cloud's processes log in as the
owner of the tables, whom it does not bind, for what is no household's: ingest, the fleet, who a
token is. What is done for a household is done under the role, after the households have been named;
where none are named there are no rows.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Connection,
    Dialect,
    Engine,
    Integer,
    LargeBinary,
    String,
    Table,
    event,
    text,
)
from sqlalchemy.exc import ProgrammingError

from cloud.scope import Scope
from cloud.tables import STRETCH_DAYS
from shared.errors import OperatorError
from shared.units import MS_PER_DAY, MS_PER_HOUR

OLDEST_SERVER = (15, 0)

MIGRATION_LOCK = 0x48_4C_49_4E_4B
"""Any number of our own: the advisory lock around migrations."""

LOCK_WAIT_MS = 30_000
"""As long as on SQLite; whoever waits longer is told so, and tries again."""

IDLE_MS = 60_000
"""A process that was frozen within its transaction holds a hub's row no longer than this."""

SETTING = "hearthlink.households"
"""The transaction's setting that lists the households it is for, with commas between."""

POLICY = "of_household"
TENANCY_POLICY = "of_tenancy"
OPEN_TABLES = ("catalogue", "catalogue_rates", "store")
"""What a household may read besides its own rows: what anyone may, and the name of the store."""

QUESTIONS_KEPT = 32
"""Questions that are put by `ask_each`: each is of the program, and there are a few."""

_ROLE_SUFFIX = "_household"
_MAX_NAME_BYTES = 63

_TABLES = text(
    "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
    " AND NOT c.relispartition AND a.attname = 'household_id' AND NOT a.attisdropped"
    " ORDER BY c.relname"
)
_ROLE = text(
    "SELECT DISTINCT r.rolname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
    " JOIN pg_roles r ON r.oid = ANY (p.polroles)"
    " WHERE c.relnamespace = current_schema()::regnamespace AND p.polname = :policy"
)
_NARROW_WORDS = f"SELECT set_config('role', %(role)s, true), set_config('{SETTING}', %(ids)s, true)"
_NARROW = text(_NARROW_WORDS.replace("%(role)s", ":role").replace("%(ids)s", ":ids"))
_TYPES: dict[type, str] = {
    BigInteger: "int8",
    Integer: "int4",
    LargeBinary: "bytea",
    String: "varchar",
}
"""The column types that COPY writes."""

# A setting that was never made is NULL, one whose transaction is over is '': both list nobody.
_OWN_ROWS = f"household_id = ANY (string_to_array(current_setting('{SETTING}', true), ','))"

# Which meters ever changed hands is asked once a query, and of those alone each row.
_HELD_ROWS = {
    "frames": """(
        (household_id, meter) NOT IN (SELECT t.household_id, t.name FROM {schema}.tenancies t
            WHERE t.kind = 'meter')
        OR first_taken_at_ms IS NULL
        OR EXISTS (SELECT FROM {schema}.tenancies t
            WHERE t.household_id = {table}.household_id AND t.kind = 'meter'
            AND t.name = {table}.meter AND t.started_at_ms <= last_taken_at_ms
            AND (first_taken_at_ms <= t.ended_at_ms OR t.ended_at_ms IS NULL))
    )""",
    "meter_days": """(
        run_id NOT IN (SELECT r.run_id FROM {schema}.register_runs r
            JOIN {schema}.tenancies t ON t.household_id = r.household_id AND t.name = r.meter
            WHERE t.kind = 'meter')
        OR EXISTS (SELECT FROM {schema}.register_runs r
            JOIN {schema}.tenancies t ON t.household_id = r.household_id AND t.name = r.meter
            WHERE t.kind = 'meter' AND r.run_id = {table}.run_id
            AND t.started_at_ms <= {stretch_ms}::int8 * (stretch + 1)
            AND ({stretch_ms}::int8 * stretch <= t.ended_at_ms OR t.ended_at_ms IS NULL))
    )""",
    "changes": """(
        local_day < 0
        OR (household_id, subject) NOT IN (SELECT t.household_id, t.name FROM {schema}.tenancies t
            WHERE t.kind = 'meter')
        OR EXISTS (SELECT FROM {schema}.tenancies t
            WHERE t.household_id = {table}.household_id AND t.kind = 'meter'
            AND t.name = {table}.subject
            AND t.started_at_ms <= {day_ms}::int8 * (local_day + 1) + {zone_ms}
            AND ({day_ms}::int8 * local_day - {zone_ms} <= t.ended_at_ms OR t.ended_at_ms IS NULL))
    )""",
}
"""Of tables of readings: that the meter was the household's own in the time that a row is of.

A run's newest days lie in the run's own row, which is of all times: a handover lays them down. A
day that changed is a local one: it is hidden where it lies outside in every zone there is.
"""

_ZONE_MS = 14 * MS_PER_HOUR
"""No zone is further from UTC."""


def prepare(engine: Engine) -> None:
    """Have no connection wait, or be waited for, without end."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        was_autocommit, connection.autocommit = connection.autocommit, True
        connection.execute(f"SET lock_timeout = {LOCK_WAIT_MS}")
        connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_MS}")
        connection.autocommit = was_autocommit


def check_server(connection: Connection) -> None:
    """Raise OperatorError where the server is too old."""
    version = connection.dialect.server_version_info or (0,)
    if version < OLDEST_SERVER:
        raise OperatorError(
            f"PostgreSQL {'.'.join(map(str, version))} is too old",
            hint=f"use PostgreSQL {OLDEST_SERVER[0]} or later",
        )


def lock_migrations(connection: Connection) -> None:
    """Wait until no other process migrates, be it at a long one."""
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})


def household_role(connection: Connection) -> str:
    """Find the role that this database's policies bind; raises OperatorError where none is.

    By the policies, not by name: a dump put back into a database of another name keeps its role.
    """
    roles = connection.execute(_ROLE, {"policy": POLICY}).scalars().all()
    if len(roles) != 1:
        raise OperatorError(
            f"the policies of this database bind {len(roles)} roles, not one",
            hint="run 'hearthlink cloud migrate', as the owner of the tables",
        )
    return str(roles[0])


def narrow(connection: Connection, role: str, scope: Scope) -> None:
    """Let the rest of the transaction see and write the rows of these households alone.

    Raises ValueError for an id with a comma, which would name two.
    """
    connection.execute(_NARROW, {"role": role, "ids": _ids(scope)})


def _ids(scope: Scope) -> str:
    if any("," in one for one in scope.household_ids):
        raise ValueError(f"a comma in one of {sorted(scope.household_ids)}")
    return ",".join(sorted(scope.household_ids))


def ask_each(
    connection: Connection,
    role: str,
    question: ClauseElement,
    asked: Sequence[tuple[Scope, Mapping[str, object]]],
) -> list[Sequence[Sequence[Any]]]:
    """Put a question for each scope after narrowing to it: that of several in one round trip.

    For one alone the driver takes longer to save the other round trip than that takes.
    """
    words, constants = _compiled(connection.dialect, question)
    driver: Any = connection.connection.driver_connection
    narrowing, cursors = driver.cursor(), []
    with driver.pipeline() if len(asked) > 1 else nullcontext():
        for scope, given in asked:
            narrowing.execute(_NARROW_WORDS, {"role": role, "ids": _ids(scope)})
            cursor = driver.cursor(binary=True)
            cursors.append(cursor.execute(words, {**constants, **given}))
    return [cursor.fetchall() for cursor in cursors]


def ask(
    connection: Connection, question: ClauseElement, given: Mapping[str, object]
) -> Sequence[Sequence[Any]]:
    """Put a question in a transaction that is narrowed already, to the driver itself."""
    words, constants = _compiled(connection.dialect, question)
    driver: Any = connection.connection.driver_connection
    found: Sequence[Sequence[Any]] = (
        driver.cursor(binary=True).execute(words, {**constants, **given}).fetchall()
    )
    return found


@lru_cache(maxsize=QUESTIONS_KEPT)
def _compiled(dialect: Dialect, question: ClauseElement) -> tuple[str, Mapping[str, object]]:
    """Write a question as the driver takes it, with what it is always given."""
    compiled = question.compile(dialect=dialect)
    return str(compiled), compiled.params


def copy_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows with the same columns by COPY."""
    names = list(rows[0])
    listed = ", ".join(_quoted(connection, name) for name in names)
    statement = f"COPY {_quoted(connection, table.name)} ({listed}) FROM STDIN (FORMAT BINARY)"
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types([_TYPES[type(table.c[name].type)] for name in names])
        for row in rows:
            copy.write_row([row[name] for name in names])


def household_tables(connection: Connection) -> list[str]:
    """List the tables whose rows say which household they belong to."""
    return list(connection.execute(_TABLES).scalars())


def secure_tables(connection: Connection) -> None:
    """Put every table with a `household_id` under security by row; what is so already stays.

    A migration that makes such a table calls this last. Raises OperatorError where the role is
    missing and may not be made.
    """
    role = _quoted(connection, _made_role(connection))
    schema = _quoted(connection, connection.execute(text("SELECT current_schema()")).scalar_one())
    connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"))
    for name in OPEN_TABLES:
        connection.execute(text(f"GRANT SELECT ON {_quoted(connection, name)} TO {role}"))
    for name in household_tables(connection):
        table = _quoted(connection, name)
        connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}"))
        connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
        connection.execute(text(f"DROP POLICY IF EXISTS {POLICY} ON {table}"))
        policy = f"CREATE POLICY {POLICY} ON {table} TO {role}"
        connection.execute(text(policy + f" USING ({_OWN_ROWS}) WITH CHECK ({_OWN_ROWS})"))


def secure_tenancies(connection: Connection, names: Sequence[str]) -> None:
    """Hide also a household's own rows of these tables from when the meter was not its own."""
    role = _quoted(connection, household_role(connection))
    schema = _quoted(connection, connection.execute(text("SELECT current_schema()")).scalar_one())
    times = {"stretch_ms": STRETCH_DAYS * MS_PER_DAY, "day_ms": MS_PER_DAY, "zone_ms": _ZONE_MS}
    for name in names:
        table = _quoted(connection, name)
        policy = f"CREATE POLICY {TENANCY_POLICY} ON {table} AS RESTRICTIVE TO {role}"
        seen = _HELD_ROWS[name].format(schema=schema, table=table, **times)
        connection.execute(text(policy + f" USING ({seen}) WITH CHECK (true)"))


def release_tenancies(connection: Connection, names: Sequence[str]) -> None:
    """Take those policies away again."""
    for name in names:
        table = _quoted(connection, name)
        connection.execute(text(f"DROP POLICY {TENANCY_POLICY} ON {table}"))


def release_tables(connection: Connection) -> None:
    """Take the policies and the role's rights away again; the role itself stays."""
    role = _quoted(connection, household_role(connection))
    for name in household_tables(connection):
        table = _quoted(connection, name)
        connection.execute(text(f"DROP POLICY IF EXISTS {POLICY} ON {table}"))
        connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
        connection.execute(text(f"REVOKE ALL ON {table} FROM {role}"))
    for name in OPEN_TABLES:
        connection.execute(text(f"REVOKE ALL ON {_quoted(connection, name)} FROM {role}"))


def _made_role(connection: Connection) -> str:
    """Name the database's role, making it where it is missing, as one the login may become.

    Each database has its own: with one for all, the owner of one could read another's households.
    """
    known = connection.execute(_ROLE, {"policy": POLICY}).scalar_one_or_none()
    database = str(connection.execute(text("SELECT current_database()")).scalar_one())
    name = str(known or database[: _MAX_NAME_BYTES - len(_ROLE_SUFFIX)] + _ROLE_SUFFIX)
    role = _quoted(connection, name)
    # From 16 on, who makes a role may grant it and not become it; a membership that came without
    # this option gets it by naming it alone.
    has_option = (connection.dialect.server_version_info or (0,)) >= (16,)
    wanted, option = ("SET", " WITH SET TRUE") if has_option else ("MEMBER", "")
    try:
        if not connection.execute(
            text("SELECT count(*) FROM pg_roles WHERE rolname = :name"), {"name": name}
        ).scalar_one():
            connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
        if not connection.execute(
            text("SELECT pg_has_role(current_user, :name, :wanted)"),
            {"name": name, "wanted": wanted},
        ).scalar_one():
            connection.execute(text(f"GRANT {role} TO CURRENT_USER{option}"))
    except ProgrammingError as error:
        raise OperatorError(
            f"the role {name!r} is missing or not granted to this login: {error.orig}",
            hint=f"as a superuser: CREATE ROLE {role} NOLOGIN; GRANT {role} TO the login{option}",
        ) from error
    return name


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
