"""What somebody may mean by the names that they want to compare, and what else could be compared with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from evaluator.values import Frozen

OFFERED_MAX = 50  # candidates that one list of suggestions holds


class Meant(Frozen):
    """One interview that a name may stand for."""

    interview_id: str
    candidate_ref: str
    requisition: str
    interviewed_at: datetime | None
    rubric: str  # id@version that the interview is meant for now
    scorecard_id: str | None  # the one that was named, else the interview's newest; None: it has none


class _Found(Meant):
    ref: str
    place: int  # 1: a scorecard's id, 2: an interview's, 3: a candidate's reference


_MEANT = """
    WITH wanted AS (SELECT unnest(CAST(:refs AS text[])) AS ref),
    found AS (
        SELECT w.ref, 1 AS place, s.interview_id, s.id AS named FROM wanted w JOIN scorecard s ON s.id = w.ref
        UNION ALL
        SELECT w.ref, 2, i.id, NULL FROM wanted w JOIN interview i ON i.id = w.ref
        UNION ALL
        SELECT w.ref, 3, i.id, NULL FROM wanted w JOIN interview i ON i.candidate_ref = w.ref)
    SELECT f.ref, f.place, i.id AS interview_id, i.candidate_ref, i.requisition, i.started_at AS interviewed_at,
        i.rubric_id || '@' || i.rubric_version AS rubric,
        coalesce(f.named, (SELECT s.id FROM scorecard s WHERE s.interview_id = i.id
                           ORDER BY s.created_at DESC, s.id DESC LIMIT 1)) AS scorecard_id
    FROM found f JOIN interview i ON i.id = f.interview_id
    WHERE CAST(:only AS text[]) IS NULL OR i.requisition = ANY(CAST(:only AS text[]))
    ORDER BY f.ref, f.place, i.id
"""


def meant(db: Connection, refs: Sequence[str], only: frozenset[str] | None) -> Mapping[str, tuple[Meant, ...]]:
    """Name -> the interviews that it may stand for: of a scorecard's id or an interview's one, of a candidate's all.

    A scorecard's id goes before an interview's, and that before a candidate's reference. only: in these requisitions;
    None: in all. A name that stands for nothing there is left out.
    """
    values = {"refs": list(dict.fromkeys(refs)), "only": None if only is None else sorted(only)}
    found: dict[str, list[_Found]] = {}
    for row in db.execute(text(_MEANT), values).mappings():
        one = _Found.model_validate(dict(row))
        known = found.setdefault(one.ref, [])
        if not known or known[0].place == one.place:
            known.append(one)
    return {
        ref: tuple(Meant.model_validate(one.model_dump(exclude={"ref", "place"})) for one in ones)
        for ref, ones in found.items()
    }


_OFFERED = """
    SELECT i.id AS interview_id, i.candidate_ref, i.requisition, i.started_at AS interviewed_at,
        i.rubric_id || '@' || i.rubric_version AS rubric, NULL AS scorecard_id
    FROM interview i
    WHERE i.requisition = ANY(:requisitions) AND i.id <> ALL(:without)
        AND EXISTS (SELECT FROM scorecard s JOIN evaluation e ON e.id = s.evaluation_id
                    WHERE s.interview_id = i.id AND e.rubric_id || '@' || e.rubric_version = :rubric)
    ORDER BY i.candidate_ref, i.id LIMIT :limit
"""


def comparable(
    db: Connection, *, requisitions: Sequence[str], rubric: str, without: Sequence[str]
) -> tuple[Meant, ...]:
    """Interviews of these requisitions with a scorecard of this rubric version, by candidate; at most OFFERED_MAX.

    rubric: id@version. without: interviews that are not offered, as they are chosen already.
    """
    values = {"requisitions": list(requisitions), "rubric": rubric, "without": list(without), "limit": OFFERED_MAX}
    return tuple(Meant.model_validate(dict(row)) for row in db.execute(text(_OFFERED), values).mappings())
