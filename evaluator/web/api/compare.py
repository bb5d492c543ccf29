"""Candidates side by side by the API: the page's table as a value, or as rows."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from evaluator.comparing import MODES, NAMED_MAX, ORDERS
from evaluator.comparison import CANDIDATES_MAX, CANDIDATES_MIN, Comparison
from evaluator.errors import UsageFault
from evaluator.exports.csv import MEDIA_TYPE, compared_csv
from evaluator.web.api.conventions import answer, etag
from evaluator.web.pages.compare import ComparePages, asked_of
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Somewhere, add

FORMATS = ("json", "csv")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareApi:
    """The handlers."""

    pages: ComparePages

    def compare(self, visit: AsVisit, request: Request) -> Response:
        """2 to 12 candidates, criterion by criterion, on one rubric version.

        Columns under blind review are locked: nothing of the judge's or of people's is in them. Ties are differences
        that re-scoring alone may explain, where that was measured.
        """
        wanted, form = asked_of(request.query_params), request.query_params.get("format") or "json"
        if form not in FORMATS:
            raise UsageFault(f"format is one of {', '.join(FORMATS)}")
        if form == "csv":
            comparison = self.pages.exported(visit.viewer, wanted)
            headers = {"ETag": etag([form, comparison.model_dump(mode="json")])}
            return Response("".join(compared_csv(comparison)), media_type=MEDIA_TYPE, headers=headers)
        return answer(request, self.pages.comparison(visit.viewer, wanted))


def _parameter(name: str, words: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema, **more}


_TEXT = {"type": "string"}
_ASKED = {
    "parameters": [
        _parameter(
            "c",
            f"A scorecard's id, an interview's (its newest scorecard), or a candidate's reference; {CANDIDATES_MIN} to "
            f"{CANDIDATES_MAX} different ones.",
            {"type": "array", "items": _TEXT, "maxItems": NAMED_MAX},
            required=True,
            example=["iv-1", "sc_7F3K"],
        ),
        _parameter("rubric", "id@version to compare on; the one that most were scored with if left out.", _TEXT),
        _parameter(
            "mode",
            "final: a person's level where there is one, else the AI's.",
            {"type": "string", "enum": list(MODES), "default": "final"},
        ),
        _parameter(
            "order",
            "score is refused (403 `locked`) while a score is hidden from the asker.",
            {"type": "string", "enum": list(ORDERS), "default": "interviewed_at"},
        ),
        _parameter("pin", "One of `c`, which then stands first.", _TEXT),
        _parameter(
            "format",
            "csv needs the right to export, and is logged.",
            {"type": "string", "enum": list(FORMATS), "default": "json"},
        ),
    ]
}


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api = CompareApi(pages=ComparePages(site=site))
    found = {"model": Comparison, "content": {"text/csv": {"schema": _TEXT}}, "description": "The table."}
    add(
        app,
        "/v1/compare",
        api.compare,
        needs=Somewhere("see_interviews"),
        responses={200: found, 409: {"description": "They cannot be compared as they stand."}},
        openapi_extra=_ASKED,
    )
