"""Candidates side by side, on a page and as a file; the address is the whole state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams

from evaluator.comparing import Asked, Gathered, asked, compared, gather, obstacles, require_export
from evaluator.comparison import CANDIDATES_MAX, CANDIDATES_MIN, Comparison
from evaluator.exports.csv import MEDIA_TYPE, compared_csv
from evaluator.people import Viewer
from evaluator.storage import audit
from evaluator.storage.compared import Meant, comparable
from evaluator.views.printed import printed
from evaluator.web.compare_view import Addresses, Utterances, addresses_of, named_view, show_of, table_view
from evaluator.web.files import file
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Somewhere, add

FILE_NAME = "comparison.csv"

State = Literal["empty", "many", "blocked", "table"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparePages:
    """The handlers."""

    site: Site

    def compare(self, visit: AsVisit, request: Request) -> Response:
        """The table, or what is missing for one."""
        wanted, show = asked_of(request.query_params), show_of(request.query_params.get("show"))
        viewer = visit.viewer
        with self.site.database.begin() as db:
            gathered = gather(db, viewer, wanted)
            offered: tuple[Meant, ...] = ()
            if gathered.rubric is not None:
                offered = comparable(
                    db,
                    requisitions=sorted({c.stored.requisition for c in gathered.chosen}),
                    rubric=gathered.rubric.ref,
                    without=[one.meant.interview_id for one in gathered.everybody],
                )
        at = addresses_of(gathered, wanted, show)
        state = state_of(gathered)
        stands_in_the_way = _with_ways_out(gathered, at, viewer) if state == "blocked" else ()
        return self.site.page(
            "compare.html",
            visit=visit,
            state=state,
            named=named_view(gathered, at),
            offered=offered,
            fields=at.query(),
            at=at,
            least=CANDIDATES_MIN,
            most=CANDIDATES_MAX,
            rubric=None if gathered.rubric is None else gathered.rubric.ref,
            obstacles=stands_in_the_way,
            list_address=_list_address(gathered),
            leave_all=_without_all(gathered, at),
            **self._table(gathered, wanted, at, viewer) if state == "table" else {},
        )

    def file(self, visit: AsVisit, request: Request) -> Response:
        """The table as CSV, logged."""
        comparison = self.exported(visit.viewer, asked_of(request.query_params))
        return file("".join(compared_csv(comparison)), media_type=MEDIA_TYPE, name=FILE_NAME)

    def comparison(self, viewer: Viewer, wanted: Asked) -> Comparison:
        """The table itself; the failures are those of `gather` and `compared`."""
        with self.site.database.begin() as db:
            gathered = gather(db, viewer, wanted)
        return compared(gathered, wanted)

    def exported(self, viewer: Viewer, wanted: Asked) -> Comparison:
        """The table for somebody who takes it along as a file; Forbidden."""
        with self.site.database.begin() as db:
            gathered = gather(db, viewer, wanted)
            require_export(gathered, viewer)
            comparison = compared(gathered, wanted)
            requisitions = {c.requisition for c in comparison.columns}
            detail = {"format": "csv", "scorecards": [c.scorecard_id for c in comparison.columns]}
            one = requisitions.pop() if len(requisitions) == 1 else None
            audit.log(db, viewer, "comparison.export", "comparison", one, detail)
        return comparison

    def _table(self, gathered: Gathered, wanted: Asked, at: Addresses, viewer: Viewer) -> Mapping[str, Any]:
        comparison = compared(gathered, wanted)
        words, missing = self._words(gathered)
        return {
            "view": table_view(comparison, gathered, at, words, lambda name: viewer.may("hear_recording", name)),
            "words_missing": missing,
            "prints": [
                printed(c.stored, c.entrant.state, c.requisition, seen=c.entrant.sees_judge) for c in gathered.chosen
            ],
            "may_export": all(viewer.may("export", c.stored.requisition) for c in gathered.chosen),
            "may_review": {c.stored.id: viewer.may("review", c.stored.requisition) for c in gathered.chosen},
        }

    def _words(self, gathered: Gathered) -> tuple[Mapping[str, Utterances], str | None]:
        """What was said, of those that are open to the viewer; and why some of it cannot be shown."""
        words: dict[str, Utterances] = {}
        missing = None
        for one in gathered.chosen:
            if one.entrant.sees_judge:
                transcript, why = self.site.words(one.stored.transcript_key, one.stored.transcript_sha256)
                words[one.stored.id] = {} if transcript is None else {u.id: u for u in transcript.utterances()}
                missing = missing or why
        return words, missing


def asked_of(query: QueryParams) -> Asked:
    """What the address asks for; UsageFault names the part that nobody can have meant."""
    return asked(
        query.getlist("c"),
        rubric=query.get("rubric"),
        mode=query.get("mode"),
        order=query.get("order"),
        pin=query.get("pin"),
    )


def state_of(gathered: Gathered) -> State:
    """Whether there is a table, and why not."""
    if gathered.named < CANDIDATES_MIN:
        return "empty"
    if gathered.named > CANDIDATES_MAX:
        return "many"
    return "blocked" if obstacles(gathered) else "table"


def _with_ways_out(gathered: Gathered, at: Addresses, viewer: Viewer) -> tuple[Mapping[str, object], ...]:
    """Each obstacle with the address without it, and whether the viewer may have it judged again."""
    requisitions = {c.stored.id: c.stored.requisition for c in gathered.chosen}
    refs = {one.refs[0]: one.refs for one in gathered.everybody}
    return tuple(
        {
            "facts": one,
            "leave_out": at.without(*refs[one.ref]),
            "may_rescore": one.rescoring_helps and viewer.may("rescore", requisitions.get(one.scorecard_id or "", "")),
        }
        for one in obstacles(gathered)
    )


def _list_address(gathered: Gathered) -> str:
    """The list, in which those that are chosen stay chosen."""
    query = urlencode([("c", one.meant.interview_id) for one in gathered.everybody])
    return "/interviews" + (f"?{query}" if query else "")


def _without_all(gathered: Gathered, at: Addresses) -> str | None:
    """The address without everybody who stands in the way, where there are several and enough are left."""
    found = {one.ref for one in obstacles(gathered)}
    if len(found) < 2 or gathered.named - len(found) < CANDIDATES_MIN:
        return None
    return at.without(*(ref for one in gathered.everybody if one.refs[0] in found for ref in one.refs))


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages = ComparePages(site=site)
    add(app, "/compare", pages.compare, needs=Somewhere("see_interviews"))
    # Not HEAD: each is logged, so nothing is made that nobody takes.
    add(app, "/compare.csv", pages.file, needs=Somewhere("export"), methods=("GET",))
