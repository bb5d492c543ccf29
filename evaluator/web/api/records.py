"""`/v1`: what people add to a scorecard, their drafts, judging it again, and the candidate's name.

The ETag of the records is the number that an act names in If-Match. It is no tag of the bytes: what a viewer may read
also changes when a blind review begins or ends, so nothing here is answered with 304.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from sqlalchemy import Connection

from evaluator import deciding
from evaluator.deciding import Dossier, dossier
from evaluator.errors import NotFound, UsageFault
from evaluator.human import (
    TEXT_MAX,
    TEXT_MIN,
    Dismissed,
    Final,
    HumanRecord,
    Level,
    ReasonCode,
    Recommended,
    Restored,
    Review,
    Words,
)
from evaluator.people import Viewer
from evaluator.storage.human import Draft
from evaluator.storage.reading import find_scorecard
from evaluator.transcript import utterances_of
from evaluator.values import Frozen, Id
from evaluator.web.api.conventions import expected_number, idempotent, number_tag
from evaluator.web.api.publishing import IDEMPOTENCY_KEY, IF_MATCH, Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, InRequisition, of_interview, of_scorecard

POST = ("POST",)
NUMBER_MAX = 999_999_999
_IF_MATCH = {
    **IF_MATCH,
    "required": False,
    "description": "The ETag that this had when you read it: 428 without, 412 with another one. Not for what is first: "
    "one's own scores, or a draft where there is none.",
}

_REVIEW = {
    "kind": "review",
    "ratings": [
        {"criterion_id": "depth", "level": 4, "quotes": ["U12"], "note": "Named the trade-off unasked."},
        {"criterion_id": "clarity", "level": 3},
    ],
    "recommendation": "yes",
}
_FINAL = {
    "kind": "final",
    "criterion_id": "depth",
    "new": 4,
    "reason": "missed_evidence",
    "text": "names the replication lag at 00:13:20",
}
_DISMISSAL = {"kind": "dismissal", "cause": "audio", "text": "half of the recording is noise"}
_ACT_EXAMPLES: dict[str, Any] = {
    "review": {"summary": "one's own scores; without If-Match", "value": _REVIEW},
    "final": {"summary": "which level counts, for one criterion", "value": _FINAL},
    "recommendation": {
        "summary": "a recommendation, or another one",
        "value": {"kind": "recommendation", "recommendation": "strong_yes", "note": "after the second round"},
    },
    "dismissal": {"summary": "the scorecard does not count", "value": _DISMISSAL},
    "restoration": {
        "summary": "it counts again",
        "value": {"kind": "restoration", "text": "the noise was in our own copy only"},
    },
}
_RECORD = {
    "number": 3,
    "person_id": 7,
    "person": "Reviewer A",
    "at": "2026-11-22T08:31:00Z",
    "act": {**_FINAL, "old": 3},
}


class Decision(Frozen):
    """Which level counts for one criterion; what stood there is found here, not told by whoever decides."""

    kind: Literal["final"]
    criterion_id: Id
    new: Level | None = Field(description="null: no level counts")
    reason: ReasonCode
    text: Words = Field(description=f"why, in {TEXT_MIN} to {TEXT_MAX} characters")


Sent = Annotated[
    Review | Decision | Recommended | Dismissed | Restored, Body(discriminator="kind", openapi_examples=_ACT_EXAMPLES)
]
ScorecardId = Annotated[str, Field(examples=["sc_7F3K"])]


class RecordShown(Frozen, json_schema_extra={"examples": [_RECORD]}):
    """One act of one person."""

    number: int = Field(description="its place among the records that you may know of")
    person_id: int | None = Field(description="null: the command line")
    person: str
    at: datetime
    act: dict[str, Any] = Field(description="by `kind`; a final has no `old` while the AI's values are hidden from you")


class RecordsShown(Frozen):
    """The records of one scorecard, oldest first, as far as you may read them."""

    scorecard_id: ScorecardId
    number: int = Field(description="how many records you may know of; the ETag, and the next act's If-Match")
    ai_visible: bool = Field(description="false: only your own records are here, until you submit your own scores")
    reviews_submitted: int
    reviewers_needed: int
    dismissed: bool
    records: tuple[RecordShown, ...]


class DraftShown(Frozen):
    """What you have saved before you submit."""

    scorecard_id: ScorecardId
    version: int = Field(description="the ETag, and the next save's If-Match")
    body: dict[str, Any] = Field(examples=[_REVIEW])


class Wish(Frozen, json_schema_extra={"examples": [{"reason": "the manager doubts the level for depth"}]}):
    """Why something is to be judged again."""

    reason: str = Field(max_length=TEXT_MAX, description="in 5 to 500 characters; kept with the run")


class Accepted(Frozen):
    """What will be judged again."""

    run: str = Field(examples=["rescore-iv-0412-2026-11-22-083100"])
    interviews: tuple[str, ...] = Field(examples=[["iv-0412"]])
    blocked: int = Field(description="of them, for want of consent, or as they broke off: these are not judged")


class Revealed(Frozen):
    """The candidate's name; that you asked for it is in the audit log."""

    interview_id: str = Field(examples=["iv-0412"])
    name: str = Field(examples=["Ada Lovelace"])


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordsApi:
    """The handlers."""

    site: Site

    def records(self, visit: AsVisit, ref: Name) -> Response:
        """What people added to a scorecard, as far as the asker may read it."""
        with self.site.database.begin() as db:
            found = dossier(db, ref)
        return _numbered(records_shown(found, visit.viewer), found.number_for(visit.viewer))

    def record(self, visit: AsVisit, ref: Name, number: Annotated[int, Path(ge=1, le=NUMBER_MAX)]) -> Response:
        """One of them."""
        with self.site.database.begin() as db:
            found = dossier(db, ref)
        shown = [r for r in records_shown(found, visit.viewer).records if r.number == number]
        if not shown:
            raise NotFound(f"scorecard {found.stored.id} has no record {number}, or none that you may read")
        return _numbered(shown[0], found.number_for(visit.viewer))

    def add(self, request: Request, visit: AsVisit, ref: Name, act: Sent) -> Response:
        """Adds an act of the asker's. If-Match names the ETag of the records that it rests on; a review needs none."""
        expected = None if isinstance(act, Review) else expected_number(request)
        said = self._said(ref) if isinstance(act, Review) and any(r.quotes for r in act.ratings) else None

        def work(db: Connection) -> Response:
            _act(db, visit.viewer, ref, act, expected, said)
            found = dossier(db, ref)
            shown = records_shown(found, visit.viewer).records[-1]
            location = f"/v1/scorecards/{found.stored.id}/records/{shown.number}"
            return _numbered(shown, found.number_for(visit.viewer), status=201, location=location)

        return idempotent(self.site, request, visit, work)

    def _said(self, ref: str) -> frozenset[str] | None:
        """The ids of what the candidate said; None while the transcript cannot be read. Waits for the store."""
        with self.site.database.begin() as db:
            stored = find_scorecard(db, ref)
        transcript, _ = self.site.words(stored.transcript_key, stored.transcript_sha256)
        return None if transcript is None else frozenset(u.id for u in utterances_of(transcript.turns))

    def draft(self, visit: AsVisit, ref: Name) -> Response:
        """The asker's own draft."""
        with self.site.database.begin() as db:
            stored_id = dossier(db, ref).stored.id
            found = deciding.own_draft(db, visit.viewer, ref)
        if found is None:
            raise NotFound(f"you have no draft for scorecard {stored_id}; it is submitted, or was never begun")
        return _drafted(stored_id, found)

    def save_draft(
        self,
        request: Request,
        visit: AsVisit,
        ref: Name,
        body: Annotated[dict[str, Any], Body(description="what the form holds, complete or not", examples=[_REVIEW])],
    ) -> Response:
        """Saves the asker's own draft, whole. If-Match names the version that was changed, where there is one."""
        with self.site.database.begin() as db:
            there = deciding.own_draft(db, visit.viewer, ref)
            expected = 0 if there is None and "if-match" not in request.headers else expected_number(request)
            version = deciding.save_draft(db, visit.viewer, ref, body, expected)
        return _drafted(ref, Draft(version=version, body=body), status=201 if version == 1 else 200)

    def rescore(self, request: Request, visit: AsVisit, ref: Name, wish: Wish) -> Response:
        """Has the interview judged again, with another seed; the scorecard that there is stays."""
        judge = self.site.judge
        if judge is None:
            raise UsageFault("no judge is named here: set DEBRIEF_MODEL, or use the command line: debrief scorecard")

        def work(db: Connection) -> Response:
            done = deciding.rescore(db, visit.viewer, ref, judge=judge, reason=wish.reason)
            shown = Accepted(run=done.run, interviews=done.interviews, blocked=done.blocked)
            return JSONResponse(shown.model_dump(mode="json"), 202, {"Location": f"/v1/runs/{done.run}"})

        return idempotent(self.site, request, visit, work)

    def reveal(self, visit: AsVisit, interview_id: Name) -> Response:
        """The candidate's name; logged each time, and never kept with an Idempotency-Key."""
        with self.site.database.begin() as db:
            name = deciding.reveal_name(db, visit.viewer, interview_id)
        return JSONResponse(Revealed(interview_id=interview_id, name=name).model_dump(mode="json"))


