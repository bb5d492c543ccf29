"""The list's filters as the API takes and gives them."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from evaluator.storage.reviewing import ListState, Reviewer, Wanted
from evaluator.values import ID_PATTERN, Frozen
from evaluator.web.api.conventions import CURSOR_CHARS_MAX, LIMIT_MAX, LIMIT_USUAL
from evaluator.web.list_query import SEARCH_CHARS_MAX, sort_text

RUBRIC_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}@[0-9.]{1,16}$"
DAY_MIN, DAY_MAX = date(1900, 1, 1), date(2999, 12, 31)  # an earlier or later day filters as these do

SortText = Literal["intake", "-intake", "interviewed_at", "-interviewed_at", "score", "-score"]


def written(moment: object) -> object:
    """Only what is written out: a number would be taken for seconds since 1970."""
    if isinstance(moment, int | float) or (isinstance(moment, str) and not _WRITTEN.match(moment)):
        raise ValueError("is written as 2026-11-18, a moment as 2026-11-18T14:02:00Z")
    return moment


_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
Day = Annotated[date, BeforeValidator(written)]
_Name = Annotated[str, Field(pattern=ID_PATTERN)]


class Filters(Frozen):
    """Which interviews, in which order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"requisition": "REQ-114", "state": "needs_review", "sort": "-intake"}]}
    )

    q: Annotated[str, Field(min_length=1, max_length=SEARCH_CHARS_MAX, pattern=r"^[^\x00]+$")] | None = Field(
        default=None, description="Part of an interview's id or of a candidate's reference.", examples=["C-04"]
    )
    requisition: _Name | None = Field(default=None, description="Only this requisition.", examples=["REQ-114"])
    state: ListState | None = Field(default=None, description="Only interviews in this state, as the asker sees it.")
    rubric: Annotated[str, Field(pattern=RUBRIC_PATTERN)] | None = Field(
        default=None, description="Only this rubric version, as `id@version`.", examples=["backend-eng@4"]
    )
    reviewer: Reviewer | None = Field(
        default=None, description="`me`: assigned to the asker; `me_open`: and not yet reviewed by them."
    )
    alerts: Literal["any", "yes"] = Field(default="any", description="`yes`: with alerts that the asker may see.")
    since: Day | None = Field(default=None, description="Interviewed on this day (UTC) or later.")
    until: Day | None = Field(default=None, description="Interviewed on this day (UTC) or earlier.")
    run: _Name | None = Field(default=None, description="Only interviews of this run.", examples=["night-2026-11-21"])
    sort: SortText = Field(
        default="-intake",
        description="With `-` the greatest first. `score`, the judge's, is refused (403) while a blind review goes on.",
    )

    @property
    def wanted(self) -> Wanted:
        """The same for the query."""
        return Wanted(
            requisition=self.requisition,
            state=self.state,
            rubric=self.rubric,
            reviewer=self.reviewer,
            alerts=self.alerts == "yes",
            since=_within(self.since),
            until=_within(self.until),
            search=self.q,
            run=self.run,
            sort=self.sort.lstrip("-"),
            ascending=not self.sort.startswith("-"),
        )

    @classmethod
    def of(cls, wanted: Wanted) -> "Filters":
        """What a query was made from."""
        values: dict[str, Any] = wanted.model_dump(exclude={"search", "alerts", "sort", "ascending"})
        return cls(**values, q=wanted.search, alerts="yes" if wanted.alerts else "any", sort=sort_text(wanted))


class ListQuery(Filters):
    """The list's address: filters, order, and which page."""

    cursor: str | None = Field(
        default=None,
        max_length=CURSOR_CHARS_MAX,
        description="`next` or `previous` of a page, given back as it came, with the same filters.",
    )
    limit: int = Field(default=LIMIT_USUAL, ge=1, le=LIMIT_MAX, description="The most items of one page.")


def _within(day: date | None) -> date | None:
    return day and min(max(day, DAY_MIN), DAY_MAX)
