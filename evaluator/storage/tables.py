"""The tables, as SQLAlchemy Core; migrations/ makes them, a test proves that both agree."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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


TRANSCRIPT_ALERTS = (  # those that are computed without the judge
    "jsonb_array_length(jsonb_path_query_array(body, "
    """'$."alerts"[*]?(@."code" == "speaks_to_judge" || @."code" == "section_missing")'::jsonpath))"""
)

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
    Column("ending", Text),  # of a live interview
    Column("sections_reached", Integer),
    Column("wants_person", Boolean, nullable=False, server_default=text("false")),
    Column("released_sha256", Text),  # the transcript that a person released although the interview broke off
    _one_of("consent", "granted", "refused", "withdrawn", "unknown"),
    _one_of("ending", "finished", "stopped", "silent", "incomplete"),
)
Index("ix_interview_taken_in_at_id", interview.c.taken_in_at.desc(), interview.c.id)
Index("ix_interview_requisition", interview.c.requisition)
Index("ix_interview_requisition_taken_in_at", interview.c.requisition, interview.c.taken_in_at, interview.c.id)
Index(
    "ix_interview_interviewed_at",
    text("COALESCE(started_at, '-infinity'::timestamp with time zone)"),
    interview.c.id,
)
Index(
    "ix_interview_requisition_interviewed_at",
    interview.c.requisition,
    text("COALESCE(started_at, '-infinity'::timestamp with time zone)"),
    interview.c.id,
)

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

Index("ix_evaluation_interview_id_id", evaluation.c.interview_id, evaluation.c.id)

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
    Column("session_id", Text),  # of a claim: whose time it takes; a node_session, whose row may come later
)
Index("ix_evaluation_event_evaluation_id", evaluation_event.c.evaluation_id, evaluation_event.c.id)
Index(
    "ix_evaluation_event_session_id",
    evaluation_event.c.session_id,
    evaluation_event.c.at,
    postgresql_where=evaluation_event.c.session_id.is_not(None),
)

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
    # Of the body, which PostgreSQL keeps apart from the row: a list of ten thousand must not open each.
    Column("overall", Double, Computed("((body #>> '{overall,value}'::text[]))::double precision", persisted=True)),
    Column("alerts", Integer, Computed("jsonb_array_length((body -> 'alerts'::text))", persisted=True)),
    Column("transcript_alerts", Integer, Computed(TRANSCRIPT_ALERTS, persisted=True)),
    _moment("created_at", now=True),
    _one_of("state", "scored", "needs_review", "unscorable"),
)
Index("ix_scorecard_interview_id", scorecard.c.interview_id, scorecard.c.created_at)

schedule = Table(
    "schedule",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("requisition", Text),  # null: all
    Column("wanted", Text, nullable=False),  # missing, failed, stale or all
    Column("at", Text, nullable=False),  # HH:MM of the local clock
    Column("zone", Text, nullable=False),  # by its name in the zone database
    Column("days", ARRAY(Integer), nullable=False),  # on which a night begins; 0 is Monday
    Column("until", Text),  # a night's deadline: HH:MM, or hours as in 8h; null: until the next night
    Column("budget", JSONB(none_as_null=True)),  # of each night
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _moment("since", now=True),  # nights that begin earlier do not count
    Column("trouble", Text),  # why the present night could not be begun so far
    _moment("created_at", now=True),
    _moment("removed_at", nullable=True),
    _one_of("wanted", "missing", "failed", "stale", "all"),
    CheckConstraint("cardinality(days) BETWEEN 1 AND 7", name="days"),
)
Index("ix_schedule_name", schedule.c.name, unique=True, postgresql_where=schedule.c.removed_at.is_(None))

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
    Column("schedule_id", BigInteger, ForeignKey("schedule.id")),  # whose night it is; null: somebody started it
    Column("night", Date),  # local, on which it began
    Column("budget", JSONB(none_as_null=True)),
    UniqueConstraint("schedule_id", "night"),
    CheckConstraint("(schedule_id IS NULL) = (night IS NULL)", name="night"),
    _one_of("state", "open", "paused", "closed"),
    CheckConstraint("(state = 'closed') = (closed_because IS NOT NULL)", name="closed"),
    CheckConstraint("closed_because IN ('finished', 'stopped', 'deadline', 'budget')", name="closed_because"),
)

schedule_night = Table(
    "schedule_night",  # what became of each night, also of one without a run
    metadata,
    Column("schedule_id", BigInteger, ForeignKey("schedule.id"), primary_key=True),
    Column("night", Date, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("run_id", BigInteger, ForeignKey("run.id")),
    Column("detail", Text),
    _moment("at", now=True),
    _one_of("outcome", "opened", "nothing", "missed"),
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

node_session = Table(
    "node_session",  # what is paid for: one worker's life on one machine, at the prices of that time
    metadata,
    Column("id", Text, primary_key=True),  # its worker made it, so that claims may name it before the row is there
    Column("name", Text, nullable=False),  # of the main process, as in `node`
    Column("node", Text, nullable=False),  # the machine
    Column("model", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("billed_from", Text, nullable=False),
    _moment("started_at"),
    _moment("ready_at", nullable=True),
    _moment("seen_at"),
    _moment("ended_at", nullable=True),  # null: it lives, or was killed, and then ended when it was last seen
    _moment("settled_until"),  # up to here its time stands in claim_cost and idle_cost
    Column("node_hour_price", Numeric),  # null, here and below: not known
    Column("prompt_price", Numeric),  # this and the next two: of a million tokens
    Column("cached_price", Numeric),
    Column("completion_price", Numeric),
    Column("currency", Text, nullable=False),
    Column("price_source", Text, nullable=False, server_default=text("''")),
    _one_of("billed_from", "worker", "boot"),
)
Index("ix_node_session_seen_at", node_session.c.seen_at)
Index("ix_node_session_node", node_session.c.node, node_session.c.seen_at)

judge_call = Table(
    "judge_call",  # append-only: each call of the judge that ended, also where its answer does not count
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("evaluation_id", BigInteger, ForeignKey("evaluation.id"), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("session_id", Text),  # null: outside of a worker
    Column("section_id", Text, nullable=False),
    Column("part", Text),  # of a section that was judged in windows: which one
    _moment("at", now=True),  # of its end
    Column("duration_s", Double, nullable=False),
    Column("prompt_tokens", Integer),  # null, here and below: not told
    Column("cached_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("kept", Boolean, nullable=False),  # whether its answer is the checkpoint
)
Index("ix_judge_call_evaluation_id", judge_call.c.evaluation_id, judge_call.c.id)
Index("ix_judge_call_session_id", judge_call.c.session_id, judge_call.c.at)

claim_cost = Table(
    "claim_cost",  # what settled time of nodes went to which claim; an hour is one of the clock, in UTC
    metadata,
    Column("evaluation_id", BigInteger, ForeignKey("evaluation.id"), nullable=False),
    Column("fence", BigInteger, nullable=False),
    _moment("hour"),
    Column("session_id", Text, ForeignKey("node_session.id"), nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("ending", Text, nullable=False),  # the kind of the event that ended the claim
    Column("work_s", Double, nullable=False),
    Column("waste_s", Double, nullable=False),
    Column("engine_s", Double, nullable=False),
    Column("ended", Integer, nullable=False),  # 1 in the hour in which the claim ended
    Column("calls", Integer, nullable=False),
    Column("calls_wasted", Integer, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    PrimaryKeyConstraint("evaluation_id", "fence", "hour"),
)
Index("ix_claim_cost_run_id", claim_cost.c.run_id)
Index("ix_claim_cost_hour", claim_cost.c.hour)

idle_cost = Table(
    "idle_cost",  # settled time of nodes that went to no claim, shared by the runs that were open
    metadata,
    Column("session_id", Text, ForeignKey("node_session.id"), nullable=False),
    _moment("hour"),
    Column("run_id", BigInteger, nullable=False),  # 0: no run was open
    Column("kind", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    PrimaryKeyConstraint("session_id", "hour", "run_id", "kind"),
    _one_of("kind", "idle", "cold"),
)
Index("ix_idle_cost_run_id", idle_cost.c.run_id)
Index("ix_idle_cost_hour", idle_cost.c.hour)

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

requisition = Table(
    "requisition",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False, server_default=text("''")),
    Column("blind", Boolean, nullable=False, server_default=text("false")),
    Column("reviewers_needed", Integer, nullable=False, server_default=text("1")),
    _moment("created_at", now=True),
    CheckConstraint("reviewers_needed BETWEEN 1 AND 9", name="reviewers_needed"),
)

person = Table(
    "person",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("issuer", Text, nullable=False),  # who vouches for them; `local` on one machine
    Column("subject", Text, nullable=False),  # their name there, which never changes
    Column("name", Text, nullable=False),  # as people call them; never in logs
    Column("admin", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _moment("created_at", now=True),
    UniqueConstraint("issuer", "subject"),
)

membership = Table(
    "membership",
    metadata,
    Column("requisition", Text, ForeignKey("requisition.id"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    _moment("since", now=True),
    _one_of("role", "recruiter", "hiring_manager", "reviewer"),
)
Index("ix_membership_person_id", membership.c.person_id)

session = Table(
    "session",  # the token itself is nowhere
    metadata,
    Column("id_sha256", Text, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), nullable=False),
    Column("csrf_sha256", Text, nullable=False),
    _moment("created_at", now=True),
    _moment("seen_at", now=True),
    _moment("ends_at"),
)
Index("ix_session_person_id", session.c.person_id)

login_link = Table(
    "login_link",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), nullable=False),
    _moment("created_at", now=True),
    _moment("ends_at"),
    _moment("used_at", nullable=True),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    _moment("created_at", now=True),
    _moment("ends_at"),
    _moment("revoked_at", nullable=True),
    _moment("used_at", nullable=True),
)
Index("ix_api_token_person_id", api_token.c.person_id)

assignment = Table(
    "assignment",
    metadata,
    Column("interview_id", Text, ForeignKey("interview.id"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), primary_key=True),
    Column("assigned_by", BigInteger),  # a person; null: the command line
    _moment("at", now=True),
)
Index("ix_assignment_person_id", assignment.c.person_id)

review_draft = Table(
    "review_draft",  # a person's own, changed as they like until they submit
    metadata,
    Column("scorecard_id", Text, ForeignKey("scorecard.id"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    _moment("updated_at", now=True),
)

human_record = Table(
    "human_record",  # append-only: what people did to a scorecard
    metadata,
    Column("scorecard_id", Text, ForeignKey("scorecard.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id")),  # null: the command line
    Column("person", Text, nullable=False),  # their name then
    Column("kind", Text, nullable=False),
    Column("act", JSONB, nullable=False),
    _moment("at", now=True),
    _one_of("kind", "review", "final", "recommendation", "dismissal", "restoration"),
    CheckConstraint("number >= 1", name="number"),
)
Index(
    "ix_human_record_first_scores",  # a person's own scores of a scorecard are given once
    human_record.c.scorecard_id,
    human_record.c.person_id,
    unique=True,
    postgresql_where=human_record.c.kind == "review",
)

audit = Table(
    "audit",  # append-only; each row's digest covers the one before
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    _moment("at", now=True),
    Column("person_id", BigInteger),  # null: the command line
    Column("person", Text, nullable=False),  # their name then
    Column("entry", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("requisition", Text),
    Column("detail", JSONB, nullable=False),
    Column("previous_sha256", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    _one_of("entry", "session", "token", "command"),
)
for _filter in ("person_id", "action", "requisition"):
    Index(f"ix_audit_{_filter}_id", audit.c[_filter], audit.c.id)

saved_view = Table(
    "saved_view",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("person.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),  # of the page's address
    _moment("created_at", now=True),
    UniqueConstraint("person_id", "name"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("requisition", Text, ForeignKey("requisition.id")),  # null: all
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # what messages are signed with, so it is needed as it is
    Column("events", ARRAY(Text), nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_by", BigInteger),  # a person; null: the command line
    _moment("created_at", now=True),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("webhook_id", BigInteger, ForeignKey("webhook.id"), nullable=False),
    Column("message_id", Text, nullable=False, unique=True),
    Column("event", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _moment("not_before", now=True),
    Column("status", Integer),  # the last answer's; null: there was none
    Column("error", Text),
    _moment("created_at", now=True),
    _moment("delivered_at", nullable=True),
    _one_of("state", "pending", "delivered", "failed"),
)
Index("ix_webhook_delivery_webhook_id", webhook_delivery.c.webhook_id, webhook_delivery.c.id)
Index(
    "ix_webhook_delivery_due",
    webhook_delivery.c.not_before,
    postgresql_where=webhook_delivery.c.state == "pending",
)

webhook_try = Table(
    "webhook_try",  # append-only; it outlives the message and the webhook, whose numbers are never used again
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("webhook_id", BigInteger, nullable=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ...; begins anew when somebody has the message delivered again
    _moment("at"),  # of its beginning
    Column("status", Integer),  # the answer's; null: there was none
    Column("error", Text),
    Column("seconds", Double, nullable=False),
    CheckConstraint("number >= 1", name="number"),
)
Index("ix_webhook_try_delivery_id", webhook_try.c.delivery_id, webhook_try.c.id)

idempotency = Table(
    "idempotency",  # answers to requests that carry an Idempotency-Key
    metadata,
    Column("person_id", BigInteger, ForeignKey("person.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("status", Integer),  # null: the first request has not been answered yet
    Column("body", JSONB),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _moment("at", now=True),
)
Index("ix_idempotency_at", idempotency.c.at)

APP_ROLE = "debrief_app"  # what the running product acts as; migrations make it
APPEND_ONLY = frozenset(
    {"scorecard", "human_record", "audit", "evaluation_event", "calibration", "rubric", "webhook_try", "judge_call"}
)
"""Tables in which that role may neither change nor delete a row."""
