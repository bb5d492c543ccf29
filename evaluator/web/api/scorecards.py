"""A scorecard by the API: what the judge said and what people added, or while it is hidden neither of them."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import Field

from evaluator.exports.gathering import exported_one
from evaluator.human import DismissalCause, Recommendation
from evaluator.scorecard import Scorecard
from evaluator.transcript import Utterance
from evaluator.values import Frozen, Moment, Sha256
from evaluator.web.api.conventions import answer
from evaluator.web.api.publishing import Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, InRequisition, of_scorecard


class Evidence(Utterance):
    """Something that the candidate said, with where and when."""

    speaker: str = Field(examples=["candidate"])


class Dismissal(Frozen):
    """That the scorecard does not count any more."""

    kind: str = Field(examples=["dismissal"])
    number: int | None = Field(description="Of the record; null while the judge is hidden.", examples=[3])
    person: str = Field(examples=["Reviewer A"])
    at: Moment = Field(examples=["2026-11-22T08:31:00Z"])
    cause: DismissalCause
    text: str | None = Field(
        description="Null while the judge is hidden.", examples=["The recording is somebody else's."]
    )


class Given(Frozen):
    """Somebody's newest recommendation."""

    person: str = Field(examples=["Reviewer A"])
    recommendation: Recommendation


class CriterionStanding(Frozen):
    """What people say of one criterion."""

    status: str = Field(
        description="final, final_without_level, reviewed, reviewers_differ, not_assessed, not_reviewed",
        examples=["reviewed"],
    )
    level: int | None = Field(examples=[4])


class Human(Frozen):
    """What people added; their records one by one are at `/v1/scorecards/{ref}/records`."""

    number: int = Field(description="Of the last record.", examples=[2])
    criteria: dict[str, CriterionStanding] = Field(description="By criterion id.")
    reviews: tuple[dict[str, Any], ...] = Field(description="Each person's own scores.", examples=[[]])
    finals: dict[str, tuple[dict[str, Any], ...]] = Field(
        description="Criterion id to the levels that people decided on, oldest first.", examples=[{}]
    )
    recommendations: tuple[Given, ...]


class ScorecardAnswer(Frozen):
    """A scorecard. While `ai_visible` is false, all that the judge said, and all that could tell of it, is null."""

    scorecard_id: str = Field(examples=["sc_7F3K"])
    judge_notice: str | None = Field(description="What must stand beside every level of this judge.", examples=[None])
    advice: str = Field(examples=["AI-generated; advisory only."])
    interview_id: str = Field(examples=["iv-0412"])
    candidate_ref: str = Field(examples=["C-0412"])
    requisition: str = Field(examples=["REQ-114"])
    rubric: str = Field(description="`id@version`", examples=["backend-eng@4"])
    interviewed_at: Moment | None = Field(examples=["2026-11-18T14:02:00Z"])
    created_at: Moment = Field(examples=["2026-11-22T01:14:00Z"])
    run: str | None = Field(examples=["night-2026-11-21"])
    superseded_by: str | None = Field(description="A newer scorecard of the same interview.", examples=[None])
    dismissed: Dismissal | None = Field(description="Set while it does not count.", examples=[None])
    scale_min: int = Field(examples=[1])
    scale_max: int = Field(examples=[5])
    recording: str = Field(examples=["present"])
    ai_visible: bool = Field(examples=[False])
    ai_hidden_because: str | None = Field(
        examples=["blind review: the AI evaluation opens after you submit your own scores"]
    )
    body: Scorecard | None = Field(description="What the judge said, as it is hashed.", examples=[None])
    body_sha256: Sha256 | None = Field(examples=[None])
    evidence: dict[str, Evidence] | None = Field(
        description="Utterance id to the words, for those that are cited.", examples=[None]
    )
    evidence_unavailable: str | None = Field(description="Why the words are not here.", examples=[None])
    human: Human | None = Field(examples=[None])
    execution: dict[str, Any] | None = Field(description="What the judge's calls took.", examples=[None])


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorecardApi:
    """The handlers."""

    site: Site

    def scorecard(self, visit: AsVisit, request: Request, ref: Name) -> Response:
        """The scorecard of that id, or the newest of that interview.

        In a blind review the judge's part opens after one's own scores; an API token counts as somebody who has none.
        """
        with self.site.database.begin() as db:
            one = exported_one(db, visit.viewer, ref)
        return answer(request, self.site.whole(one))


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    needs = InRequisition("see_interviews", of_scorecard)
    publish(app, "/v1/scorecards/{ref}", ScorecardApi(site=site).scorecard, needs=needs, answers=ScorecardAnswer)
