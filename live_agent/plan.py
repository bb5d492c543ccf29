"""The interview as its rubric scripts it: what is said next, decided without any model."""

from typing import Annotated, Literal

from pydantic import Field

from evaluator.values import Frozen, Id
from rubrics.model import Rubric, Section

THIN_ANSWER_WORDS = 40  # an answer of fewer earns a follow-up: about 17 s of speech
SECTION_TIME_MIN_S = 90.0  # a section is not opened with less than this left of the interview
OUTSIDE_SECTIONS_S = 120.0  # consent, opening and closing together
CONSENT_ASKS_MAX = 2  # an unclear answer is asked for once more; unclear again counts as a refusal

CONSENT_VERSION = "consent-1"
CONSENT_TEXT = (
    "Before we begin: this conversation is recorded and written down, and software drafts a scorecard from it that "
    "people read before they decide anything. You may leave out any question and stop at any time. Is that all right "
    "with you?"
)

StepKind = Literal["consent", "opening", "intro", "question", "follow_up", "closing"]
Seconds = Annotated[float, Field(ge=0)]


class Step(Frozen):
    """One thing that the interviewer may say, word for word."""

    id: str  # "consent", "opening", "{section}/intro", "{section}/q1", "{section}/f1", "closing"
    kind: StepKind
    section_id: Id | None = None  # null outside the rubric's sections
    text: str
    waits: bool  # whether an answer is expected before the next step


class Part(Frozen):
    """One section as it is spoken: its intro, all its questions, and follow-ups where an answer is thin."""

    section_id: Id
    time_budget_s: Seconds
    intro: Step
    questions: tuple[Step, ...]
    follow_ups: tuple[Step, ...]


class Plan(Frozen):
    """A whole interview in order, with its times in seconds."""

    rubric_id: Id
    rubric_version: str
    language: str
    consent: Step
    opening: Step
    parts: tuple[Part, ...]
    closing: Step
    time_budget_s: Seconds  # of the whole interview, from its first word

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything that may be said, in order; follow-ups stand behind the questions of their section."""
        spoken = (step for part in self.parts for step in (part.intro, *part.questions, *part.follow_ups))
        return (self.consent, self.opening, *spoken, self.closing)


class Heard(Frozen):
    """What came back since the last step, as far as the plan needs to know."""

    words: Annotated[int, Field(ge=0)] = 0  # 0: silence
    declined: bool = False  # the candidate would rather not answer; not pressed any further
    consent: Literal["granted", "refused", "withdrawn", "unclear"] = "unclear"  # withdrawn counts at any moment


class Position(Frozen):
    """Where the interview is; together with the plan all that is needed to go on."""

    stage: Literal["start", "consent", "opening", "section", "closing"] = "start"
    consent_asks: int = 0
    part: int = 0  # index of the section being spoken
    part_started_s: Seconds = 0.0
    questions: int = 0  # asked so far in this section
    follow_ups: tuple[int, ...] = ()  # indices of those used in this section
    answer_words: int = 0  # of the present question's answer, follow-ups included


class Say(Frozen):
    """Speak these steps as one turn, then wait or go on from `position`."""

    steps: tuple[Step, ...]
    position: Position

    @property
    def text(self) -> str:
        """The turn's words."""
        return " ".join(step.text for step in self.steps)

    @property
    def section_id(self) -> str | None:
        """The section that the turn belongs to."""
        return self.steps[-1].section_id

    @property
    def waits(self) -> bool:
        """Whether an answer is expected before the next step."""
        return self.steps[-1].waits


class End(Frozen):
    """The interview is over; questions never asked are those whose steps were never said."""

    reason: Literal["finished", "refused", "withdrawn"]


def plan(rubric: Rubric, *, time_budget_s: float | None = None) -> Plan:
    """The interview of that rubric; without a time budget of its own it may take what its sections may."""
    parts = tuple(_part(section) for section in rubric.sections)
    whole = OUTSIDE_SECTIONS_S + sum(part.time_budget_s for part in parts)
    return Plan(
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        language=rubric.language,
        consent=Step(id="consent", kind="consent", text=CONSENT_TEXT, waits=True),
        # An opening that asks ("Are you ready?") waits for its answer; one that tells does not.
        opening=Step(id="opening", kind="opening", text=rubric.opening, waits=rubric.opening.endswith("?")),
        parts=parts,
        closing=Step(id="closing", kind="closing", text=rubric.closing, waits=False),
        time_budget_s=whole if time_budget_s is None else time_budget_s,
    )


