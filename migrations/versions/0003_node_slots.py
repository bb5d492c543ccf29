"""How many interviews a worker scores at once: what the queue is filled up to depends on it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("node", sa.Column("slots", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("node", "slots")
