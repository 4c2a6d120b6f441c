"""Security by row on PostgreSQL: the second wall, which holds where the first has been left out."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import Connection, func, insert, select, text, true
from sqlalchemy.exc import ProgrammingError

import cloud.db
from cloud.app import create_app
from cloud.auth import HouseholdRule
from cloud.db import Database
from cloud.postgres import SETTING, household_role, household_tables, narrow
from cloud.scope import Scope
from cloud.tables import households, meters
from shared.errors import OperatorError
from tests.support.cloud import config_in, database_in
from tests.support.postgres import session_server
from tests.support.stores import kept_on
from tests.support.street import HOUSEHOLDS_OWN, NOT_ROWS, READS, WRITES, Street

_GRANTED = text(
    "SELECT table_name, privilege_type FROM information_schema.table_privileges"
    " WHERE grantee = :role AND table_schema = current_schema()"
)
"""Every right to a table that a household's role has."""


@pytest.fixture(name="street")
def _street(either_store: str, tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    with made.client:
        yield made


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    with kept_on("postgresql"):
        opened = database_in(tmp_path)
        yield opened
        opened.close()


def _sabotage(monkeypatch: pytest.MonkeyPatch, everyone: list[str]) -> None:
    """Leave out the condition that every query carries, wherever it is used."""
    known = cloud.db.within
    for name, module in list(sys.modules.items()):
        if name.startswith("cloud.") and getattr(module, "within", None) is known:
            monkeypatch.setattr(module, "within", lambda *_: true())
    owners: dict[str, Any] = {"households": everyone}
    monkeypatch.setattr("cloud.readings.repository._owners", lambda _scope: owners)


def _asks_for_a_household(dependant: Dependant) -> bool:
    return isinstance(dependant.call, HouseholdRule) or any(
        map(_asks_for_a_household, dependant.dependencies)
    )


def _routes(holder: Any) -> Iterator[APIRoute]:
    """List the routes of an application, those of the routers it includes too."""
    for route in holder.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router)


def test_every_endpoint_of_a_household_is_tried_here(tmp_path: Path) -> None:
    """A new one has to be listed among the street's questions."""
    found = {
        (method, route.path)
        for route in _routes(create_app(config_in(tmp_path)))
        if _asks_for_a_household(route.dependant)
        for method in route.methods or ()
    }

    tried = {(method, path) for method, path, _, _ in [*READS, *WRITES]}

    assert found == tried | NOT_ROWS


