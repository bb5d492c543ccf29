"""The pages: each gathers from PostgreSQL and the store, builds a view, and renders it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from jinja2 import Environment
from sqlalchemy import Connection

from evaluator.errors import ContentError, DigestMismatch, NotFound, TranscriptFault, Unavailable
from evaluator.pipeline import fetch_transcript
from evaluator.ports import ObjectStore
from evaluator.storage.database import Database
from evaluator.storage.interviews import load_rubric, rejection_count, rejections
from evaluator.storage.reading import (
    StoredScorecard,
    find_interview,
    find_scorecard,
    history,
    interview_count,
    interviews,
    requisitions,
)
from evaluator.storage.runs import run_list
from evaluator.transcript import Transcript
from evaluator.web.guard import request_id
from evaluator.web.listing import (
    checked_filter,
    cursor_of,
    interview_line,
    interview_view,
    is_name,
    parse_cursor,
    run_line,
)
from evaluator.web.view import scorecard_json, scorecard_view
from evaluator.web.words import visible

PAGE_LENGTH = 50  # interviews
REJECTIONS_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """The handlers; they run in threads, since PostgreSQL and the store are waited for."""

    database: Database
    store: ObjectStore
    templates: Environment
    version: str
    style: bytes

    def home(self) -> Response:
        """The list is the first page."""
        return RedirectResponse("/interviews", status_code=307)

    def interviews(self, requisition: str | None = None, run: str | None = None, after: str | None = None) -> Response:
        """The list, the newest intake first."""
        chosen = {"requisition": checked_filter("requisition", requisition), "run": checked_filter("run", run)}
        place = parse_cursor(after) if after else None
        with self.database.begin() as db:
            rows = interviews(db, **chosen, after=place, limit=PAGE_LENGTH + 1)
            shown = rows[:PAGE_LENGTH]
            facts: dict[str, Any] = {
                "total": interview_count(db),
                "requisitions": requisitions(db),
                "runs": [run_line(r) for r in run_list(db, limit=1)],
                "rejections": rejections(db, limit=REJECTIONS_SHOWN),
                "rejected": rejection_count(db),
            }
        return self._page(
            "interviews.html",
            lines=[interview_line(row) for row in shown],
            notices=sorted({row.judge_notice for row in shown if row.judge_notice}),
            chosen=chosen,
            first=place is None,
            newest=_address(chosen),
            older=_address({**chosen, "after": cursor_of(shown[-1])}) if len(rows) > PAGE_LENGTH else None,
            **facts,
        )

    def interview(self, interview_id: str) -> Response:
        """One interview: where it stands and how it came there."""
        name = _name("interview", interview_id)
        with self.database.begin() as db:
            row = find_interview(db, name)
            events = history(db, name)
            earlier = _scorecard_id(db, name) if row.scorecard_id is None else None
        return self._page("interview.html", view=interview_view(row, events, earlier_scorecard_id=earlier))

    def scorecard(self, ref: str) -> Response:
        """The scorecard; an interview's id leads to its newest."""
        name = _name("scorecard", ref)
        with self.database.begin() as db:
            stored = find_scorecard(db, name)
            rubric = load_rubric(db, stored.rubric_id, stored.rubric_version)
        if stored.id != ref:
            return RedirectResponse(f"/scorecards/{stored.id}", status_code=307)
        if rubric.digest != stored.body.provenance.rubric_digest:
            raise DigestMismatch(
                f"scorecard {stored.id} was made with another text of rubric {rubric.ref}, "
                "so its levels cannot be explained; check the database"
            )
        transcript, missing = self._words(stored)
        return self._page("scorecard.html", view=scorecard_view(stored, rubric, transcript, words_missing=missing))

    def scorecard_data(self, ref: str) -> Response:
        """The scorecard for machines."""
        name = _name("scorecard", ref)
        with self.database.begin() as db:
            stored = find_scorecard(db, name)
        transcript, missing = self._words(stored)
        body = scorecard_json(stored, transcript, words_missing=missing)
        return JSONResponse({**body, "request_id": request_id()})

    def livez(self) -> Response:
        """This process answers; it says nothing about the services behind it."""
        return JSONResponse({"status": "alive"})

    def version_of(self) -> Response:
        """Which version is running."""
        return JSONResponse({"name": "debrief", "version": self.version})

    def stylesheet(self) -> Response:
        """The one stylesheet."""
        return Response(self.style, media_type="text/css; charset=utf-8")

    def _words(self, stored: StoredScorecard) -> tuple[Transcript | None, str | None]:
        """The transcript, or in words why it cannot be shown; levels are shown either way."""
        try:
            return fetch_transcript(self.store, key=stored.transcript_key, digest=stored.transcript_sha256), None
        except (Unavailable, ContentError, TranscriptFault) as error:
            return None, visible(str(error))

    def _page(self, name: str, **values: Any) -> Response:
        return HTMLResponse(
            self.templates.get_template(name).render(request_id=request_id(), version=self.version, **values)
        )


def _scorecard_id(db: Connection, interview_id: str) -> str | None:
    try:
        return find_scorecard(db, interview_id).id
    except NotFound:
        return None


def _name(noun: str, text: str) -> str:
    """An id from the address; what can be nobody's is not asked for."""
    if not is_name(text):
        raise NotFound(f"there is no {noun} of this name")
    return text


def _address(query: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in query.items() if value}
    return "/interviews" + (f"?{urlencode(given)}" if given else "")
