"""What people may do to a scorecard: each operation checks the right and the rules, appends one record, and logs it.

Pages, API and command line call these and nothing below, so that a rule holds whichever way somebody came. All of it
happens in the caller's transaction, which should end soon after: nobody else can log anything until then.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection

from evaluator.errors import Conflict, Forbidden, Locked, NotFound, Stale, UsageFault
from evaluator.human import (
    TEXT_MAX,
    TEXT_MIN,
    Act,
    Dismissed,
    Final,
    HumanRecord,
    HumanState,
    Recommended,
    Restored,
    Review,
    folded,
    sees_judge,
)
from evaluator.operating import checked_reason
from evaluator.people import Act as Right
from evaluator.people import Viewer
from evaluator.storage import audit, human
from evaluator.storage.interviews import candidate_name, load_rubric
from evaluator.storage.placing import requisition_of_interview
from evaluator.storage.reading import StoredScorecard, find_scorecard
from evaluator.storage.requisitions import Requisition, find_requisition
from evaluator.storage.runs import Judge, Selection, selected, start_run
from evaluator.values import Frozen
from evaluator.verdict import Verdict
from evaluator.words import counted
from rubrics.model import Rubric

LOCKED = "AI evaluation is ready. It opens after you submit your own scores."
TRIES_MAX = 20  # an act that somebody else's came before at the same moment is checked again against what stands then
_RUN_NAME_MAX = 64

Made = TypeVar("Made", Final, Recommended, Dismissed, Restored)

# What an entry of the audit log calls each act.
_LOGGED_AS: Mapping[type[Act], str] = {
    Review: "review.submit",
    Final: "final.set",
    Recommended: "recommendation.give",
    Dismissed: "scorecard.dismiss",
    Restored: "scorecard.restore",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """A scorecard with all that decides who may read what of it, and do what with it."""

    stored: StoredScorecard
    rubric: Rubric
    requisition: Requisition
    records: tuple[HumanRecord, ...]

    @property
    def state(self) -> HumanState:
        """What people's records come to."""
        return folded(self.records)

    @property
    def number(self) -> int:
        """Of the last record, 0 for none. What a viewer is shown, and what they send back, is `number_for`."""
        return self.records[-1].number if self.records else 0

    def open_to(self, viewer: Viewer) -> bool:
        """Whether the viewer may see what the judge said."""
        return sees_judge(viewer, blind=self.requisition.blind, state=self.state)

    def known_to(self, viewer: Viewer) -> tuple[HumanRecord, ...]:
        """The records of which the viewer may know that they are there.

        While the judge is hidden from them, others' finals and recommendations are not among these: how many there
        are tells how many disagree with the judge.
        """
        if self.open_to(viewer):
            return self.records
        return tuple(
            record
            for record in self.records
            if isinstance(record.act, Review | Dismissed | Restored) or _is_of(record, viewer)
        )

    def number_for(self, viewer: Viewer) -> int:
        """What `expected` of the operations means: how many records the viewer may know of; `number` where all."""
        return len(self.known_to(viewer))

    def readable_by(self, viewer: Viewer) -> tuple[HumanRecord, ...]:
        """The records that the viewer may read: all, or while the judge is hidden only their own.

        Numbered as `number_for` counts. Whoever shows a final of these to somebody for whom the scorecard is not open
        leaves its `old` out: that was the judge's level.
        """
        if self.open_to(viewer):
            return self.records
        known = enumerate(self.known_to(viewer), start=1)
        return tuple(r.model_copy(update={"number": n}) for n, r in known if _is_of(r, viewer))

    def judged(self, criterion_id: str) -> int | None:
        """The judge's level; None for none."""
        results = (r for r in self.stored.body.results if r.criterion_id == criterion_id)
        return next((r.level for r in results if isinstance(r, Verdict)), None)

    def level(self, criterion_id: str) -> int | None:
        """The level that stands: a person's final if there is one, else the judge's."""
        return self.state.final_of(criterion_id, self.judged(criterion_id))