def _part(section: Section) -> Part:
    name = section.id
    return Part(
        section_id=name,
        time_budget_s=section.time_budget_minutes * 60,
        intro=Step(id=f"{name}/intro", kind="intro", section_id=name, text=section.intro, waits=False),
        questions=tuple(
            Step(id=f"{name}/q{number}", kind="question", section_id=name, text=text, waits=True)
            for number, text in enumerate(section.questions, 1)
        ),
        follow_ups=tuple(
            Step(id=f"{name}/f{number}", kind="follow_up", section_id=name, text=text, waits=True)
            for number, text in enumerate(section.follow_ups, 1)
        ),
    )


def next_step(plan: Plan, position: Position, heard: Heard, elapsed_s: float) -> Say | End:
    """What to do after `position`, given the answer to it and the seconds since the interview's first word."""
    if heard.consent == "withdrawn":
        return End(reason="withdrawn")
    match position.stage:
        case "start":
            return _ask_consent(plan, position)
        case "consent":
            return _after_consent(plan, position, heard)
        case "opening":
            return _open_part(plan, 0, elapsed_s)
        case "section":
            return _within_part(plan, position, heard, elapsed_s)
        case "closing":
            return End(reason="finished")


def _ask_consent(plan: Plan, position: Position) -> Say:
    return Say(steps=(plan.consent,), position=Position(stage="consent", consent_asks=position.consent_asks + 1))


def _after_consent(plan: Plan, position: Position, heard: Heard) -> Say | End:
    if heard.consent == "granted":
        return Say(steps=(plan.opening,), position=Position(stage="opening"))
    if heard.consent == "unclear" and position.consent_asks < CONSENT_ASKS_MAX:
        return _ask_consent(plan, position)
    return End(reason="refused")


def _open_part(plan: Plan, index: int, elapsed_s: float) -> Say:
    """The section's intro and first question in one breath, or the closing when no section or time is left."""
    if index == len(plan.parts) or plan.time_budget_s - elapsed_s < SECTION_TIME_MIN_S:
        return Say(steps=(plan.closing,), position=Position(stage="closing"))
    part = plan.parts[index]
    position = Position(stage="section", part=index, part_started_s=elapsed_s, questions=1)
    return Say(steps=(part.intro, part.questions[0]), position=position)


def _within_part(plan: Plan, position: Position, heard: Heard, elapsed_s: float) -> Say:
    part = plan.parts[position.part]
    if elapsed_s - position.part_started_s >= part.time_budget_s or elapsed_s >= plan.time_budget_s:
        return _open_part(plan, position.part + 1, elapsed_s)
    words = position.answer_words + heard.words
    # Silence and refusals are not pressed.
    thin = heard.words > 0 and words < THIN_ANSWER_WORDS and not heard.declined
    if thin and (left := follow_ups_left(part, position)):
        update = {"follow_ups": (*position.follow_ups, left[0]), "answer_words": words}
        return Say(steps=(part.follow_ups[left[0]],), position=position.model_copy(update=update))
    if position.questions < len(part.questions):
        update = {"questions": position.questions + 1, "answer_words": 0}
        return Say(steps=(part.questions[position.questions],), position=position.model_copy(update=update))
    return _open_part(plan, position.part + 1, elapsed_s)


def follow_ups_left(part: Part, position: Position) -> tuple[int, ...]:
    """Indices of the follow-ups that fit the present question and were not used.

    Rubrics list follow-ups in the order of the questions, so with as many of both each question has its own; with
    fewer or more they are shared out evenly.
    """
    asked, used = position.questions - 1, position.follow_ups
    questions, follow_ups = len(part.questions), len(part.follow_ups)
    return tuple(
        index
        for index in range(follow_ups)
        if index not in used and (index * questions // follow_ups == asked or asked * follow_ups // questions == index)
    )
