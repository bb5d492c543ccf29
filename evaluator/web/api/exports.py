"""Files by the API: many scorecards in one stream, one in Greenhouse's shape, and what the candidate may be told."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response
from pydantic import ConfigDict, Field

from evaluator.exports.explanation import explanation_text
from evaluator.exports.greenhouse import GreenhouseExport
from evaluator.values import Frozen
from evaluator.web.api.conventions import answer
from evaluator.web.api.filters import Filters
from evaluator.web.api.publishing import Name, Responses, publish
from evaluator.web.pages.exports import GET, AskedShape, Contact, ExportPages, Shape
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, InRequisition, Somewhere, of_scorecard


class ExportQuery(Filters):
    """The list's filters and order, and the form of the file."""

    format: Literal["jsonl", "csv"] = Field(
        default="jsonl",
        description="jsonl: a whole scorecard in each line, with the words that it cites; csv: rows, see `shape`.",
    )
    shape: Shape = Field(
        default="long",
        description="Of CSV. long: a line for each criterion of each scorecard; wide: a line for each scorecard.",
    )


class ToldPoint(Frozen):
    """One thing that was looked for."""

    name: str
    looked_for: str
    quotes: tuple[str, ...] = Field(description="The candidate's own words, in the order in which they were said.")
    note: str | None = Field(description="Why there are none.")


class ToldPart(Frozen):
    """One part of the interview."""

    title: str
    asked: tuple[str, ...] = Field(description="Its questions; empty: the conversation did not come to it.")
    points: tuple[ToldPoint, ...]


class CandidateExplanation(Frozen):
    """What the candidate may be told: no level, no note, nothing of anybody else."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scorecard": "sc_7F3K",
                    "title": "About your interview: Backend engineer",
                    "language": "en",
                    "about": "Interview of 18 November 2026. Reference: C-0412.",
                    "parts": [
                        {
                            "title": "System design",
                            "asked": ["How did you split the load?"],
                            "points": [
                                {
                                    "name": "Depth",
                                    "looked_for": "Names components and what they cost.",
                                    "quotes": ["We split the queue by tenant first."],
                                    "note": None,
                                }
                            ],
                        }
                    ],
                    "text": "About your interview: Backend engineer\n...",
                }
            ]
        }
    )

    scorecard: str
    title: str
    language: str = Field(description="Of the candidate's words.")
    about: str
    parts: tuple[ToldPart, ...]
    text: str = Field(description="All of it as plain text, ready to be sent.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportApi:
    """The handlers."""

    pages: ExportPages

    def scorecards(self, visit: AsVisit, query: Annotated[ExportQuery, Query()]) -> Response:
        """The newest scorecard of each interview of the list, of those that the asker may export, as a stream.

        What is under blind review has its `ai_*` and `human_*` left out. The filters are those of the list.
        """
        if query.format == "csv":
            return self.pages.listed_csv(visit.viewer, query.wanted, query.shape)
        return self.pages.listed_json(visit.viewer, query.wanted)

    def csv(self, visit: AsVisit, ref: Name, shape: AskedShape = "long") -> Response:
        """One scorecard as CSV; what is hidden from the asker has empty cells."""
        return self.pages.as_csv(visit, ref, shape)

    def pdf(self, visit: AsVisit, ref: Name) -> Response:
        """One scorecard as a tagged PDF; 403 `locked` if blind, 503 `pdf` where PDFs cannot be made."""
        return self.pages.as_pdf(visit, ref)

    def greenhouse(self, visit: AsVisit, request: Request, ref: Name) -> Response:
        """The scorecard in the shape of Greenhouse's Harvest API, and what that shape loses; 403 `locked` if blind."""
        found, _ = self.pages.greenhouse(visit.viewer, ref)
        return answer(request, found)

    def explanation(self, visit: AsVisit, request: Request, ref: Name, contact: Contact = "") -> Response:
        """What the candidate may be told; 403 `locked` while the judge is hidden from the asker."""
        one, found = self.pages.explained(visit.viewer, ref, contact)
        self.pages.log(visit.viewer, "scorecard.explain", one, format="json")
        value = CandidateExplanation(
            scorecard=one.stored.id,
            title=found.title,
            language=found.language,
            about=found.about,
            parts=tuple(
                ToldPart(
                    title=part.title,
                    asked=part.asked,
                    points=tuple(
                        ToldPoint(name=p.name, looked_for=p.looked_for, quotes=p.quotes, note=p.note)
                        for p in part.points
                    ),
                )
                for part in found.parts
            ),
            text=explanation_text(found),
        )
        return answer(request, value)


def _file(words: str, *media_types: str) -> Responses:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {200: {"description": words, "content": content}}


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api = ExportApi(pages=ExportPages(site=site))
    export, explain = (InRequisition(act, of_scorecard) for act in ("export", "explain"))
    publish(
        app,
        "/v1/exports/scorecards",
        api.scorecards,
        needs=Somewhere("export"),
        methods=GET,
        more=_file("A JSON object in each line, or CSV.", "application/jsonl", "text/csv"),
    )
    for path, handler, words, media_type in (
        ("/v1/scorecards/{ref}/csv", api.csv, "One scorecard's rows.", "text/csv"),
        ("/v1/scorecards/{ref}/pdf", api.pdf, "A tagged PDF.", "application/pdf"),
    ):
        publish(app, path, handler, needs=export, methods=GET, more=_file(words, media_type))
    publish(
        app,
        "/v1/scorecards/{ref}/greenhouse",
        api.greenhouse,
        needs=export,
        methods=GET,
        answers=GreenhouseExport,
    )
    publish(
        app,
        "/v1/scorecards/{ref}/explanation",
        api.explanation,
        needs=explain,
        methods=GET,
        answers=CandidateExplanation,
    )
