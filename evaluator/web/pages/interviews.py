"""The list of interviews with its saved views, and the page of one interview."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from evaluator.errors import UsageFault
from evaluator.operating import REASON_CHARS_MAX, release_interview
from evaluator.storage import human
from evaluator.storage.assignments import assigned, reviewers
from evaluator.storage.interviews import rejection_count, rejections
from evaluator.storage.reading import history, rubric_refs
from evaluator.storage.requisitions import requisition_list
from evaluator.storage.reviewing import (
    ListPage,
    Wanted,
    interview_seen,
    interviews_page,
    interviews_seen,
    queue_length,
)
from evaluator.storage.saved_views import VIEW_NAME_CHARS_MAX, delete_view, save_view, saved_views
from evaluator.web.identity import person_asking
from evaluator.web.list_query import (
    address,
    cursor_of,
    filters_of,
    is_name,
    parse_cursor,
    query_of,
    sort_text,
    wanted_of,
)
from evaluator.web.listing import STATES, InterviewLine, interview_line, interview_view
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, Globally, InRequisition, SignedIn, Somewhere, add, of_interview

PAGE_LENGTH = 50  # interviews
CHOSEN_MAX = 50  # that an address carries from page to page
REJECTIONS_SHOWN = 20
SEE_OTHER = 303
BIGINT_MAX = 2**63 - 1

FILTERS = ("q", "requisition", "state", "rubric", "reviewer", "alerts", "since", "until", "run")
SORTS = (  # what the list can be sorted by, the usual order of each first
    ("-intake", "Newest intake first"),
    ("intake", "Oldest intake first"),
    ("-interviewed_at", "Latest interview first"),
    ("interviewed_at", "Earliest interview first"),
)
SCORE_SORTS = (("-score", "Highest AI score first"), ("score", "Lowest AI score first"))


@dataclass(frozen=True, kw_only=True, slots=True)
class InterviewPages:
    """The handlers."""

    site: Site

    def interviews(self, visit: AsVisit, request: Request) -> Response:
        """The list; the address says which interviews, in which order, from where on."""
        query, viewer = request.query_params, visit.viewer
        wanted = wanted_of(query)
        after, before = (parse_cursor(query[n], wanted.sort) if query.get(n) else None for n in ("after", "before"))
        if after and before:
            raise UsageFault("a page begins after a line or ends before one, not both; start again: /interviews")
        kept = list(dict.fromkeys(name for name in query.getlist("c") if is_name(name)))[:CHOSEN_MAX]
        with self.site.database.begin() as db:
            page = interviews_page(db, viewer, wanted, after=after, before=before, limit=PAGE_LENGTH)
            facts: dict[str, Any] = {
                "total": interviews_seen(db, viewer),
                "requisitions": [r.id for r in requisition_list(db, viewer.requisitions_for("see_interviews"))],
                "rubrics": rubric_refs(db),
                "queue": queue_length(db, viewer) if viewer.person_id is not None else 0,
                "views": saved_views(db, viewer.person_id) if viewer.person_id is not None else (),
                "rejections": rejections(db, limit=REJECTIONS_SHOWN) if viewer.admin else (),
                "rejected": rejection_count(db) if viewer.admin else 0,
                "lines": _lines(db, page),
            }
        return self.site.page(
            "interviews.html",
            visit=visit,
            wanted=wanted,
            chosen={name: query_of(wanted).get(name) for name in FILTERS},
            sort=sort_text(wanted),
            sorts=SORTS + (SCORE_SORTS if page.open else ()),
            states=[(name, words) for name, (words, _) in STATES.items()],
            filters=filters_of(wanted),
            here=address(wanted).partition("?")[2],
            notices=sorted({row.judge_notice for row in page.rows if row.judge_notice}),
            first=address(wanted),
            previous=_neighbour(page, wanted, "before", kept),
            next=_neighbour(page, wanted, "after", kept),
            kept=kept,
            elsewhere=[name for name in kept if name not in {row.id for row in page.rows}],
            forget=_without_choice(query),
            view_name_max=VIEW_NAME_CHARS_MAX,
            **facts,
        )

    def interview(self, visit: AsVisit, interview_id: str) -> Response:
        """One interview: where it stands and how it came there."""
        name = checked_name("interview", interview_id)
        with self.site.database.begin() as db:
            row = interview_seen(db, visit.viewer, name)
            people = human.state(db, row.scorecard_id) if row.scorecard_id else None
            view = interview_view(row, history(db, name), people=people)
            assigns = visit.viewer.may("assign", row.requisition) and visit.csrf is not None
            asked = assigned(db, name)
            known = {one.person_id for one in asked}
            offered = [one for one in reviewers(db, [row.requisition]) if one.person_id not in known] if assigns else []
        return self.site.page(
            "interview.html",
            visit=visit,
            view=view,
            asked=asked,
            offered=offered,
            assigns=assigns,
            releases=view.releasable and visit.viewer.may_globally("operate_runs") and visit.csrf is not None,
        )

    def release(
        self, visit: AsVisit, interview_id: str, reason: Annotated[str, Form(max_length=REASON_CHARS_MAX)]
    ) -> Response:
        """Lets an interview that broke off be scored as far as it went."""
        name = checked_name("interview", interview_id)
        with self.site.database.begin() as db:
            release_interview(db, self.site.store, visit.viewer, name, reason=reason)
        return RedirectResponse(f"/interviews/{name}", status_code=SEE_OTHER)

    def save_view(self, visit: AsVisit, name: Annotated[str, Form()], query: Annotated[str, Form()] = "") -> Response:
        """Keeps the list's filters and order under a name."""
        wanted = wanted_of(dict(parse_qsl(query)))  # what is kept is what the list itself would write
        kept = address(wanted).partition("?")[2]
        with self.site.database.begin() as db:
            save_view(db, person_asking(visit.viewer), name=" ".join(name.split()), query=kept)
        return RedirectResponse(address(wanted), status_code=SEE_OTHER)

    def delete_view(self, visit: AsVisit, view_id: Annotated[int, Path(ge=1, le=BIGINT_MAX)]) -> Response:
        """Forgets one of the viewer's own views."""
        with self.site.database.begin() as db:
            delete_view(db, person_asking(visit.viewer), view_id)
        return RedirectResponse("/interviews", status_code=SEE_OTHER)


