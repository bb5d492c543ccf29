"""Runs: what they selected, where their members stand, and when they end."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from evaluator.budgets import Budget, is_spent
from evaluator.errors import CheckpointCorrupt, Conflict, NotFound
from evaluator.evaluation import COUNTS, Only, RunCounts
from evaluator.judging import Sampling
from evaluator.prompts import PROMPT_VERSION, evaluation_key
from evaluator.storage.evaluations import tell
from evaluator.storage.interviews import BROKEN_OFF, CONSENT_DENIED
from evaluator.storage.tables import evaluation, interview, rubric, run, run_member
from evaluator.storage.webhooks import announce_run
from evaluator.values import Frozen

RUN_OPENED = "debrief_run_opened"  # notified when a run is opened, resumed or tried again; no message goes with it
BATCH_ROWS = 1_000
BUDGETS_MAX = 50  # runs whose spending one step looks at

AnyRow = Row[*tuple[Any, ...]]


class Selection(Frozen):
    """Which interviews a run is for."""

    only: Only = "missing"
    requisition: str | None = None
    rubric: str | None = None  # id@version
    interviews: tuple[str, ...] = ()  # none: every interview
    since: datetime | None = None  # taken in at or after
    until: datetime | None = None
    limit: int | None = None
    rescore: bool = False  # judge again what has been judged, as the next replicate; what is unfinished is not doubled
    reason: str | None = None  # why it is judged again


class Judge(Frozen):
    """With what a run scores."""

    model: str
    sampling: Sampling
    require_consent: bool = False


class RunStatus(Frozen):
    """A run as the command line, the page and --json show it."""

    name: str
    state: Literal["open", "paused", "closed"]
    closed_because: str | None
    model: str
    counts: RunCounts
    sections_done: int
    sections_total: int
    created_at: datetime
    closed_at: datetime | None
    deadline: datetime | None = None
    budget: Budget | None = None


class Limits(Frozen):
    """When a run is closed although something is left to do."""

    deadline: datetime | None = None
    budget: Budget | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """As the run's row keeps them."""
        return {"deadline": self.deadline, "budget": self.budget.model_dump(mode="json") if self.budget else None}


class NightOf(Frozen):
    """Whose night a run is."""

    schedule_id: int
    night: date  # local, on which it begins


class Member(Frozen):
    """One interview of a selection, with the evaluation it would get."""

    interview_id: str
    evaluation_key: str
    blocked: bool
    row: dict[str, Any]


def start_run(
    db: Connection,
    *,
    name: str,
    selection: Selection,
    judge: Judge,
    deadline: datetime | None = None,
    budget: Budget | None = None,
    night: NightOf | None = None,
    members: Sequence[Member] | None = None,
) -> RunCounts:
    """Opens a run over what the selection finds now; its members never change. Conflict: the name is taken.

    members: what it found in this transaction, where that is known already.
    """
    members = selected(db, selection, judge) if members is None else members
    limits = Limits(deadline=deadline, budget=budget)
    run_id = db.execute(
        insert(run)
        .values(name=name, selection=selection.model_dump(mode="json"), model=judge.model, **limits.columns)
        .values(night.model_dump() if night else {})
        .on_conflict_do_nothing()
        .returning(run.c.id)
    ).scalar_one_or_none()
    if run_id is None:
        raise Conflict(f"run {name} exists already; see: debrief run status {name}")
    for batch in _batches(members):
        _enrol(db, run_id, batch, retry=selection.only == "failed")
    close_runs(db)
    _say_opened(db)
    return run_counts(db, run_id)


def _say_opened(db: Connection) -> None:
    """Heard by those who listen, once this is committed."""
    db.execute(text(f"NOTIFY {RUN_OPENED}"))


def selected(db: Connection, selection: Selection, judge: Judge) -> list[Member]:
    """The interviews that the selection finds, with the evaluation each would get."""
    members = [_member(row, judge) for row in db.execute(_candidates(selection, judge.model))]
    if selection.only == "stale":
        pairs = select(evaluation.c.interview_id, evaluation.c.evaluation_key).where(evaluation.c.state == "done")
        current = {tuple(pair) for pair in db.execute(pairs)}
        members = [m for m in members if (m.interview_id, m.evaluation_key) not in current]
    return members[: selection.limit]


