"""The list of interviews as one viewer may see it: filtered, sorted, page by page in both directions.

What the judge said of a scorecard takes part in a filter, an order or a row only where that viewer may see it. In SQL
that is `_HIDDEN`, which says the same as `evaluator.human.sees_judge`; a test goes over every case of both.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

from evaluator.errors import Forbidden, NotFound
from evaluator.manifest import Ending
from evaluator.people import Viewer
from evaluator.values import Frozen

PAGE_MAX = 200  # rows

Sort = Literal["intake", "interviewed_at", "score"]
ListState = Literal[
    "not_started",
    "waiting",
    "scoring",
    "failed",
    "blocked",
    "cancelled",
    "ready",  # the judge is done, and the viewer has not given their own scores in a blind review
    "scored",
    "needs_review",
    "unscorable",
    "reviewed",
    "dismissed",
]
Reviewer = Literal["me", "me_open"]


class Wanted(Frozen):
    """Which interviews, in which order."""

    requisition: str | None = None
    state: ListState | None = None
    rubric: str | None = None  # id@version
    reviewer: Reviewer | None = None  # me: assigned to the viewer; me_open: and they have not submitted
    alerts: bool = False  # only those with alerts that the viewer may see
    since: date | None = None  # interviewed on or after, UTC
    until: date | None = None  # interviewed on or before, UTC
    search: str | None = None  # part of an id or of a candidate's reference
    run: str | None = None
    sort: Sort = "intake"
    ascending: bool = False


class Place(Frozen):
    """A line of the list, by what it is sorted by; pages begin after it, or end before it."""

    key: datetime | float | None  # None: the line has no date
    id: str


class ListedInterview(Frozen):
    """One line. Figures of the judge's are None where the viewer may not see them, whatever the judge said."""

    id: str
    candidate_ref: str
    requisition: str
    rubric: str  # id@version
    started_at: datetime | None
    taken_in_at: datetime
    consent: str
    blind: bool
    reviewers_needed: int
    hidden: bool  # the judge's values of it are kept from this viewer
    state: ListState
    evaluation: str | None  # state of the latest evaluation: done, or what a scoring or re-scoring is at
    code: str | None  # of its last failure
    sections_done: int
    sections_total: int
    scorecard_id: str | None
    overall: float | None
    spread: float | None
    scored: int | None  # criteria with a level
    of: int | None
    alerts: int  # that the viewer may see
    failed: bool
    judge_notice: str | None
    reviews: int  # people who have submitted their own scores
    mine: bool  # the viewer is one of them
    assigned: bool  # to the viewer
    ending: Ending | None = None  # of a live interview
    released: bool = False  # it broke off, and a person released what there is of it
    reached: int | None = None  # sections that it reached
    sections: int = 0  # of its rubric
    wants_person: bool = False  # the candidate asked for a person


class ListPage(Frozen):
    """One page of the list, in its order."""

    rows: tuple[ListedInterview, ...]
    more_before: bool
    more_after: bool
    open: bool  # no requisition in it is under blind review, so it may be sorted by the judge's score


_HIDDEN = "(q.blind AND NOT :command AND NOT (:session AND h.mine))"

