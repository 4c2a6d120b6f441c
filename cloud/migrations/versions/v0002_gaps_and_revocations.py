"""The gap ledger, revocations, limits of consent, and counts of what was refused or pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBERS = {
    "hubs": ("messages_refused", "dead_letters_expired", "store_renewals", "store_renewed_at_ms"),
    "logs": ("withheld_count", "thinned_count", "damaged_count"),
    "meters": ("frames_pruned",),
}
INDEXES = {
    "logs_by_hole": ("logs", "hole_since_ms"),
    "frames_by_age": ("frames", "received_at_ms"),
    "dead_letters_by_age": ("dead_letters", "received_at_ms"),
}
TEXTS = {"store_id": 32, "consent": 16}
"""Of hubs, with their greatest length."""


def upgrade() -> None:
    """Add the columns and make the two tables; what is there stays as it is."""
    for table, names in NUMBERS.items():
        for name in names:
            op.add_column(
                table, sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
            )
    for name, chars in TEXTS.items():
        op.add_column("hubs", sa.Column(name, sa.String(chars), nullable=False, server_default=""))
    op.add_column("logs", sa.Column("missing", sa.LargeBinary()))
    op.add_column("logs", sa.Column("hole_since_ms", sa.BigInteger()))
    for name, (table, column) in INDEXES.items():
        op.create_index(name, table, [column])
    op.create_table(
        "revocations",
        sa.Column("thing", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "consent_limits",
        sa.Column("thing", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("granularity", sa.String(16), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Take all of it away again."""
    op.drop_table("consent_limits")
    op.drop_table("revocations")
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
    for name in ("missing", "hole_since_ms"):
        op.drop_column("logs", name)
    for name in TEXTS:
        op.drop_column("hubs", name)
    for table, names in NUMBERS.items():
        for name in names:
            op.drop_column(table, name)
