"""Scorecards in the shape of Greenhouse's Harvest API, one for each person, with a list of what the shape loses.

The shape is that of `GET /v1/scorecards/{id}`: attributes with a rating, a recommendation, questions with answers. The
recommendation is a person's or `no_decision`; nothing of the judge's ever fills it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import ConfigDict

from evaluator.errors import Locked
from evaluator.exports.rows import Exported, final_of, ratings_of, recommendations_of
from evaluator.human import Final, HumanRecord, Recommended, Review
from evaluator.values import Frozen
from evaluator.verdict import Verdict
from evaluator.words import ADVICE, UNSCORED, iso, reason_words
from rubrics.model import LEVELS, Criterion

AttributeRating = Literal["definitely_not", "no", "mixed", "yes", "strong_yes", "no_decision"]
RATINGS: Mapping[int, AttributeRating] = {1: "definitely_not", 2: "no", 3: "mixed", 4: "yes", 5: "strong_yes"}
RECOMMENDATIONS: Mapping[str, AttributeRating] = {
    "strong_no": "definitely_not",
    "no": "no",
    "yes": "yes",
    "strong_yes": "strong_yes",
    "no_decision": "no_decision",
}
ATTRIBUTE_TYPE = "Skills"
LISTED: tuple[AttributeRating, ...] = tuple(RATINGS.values())


class User(Frozen):
    """Who submitted it; Greenhouse's own number of them is not known here."""

    id: int | None = None
    name: str
    employee_id: str | None = None


class Attribute(Frozen):
    """One criterion."""

    name: str
    type: str = ATTRIBUTE_TYPE
    note: str | None
    rating: AttributeRating


class Question(Frozen):
    """One question of the scorecard with a person's answer."""

    id: int | None = None
    question: str
    answer: str


class GreenhouseScorecard(Frozen):
    """One scorecard as the Harvest API shows it."""

    id: int | None = None
    interview: str
    candidate_id: int | None = None
    application_id: int | None = None
    interviewed_at: str | None
    submitted_by: User | None  # None: no person has reviewed
    submitted_at: str | None
    overall_recommendation: AttributeRating
    attributes: tuple[Attribute, ...]
    ratings: Mapping[AttributeRating, tuple[str, ...]]  # rating -> names of attributes
    questions: tuple[Question, ...]