_EVALUATION = """
    LEFT JOIN LATERAL (SELECT * FROM evaluation e WHERE e.interview_id = i.id ORDER BY e.id DESC LIMIT 1) e ON true
"""
_SCORECARD = """
    LEFT JOIN LATERAL (
        SELECT * FROM scorecard s WHERE s.interview_id = i.id ORDER BY s.created_at DESC, s.id DESC LIMIT 1) s ON true
"""
_HUMAN = """
    JOIN requisition q ON q.id = i.requisition
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE r.kind = 'review') AS reviews,
            coalesce(bool_or(r.kind = 'review' AND r.person_id = :me), false) AS mine,
            coalesce((array_agg(r.kind ORDER BY r.number DESC)
                FILTER (WHERE r.kind IN ('dismissal', 'restoration')))[1] = 'dismissal', false) AS dismissed
        FROM human_record r WHERE r.scorecard_id = s.id) h
"""
_SCORED_STATE = f"""
    CASE WHEN h.dismissed THEN 'dismissed' WHEN h.reviews >= q.reviewers_needed THEN 'reviewed'
         WHEN {_HIDDEN} THEN 'ready' ELSE s.state END
"""
_STATE = f"""
    CASE WHEN s.id IS NOT NULL THEN {_SCORED_STATE}
         WHEN e.state = 'pending' THEN 'waiting' WHEN e.state = 'running' THEN 'scoring'
         WHEN e.state = 'quarantined' THEN 'failed' ELSE coalesce(e.state, 'not_started') END
"""
_ALERTS = f"CASE WHEN {_HIDDEN} THEN s.transcript_alerts ELSE s.alerts END"
_ASSIGNED = "EXISTS (SELECT 1 FROM assignment a WHERE a.interview_id = i.id AND a.person_id = :me)"
_JOINS = f"FROM interview i {_EVALUATION} {_SCORECARD} {_HUMAN}"

_HELD = "coalesce({}.started_at, '-infinity')"
_KEYS: Mapping[Sort, str] = {
    "intake": "i.taken_in_at",
    "interviewed_at": "coalesce(i.started_at, '-infinity')",
    "score": "coalesce(s.overall, 0)",
}


def interviews_page(
    db: Connection,
    viewer: Viewer,
    wanted: Wanted,
    *,
    after: Place | None = None,
    before: Place | None = None,
    limit: int = 50,
) -> ListPage:
    """One page of what the viewer may see; at most one of `after` and `before`.

    Forbidden: an order by the judge's score over requisitions of which one is blind to the viewer.
    """
    is_open = _is_open(db, viewer, wanted.requisition)
    if wanted.sort == "score" and not is_open:
        raise Forbidden("the order by the judge's score is not available where a requisition is under blind review")
    limit = min(limit, PAGE_MAX)
    backwards = before is not None
    query, values = ids_query(
        viewer, wanted, place=after or before, backwards=backwards, limit=limit + 1, is_open=is_open
    )
    ids = list(db.execute(text(query), values).scalars())
    more, ids = len(ids) > limit, ids[:limit]
    rows = _rows(db, viewer, ids[::-1] if backwards else ids)
    if backwards:
        return ListPage(rows=rows, more_before=more, more_after=True, open=is_open)
    return ListPage(rows=rows, more_before=after is not None, more_after=more, open=is_open)


def interview_seen(db: Connection, viewer: Viewer, interview_id: str) -> ListedInterview:
    """One interview's line; NotFound also where the viewer may not see it."""
    rows = _rows(db, viewer, [interview_id])
    if not rows or not viewer.may("see_interviews", rows[0].requisition):
        raise NotFound(f"interview {interview_id} is not known here; it may still wait in the inbox: debrief intake")
    return rows[0]


def _is_open(db: Connection, viewer: Viewer, requisition: str | None) -> bool:
    """Whether no requisition that would be listed is under blind review."""
    if viewer.entry == "command":
        return True
    query = text(
        "SELECT NOT EXISTS (SELECT 1 FROM requisition q WHERE q.blind AND (cast(:one AS text) IS NULL OR q.id = :one) "
        "AND (:all OR q.id = ANY(:only)))"
    )
    return bool(db.execute(query, {"one": requisition, **_only(viewer)}).scalar_one())


def interviews_seen(db: Connection, viewer: Viewer, requisition: str | None = None) -> int:
    """How many interviews the viewer may see, in one requisition or in all of theirs."""
    query = text(
        "SELECT count(*) FROM interview i WHERE (:all OR i.requisition = ANY(:only)) "
        "AND (cast(:one AS text) IS NULL OR i.requisition = :one)"
    )
    return int(db.execute(query, {"one": requisition, **_only(viewer)}).scalar_one())


