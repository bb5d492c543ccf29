"""What all pages are made with, and how a page is rendered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment

from evaluator.adapters.engine_load import Found
from evaluator.errors import ContentError, NotFound, TranscriptFault, Unavailable
from evaluator.exports.json import scorecard_json
from evaluator.exports.rows import Exported
from evaluator.pipeline import fetch_transcript
from evaluator.ports import ObjectStore
from evaluator.storage.database import Database
from evaluator.storage.runs import Judge
from evaluator.telling import Sender
from evaluator.transcript import Transcript
from evaluator.web.guard import request_id
from evaluator.web.identity import Visit
from evaluator.web.list_query import is_name
from evaluator.web.recording import Recordings
from evaluator.words import visible


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """One database and store, and the templates over them. Handlers run in threads: both are waited for."""

    database: Database
    store: ObjectStore
    templates: Environment
    version: str
    webhooks: Sender | None = None  # None: none can be added or tried from here
    require_consent: bool = False  # of what an operator has tried again
    judge: Judge | None = None  # who judges again; None: that cannot be asked for from here
    checks: Mapping[str, Callable[[], object]] = field(default_factory=dict)  # service -> raises when it is not usable
    queue_length: Callable[[], int] | None = None  # hints that wait in the broker; None: not known here
    engine_load: Callable[[], Found] | None = None  # of the judge's engine; None: no engine is named here
    priced: bool = False  # whether a budget can be in money
    currency: str = "USD"  # of prices
    recordings: Recordings = field(init=False)

    def __post_init__(self) -> None:
        """Recordings lie in the same store."""
        object.__setattr__(self, "recordings", Recordings(self.store))

    def page(self, name: str, *, visit: Visit, status: int = 200, **values: Any) -> Response:
        """The template with these values."""
        template = self.templates.get_template(name)
        given = {"request_id": request_id(), "version": self.version, "visit": visit, **values}
        return HTMLResponse(template.render(given), status)

    def data(self, value: dict[str, Any]) -> Response:
        """The value as JSON."""
        return JSONResponse({**value, "request_id": request_id()})

    def words(self, key: str, sha256: str) -> tuple[Transcript | None, str | None]:
        """The transcript, or in words why it cannot be shown; whatever stands beside it is shown either way."""
        try:
            return fetch_transcript(self.store, key=key, digest=sha256), None
        except (Unavailable, ContentError, TranscriptFault) as error:
            return None, visible(str(error))

    def whole(self, one: Exported) -> dict[str, Any]:
        """The scorecard for machines; the words are not even fetched where they are hidden."""
        if not one.sees_judge:
            return scorecard_json(one, None)
        transcript, missing = self.words(one.stored.transcript_key, one.stored.transcript_sha256)
        return scorecard_json(one, transcript, words_missing=missing)


def checked_name(noun: str, text: str) -> str:
    """An id from the address; what can be nobody's is not asked for."""
    if not is_name(text):
        raise NotFound(f"there is no {noun} of this name")
    return text
