"""Phrase banks: spoken ways to express each level of each criterion, read from the YAML files beside this module."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from random import Random
from typing import Annotated, Any

from pydantic import Field
from ruamel.yaml import YAML

from evaluator.values import Frozen, Id
from live_agent.simulate.first_person import in_first_person
from rubrics.model import Criterion, Rubric, Section

FOLDER = resources.files("live_agent.simulate.banks")
BEAT = "//"  # in a phrasing: what stands behind it may be said later, after a follow-up or at the next question
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Slots = Mapping[str, tuple[str | Mapping[str, str], ...]]  # a mapping fills several slots that belong together


class Stock(Frozen):
    """Lines of no criterion, said whatever the role and the level."""

    consent: tuple[str, ...]
    ready: tuple[str, ...]
    starts: tuple[str, ...]
    joins: tuple[str, ...]
    digressions: tuple[str, ...]
    ends: tuple[str, ...]
    nothing_more: tuple[str, ...]
    declined: tuple[str, ...]
    fillers: tuple[str, ...]
    generic: tuple[str, ...]  # frames around an anchor in the first person, where a role has no bank
    misheard: Mapping[str, str]  # word -> what speech recognition writes in its place
    instructions: tuple[str, ...]


class BankedCriterion(Frozen):
    """One criterion's phrasings: level -> story -> text."""

    questions: tuple[int, ...] = (1,)  # the section's questions (from 1) whose answers express it
    levels: Mapping[int, Mapping[str, Text]]


class BankedSection(Frozen):
    """One section's phrasings; those of one story fit together."""

    criteria: Mapping[Id, BankedCriterion]


class Bank(Frozen):
    """All phrasings of one role."""

    rubric: Id
    slots: Slots
    sections: Mapping[Id, BankedSection]


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrasing:
    """One way to express one level of one criterion."""

    id: str  # stable: "{rubric}/{criterion}/{level}/{story}"
    criterion_id: str
    level: int
    story: str
    beats: tuple[str, ...]  # templates: `{slot}`, and `[one|another]` for a choice


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionBank:
    """What can be said in one section of one rubric."""

    questions: Mapping[str, tuple[int, ...]]  # criterion -> questions, from 1
    phrasings: tuple[Phrasing, ...]
    slots: Slots = field(default_factory=dict)

    def of(self, criterion_id: str, level: int) -> tuple[Phrasing, ...]:
        """The phrasings of that level."""
        return tuple(p for p in self.phrasings if (p.criterion_id, p.level) == (criterion_id, level))


def _read(name: str) -> Any:
    return YAML(typ="safe").load(_file(name).read_text(encoding="utf-8"))


def _file(name: str) -> Traversable:
    """The bank's file; roles that exist for training a judge only have a folder of their own."""
    shipped = FOLDER / f"{name}.yaml"
    return shipped if shipped.is_file() else FOLDER / "training" / f"{name}.yaml"


@cache
def stock() -> Stock:
    """The lines of no criterion."""
    return Stock.model_validate(_read("stock"))


@cache
def bank(rubric_id: str) -> Bank | None:
    """The role's own bank; None when it has none."""
    if not _file(rubric_id).is_file() or rubric_id == "stock":
        return None
    return Bank.model_validate(_read(rubric_id))


def section_bank(rubric: Rubric, section: Section) -> SectionBank:
    """The section's phrasings: the role's own where there are some, else built from the anchors."""
    banked = bank(rubric.id)
    ours = banked.sections.get(section.id) if banked else None
    questions: dict[str, tuple[int, ...]] = {}
    phrasings: list[Phrasing] = []
    for index, criterion in enumerate(section.criteria):
        own = ours.criteria.get(criterion.id) if ours else None
        if own and max(own.questions) <= len(section.questions):
            questions[criterion.id] = own.questions
            phrasings.extend(_own(rubric, criterion, own))
        else:
            questions[criterion.id] = (index % len(section.questions) + 1,)
            phrasings.extend(_generic(rubric, criterion))
    return SectionBank(
        questions=questions,
        phrasings=tuple(phrasings),
        slots=banked.slots if banked else {},
    )


def _own(rubric: Rubric, criterion: Criterion, own: BankedCriterion) -> Iterator[Phrasing]:
    for level, stories in own.levels.items():
        for story, text in stories.items():
            yield _phrasing(rubric, criterion, level, story, text)


def _generic(rubric: Rubric, criterion: Criterion) -> Iterator[Phrasing]:
    for level, anchor in criterion.anchors.items():
        said = re.sub(r"[\[\]{}|]", "", in_first_person(anchor)).replace(BEAT, "/")
        for number, frame in enumerate(stock().generic, 1):
            text = frame.replace("{topic}", criterion.name.lower()).replace("{anchor}", said)
            yield _phrasing(rubric, criterion, level, f"g{number}", text)


def _phrasing(rubric: Rubric, criterion: Criterion, level: int, story: str, text: str) -> Phrasing:
    return Phrasing(
        id=f"{rubric.id}/{criterion.id}/{level}/{story}",
        criterion_id=criterion.id,
        level=level,
        story=story,
        beats=tuple(beat.strip() for beat in text.split(BEAT)),
    )


_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([a-z_0-9]+)\}")
_SENTENCE_START = re.compile(r"(?:^|(?<=[.!?] ))[a-z]")


def filled(template: str, slots: Slots, *, seed: str, talk: str) -> str:
    """The template with its choices made, its slots filled, and its sentences begun with capitals.

    Choices depend on `seed`; slots on `talk`, so that a system or a number stays the same through one talk.
    """
    random = Random(f"{seed}|{template}")
    text = _CHOICE.sub(lambda match: random.choice(match[1].split("|")), template)
    values = _slot_values(slots, talk)
    text = " ".join(_SLOT.sub(lambda match: values[match[1]], text).split())
    return _SENTENCE_START.sub(lambda match: match[0].upper(), text)


def _slot_values(slots: Slots, talk: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, options in slots.items():
        picked = Random(f"{talk}|{name}").choice(options)
        values.update({name: picked} if isinstance(picked, str) else picked)
    return values
