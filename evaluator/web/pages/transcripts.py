"""An interview's transcript, with the words that its scorecard cites marked for those who may see them."""

from dataclasses import dataclass

from fastapi.responses import Response
from sqlalchemy import Connection

from evaluator.errors import NotFound
from evaluator.human import folded, sees_judge
from evaluator.people import Viewer
from evaluator.storage import human
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, find_scorecard, find_spoken
from evaluator.storage.requisitions import find_requisition
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit
from evaluator.web.transcript_view import transcript_view


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptPages:
    """The handlers."""

    site: Site

    def transcript(self, visit: AsVisit, interview_id: str) -> Response:
        """All that was said, in order."""
        name, viewer = checked_name("interview", interview_id), visit.viewer
        with self.site.database.begin() as db:
            spoken = find_spoken(db, name)
            rubric = load_rubric(db, spoken.rubric_id, spoken.rubric_version)
            stored = _newest(db, name)
            shown = stored if stored is not None and _open_to(db, viewer, stored) else None
        transcript, missing = self.site.words(spoken.transcript_key, spoken.transcript_sha256)
        view = transcript and transcript_view(
            spoken,
            transcript,
            rubric,
            scorecard=shown.body if shown else None,
            scorecard_id=shown.id if shown else None,
            may_hear=viewer.may("hear_recording", spoken.requisition),
        )
        return self.site.page(
            "transcript.html",
            visit=visit,
            view=view,
            spoken=spoken,
            missing=missing,
            scorecard_id=stored.id if stored else None,
            locked=stored is not None and shown is None,
        )


def _newest(db: Connection, interview_id: str) -> StoredScorecard | None:
    try:
        return find_scorecard(db, interview_id)
    except NotFound:
        return None


def _open_to(db: Connection, viewer: Viewer, stored: StoredScorecard) -> bool:
    blind = find_requisition(db, stored.requisition).blind
    return sees_judge(viewer, blind=blind, state=folded(human.records(db, stored.id)))
