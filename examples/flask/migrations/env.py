"""Runs the migrations on the database of the app. `alembic revision --autogenerate` compares with its tables."""

from alembic import context

from app import engine, metadata

with engine.connect() as connection:
    # SQLite can change little of a table in place: batch mode copies it instead.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
