"""What an interview is judged by: a rubric of sections and criteria with behavioural anchors."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

LEVELS = (1, 2, 3, 4, 5)
CRITERIA_MAX = 4  # per section: the answer schema names c1..c4
SECTIONS_MAX = 12
EXAMPLES_MAX = 3  # per criterion
NO_BASIS = 0  # an example's level where the answer gives no basis to judge the criterion
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_UTTERANCE_ID = re.compile(r"\bU[0-9]{1,4}\b")
REPEATED_ID = "repeated_id"  # the type of that validation error
# No leading zeros, so that two spellings never stand for one number.
VERSION_PATTERN = r"^(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,3})){0,2}$"


def _one_space(text: object) -> object:
    """Runs of white space become one space, so that the digest does not depend on how YAML wraps lines."""
    return " ".join(text.split()) if isinstance(text, str) else text


Id = Annotated[str, Field(pattern=ID_PATTERN)]
Line = Annotated[str, BeforeValidator(_one_space), Field(min_length=1, max_length=200)]
Prose = Annotated[str, BeforeValidator(_one_space), Field(min_length=1, max_length=2_000)]
Rationale = Literal["none", "short"]  # whether the judge adds a sentence to each level


class Frozen(BaseModel):
    """A value: keyword-only, immutable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Example(Frozen):
    """An invented answer and the level it earns; the judge reads it with the anchors, before any interview."""

    level: int = Field(ge=NO_BASIS, le=LEVELS[-1])
    answer: Prose  # what somebody might say, in few words; nobody's real answer
    why: Line | None = None  # what of the answer earns the level

    @field_validator("answer", "why")
    @classmethod
    def _check_no_utterance_id(cls, text: str | None) -> str | None:
        if text is not None and (match := _UTTERANCE_ID.search(text)):
            raise ValueError(
                f"`{match.group()}` looks like the id of something said in the interview, and an example must never "
                "be cited; write it another way"
            )
        return text


class Criterion(Frozen):
    """One thing that is judged, with what each level looks like in an answer."""

    id: Id
    name: Line
    definition: Prose  # what the judge looks for, and what it leaves aside
    anchors: dict[int, Prose]  # level 1-5 -> the behaviour that earns it
    weight: float = Field(default=1.0, gt=0, le=10)  # share in the means; 1 is equal
    weight_rationale: Prose | None = Field(default=None, validate_default=True)  # why the weight is not 1
    required: bool = False  # while it is unscored, the overall score is withheld
    examples: tuple[Example, ...] = Field(default=(), max_length=EXAMPLES_MAX)

    # Field by field, so that one fault of a criterion does not hide another.
    @field_validator("anchors")
    @classmethod
    def _check_anchors(cls, anchors: dict[int, str]) -> dict[int, str]:
        if missing := [level for level in LEVELS if level not in anchors]:
            raise ValueError(f"no anchor for level {', '.join(map(str, missing))}; each level from 1 to 5 needs one")
        if extra := sorted(set(anchors) - set(LEVELS)):
            raise ValueError(f"there is no level {', '.join(map(str, extra))}; the levels are 1 to 5")
        for level in LEVELS[1:]:
            if twin := next((lower for lower in LEVELS if lower < level and anchors[lower] == anchors[level]), None):
                raise ValueError(f"anchors {twin} and {level} have the same text, so the levels cannot be told apart")
        return anchors

    @field_validator("weight_rationale")
    @classmethod
    def _check_weight_rationale(cls, rationale: str | None, info: ValidationInfo) -> str | None:
        if rationale is None and info.data.get("weight", 1.0) != 1.0:
            raise ValueError("a weight other than 1 needs a `weight_rationale` that says why")
        return rationale


class Section(Frozen):
    """One part of the interview: what the agent says, how long it may take, what it is judged by."""

    id: Id
    title: Line
    intro: Prose  # spoken word for word when the section opens; marks the section in imported interviews
    questions: tuple[Prose, ...] = Field(min_length=1, max_length=8)
    follow_ups: tuple[Prose, ...] = Field(default=(), max_length=8)  # asked where an answer is thin
    time_budget_minutes: float = Field(gt=0, le=60)
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=CRITERIA_MAX)


class Rubric(Frozen):
    """A whole interview's plan and measure; immutable once released under its id and version.

    One value drives the interview (intro, questions, time), the scoring (criteria, anchors) and the page.
    """

    id: Id
    version: Annotated[str, Field(pattern=VERSION_PATTERN)]  # quoted in YAML: 1.10 is not 1.1
    title: Line
    role: Line  # the job it is for
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en"
    opening: Prose  # spoken first, after consent
    closing: Prose  # spoken last
    rationale: Rationale = "none"  # short: one sentence per level, for people to read; about doubles the judge's time
    sections: tuple[Section, ...] = Field(min_length=1, max_length=SECTIONS_MAX)

    @model_validator(mode="after")
    def _check_unique(self) -> Self:
        for noun, ids in (
            ("section", [s.id for s in self.sections]),
            ("criterion", [c.id for c in self.criteria]),
        ):
            if repeated := sorted({i for i in ids if ids.count(i) > 1}):
                names = ", ".join(repeated)
                raise PydanticCustomError(REPEATED_ID, "{noun} id used twice: {names}", {"noun": noun, "names": names})
        return self

    @property
    def ref(self) -> str:
        """`id@version`, as people write it."""
        return f"{self.id}@{self.version}"

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """All criteria in rubric order."""
        return tuple(c for s in self.sections for c in s.criteria)

    def section(self, section_id: str) -> Section:
        """The section of that id; KeyError when the rubric has none."""
        for section in self.sections:
            if section.id == section_id:
                return section
        raise KeyError(section_id)

    def canonical_json(self) -> str:
        """One spelling per rubric: sorted keys, no spaces, UTF-8; what the digest is taken over."""
        tree = _without_later_fields(self.model_dump(mode="json"))
        return json.dumps(tree, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON, hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()


def _without_later_fields(rubric: dict[str, Any]) -> dict[str, Any]:
    """Leaves out fields that came after the first release where nobody set them: a released digest never changes."""
    if rubric["rationale"] == "none":
        del rubric["rationale"]
    for section in rubric["sections"]:
        for criterion in section["criteria"]:
            if not criterion["examples"]:
                del criterion["examples"]
    return rubric
