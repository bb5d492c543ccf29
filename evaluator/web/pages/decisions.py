"""What people decide on a scorecard beside a review: a level, a recommendation, that it does not count; and a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator import deciding
from evaluator.deciding import Dossier, dossier, require_open
from evaluator.errors import Conflict, NotFound, Stale
from evaluator.human import TEXT_MAX, TEXT_MIN, recommendation_of
from evaluator.operating import REASON_CHARS_MAX, REASON_CHARS_MIN
from evaluator.storage.reading import find_spoken
from evaluator.views.people import people_view, submitted_words
from evaluator.web.field_view import Fault, Fields, chosen_in, level_choices, level_of, plain, text_fault
from evaluator.web.finals_view import REASONS, Wish, changes_since, level_differences, wish_faults, wish_of
from evaluator.web.identity import Visit, person_asking
from evaluator.web.pages.reviews import require_standing
from evaluator.web.pages.scorecards import shown
from evaluator.web.pages.sent import SEE_OTHER, AsFields
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.review_view import recommendation_choices
from evaluator.web.rights import AsVisit, InRequisition, add, of_interview, of_scorecard
from evaluator.words import DISMISSAL_CAUSES, RECOMMENDATIONS, visible
from rubrics.model import Criterion

NO_JUDGE = "these pages were started without a judge's name; set DEBRIEF_MODEL, or use: debrief scorecard rescore"
CAUSES = tuple((code, words[:1].upper() + words[1:]) for code, words in DISMISSAL_CAUSES.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionPages:
    """The handlers."""

    site: Site

    # --- The level of one criterion

    def criterion(self, visit: AsVisit, ref: str, criterion_id: str) -> Response:
        """One criterion with all that was said of it, and a form for another level."""
        found = self._found(ref)
        require_open(found, visit.viewer)
        require_standing(found)
        return self._criterion(visit, found, _criterion(found, criterion_id), Wish())

    def change_level(self, visit: AsVisit, ref: str, criterion_id: str, fields: AsFields) -> Response:
        """Appends the level that counts from here on; 422, 412."""
        found = self._found(ref)
        require_open(found, visit.viewer)
        require_standing(found)
        criterion = _criterion(found, criterion_id)
        wish, stands = wish_of(fields, criterion.id), found.level(criterion.id)
        faults = wish_faults(wish, criterion, stands)
        if not faults and level_of(wish.word) == stands:
            words = "That level counts already: choose another one, or go back"
            faults = (Fault(field=f"final-{criterion.id}", place=f"final-{criterion.id}-1", words=words),)

        def decide(db: Connection) -> None:
            deciding.decide_level(
                db,
                visit.viewer,
                ref,
                criterion_id=criterion.id,
                new=level_of(wish.word),
                reason=wish.reason,
                text=wish.text,
                expected=fields.number("number"),
            )

        def again(now: Dossier, faults: tuple[Fault, ...]) -> Response:
            return self._criterion(visit, now, criterion, wish, faults)

        title, wishes = f"The level of {visible(criterion.name)}", {criterion.id: wish}
        path = f"criteria/{criterion.id}"
        return self._decided(visit, found, fields, decide, again, faults, title=title, path=path, wishes=wishes)

    def _criterion(
        self, visit: Visit, found: Dossier, criterion: Criterion, wish: Wish, faults: tuple[Fault, ...] = ()
    ) -> Response:
        view, _ = shown(self.site, found)
        people = people_view(found.records, visit.viewer, found.requisition)
        stands, final = found.level(criterion.id), criterion.id in found.state.finals
        return self.site.page(
            "criterion.html",
            visit=visit,
            status=422 if faults else 200,
            view=view,
            criterion=next(c for c in view.criteria if c.id == criterion.id),
            said=people.criteria.get(criterion.id),
            blind=found.requisition.blind,
            stands=stands,
            final=final,
            levels=level_choices(criterion, chosen=wish.word),
            reasons=chosen_in(REASONS, wish.reason),
            text=wish.text,
            number=found.number_for(visit.viewer),
            faults=faults,
            wrong=_wrong(faults),
            text_min=TEXT_MIN,
            text_max=TEXT_MAX,
        )

    # --- The recommendation

    def recommendation(self, visit: AsVisit, ref: str) -> Response:
        """A form for one's recommendation, with the newest one chosen."""
        found = self._found(ref)
        require_open(found, visit.viewer)
        require_standing(found)
        mine = found.state.recommended.get(person_asking(visit.viewer))
        chosen, note = (recommendation_of(mine), mine.act.note) if mine else ("", "")  # type: ignore[union-attr]
        return self._recommendation(visit, found, chosen, note)

    def recommend(self, visit: AsVisit, ref: str, fields: AsFields) -> Response:
        """Appends a recommendation; 422, 412."""
        found = self._found(ref)
        require_open(found, visit.viewer)
        require_standing(found)
        chosen, note = fields.one("recommendation"), plain(fields.one("note"))
        faults = []
        if chosen not in RECOMMENDATIONS:
            faults.append(Fault(field="recommendation", place="recommendation-0", words="Say what you recommend"))
        if len(note) > TEXT_MAX:
            words = f"The note has {len(note)} characters, at most {TEXT_MAX} can be kept"
            faults.append(Fault(field="note", place="note", words=words))

        def decide(db: Connection) -> None:
            number = fields.number("number")
            deciding.recommend(db, visit.viewer, ref, recommendation=chosen, note=note, expected=number)

        def again(now: Dossier, faults: tuple[Fault, ...]) -> Response:
            return self._recommendation(visit, now, chosen, note, faults)

        return self._decided(
            visit, found, fields, decide, again, tuple(faults), title="Your recommendation", path="recommendation"
        )

    def _recommendation(
        self, visit: Visit, found: Dossier, chosen: str, note: str, faults: tuple[Fault, ...] = ()
    ) -> Response:
        return self._simple(
            "recommendation.html", visit, found, faults, choices=recommendation_choices(chosen), note=note
        )

    # --- Whether it counts

    def dismissal(self, visit: AsVisit, ref: str) -> Response:
        """A form that says why the scorecard does not count."""
        found = self._found(ref)
        if found.state.dismissal is not None:
            return RedirectResponse(f"/scorecards/{ref}/restore", status_code=307)
        return self._dismissal(visit, found, "", "")

    def dismiss(self, visit: AsVisit, ref: str, fields: AsFields) -> Response:
        """Appends a dismissal; 422, 412."""
        found = self._found(ref)
        cause, text = fields.one("cause"), plain(fields.one("text"))
        faults = []
        if cause not in DISMISSAL_CAUSES:
            faults.append(Fault(field="cause", place="cause-0", words="Choose the cause"))
        if fault := text_fault(text):
            faults.append(Fault(field="text", place="text", words=fault))

        def decide(db: Connection) -> None:
            deciding.dismiss(db, visit.viewer, ref, cause=cause, text=text, expected=fields.number("number"))

        def again(now: Dossier, faults: tuple[Fault, ...]) -> Response:
            return self._dismissal(visit, now, cause, text, faults)

        return self._decided(visit, found, fields, decide, again, tuple(faults), title="Dismissal", path="dismiss")

    def _dismissal(
        self, visit: Visit, found: Dossier, cause: str, text: str, faults: tuple[Fault, ...] = ()
    ) -> Response:
        return self._simple("dismiss.html", visit, found, faults, choices=chosen_in(CAUSES, cause), text=text)

    def restoration(self, visit: AsVisit, ref: str) -> Response:
        """A form that says why the scorecard counts again."""
        found = self._found(ref)
        _require_dismissed(found)
        return self._restoration(visit, found, "")

    def restore(self, visit: AsVisit, ref: str, fields: AsFields) -> Response:
        """Takes a dismissal back; 422, 412."""
        found = self._found(ref)
        _require_dismissed(found)
        text = plain(fields.one("text"))
        fault = text_fault(text)
        faults = (Fault(field="text", place="text", words=fault),) if fault else ()

        def decide(db: Connection) -> None:
            deciding.restore(db, visit.viewer, ref, text=text, expected=fields.number("number"))

        def again(now: Dossier, faults: tuple[Fault, ...]) -> Response:
            return self._restoration(visit, now, text, faults)

        return self._decided(visit, found, fields, decide, again, faults, title="Restoration", path="restore")

    def _restoration(self, visit: Visit, found: Dossier, text: str, faults: tuple[Fault, ...] = ()) -> Response:
        return self._simple("restore.html", visit, found, faults, text=text)

    # --- Judging it again

    def rescoring(self, visit: AsVisit, ref: str) -> Response:
        """What it means to have the interview judged again, and a form for it."""
        return self._rescoring(visit, self._found(ref), "")

    def rescore(self, visit: AsVisit, ref: str, fields: AsFields) -> Response:
        """Opens a run that judges the interview again; the scorecard that there is stays."""
        found, judge = self._found(ref), self.site.judge
        reason = " ".join(fields.one("reason").split())
        if judge is None:
            raise Conflict(NO_JUDGE)
        if not REASON_CHARS_MIN <= len(reason) <= REASON_CHARS_MAX:
            words = f"Say why, in {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters"
            return self._rescoring(visit, found, reason, (Fault(field="reason", place="reason", words=words),))
        with self.site.database.begin() as db:
            done = deciding.rescore(db, visit.viewer, ref, judge=judge, reason=reason)
        return self._simple("rescored.html", visit, found, (), done=done)

    def _rescoring(self, visit: Visit, found: Dossier, reason: str, faults: tuple[Fault, ...] = ()) -> Response:
        judge = self.site.judge
        return self._simple(
            "rescore.html",
            visit,
            found,
            faults,
            reason=reason,
            judge=visible(judge.model) if judge else None,
            no_judge=NO_JUDGE,
            blind=found.requisition.blind,
            submitted=submitted_words(found.state, found.requisition),
            reason_max=REASON_CHARS_MAX,
        )

    # --- The name

    def reveal_name(self, visit: AsVisit, interview_id: str) -> Response:
        """The candidate's name on this one answer; that somebody asked is logged."""
        name = checked_name("interview", interview_id)
        with self.site.database.begin() as db:
            spoken = find_spoken(db, name)
            revealed = deciding.reveal_name(db, visit.viewer, name)
        return self.site.page("name.html", visit=visit, spoken=spoken, revealed=visible(revealed))

    # --- What they have in common

    def _found(self, ref: str) -> Dossier:
        with self.site.database.begin() as db:
            found = dossier(db, checked_name("scorecard", ref))
        if found.stored.id != ref:
            raise NotFound(f"{ref} names an interview; decide on its scorecard, {found.stored.id}")
        return found

    def _simple(
        self, template: str, visit: Visit, found: Dossier, faults: tuple[Fault, ...], **values: Any
    ) -> Response:
        """A page with one small form; nothing of the judge's is on it."""
        return self.site.page(
            template,
            visit=visit,
            status=422 if faults else 200,
            scorecard=found.stored,
            number=found.number_for(visit.viewer),
            faults=faults,
            wrong=_wrong(faults),
            text_min=TEXT_MIN,
            text_max=TEXT_MAX,
            **values,
        )

    def _decided(
        self,
        visit: Visit,
        found: Dossier,
        fields: Fields,
        decide: Callable[[Connection], None],
        again: Callable[[Dossier, tuple[Fault, ...]], Response],
        faults: tuple[Fault, ...],
        *,
        title: str,
        path: str,
        wishes: Mapping[str, Wish] | None = None,
    ) -> Response:
        """Does it, or says what stands against it: what somebody else did meanwhile before what is missing."""
        number, viewer = fields.number("number"), visit.viewer
        if number == found.number_for(viewer):
            if faults:
                return again(found, faults)
            try:
                with self.site.database.begin() as db:
                    decide(db)
            except Stale:
                found = self._found(found.stored.id)
            else:
                return RedirectResponse(f"/scorecards/{found.stored.id}", SEE_OTHER)
        return self._stale(visit, found, fields, title=title, path=path, wishes=wishes or {})

    def _stale(
        self, visit: Visit, found: Dossier, fields: Fields, *, title: str, path: str, wishes: Mapping[str, Wish]
    ) -> Response:
        viewer, number, address = visit.viewer, fields.number("number"), f"/scorecards/{found.stored.id}/{path}"
        kept = tuple(pair for pair in fields.pairs if pair[0] not in {"csrf", "number"} and pair[1])
        return self.site.page(
            "stale.html",
            visit=visit,
            status=412,
            scorecard=found.stored,
            title=title,
            changes=changes_since(found, viewer, number),
            differences=level_differences(found, number, wishes) if wishes else (),
            action=address,
            back=address,
            fields=(*kept, ("number", str(found.number_for(viewer)))),
            next_number=found.number_for(viewer) + 1,
        )