def unfinished(db: Connection, members: Sequence[Member]) -> int:
    """How many of these would have to be judged: not done yet, and not blocked."""
    return len(to_judge(db, members))


def to_judge(db: Connection, members: Sequence[Member]) -> Sequence[Member]:
    """Those that would have to be judged: not done yet, and not blocked."""
    wanted: list[Member] = []
    columns = (evaluation.c.interview_id, evaluation.c.evaluation_key)
    for batch in _batches([m for m in members if not m.blocked]):
        pairs = [(m.interview_id, m.evaluation_key) for m in batch]
        query = select(*columns).where(tuple_(*columns).in_(pairs), evaluation.c.state == "done")
        done = {tuple(row) for row in db.execute(query)}
        wanted += [m for m, pair in zip(batch, pairs, strict=True) if pair not in done]
    return wanted


def _candidates(selection: Selection, model: str) -> Select[*tuple[Any, ...]]:
    i, e = interview.c, evaluation.c
    of_this = and_(e.interview_id == i.id, e.rubric_id == i.rubric_id)
    same = and_(of_this, e.rubric_version == i.rubric_version, e.transcript_sha256 == i.transcript_sha256)
    query = (
        select(
            *(i.id, i.consent, i.rubric_id, i.rubric_version, i.transcript_key, i.transcript_sha256),
            BROKEN_OFF.label("broken_off"),
            (_next_replicate(and_(same, e.model == model)) if selection.rescore else literal(0)).label("replicate"),
            rubric.c.digest.label("rubric_digest"),
            func.jsonb_array_length(rubric.c.body["sections"]).label("sections"),
        )
        .join(rubric, and_(rubric.c.id == i.rubric_id, rubric.c.version == i.rubric_version))
        .order_by(i.taken_in_at, i.id)
        .with_for_update(read=True, of=interview)  # a consent withdrawn meanwhile waits, and then finds the new rows
    )
    wanted = {
        "missing": not_(exists().where(same, e.state == "done")),
        "failed": exists().where(same, e.state == "quarantined"),
        "stale": exists().where(of_this, e.state == "done"),
    }
    if selection.only in wanted:
        query = query.where(wanted[selection.only])
    if selection.requisition:
        query = query.where(i.requisition == selection.requisition)
    if selection.rubric:
        query = query.where(i.rubric_id + "@" + i.rubric_version == selection.rubric)
    if selection.interviews:
        query = query.where(i.id.in_(selection.interviews))
    if selection.since:
        query = query.where(i.taken_in_at >= selection.since)
    if selection.until:
        query = query.where(i.taken_in_at < selection.until)
    return query


_ENDED = ("done", "quarantined", "cancelled")


def _next_replicate(same: ColumnElement[bool]) -> ColumnElement[int]:
    """One more than the highest replicate that has ended; so one that is still to be done is not asked for twice."""
    number = cast(evaluation.c.sampling["replicate"].astext, Integer)
    ended = select(func.coalesce(func.max(number) + 1, 0)).where(same, evaluation.c.state.in_(_ENDED))
    return ended.scalar_subquery()


def _member(row: AnyRow, judge: Judge) -> Member:
    sampling = judge.sampling.replicated(row.replicate) if row.replicate else judge.sampling
    key = evaluation_key(
        transcript_sha256=row.transcript_sha256,
        rubric_digest=row.rubric_digest,
        model=judge.model,
        sampling=sampling,
    )
    denied = row.consent in CONSENT_DENIED or (row.consent == "unknown" and judge.require_consent)
    why = "consent" if denied else "incomplete" if row.broken_off else None
    return Member(
        interview_id=row.id,
        evaluation_key=key,
        blocked=why is not None,
        row={
            "interview_id": row.id,
            "evaluation_key": key,
            "rubric_id": row.rubric_id,
            "rubric_version": row.rubric_version,
            "transcript_key": row.transcript_key,
            "transcript_sha256": row.transcript_sha256,
            "model": judge.model,
            "prompt_version": PROMPT_VERSION,
            "sampling": sampling.model_dump(mode="json"),
            "state": "pending" if why is None else "blocked",
            "code": why,
            "sections_total": row.sections,
        },
    )


def _batches(members: Sequence[Member]) -> Iterable[Sequence[Member]]:
    return (members[start : start + BATCH_ROWS] for start in range(0, len(members), BATCH_ROWS))


