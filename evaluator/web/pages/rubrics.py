"""Rubrics: all versions, one of them whole, and what changed between two."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response

from evaluator.errors import NotFound, UsageFault
from evaluator.storage.calibrations import calibration_history
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import ReleasedRubric, released
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, Globally, add
from evaluator.web.rubric_view import changes_view, rubric_view
from rubrics.library import version_key


@dataclass(frozen=True, kw_only=True, slots=True)
class RubricPages:
    """The handlers."""

    site: Site

    def rubrics(self, visit: AsVisit) -> Response:
        """All released rubrics with their versions, the newest of each first."""
        with self.site.database.begin() as db:
            found = released(db)
        families = [
            (versions[0], versions)
            for versions in (_newest_first(list(group)) for _, group in groupby(found, key=lambda r: r.id))
        ]
        return self.site.page("rubrics.html", visit=visit, families=families)

    def newest(self, rubric_id: str) -> Response:
        """The newest version of a rubric."""
        name = checked_name("rubric", rubric_id)
        with self.site.database.begin() as db:
            versions = _newest_first(released(db, name))
        if not versions:
            raise NotFound(f"rubric {name} is not known here; see: debrief rubric list")
        return RedirectResponse(f"/rubrics/{quote(name)}/{quote(versions[0].version)}", status_code=307)

    def rubric(self, visit: AsVisit, rubric_id: str, version: str, against: str | None = None) -> Response:
        """One version; `against`: the version with which it is compared."""
        name, number = checked_name("rubric", rubric_id), checked_name("rubric version", version)
        with self.site.database.begin() as db:
            rubric = load_rubric(db, name, number)
            versions = _newest_first(released(db, name))
            other = load_rubric(db, name, checked_name("rubric version", against)) if against else None
            measured = calibration_history(db, kind="agreement", rubric_id=name, rubric_version=number, limit=10)
        if other is not None and other.version == rubric.version:
            raise UsageFault("a version is compared with another one, not with itself")
        return self.site.page(
            "rubric.html",
            visit=visit,
            view=rubric_view(rubric),
            versions=versions,
            this=next(v for v in versions if v.version == rubric.version),
            against=other.version if other else None,
            changes=changes_view(other, rubric) if other else (),
            measured=measured,
        )


def _newest_first(versions: Sequence[ReleasedRubric]) -> list[ReleasedRubric]:
    return sorted(versions, key=lambda r: version_key(r.version), reverse=True)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages, needs = RubricPages(site=site), Globally("see_rubrics")
    add(app, "/rubrics", pages.rubrics, needs=needs)
    add(app, "/rubrics/{rubric_id}", pages.newest, needs=needs)
    add(app, "/rubrics/{rubric_id}/{version}", pages.rubric, needs=needs)
