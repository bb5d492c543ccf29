"""The scorecard for people and for machines, and what of it is shown before one's own blind review."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.calibration.agreement import Agreement
from evaluator.deciding import LOCKED, Dossier, dossier
from evaluator.errors import DigestMismatch, NotFound
from evaluator.exports.gathering import exported_one
from evaluator.people import Act, Viewer
from evaluator.storage.calibrations import latest_calibration
from evaluator.storage.placing import requisition_of_interview
from evaluator.storage.reading import StoredScorecard
from evaluator.storage.reviewing import beside, interview_seen, newest_evaluation
from evaluator.transcript import Transcript
from evaluator.views.people import agreement_words, locked_view, people_view, submitted_words
from evaluator.views.scorecard import ScorecardView, scorecard_view
from evaluator.web.listing import standing
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, InRequisition, add, of_scorecard

Neighbours = tuple[str | None, str | None]  # interviews before and after


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorecardPages:
    """The handlers."""

    site: Site

    def scorecard(self, visit: AsVisit, ref: str) -> Response:
        """The scorecard; an interview's id leads to its newest."""
        name, viewer = checked_name("scorecard", ref), visit.viewer
        with self.site.database.begin() as db:
            try:
                found = dossier(db, name)
            except NotFound:
                if requisition_of_interview(db, name) is None:
                    raise
                # An interview that has no scorecard yet: its own page says where it stands.
                return RedirectResponse(f"/interviews/{name}", status_code=307)
            agreement = _agreement(db, found.stored)
            again = _again(db, viewer, found.stored.interview_id)
            neighbours = beside(db, found.stored.interview_id)
        stored = found.stored
        if stored.id != ref:
            return RedirectResponse(f"/scorecards/{stored.id}", status_code=307)
        if not found.open_to(viewer):
            return self._locked(visit, found, again, neighbours)
        return self.site.page(
            "scorecard.html",
            visit=visit,
            view=shown(self.site, found)[0],
            people=people_view(found.records, viewer, found.requisition),
            agreement=agreement_words(agreement),
            blind=found.requisition.blind,
            recorded=stored.recording.status == "present" and viewer.may("hear_recording", found.requisition.id),
            offered=offered(found, viewer),
            again=again,
            neighbours=neighbours,
        )

    def scorecard_data(self, visit: AsVisit, ref: str) -> Response:
        """The scorecard for machines."""
        with self.site.database.begin() as db:
            one = exported_one(db, visit.viewer, checked_name("scorecard", ref))
        return self.site.data(self.site.whole(one))

    def _locked(self, visit: AsVisit, found: Dossier, again: str | None, neighbours: Neighbours) -> Response:
        return self.site.page(
            "scorecard_locked.html",
            visit=visit,
            view=locked_view(found.stored, found.rubric),
            locked=LOCKED,
            submitted=submitted_words(found.state, found.requisition),
            may_review=visit.viewer.may("review", found.requisition.id),
            dismissal=people_view(found.records, visit.viewer, found.requisition).dismissal,
            offered=offered(found, visit.viewer),
            again=again,
            neighbours=neighbours,
        )


def shown(site: Site, found: Dossier) -> tuple[ScorecardView, Transcript | None]:
    """The scorecard as it is read, with its words, by those for whom it is open; DigestMismatch."""
    stored = found.stored
    if found.rubric.digest != stored.body.provenance.rubric_digest:
        raise DigestMismatch(
            f"scorecard {stored.id} was made with another text of rubric {found.rubric.ref}, "
            "so its levels cannot be explained; check the database"
        )
    transcript, missing = site.words(stored.transcript_key, stored.transcript_sha256)
    return scorecard_view(stored, found.rubric, transcript, words_missing=missing), transcript


def offered(found: Dossier, viewer: Viewer) -> frozenset[Act]:
    """What the viewer can do with the scorecard as it stands."""
    acts: tuple[Act, ...] = ("review", "dismiss", "rescore", "reveal_name")
    stands = found.state.dismissal is None and found.stored.superseded_by is None
    may = (act for act in acts if viewer.may(act, found.requisition.id))
    return frozenset(act for act in may if stands or act != "review")


def _again(db: Connection, viewer: Viewer, interview_id: str) -> str | None:
    """What a re-scoring is at; None: there is none, which is nearly always so and asked for cheaply."""
    if newest_evaluation(db, interview_id) in {None, "done", "cancelled"}:
        return None
    return standing(interview_seen(db, viewer, interview_id)).again


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


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages, needs = ScorecardPages(site=site), InRequisition("see_interviews", of_scorecard)
    add(app, "/scorecards/{ref}.json", pages.scorecard_data, needs=needs)  # before the page, which would match it too
    add(app, "/scorecards/{ref}", pages.scorecard, needs=needs)
