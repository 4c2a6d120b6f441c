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
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from cloud import (
    fleettables,  # noqa: F401  # their tables are of the same metadata
    moneytables,  # noqa: F401
    peopletables,  # noqa: F401
    schema,
)

metadata = schema.metadata
ROW_ID = schema.ROW_ID

RUNS_FILLED_PERCENT = 25
"""How full PostgreSQL makes a page of runs: each is rewritten with every frame and grows meanwhile,
and where its page has room for that no index has to know."""

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
    Column("runs", LargeBinary),
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
    Index(
        "frames_by_correction",
        "household_id",
        "meter",
        "received_at_ms",
        "frame_id",
        sqlite_where=text("revision > 0"),
        postgresql_where=text("revision > 0"),
    ),
    Index("frames_by_meter", "household_id", "meter", "last_taken_at_ms", "first_taken_at_ms"),
    Index("frames_by_household", "household_id", "frame_id"),
)

register_runs = Table(
    "register_runs",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("open_stretch", Integer),
    Column("modulus", BigInteger, nullable=False),
    Column("household_id", String(32), nullable=False),
    Column("meter", String(64), nullable=False),
    Column("register", String(64), nullable=False),
    Column("run", String(64), nullable=False),
    Column("open_edges", LargeBinary),
    UniqueConstraint("household_id", "meter", "register", "run", name="register_runs_once"),
    postgresql_with={"fillfactor": RUNS_FILLED_PERCENT},
)
"""A meter's register runs, each with the newest days that are known of it."""

STRETCH_DAYS = 2
"""UTC days in a row. More would make it smaller, and what each frame rewrites larger."""

meter_days = Table(
    "meter_days",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("stretch", Integer, primary_key=True, autoincrement=False),
    Column("household_id", String(32), nullable=False),
    Column("edges", LargeBinary, nullable=False),
)
"""The days before those, laid down once: two UTC days a row, numbered from 1970."""

imports = Table(
    "imports",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("import_id", String(32), primary_key=True),
    Column("meter", String(64), nullable=False),
    Column("quantity", String(16), nullable=False),
    Column("format", String(32), nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("first_slot", BigInteger, nullable=False),
    Column("last_slot", BigInteger, nullable=False),
    Column("slot_count", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("rejected_count", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("household_id", "meter", "quantity", "digest", name="imports_once"),
)

imported_days = Table(
    "imported_days",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("quantity", String(16), primary_key=True),
    Column("utc_day", Integer, primary_key=True, autoincrement=False),
    Column("import_id", String(32), primary_key=True),
    Column("slots", LargeBinary, nullable=False),
    Index("imported_days_by_import", "household_id", "import_id"),
)
"""What imports said, apart from what hubs read (cloud/readings/imported.py)."""

gas_conversions = Table(
    "gas_conversions",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("starts_on", String(10), primary_key=True),
    Column("calorific_value_kj_per_m3", BigInteger, nullable=False),
    Column("volume_correction_millionths", BigInteger, nullable=False),
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


tenancies = Table(
    "tenancies",
    metadata,
    Column("tenancy_id", ROW_ID, primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("name", String(64), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Index("tenancies_by_name", "name", "kind"),
    Index("tenancies_by_household", "household_id", "kind", "name"),
)

household_tokens = Table(
    "household_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("household_tokens_by_household", "household_id"),
)


change_counters = Table(
    "change_counters",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("expired_revision", BigInteger, nullable=False),
)
"""How far a household's changes have come; its row is the last lock that a transaction takes."""

changes = Table(
    "changes",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("local_day", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Index("changes_by_revision", "household_id", "revision"),
    Index("changes_by_age", "changed_at_ms"),
)
"""What has changed of a household, each thing once with its newest revision."""

lake_exports = Table(
    "lake_exports",
    metadata,
    Column("lake_id", String(32), primary_key=True),
    Column("url", Text, nullable=False),
    Column("store_id", String(32), nullable=False),
    Column("exported_to", BigInteger, nullable=False),
    Column("window_to", BigInteger, nullable=False),
    Column("at_household", String(32), nullable=False),
    Column("at_frame", BigInteger, nullable=False),
    Column("piece_rows", BigInteger, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
)
"""How far each lake has got (cloud/lake/repository.py); no household's."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", String(64), primary_key=True),
    Column("key_digest", String(64), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("answer", LargeBinary),
    Index("idempotency_keys_by_age", "made_at_ms"),
)
