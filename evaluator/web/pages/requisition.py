"""One requisition: its rules, its people, where its interviews stand; administrators change it here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Form
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.comparison import CANDIDATES_MAX, CANDIDATES_MIN
from evaluator.people import ROLES, Role
from evaluator.requisitions import (
    REVIEWERS_MAX,
    TITLE_CHARS_MAX,
    ChangedMeanwhile,
    Changes,
    OpeningUnconfirmed,
    add_role,
    change,
    opening,
    remove_role,
    version_of,
)
from evaluator.storage.people import people_list
from evaluator.storage.requisitions import Requisition, find_requisition, members
from evaluator.storage.reviewing import state_counts, with_scorecard
from evaluator.web.identity import Visit
from evaluator.web.listing import STATES
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, InRequisition, add, of_requisition

SEE_OTHER = 303
POST = ("POST",)
BIGINT_MAX = 2**63 - 1
ROLE_WORDS: dict[Role, str] = {"recruiter": "recruiter", "hiring_manager": "hiring manager", "reviewer": "reviewer"}

PersonId = Annotated[int, Form(ge=1, le=BIGINT_MAX)]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequisitionPage:
    """The handlers."""

    site: Site

    def requisition(self, visit: AsVisit, requisition_id: str) -> Response:
        """One requisition, with forms for those who may change it."""
        with self.site.database.begin() as db:
            found = find_requisition(db, requisition_id)
            counts = state_counts(db, visit.viewer, requisition_id)
            people = members(db, requisition_id)
            manages = visit.viewer.may("manage", requisition_id)
            everybody = [p for p in people_list(db) if p.active] if manages else []
            judged = with_scorecard(db, requisition_id, limit=CANDIDATES_MAX + 1)
            opened = opening(db, requisition_id) if manages and found.blind else None
        return self.site.page(
            "requisition.html",
            visit=visit,
            requisition=found,
            settings_version=version_of(found),
            states=[(name, *STATES[name], counts[name]) for name in STATES if counts.get(name)],
            total=sum(counts.values()),
            members=people,
            manages=manages and visit.csrf is not None,
            everybody=everybody,
            opening=opened,
            compared=judged if CANDIDATES_MIN <= len(judged) <= CANDIDATES_MAX else (),
            roles=[(role, ROLE_WORDS[role]) for role in ROLES],
            role_words=ROLE_WORDS,
            title_max=TITLE_CHARS_MAX,
            reviewers_max=REVIEWERS_MAX,
        )

    def change(
        self,
        visit: AsVisit,
        requisition_id: str,
        version: Annotated[str, Form(max_length=64)],
        reviewers_needed: Annotated[int, Form(ge=1, le=REVIEWERS_MAX)],
        title: Annotated[str, Form(max_length=TITLE_CHARS_MAX)] = "",
        blind: Annotated[bool, Form()] = False,
        confirmed: Annotated[bool, Form()] = False,
    ) -> Response:
        """Saves the form; asks once more before a blind review ends, and shows what somebody else changed meanwhile."""
        wanted = Changes(title=title, blind=blind, reviewers_needed=reviewers_needed)
        try:
            with self.site.database.begin() as db:
                change(db, visit.viewer, requisition_id, wanted, expected=version, confirmed=confirmed)
        except OpeningUnconfirmed as question:
            return self._confirm(visit, requisition_id, wanted, version, question)
        except ChangedMeanwhile as stale:
            return self._stale(visit, stale.current, wanted)
        return RedirectResponse(f"/requisitions/{requisition_id}", SEE_OTHER)

    def add_member(
        self, visit: AsVisit, requisition_id: str, person_id: PersonId, role: Annotated[Role, Form()]
    ) -> Response:
        """Gives somebody who has signed in once a role."""
        return self._changed(requisition_id, lambda db: add_role(db, visit.viewer, requisition_id, person_id, role))

    def remove_member(
        self, visit: AsVisit, requisition_id: str, person_id: PersonId, role: Annotated[Role, Form()]
    ) -> Response:
        """Takes a role away."""
        return self._changed(requisition_id, lambda db: remove_role(db, visit.viewer, requisition_id, person_id, role))

    def _changed(self, requisition_id: str, work: Callable[[Connection], object]) -> Response:
        with self.site.database.begin() as db:
            work(db)
        return RedirectResponse(f"/requisitions/{requisition_id}#members", SEE_OTHER)

    def _confirm(
        self, visit: Visit, requisition_id: str, wanted: Changes, version: str, question: OpeningUnconfirmed
    ) -> Response:
        page = self.site.page(
            "requisition_confirm.html",
            visit=visit,
            requisition_id=requisition_id,
            wanted=wanted,
            settings_version=version,
            opening=question.opening,
        )
        page.status_code = 409  # nothing was changed
        return page

    def _stale(self, visit: Visit, current: Requisition, wanted: Changes) -> Response:
        page = self.site.page(
            "requisition_stale.html",
            visit=visit,
            requisition_id=current.id,
            wanted=wanted,
            settings_version=version_of(current),
            rows=differences(current, wanted),
        )
        page.status_code = 412
        return page


def differences(current: Requisition, wanted: Changes) -> tuple[tuple[str, str, str], ...]:
    """Each setting in words, as it is now and as the form would have it, where both differ."""
    words = {
        "Title": (current.title or "none", " ".join((wanted.title or "").split()) or "none"),
        "Review": ("blind" if current.blind else "open", "blind" if wanted.blind else "open"),
        "Reviewers needed": (str(current.reviewers_needed), str(wanted.reviewers_needed)),
    }
    return tuple((name, now, yours) for name, (now, yours) in words.items() if now != yours)


def attach(app: FastAPI, site: Site) -> None:
    """The page and its forms."""
    pages = RequisitionPage(site=site)
    see, manage = (InRequisition(act, of_requisition) for act in ("see_interviews", "manage"))
    add(app, "/requisitions/{requisition_id}", pages.requisition, needs=see)
    add(app, "/requisitions/{requisition_id}", pages.change, needs=manage, methods=POST)
    add(app, "/requisitions/{requisition_id}/members", pages.add_member, needs=manage, methods=POST)
    add(app, "/requisitions/{requisition_id}/members/remove", pages.remove_member, needs=manage, methods=POST)