def state_counts(db: Connection, viewer: Viewer, requisition: str) -> Mapping[ListState, int]:
    """How many of a requisition's interviews are in which state, as the list's filter by it shows them."""
    query = text(
        f"SELECT {_STATE} AS state, count(*) AS n FROM interview i {_EVALUATION} {_ALL_SCORECARDS} {_ALL_HUMAN} "
        "WHERE i.requisition = :one AND (:all OR i.requisition = ANY(:only)) GROUP BY 1"
    )
    return {row.state: row.n for row in db.execute(query, {"one": requisition, **_viewer(viewer)})}


def with_scorecard(db: Connection, requisition: str, *, limit: int) -> tuple[str, ...]:
    """Interviews of a requisition that have a scorecard, by when they were held."""
    query = text(
        "SELECT i.id FROM interview i WHERE i.requisition = :one AND EXISTS (SELECT FROM scorecard s "
        f"WHERE s.interview_id = i.id) ORDER BY {_HELD.format('i')}, i.id LIMIT :limit"
    )
    return tuple(db.execute(query, {"one": requisition, "limit": limit}).scalars())


def newest_evaluation(db: Connection, interview_id: str) -> str | None:
    """The state of the interview's newest evaluation; None: there is none."""
    query = text("SELECT e.state FROM evaluation e WHERE e.interview_id = :id ORDER BY e.id DESC LIMIT 1")
    return db.execute(query, {"id": interview_id}).scalar_one_or_none()


def beside(db: Connection, interview_id: str) -> tuple[str | None, str | None]:
    """The interviews with a scorecard before and after this one in its requisition, by when they were held."""
    found = [
        db.execute(
            text(
                # Where it stands is asked for apart: joined, every interview would be looked at until one fits.
                "SELECT i.id FROM interview i "
                "WHERE i.requisition = (SELECT here.requisition FROM interview here WHERE here.id = :id) "
                f"AND ({_HELD.format('i')}, i.id) {sign} "
                f"((SELECT {_HELD.format('here')} FROM interview here WHERE here.id = :id), :id) "
                "AND EXISTS (SELECT FROM scorecard s WHERE s.interview_id = i.id) "
                f"ORDER BY {_HELD.format('i')} {direction}, i.id {direction} LIMIT 1"
            ),
            {"id": interview_id},
        ).scalar_one_or_none()
        for sign, direction in (("<", "DESC"), (">", "ASC"))
    ]
    return found[0], found[1]


def queue_length(db: Connection, viewer: Viewer) -> int:
    """How many interviews with a scorecard are assigned to the viewer and wait for their scores."""
    query = text(
        f"SELECT count(*) FROM assignment a JOIN interview i ON i.id = a.interview_id {_SCORECARD} "
        "WHERE a.person_id = :me AND s.id IS NOT NULL AND (:all OR i.requisition = ANY(:only)) AND NOT EXISTS "
        "(SELECT 1 FROM human_record r WHERE r.scorecard_id = s.id AND r.kind = 'review' AND r.person_id = :me)"
    )
    return int(db.execute(query, {"me": viewer.person_id, **_only(viewer)}).scalar_one())


def place_of(row: ListedInterview, sort: Sort) -> Place:
    """Where the row stands in that order."""
    keys = {"intake": row.taken_in_at, "interviewed_at": row.started_at, "score": row.overall or 0.0}
    return Place(key=keys[sort], id=row.id)


def _only(viewer: Viewer) -> dict[str, object]:
    """The requisitions that the viewer sees, as parameters."""
    only = viewer.requisitions_for("see_interviews")
    return {"all": only is None, "only": sorted(only or ())}


def _viewer(viewer: Viewer) -> dict[str, object]:
    return {
        "me": viewer.person_id,
        "command": viewer.entry == "command",
        "session": viewer.entry == "session",
        **_only(viewer),
    }


