"""The count of samples that nobody will ever know the time of."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there stays as it is."""
    op.add_column(
        "logs", sa.Column("untimed_count", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("logs", "untimed_count")
