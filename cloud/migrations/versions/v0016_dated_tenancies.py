"""A household's tenancies are found by it; on PostgreSQL they hide the readings outside of them."""

from alembic import op

from cloud.postgres import release_tenancies, secure_tenancies

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = ("frames", "meter_days")


def upgrade() -> None:
    """Add the index, and policies of readings that ask for the tenancy.

    The other index begins with the name: by its kind alone the policies would find everybody's.
    """
    op.drop_index("tenancies_by_name", "tenancies")
    op.create_index("tenancies_by_name", "tenancies", ["name", "kind"])
    op.create_index("tenancies_by_household", "tenancies", ["household_id", "kind", "name"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        secure_tenancies(connection, TABLES)


def downgrade() -> None:
    """Take the policies away and put the indexes back."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        release_tenancies(connection, TABLES)
    op.drop_index("tenancies_by_household", "tenancies")
    op.drop_index("tenancies_by_name", "tenancies")
    op.create_index("tenancies_by_name", "tenancies", ["kind", "name"])
