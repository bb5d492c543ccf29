"""Who is asked to review which interview, by the API."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from evaluator.reviewers import assign, unassign
from evaluator.storage.assignments import assigned
from evaluator.values import Frozen, Moment
from evaluator.web.api.conventions import answer
from evaluator.web.api.publishing import Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, InRequisition, of_interview

BIGINT_MAX = 2**63 - 1
PersonId = Annotated[int, Path(ge=1, le=BIGINT_MAX)]


class ReviewerShown(Frozen):
    """Somebody who is asked to review the interview."""

    person_id: int = Field(examples=[7])
    name: str = Field(examples=["Reviewer A"])
    at: Moment = Field(description="When they were asked.")
    submitted: bool = Field(description="Their own scores of its newest scorecard are in.")
    may_review: bool = Field(description="False: they have no role any more that allows it.")


class ReviewersShown(Frozen):
    """Everybody who is asked to review one interview, by name."""

    interview_id: str = Field(examples=["iv-88"])
    reviewers: tuple[ReviewerShown, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewerApi:
    """The handlers."""

    site: Site

    def reviewers(self, visit: AsVisit, request: Request, interview_id: Name) -> Response:  # noqa: ARG002  the gate's
        """Who is asked to review it."""
        with self.site.database.begin() as db:
            return answer(request, _shown(db, interview_id))

    def assign(self, visit: AsVisit, request: Request, interview_id: Name, person_id: PersonId) -> Response:
        """Asks somebody, who must be allowed to review in its requisition; they may have been asked already."""
        with self.site.database.begin() as db:
            assign(db, visit.viewer, interview_id, person_id)
            return answer(request, _shown(db, interview_id))

    def unassign(self, visit: AsVisit, interview_id: Name, person_id: PersonId) -> Response:
        """Asks them no longer; what they have submitted stays."""
        with self.site.database.begin() as db:
            unassign(db, visit.viewer, interview_id, person_id)
        return Response(status_code=204)


def _shown(db: Connection, interview_id: str) -> ReviewersShown:
    found = tuple(ReviewerShown.model_validate(one.model_dump()) for one in assigned(db, interview_id))
    return ReviewersShown(interview_id=interview_id, reviewers=found)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api = ReviewerApi(site=site)
    see, may_assign = (InRequisition(act, of_interview) for act in ("see_interviews", "assign"))
    all_, one = "/v1/interviews/{interview_id}/reviewers", "/v1/interviews/{interview_id}/reviewers/{person_id}"
    publish(app, all_, api.reviewers, needs=see, answers=ReviewersShown)
    publish(app, one, api.assign, needs=may_assign, answers=ReviewersShown, methods=("PUT",))
    publish(app, one, api.unassign, needs=may_assign, methods=("DELETE",), status=204)