def dossier(db: Connection, ref: str) -> Dossier:
    """The scorecard of that id, or the newest of that interview, with what stands around it; NotFound."""
    stored = find_scorecard(db, ref)
    return Dossier(
        stored=stored,
        rubric=load_rubric(db, stored.rubric_id, stored.rubric_version),
        requisition=find_requisition(db, stored.requisition),
        records=human.records(db, stored.id),
    )


def submit_review(
    db: Connection, viewer: Viewer, ref: str, review: Review, *, said: Collection[str] | None = None
) -> HumanRecord:
    """Keeps the person's own scores for good, and forgets their draft.

    Whatever others do meanwhile: one's own scores rest on nothing that is there already. said: the ids of what the
    candidate said, where the transcript is at hand. Conflict: they are submitted, or the scorecard takes none;
    UsageFault: not each criterion of the rubric once, or a quote of what the candidate did not say.
    """

    def act(found: Dossier) -> Review:
        _require_person(viewer, found.requisition.id)
        _require_standing(found)
        if said is not None:
            _require_said(review, said)
        return _in_rubric_order(review, found.rubric)

    return _add(db, viewer, ref, act, right="review", expected=None)


def decide_level(
    db: Connection,
    viewer: Viewer,
    ref: str,
    *,
    criterion_id: str,
    new: int | None,
    reason: str,
    text: str,
    expected: int,
) -> HumanRecord:
    """Says which level counts from here on for one criterion; None: none does.

    expected: `Dossier.number_for` of what they have seen. Locked, Stale, Conflict; UsageFault: no such criterion, the
    level stands already, or reason or text are no good.
    """

    def act(found: Dossier) -> Final:
        require_open(found, viewer)
        _require_standing(found)
        if criterion_id not in {criterion.id for criterion in found.rubric.criteria}:
            raise UsageFault(f"rubric {found.rubric.ref} has no criterion {criterion_id!r}")
        old = found.level(criterion_id)
        final = _made(Final, criterion_id=criterion_id, old=old, new=new, reason=reason, text=text)
        if final.new == old:
            stands = "has no level already" if old is None else f"is at level {old} already"
            raise UsageFault(f"criterion {criterion_id} {stands}; choose another one, or leave it as it is")
        return final

    return _add(db, viewer, ref, act, right="review", expected=expected)


def recommend(
    db: Connection, viewer: Viewer, ref: str, *, recommendation: str, note: str, expected: int
) -> HumanRecord:
    """Gives the person's recommendation, or changes it. Locked, Stale, Conflict, UsageFault."""

    def act(found: Dossier) -> Recommended:
        _require_person(viewer, found.requisition.id)
        require_open(found, viewer)
        _require_standing(found)
        return _made(Recommended, recommendation=recommendation, note=note)

    return _add(db, viewer, ref, act, right="review", expected=expected)


def dismiss(db: Connection, viewer: Viewer, ref: str, *, cause: str, text: str, expected: int) -> HumanRecord:
    """Says that the scorecard does not count, and why. Stale; Conflict: it is dismissed already."""

    def act(found: Dossier) -> Dismissed:
        if found.state.dismissal is not None:
            raise Conflict(f"scorecard {found.stored.id} is dismissed already")
        return _made(Dismissed, cause=cause, text=text)

    return _add(db, viewer, ref, act, right="dismiss", expected=expected)


def restore(db: Connection, viewer: Viewer, ref: str, *, text: str, expected: int) -> HumanRecord:
    """Takes a dismissal back, and says why. Stale; Conflict: it is not dismissed."""

    def act(found: Dossier) -> Restored:
        if found.state.dismissal is None:
            raise Conflict(f"scorecard {found.stored.id} is not dismissed, so there is nothing to restore")
        return _made(Restored, text=text)

    return _add(db, viewer, ref, act, right="dismiss", expected=expected)


def own_draft(db: Connection, viewer: Viewer, ref: str) -> human.Draft | None:
    """What the viewer has saved before they submit; None: nothing. Drafts are nobody else's. Forbidden."""
    stored = find_scorecard(db, ref)
    return human.draft(db, stored.id, _require_person(viewer, stored.requisition))


