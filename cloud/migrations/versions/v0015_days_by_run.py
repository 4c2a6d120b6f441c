"""Meter-days two to a row, by the number of their run, packed closer; the newest lie with the run.

A row is then written once, when its days are over, and not with each frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from cloud import packing
from cloud.postgres import secure_tables
from shared import meterdays

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

RUNS_AT_ONCE = 50
"""With three years of days each some 10 MB in memory."""

_NAME = ("household_id", "meter", "register", "run")
_DAY = ("utc_day", "edges")
_STRETCH_DAYS = 2


def upgrade() -> None:
    """Number the runs and lay each one's days out anew, the newest with the run."""
    _put_aside("register_runs")
    _put_aside("meter_days")
    _make_numbered()
    old_runs, old_days = _table("old_register_runs"), _table("old_meter_days")
    runs, days = _table("register_runs"), _table("meter_days")
    connection = op.get_bind()
    columns = [*_NAME, "modulus"]
    named = sa.select(*_columns(columns)).select_from(old_runs).order_by(*_columns(_NAME))
    connection.execute(runs.insert().from_select(columns, named))
    known = sa.select(*_columns(_DAY)).select_from(old_days).where(_is_of(_NAME))
    newest = sa.update(runs).where(_is_of(["run_id"]))
    for run in _numbered():
        found = connection.execute(known.order_by(sa.column("utc_day")), _named(run, _NAME)).all()
        stretches: dict[int, meterdays.SlotEdges] = {}
        for day, edges in found:
            in_stretch = stretches.setdefault(day // _STRETCH_DAYS, {})
            in_stretch.update(meterdays.unpack_day(edges, day))
        packed = [
            {"stretch": stretch, "edges": packing.pack_slots(edges)}
            for stretch, edges in stretches.items()
        ]
        if packed:
            owner = {"run_id": run["run_id"], "household_id": run["household_id"]}
            values = {"open_stretch": packed[-1]["stretch"], "open_edges": packed[-1]["edges"]}
            connection.execute(newest.values(**values), _named(run, ["run_id"]))
            _insert(days, [{**owner, **one} for one in packed[:-1]])
    op.drop_table("old_meter_days")
    op.drop_table("old_register_runs")
    if connection.dialect.name == "postgresql":
        secure_tables(connection)


def downgrade() -> None:
    """Put the names back into each row, and all days into one table."""
    _put_aside("meter_days")
    op.create_table(
        "meter_days",
        *_name_columns(),
        sa.Column("utc_day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("edges", sa.LargeBinary(), nullable=False),
    )
    numbered, days = _table("old_meter_days"), _table("meter_days")
    connection = op.get_bind()
    known = (
        sa.select(sa.column("edges", sa.LargeBinary()))
        .select_from(numbered)
        .where(_is_of(["run_id"]))
    )
    for run in _numbered():
        found = connection.execute(known, _named(run, ["run_id"])).scalars().all()
        edges: meterdays.SlotEdges = {}
        for packed in (*found, run["open_edges"]):
            edges.update(packing.unpack_slots(packed) if packed is not None else {})
        name = {one: run[one] for one in _NAME}
        by_day = meterdays.split_by_day(edges).items()
        rows = [{"utc_day": day, "edges": meterdays.pack_day(one)} for day, one in by_day]
        _insert(days, [{**name, **one} for one in rows])
    op.drop_table("old_meter_days")
    _put_aside("register_runs")
    op.create_table(
        "register_runs", *_name_columns(), sa.Column("modulus", sa.BigInteger(), nullable=False)
    )
    columns = [*_NAME, "modulus"]
    named = sa.select(*_columns(columns)).select_from(_table("old_register_runs"))
    connection.execute(_table("register_runs").insert().from_select(columns, named))
    op.drop_table("old_register_runs")
    if connection.dialect.name == "postgresql":
        secure_tables(connection)


def _make_numbered() -> None:
    op.create_table(
        "register_runs",
        sa.Column("run_id", sa.Integer(), primary_key=True),
        sa.Column("open_stretch", sa.Integer()),
        sa.Column("modulus", sa.BigInteger(), nullable=False),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("meter", sa.String(64), nullable=False),
        sa.Column("register", sa.String(64), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("open_edges", sa.LargeBinary()),
        sa.UniqueConstraint(*_NAME, name="register_runs_once"),
        postgresql_with={"fillfactor": 25},
    )
    op.create_table(
        "meter_days",
        sa.Column("run_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("stretch", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("edges", sa.LargeBinary(), nullable=False),
    )


def _put_aside(name: str) -> None:
    """Make room for another table of the name; PostgreSQL's name of its key is taken as well."""
    op.rename_table(name, f"old_{name}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE old_{name} RENAME CONSTRAINT {name}_pkey TO old_{name}_pkey")


def _name_columns() -> list[sa.Column[str]]:
    sizes = (32, 64, 64, 64)
    return [
        sa.Column(name, sa.String(size), primary_key=True)
        for name, size in zip(_NAME, sizes, strict=True)
    ]


def _numbered() -> Iterator[dict[str, Any]]:
    """Read the runs by number, a few at a time: what is done for one may write to their table."""
    names = ("run_id", *_NAME, "open_edges")
    page = sa.select(*_columns(names)).select_from(_table("register_runs"))
    page = page.where(sa.column("run_id") > sa.bindparam("after")).order_by(sa.column("run_id"))
    after = 0
    while found := op.get_bind().execute(page.limit(RUNS_AT_ONCE), {"after": after}).all():
        for row in found:
            yield dict(zip(names, row, strict=True))
        after = found[-1][0]


def _table(name: str) -> sa.TableClause:
    names = ("run_id", "open_stretch", "open_edges", "modulus", *_NAME, *_DAY, "stretch")
    return sa.table(name, *(sa.column(one) for one in names))


def _columns(names: Sequence[str]) -> list[sa.ColumnClause[Any]]:
    return [sa.column(name) for name in names]


def _is_of(names: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(sa.column(name) == sa.bindparam(f"of_{name}") for name in names))


def _named(run: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {f"of_{name}": run[name] for name in names}


def _insert(table: sa.TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        op.get_bind().execute(table.insert(), [dict(row) for row in rows])
