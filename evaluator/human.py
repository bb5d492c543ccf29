"""What people add to a scorecard: reviews, finals, recommendations, dismissals, all append-only, folded into one state.

The scorecard itself never changes. Each act of a person is one more record with the next number; the number of the
last one is what `If-Match` names, so that nobody writes over what they have not seen.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from evaluator.people import Viewer
from evaluator.values import Frozen, Id, Moment

TEXT_MIN = 15  # characters of a reason
TEXT_MAX = 2_000
QUOTES_MAX = 20
DRAFT_BYTES_MAX = 64_000

Level = Annotated[int, Field(ge=1, le=5)]
Recommendation = Literal["strong_no", "no", "yes", "strong_yes", "no_decision"]
ReasonCode = Literal[
    "evidence_misread",
    "missed_evidence",
    "wrong_speaker",
    "asr_error",
    "rubric_misapplied",
    "question_not_asked",
    "candidate_correction",
    "accommodation",
    "other",
]
DismissalCause = Literal["audio", "wrong_person", "asr", "wrong_rubric", "consent_withdrawn", "other"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=TEXT_MIN, max_length=TEXT_MAX)]
Note = Annotated[str, Field(max_length=TEXT_MAX)]


class Rating(Frozen):
    """A person's own score of one criterion."""

    criterion_id: Id
    level: Level | None  # None: not assessed
    quotes: tuple[Annotated[str, Field(pattern=r"^U[0-9]{1,4}$")], ...] = Field(default=(), max_length=QUOTES_MAX)
    note: Note = ""


class Review(Frozen):
    """One person's scores, given before they saw the judge's; they are never changed afterwards."""

    kind: Literal["review"] = "review"
    ratings: tuple[Rating, ...]  # of all criteria, in rubric order
    recommendation: Recommendation
    note: Note = ""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        ids = [rating.criterion_id for rating in self.ratings]
        if len(ids) != len(set(ids)):
            raise ValueError("a criterion is rated twice")
        return self


class Final(Frozen):
    """The level that counts from here on for one criterion, against the judge's or an earlier one."""

    kind: Literal["final"] = "final"
    criterion_id: Id
    old: Level | None  # what stood there when the person decided; None: no level
    new: Level | None
    reason: ReasonCode
    text: Words


class Recommended(Frozen):
    """A person's recommendation, after the review or anew."""

    kind: Literal["recommendation"] = "recommendation"
    recommendation: Recommendation
    note: Note = ""


class Dismissed(Frozen):
    """The scorecard does not count, and why."""

    kind: Literal["dismissal"] = "dismissal"
    cause: DismissalCause
    text: Words


class Restored(Frozen):
    """A dismissal is taken back, and why."""

    kind: Literal["restoration"] = "restoration"
    text: Words


Act = Annotated[Review | Final | Recommended | Dismissed | Restored, Field(discriminator="kind")]


class HumanRecord(Frozen):
    """One row: who did what to which scorecard, as the how-manieth."""

    scorecard_id: Id
    number: int = Field(ge=1)  # within the scorecard, without gaps
    person_id: int | None  # None: the command line
    person: str  # their name then
    at: Moment
    act: Act

    @model_validator(mode="after")
    def _by_somebody(self) -> Self:
        if self.person_id is None and isinstance(self.act, Review | Recommended):
            raise ValueError("a review and a recommendation are a person's, not a command line's")
        return self


class HumanState(Frozen):
    """All records of one scorecard, folded."""

    number: int = 0  # of the last record; 0: none
    reviews: Mapping[int, HumanRecord] = {}  # person -> their review
    finals: Mapping[str, tuple[HumanRecord, ...]] = {}  # criterion -> its history, oldest first
    recommended: Mapping[int, HumanRecord] = {}  # person -> the review or recommendation that holds their newest
    dismissal: HumanRecord | None = None

    @property
    def recommendations(self) -> Mapping[int, Recommendation]:
        """Person -> their newest recommendation."""
        return {who: recommendation_of(record) for who, record in self.recommended.items()}

    def reviewed_by(self, person_id: int | None) -> bool:
        """Whether they have submitted their own scores."""
        return person_id is not None and person_id in self.reviews

    def final_of(self, criterion_id: str, judged: int | None) -> int | None:
        """The level that counts: a person's if there is one, else the judge's."""
        history = self.finals.get(criterion_id, ())
        if not history:
            return judged
        act = history[-1].act
        assert isinstance(act, Final)  # noqa: S101  the fold puts nothing else there
        return act.new


def recommendation_of(record: HumanRecord) -> Recommendation:
    """What a review or a recommendation recommends; TypeError for other records."""
    if not isinstance(record.act, Review | Recommended):
        raise TypeError(f"a {record.act.kind} recommends nothing")
    return record.act.recommendation


def folded(records: Sequence[HumanRecord]) -> HumanState:
    """The state after these records of one scorecard, oldest first."""
    state = HumanState()
    for record in records:
        state = _after(state, record)
    return state


def _after(state: HumanState, record: HumanRecord) -> HumanState:
    act, who = record.act, record.person_id or 0
    changed: dict[str, object] = {"number": record.number}
    match act:
        case Review():
            if who not in state.reviews:  # the first scores stay, whatever stands in the rows
                changed["reviews"] = {**state.reviews, who: record}
                changed["recommended"] = {**state.recommended, who: record}
        case Final():
            history = (*state.finals.get(act.criterion_id, ()), record)
            changed["finals"] = {**state.finals, act.criterion_id: history}
        case Recommended():
            changed["recommended"] = {**state.recommended, who: record}
        case Dismissed():
            changed["dismissal"] = record
        case Restored():
            changed["dismissal"] = None
    return state.model_copy(update=changed)


def sees_judge(viewer: Viewer, *, blind: bool, state: HumanState) -> bool:
    """Whether what the judge said of this scorecard may reach this viewer in any form.

    In a requisition with blind review only those see it who have submitted their own scores: administrators are no
    exception (they may end the blind review, which is logged), and a token counts as somebody who has not. A command
    line reads the database itself, so it can't be kept from it.
    """
    if not blind or viewer.entry == "command":
        return True
    return viewer.entry == "session" and state.reviewed_by(viewer.person_id)
