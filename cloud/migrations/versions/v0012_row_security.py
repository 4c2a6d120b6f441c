"""On PostgreSQL, security by row of every table with a household_id; on SQLite nothing."""

from alembic import op

from cloud.postgres import release_tables, secure_tables

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bind the database's own role to the rows of the households a transaction names."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        secure_tables(connection)


def downgrade() -> None:
    """Take the policies away."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        release_tables(connection)