def save_draft(db: Connection, viewer: Viewer, ref: str, body: Mapping[str, Any], expected: int) -> int:
    """Keeps what the viewer has so far; its version. Nothing is logged: it is no act yet.

    expected: the version that they have changed, 0 for none. Stale: it was saved elsewhere since; Conflict: their
    scores are submitted, or the scorecard takes none.
    """
    found = dossier(db, ref)
    person_id = _require_person(viewer, found.requisition.id)
    _require_itself(found, ref)
    _require_standing(found)
    if found.state.reviewed_by(person_id):
        raise Conflict(f"your own scores of scorecard {found.stored.id} are submitted, and stay as they are")
    return human.save_draft(db, found.stored.id, person_id, body, expected)


class Rescored(Frozen):
    """What is judged again, or would be."""

    run: str
    interviews: tuple[str, ...]
    blocked: int  # of them: they are in the run and are not judged, for want of consent or as they broke off
    broke_off: int  # of those blocked: with consent, and nobody has released them
    reason: str


def rescore(
    db: Connection,
    viewer: Viewer,
    *refs: str,
    judge: Judge,
    reason: str,
    name: str | None = None,
    dry_run: bool = False,
) -> Rescored:
    """Opens a run that judges these interviews again, with another seed; the scorecards that they have are kept.

    name: the run's; made from the interview and the moment if None. UsageFault: the reason is no good; Conflict: a run
    has this name. With `dry_run` nothing is written.
    """
    reason = checked_reason(reason, why="it is judged again")
    found = [find_scorecard(db, ref) for ref in refs]
    for one in found:
        _require_right(viewer, "rescore", one.requisition)
    by_interview = {one.interview_id: one for one in found}
    selection = Selection(only="all", interviews=tuple(by_interview), rescore=True, reason=reason)
    members = selected(db, selection, judge)
    run = name or _run_name(tuple(by_interview))
    if not dry_run:
        start_run(db, name=run, selection=selection, judge=judge)
        for one in by_interview.values():
            audit.log(db, viewer, "scorecard.rescore", f"scorecard:{one.id}", one.requisition, {"run": run})
    return Rescored(
        run=run,
        interviews=tuple(member.interview_id for member in members),
        blocked=sum(member.blocked for member in members),
        broke_off=sum(member.row["code"] == "incomplete" for member in members),
        reason=reason,
    )


def reveal_name(db: Connection, viewer: Viewer, interview_id: str) -> str:
    """The candidate's name; that somebody asked is logged. Forbidden; NotFound: no such interview, or no name."""
    requisition = requisition_of_interview(db, interview_id)
    if requisition is None:
        raise NotFound(f"interview {interview_id} is not known here")
    _require_right(viewer, "reveal_name", requisition)
    name = candidate_name(db, interview_id)
    if name is None:
        raise NotFound(f"interview {interview_id} has no name of its candidate, only a reference")
    audit.log(db, viewer, "name.reveal", f"interview:{interview_id}", requisition)
    return name


def _add(
    db: Connection,
    viewer: Viewer,
    ref: str,
    act: Callable[[Dossier], Act],
    *,
    right: Right,
    expected: int | None,
) -> HumanRecord:
    """Appends what `act` makes of the scorecard as it stands, and logs it.

    act: raises what speaks against it. expected: None for what rests on nothing that others did.
    """
    for _ in range(TRIES_MAX):
        found = dossier(db, ref)
        _require_right(viewer, right, found.requisition.id)
        _require_itself(found, ref)
        if expected is not None and expected != found.number_for(viewer):
            raise _stale(found, viewer)
        try:
            record = human.append(db, found.stored.id, viewer, act(found), found.number)
        except Stale:  # somebody's came at this very moment
            continue
        if isinstance(record.act, Review) and viewer.person_id is not None:
            human.drop_draft(db, found.stored.id, viewer.person_id)
        _log(db, viewer, found, record)
        return record
    raise _stale(dossier(db, ref), viewer)


