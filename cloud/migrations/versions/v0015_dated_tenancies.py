"""A household's tenancies are found by it; on PostgreSQL they hide the readings outside of them."""

from alembic import op

from cloud.postgres import secure_tables

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index, and put the policies anew: those of readings ask for the tenancy.

    The other index begins with the name: by its kind alone the policies would find everybody's.
    """
    op.drop_index("tenancies_by_name", "tenancies")
    op.create_index("tenancies_by_name", "tenancies", ["name", "kind"])
    op.create_index("tenancies_by_household", "tenancies", ["household_id", "kind", "name"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        secure_tables(connection)


def downgrade() -> None:
    """Put the indexes back; the policies stay, the program before takes no notice of them."""
    op.drop_index("tenancies_by_household", "tenancies")
    op.drop_index("tenancies_by_name", "tenancies")
    op.create_index("tenancies_by_name", "tenancies", ["kind", "name"])
