"""Alembic's entry: runs the migrations on the connection that the catalog hands over."""

from alembic import context

from vitrine.stores.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