def _wrong(faults: tuple[Fault, ...]) -> Mapping[str, str | None]:
    """Field -> what is wrong with it."""
    nothing = dict.fromkeys(("final", "reason", "text", "recommendation", "note", "cause"))
    return {**nothing, **{fault.field.partition("-")[0]: fault.words for fault in faults}}


def _criterion(found: Dossier, criterion_id: str) -> Criterion:
    for criterion in found.rubric.criteria:
        if criterion.id == criterion_id:
            return criterion
    raise NotFound(f"rubric {found.rubric.ref} has no criterion of this name")


def _require_dismissed(found: Dossier) -> None:
    if found.state.dismissal is None:
        raise Conflict("this scorecard is not dismissed, so there is nothing to restore")


def attach(app: FastAPI, site: Site) -> None:
    """The routes."""
    pages = DecisionPages(site=site)
    review, dismiss, rescore = (InRequisition(act, of_scorecard) for act in ("review", "dismiss", "rescore"))
    name = InRequisition("reveal_name", of_interview)
    base, post = "/scorecards/{ref}", ("POST",)
    add(app, f"{base}/criteria/{{criterion_id}}", pages.criterion, needs=review)
    add(app, f"{base}/criteria/{{criterion_id}}", pages.change_level, needs=review, methods=post)
    add(app, f"{base}/recommendation", pages.recommendation, needs=review)
    add(app, f"{base}/recommendation", pages.recommend, needs=review, methods=post)
    add(app, f"{base}/dismiss", pages.dismissal, needs=dismiss)
    add(app, f"{base}/dismiss", pages.dismiss, needs=dismiss, methods=post)
    add(app, f"{base}/restore", pages.restoration, needs=dismiss)
    add(app, f"{base}/restore", pages.restore, needs=dismiss, methods=post)
    add(app, f"{base}/rescore", pages.rescoring, needs=rescore)
    add(app, f"{base}/rescore", pages.rescore, needs=rescore, methods=post)
    add(app, "/interviews/{interview_id}/name", pages.reveal_name, needs=name, methods=post)
