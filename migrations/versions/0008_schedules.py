"""Night runs: schedules, what became of each night, and what a run may spend."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    _schedules()
    op.add_column("run", sa.Column("schedule_id", sa.BigInteger(), nullable=True))
    op.add_column("run", sa.Column("night", sa.Date(), nullable=True))
    op.add_column("run", sa.Column("budget", JSONB(), nullable=True))
    op.create_foreign_key(op.f("fk_run_schedule_id"), "run", "schedule", ["schedule_id"], ["id"])
    op.create_unique_constraint(op.f("uq_run_schedule_id_night"), "run", ["schedule_id", "night"])
    op.create_check_constraint(op.f("ck_run_night"), "run", "(schedule_id IS NULL) = (night IS NULL)")
    _nights()


def _moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[object]:
    default = sa.text("clock_timestamp()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _schedules() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("requisition", sa.Text(), nullable=True),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("days", ARRAY(sa.Integer()), nullable=False),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("budget", JSONB(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _moment("since", now=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        _moment("created_at", now=True),
        _moment("removed_at", nullable=True),
        sa.CheckConstraint("wanted IN ('missing', 'failed', 'stale', 'all')", name=op.f("ck_schedule_wanted")),
        sa.CheckConstraint("cardinality(days) BETWEEN 1 AND 7", name=op.f("ck_schedule_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
    )
    op.create_index(
        "ix_schedule_name", "schedule", ["name"], unique=True, postgresql_where=sa.text("removed_at IS NULL")
    )


def _nights() -> None:
    op.create_table(
        "schedule_night",
        sa.Column("schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        _moment("at", now=True),
        sa.CheckConstraint("outcome IN ('opened', 'nothing', 'missed')", name=op.f("ck_schedule_night_outcome")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_schedule_night_run_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name=op.f("fk_schedule_night_schedule_id")),
        sa.PrimaryKeyConstraint("schedule_id", "night", name=op.f("pk_schedule_night")),
    )


def downgrade() -> None:
    op.drop_table("schedule_night")
    op.drop_constraint(op.f("ck_run_night"), "run", type_="check")
    op.drop_constraint(op.f("uq_run_schedule_id_night"), "run", type_="unique")
    op.drop_constraint(op.f("fk_run_schedule_id"), "run", type_="foreignkey")
    for column in ("budget", "night", "schedule_id"):
        op.drop_column("run", column)
    op.drop_index("ix_schedule_name", "schedule")
    op.drop_table("schedule")
