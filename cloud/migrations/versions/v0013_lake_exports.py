"""How far the lake has got, and an index by which one household's frames are found in order."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the index; what is there stays as it is."""
    op.create_table(
        "lake_exports",
        sa.Column("lake_id", sa.String(32), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("store_id", sa.String(32), nullable=False),
        sa.Column("exported_to", sa.BigInteger(), nullable=False),
        sa.Column("window_to", sa.BigInteger(), nullable=False),
        sa.Column("at_household", sa.String(32), nullable=False),
        sa.Column("at_frame", sa.BigInteger(), nullable=False),
        sa.Column("piece_rows", sa.BigInteger(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("frames_by_household", "frames", ["household_id", "frame_id"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("frames_by_household", "frames")
    op.drop_table("lake_exports")
