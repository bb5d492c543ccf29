"""What people added to a scorecard, as it is read; and the scorecard as it is read before one's own blind review."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evaluator.calibration.agreement import Agreement
from evaluator.human import Dismissed, Final, HumanRecord, HumanState, Recommended, Review, folded
from evaluator.people import Viewer
from evaluator.storage.reading import StoredScorecard
from evaluator.storage.requisitions import Requisition
from evaluator.views.scorecard import AlertView, Anchor, alerts_view, criterion_anchor
from evaluator.words import DISMISSAL_CAUSES, REASON_CODES, RECOMMENDATIONS, counted, percent, visible
from rubrics.model import LEVELS, Criterion, Rubric

TRANSCRIPT_ALERTS = frozenset({"section_missing", "speaks_to_judge"})  # computed without the judge

NOT_ASSESSED = "not assessed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RatingLine:
    """One person's own score of one criterion."""

    person: str
    level: int | None
    words: str  # `4`, `not assessed`
    note: str | None
    quotes: tuple[str, ...]  # utterance ids
    mine: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalLine:
    """One override."""

    person: str
    at: datetime
    old: str
    new: str
    reason: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CriterionPeople:
    """What people said of one criterion."""

    ratings: tuple[RatingLine, ...]
    finals: tuple[FinalLine, ...]  # oldest first
    final: int | None  # the level that counts by a person's word
    overridden: bool  # a person's word counts, if only that there is no level

    @property
    def summary(self) -> str | None:
        """Their levels in a few characters: `4`, or `4 and 3`; None: nobody has said anything."""
        if self.overridden:
            return str(self.final) if self.final is not None else NOT_ASSESSED
        return " and ".join(str(r.level) if r.level is not None else "–" for r in self.ratings) or None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendationLine:
    """One person's newest recommendation."""

    person: str
    words: str
    at: datetime
    note: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DismissalLine:
    """Who dismissed the scorecard, and why."""

    person: str
    at: datetime
    cause: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleView:
    """All that people added to one scorecard."""

    status: str  # `Needs your review`, `Reviewed`, ...
    submitted: str  # `1 of 2 reviewers submitted`
    mine: bool  # the viewer has submitted their own scores
    may_review: bool
    dismissal: DismissalLine | None
    recommendations: tuple[RecommendationLine, ...]
    criteria: Mapping[str, CriterionPeople]  # criterion id ->
    any: bool  # somebody added something


NOTHING = CriterionPeople(ratings=(), finals=(), final=None, overridden=False)


def people_view(records: Sequence[HumanRecord], viewer: Viewer, requisition: Requisition) -> PeopleView:
    """The records of one scorecard, oldest first."""
    state = folded(records)
    return PeopleView(
        status=_status(state, viewer, requisition),
        submitted=submitted_words(state, requisition),
        mine=state.reviewed_by(viewer.person_id),
        may_review=viewer.may("review", requisition.id),
        dismissal=_dismissal(state.dismissal),
        recommendations=_recommendations(records),
        criteria=_criteria(state, viewer),
        any=bool(records),
    )


def submitted_words(state: HumanState, requisition: Requisition) -> str:
    """How many of the people who are asked for have given their scores."""
    given, needed = len(state.reviews), requisition.reviewers_needed
    return (
        f"{given} submitted, {needed} needed"
        if given > needed
        else f"{given} of {counted(needed, 'reviewer')} submitted"
    )


def _status(state: HumanState, viewer: Viewer, requisition: Requisition) -> str:
    if state.dismissal is not None:
        return "Dismissed"
    if len(state.reviews) >= requisition.reviewers_needed:
        return "Reviewed"
    mine = viewer.person_id is not None and state.reviewed_by(viewer.person_id)
    may = viewer.person_id is not None and viewer.may("review", requisition.id)
    return "Needs your review" if may and not mine else "Needs review by others"


def _dismissal(record: HumanRecord | None) -> DismissalLine | None:
    if record is None or not isinstance(record.act, Dismissed):
        return None
    return DismissalLine(
        person=visible(record.person),
        at=record.at,
        cause=DISMISSAL_CAUSES[record.act.cause],
        text=visible(record.act.text),
    )


