"""The database's history: Alembic migrations that travel in the wheel."""
