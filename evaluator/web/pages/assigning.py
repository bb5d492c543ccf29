"""Asking people to review: on an interview's page, and for many chosen from the list at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Path, Query
from fastapi.responses import RedirectResponse, Response

from evaluator.reviewers import ASSIGNED_MAX, assign, assign_all, chosen, unassign
from evaluator.storage.assignments import Place, reviewers
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, InRequisition, Somewhere, add, of_interview

SEE_OTHER = 303
POST = ("POST",)
BIGINT_MAX = 2**63 - 1

PersonId = Annotated[int, Form(ge=1, le=BIGINT_MAX)]


@dataclass(frozen=True, kw_only=True, slots=True)
class AssigningPages:
    """The handlers."""

    site: Site

    def choose(
        self,
        visit: AsVisit,
        c: Annotated[list[str] | None, Query(max_length=ASSIGNED_MAX)] = None,
        to: Annotated[int | None, Query(ge=1, le=BIGINT_MAX)] = None,
    ) -> Response:
        """The interviews that were chosen in the list, and who may review all of them; to: who was just asked."""
        names = [checked_name("interview", name) for name in c or ()]
        with self.site.database.begin() as db:
            found = chosen(db, visit.viewer, names) if names else ()
            people = reviewers(db, sorted({place.requisition for place in found})) if found else ()
        return self.site.page("assign.html", visit=visit, chosen=found, people=people, done=_asked_all(found, to))

    def assign_all(
        self, visit: AsVisit, person_id: PersonId, c: Annotated[list[str], Form(max_length=ASSIGNED_MAX)]
    ) -> Response:
        """Asks one person to review all of them."""
        names = [checked_name("interview", name) for name in c]
        with self.site.database.begin() as db:
            assign_all(db, visit.viewer, names, person_id)
        query = urlencode([*(("c", name) for name in names), ("to", str(person_id))])
        return RedirectResponse(f"/assign?{query}", SEE_OTHER)

    def add(self, visit: AsVisit, interview_id: str, person_id: PersonId) -> Response:
        """Asks somebody to review this interview."""
        with self.site.database.begin() as db:
            assign(db, visit.viewer, interview_id, person_id)
        return RedirectResponse(f"/interviews/{interview_id}#reviewers", SEE_OTHER)

    def remove(
        self, visit: AsVisit, interview_id: str, person_id: Annotated[int, Path(ge=1, le=BIGINT_MAX)]
    ) -> Response:
        """Asks them no longer."""
        with self.site.database.begin() as db:
            unassign(db, visit.viewer, interview_id, person_id)
        return RedirectResponse(f"/interviews/{interview_id}#reviewers", SEE_OTHER)


def _asked_all(found: Sequence[Place], person_id: int | None) -> str | None:
    """Their name, where they are asked to review all of these."""
    names = [place.asked.get(person_id) for place in found] if person_id is not None else []
    return names[0] if names and all(names) else None


def attach(app: FastAPI, site: Site) -> None:
    """The pages and forms."""
    pages = AssigningPages(site=site)
    somewhere, here = Somewhere("assign"), InRequisition("assign", of_interview)
    add(app, "/assign", pages.choose, needs=somewhere)
    add(app, "/assign", pages.assign_all, needs=somewhere, methods=POST)
    add(app, "/interviews/{interview_id}/reviewers", pages.add, needs=here, methods=POST)
    add(app, "/interviews/{interview_id}/reviewers/{person_id}/remove", pages.remove, needs=here, methods=POST)
