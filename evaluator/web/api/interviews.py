"""Interviews by the API: the list with its filters, both ways, and one of them with its story."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from pydantic import ConfigDict, Field
from sqlalchemy import Connection

from evaluator.manifest import Ending
from evaluator.operating import REASON_CHARS_MAX, REASON_CHARS_MIN, release_interview
from evaluator.storage import human
from evaluator.storage.reading import history
from evaluator.storage.reviewing import (
    ListedInterview,
    ListPage,
    ListState,
    Wanted,
    interview_seen,
    interviews_page,
)
from evaluator.values import Frozen, Moment
from evaluator.web.api.conventions import Cursor, Page, answer, cursor_of, cursor_text, idempotent
from evaluator.web.api.filters import ListQuery
from evaluator.web.api.publishing import IDEMPOTENCY_KEY, Name, publish
from evaluator.web.list_query import cursor_of as line_text
from evaluator.web.list_query import parse_cursor
from evaluator.web.listing import interview_view
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally, InRequisition, Somewhere, of_interview


class Sections(Frozen):
    """How far the scoring is."""

    done: int = Field(examples=[4])
    total: int = Field(examples=[7])


class InterviewItem(Frozen):
    """One interview as the asker may see it. While `ai_hidden`, nothing here depends on what the judge said."""

    id: str = Field(examples=["iv-0412"])
    candidate_ref: str = Field(description="A pseudonym; names are not in the API.", examples=["C-0412"])
    requisition: str = Field(examples=["REQ-114"])
    rubric: str = Field(description="`id@version`", examples=["backend-eng@4"])
    interviewed_at: Moment | None = Field(examples=["2026-11-18T14:02:00Z"])
    taken_in_at: Moment = Field(examples=["2026-11-18T15:10:12Z"])
    consent: str = Field(examples=["granted"])
    state: ListState = Field(
        description="`ready`: scored, and hidden until the asker has submitted their own scores.",
        examples=["needs_review"],
    )
    failure: str | None = Field(description="Code of the last failure.", examples=[None])
    sections: Sections = Field(examples=[{"done": 7, "total": 7}])
    scorecard_id: str | None = Field(description="Its newest scorecard.", examples=["sc_7F3K"])
    ai_hidden: bool = Field(description="Under blind review the asker has not submitted yet; tokens never have.")
    overall: float | None = Field(description="The judge's mean, 1 to 5; null: none, or hidden.", examples=[3.4])
    spread: float | None = Field(description="Its standard deviation, in levels.", examples=[0.2])
    criteria_scored: int | None = Field(examples=[6])
    criteria: int | None = Field(examples=[7])
    alerts: int = Field(description="That the asker may see.", examples=[2])
    judge_notice: str | None = Field(description="What must stand beside every level of this judge.", examples=[None])
    blind: bool = Field(description="Whether its requisition is under blind review.")
    reviews: int = Field(description="People who have submitted their own scores.", examples=[1])
    reviewers_needed: int = Field(examples=[2])
    reviewed_by_me: bool
    assigned_to_me: bool
    ending: Ending | None = Field(
        description="How a live interview ended; null: that was never told, as of imports. `incomplete`: it broke off.",
        examples=["finished"],
    )
    sections_reached: int | None = Field(description="Of the rubric's, by a live interview.", examples=[4])
    wants_person: bool = Field(description="The candidate asked for a person.")
    released: bool = Field(description="It broke off, and a person lets it be scored as far as it went.")

    @classmethod
    def of(cls, row: ListedInterview) -> "InterviewItem":
        """The line of the list; it was hidden where it must be when it was read."""
        return cls(
            id=row.id,
            candidate_ref=row.candidate_ref,
            requisition=row.requisition,
            rubric=row.rubric,
            interviewed_at=row.started_at,
            taken_in_at=row.taken_in_at,
            consent=row.consent,
            state=row.state,
            failure=row.code,
            sections=Sections(done=row.sections_done, total=row.sections_total),
            scorecard_id=row.scorecard_id,
            ai_hidden=row.hidden,
            overall=row.overall,
            spread=row.spread,
            criteria_scored=row.scored,
            criteria=row.of,
            alerts=row.alerts,
            judge_notice=row.judge_notice,
            blind=row.blind,
            reviews=row.reviews,
            reviewers_needed=row.reviewers_needed,
            reviewed_by_me=row.mine,
            assigned_to_me=row.assigned,
            ending=row.ending,
            sections_reached=row.reached,
            wants_person=row.wants_person,
            released=row.released,
        )


class Releasing(Frozen):
    """Why what there is of an interview that broke off should be scored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "only the closing question is missing"}]})

    reason: str = Field(
        max_length=REASON_CHARS_MAX,
        description=f"In {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters; kept in the audit log.",
    )


