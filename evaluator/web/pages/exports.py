"""Scorecards as files: one in each form, the list as CSV, and the explanation for the candidate; each is logged."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from evaluator.errors import DigestMismatch, Locked
from evaluator.exports import csv
from evaluator.exports.explanation import (
    CONTACT_CHARS_MAX,
    LOOKED_FOR,
    Explanation,
    explanation,
    explanation_html,
    explanation_text,
)
from evaluator.exports.gathering import exported_list, exported_one, survey
from evaluator.exports.greenhouse import GreenhouseExport, greenhouse
from evaluator.exports.pdf import MEDIA_TYPE as PDF
from evaluator.exports.rows import Exported
from evaluator.exports.scorecard_html import scorecard_html
from evaluator.people import Viewer
from evaluator.storage import audit
from evaluator.storage.requisitions import find_requisition
from evaluator.storage.reviewing import Wanted
from evaluator.views.scorecard import scorecard_view
from evaluator.web.files import PRESS, Press, file, streamed
from evaluator.web.list_query import query_of, wanted_of
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, InRequisition, Somewhere, add, of_scorecard

Shape = Literal["long", "wide"]
AskedShape = Annotated[
    Shape, Query(description="long: a line for each criterion of each scorecard; wide: a line for each scorecard.")
]
Contact = Annotated[
    str, Query(max_length=CONTACT_CHARS_MAX, description="How the candidate reaches a person; printed at the end.")
]

JSON, JSON_LINES, TEXT = "application/json", "application/jsonl; charset=utf-8", "text/plain; charset=utf-8"
GET = ("GET",)  # not HEAD: each is logged, so nothing is made that nobody takes


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportPages:
    """The handlers."""

    site: Site
    press: Press = PRESS

    def as_csv(self, visit: AsVisit, ref: str, shape: AskedShape = "long") -> Response:
        """One scorecard as CSV; what is hidden from the viewer has empty cells."""
        one = self._logged(visit.viewer, ref, format="csv", shape=shape)
        lines = csv.long_csv([one]) if shape == "long" else csv.wide_csv([one])
        return file("".join(lines), media_type=csv.MEDIA_TYPE, name=f"scorecard-{one.stored.id}-{shape}.csv")

    def as_json(self, visit: AsVisit, ref: str) -> Response:
        """One scorecard whole; what is hidden from the viewer is null."""
        one = self._logged(visit.viewer, ref, format="json")
        text = json.dumps(self.site.whole(one), ensure_ascii=False, indent=1, allow_nan=False)
        return file(text + "\n", media_type=JSON, name=f"scorecard-{one.stored.id}.json")

    def as_greenhouse(self, visit: AsVisit, ref: str) -> Response:
        """One scorecard in Greenhouse's shape, with what that shape loses. Locked while the judge is hidden."""
        found, one = self.greenhouse(visit.viewer, ref)
        text = json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=1)
        return file(text + "\n", media_type=JSON, name=f"greenhouse-{one.stored.id}.json")

    def as_pdf(self, visit: AsVisit, ref: str) -> Response:
        """One scorecard as a tagged PDF. Locked while the judge is hidden; PdfUnavailable."""
        one, needed = self._opened(visit.viewer, ref)
        transcript, missing = self.site.words(one.stored.transcript_key, one.stored.transcript_sha256)
        view = scorecard_view(one.stored, one.rubric, transcript, words_missing=missing)
        pdf = self.press.pdf(scorecard_html(one, view, reviewers_needed=needed))
        self.log(visit.viewer, "scorecard.export", one, format="pdf")
        return file(pdf, media_type=PDF, name=f"scorecard-{one.stored.id}.pdf")

    def explanation(self, visit: AsVisit, ref: str, contact: Contact = "") -> Response:
        """What the candidate may be told, to be read before it is sent."""
        one, found = self.explained(visit.viewer, ref, contact)
        return self.site.page(
            "explanation.html",
            visit=visit,
            e=found,
            stored=one.stored,
            contact=contact,
            contact_max=CONTACT_CHARS_MAX,
            looked_for=LOOKED_FOR,
        )

    def explanation_text(self, visit: AsVisit, ref: str, contact: Contact = "") -> Response:
        """The same as plain text, to be sent."""
        one, found = self.explained(visit.viewer, ref, contact)
        self.log(visit.viewer, "scorecard.explain", one, format="text")
        return file(explanation_text(found), media_type=TEXT, name=f"explanation-{one.stored.id}.txt")

    def explanation_pdf(self, visit: AsVisit, ref: str, contact: Contact = "") -> Response:
        """The same as a tagged PDF."""
        one, found = self.explained(visit.viewer, ref, contact)
        pdf = self.press.pdf(explanation_html(found))
        self.log(visit.viewer, "scorecard.explain", one, format="pdf")
        return file(pdf, media_type=PDF, name=f"explanation-{one.stored.id}.pdf")

    def list_csv(self, visit: AsVisit, request: Request, shape: AskedShape = "long") -> Response:
        """All scorecards that the list's address leads to, of those that the viewer may export."""
        wanted = wanted_of(request.query_params)
        return self.listed_csv(visit.viewer, wanted, shape)

    def listed_csv(self, viewer: Viewer, wanted: Wanted, shape: Shape) -> Response:
        """The list's scorecards as CSV, sent as it is read."""
        found = survey(self.site.database, viewer, wanted)
        self.log_list(viewer, wanted, found.count, format="csv", shape=shape)
        each = exported_list(self.site.database, viewer, wanted, found)
        lines = csv.long_csv(each) if shape == "long" else csv.wide_csv(each, found.criteria)
        return streamed(lines, media_type=csv.MEDIA_TYPE, name=f"scorecards-{shape}.csv")

    def listed_json(self, viewer: Viewer, wanted: Wanted) -> Response:
        """The list's scorecards, a JSON object in each line, sent as it is read."""
        found = survey(self.site.database, viewer, wanted)
        self.log_list(viewer, wanted, found.count, format="jsonl")
        each = exported_list(self.site.database, viewer, wanted, found)

        def lines() -> Iterator[str]:
            for one in each:
                yield json.dumps(self.site.whole(one), ensure_ascii=False, allow_nan=False) + "\n"

        return streamed(lines(), media_type=JSON_LINES, name="scorecards.jsonl")

    def greenhouse(self, viewer: Viewer, ref: str) -> tuple[GreenhouseExport, Exported]:
        """In Greenhouse's shape; logged."""
        one, _ = self._opened(viewer, ref)
        self.log(viewer, "scorecard.export", one, format="greenhouse")
        return greenhouse(one), one

    def explained(self, viewer: Viewer, ref: str, contact: str) -> tuple[Exported, Explanation]:
        """The explanation of the scorecard; Locked while the judge is hidden."""
        one, _ = self._opened(viewer, ref)
        transcript, _ = self.site.words(one.stored.transcript_key, one.stored.transcript_sha256)
        return one, explanation(one, transcript, contact=contact)

    def log_list(self, viewer: Viewer, wanted: Wanted, count: int, **detail: str) -> None:
        """That somebody took a list along: which, and how long it was."""
        with self.site.database.begin() as db:
            facts = {**detail, "query": query_of(wanted), "scorecards": count}
            audit.log(db, viewer, "scorecards.export", "scorecards", wanted.requisition, facts)

    def _logged(self, viewer: Viewer, ref: str, **detail: str) -> Exported:
        with self.site.database.begin() as db:
            one = _intact(db, viewer, ref)
        self.log(viewer, "scorecard.export", one, **detail)
        return one

    def _opened(self, viewer: Viewer, ref: str) -> tuple[Exported, int]:
        """The scorecard of which all may be told, and how many people are to review it."""
        with self.site.database.begin() as db:
            one = _intact(db, viewer, ref)
            needed = find_requisition(db, one.stored.requisition).reviewers_needed
        if not one.sees_judge:
            raise Locked(LOCKED_FILE)
        return one, needed

    def log(self, viewer: Viewer, action: str, one: Exported, **detail: str) -> None:
        """That somebody took one scorecard along, and in which form."""
        with self.site.database.begin() as db:
            audit.log(db, viewer, action, f"scorecard:{one.stored.id}", one.stored.requisition, detail)


