"""First tables: hubs, logs, frames, meter-days, dead letters, tariffs; household_id everywhere."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

TABLES = (
    "store",
    "households",
    "hubs",
    "logs",
    "meters",
    "frames",
    "register_runs",
    "meter_days",
    "dead_letters",
    "tariffs",
)


def upgrade() -> None:
    """Make every table of the first schema."""
    _store()
    _households()
    _hubs()
    _logs()
    _meters()
    _frames()
    _register_runs()
    _meter_days()
    _dead_letters()
    _tariffs()


def downgrade() -> None:
    """Drop them all."""
    for name in TABLES:
        op.drop_table(name)


def _store() -> None:
    op.create_table(
        "store",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("store_id", sa.String(32), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )


def _households() -> None:
    op.create_table(
        "households",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
    )


def _hubs() -> None:
    op.create_table(
        "hubs",
        sa.Column("thing", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("agent_version", sa.String(64), nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column("connection_id", sa.String(64), nullable=False),
        sa.Column("receipt_revision", sa.BigInteger(), nullable=False),
        sa.Column("dead_letters_refused", sa.BigInteger(), nullable=False),
        sa.Column("conflicts", sa.BigInteger(), nullable=False),
        sa.Column("logs_refused", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_hubs_household_id", "hubs", ["household_id"])


def _logs() -> None:
    op.create_table(
        "logs",
        sa.Column("log_id", sa.String(32), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("meter", sa.String(64), nullable=False),
        sa.Column("first_seq_held", sa.BigInteger()),
        sa.Column("last_seq_held", sa.BigInteger()),
        sa.Column("coverage", sa.LargeBinary(), nullable=False),
        sa.Column("receipted_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("logs_by_meter", "logs", ["household_id", "meter"])
    op.create_index("logs_by_thing", "logs", ["thing"])


def _meters() -> None:
    op.create_table(
        "meters",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("medium", sa.String(16), nullable=False),
        sa.Column("first_taken_at_ms", sa.BigInteger()),
        sa.Column("last_taken_at_ms", sa.BigInteger()),
        sa.Column("longest_frame_ms", sa.BigInteger(), nullable=False),
    )


def _frames() -> None:
    op.create_table(
        "frames",
        sa.Column("frame_id", ROW_ID, primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("log_id", sa.String(32), nullable=False),
        sa.Column("meter", sa.String(64), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("first_taken_at_ms", sa.BigInteger()),
        sa.Column("last_taken_at_ms", sa.BigInteger()),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_index("frames_by_log", "frames", ["log_id", "last_seq", "first_seq"])
    op.create_index(
        "frames_by_meter",
        "frames",
        ["household_id", "meter", "last_taken_at_ms", "first_taken_at_ms"],
    )


def _register_runs() -> None:
    op.create_table(
        "register_runs",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("register", sa.String(64), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("modulus", sa.BigInteger(), nullable=False),
    )


def _meter_days() -> None:
    op.create_table(
        "meter_days",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("register", sa.String(64), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("utc_day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("edges", sa.LargeBinary(), nullable=False),
    )


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", ROW_ID, primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("log_id", sa.String(32), nullable=False),
        sa.Column("revision", sa.BigInteger()),
        sa.Column("first_seq", sa.BigInteger()),
        sa.Column("last_seq", sa.BigInteger()),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("thing", "digest", name="dead_letters_once"),
    )


def _tariffs() -> None:
    op.create_table(
        "tariffs",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("tariff", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
    )
