"""Claims, hubs' certificates, and who of several processes does what only one may."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MADE = ("claims", "certificates", "leases")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "claims",
        sa.Column("claim_id", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("installer", sa.String(200), nullable=False),
        sa.Column("code_digest", sa.String(64), nullable=False),
        sa.Column("claim_key", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("redeemed_at_ms", sa.BigInteger()),
        sa.Column("used_at_ms", sa.BigInteger()),
        sa.Column("refused_count", sa.Integer(), nullable=False),
        sa.UniqueConstraint("code_digest", name="claims_by_code"),
    )
    op.create_index("claims_by_age", "claims", ["made_at_ms"])
    op.create_table(
        "certificates",
        sa.Column("certificate_id", sa.String(64), primary_key=True),
        sa.Column("household_id", sa.String(32), nullable=False),
        sa.Column("thing", sa.String(64), nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("asker", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("issued_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("not_after_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger()),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("token_expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.UniqueConstraint("asker", "key_id", name="certificates_once"),
    )
    op.create_index("certificates_by_thing", "certificates", ["thing"])
    op.create_index("certificates_by_status", "certificates", ["status", "changed_at_ms"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Take all of it away again."""
    for table in reversed(MADE):
        op.drop_table(table)
