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
    peopletables,  # noqa: F401  # its tables are of the same metadata
    schema,
)

metadata = schema.metadata
ROW_ID = schema.ROW_ID

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

shadows = Table(
    "shadows",
    metadata,
    Column("thing", String(64), primary_key=True),
    Column("shadow", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("told_version", BigInteger, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Index("shadows_by_household", "household_id"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("reason", String(200), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("forgiven_executed", BigInteger, nullable=False),
    Column("forgiven_failed", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)
"""The operator's, of no household; what comes of a job at a hub is the hub's household's."""

job_executions = Table(
    "job_executions",
    metadata,
    Column("thing", String(64), primary_key=True),
    Column("job_id", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_details", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("execution_number", Integer, nullable=False),
    Column("queued_at_ms", BigInteger),
    Column("started_at_ms", BigInteger),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("times_out_at_ms", BigInteger),
    Column("is_told", Boolean, nullable=False),
    Index("job_executions_by_job", "job_id", "stage", "status"),
    Index("job_executions_by_timeout", "times_out_at_ms"),
    Index("job_executions_untold", "is_told"),
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
    Index("tenancies_by_name", "kind", "name"),
)

household_tokens = Table(
    "household_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("household_tokens_by_household", "household_id"),
)
claims = Table(
    "claims",
    metadata,
    Column("claim_id", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("thing", String(64), nullable=False),
    Column("installer", String(200), nullable=False),
    Column("code_digest", String(64), nullable=False),
    Column("claim_key", LargeBinary(32), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("certificate", Text, nullable=False),
    Column("redeemed_at_ms", BigInteger),
    Column("used_at_ms", BigInteger),
    Column("refused_count", Integer, nullable=False),
    UniqueConstraint("code_digest", name="claims_by_code"),
    Index("claims_by_age", "made_at_ms"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("certificate_id", String(64), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("thing", String(64), nullable=False),
    Column("serial", String(40), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("asker", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger),
    Column("token", String(64), nullable=False),
    Column("token_expires_at_ms", BigInteger, nullable=False),
    Column("pem", Text, nullable=False),
    UniqueConstraint("asker", "key_id", name="certificates_once"),
    Index("certificates_by_thing", "thing"),
    Index("certificates_by_status", "status", "changed_at_ms"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

live_demands = Table(
    "live_demands",
    metadata,
    Column("thing", String(64), primary_key=True),
    Column("holder", String(96), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
"""Until when each process of the API wants live samples of a hub, for each meter watched there."""

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
