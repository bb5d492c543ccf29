"""What answers for the service itself."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import JSONResponse, RedirectResponse, Response

from evaluator.web.pages.site import Site
from evaluator.web.rights import Public, add


@dataclass(frozen=True, kw_only=True, slots=True)
class ServicePages:
    """The handlers; none asks the database."""

    site: Site

    def home(self) -> Response:
        """The list is the first page."""
        return RedirectResponse("/interviews", status_code=307)

    def livez(self) -> Response:
        """This process answers; it says nothing about the services behind it."""
        return JSONResponse({"status": "alive"})

    def version_of(self) -> Response:
        """Which version is running."""
        return JSONResponse({"name": "debrief", "version": self.site.version})


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages = ServicePages(site=site)
    add(app, "/", pages.home, needs=Public())
    add(app, "/livez", pages.livez, needs=Public())
    add(app, "/version", pages.version_of, needs=Public())
