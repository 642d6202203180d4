"""What Alembic runs: the revisions, on the connection and in the transaction that `migrations` hands over."""

from alembic import context

from activities.adapters.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
context.run_migrations()
