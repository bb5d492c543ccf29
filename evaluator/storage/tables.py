"""The tables, as SQLAlchemy Core; migrations/ makes them, a test proves that both agree."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _moment(name: str, *, now: bool = False, nullable: bool = False) -> Column[object]:
    default = func.clock_timestamp() if now else None
    return Column(name, DateTime(timezone=True), server_default=default, nullable=nullable)


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


rubric = Table(
    "rubric",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    _moment("released_at", now=True),
)

interview = Table(
    "interview",
    metadata,
    Column("id", Text, primary_key=True),
    Column("candidate_ref", Text, nullable=False),
    Column("candidate_name", Text),  # shown only after a logged reveal; never in logs or messages
    Column("requisition", Text, nullable=False),
    Column("rubric_id", Text, nullable=False),
    Column("rubric_version", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("manifest", JSONB, nullable=False),
    Column("transcript_key", Text, nullable=False),
    Column("transcript_sha256", Text, nullable=False),
    _moment("started_at", nullable=True),
    _moment("ended_at", nullable=True),
    _moment("taken_in_at", now=True),
    _one_of("consent", "granted", "refused", "withdrawn", "unknown"),
)
Index("ix_interview_taken_in_at_id", interview.c.taken_in_at.desc(), interview.c.id)
Index("ix_interview_requisition", interview.c.requisition)

intake_rejection = Table(
    "intake_rejection",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", Text, nullable=False),  # where the object was
    Column("kept_as", Text, nullable=False),  # where it is now
    Column("reason", Text, nullable=False),
    _moment("at", now=True),
    UniqueConstraint("kept_as"),
)

evaluation = Table(
    "evaluation",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("interview_id", Text, ForeignKey("interview.id"), nullable=False),
    Column("evaluation_key", Text, nullable=False),
    Column("rubric_id", Text, nullable=False),
    Column("rubric_version", Text, nullable=False),
    Column("transcript_key", Text, nullable=False),
    Column("transcript_sha256", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt_version", Text, nullable=False),
    Column("sampling", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    _moment("not_before", now=True),
    _moment("leased_until", nullable=True),
    Column("worker", Text),
    Column("run_id", BigInteger, ForeignKey("run.id")),  # in whose name it was claimed
    Column("sections_total", Integer, nullable=False),
    Column("sections_done", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("stalls", Integer, nullable=False, server_default=text("0")),
    Column("interruptions", Integer, nullable=False, server_default=text("0")),
    Column("code", Text),  # of the last failure
    Column("detail", Text),
    _moment("created_at", now=True),
    _moment("updated_at", now=True),
    UniqueConstraint("interview_id", "evaluation_key"),
    _one_of("state", "pending", "running", "done", "quarantined", "cancelled", "blocked"),
    CheckConstraint("(state = 'running') = (leased_until IS NOT NULL)", name="lease"),
)
Index(
    "ix_evaluation_due",
    text("(fence > 0) DESC"),
    evaluation.c.id,
    postgresql_where=evaluation.c.state == "pending",
)
Index(
    "ix_evaluation_leased_until",
    evaluation.c.leased_until,
    postgresql_where=evaluation.c.state == "running",
)

evaluation_event = Table(
    "evaluation_event",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("evaluation_id", BigInteger, ForeignKey("evaluation.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("worker", Text),
    Column("run_id", BigInteger),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _moment("at", now=True),
)
Index("ix_evaluation_event_evaluation_id", evaluation_event.c.evaluation_id, evaluation_event.c.id)

scorecard = Table(
    "scorecard",
    metadata,
    Column("id", Text, primary_key=True),
    Column("evaluation_id", BigInteger, ForeignKey("evaluation.id"), nullable=False, unique=True),
    Column("interview_id", Text, ForeignKey("interview.id"), nullable=False),
    Column("evaluation_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("execution", JSONB, nullable=False),  # engine, tokens, timings: facts, never part of the body
    _moment("created_at", now=True),
    _one_of("state", "scored", "needs_review", "unscorable"),
)
Index("ix_scorecard_interview_id", scorecard.c.interview_id, scorecard.c.created_at)

run = Table(
    "run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("closed_because", Text),
    Column("selection", JSONB, nullable=False),
    Column("model", Text, nullable=False),
    _moment("deadline", nullable=True),
    _moment("created_at", now=True),
    _moment("closed_at", nullable=True),
    _one_of("state", "open", "paused", "closed"),
    CheckConstraint("(state = 'closed') = (closed_because IS NOT NULL)", name="closed"),
    CheckConstraint("closed_because IN ('finished', 'stopped', 'deadline', 'budget')", name="closed_because"),
)

run_member = Table(
    "run_member",
    metadata,
    Column("run_id", BigInteger, ForeignKey("run.id"), primary_key=True),
    Column("evaluation_id", BigInteger, ForeignKey("evaluation.id"), primary_key=True),
    Column("skipped", Text),  # why it was not worked on although selected, such as "up_to_date"
    Column("outcome", Text),  # written once, when the run closes
)
Index("ix_run_member_evaluation_id", run_member.c.evaluation_id)

node = Table(
    "node",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("slots", Integer, nullable=False, server_default=text("0")),  # interviews that it scores at once
    _moment("seen_at", now=True),
    _one_of("kind", "worker", "reconciler"),
)

calibration = Table(
    "calibration",  # append-only: a measurement is never changed, a newer one stands beside it
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("rubric_id", Text, nullable=False),
    Column("rubric_version", Text, nullable=False),
    Column("model", Text, nullable=False),  # name@revision
    Column("prompt_version", Text, nullable=False),
    _moment("measured_at", now=True),
    Column("body", JSONB, nullable=False),
    _one_of("kind", "noise", "agreement"),
)
Index(
    "ix_calibration_rubric_id_rubric_version",
    calibration.c.rubric_id,
    calibration.c.rubric_version,
    calibration.c.id,
)