def _enrol(db: Connection, run_id: int, members: Sequence[Member], *, retry: bool) -> None:
    db.execute(insert(evaluation).values([m.row for m in members]).on_conflict_do_nothing())
    pairs = [(m.interview_id, m.evaluation_key) for m in members]
    rows = db.execute(
        select(evaluation.c.id, evaluation.c.interview_id, evaluation.c.state).where(
            tuple_(evaluation.c.interview_id, evaluation.c.evaluation_key).in_(pairs)
        )
    ).all()
    blocked = {m.interview_id: m.row["code"] for m in members if m.blocked}
    allowed = [row.id for row in rows if row.interview_id not in blocked]
    # Rows of earlier runs follow what holds now: consent may have been given, refused or asked for since, what broke
    # off may have been released.
    for code in _BLOCKING:
        ids = [row.id for row in rows if blocked.get(row.interview_id) == code]
        _block(db, run_id, ids, code=code)
    _move(db, run_id, allowed, kind="unblocked", states=("blocked",), values=_AFRESH)
    _move(db, run_id, allowed, kind="reopened", states=("cancelled",), values=_AFRESH)
    if retry:
        _move(db, run_id, allowed, kind="retried", states=("quarantined",), values=_AFRESH)
    db.execute(
        insert(run_member)
        .values(
            [
                {"run_id": run_id, "evaluation_id": row.id, "skipped": "up_to_date" if row.state == "done" else None}
                for row in rows
            ]
        )
        .on_conflict_do_nothing()  # a transcript may be put back in mid-run
    )


_BLOCKING = ("consent", "incomplete")  # why nothing is judged, the first that holds
_BLOCKED: Mapping[str, Any] = {
    "state": "blocked",
    "fence": evaluation.c.fence + 1,
    "leased_until": None,
    "worker": None,
    "sections_done": 0,
    "detail": None,
}


def _block(
    db: Connection,
    run_id: int,
    ids: Sequence[int],
    *,
    code: str,
    states: Sequence[str] = ("pending", "running", "quarantined"),
) -> None:
    """Keeps these from being judged; one that was blocked for another reason says the present one."""
    _move(db, run_id, ids, kind="blocked", states=states, values={**_BLOCKED, "code": code}, code=code)
    known = evaluation.update().where(evaluation.c.id.in_(ids), evaluation.c.state == "blocked")
    db.execute(known.where(evaluation.c.code != code).values(code=code))


_AFRESH: Mapping[str, Any] = {
    "state": "pending",
    "attempts": 0,
    "stalls": 0,
    "sections_done": 0,
    "not_before": func.clock_timestamp(),
    "code": None,
    "detail": None,
}

_CANCELLED: Mapping[str, Any] = {
    "state": "cancelled",
    "fence": evaluation.c.fence + 1,
    "leased_until": None,
    "worker": None,
    "code": "superseded",
}
_RETRIED: Mapping[str, Any] = {**_AFRESH, "fence": evaluation.c.fence + 1}


def _move(
    db: Connection,
    run_id: int,
    ids: Sequence[int],
    *,
    kind: str,
    states: Sequence[str],
    values: Mapping[str, Any],
    **detail: Any,
) -> None:
    """Brings those of the rows that are in one of the states into another, and tells it."""
    moved = db.execute(
        evaluation.update()
        .where(evaluation.c.id.in_(ids), evaluation.c.state.in_(states))
        .values(updated_at=func.clock_timestamp(), **values)
        .returning(evaluation.c.id, evaluation.c.fence)
    ).all()
    for row in moved:
        tell(db, row.id, kind, fence=row.fence, run_id=run_id, **detail)


def supersede(db: Connection, interview_id: str) -> int:
    """Cancels what waits or runs for an earlier transcript or rubric of the interview; how many rows.

    In every open run the evaluation of the present ones takes its place, so that the run still ends with a scorecard;
    without a recorded grant of consent the next run decides about that.
    """
    runs = _open_runs_of(db, interview_id)  # locked before the rows, as everywhere
    rows = db.execute(
        select(evaluation.c.id, evaluation.c.model, evaluation.c.sampling)
        .join(interview, interview.c.id == evaluation.c.interview_id)
        .where(
            interview.c.id == interview_id,
            evaluation.c.state.in_(("pending", "running")),
            (evaluation.c.transcript_sha256 != interview.c.transcript_sha256)
            | (evaluation.c.rubric_id != interview.c.rubric_id)
            | (evaluation.c.rubric_version != interview.c.rubric_version),
        )
        .order_by(evaluation.c.id)
        .with_for_update(of=evaluation)
    ).all()
    for row in rows:
        judge = Judge(model=row.model, sampling=Sampling.model_validate(row.sampling), require_consent=True)
        present = selected(db, Selection(only="all", interviews=(interview_id,)), judge)
        if allowed := [member for member in present if not member.blocked]:
            for run_id in runs.get(row.id, ()):
                _enrol(db, run_id, allowed, retry=False)
        _cancel(db, row.id)
    return len(rows)