def _log(db: Connection, viewer: Viewer, found: Dossier, record: HumanRecord) -> None:
    detail: dict[str, Any] = {"number": record.number}
    if isinstance(record.act, Final):
        detail["criterion"] = record.act.criterion_id
    action = _LOGGED_AS[type(record.act)]
    audit.log(db, viewer, action, f"scorecard:{found.stored.id}", found.requisition.id, detail)


def _require_right(viewer: Viewer, right: Right, requisition: str) -> None:
    if not viewer.may(right, requisition):
        raise Forbidden("your role does not allow this; an administrator can say who may")


def _require_person(viewer: Viewer, requisition: str) -> int:
    _require_right(viewer, "review", requisition)
    if viewer.person_id is None:
        raise Forbidden("reviews and recommendations are a person's; log in on the pages to give one")
    return viewer.person_id


def _require_itself(found: Dossier, ref: str) -> None:
    """An interview's id may mean another scorecard by now than the one that was looked at."""
    if ref != found.stored.id:
        raise UsageFault(f"{ref} names an interview; name the scorecard itself, {found.stored.id}")


def require_open(found: Dossier, viewer: Viewer) -> None:
    """Locked while the judge is hidden from the viewer."""
    if not found.open_to(viewer):
        raise Locked(LOCKED)


def _require_standing(found: Dossier) -> None:
    """Neither dismissed nor superseded."""
    if found.state.dismissal is not None:
        raise Conflict(f"scorecard {found.stored.id} is dismissed; restore it first")
    if found.stored.superseded_by is not None:
        newer = found.stored.superseded_by
        raise Conflict(f"scorecard {found.stored.id} has been judged again since; decide on the newer one, {newer}")


def _require_said(review: Review, said: Collection[str]) -> None:
    quoted = (quote for rating in review.ratings for quote in rating.quotes)
    if strange := [quote for quote in dict.fromkeys(quoted) if quote not in said]:
        raise UsageFault(f"{', '.join(strange)}: the candidate said nothing under this id in this interview")


def _in_rubric_order(review: Review, rubric: Rubric) -> Review:
    rated = {rating.criterion_id: rating for rating in review.ratings}
    asked = [criterion.id for criterion in rubric.criteria]
    if unknown := [name for name in rated if name not in asked]:
        raise UsageFault(f"rubric {rubric.ref} has no criterion {', '.join(map(repr, unknown))}")
    if missing := [name for name in asked if name not in rated]:
        left = counted(len(missing), "criterion", "criteria")
        raise UsageFault(f"{left} not rated yet: {', '.join(missing)}; give each a level, or say not assessed")
    return review.model_copy(update={"ratings": tuple(rated[name] for name in asked)})


def _made(kind: type[Made], **values: object) -> Made:
    """The act with these values from outside; UsageFault names all that is wrong with them."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        # No value of what was sent: the words are a person's.
        raise UsageFault("; ".join(_fault(fault) for fault in error.errors(include_input=False))) from None


def _fault(fault: Mapping[str, Any]) -> str:
    field = ".".join(map(str, fault["loc"]))
    if field == "text" and fault["type"] in {"string_too_short", "string_too_long"}:
        return f"text: say in {TEXT_MIN} to {TEXT_MAX} characters why"
    return f"{field}: {fault['msg']}"


def _stale(found: Dossier, viewer: Viewer) -> Stale:
    return Stale(
        f"scorecard {found.stored.id} was changed by somebody else meanwhile; look at the change, then decide again",
        number=found.number_for(viewer),
    )


def _is_of(record: HumanRecord, viewer: Viewer) -> bool:
    return viewer.person_id is not None and record.person_id == viewer.person_id


def _run_name(interviews: tuple[str, ...]) -> str:
    moment = f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    if len(interviews) != 1:
        return f"rescore-{moment}"
    room = _RUN_NAME_MAX - len(f"rescore--{moment}")
    return f"rescore-{interviews[0][:room]}-{moment}"
