"""A PostgreSQL server that hangs: it accepts connections and says nothing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from evaluator.storage.database import Database
from tests.integration.storage.builders import rows


@contextmanager
def frozen(database: Database) -> Iterator[None]:
    """All processes of this database's server stand still (SIGSTOP) until the end of the block."""
    (row,) = rows(database, "SELECT pg_backend_pid() AS pid")
    postmaster = psutil.Process(row["pid"]).parent()
    postmaster.suspend()  # first, so that it starts no other
    stopped = [postmaster]
    try:
        for child in postmaster.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.suspend()
                stopped.append(child)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()
