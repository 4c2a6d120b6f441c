"""Who wants live samples of a hub, and what has changed of a household."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the three tables, and an index of corrections; what is there stays as it is."""
    op.create_table(
        "live_demands",
        sa.Column("thing", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(96), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "change_counters",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("expired_revision", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("local_day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("changes_by_revision", "changes", ["household_id", "revision"])
    op.create_index("changes_by_age", "changes", ["changed_at_ms"])
    is_correction = sa.text("revision > 0")
    op.create_index(
        "frames_by_correction",
        "frames",
        ["household_id", "meter", "received_at_ms", "frame_id"],
        sqlite_where=is_correction,
        postgresql_where=is_correction,
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("frames_by_correction", "frames")
    for name in ("changes", "change_counters", "live_demands"):
        op.drop_table(name)