def records_shown(found: Dossier, viewer: Viewer) -> RecordsShown:
    """The records as this viewer may read them."""
    is_open = found.open_to(viewer)
    return RecordsShown(
        scorecard_id=found.stored.id,
        number=found.number_for(viewer),
        ai_visible=is_open,
        reviews_submitted=len(found.state.reviews),
        reviewers_needed=found.requisition.reviewers_needed,
        dismissed=found.state.dismissal is not None,
        records=tuple(_shown(record, is_open=is_open) for record in found.readable_by(viewer)),
    )


def _shown(record: HumanRecord, *, is_open: bool) -> RecordShown:
    hidden = {"old"} if isinstance(record.act, Final) and not is_open else set()
    return RecordShown(
        number=record.number,
        person_id=record.person_id,
        person=record.person,
        at=record.at,
        act=record.act.model_dump(mode="json", exclude=hidden),
    )


def _act(db: Connection, viewer: Viewer, ref: str, act: Any, expected: int | None, said: frozenset[str] | None) -> None:
    match act, expected:
        case Review(), _:
            deciding.submit_review(db, viewer, ref, act, said=said)
        case Decision(criterion_id=criterion_id, new=new, reason=reason, text=text), int():
            deciding.decide_level(
                db, viewer, ref, criterion_id=criterion_id, new=new, reason=reason, text=text, expected=expected
            )
        case Recommended(recommendation=recommendation, note=note), int():
            deciding.recommend(db, viewer, ref, recommendation=recommendation, note=note, expected=expected)
        case Dismissed(cause=cause, text=text), int():
            deciding.dismiss(db, viewer, ref, cause=cause, text=text, expected=expected)
        case Restored(text=text), int():
            deciding.restore(db, viewer, ref, text=text, expected=expected)


