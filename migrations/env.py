"""Alembic's entry: runs the steps on the connection that `migrations.upgrade` hands over."""

from alembic import context

from evaluator.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, compare_server_default=True
)
with context.begin_transaction():
    context.run_migrations()