class ReleasedInterview(Frozen):
    """An interview that broke off, and what of it may be scored now."""

    id: str = Field(examples=["iv-0412"])
    transcript_sha256: str = Field(description="Of the transcript that this holds for.")
    new: bool = Field(description="Whether it was not released before.")


class Happening(Frozen):
    """One line of an interview's story."""

    at: Moment = Field(examples=["2026-11-21T01:14:09Z"])
    words: str = Field(examples=["Section 1 of 7 judged"])
    worker: str | None = Field(examples=["node-1"])
    detail: str | None = Field(examples=[None])


class InterviewAnswer(InterviewItem):
    """One interview with what happened to it."""

    explanation: str = Field(description="What its state means, in a sentence.", examples=["It is scored."])
    story: tuple[Happening, ...] = Field(description="The newest 200 lines, oldest first.")


@dataclass(frozen=True, kw_only=True, slots=True)
class InterviewApi:
    """The handlers."""

    site: Site

    def interviews(self, visit: AsVisit, request: Request, query: Annotated[ListQuery, Query()]) -> Response:
        """The list of interviews, filtered and sorted, page by page in both directions.

        Only those of requisitions in which the asker may see interviews. `next` and `previous` are null at the ends.
        """
        wanted = query.wanted
        cursor = cursor_of(query.cursor, of=_order(wanted))
        place = parse_cursor(str(cursor.key[0]), wanted.sort) if cursor else None
        sides = {cursor.side: place} if cursor else {}
        with self.site.database.begin() as db:
            page = interviews_page(db, visit.viewer, wanted, limit=query.limit, **sides)
        found = Page[InterviewItem](
            items=tuple(InterviewItem.of(row) for row in page.rows),
            next=_neighbour(page, wanted, after=True),
            previous=_neighbour(page, wanted, after=False),
        )
        return answer(request, found)

    def interview(self, visit: AsVisit, request: Request, interview_id: Name) -> Response:
        """One interview, with what happened to it so far."""
        with self.site.database.begin() as db:
            row = interview_seen(db, visit.viewer, interview_id)
            people = human.state(db, row.scorecard_id) if row.scorecard_id else None
            view = interview_view(row, history(db, interview_id), people=people)
        story = tuple(Happening(at=s.at, words=s.words, worker=s.worker, detail=s.detail) for s in view.steps)
        item = InterviewItem.of(row)
        return answer(request, InterviewAnswer(**dict(item), explanation=view.explanation, story=story))

    def release(self, visit: AsVisit, request: Request, interview_id: Name, releasing: Releasing) -> Response:
        """Lets an interview that broke off be scored as far as it went; the next run takes it up.

        It holds for the transcript that the interview has now. Released before, it stays so. 409: it did not break off.
        """

        def work(db: Connection) -> Response:
            done = release_interview(db, self.site.store, visit.viewer, interview_id, reason=releasing.reason)
            shown = ReleasedInterview(id=interview_id, transcript_sha256=done.transcript_sha256, new=done.new)
            return answer(request, shown)

        return idempotent(self.site, request, visit, work)


def _order(wanted: Wanted) -> str:
    return f"interviews {wanted.sort} {'up' if wanted.ascending else 'down'}"


def _neighbour(page: ListPage, wanted: Wanted, *, after: bool) -> str | None:
    if not page.rows or not (page.more_after if after else page.more_before):
        return None
    line = line_text(page.rows[-1 if after else 0], wanted.sort)
    return cursor_text(Cursor(of=_order(wanted), side="after" if after else "before", key=(line,)))


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api, one = InterviewApi(site=site), InRequisition("see_interviews", of_interview)
    listed = Somewhere("see_interviews")
    publish(app, "/v1/interviews", api.interviews, needs=listed, answers=Page[InterviewItem])
    publish(app, "/v1/interviews/{interview_id}", api.interview, needs=one, answers=InterviewAnswer)
    publish(
        app,
        "/v1/interviews/{interview_id}/release",
        api.release,
        needs=Globally("operate_runs"),
        answers=ReleasedInterview,
        methods=("POST",),
        headers=(IDEMPOTENCY_KEY,),
    )
