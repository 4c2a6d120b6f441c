"""The answers to writes that may be sent again, kept for a day."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what is there stays as it is."""
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.String(64), primary_key=True),
        sa.Column("key_digest", sa.String(64), primary_key=True),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary()),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["made_at_ms"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("idempotency_keys")
