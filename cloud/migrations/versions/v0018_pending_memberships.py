"""An invitation waits for the person who joined by it, until that person signs in."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add for whom an invitation waits; those there are wait for nobody yet."""
    op.add_column("invitations", sa.Column("user_id", sa.String(32)))
    op.add_column(
        "invitations",
        sa.Column("is_of_new", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("invitations_by_user", "invitations", ["user_id"])


def downgrade() -> None:
    """Take it away; what waits for somebody is over."""
    op.execute(sa.text("DELETE FROM invitations WHERE user_id IS NOT NULL"))
    op.drop_index("invitations_by_user", "invitations")
    op.drop_column("invitations", "is_of_new")
    op.drop_column("invitations", "user_id")