def _recommendations(records: Sequence[HumanRecord]) -> tuple[RecommendationLine, ...]:
    newest: dict[int | None, RecommendationLine] = {}
    for record in records:
        if isinstance(record.act, Review | Recommended):
            newest[record.person_id] = RecommendationLine(
                person=visible(record.person),
                words=RECOMMENDATIONS[record.act.recommendation],
                at=record.at,
                note=visible(record.act.note) or None,
            )
    return tuple(newest.values())


def _criteria(state: HumanState, viewer: Viewer) -> Mapping[str, CriterionPeople]:
    ratings: dict[str, list[RatingLine]] = {}
    for person_id, record in state.reviews.items():
        for rating in record.act.ratings if isinstance(record.act, Review) else ():
            ratings.setdefault(rating.criterion_id, []).append(
                RatingLine(
                    person=visible(record.person),
                    level=rating.level,
                    words=level_words(rating.level),
                    note=visible(rating.note) or None,
                    quotes=rating.quotes,
                    mine=person_id == viewer.person_id,
                )
            )
    return {
        criterion_id: CriterionPeople(
            ratings=tuple(ratings.get(criterion_id, ())),
            finals=tuple(_final(record) for record in state.finals.get(criterion_id, ())),
            final=state.final_of(criterion_id, None),
            overridden=criterion_id in state.finals,
        )
        for criterion_id in {*ratings, *state.finals}
    }


def _final(record: HumanRecord) -> FinalLine:
    act = record.act
    assert isinstance(act, Final)  # noqa: S101  the fold puts nothing else there
    return FinalLine(
        person=visible(record.person),
        at=record.at,
        old=level_words(act.old),
        new=level_words(act.new),
        reason=REASON_CODES[act.reason],
        text=visible(act.text),
    )


def level_words(level: int | None) -> str:
    """A level as a person gave it, or that they gave none."""
    return NOT_ASSESSED if level is None else str(level)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedCriterion:
    """A criterion before one's own review: what it is, and nothing of what the judge said."""

    name: str
    definition: str
    required: bool
    weight: float
    anchors: tuple[Anchor, ...]
    anchor_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedSection:
    """A section with its criteria in rubric order."""

    title: str
    criteria: tuple[LockedCriterion, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedView:
    """A scorecard as somebody may read it who has not yet given their own scores in a blind review."""

    id: str
    interview_id: str
    candidate_ref: str
    requisition: str
    interviewed_at: datetime | None
    rubric: str
    rubric_title: str
    superseded_by: str | None
    alerts: tuple[AlertView, ...]  # of the transcript alone
    sections: tuple[LockedSection, ...]


def locked_view(stored: StoredScorecard, rubric: Rubric) -> LockedView:
    """Made without a look at any result."""
    heard = tuple(a for a in stored.body.alerts if a.code in TRANSCRIPT_ALERTS)
    return LockedView(
        id=stored.id,
        interview_id=stored.interview_id,
        candidate_ref=visible(stored.candidate_ref),
        requisition=visible(stored.requisition),
        interviewed_at=stored.interviewed_at,
        rubric=rubric.ref,
        rubric_title=visible(rubric.title),
        superseded_by=stored.superseded_by,
        alerts=alerts_view(heard, rubric),
        sections=tuple(
            LockedSection(title=visible(s.title), criteria=tuple(_locked(c) for c in s.criteria))
            for s in rubric.sections
        ),
    )


def _locked(criterion: Criterion) -> LockedCriterion:
    return LockedCriterion(
        name=visible(criterion.name),
        definition=visible(criterion.definition),
        required=criterion.required,
        weight=criterion.weight,
        anchors=tuple(Anchor(level=n, text=visible(criterion.anchors[n]), given=False) for n in reversed(LEVELS)),
        anchor_id=criterion_anchor(criterion.id),
    )


def agreement_words(agreement: Agreement | None) -> str:
    """How often this rubric's judge agreed with people; that nobody has measured it, where nobody has."""
    found = next((s for s in agreement.slices if s.kind == "all_criteria"), None) if agreement else None
    if agreement is None or found is None or not found.each.n:
        return "How often this judge agrees with people on this rubric has not been measured. Errors happen."
    raters = "people" if agreement.source == "human" else "labels made by a model"
    exact, near = found.each.exact.value, found.each.within_one.value
    figures = [
        f"{words} {percent(value)}" for words, value in (("exactly", exact), ("within one level", near)) if value
    ]
    return (
        f"On this rubric the AI matched {raters} {', '.join(figures) or 'never'} "
        f"(n = {found.each.n}; {agreement.standing}). Errors happen."
    )