class GreenhouseExport(Frozen):
    """What can be taken over, and what is lost on the way."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scorecards": [
                        {
                            "id": None,
                            "interview": "Backend engineer",
                            "candidate_id": None,
                            "application_id": None,
                            "interviewed_at": "2026-11-18T14:02:00Z",
                            "submitted_by": {"id": None, "name": "Reviewer A", "employee_id": None},
                            "submitted_at": "2026-11-19T14:03:00Z",
                            "overall_recommendation": "yes",
                            "attributes": [
                                {"name": "Depth", "type": ATTRIBUTE_TYPE, "note": "Names the cost.", "rating": "yes"}
                            ],
                            "ratings": {**{rating: [] for rating in LISTED}, "yes": ["Depth"]},
                            "questions": [],
                        }
                    ],
                    "warnings": ["criteria without a level became no_decision; why is in the note"],
                }
            ]
        }
    )

    scorecards: tuple[GreenhouseScorecard, ...]
    warnings: tuple[str, ...]


def greenhouse(one: Exported) -> GreenhouseExport:
    """A Greenhouse scorecard for each person who reviewed or recommended; without any, one with the judge's levels.

    Those are marked as the judge's in each note. Locked while the judge is hidden from the one who exports.
    """
    if not one.sees_judge:
        raise Locked(f"scorecard {one.stored.id} is under blind review: submit your own scores first, then export it")
    people = recommendations_of(one)
    cards = tuple(_card(one, person, name, code) for person, name, code in people)
    return GreenhouseExport(scorecards=cards or (_judges_card(one),), warnings=tuple(_warnings(one, len(people))))


def _card(one: Exported, person: int, name: str, recommendation: str) -> GreenhouseScorecard:
    review = one.state.reviews.get(person)
    attributes = tuple(_attribute(one, c, review) for c in one.rubric.criteria)
    note = _note_on_the_whole(review, one.state.recommended[person])
    return _scorecard(
        one,
        attributes,
        submitted_by=User(name=name),
        submitted_at=None if review is None else iso(review.at),
        recommendation=RECOMMENDATIONS[recommendation],
        questions=(Question(question="Key Take-Aways", answer=note),) if note else (),
    )


def _note_on_the_whole(*records: HumanRecord | None) -> str:
    """Of these the newest that has one."""
    notes = [r.act.note for r in records if r is not None and isinstance(r.act, Review | Recommended) and r.act.note]
    return notes[-1] if notes else ""


def _judges_card(one: Exported) -> GreenhouseScorecard:
    attributes = tuple(_judged(one, c) for c in one.rubric.criteria)
    return _scorecard(one, attributes, submitted_by=None, submitted_at=None, recommendation="no_decision", questions=())


def _scorecard(
    one: Exported,
    attributes: Sequence[Attribute],
    *,
    submitted_by: User | None,
    submitted_at: str | None,
    recommendation: AttributeRating,
    questions: tuple[Question, ...],
) -> GreenhouseScorecard:
    stored = one.stored
    return GreenhouseScorecard(
        interview=one.rubric.title,
        interviewed_at=iso(stored.interviewed_at) if stored.interviewed_at else None,
        submitted_by=submitted_by,
        submitted_at=submitted_at,
        overall_recommendation=recommendation,
        attributes=tuple(attributes),
        ratings={rating: tuple(a.name for a in attributes if a.rating == rating) for rating in LISTED},
        questions=questions,
    )


def _attribute(one: Exported, criterion: Criterion, review: HumanRecord | None) -> Attribute:
    """The person's own level; the judge's and a later final one stand in the note."""
    own = [rating for record, rating in ratings_of(one.state, criterion.id) if record is review]
    level = own[0].level if own else None
    notes = [own[0].note] if own and own[0].note else []
    if level is None:
        notes.append("Not assessed by this person.")
    record = final_of(one.state, criterion.id)
    if record is not None and isinstance(record.act, Final):
        final = "no level" if record.act.new is None else f"level {record.act.new}"
        notes.append(f"Final: {final}, set by {record.person} ({record.act.reason}).")
    notes.append(_judge_words(one, criterion))
    return Attribute(
        name=criterion.name, note=" ".join(notes), rating="no_decision" if level is None else RATINGS[level]
    )


def _judged(one: Exported, criterion: Criterion) -> Attribute:
    result = next(r for r in one.stored.body.results if r.criterion_id == criterion.id)
    rating = RATINGS[result.level] if isinstance(result, Verdict) else "no_decision"
    return Attribute(name=criterion.name, note=_judge_words(one, criterion), rating=rating)


def _judge_words(one: Exported, criterion: Criterion) -> str:
    result = next(r for r in one.stored.body.results if r.criterion_id == criterion.id)
    if isinstance(result, Verdict):
        cited = ", ".join(result.evidence)
        return f"[AI] level {result.level} of {LEVELS[-1]}: {criterion.anchors[result.level]} (evidence {cited})"
    return f"[AI] {UNSCORED[result.status]}. {reason_words(result.reason)}"


def _warnings(one: Exported, people: int) -> list[str]:
    """What Greenhouse's shape has no place for, as far as this scorecard has it."""
    body, state = one.stored.body, one.state
    verdicts = [r for r in body.results if isinstance(r, Verdict)]
    facts = {
        "levels 1-5 of behavioural anchors became ratings from definitely_not to strong_yes, which mean something "
        "else to a reader; the anchor's text stands in the note": bool(verdicts) or bool(state.reviews),
        f"no person has reviewed or recommended: the ratings are the judge's, each note says [AI], and the overall "
        f"recommendation is no_decision. {ADVICE}": not people,
        "the judge's levels stand in notes only; the ratings are people's": bool(people),
        "criteria without a level became no_decision; why is in the note": len(verdicts) < len(body.results),
        "level distributions, spreads, weights and the weighted mean have no place": bool(verdicts),
        "the candidate's words are not included, only the ids of utterances": bool(verdicts),
        "final levels set after a review stand in notes only": bool(state.finals),
        f"Greenhouse knows candidates and applications by its own numbers: map {one.stored.candidate_ref} "
        f"({one.stored.requisition}) to candidate_id and application_id, and names to users": True,
        f"the judge means nothing for real interviews: {body.provenance.judge_notice}": bool(
            body.provenance.judge_notice
        ),
        "this scorecard was dismissed and does not count": state.dismissal is not None,
        f"a newer scorecard of this interview exists: {one.stored.superseded_by}": one.stored.superseded_by is not None,
    }
    return [words for words, holds in facts.items() if holds]
