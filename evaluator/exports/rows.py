"""What a file tells of a scorecard, as values: the judge's columns and people's apart, and neither where it is hidden.

A row whose judge the viewer may not see has neither `ai_*` nor `human_*`: a final level tells what the judge's was not.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evaluator.comparison import Cell, Comparison
from evaluator.human import Final, HumanRecord, HumanState, Rating, Review, recommendation_of
from evaluator.storage.reading import StoredScorecard
from evaluator.values import Frozen
from evaluator.verdict import Unscored, Verdict
from rubrics.model import LEVELS, Criterion, Rubric, Section

SCALE_MIN, SCALE_MAX = LEVELS[0], LEVELS[-1]

Value = str | int | float | bool | datetime | None  # what a table's cell may hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """One scorecard with all that a file may tell of it."""

    stored: StoredScorecard
    rubric: Rubric  # the version that it was made with
    state: HumanState = field(default_factory=HumanState)
    sees_judge: bool  # what `evaluator.human.sees_judge` says of the one who exports


class ScorecardFacts(Frozen):
    """What every row tells of its scorecard, in the order of the columns."""

    scorecard: str
    interview: str
    candidate: str
    requisition: str
    rubric: str  # id@version
    interviewed_at: datetime | None
    scored_at: datetime
    run: str | None
    model: str
    prompt_version: str
    judge_notice: str | None
    superseded_by: str | None
    dismissed: bool


class LongRow(ScorecardFacts):
    """One criterion of one scorecard."""

    section: str
    criterion: str
    criterion_name: str
    weight: float
    required: bool
    scale_min: int = SCALE_MIN
    scale_max: int = SCALE_MAX
    ai_visible: bool
    ai_status: str | None = None  # scored, or why there is no level, as a word
    ai_level: int | None = None
    ai_expected_level: float | None = None
    ai_spread: float | None = None  # standard deviation, in levels
    ai_reason: str | None = None
    ai_evidence: str | None = None  # utterance ids
    ai_evidence_dropped: int | None = None
    human_status: str | None = (
        None  # final, final_without_level, reviewed, not_assessed, reviewers_differ, not_reviewed
    )
    human_level: int | None = None
    human_final_by: str | None = None
    human_final_at: datetime | None = None
    human_final_reason: str | None = None
    human_final_text: str | None = None
    human_reviews: int | None = None
    human_review_levels: str | None = None  # `Reviewer A: 3; Reviewer B: not assessed`


class WideRow(ScorecardFacts):
    """One scorecard; `ai` and `human` hold, by criterion, the level or the word why there is none."""

    criteria: int
    scale_min: int = SCALE_MIN
    scale_max: int = SCALE_MAX
    ai_visible: bool
    ai_state: str | None = None
    ai_overall: float | None = None
    ai_overall_status: str | None = None  # scored, withheld or no_level
    ai_spread: float | None = None
    ai_scored: int | None = None
    ai_withheld_for: str | None = None
    ai_alerts: str | None = None
    human_reviews: int | None = None
    human_recommendations: str | None = None  # `Reviewer A: yes; Reviewer B: no`
    ai: Mapping[str, int | str] = {}
    human: Mapping[str, int | str] = {}


def long_rows(exported: Iterable[Exported]) -> Iterator[LongRow]:
    """A row for each criterion of each scorecard, in rubric order."""
    for one in exported:
        results = {r.criterion_id: r for r in one.stored.body.results}
        for section in one.rubric.sections:
            for criterion in section.criteria:
                yield _long_row(one, section, criterion, results[criterion.id])


def wide_rows(exported: Iterable[Exported]) -> Iterator[WideRow]:
    """A row for each scorecard."""
    for one in exported:
        hidden = WideRow(**_shared(one), criteria=len(one.rubric.criteria), ai_visible=one.sees_judge)
        yield hidden.model_copy(update={**_ai_of(one), **_human_of(one)}) if one.sees_judge else hidden


def _shared(one: Exported) -> dict[str, Any]:
    stored, provenance = one.stored, one.stored.body.provenance
    return {
        "scorecard": stored.id,
        "interview": stored.interview_id,
        "candidate": stored.candidate_ref,
        "requisition": stored.requisition,
        "rubric": f"{stored.rubric_id}@{stored.rubric_version}",
        "interviewed_at": stored.interviewed_at,
        "scored_at": stored.created_at,
        "run": stored.run,
        "model": provenance.model,
        "prompt_version": provenance.prompt_version,
        "judge_notice": provenance.judge_notice,
        "superseded_by": stored.superseded_by,
        "dismissed": one.state.dismissal is not None,
    }


def _long_row(one: Exported, section: Section, criterion: Criterion, result: Verdict | Unscored) -> LongRow:
    hidden = LongRow(
        **_shared(one),
        section=section.id,
        criterion=criterion.id,
        criterion_name=criterion.name,
        weight=criterion.weight,
        required=criterion.required,
        ai_visible=one.sees_judge,
    )
    if not one.sees_judge:
        return hidden
    return hidden.model_copy(update={**_ai_result(result), **_human_result(one.state, criterion)})


def _ai_result(result: Verdict | Unscored) -> dict[str, Any]:
    shared = {"ai_status": result.status, "ai_evidence_dropped": result.evidence_dropped}
    if isinstance(result, Unscored):
        return {**shared, "ai_reason": result.reason}
    return {
        **shared,
        "ai_level": result.level,
        "ai_expected_level": result.expected_level,
        "ai_spread": result.spread,
        "ai_evidence": " ".join(result.evidence),
    }


def _human_result(state: HumanState, criterion: Criterion) -> dict[str, Any]:
    ratings = ratings_of(state, criterion.id)
    status, level = standing_of(state, criterion.id)
    given = "; ".join(f"{r.person}: {'not assessed' if x.level is None else x.level}" for r, x in ratings)
    shared = {
        "human_status": status,
        "human_level": level,
        "human_reviews": len(state.reviews),
        "human_review_levels": given or None,
    }
    record = final_of(state, criterion.id)
    if record is None:
        return shared
    assert isinstance(record.act, Final)  # noqa: S101  `final_of` gives nothing else
    return {
        **shared,
        "human_final_by": record.person,
        "human_final_at": record.at,
        "human_final_reason": record.act.reason,
        "human_final_text": record.act.text,
    }


def final_of(state: HumanState, criterion_id: str) -> HumanRecord | None:
    """The record of the final level that counts now."""
    history = state.finals.get(criterion_id, ())
    return history[-1] if history else None


def ratings_of(state: HumanState, criterion_id: str) -> tuple[tuple[HumanRecord, Rating], ...]:
    """What each reviewer gave for this criterion."""
    return tuple(
        (record, rating)
        for record in state.reviews.values()
        if isinstance(record.act, Review)
        for rating in record.act.ratings
        if rating.criterion_id == criterion_id
    )


def standing_of(state: HumanState, criterion_id: str) -> tuple[str, int | None]:
    """What people say of a criterion, as a word and, where they have one, their level."""
    record = final_of(state, criterion_id)
    if record is not None and isinstance(record.act, Final):
        return "final_without_level" if record.act.new is None else "final", record.act.new
    ratings = ratings_of(state, criterion_id)
    levels = {rating.level for _, rating in ratings if rating.level is not None}
    if len(levels) > 1:
        return "reviewers_differ", None
    if levels:
        return "reviewed", levels.pop()
    return ("not_assessed" if ratings else "not_reviewed"), None


def recommendations_of(one: Exported) -> tuple[tuple[int, str, str], ...]:
    """(person's id, name, newest recommendation) of everybody who gave one."""
    return tuple((who, record.person, recommendation_of(record)) for who, record in one.state.recommended.items())


def _ai_of(one: Exported) -> dict[str, Any]:
    body = one.stored.body
    mean = body.overall
    status = "scored" if mean.value is not None else "withheld" if mean.scored else "no_level"
    return {
        "ai_state": body.state,
        "ai_overall": mean.value,
        "ai_overall_status": status,
        "ai_spread": None if mean.value is None else mean.spread,
        "ai_scored": mean.scored,
        "ai_withheld_for": " ".join(body.withheld) or None,
        "ai_alerts": " ".join(sorted({a.code for a in body.alerts})) or None,
        "ai": {r.criterion_id: r.level if isinstance(r, Verdict) else r.status for r in body.results},
    }


def _human_of(one: Exported) -> dict[str, Any]:
    standings = {c.id: standing_of(one.state, c.id) for c in one.rubric.criteria}
    return {
        "human_reviews": len(one.state.reviews),
        "human_recommendations": "; ".join(f"{name}: {code}" for _, name, code in recommendations_of(one)) or None,
        "human": {c: word if level is None else level for c, (word, level) in standings.items()},
    }


class ComparedRow(Frozen):
    """One criterion of one candidate of a comparison."""

    rubric: str
    shown: str  # the mode: final, ai or human
    section: str
    criterion: str
    criterion_name: str
    scorecard: str
    interview: str
    candidate: str
    requisition: str
    interviewed_at: datetime | None
    scale_min: int = SCALE_MIN
    scale_max: int = SCALE_MAX
    ai_visible: bool
    level_from: str | None = None  # judge or human
    ai_level: int | None = None
    ai_status: str | None = None
    human_level: int | None = None
    human_status: str | None = None
    evidence: str | None = None
    row_standing: str  # same, tie, differs, not_comparable, locked
    row_spread: float | None = None
    ties_with: str | None = None  # scorecards that this one is not told apart from


def compared_rows(comparison: Comparison) -> Iterator[ComparedRow]:
    """A row for each criterion and candidate, as the table shows them."""
    for row in comparison.rows:
        for column, cell in zip(comparison.columns, row.cells, strict=True):
            yield ComparedRow(
                rubric=comparison.rubric,
                shown=comparison.mode,
                section=row.section_id,
                criterion=row.criterion_id,
                criterion_name=row.name,
                scorecard=column.scorecard_id,
                interview=column.interview_id,
                candidate=column.candidate_ref,
                requisition=column.requisition,
                interviewed_at=column.interviewed_at,
                ai_visible=not cell.locked,
                row_standing=row.difference.standing,
                row_spread=row.difference.spread,
                ties_with=" ".join(row.difference.tied_with(cell.scorecard_id)) or None,
                **_cell(cell),
            )


def _cell(cell: Cell) -> dict[str, Any]:
    if cell.locked:
        return {}
    shared = {"level_from": cell.source, "evidence": " ".join(cell.evidence) or None}
    if cell.source == "human":
        status = cell.status or "scored"
        return {**shared, "ai_level": cell.judged, "human_level": cell.level, "human_status": status}
    return {**shared, "ai_level": cell.level, "ai_status": cell.status or "scored"}


def criteria_in(rubrics: Iterable[Rubric]) -> tuple[str, ...]:
    """The criteria of all these rubrics, in the order in which they first stand."""
    return tuple(dict.fromkeys(c.id for rubric in rubrics for c in rubric.criteria))
