"""Whose homes people have part in, invitations to them, and API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MADE = ("members", "invitations", "api_keys")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "members",
        sa.Column("household_id", sa.String(32), primary_key=True),
        sa.Column("user_id", sa.String(32), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger()),
    )
    op.create_index("members_by_user", "members", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.String(32), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("made_by", sa.String(32), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("digest", name="invitations_by_digest"),
    )
    op.create_index("invitations_by_household", "invitations", ["household_id"])
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(32), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at_ms", sa.BigInteger()),
        sa.Column("revoked_at_ms", sa.BigInteger()),
        sa.UniqueConstraint("digest", name="api_keys_by_digest"),
    )
    op.create_index("api_keys_by_household", "api_keys", ["household_id"])


def downgrade() -> None:
    """Take all of it away again."""
    for table in reversed(MADE):
        op.drop_table(table)
