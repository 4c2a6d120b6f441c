"""The tables of the fleet: claims, certificates, shadows, jobs, and what hubs are asked live.

As all tables (cloud/tables.py): times are UTC epoch milliseconds.
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
)

from cloud.schema import metadata

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