def _open_runs_of(db: Connection, interview_id: str) -> Mapping[int, Sequence[int]]:
    """Evaluation id -> ids of the open runs that want it; none of them can close until this transaction ends."""
    found = db.execute(
        select(run_member.c.evaluation_id, run.c.id)
        .join(run, run.c.id == run_member.c.run_id)
        .join(evaluation, evaluation.c.id == run_member.c.evaluation_id)
        .where(evaluation.c.interview_id == interview_id, run.c.state != "closed", run_member.c.skipped.is_(None))
        .order_by(run.c.id)
        .with_for_update(of=run, read=True)
    ).all()
    runs: dict[int, list[int]] = {}
    for evaluation_id, run_id in found:
        runs.setdefault(evaluation_id, []).append(run_id)
    return runs


def _cancel(db: Connection, evaluation_id: int) -> None:
    detail = "its interview has another transcript or rubric by now"
    values = {**_CANCELLED, "detail": detail, "updated_at": func.clock_timestamp()}
    statement = evaluation.update().where(evaluation.c.id == evaluation_id).values(values)
    fence = db.execute(statement.returning(evaluation.c.fence)).scalar_one()
    tell(db, evaluation_id, "cancelled", fence=fence, code="superseded", detail=detail)


class Retried(Frozen):
    """What a retry brought back."""

    run: str  # in whose name the rows are tried again
    interviews: tuple[str, ...]  # that waited for a person and are tried again
    taken_along: int  # others that the closed run had left unfinished
    corrupt: tuple[tuple[str, str], ...]  # (interview id, evaluation key) of those that a checkpoint kept from going on


def retry_run(
    db: Connection,
    name: str,
    *,
    reason: str,
    only_failed: bool = False,
    require_consent: bool = False,
    limits: Limits | None = None,
) -> Retried | None:
    """Gives the run's quarantined rows another chance under a new fence; None when there is nothing to try again.

    A closed run's numbers never change: its rows become members of a new run NAME-retry-N, with those that it left
    unfinished unless `only_failed`. The rows stay locked until the transaction ends. limits: of the run in whose name
    they are tried again; a new one has none otherwise. NotFound.
    """
    found = _locked_run(db, name)
    closed = found.state == "closed"
    waiting = _members_in(db, found.id, ("quarantined",), require_consent=require_consent, lock=True)
    for code in _BLOCKING:
        _block(db, found.id, [r.id for r in waiting if r.why == code], code=code, states=("quarantined",))
    failed = [r for r in waiting if r.why is None]
    others: list[AnyRow] = []
    if closed and not only_failed:
        left = _members_in(db, found.id, ("pending", "running"), require_consent=require_consent)
        others = [r for r in left if r.why is None]
    if not failed and not others:
        return None
    run_id, run_name = _retry_run_row(db, found, name) if closed else (found.id, name)
    if closed:
        values = [{"run_id": run_id, "evaluation_id": r.id} for r in (*failed, *others)]
        db.execute(insert(run_member), values)
    if limits:
        limit_run(db, run_name, deadline=limits.deadline, budget=limits.budget)
    ids = [r.id for r in failed]
    _move(db, run_id, ids, kind="retried", states=("quarantined",), values=_RETRIED, reason=reason)
    _say_opened(db)
    return Retried(
        run=run_name,
        interviews=tuple(r.interview_id for r in failed),
        taken_along=len(others),
        corrupt=tuple((r.interview_id, r.evaluation_key) for r in failed if r.code == CheckpointCorrupt.code),
    )


