"""Run by Alembic: takes the connection, and its open transaction, from `Database.migrate`."""

from alembic import context

from cloud.tables import metadata

# Alembic takes SQLite to be unable to change its schema in a transaction, and would commit after
# each step: another process could then run the next one too.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
