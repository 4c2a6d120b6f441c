"""Agreements with their top-ups, and the catalogue of tariffs with its half-hourly prices."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the four tables; what is there stays as it is."""
    op.create_table(
        "agreements",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("agreements", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "top_ups",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("top_up_id", sa.String(64), primary_key=True),
        sa.Column("paid_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("amount_millionths", sa.BigInteger(), nullable=False),
    )
    op.create_index("top_ups_by_time", "top_ups", ["household_id", "meter", "paid_at_ms"])
    op.create_table(
        "catalogue",
        sa.Column("code", sa.String(96), primary_key=True),
        sa.Column("medium", sa.String(16), nullable=False),
        sa.Column("flow", sa.String(16), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("offer", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("catalogue_by_medium", "catalogue", ["medium", "flow"])
    op.create_table(
        "catalogue_rates",
        sa.Column("code", sa.String(96), primary_key=True),
        sa.Column("utc_day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("prices", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    """Take them away again."""
    for name in ("catalogue_rates", "catalogue", "top_ups", "agreements"):
        op.drop_table(name)
