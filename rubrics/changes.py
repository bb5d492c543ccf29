"""What is different between two rubrics, in the order in which people read them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rubrics.model import LEVELS, Criterion, Example, Rubric, Section

Kind = Literal["added", "removed", "changed", "moved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference. `old` and `new` are what stands there, as text; None where there is nothing."""

    kind: Kind
    section_id: str | None  # None: the rubric as a whole
    criterion_id: str | None
    what: str  # "anchor 3", "question 2", "section"
    old: str | None = None
    new: str | None = None


def changes(old: Rubric, new: Rubric) -> tuple[Change, ...]:
    """Everything that differs but id and version; empty when the two are the same measure of the same interview."""
    return (
        *_fields(None, None, _rubric_fields(old), _rubric_fields(new)),
        *_order("order of sections", None, [s.id for s in old.sections], [s.id for s in new.sections]),
        *_sections(old, new),
    )


def _sections(old: Rubric, new: Rubric) -> Iterator[Change]:
    before = {section.id: section for section in old.sections}
    criteria = {criterion.id: (section.id, criterion) for section in old.sections for criterion in section.criteria}
    kept = {criterion.id for criterion in new.criteria}
    for section in new.sections:
        was = before.get(section.id)
        if was is None:
            yield Change(
                kind="added", section_id=section.id, criterion_id=None, what="section", old=None, new=section.title
            )
        else:
            yield from _fields(section.id, None, _section_fields(was), _section_fields(section))
            yield from _order(
                "order of criteria", section.id, [c.id for c in was.criteria], [c.id for c in section.criteria]
            )
        yield from _criteria(section, criteria)
        yield from _gone(was, kept)
    remaining = {section.id for section in new.sections}
    for section in old.sections:
        if section.id not in remaining:
            yield Change(
                kind="removed", section_id=section.id, criterion_id=None, what="section", old=section.title, new=None
            )
            yield from _gone(section, kept)


def _criteria(section: Section, before: Mapping[str, tuple[str, Criterion]]) -> Iterator[Change]:
    for criterion in section.criteria:
        if criterion.id not in before:
            yield Change(
                kind="added", section_id=section.id, criterion_id=criterion.id, what="criterion", new=criterion.name
            )
            continue
        section_id, was = before[criterion.id]
        if section_id != section.id:
            yield Change(
                kind="moved",
                section_id=section.id,
                criterion_id=criterion.id,
                what="criterion",
                old=section_id,
                new=section.id,
            )
        yield from _fields(section.id, criterion.id, _criterion_fields(was), _criterion_fields(criterion))


def _gone(section: Section | None, kept: set[str]) -> Iterator[Change]:
    for criterion in section.criteria if section else ():
        if criterion.id not in kept:
            yield Change(
                kind="removed",
                section_id=section.id if section else None,
                criterion_id=criterion.id,
                what="criterion",
                old=criterion.name,
            )


def _fields(
    section_id: str | None, criterion_id: str | None, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[Change]:
    for what in dict.fromkeys((*new, *old)):  # each once, in the order of the new one
        if old.get(what) != new.get(what):
            kind: Kind = "added" if what not in old else "changed" if what in new else "removed"
            yield Change(
                kind=kind,
                section_id=section_id,
                criterion_id=criterion_id,
                what=what,
                old=old.get(what),
                new=new.get(what),
            )


def _order(what: str, section_id: str | None, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """A change of order among what both have."""
    before, after = [i for i in old if i in new], [i for i in new if i in old]
    if before != after:
        yield Change(
            kind="moved",
            section_id=section_id,
            criterion_id=None,
            what=what,
            old=", ".join(before),
            new=", ".join(after),
        )


def _rubric_fields(rubric: Rubric) -> dict[str, str]:
    return {
        "title": rubric.title,
        "role": rubric.role,
        "language": rubric.language,
        "opening": rubric.opening,
        "closing": rubric.closing,
        "rationale": rubric.rationale,
    }


def _section_fields(section: Section) -> dict[str, str]:
    return {
        "title": section.title,
        "intro": section.intro,
        **{f"question {n}": text for n, text in enumerate(section.questions, 1)},
        **{f"follow-up {n}": text for n, text in enumerate(section.follow_ups, 1)},
        "time budget": f"{section.time_budget_minutes:g} minutes",
    }


def _criterion_fields(criterion: Criterion) -> dict[str, str]:
    fields = {
        "name": criterion.name,
        "definition": criterion.definition,
        **{f"anchor {level}": criterion.anchors[level] for level in LEVELS},
        "weight": f"{criterion.weight:g}",
        "required": "yes" if criterion.required else "no",
        **{f"example {n}": _example(example) for n, example in enumerate(criterion.examples, 1)},
    }
    return (
        fields if criterion.weight_rationale is None else {**fields, "reason of the weight": criterion.weight_rationale}
    )


def _example(example: Example) -> str:
    return f"level {example.level}: {example.answer}" + (f" ({example.why})" if example.why else "")
