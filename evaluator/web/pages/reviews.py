"""A review in two steps: one's own scores while the judge's are hidden, then what counts where the two differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.deciding import Dossier, decide_level, dossier, own_draft, require_open, save_draft, submit_review
from evaluator.errors import Conflict, Stale, UsageFault
from evaluator.human import QUOTES_MAX, TEXT_MAX, TEXT_MIN
from evaluator.people import Viewer
from evaluator.storage.human import Draft
from evaluator.storage.reading import SpokenInterview, find_spoken
from evaluator.transcript import Transcript
from evaluator.web.field_view import Fault, Fields, level_of
from evaluator.web.finals_view import (
    Wish,
    changes_since,
    decisions,
    level_differences,
    own_review,
    undecided,
    wish_faults,
    wish_fields,
    wish_of,
)
from evaluator.web.identity import Visit, person_asking
from evaluator.web.pages.scorecards import shown
from evaluator.web.pages.sent import SEE_OTHER, AsFields
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.problems import wants_json
from evaluator.web.recording import player_of, unheard_words
from evaluator.web.review_view import (
    Filled,
    differences,
    draft_body,
    faults_of,
    filled_from,
    filled_of,
    hidden_fields,
    review_form,
    review_of,
)
from evaluator.web.rights import AsVisit, InRequisition, add, of_scorecard
from evaluator.web.transcript_view import transcript_view
from evaluator.words import iso

DISMISSED = "this scorecard is dismissed, so nobody decides on it; whoever may dismiss can restore it first"
SUPERSEDED = "this interview was judged again since; open the newer scorecard and decide on that one"
SUBMITTED = (
    "your own scores of this scorecard are submitted, and they stay as they are; what this window held beyond them was "
    "not kept. A level that counts can still be changed on the scorecard's page"
)
FIRST = "your own scores come first: submit them, then say which level counts where they differ from the AI's"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """What was said, as far as it can be read now."""

    spoken: SpokenInterview
    transcript: Transcript | None
    missing: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewPages:
    """The handlers."""

    site: Site

    def own_scores(self, visit: AsVisit, ref: str) -> Response:
        """Step one: a form for one's own scores, with nothing of the judge's on it."""
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            found = dossier(db, checked_name("scorecard", ref))
            if found.stored.id != ref:
                return RedirectResponse(f"/scorecards/{found.stored.id}/review", status_code=307)
            if found.state.reviewed_by(person_id):
                return RedirectResponse(f"/scorecards/{ref}/finals", status_code=307)
            require_standing(found)
            kept = own_draft(db, visit.viewer, ref)
        return self._form(visit, found, filled_from(kept.body if kept else None), kept)

    def send_own_scores(self, request: Request, visit: AsVisit, ref: str, fields: AsFields) -> Response:
        """Saves the form as a draft, or submits it; 422 with all that is missing, 412 when another window saved it."""
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            found = dossier(db, checked_name("scorecard", ref))
        filled, version = filled_of(fields, found.rubric), fields.number("version")
        if found.state.reviewed_by(person_id):
            return self._after_submission(visit, found, filled, submits=fields.one("do") == "submit")
        require_standing(found)
        if fields.one("do") == "submit":
            return self._submit(visit, found, filled, version)
        return self._save(visit, found, filled, version, as_json=wants_json(request))

    def comparison(self, visit: AsVisit, ref: str) -> Response:
        """Step two: one's own scores beside the judge's, and which level counts where they differ."""
        with self.site.database.begin() as db:
            found = dossier(db, checked_name("scorecard", ref))
        if not found.state.reviewed_by(visit.viewer.person_id):
            return RedirectResponse(f"/scorecards/{found.stored.id}/review", status_code=307)
        if found.stored.id != ref:
            return RedirectResponse(f"/scorecards/{found.stored.id}/finals", status_code=307)
        require_open(found, visit.viewer)
        require_standing(found)
        return self._comparison(visit, found, {})

    def finish(self, visit: AsVisit, ref: str, fields: AsFields) -> Response:
        """Appends the levels that are to count, all or none; 422 with what is missing, 412 when they rest on less."""
        with self.site.database.begin() as db:
            found = dossier(db, checked_name("scorecard", ref))
        wishes = {c.id: wish_of(fields, c.id) for c in found.rubric.criteria}
        try:
            return self._finish(visit, found, wishes, fields.number("number"))
        except Stale:
            with self.site.database.begin() as db:
                found = dossier(db, ref)
            return self._stale(visit, found, wishes, fields)

    # --- Step one

    def _form(
        self, visit: Visit, found: Dossier, filled: Filled, kept: Draft | None, faults: Sequence[Fault] = ()
    ) -> Response:
        words, viewer, requisition = self._words(found), visit.viewer, found.requisition.id
        heard = self.site.recordings.of(words.spoken)
        player = player_of(heard, viewer, requisition)
        view = words.transcript and transcript_view(
            words.spoken, words.transcript, found.rubric, playable=player is not None
        )
        form = review_form(
            filled,
            found.rubric,
            words.transcript,
            version=kept.version if kept else 0,
            saved_at=kept.saved_at if kept else None,
            faults=faults,
        )
        return self.site.page(
            "review.html",
            visit=visit,
            status=422 if faults else 200,
            scorecard_id=found.stored.id,
            spoken=words.spoken,
            rubric=found.rubric,
            blind=found.requisition.blind,
            form=form,
            view=view,
            missing=words.missing,
            note_max=TEXT_MAX,
            quotes_max=QUOTES_MAX,
            player=player,
            unheard=unheard_words(heard, viewer, requisition),
        )

    def _submit(self, visit: Visit, found: Dossier, filled: Filled, version: int) -> Response:
        viewer, scorecard_id = visit.viewer, found.stored.id
        transcript = self._words(found).transcript
        known = frozenset(u.id for u in transcript.utterances()) if transcript else None
        if faults := faults_of(filled, found.rubric, known):
            return self._keep(visit, found, filled, version, faults)
        try:
            with self.site.database.begin() as db:
                stale = not _continues(own_draft(db, viewer, scorecard_id), version)
                if not stale:
                    submit_review(db, viewer, scorecard_id, review_of(filled, found.rubric))
        except Conflict:  # sent twice at once
            with self.site.database.begin() as db:
                now = dossier(db, scorecard_id)
            require_standing(now)
            return self._after_submission(visit, now, filled, submits=True)
        if stale:
            return self._two_drafts(visit, found, filled)
        return RedirectResponse(f"/scorecards/{scorecard_id}/finals", SEE_OTHER)

    def _keep(self, visit: Visit, found: Dossier, filled: Filled, version: int, faults: Sequence[Fault]) -> Response:
        """The form again with what is wrong in it, saved as it is where that can be."""
        kept: Draft | None
        try:
            kept = self._saved(visit.viewer, found, filled, version)
        except Stale:
            return self._two_drafts(visit, found, filled)
        except Conflict:
            raise
        except UsageFault as error:  # too much to keep: it is all still on the page
            with self.site.database.begin() as db:
                kept = own_draft(db, visit.viewer, found.stored.id)
            faults = [*faults, Fault(field="form", place="review-form", words=str(error))]
        return self._form(visit, found, filled, kept, faults)

    def _save(self, visit: Visit, found: Dossier, filled: Filled, version: int, *, as_json: bool) -> Response:
        if as_json:
            kept = self._saved(visit.viewer, found, filled, version)
            at, rated = kept.saved_at and iso(kept.saved_at), filled.rated(found.rubric)
            return self.site.data(
                {"version": kept.version, "saved_at": at, "rated": rated, "of": len(found.rubric.criteria)}
            )
        answer = self._keep(visit, found, filled, version, ())
        saved = answer.status_code == 200
        return RedirectResponse(f"/scorecards/{found.stored.id}/review", SEE_OTHER) if saved else answer

    def _saved(self, viewer: Viewer, found: Dossier, filled: Filled, version: int) -> Draft:
        scorecard_id = found.stored.id
        with self.site.database.begin() as db:
            save_draft(db, viewer, scorecard_id, draft_body(filled), version)
            kept = own_draft(db, viewer, scorecard_id)
        assert kept is not None  # noqa: S101  it was saved in this transaction
        return kept

    def _two_drafts(self, visit: Visit, found: Dossier, filled: Filled) -> Response:
        """Both, side by side; nothing of either is lost before somebody chose."""
        with self.site.database.begin() as db:
            kept = own_draft(db, visit.viewer, found.stored.id)
        return self.site.page(
            "review_drafts.html",
            visit=visit,
            status=412,
            scorecard_id=found.stored.id,
            candidate_ref=found.stored.candidate_ref,
            differences=differences(filled, filled_from(kept.body if kept else None), found.rubric),
            saved_at=kept.saved_at if kept else None,
            fields=(*hidden_fields(filled), ("version", str(kept.version if kept else 0))),
        )

    def _after_submission(self, visit: Visit, found: Dossier, filled: Filled, *, submits: bool) -> Response:
        """A form sent twice leads on; one that says something else than what was submitted is refused in words."""
        mine = own_review(found, visit.viewer)
        if submits and not faults_of(filled, found.rubric, None) and review_of(filled, found.rubric) == mine:
            return RedirectResponse(f"/scorecards/{found.stored.id}/finals", SEE_OTHER)
        raise Conflict(SUBMITTED)

    def _words(self, found: Dossier) -> _Words:
        """The transcript that the scorecard was made of, though another one may have been uploaded since."""
        stored = found.stored
        with self.site.database.begin() as db:
            spoken = find_spoken(db, stored.interview_id)
        transcript, missing = self.site.words(stored.transcript_key, stored.transcript_sha256)
        return _Words(spoken=spoken, transcript=transcript, missing=missing)

    # --- Step two

    def _comparison(
        self, visit: Visit, found: Dossier, wishes: Mapping[str, Wish], faults: Sequence[Fault] = ()
    ) -> Response:
        view, transcript = shown(self.site, found)
        said = {c: wish for c, wish in wishes.items() if wish != Wish()}
        return self.site.page(
            "finals.html",
            visit=visit,
            status=422 if faults else 200,
            view=view,
            decisions=decisions(found, view, transcript, visit.viewer, said, faults),
            number=found.number_for(visit.viewer),
            faults=faults,
            text_min=TEXT_MIN,
            text_max=TEXT_MAX,
        )

    def _finish(self, visit: Visit, found: Dossier, wishes: Mapping[str, Wish], number: int) -> Response:
        viewer, scorecard_id = visit.viewer, found.stored.id
        if not found.state.reviewed_by(viewer.person_id):
            raise Conflict(FIRST)
        require_open(found, viewer)
        require_standing(found)
        if number != found.number_for(viewer):
            raise Stale(f"scorecard {scorecard_id} was changed meanwhile", number=found.number_for(viewer))
        asked = undecided(found, viewer)
        faults = [fault for c in asked for fault in wish_faults(wishes[c.id], c, found.level(c.id))]
        if faults:
            return self._comparison(visit, found, wishes, faults)
        finals = {c.id: wishes[c.id] for c in asked if level_of(wishes[c.id].word) != found.level(c.id)}
        with self.site.database.begin() as db:
            append_finals(db, viewer, scorecard_id, finals, number)
        return RedirectResponse(f"/scorecards/{scorecard_id}", SEE_OTHER)

    def _stale(self, visit: Visit, found: Dossier, wishes: Mapping[str, Wish], fields: Fields) -> Response:
        viewer, number = visit.viewer, fields.number("number")
        return self.site.page(
            "stale.html",
            visit=visit,
            status=412,
            scorecard=found.stored,
            title="Your final levels",
            changes=changes_since(found, viewer, number),
            differences=level_differences(found, number, wishes),
            action=f"/scorecards/{found.stored.id}/finals",
            back=f"/scorecards/{found.stored.id}/finals",
            fields=(*wish_fields(wishes), ("number", str(found.number_for(viewer)))),
            next_number=found.number_for(viewer) + 1,
        )


def append_finals(db: Connection, viewer: Viewer, scorecard_id: str, finals: Mapping[str, Wish], number: int) -> None:
    """Each as the next record, in rubric order; what one of them raises undoes all."""
    for expected, (criterion_id, wish) in enumerate(finals.items(), start=number):
        decide_level(
            db,
            viewer,
            scorecard_id,
            criterion_id=criterion_id,
            new=level_of(wish.word),
            reason=wish.reason,
            text=wish.text,
            expected=expected,
        )


def require_standing(found: Dossier) -> None:
    """Conflict for what nobody reviews or decides on any more."""
    if found.state.dismissal is not None:
        raise Conflict(DISMISSED)
    if found.stored.superseded_by is not None:
        raise Conflict(SUPERSEDED)


def _continues(kept: Draft | None, version: int) -> bool:
    """Whether a form with this version has seen the newest draft."""
    return version == (kept.version if kept else 0)


def attach(app: FastAPI, site: Site) -> None:
    """The routes."""
    pages, needs = ReviewPages(site=site), InRequisition("review", of_scorecard)
    add(app, "/scorecards/{ref}/review", pages.own_scores, needs=needs)
    add(app, "/scorecards/{ref}/review", pages.send_own_scores, needs=needs, methods=("POST",))
    add(app, "/scorecards/{ref}/finals", pages.comparison, needs=needs)
    add(app, "/scorecards/{ref}/finals", pages.finish, needs=needs, methods=("POST",))