def _numbered(
    value: RecordsShown | RecordShown, number: int, *, status: int = 200, location: str | None = None
) -> Response:
    headers = {"ETag": number_tag(number), **({"Location": location} if location else {})}
    return JSONResponse(value.model_dump(mode="json"), status, headers)


def _drafted(scorecard_id: str, found: Draft, *, status: int = 200) -> Response:
    shown = DraftShown(scorecard_id=scorecard_id, version=found.version, body=found.body)
    return JSONResponse(shown.model_dump(mode="json"), status, {"ETag": number_tag(found.version)})


def attach(app: FastAPI, site: Site) -> None:
    """The routes, with what each needs; what each act needs beyond that is checked where it is done."""
    api = RecordsApi(site=site)
    see, review = InRequisition("see_interviews", of_scorecard), InRequisition("review", of_scorecard)
    records, draft = "/v1/scorecards/{ref}/records", "/v1/scorecards/{ref}/draft"
    publish(app, records, api.records, needs=see, answers=RecordsShown)
    publish(app, f"{records}/{{number}}", api.record, needs=see, answers=RecordShown)
    publish(
        app,
        records,
        api.add,
        needs=review,  # whoever may dismiss may also review, so this lets in everybody who may add something
        answers=RecordShown,
        methods=POST,
        status=201,
        headers=(_IF_MATCH, IDEMPOTENCY_KEY),
    )
    publish(app, draft, api.draft, needs=review, answers=DraftShown)
    publish(
        app,
        draft,
        api.save_draft,
        needs=review,
        answers=DraftShown,
        methods=("PUT",),
        headers=(_IF_MATCH,),
        more={201: {"model": DraftShown, "description": "The first save."}},
    )
    publish(
        app,
        "/v1/scorecards/{ref}/rescore",
        api.rescore,
        needs=InRequisition("rescore", of_scorecard),
        answers=Accepted,
        methods=POST,
        status=202,
        headers=(IDEMPOTENCY_KEY,),
    )
    publish(
        app,
        "/v1/interviews/{interview_id}/name",
        api.reveal,
        needs=InRequisition("reveal_name", of_interview),
        answers=Revealed,
        methods=POST,
    )
