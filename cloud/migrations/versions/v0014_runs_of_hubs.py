"""The runs of a hub that spoke lately, by which two hubs with one identity are found out."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what is there no run is known."""
    op.add_column("hubs", sa.Column("runs", sa.LargeBinary()))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("hubs", "runs")
