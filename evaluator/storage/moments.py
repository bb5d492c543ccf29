"""Moments by the database's clock, the only one that all processes share."""

from typing import Any

from sqlalchemy import func


def from_now(seconds: float) -> Any:
    """That many seconds from now, as an expression."""
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