def ids_query(
    viewer: Viewer, wanted: Wanted, *, place: Place | None, backwards: bool, limit: int, is_open: bool
) -> tuple[str, dict[str, object]]:
    """The query for the ids of one page, and its parameters.

    First these alone, so that nothing is joined for lines that nobody reads. is_open: nothing is under blind review,
    so what people did needs no look where only the judge's alerts are asked for.
    """
    where, values = _conditions(wanted, is_open=is_open)
    key, descending = _KEYS[wanted.sort], wanted.ascending == backwards
    if place is not None:
        where.append(f"({key}, i.id) {'<' if descending else '>'} ({_KEY_PARAMETER[wanted.sort]}, :place_id)")
        values |= {"place_key": place.key, "place_id": place.id}
    if not viewer.admin:
        where.append("i.requisition = ANY(:only)")
    direction = "DESC" if descending else "ASC"
    query = (
        f"SELECT i.id {_joins_for(wanted, is_open=is_open)} WHERE {' AND '.join(where or ['true'])} "
        f"ORDER BY {key} {direction}, i.id {direction} LIMIT :limit"
    )
    return query, {**values, **_viewer(viewer), "limit": limit}


_KEY_PARAMETER: Mapping[Sort, str] = {
    "intake": "cast(:place_key AS timestamptz)",
    "interviewed_at": "coalesce(cast(:place_key AS timestamptz), '-infinity')",
    "score": "cast(:place_key AS double precision)",
}


# The same scorecard and the same facts about people as above, put so that a filter over all interviews takes tens of
# milliseconds for ten thousand: as a whole, not interview by interview.
_ALL_SCORECARDS = """
    LEFT JOIN scorecard s ON s.interview_id = i.id AND NOT EXISTS (
        SELECT FROM scorecard n WHERE n.interview_id = s.interview_id AND (n.created_at, n.id) > (s.created_at, s.id))
"""
_ALL_HUMAN = """
    JOIN requisition q ON q.id = i.requisition
    LEFT JOIN (
        SELECT r.scorecard_id, count(*) FILTER (WHERE r.kind = 'review') AS reviews,
            bool_or(r.kind = 'review' AND r.person_id = :me) AS mine,
            coalesce(max(r.number) FILTER (WHERE r.kind = 'dismissal'), 0)
                > coalesce(max(r.number) FILTER (WHERE r.kind = 'restoration'), 0) AS dismissed
        FROM human_record r GROUP BY r.scorecard_id) g ON g.scorecard_id = s.id
    CROSS JOIN LATERAL (SELECT coalesce(g.reviews, 0) AS reviews, coalesce(g.mine, false) AS mine,
        coalesce(g.dismissed, false) AS dismissed) h
"""
_UNSCORED: Mapping[str, str] = {  # list state -> the latest evaluation's, where there is no scorecard
    "waiting": "pending",
    "scoring": "running",
    "failed": "quarantined",
    "blocked": "blocked",
    "cancelled": "cancelled",
}
_NO_SCORECARD = "NOT EXISTS (SELECT FROM scorecard s WHERE s.interview_id = i.id)"
_LATEST_IS = """EXISTS (SELECT FROM evaluation e WHERE e.interview_id = i.id AND e.state = :evaluation AND NOT EXISTS (
    SELECT FROM evaluation n WHERE n.interview_id = e.interview_id AND n.id > e.id))"""


def _joins_for(wanted: Wanted, *, is_open: bool) -> str:
    """Only what the filters and the order read."""
    if (wanted.alerts and not is_open) or wanted.reviewer == "me_open" or (wanted.state in _SCORED):
        return f"FROM interview i {_ALL_SCORECARDS} {_ALL_HUMAN}"
    reads_scorecard = wanted.alerts or wanted.sort == "score"
    return f"FROM interview i {_ALL_SCORECARDS}" if reads_scorecard else "FROM interview i"


_SCORED = frozenset({"ready", "scored", "needs_review", "unscorable", "reviewed", "dismissed"})


def _state_conditions(state: ListState) -> tuple[list[str], dict[str, object]]:
    if state in _SCORED:
        return ["s.id IS NOT NULL", f"{_SCORED_STATE} = :state"], {"state": state}
    if state == "not_started":
        return [_NO_SCORECARD, "NOT EXISTS (SELECT FROM evaluation e WHERE e.interview_id = i.id)"], {}
    return [_NO_SCORECARD, _LATEST_IS], {"evaluation": _UNSCORED[state]}


