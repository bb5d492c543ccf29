"""Scorecards with all that a file may tell of them, for one viewer: a single one, or all of a list page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from evaluator.exports.rows import Exported, criteria_in
from evaluator.human import sees_judge
from evaluator.people import Viewer
from evaluator.storage import human
from evaluator.storage.database import Database
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, find_scorecard, rubrics_behind, scorecards_named
from evaluator.storage.requisitions import find_requisition
from evaluator.storage.reviewing import Place, Wanted, interviews_page, place_of
from rubrics.model import Rubric

PAGE_LENGTH = 100  # scorecards that are held in memory at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a list holds before it is written out."""

    count: int  # scorecards
    rubrics: tuple[Rubric, ...]  # that they were made with, by id and version

    @property
    def criteria(self) -> tuple[str, ...]:
        """Of all these rubrics."""
        return criteria_in(self.rubrics)


def exported_one(db: Connection, viewer: Viewer, ref: str) -> Exported:
    """The scorecard of that id, or the newest of that interview; NotFound."""
    return exported(db, viewer, [find_scorecard(db, ref)])[0]


def exported(db: Connection, viewer: Viewer, stored: Sequence[StoredScorecard]) -> tuple[Exported, ...]:
    """These scorecards with their rubrics and what people added, hidden where the viewer may not see the judge."""
    states = human.states(db, [one.id for one in stored])
    blind = {name: find_requisition(db, name).blind for name in {one.requisition for one in stored}}
    refs = {(one.rubric_id, one.rubric_version) for one in stored}
    rubrics = {ref: load_rubric(db, *ref) for ref in refs}
    return tuple(
        Exported(
            stored=one,
            rubric=rubrics[one.rubric_id, one.rubric_version],
            state=states[one.id],
            sees_judge=sees_judge(viewer, blind=blind[one.requisition], state=states[one.id]),
        )
        for one in stored
    )


def survey(database: Database, viewer: Viewer, wanted: Wanted) -> Survey:
    """How many scorecards the list leads to, and their rubrics: a wide file's columns stand in its first line."""
    count, refs = 0, set[tuple[str, str]]()
    for ids in _pages(database, viewer, wanted):
        count += len(ids)
        with database.begin() as db:
            refs |= rubrics_behind(db, ids)
    with database.begin() as db:
        return Survey(count=count, rubrics=tuple(load_rubric(db, *ref) for ref in sorted(refs)))


def exported_list(database: Database, viewer: Viewer, wanted: Wanted, found: Survey) -> Iterator[Exported]:
    """The newest scorecard of each interview of the list that the viewer may export, in the list's order.

    Each page is read in a transaction of its own, so that a slow reader holds none. What was made meanwhile with a
    rubric that the survey did not find is left out: the file has no columns for it.
    """
    known = {rubric.ref for rubric in found.rubrics}
    for ids in _pages(database, viewer, wanted):
        with database.begin() as db:
            page = exported(db, viewer, scorecards_named(db, ids))
        yield from (one for one in page if one.rubric.ref in known)


def _pages(database: Database, viewer: Viewer, wanted: Wanted) -> Iterator[list[str]]:
    """Ids of scorecards, of at most PAGE_LENGTH interviews each time."""
    after: Place | None = None
    while True:
        with database.begin() as db:
            page = interviews_page(db, viewer, wanted, after=after, limit=PAGE_LENGTH)
        found = [row.scorecard_id for row in page.rows if row.scorecard_id and viewer.may("export", row.requisition)]
        if found:
            yield found
        if not page.more_after:
            return
        after = place_of(page.rows[-1], wanted.sort)
