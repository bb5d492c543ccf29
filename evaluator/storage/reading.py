"""What the command line and the pages read: lists and single records, newest first, page by page."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from evaluator.errors import NotFound
from evaluator.manifest import Ending, RecordingRef, SectionsBy
from evaluator.scorecard import Scorecard
from evaluator.values import Frozen

PAGE_MAX = 200


class InterviewRow(Frozen):
    """One line of the list of interviews, with its latest evaluation."""

    id: str
    candidate_ref: str
    requisition: str
    rubric: str  # id@version
    started_at: datetime | None
    taken_in_at: datetime
    consent: str
    state: str  # not_started, or the evaluation's or scorecard's state
    code: str | None  # of the last failure
    sections_done: int
    sections_total: int
    scorecard_id: str | None
    overall: float | None
    spread: float | None
    scored: int | None  # criteria with a level
    of: int | None
    alerts: int
    failed: bool = False  # a section of its scorecard could not be judged, so the overall is withheld
    judge_notice: str | None


class StoredScorecard(Frozen):
    """A scorecard with what stands beside its body."""

    id: str
    interview_id: str
    candidate_ref: str
    requisition: str
    rubric_id: str
    rubric_version: str
    interviewed_at: datetime | None
    transcript_key: str
    transcript_sha256: str
    recording: RecordingRef
    sections_by: SectionsBy | None = None  # who told the sections of an imported interview
    ending: Ending | None = None  # of a live interview
    sections_reached: int | None = None
    body: Scorecard
    body_sha256: str
    execution: dict[str, Any]
    created_at: datetime
    superseded_by: str | None  # a newer scorecard of the same interview
    run: str | None


_INTERVIEWS = """
    SELECT i.id, i.candidate_ref, i.requisition, i.rubric_id || '@' || i.rubric_version AS rubric, i.started_at,
        i.taken_in_at, i.consent,
        CASE WHEN e.state IS NULL THEN 'not_started' WHEN e.state = 'done' THEN s.state ELSE e.state END AS state,
        e.code, coalesce(e.sections_done, 0) AS sections_done, coalesce(e.sections_total, 0) AS sections_total,
        s.id AS scorecard_id, (s.body #>> '{overall,value}')::float AS overall,
        (s.body #>> '{overall,spread}')::float AS spread, (s.body #>> '{overall,scored}')::int AS scored,
        (s.body #>> '{overall,of}')::int AS of, coalesce(jsonb_array_length(s.body -> 'alerts'), 0) AS alerts,
        coalesce(s.body -> 'alerts' @> '[{"code": "section_failed"}]', false) AS failed,
        s.body #>> '{provenance,judge_notice}' AS judge_notice
    FROM interview i
    LEFT JOIN LATERAL (SELECT * FROM evaluation e WHERE e.interview_id = i.id ORDER BY e.id DESC LIMIT 1) e ON true
    LEFT JOIN scorecard s ON s.evaluation_id = e.id
"""


def interviews(
    db: Connection,
    *,
    requisition: str | None = None,
    run: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> Sequence[InterviewRow]:
    """Interviews, the newest intake first; `after` is the last line's (taken_in_at, id) of the page before."""
    where = ["true"]
    values: dict[str, object] = {"limit": min(limit, PAGE_MAX)}
    if requisition is not None:
        where.append("i.requisition = :requisition")
        values |= {"requisition": requisition}
    if run is not None:
        where.append(
            "EXISTS (SELECT 1 FROM run_member m JOIN run r ON r.id = m.run_id "
            "JOIN evaluation x ON x.id = m.evaluation_id WHERE r.name = :run AND x.interview_id = i.id)"
        )
        values |= {"run": run}
    if after is not None:
        where.append("(i.taken_in_at < :at OR (i.taken_in_at = :at AND i.id > :id))")
        values |= {"at": after[0], "id": after[1]}
    query = text(f"{_INTERVIEWS} WHERE {' AND '.join(where)} ORDER BY i.taken_in_at DESC, i.id LIMIT :limit")
    return [InterviewRow.model_validate(dict(row)) for row in db.execute(query, values).mappings()]


def find_interview(db: Connection, interview_id: str) -> InterviewRow:
    """One interview with its latest evaluation; NotFound."""
    row = db.execute(text(f"{_INTERVIEWS} WHERE i.id = :id"), {"id": interview_id}).mappings().first()
    if row is None:
        raise NotFound(f"interview {interview_id} is not known here; it may still wait in the inbox: debrief intake")
    return InterviewRow.model_validate(dict(row))


def requisitions(db: Connection, *, limit: int = PAGE_MAX) -> tuple[str, ...]:
    """The requisitions that have interviews, in order."""
    query = text("SELECT DISTINCT requisition FROM interview ORDER BY requisition LIMIT :limit")
    return tuple(db.execute(query, {"limit": limit}).scalars())


def interview_count(db: Connection) -> int:
    """How many interviews were taken in."""
    return int(db.execute(text("SELECT count(*) FROM interview")).scalar_one())


_SCORECARD = """
    SELECT s.id, s.interview_id, i.candidate_ref, i.requisition, e.rubric_id, e.rubric_version,
        i.started_at AS interviewed_at, e.transcript_key, e.transcript_sha256, i.manifest -> 'recording' AS recording,
        i.manifest -> 'sections_by' AS sections_by, i.ending, i.sections_reached, s.body, s.body_sha256, s.execution,
        s.created_at, r.name AS run,
        (SELECT n.id FROM scorecard n WHERE n.interview_id = s.interview_id AND n.created_at > s.created_at
         ORDER BY n.created_at DESC LIMIT 1) AS superseded_by
    FROM scorecard s JOIN evaluation e ON e.id = s.evaluation_id JOIN interview i ON i.id = s.interview_id
    LEFT JOIN run r ON r.id = e.run_id
"""


def find_scorecard(db: Connection, ref: str) -> StoredScorecard:
    """The scorecard of that id, or the newest of that interview; NotFound."""
    query = text(f"{_SCORECARD} WHERE s.id = :ref OR s.interview_id = :ref ORDER BY s.created_at DESC LIMIT 1")
    row = db.execute(query, {"ref": ref}).mappings().first()
    if row is None:
        raise NotFound(f"no scorecard {ref}: it is neither a scorecard's id nor an interview with one")
    return StoredScorecard.model_validate(dict(row))


def scorecards(
    db: Connection,
    *,
    requisition: str | None = None,
    run: str | None = None,
    since: date | None = None,
    after: str = "",
    limit: int = PAGE_MAX,
) -> Sequence[StoredScorecard]:
    """Scorecards in the order of their ids; `after` is the last id of the page before.

    since: interviewed on this day or later, UTC; an interview without a date is left out then.
    """
    where, values = ["s.id > :after"], {"after": after}
    if since is not None:
        where.append("i.started_at >= cast(:since AS timestamptz)")
        values["since"] = f"{since.isoformat()}T00:00:00Z"
    if requisition is not None:
        where.append("i.requisition = :requisition")
        values["requisition"] = requisition
    if run is not None:
        where.append(
            "EXISTS (SELECT 1 FROM run_member m JOIN run q ON q.id = m.run_id "
            "WHERE q.name = :run AND m.evaluation_id = e.id)"
        )
        values["run"] = run
    query = text(f"{_SCORECARD} WHERE {' AND '.join(where)} ORDER BY s.id LIMIT :limit")
    rows = db.execute(query, {**values, "limit": min(limit, PAGE_MAX)}).mappings()
    return [StoredScorecard.model_validate(dict(row)) for row in rows]


def scorecards_named(db: Connection, ids: Sequence[str]) -> tuple[StoredScorecard, ...]:
    """These scorecards in this order, at most PAGE_MAX; one that is not there is left out."""
    query = text(f"{_SCORECARD} WHERE s.id = ANY(:ids)")
    rows = db.execute(query, {"ids": list(ids[:PAGE_MAX])}).mappings()
    found = {row["id"]: StoredScorecard.model_validate(dict(row)) for row in rows}
    return tuple(found[i] for i in ids if i in found)


def rubrics_behind(db: Connection, scorecard_ids: Sequence[str]) -> frozenset[tuple[str, str]]:
    """(id, version) of the rubrics that these scorecards were made with."""
    query = text(
        "SELECT DISTINCT e.rubric_id, e.rubric_version FROM scorecard s JOIN evaluation e ON e.id = s.evaluation_id "
        "WHERE s.id = ANY(:ids)"
    )
    return frozenset((row.rubric_id, row.rubric_version) for row in db.execute(query, {"ids": list(scorecard_ids)}))


class SpokenInterview(Frozen):
    """What is needed to show what was said in an interview."""

    id: str
    candidate_ref: str
    requisition: str
    rubric_id: str
    rubric_version: str
    started_at: datetime | None
    transcript_key: str
    transcript_sha256: str
    recording: RecordingRef
    sections_by: SectionsBy | None


def find_spoken(db: Connection, interview_id: str) -> SpokenInterview:
    """Where an interview's transcript and recording are; NotFound."""
    query = text(
        "SELECT id, candidate_ref, requisition, rubric_id, rubric_version, started_at, transcript_key, "
        "transcript_sha256, manifest -> 'recording' AS recording, manifest -> 'sections_by' AS sections_by "
        "FROM interview WHERE id = :id"
    )
    row = db.execute(query, {"id": interview_id}).mappings().first()
    if row is None:
        raise NotFound(f"interview {interview_id} is not known here; it may still wait in the inbox: debrief intake")
    return SpokenInterview.model_validate(dict(row))


class ReleasedRubric(Frozen):
    """A released rubric version with what has become of it."""

    id: str
    version: str
    title: str
    role: str
    sections: int
    criteria: int
    released_at: datetime
    digest: str
    interviews: int  # that are meant for it


_RELEASED = """
    SELECT r.id, r.version, r.body ->> 'title' AS title, r.body ->> 'role' AS role, r.released_at, r.digest,
        jsonb_array_length(r.body -> 'sections') AS sections,
        jsonb_array_length(jsonb_path_query_array(r.body, '$.sections[*].criteria[*]')) AS criteria,
        (SELECT count(*) FROM interview i WHERE i.rubric_id = r.id AND i.rubric_version = r.version) AS interviews
    FROM rubric r
"""


def released(db: Connection, rubric_id: str | None = None, *, limit: int = 500) -> Sequence[ReleasedRubric]:
    """Rubric versions, of one rubric or of all, by id and release, the newest first."""
    query = text(
        f"{_RELEASED} WHERE (cast(:id AS text) IS NULL OR r.id = :id) ORDER BY r.id, r.released_at DESC LIMIT :limit"
    )
    rows = db.execute(query, {"id": rubric_id, "limit": limit}).mappings()
    return [ReleasedRubric.model_validate(dict(row)) for row in rows]


def rubric_refs(db: Connection, *, limit: int = 500) -> tuple[str, ...]:
    """All released versions as `id@version`, by id, the newest first."""
    query = text("SELECT id || '@' || version FROM rubric ORDER BY id, released_at DESC LIMIT :limit")
    return tuple(db.execute(query, {"limit": limit}).scalars())


def interviews_by_requisition(db: Connection) -> dict[str, int]:
    """Requisition -> how many interviews it has."""
    query = text("SELECT requisition, count(*) AS n FROM interview GROUP BY requisition")
    return {row.requisition: row.n for row in db.execute(query)}


class Event(Frozen):
    """One line of an evaluation's story."""

    at: datetime
    evaluation: int
    evaluation_key: str
    model: str
    rubric: str  # id@version
    kind: str
    fence: int
    worker: str | None
    run: str | None
    detail: dict[str, Any]


def history(db: Connection, interview_id: str) -> Sequence[Event]:
    """All that happened to an interview's evaluations, in order."""
    query = text(
        "SELECT v.at, e.id AS evaluation, e.evaluation_key, e.model, e.rubric_id || '@' || e.rubric_version AS rubric, "
        "v.kind, v.fence, v.worker, r.name AS run, v.detail FROM evaluation_event v "
        "JOIN evaluation e ON e.id = v.evaluation_id LEFT JOIN run r ON r.id = v.run_id "
        "WHERE e.interview_id = :id ORDER BY v.id LIMIT 10000"
    )
    return [Event.model_validate(dict(row)) for row in db.execute(query, {"id": interview_id}).mappings()]
