"""Imported history, apart from readings, and each gas meter's dated conversions."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

IMPORT_NUMBERS = (
    "first_slot",
    "last_slot",
    "slot_count",
    "amount",
    "rejected_count",
    "created_at_ms",
)


def upgrade() -> None:
    """Add the three tables; what is there stays as it is."""
    op.create_table(
        "imports",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("import_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), nullable=False),
        sa.Column("quantity", sa.String(16), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in IMPORT_NUMBERS),
        sa.UniqueConstraint("household_id", "meter", "quantity", "digest", name="imports_once"),
    )
    op.create_table(
        "imported_days",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("quantity", sa.String(16), primary_key=True),
        sa.Column("utc_day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("import_id", sa.String(32), primary_key=True),
        sa.Column("slots", sa.LargeBinary(), nullable=False),
    )
    op.create_index("imported_days_by_import", "imported_days", ["household_id", "import_id"])
    op.create_table(
        "gas_conversions",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("meter", sa.String(64), primary_key=True),
        sa.Column("starts_on", sa.String(10), primary_key=True),
        sa.Column("calorific_value_kj_per_m3", sa.BigInteger(), nullable=False),
        sa.Column("volume_correction_millionths", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Take the three tables away again."""
    op.drop_table("gas_conversions")
    op.drop_index("imported_days_by_import", "imported_days")
    op.drop_table("imported_days")
    op.drop_table("imports")