def _lines(db: Connection, page: ListPage) -> list[InterviewLine]:
    seen = [row.scorecard_id for row in page.rows if row.scorecard_id is not None and not row.hidden]
    people = human.states(db, seen)
    return [interview_line(row, people.get(row.scorecard_id or "")) for row in page.rows]


def _without_choice(query: QueryParams) -> str:
    """The address of this page with nothing chosen elsewhere."""
    rest = [(name, value) for name, value in query.multi_items() if name != "c"]
    return "/interviews" + (f"?{urlencode(rest)}" if rest else "")


def _neighbour(page: ListPage, wanted: Wanted, side: str, kept: Sequence[str]) -> str | None:
    """The address of the page before or after this one, where there is one; what is chosen stays so there."""
    if not page.rows or not (page.more_before if side == "before" else page.more_after):
        return None
    row = page.rows[0] if side == "before" else page.rows[-1]
    there = address(wanted, **{side: cursor_of(row, wanted.sort)})
    return there + "".join(f"&c={name}" for name in kept)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages = InterviewPages(site=site)
    add(app, "/interviews", pages.interviews, needs=Somewhere("see_interviews"))
    needs = InRequisition("see_interviews", of_interview)
    add(app, "/interviews/{interview_id}", pages.interview, needs=needs)
    operate = Globally("operate_runs")
    add(app, "/interviews/{interview_id}/release", pages.release, needs=operate, methods=("POST",))
    add(app, "/views", pages.save_view, needs=SignedIn(), methods=("POST",))
    add(app, "/views/{view_id}/delete", pages.delete_view, needs=SignedIn(), methods=("POST",))