LOCKED_FILE = "the AI evaluation is ready, and this opens after you submit your own scores"


def _intact(db: Connection, viewer: Viewer, ref: str) -> Exported:
    """The scorecard with the very rubric that it was made with; DigestMismatch."""
    one = exported_one(db, viewer, checked_name("scorecard", ref))
    if one.rubric.digest != one.stored.body.provenance.rubric_digest:
        raise DigestMismatch(
            f"scorecard {one.stored.id} was made with another text of rubric {one.rubric.ref}, "
            "so its levels cannot be explained; check the database"
        )
    return one


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages = ExportPages(site=site)
    export, explain = (InRequisition(act, of_scorecard) for act in ("export", "explain"))
    add(app, "/interviews.csv", pages.list_csv, needs=Somewhere("export"), methods=GET)
    for path, handler, needs in (
        ("/scorecards/{ref}/export.csv", pages.as_csv, export),
        ("/scorecards/{ref}/export.json", pages.as_json, export),
        ("/scorecards/{ref}/export.pdf", pages.as_pdf, export),
        ("/scorecards/{ref}/greenhouse.json", pages.as_greenhouse, export),
        ("/scorecards/{ref}/explanation", pages.explanation, explain),
        ("/scorecards/{ref}/explanation.txt", pages.explanation_text, explain),
        ("/scorecards/{ref}/explanation.pdf", pages.explanation_pdf, explain),
    ):
        add(app, path, handler, needs=needs, methods=GET)