def test_without_conditions_no_other_households_rows_come_out(
    street: Street, either_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None did with them. On PostgreSQL every answer stays; SQLite has one wall: rows get out."""
    honest = street.answers()
    assert {status for status, _ in honest.values()} == {200, 404}
    # The first wall by itself: SQLite has no other, and a name in a refusal is the question's own.
    told = [path for path, (status, body) in honest.items() if status == 200 and "home-" in body]
    assert told == []

    _sabotage(monkeypatch, ["home", street.other.only])
    now = street.answers()

    changed = {path for path, answer in now.items() if answer != honest[path]}
    assert bool(changed) == (either_store == "sqlite"), changed
    leaking = {path for path, (_, body) in now.items() if "home-meter" in body and path in changed}
    assert len(leaking) >= 8 * (either_store == "sqlite")


def test_without_conditions_no_other_households_rows_are_changed(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the other household writes under home's names."""
    before = street.rows_of_home()

    _sabotage(monkeypatch, ["home", street.other.only])
    for ask in WRITES:
        street.ask(ask, home=True)

    assert street.rows_of_home() == before


def test_without_conditions_no_other_tenancys_readings_come_out(
    street: Street, either_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read when the meter was no longer the household's own, though stored as its own."""
    before = _of_readings(street)
    street.move()
    honest = _of_readings(street)
    assert all(honest[path] != before[path] for path in honest), honest

    _sabotage(monkeypatch, ["home", street.other.only])
    monkeypatch.setattr("cloud.households.spans._spans", lambda _rows: {})
    now = _of_readings(street)

    assert (now == honest) == (either_store == "postgresql")


def _of_readings(street: Street) -> dict[str, tuple[int, str]]:
    """Answer, as home, what comes of frames and meter-days."""
    street.token = street.app.state.parts.config.api_token
    kinds = ("/usage home", "/registers", "/exports")
    return {
        path: answer
        for path, answer in street.answers().items()
        if path.endswith("home=True") and any(kind in path for kind in kinds)
    }


def test_every_table_with_a_household_is_secured(database: Database) -> None:
    """A migration that makes one and forgets `secure_tables` is found here."""
    query = text(
        "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
        " JOIN pg_roles r ON r.oid = ANY (p.polroles)"
        " WHERE c.relrowsecurity AND p.polpermissive AND p.polcmd = '*' AND r.rolname = :role"
    )

    with database.reading() as connection:
        role = household_role(connection)
        secured = set(connection.execute(query, {"role": role}).scalars())
        present = set(household_tables(connection))
        is_bound = connection.execute(
            text(
                "SELECT NOT (rolsuper OR rolbypassrls OR rolcanlogin) FROM pg_roles"
                " WHERE rolname = :role"
            ),
            {"role": role},
        ).scalar_one()

    assert secured == present == HOUSEHOLDS_OWN
    assert is_bound


def test_without_a_household_there_are_no_rows(database: Database) -> None:
    """Neither where it never was named, nor after the transaction that named one."""
    scope = Scope.of("home")
    with database.reading(scope) as connection:
        named = _count(connection)
        role = connection.execute(text("SELECT current_user")).scalar_one()
    counts = []
    with database.engine.connect() as connection:
        for _ in range(2):
            connection.execute(text(f"SET LOCAL ROLE {role}"))
            counts.append(_count(connection))
            connection.rollback()
            narrow(connection, role, scope)
            connection.rollback()
    with database.reading() as connection:
        unbound = _count(connection), connection.execute(text("SELECT current_user")).scalar_one()

    assert named == 1
    assert counts == [0, 0]
    assert unbound == (1, "hearthlink")


def test_rows_for_another_household_are_refused(database: Database) -> None:
    """Written for it, or moved to it."""
    row = {"household_id": "other", "meter": "M9", "medium": "", "longest_frame_ms": 0}
    mine = {**row, "household_id": "home"}

    with pytest.raises(ProgrammingError, match="row-level security"):
        _write(database, insert(meters), row)
    _write(database, insert(meters), mine)
    with pytest.raises(ProgrammingError, match="row-level security"):
        _write(database, meters.update().values(household_id="other"))

    with database.reading() as connection:
        assert [one.household_id for one in connection.execute(select(meters))] == ["home"]


def test_several_households_are_seen_together(database: Database) -> None:
    """A scope of two has the rows of two, and no third's."""
    for name in ("a", "b", "c"):
        with database.writing() as connection:
            row = {"household_id": name, "name": name, "zone": "UTC"}
            connection.execute(insert(households), [row])

    with database.reading(Scope(frozenset({"a", "b"}))) as connection:
        seen = set(connection.execute(select(households.c.household_id)).scalars())

    assert seen == {"a", "b"}


def test_a_household_is_no_way_to_what_is_the_operators(database: Database) -> None:
    """Its role has no right at all to tables without a household, but to what anyone may read."""

    def read(table: str) -> None:
        with database.reading(Scope.of("home")) as connection:
            connection.execute(text(f"SELECT * FROM {table}"))

    read("catalogue")
    for table in ("jobs", "leases", "alembic_version"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            read(table)
    with database.reading() as connection:
        granted = connection.execute(_GRANTED, {"role": household_role(connection)}).all()
    beside = {(name, right) for name, right in granted if name not in HOUSEHOLDS_OWN}
    assert beside == {(name, "SELECT") for name in ("catalogue", "catalogue_rates", "store")}


def test_a_household_with_a_comma_names_no_two(database: Database) -> None:
    """The list that a transaction names cannot be written to hold more."""
    with pytest.raises(ValueError, match="comma"), database.reading(Scope.of("home,other")):
        pass


def test_a_database_without_policies_serves_no_household(database: Database) -> None:
    """It says what to do, rather than show every row."""
    with database.writing() as connection:
        for table in HOUSEHOLDS_OWN:
            connection.execute(text(f"DROP POLICY of_household ON {table}"))

    with (
        pytest.raises(OperatorError, match="bind 0 roles") as caught,
        database.reading(Scope.of("home")),
    ):
        pass

    assert "cloud migrate" in caught.value.hint


def test_a_login_that_may_make_no_role_is_told_what_to_run() -> None:
    """With the statements for a superuser, after which it goes on."""
    server = session_server()
    name = server.empty_database()
    server.execute("DROP ROLE IF EXISTS plain")
    server.execute("CREATE ROLE plain LOGIN")
    server.execute(f"ALTER DATABASE {name} OWNER TO plain")
    database = Database(server.url(name, "plain"))

    with pytest.raises(OperatorError, match="role") as caught:
        database.migrate()
    for statement in caught.value.hint.removeprefix("as a superuser: ").split("; "):
        server.execute(statement.replace("the login", "plain"))
    database.migrate()

    with database.reading(Scope.of("home")) as connection:
        assert connection.execute(text(f"SHOW {SETTING}")).scalar_one() == "home"
    database.close()
    server.drop(name)


def test_a_login_that_may_not_become_its_role_is_told_what_to_run() -> None:
    """From 16 on a role can be granted without that; before, being a member is enough."""
    server = session_server()
    name = server.empty_database()
    role = f"{name}_household"
    has_option = server.version() >= (16,)
    server.execute("DROP ROLE IF EXISTS member")
    server.execute("CREATE ROLE member LOGIN")
    server.execute(f"CREATE ROLE {role} NOLOGIN")
    server.execute(f"GRANT {role} TO member" + (" WITH SET FALSE" if has_option else ""))
    server.execute(f"ALTER DATABASE {name} OWNER TO member")
    database = Database(server.url(name, "member"))

    told = ""
    try:
        database.migrate()
    except OperatorError as error:
        told = error.hint.split("; ")[1]
        server.execute(told.replace("the login", "member"))
        database.migrate()

    with database.reading(Scope.of("home")) as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == role
    database.close()
    server.drop(name)
    assert bool(told) is has_option


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(households)).scalar_one())


def _write(database: Database, statement: Any, *rows: dict[str, object]) -> None:
    with database.writing(Scope.of("home")) as connection:
        connection.execute(statement, list(rows) or None)
