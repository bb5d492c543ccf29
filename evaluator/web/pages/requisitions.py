"""The requisitions that one sees, with how they are reviewed."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import Response

from evaluator.storage.reading import interviews_by_requisition
from evaluator.storage.requisitions import requisition_list
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Somewhere, add


@dataclass(frozen=True, kw_only=True, slots=True)
class RequisitionPages:
    """The handlers."""

    site: Site

    def requisitions(self, visit: AsVisit) -> Response:
        """Those in which the viewer may see interviews."""
        with self.site.database.begin() as db:
            found = requisition_list(db, visit.viewer.requisitions_for("see_interviews"))
            counts = interviews_by_requisition(db)
        return self.site.page("requisitions.html", visit=visit, requisitions=found, counts=counts)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    add(app, "/requisitions", RequisitionPages(site=site).requisitions, needs=Somewhere("see_interviews"))