def _members_in(
    db: Connection, run_id: int, states: Sequence[str], *, require_consent: bool, lock: bool = False
) -> Sequence[AnyRow]:
    """Members whose evaluation is in one of the states, and why (`why`) it may not be judged, where it may not.

    Rows that a worker may hold are better not locked: its heartbeat would wait.
    """
    denying = (*CONSENT_DENIED, "unknown") if require_consent else tuple(CONSENT_DENIED)
    e = evaluation.c
    query = (
        select(e.id, e.interview_id, e.evaluation_key, e.code, _why_not(denying).label("why"))
        .join(run_member, run_member.c.evaluation_id == e.id)
        .join(interview, interview.c.id == e.interview_id)
        .where(run_member.c.run_id == run_id, run_member.c.skipped.is_(None), e.state.in_(states))
        .order_by(e.id)
    )
    return db.execute(query.with_for_update(of=evaluation) if lock else query).all()


def _why_not(denying: Sequence[str]) -> ColumnElement[str | None]:
    denied = interview.c.consent.in_(denying)
    return case((denied, "consent"), (BROKEN_OFF, "incomplete"), else_=None)


_RETRY_NAME = re.compile(r"-retry-[0-9]+$")


def _retry_run_row(db: Connection, closed: AnyRow, name: str) -> tuple[int, str]:
    """A new open run with the selection and the judge of the closed one, under the next free name."""
    base = _RETRY_NAME.sub("", name)
    taken = set(
        db.execute(select(run.c.name).where(run.c.name.startswith(f"{base}-retry-", autoescape=True))).scalars()
    )
    new = next(f"{base}-retry-{n}" for n in itertools.count(1) if f"{base}-retry-{n}" not in taken)
    statement = insert(run).values(name=new, selection=closed.selection, model=closed.model).on_conflict_do_nothing()
    run_id = db.execute(statement.returning(run.c.id)).scalar_one_or_none()
    if run_id is None:
        raise Conflict(f"run {new} was opened by somebody else just now; see: debrief run status {new}")
    return run_id, new


def pause_run(db: Connection, name: str) -> None:
    """Nothing more is claimed for the run until it is resumed; rows in hand are finished.

    NotFound; Conflict: it is closed.
    """
    _set_state(db, name, "paused")


def unpause_run(db: Connection, name: str) -> None:
    """Rows of the run are claimed again. NotFound; Conflict: it is closed."""
    _set_state(db, name, "open")
    _say_opened(db)


def limit_run(db: Connection, name: str, *, deadline: datetime | None = None, budget: Budget | None = None) -> None:
    """Gives a run another deadline or budget, where one is given. NotFound; Conflict: it is closed."""
    given = {key: value for key, value in Limits(deadline=deadline, budget=budget).columns.items() if value is not None}
    found = _unclosed(db, name)
    if given:
        db.execute(run.update().where(run.c.id == found.id).values(given))


def _set_state(db: Connection, name: str, state: Literal["open", "paused"]) -> None:
    found = _unclosed(db, name)
    db.execute(run.update().where(run.c.id == found.id).values(state=state))


def _unclosed(db: Connection, name: str) -> AnyRow:
    found = _locked_run(db, name)
    if found.state == "closed":
        raise Conflict(f"run {name} is closed ({found.closed_because}); try what it left: debrief run retry {name}")
    return found


def _locked_run(db: Connection, name: str) -> AnyRow:
    found = db.execute(select(run).where(run.c.name == name).with_for_update()).first()
    if found is None:
        raise NotFound(f"run {name} does not exist; see: debrief run list")
    return found


# Where a member stands; a closed run's outcome is written once and never follows later work.
_STANDING = """
    CASE WHEN m.outcome IS NOT NULL THEN m.outcome WHEN m.skipped IS NOT NULL THEN 'skipped'
         WHEN e.state = 'done' THEN s.state WHEN e.state = 'quarantined' THEN 'failed' ELSE e.state END
"""
_MEMBERS = """
    FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id LEFT JOIN scorecard s ON s.evaluation_id = e.id
"""


def run_counts(db: Connection, run_id: int) -> RunCounts:
    """Where the run's members stand now, or stood when it closed."""
    query = text(f"SELECT {_STANDING} AS standing, count(*) AS n {_MEMBERS} WHERE m.run_id = :run GROUP BY 1")
    found = {row.standing: row.n for row in db.execute(query, {"run": run_id})}
    return RunCounts(selected=sum(found.values()), **{name: found.get(name, 0) for name in COUNTS})


