"""What comparisons and exports are given in tests: chosen levels, people's records, a measured noise."""

from collections.abc import Mapping
from datetime import timedelta

from evaluator.calibration.noise import Noise, Scoring, measure
from evaluator.comparison import Entrant
from evaluator.exports.rows import Exported
from evaluator.human import Dismissed, Final, HumanRecord, HumanState, Rating, Recommended, Review, folded
from evaluator.judging import Completion, Sampling
from evaluator.scorecard import Scorecard, conclude
from rubrics.model import Rubric
from tests.factories import AT, MODEL, a_completion, a_rubric, a_transcript
from tests.unit.web.builders import stored

UTTERANCES = {"design": ("U1", "U2"), "debugging": ("U3",), "teamwork": ("U4", "U5")}
REVIEWER, OTHER = 7, 8
NAMES = {REVIEWER: "Reviewer A", OTHER: "Reviewer B"}
CRITERIA = ("depth", "clarity", "method", "feedback", "conflict")
TEXT = "The quote shows more than that."


def a_body(
    levels: Mapping[str, int] | None = None,
    *,
    rubric: Rubric | None = None,
    shares: Mapping[str, Mapping[int, float]] | None = None,
    model: str = MODEL,
    failed: Mapping[str, str] | None = None,
) -> Scorecard:
    """A scorecard in which criteria have these levels, 3 unless named and 0 for an abstention."""
    rubric, levels = rubric or a_rubric(), levels or {}
    completions: dict[str, Completion] = {}
    for section in rubric.sections:
        given = [levels.get(c.id, 3) for c in section.criteria]
        cited = [list(UTTERANCES[section.id])] * len(given)
        probable = None if shares is None else [shares.get(c.id, {3: 1.0}) for c in section.criteria]
        if section.id not in (failed or {}):
            completions[section.id] = a_completion(given, cited, probable)
    return conclude(a_transcript(), rubric, completions, failed=failed, model=model, sampling=Sampling())


def records(*acts: object, person: int = REVIEWER, start: int = 1, scorecard_id: str = "sc_1") -> list[HumanRecord]:
    """Acts of one person, a minute apart."""
    return [
        HumanRecord(
            scorecard_id=scorecard_id,
            number=n,
            person_id=person,
            person=NAMES[person],
            at=AT + timedelta(days=1, minutes=n),
            act=act,
        )
        for n, act in enumerate(acts, start)
    ]


def a_state(*acts: object) -> HumanState:
    """Reviewer A did this."""
    return folded(records(*acts))


def a_review(levels: Mapping[str, int | None] | None = None, recommendation: str = "yes", note: str = "") -> Review:
    """A person's own levels, 3 unless named; each with a quote."""
    levels = levels or {}
    cited = {"depth": "U2", "clarity": "U1", "method": "U3", "feedback": "U4", "conflict": "U5"}
    ratings = tuple(Rating(criterion_id=c, level=levels.get(c, 3), quotes=(cited[c],), note=note) for c in CRITERIA)
    return Review(ratings=ratings, recommendation=recommendation, note=note)


def a_final(criterion_id: str = "depth", new: int | None = 5, old: int | None = 3) -> Final:
    """A person sets a level."""
    return Final(criterion_id=criterion_id, old=old, new=new, reason="missed_evidence", text=TEXT)


def a_recommendation(recommendation: str = "strong_yes") -> Recommended:
    """A person recommends anew."""
    return Recommended(recommendation=recommendation)


def a_dismissal() -> Dismissed:
    """A person sets the scorecard aside."""
    return Dismissed(cause="audio", text="The recording is of another call.")


def an_entrant(number: int = 1, body: Scorecard | None = None, **changes: object) -> Entrant:
    """The number-th candidate; each was interviewed a day after the one before."""
    values: dict[str, object] = {
        "scorecard_id": f"sc_{number}",
        "interview_id": f"iv-{number}",
        "candidate_ref": f"C-{number:04}",
        "requisition": "REQ-114",
        "interviewed_at": AT + timedelta(days=number),
        "body": body or a_body(),
        "sees_judge": True,
    }
    return Entrant.model_validate({**values, **changes})


def a_noise(*, moving: bool = True, temperature: float = 0.0) -> Noise:
    """Depth changes by one level in one of eight scorings; so does the overall mean by a fifth."""

    def scorings() -> list[Scoring]:
        found = []
        for interview in ("iv-1", "iv-2", "iv-3", "iv-4"):
            for replicate in (1, 2):
                moved = moving and interview == "iv-1" and replicate == 2
                readings = [
                    {"criterion_id": c, "status": "scored", "level": 4 if moved and c == "depth" else 3}
                    for c in CRITERIA
                ]
                overall = 3.2 if moved else 3.0
                found.append(Scoring(interview_id=interview, replicate=replicate, readings=readings, overall=overall))
        return found

    return measure(scorings(), scorings(), CRITERIA, k=2, seed=1, temperature=temperature)


def an_exported(body: Scorecard | None = None, *acts: object, sees_judge: bool = True, **changes: object) -> Exported:
    """A stored scorecard, with what Reviewer A did to it; changes go to what PostgreSQL keeps beside the body."""
    body = body or a_body()
    kept: dict[str, object] = {
        "id": "sc_1",
        "interviewed_at": AT,
        "created_at": AT + timedelta(hours=8),
        "execution": {"worker": "node-1"},
    }
    return Exported(
        stored=stored(body, **{**kept, **changes}),
        rubric=a_rubric(),
        state=a_state(*acts),
        sees_judge=sees_judge,
    )
