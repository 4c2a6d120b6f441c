"""Shadows, jobs and what comes of them at each hub, and whose a hub and a meter were when."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("shadows", "jobs", "job_executions", "tenancies", "household_tokens")
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; what is there stays as it is."""
    _shadows()
    _jobs()
    _job_executions()
    _tenancies()
    _household_tokens()


def downgrade() -> None:
    """Drop them."""
    for name in TABLES:
        op.drop_table(name)


def _shadows() -> None:
    op.create_table(
        "shadows",
        sa.Column("thing", sa.String(64), primary_key=True),
        sa.Column("shadow", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("told_version", sa.BigInteger(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("shadows_by_household", "shadows", ["household_id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(64), primary_key=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("forgiven_executed", sa.BigInteger(), nullable=False),
        sa.Column("forgiven_failed", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])


def _job_executions() -> None:
    op.create_table(
        "job_executions",
        sa.Column("thing", sa.String(64), primary_key=True),
        sa.Column("job_id", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("status_details", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("execution_number", sa.Integer(), nullable=False),
        sa.Column("queued_at_ms", sa.BigInteger()),
        sa.Column("started_at_ms", sa.BigInteger()),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("times_out_at_ms", sa.BigInteger()),
        sa.Column("is_told", sa.Boolean(), nullable=False),
    )
    op.create_index("job_executions_by_job", "job_executions", ["job_id", "stage", "status"])
    op.create_index("job_executions_by_timeout", "job_executions", ["times_out_at_ms"])
    op.create_index("job_executions_untold", "job_executions", ["is_told"])


def _tenancies() -> None:
    op.create_table(
        "tenancies",
        sa.Column("tenancy_id", ROW_ID, primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger()),
    )
    op.create_index("tenancies_by_name", "tenancies", ["kind", "name"])


def _household_tokens() -> None:
    op.create_table(
        "household_tokens",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("household_tokens_by_household", "household_tokens", ["household_id"])
