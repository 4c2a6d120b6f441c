"""On PostgreSQL, days that changed are hidden where the meter was another household's by then."""

from alembic import op

from cloud.postgres import release_tenancies, secure_tenancies

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = ("changes",)


def upgrade() -> None:
    """Add the policy; on SQLite the query alone leaves those days out."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        secure_tenancies(connection, TABLES)


def downgrade() -> None:
    """Take the policy away."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        release_tenancies(connection, TABLES)
