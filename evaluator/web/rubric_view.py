"""Rubrics as they are read: a version whole, and what changed between two."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from evaluator.views.scorecard import Anchor, criterion_anchor, section_anchor
from evaluator.words import visible
from rubrics.changes import Change, changes
from rubrics.model import LEVELS, Criterion, Rubric


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleView:
    """An invented answer, with the level that it earns."""

    level: str
    answer: str
    why: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CriterionText:
    """One criterion as the rubric states it."""

    anchor_id: str
    name: str
    definition: str
    required: bool
    weight: str
    weight_rationale: str | None
    share: str  # of the overall score: `14 %`
    anchors: tuple[Anchor, ...]  # the highest first
    examples: tuple[ExampleView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionText:
    """One section as the rubric states it."""

    anchor_id: str
    title: str
    intro: str
    questions: tuple[str, ...]
    follow_ups: tuple[str, ...]
    minutes: str
    criteria: tuple[CriterionText, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RubricView:
    """One version of a rubric."""

    id: str
    version: str
    ref: str
    title: str
    role: str
    language: str
    opening: str
    closing: str
    rationale: str
    minutes: str
    digest: str
    equal: bool  # all criteria have the same weight
    sections: tuple[SectionText, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeLine:
    """One difference."""

    what: str  # `anchor 3 changed`
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedPlace:
    """What changed in one section or criterion, or in the rubric as a whole."""

    name: str
    lines: tuple[ChangeLine, ...]


def rubric_view(rubric: Rubric) -> RubricView:
    """Every word of it."""
    total = sum(c.weight for c in rubric.criteria)
    return RubricView(
        id=rubric.id,
        version=rubric.version,
        ref=rubric.ref,
        title=visible(rubric.title),
        role=visible(rubric.role),
        language=rubric.language,
        opening=visible(rubric.opening),
        closing=visible(rubric.closing),
        rationale="one sentence per level" if rubric.rationale == "short" else "not asked for",
        minutes=f"{sum(s.time_budget_minutes for s in rubric.sections):g} min",
        digest=rubric.digest,
        equal=len({c.weight for c in rubric.criteria}) == 1,
        sections=tuple(
            SectionText(
                anchor_id=section_anchor(s.id),
                title=visible(s.title),
                intro=visible(s.intro),
                questions=tuple(map(visible, s.questions)),
                follow_ups=tuple(map(visible, s.follow_ups)),
                minutes=f"{s.time_budget_minutes:g} min",
                criteria=tuple(_criterion(c, total) for c in s.criteria),
            )
            for s in rubric.sections
        ),
    )


def _criterion(criterion: Criterion, total: float) -> CriterionText:
    return CriterionText(
        anchor_id=criterion_anchor(criterion.id),
        name=visible(criterion.name),
        definition=visible(criterion.definition),
        required=criterion.required,
        weight=f"{criterion.weight:g}",
        weight_rationale=criterion.weight_rationale and visible(criterion.weight_rationale),
        share=f"{100 * criterion.weight / total:.0f} %",
        anchors=tuple(Anchor(level=n, text=visible(criterion.anchors[n]), given=False) for n in reversed(LEVELS)),
        examples=tuple(
            ExampleView(
                level=f"Level {e.level}" if e.level else "No basis",
                answer=visible(e.answer),
                why=e.why and visible(e.why),
            )
            for e in criterion.examples
        ),
    )


def changes_view(old: Rubric, new: Rubric) -> tuple[ChangedPlace, ...]:
    """Every difference under what it belongs to, in the order in which people read a rubric."""
    names = _names(old) | _names(new)
    found: Sequence[Change] = changes(old, new)
    return tuple(
        ChangedPlace(name=names[place], lines=tuple(_line(change) for change in group))
        for place, group in groupby(found, key=lambda c: (c.section_id, c.criterion_id))
    )


def _names(rubric: Rubric) -> dict[tuple[str | None, str | None], str]:
    names: dict[tuple[str | None, str | None], str] = {(None, None): "The rubric as a whole"}
    for section in rubric.sections:
        names[section.id, None] = visible(section.title)
        names |= {(section.id, c.id): visible(f"{section.title} › {c.name}") for c in section.criteria}
    return names


def _line(change: Change) -> ChangeLine:
    return ChangeLine(
        what=f"{change.what} {change.kind}",
        old=change.old and visible(change.old),
        new=change.new and visible(change.new),
    )
