"""Alembic's entry: migrates over the connection that `upgrade_schema` hands in."""

from alembic import context

from worker.database.schema import VERSION_TABLE
from worker.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
