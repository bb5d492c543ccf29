"""An interview's transcript, with the words that its scorecard cites marked for those who may see them."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import Response
from sqlalchemy import Connection

from evaluator.deciding import Dossier, dossier
from evaluator.errors import NotFound
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import find_spoken
from evaluator.views.printed import printed
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.recording import player_of, unheard_words
from evaluator.web.rights import AsVisit, InRequisition, add, of_interview
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
            found = _newest(db, name)
        stored = found.stored if found else None
        shown = found.stored if found and found.open_to(viewer) else None
        transcript, missing = self.site.words(spoken.transcript_key, spoken.transcript_sha256)
        heard = self.site.recordings.of(spoken)
        player = player_of(heard, viewer, spoken.requisition)
        view = transcript and transcript_view(
            spoken,
            transcript,
            rubric,
            scorecard=shown.body if shown else None,
            scorecard_id=shown.id if shown else None,
            playable=player is not None,
        )
        return self.site.page(
            "transcript.html",
            visit=visit,
            view=view,
            spoken=spoken,
            missing=missing,
            player=player,
            unheard=unheard_words(heard, viewer, spoken.requisition),
            scorecard_id=stored.id if stored else None,
            locked=stored is not None and shown is None,
            prints=[printed(found.stored, found.state, found.requisition, seen=shown is not None)] if found else [],
        )


def _newest(db: Connection, interview_id: str) -> Dossier | None:
    try:
        return dossier(db, interview_id)
    except NotFound:
        return None


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    needs = InRequisition("see_interviews", of_interview)
    add(app, "/interviews/{interview_id}/transcript", TranscriptPages(site=site).transcript, needs=needs)
