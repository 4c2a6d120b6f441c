"""Run by Alembic: takes the connection, and its open transaction, from `Database.migrate`."""

from alembic import context

from cloud.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
