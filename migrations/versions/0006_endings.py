"""How a live interview ended, and that a person released one that broke off; an index for its neighbours in time."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("interview", sa.Column("ending", sa.Text(), nullable=True))
    op.add_column("interview", sa.Column("sections_reached", sa.Integer(), nullable=True))
    op.add_column("interview", sa.Column("wants_person", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("interview", sa.Column("released_sha256", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_interview_ending"), "interview", "ending IN ('finished', 'stopped', 'silent', 'incomplete')"
    )
    op.create_index(
        "ix_interview_requisition_interviewed_at",
        "interview",
        ["requisition", sa.text("COALESCE(started_at, '-infinity'::timestamp with time zone)"), "id"],
    )


def downgrade() -> None:
    op.drop_index("ix_interview_requisition_interviewed_at", "interview")
    op.drop_constraint(op.f("ck_interview_ending"), "interview", type_="check")
    for column in ("released_sha256", "wants_person", "sections_reached", "ending"):
        op.drop_column("interview", column)
