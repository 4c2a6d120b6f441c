"""Every table, as SQLAlchemy Core; migrations bring a database to this shape (tested equal).

Times are UTC epoch milliseconds, energy mWh, all as 64-bit integers. Every row that belongs to a
household says so.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is exactly INTEGER."""

store = Table(
    "store",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("store_id", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

households = Table(
    "households",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("zone", String(64), nullable=False),
)

hubs = Table(
    "hubs",
    metadata,
    Column("thing", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False, index=True),
    Column("agent_version", String(64), nullable=False, default=""),
    Column("last_seen_ms", BigInteger, nullable=False),
    Column("is_online", Boolean, nullable=False, default=False),
    Column("connection_id", String(64), nullable=False, default=""),
    Column("receipt_revision", BigInteger, nullable=False, default=0),
    Column("dead_letters_refused", BigInteger, nullable=False, default=0),
    Column("conflicts", BigInteger, nullable=False, default=0),
    Column("logs_refused", BigInteger, nullable=False, default=0),
    Column("messages_refused", BigInteger, nullable=False, server_default="0"),
    Column("dead_letters_expired", BigInteger, nullable=False, server_default="0"),
    Column("store_id", String(32), nullable=False, server_default=""),
    Column("store_renewals", BigInteger, nullable=False, server_default="0"),
    Column("store_renewed_at_ms", BigInteger, nullable=False, server_default="0"),
    Column("consent", String(16), nullable=False, server_default=""),
)

revocations = Table(
    "revocations",
    metadata,
    Column("thing", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("revoked_at_ms", BigInteger, nullable=False),
)

consent_limits = Table(
    "consent_limits",
    metadata,
    Column("thing", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("granularity", String(16), nullable=False),
    Column("revision", BigInteger, nullable=False),
)

logs = Table(
    "logs",
    metadata,
    Column("log_id", String(32), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("thing", String(64), nullable=False),
    Column("meter", String(64), nullable=False),
    Column("first_seq_held", BigInteger),
    Column("last_seq_held", BigInteger),
    Column("coverage", LargeBinary, nullable=False),
    Column("receipted_at_ms", BigInteger, nullable=False, default=0),
    Column("missing", LargeBinary),
    Column("hole_since_ms", BigInteger),
    Column("withheld_count", BigInteger, nullable=False, server_default="0"),
    Column("thinned_count", BigInteger, nullable=False, server_default="0"),
    Column("damaged_count", BigInteger, nullable=False, server_default="0"),
    Column("untimed_count", BigInteger, nullable=False, server_default="0"),
    Index("logs_by_thing", "thing"),
    Index("logs_by_hole", "hole_since_ms"),
    Index("logs_by_meter", "household_id", "meter"),
)

meters = Table(
    "meters",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("medium", String(16), nullable=False, default=""),
    Column("first_taken_at_ms", BigInteger),
    Column("last_taken_at_ms", BigInteger),
    Column("longest_frame_ms", BigInteger, nullable=False, default=0),
    Column("frames_pruned", BigInteger, nullable=False, server_default="0"),
)

frames = Table(
    "frames",
    metadata,
    Column("frame_id", ROW_ID, primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("thing", String(64), nullable=False),
    Column("log_id", String(32), nullable=False),
    Column("meter", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("first_taken_at_ms", BigInteger),
    Column("last_taken_at_ms", BigInteger),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("frames_by_log", "log_id", "last_seq", "first_seq"),
    Index("frames_by_age", "received_at_ms"),
    Index("frames_by_meter", "household_id", "meter", "last_taken_at_ms", "first_taken_at_ms"),
)

register_runs = Table(
    "register_runs",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("register", String(64), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("modulus", BigInteger, nullable=False),
)

meter_days = Table(
    "meter_days",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("register", String(64), primary_key=True),
    Column("run", String(64), primary_key=True),
    Column("utc_day", Integer, primary_key=True, autoincrement=False),
    Column("edges", LargeBinary, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dead_letter_id", ROW_ID, primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("thing", String(64), nullable=False),
    Column("log_id", String(32), nullable=False, default=""),
    Column("revision", BigInteger),
    Column("first_seq", BigInteger),
    Column("last_seq", BigInteger),
    Column("code", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("seen_count", Integer, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("thing", "digest", name="dead_letters_once"),
    Index("dead_letters_by_age", "received_at_ms"),
)

agreements = Table(
    "agreements",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("agreements", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

top_ups = Table(
    "top_ups",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("top_up_id", String(64), primary_key=True),
    Column("paid_at_ms", BigInteger, nullable=False),
    Column("amount_millionths", BigInteger, nullable=False),
    Index("top_ups_by_time", "household_id", "meter", "paid_at_ms"),
)

catalogue = Table(
    "catalogue",
    metadata,
    Column("code", String(96), primary_key=True),
    Column("medium", String(16), nullable=False),
    Column("flow", String(16), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("offer", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Index("catalogue_by_medium", "medium", "flow"),
)
"""Tariffs anyone can have: no household's, written by the operator alone."""

catalogue_rates = Table(
    "catalogue_rates",
    metadata,
    Column("code", String(96), primary_key=True),
    Column("utc_day", Integer, primary_key=True, autoincrement=False),
    Column("prices", LargeBinary, nullable=False),
)
"""Half-hourly prices of the catalogue, 48 packed in a day's row (cloud/tariffs/ratedays.py)."""

tariffs = Table(
    "tariffs",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("tariff", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)
