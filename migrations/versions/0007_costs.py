"""What evaluations cost: lives of workers with their prices, calls of the judge, and how both were attributed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("evaluation_event", sa.Column("session_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_evaluation_event_session_id",
        "evaluation_event",
        ["session_id", "at"],
        unique=False,
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    _node_sessions()
    _judge_calls()
    _settled()


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _node_sessions() -> None:
    op.create_table(
        "node_session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("billed_from", sa.Text(), nullable=False),
        _moment("started_at"),
        _moment("ready_at", nullable=True),
        _moment("seen_at"),
        _moment("ended_at", nullable=True),
        _moment("settled_until"),
        sa.Column("node_hour_price", sa.Numeric(), nullable=True),
        sa.Column("prompt_price", sa.Numeric(), nullable=True),
        sa.Column("cached_price", sa.Numeric(), nullable=True),
        sa.Column("completion_price", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price_source", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("billed_from IN ('worker', 'boot')", name=op.f("ck_node_session_billed_from")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_session")),
    )
    op.create_index("ix_node_session_seen_at", "node_session", ["seen_at"], unique=False)
    op.create_index("ix_node_session_node", "node_session", ["node", "seen_at"], unique=False)


def _judge_calls() -> None:
    op.create_table(
        "judge_call",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("evaluation_id", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("section_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluation.id"], name=op.f("fk_judge_call_evaluation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judge_call")),
    )
    op.create_index("ix_judge_call_evaluation_id", "judge_call", ["evaluation_id", "id"], unique=False)
    op.create_index("ix_judge_call_session_id", "judge_call", ["session_id", "at"], unique=False)


def _settled() -> None:
    op.create_table(
        "claim_cost",
        sa.Column("evaluation_id", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        _moment("hour"),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("work_s", sa.Double(), nullable=False),
        sa.Column("waste_s", sa.Double(), nullable=False),
        sa.Column("engine_s", sa.Double(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("calls_wasted", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluation.id"], name=op.f("fk_claim_cost_evaluation_id")),
        sa.ForeignKeyConstraint(["session_id"], ["node_session.id"], name=op.f("fk_claim_cost_session_id")),
        sa.PrimaryKeyConstraint("evaluation_id", "fence", "hour", name=op.f("pk_claim_cost")),
    )
    op.create_index("ix_claim_cost_run_id", "claim_cost", ["run_id"], unique=False)
    op.create_index("ix_claim_cost_hour", "claim_cost", ["hour"], unique=False)
    op.create_table(
        "idle_cost",
        sa.Column("session_id", sa.Text(), nullable=False),
        _moment("hour"),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.CheckConstraint("kind IN ('idle', 'cold')", name=op.f("ck_idle_cost_kind")),
        sa.ForeignKeyConstraint(["session_id"], ["node_session.id"], name=op.f("fk_idle_cost_session_id")),
        sa.PrimaryKeyConstraint("session_id", "hour", "run_id", "kind", name=op.f("pk_idle_cost")),
    )
    op.create_index("ix_idle_cost_run_id", "idle_cost", ["run_id"], unique=False)
    op.create_index("ix_idle_cost_hour", "idle_cost", ["hour"], unique=False)


def downgrade() -> None:
    for table in ("idle_cost", "claim_cost", "judge_call", "node_session"):
        op.drop_table(table)
    op.drop_index("ix_evaluation_event_session_id", "evaluation_event")
    op.drop_column("evaluation_event", "session_id")
