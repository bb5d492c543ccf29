"""What a judge said about given interviews: the newest scorecard of each, under one rubric version and one judge."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from evaluator.scorecard import Scorecard
from evaluator.values import Frozen

BATCH = 200  # scorecards that are read at once


class JudgeOf(Frozen):
    """One judge with how many of the interviews it has scored."""

    model: str  # name@revision
    prompt_version: str
    interviews: int
    newest: datetime  # of its scorecards


class JudgedRow(Frozen):
    """One interview's newest scorecard of one judge."""

    interview_id: str
    language: str
    scorecard: Scorecard


def judges_of(db: Connection, *, rubric_id: str, rubric_version: str, interviews: Sequence[str]) -> Sequence[JudgeOf]:
    """Who has scored some of these interviews under this rubric version, the latest first."""
    query = text(
        "SELECT e.model, e.prompt_version, count(DISTINCT s.interview_id) AS interviews, max(s.created_at) AS newest "
        "FROM scorecard s JOIN evaluation e ON e.id = s.evaluation_id "
        "WHERE s.interview_id = ANY(:interviews) AND e.rubric_id = :id AND e.rubric_version = :version "
        "GROUP BY e.model, e.prompt_version ORDER BY newest DESC, e.model, e.prompt_version"
    )
    values = {"interviews": list(interviews), "id": rubric_id, "version": rubric_version}
    return [JudgeOf.model_validate(dict(row)) for row in db.execute(query, values).mappings()]


def judged_interviews(
    db: Connection,
    *,
    rubric_id: str,
    rubric_version: str,
    model: str,
    prompt_version: str,
    interviews: Sequence[str],
) -> Sequence[JudgedRow]:
    """The newest scorecard of each of these interviews by this judge; interviews without one are left out."""
    query = text(
        "SELECT DISTINCT ON (s.interview_id) s.interview_id, i.language, s.body AS scorecard "
        "FROM scorecard s JOIN evaluation e ON e.id = s.evaluation_id JOIN interview i ON i.id = s.interview_id "
        "WHERE s.interview_id = ANY(:interviews) AND e.rubric_id = :id AND e.rubric_version = :version "
        "AND e.model = :model AND e.prompt_version = :prompt_version "
        "ORDER BY s.interview_id, s.created_at DESC, e.id DESC"
    )
    values = {"id": rubric_id, "version": rubric_version, "model": model, "prompt_version": prompt_version}
    return [
        JudgedRow.model_validate(dict(row))
        for begin in range(0, len(interviews), BATCH)
        for row in db.execute(query, {**values, "interviews": list(interviews[begin : begin + BATCH])}).mappings()
    ]


def rubrics_of(db: Connection, interviews: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Interview -> the rubric versions (`id@version`) it is meant for or was scored under; only those that exist."""
    query = text(
        "SELECT id, rubric_id || '@' || rubric_version AS rubric FROM interview WHERE id = ANY(:interviews) "
        "UNION SELECT s.interview_id, e.rubric_id || '@' || e.rubric_version "
        "FROM scorecard s JOIN evaluation e ON e.id = s.evaluation_id WHERE s.interview_id = ANY(:interviews)"
    )
    found: dict[str, set[str]] = {}
    for row in db.execute(query, {"interviews": list(interviews)}):
        found.setdefault(row.id, set()).add(row.rubric)
    return {interview: frozenset(rubrics) for interview, rubrics in found.items()}