def run_status(db: Connection, name: str) -> RunStatus:
    """One run; NotFound."""
    row = db.execute(select(run).where(run.c.name == name)).first()
    if row is None:
        raise NotFound(f"run {name} does not exist; see: debrief run list")
    return _status(db, row)


def run_list(db: Connection, *, limit: int = 50) -> tuple[RunStatus, ...]:
    """The newest runs first."""
    rows = db.execute(select(run).order_by(run.c.id.desc()).limit(limit)).all()
    return tuple(_status(db, row) for row in rows)


def _status(db: Connection, row: AnyRow) -> RunStatus:
    sections = db.execute(
        text(
            "SELECT coalesce(sum(e.sections_done), 0) AS done, coalesce(sum(e.sections_total), 0) AS total "
            "FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id "
            "WHERE m.run_id = :run AND m.skipped IS NULL"
        ),
        {"run": row.id},
    ).one()
    return RunStatus(
        name=row.name,
        state=row.state,
        closed_because=row.closed_because,
        model=row.model,
        counts=run_counts(db, row.id),
        sections_done=sections.done,
        sections_total=sections.total,
        created_at=row.created_at,
        closed_at=row.closed_at,
        deadline=row.deadline,
        budget=row.budget,
    )


def run_failures(db: Connection, name: str, *, limit: int = 100) -> tuple[Mapping[str, Any], ...]:
    """Quarantined members of a run with their reasons."""
    query = text(
        f"SELECT e.interview_id AS interview, e.code AS reason, e.detail, e.attempts, e.stalls {_MEMBERS}"
        f" JOIN run r ON r.id = m.run_id WHERE r.name = :name AND {_STANDING} = 'failed' ORDER BY e.id LIMIT :limit"
    )
    return tuple(dict(row) for row in db.execute(query, {"name": name, "limit": limit}).mappings())


def close_runs(db: Connection) -> int:
    """Closes runs, paused ones too, that have nothing left to do or are past their deadline or budget; how many."""
    left = f"EXISTS (SELECT 1 {_MEMBERS} WHERE m.run_id = r.id AND {_STANDING} IN ('pending', 'running'))"
    rows = db.execute(
        text(
            f"SELECT r.id, CASE WHEN {left} THEN 'deadline' ELSE 'finished' END AS because "
            f"FROM run r WHERE r.state <> 'closed' AND (r.deadline <= clock_timestamp() OR NOT {left}) "
            "ORDER BY r.id LIMIT 50 FOR UPDATE SKIP LOCKED"
        )
    ).all()
    for row in rows:
        close_run(db, row.id, because=row.because)
    return len(rows) + _close_spent(db)


def _close_spent(db: Connection) -> int:
    """Closes runs that have spent their budget; how many. Rows in hand are finished, and nothing more is claimed."""
    from evaluator.storage.costs import run_spent  # reads runs as well

    rows = db.execute(
        select(run.c.id, run.c.budget)
        .where(run.c.state != "closed", run.c.budget.is_not(None))
        .order_by(run.c.id)
        .limit(BUDGETS_MAX)
        .with_for_update(skip_locked=True)
    ).all()
    spent = [row for row in rows if is_spent(Budget.model_validate(row.budget), run_spent(db, row.id))]
    for row in spent:
        close_run(db, row.id, because="budget")
    return len(spent)


def close_run(db: Connection, run_id: int, *, because: str) -> None:
    """Ends a run and writes each member's outcome, once."""
    db.execute(
        text(
            f"UPDATE run_member SET outcome = stood.standing FROM (SELECT m.evaluation_id, {_STANDING} AS standing "
            f"{_MEMBERS} WHERE m.run_id = :run) stood "
            "WHERE run_member.run_id = :run AND run_member.evaluation_id = stood.evaluation_id"
        ),
        {"run": run_id},
    )
    db.execute(
        run.update()
        .where(run.c.id == run_id, run.c.state != "closed")
        .values(state="closed", closed_because=because, closed_at=func.clock_timestamp())
    )
    announce_run(db, run_id, run_counts(db, run_id))


def close_run_named(db: Connection, name: str, *, because: str) -> None:
    """Closes a run by its name, once; NotFound. A closed one stays as it is."""
    found = _locked_run(db, name)
    if found.state != "closed":
        close_run(db, found.id, because=because)
