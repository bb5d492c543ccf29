"""The scorecard for people and for machines, and what of it is shown before one's own blind review."""

from dataclasses import dataclass
from typing import Any

from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.calibration.agreement import Agreement
from evaluator.errors import DigestMismatch
from evaluator.human import HumanRecord, folded, sees_judge
from evaluator.people import Viewer
from evaluator.storage import human
from evaluator.storage.calibrations import latest_calibration
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, find_scorecard
from evaluator.storage.requisitions import Requisition, find_requisition
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.people_view import agreement_words, locked_view, people_view, submitted_words
from evaluator.web.rights import AsVisit
from evaluator.web.view import scorecard_json, scorecard_view
from evaluator.words import iso
from rubrics.model import Rubric

LOCKED = "AI evaluation is ready. It opens after you submit your own scores."


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A scorecard with all that decides who may read what of it."""

    stored: StoredScorecard
    rubric: Rubric
    requisition: Requisition
    records: tuple[HumanRecord, ...]

    def open_to(self, viewer: Viewer) -> bool:
        """Whether the viewer may see what the judge said."""
        return sees_judge(viewer, blind=self.requisition.blind, state=folded(self.records))


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorecardPages:
    """The handlers."""

    site: Site

    def scorecard(self, visit: AsVisit, ref: str) -> Response:
        """The scorecard; an interview's id leads to its newest."""
        with self.site.database.begin() as db:
            found = find(db, checked_name("scorecard", ref))
            agreement = _agreement(db, found.stored)
        stored = found.stored
        if stored.id != ref:
            return RedirectResponse(f"/scorecards/{stored.id}", status_code=307)
        if not found.open_to(visit.viewer):
            return self._locked(visit, found)
        if found.rubric.digest != stored.body.provenance.rubric_digest:
            raise DigestMismatch(
                f"scorecard {stored.id} was made with another text of rubric {found.rubric.ref}, "
                "so its levels cannot be explained; check the database"
            )
        transcript, missing = self.site.words(stored.transcript_key, stored.transcript_sha256)
        return self.site.page(
            "scorecard.html",
            visit=visit,
            view=scorecard_view(stored, found.rubric, transcript, words_missing=missing),
            people=people_view(found.records, visit.viewer, found.requisition),
            agreement=agreement_words(agreement),
            blind=found.requisition.blind,
            recorded=stored.recording.status == "present" and visit.viewer.may("hear_recording", found.requisition.id),
        )

    def scorecard_data(self, visit: AsVisit, ref: str) -> Response:
        """The scorecard for machines."""
        with self.site.database.begin() as db:
            found = find(db, checked_name("scorecard", ref))
        stored = found.stored
        if not found.open_to(visit.viewer):
            return self.site.data(_locked_json(found))
        transcript, missing = self.site.words(stored.transcript_key, stored.transcript_sha256)
        return self.site.data({**scorecard_json(stored, transcript, words_missing=missing), "ai_visible": True})

    def _locked(self, visit: AsVisit, found: Found) -> Response:
        return self.site.page(
            "scorecard_locked.html",
            visit=visit,
            view=locked_view(found.stored, found.rubric),
            locked=LOCKED,
            submitted=submitted_words(folded(found.records), found.requisition),
            may_review=visit.viewer.may("review", found.requisition.id),
        )


def find(db: Connection, ref: str) -> Found:
    """The scorecard of that id, or the newest of that interview, with what stands around it; NotFound."""
    stored = find_scorecard(db, ref)
    return Found(
        stored=stored,
        rubric=load_rubric(db, stored.rubric_id, stored.rubric_version),
        requisition=find_requisition(db, stored.requisition),
        records=tuple(human.records(db, stored.id)),
    )


def _agreement(db: Connection, stored: StoredScorecard) -> Agreement | None:
    """What was measured of exactly this judge under this rubric version."""
    provenance = stored.body.provenance
    measured = latest_calibration(
        db,
        kind="agreement",
        rubric_id=stored.rubric_id,
        rubric_version=stored.rubric_version,
        model=provenance.model,
        prompt_version=provenance.prompt_version,
    )
    return None if measured is None else Agreement.model_validate(measured.body)


def _locked_json(found: Found) -> dict[str, Any]:
    """Nothing that depends on what the judge said, digests and times of calls included."""
    stored = found.stored
    return {
        "scorecard_id": stored.id,
        "interview_id": stored.interview_id,
        "candidate_ref": stored.candidate_ref,
        "requisition": stored.requisition,
        "interviewed_at": iso(stored.interviewed_at) if stored.interviewed_at else None,
        "rubric": found.rubric.ref,
        "superseded_by": stored.superseded_by,
        "recording": stored.recording.status,
        "ai_visible": False,
        "locked": LOCKED,
    }