def _conditions(wanted: Wanted, *, is_open: bool) -> tuple[list[str], dict[str, object]]:
    conditions = {
        "requisition": ("i.requisition = :requisition", wanted.requisition),
        "rubric": ("i.rubric_id || '@' || i.rubric_version = :rubric", wanted.rubric),
        "since": ("i.started_at >= :since", wanted.since and _midnight(wanted.since)),
        "until": ("i.started_at < :until", wanted.until and _midnight(wanted.until + timedelta(days=1))),
        "search": ("(i.id ILIKE :search OR i.candidate_ref ILIKE :search)", wanted.search and _part(wanted.search)),
        "run": (
            "EXISTS (SELECT 1 FROM run_member m JOIN run r ON r.id = m.run_id "
            "JOIN evaluation x ON x.id = m.evaluation_id WHERE r.name = :run AND x.interview_id = i.id)",
            wanted.run,
        ),
    }
    where = [condition for condition, value in conditions.values() if value is not None]
    values: dict[str, object] = {name: value for name, (_, value) in conditions.items() if value is not None}
    if wanted.state is not None:
        conditions_of_state, values_of_state = _state_conditions(wanted.state)
        where, values = [*where, *conditions_of_state], values | values_of_state
    if wanted.reviewer is not None:
        where.append(_ASSIGNED)
    if wanted.reviewer == "me_open":
        where.append("s.id IS NOT NULL AND NOT h.mine")
    if wanted.alerts:
        where.append("s.alerts > 0" if is_open else f"{_ALERTS} > 0")
    return where, values


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _part(search: str) -> str:
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _rows(db: Connection, viewer: Viewer, ids: Sequence[str]) -> tuple[ListedInterview, ...]:
    """These interviews, in this order."""
    shown = f"NOT {_HIDDEN}"
    query = text(
        f"""
        SELECT i.id, i.candidate_ref, i.requisition, i.rubric_id || '@' || i.rubric_version AS rubric, i.started_at,
            i.taken_in_at, i.consent, q.blind, q.reviewers_needed, s.id IS NOT NULL AND {_HIDDEN} AS hidden,
            {_STATE} AS state, e.state AS evaluation, e.code, coalesce(e.sections_done, 0) AS sections_done,
            coalesce(e.sections_total, 0) AS sections_total, s.id AS scorecard_id,
            CASE WHEN {shown} THEN s.overall END AS overall,
            CASE WHEN {shown} THEN (s.body #>> '{{overall,spread}}')::float END AS spread,
            CASE WHEN {shown} THEN (s.body #>> '{{overall,scored}}')::int END AS scored,
            CASE WHEN {shown} THEN (s.body #>> '{{overall,of}}')::int END AS of,
            coalesce({_ALERTS}, 0) AS alerts,
            coalesce({shown} AND s.body -> 'alerts' @> '[{{"code": "section_failed"}}]', false) AS failed,
            s.body #>> '{{provenance,judge_notice}}' AS judge_notice, h.reviews, h.mine, {_ASSIGNED} AS assigned,
            i.ending, coalesce(i.ending, '') = 'incomplete'
                AND i.released_sha256 IS NOT DISTINCT FROM i.transcript_sha256 AS released,
            i.sections_reached AS reached, i.wants_person,
            coalesce(jsonb_array_length(u.body -> 'sections'), 0) AS sections
        {_JOINS} LEFT JOIN rubric u ON u.id = i.rubric_id AND u.version = i.rubric_version WHERE i.id = ANY(:ids)
        """
    )
    found = db.execute(query, {"ids": list(ids), **_viewer(viewer)}).mappings()
    rows = {row["id"]: ListedInterview.model_validate(dict(row)) for row in found}
    return tuple(rows[i] for i in ids if i in rows)
