"""Alembic's env.py, as `alembic init` lays it, with the kind of transaction to test."""
import os

from alembic import context
from sqlalchemy import create_engine, text

per_migration = os.environ.get("PER_MIGRATION") == "1"
url = f"postgresql+psycopg://postgres@/handover?host={os.environ['PGHOST']}&port={os.environ['PGPORT']}"


def run(connection):
    context.configure(connection=connection, transaction_per_migration=per_migration)
    with context.begin_transaction():
        context.run_migrations()
    if not connection.in_transaction():
        connection.begin()
    show = connection.execute(
        text("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
    ).one()
    connection.commit()
    print("lock_timeout=%s statement_timeout=%s" % tuple(show))


if context.is_offline_mode():
    context.configure(url=url, literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        run(connection)
