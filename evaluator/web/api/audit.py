"""The log of acts by the API: the same entries as the page, with their digests, so that anybody can check the chain."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import ConfigDict, Field

from evaluator.errors import UsageFault
from evaluator.people import Entry
from evaluator.storage.audit import AuditEntry, entries
from evaluator.values import ID_PATTERN, Frozen, Moment
from evaluator.web.api.conventions import CURSOR_CHARS_MAX, LIMIT_MAX, LIMIT_USUAL, Page, answer, cursor_of, paged
from evaluator.web.api.filters import Day
from evaluator.web.api.publishing import publish
from evaluator.web.audit_view import COMMAND_LINE, OBJECT_CHARS_MAX, sought_of
from evaluator.web.pages.site import Site
from evaluator.web.rights import Globally

LIST = "audit"  # the list's name in its cursors
DAY_MIN, DAY_MAX = date(1900, 1, 1), date(2999, 12, 30)  # an earlier or later day filters as these do

_Text = Annotated[str, Field(min_length=1, max_length=OBJECT_CHARS_MAX, pattern=r"^[!-~]+$")]


class AuditQuery(Frozen):
    """Which entries, and which page of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "recording.read", "requisition": "REQ-114"}]})

    person: Annotated[str, Field(pattern=rf"^([0-9]{{1,18}}|{COMMAND_LINE})$")] | None = Field(
        default=None, description=f"Somebody's number, or `{COMMAND_LINE}` for the command line.", examples=["7"]
    )
    action: _Text | None = Field(default=None, description="Just this one.", examples=["recording.read"])
    requisition: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(default=None, examples=["REQ-114"])
    object: _Text | None = Field(default=None, description="Just this one.", examples=["interview:iv-0412"])
    since: Day | None = Field(default=None, description="On this day (UTC) or later.")
    until: Day | None = Field(default=None, description="On this day (UTC) or earlier.")
    cursor: str | None = Field(default=None, max_length=CURSOR_CHARS_MAX, description="`next` of a page, as it came.")
    limit: int = Field(default=LIMIT_USUAL, ge=1, le=LIMIT_MAX - 1, description="The most items of one page.")


class AuditItem(Frozen):
    """One act. `sha256` covers it and `previous_sha256`, the digest of the entry before (docs/audit.md)."""

    number: int = Field(description="Rises; numbers of what was taken back are missing.", examples=[5513])
    at: Moment = Field(description="By the database's clock.", examples=["2026-11-22T08:31:04.120331Z"])
    person_id: int | None = Field(description="null: the command line.", examples=[7])
    person: str = Field(description="Their name then; not under the digest.", examples=["Reviewer A"])
    entry: Entry = Field(description="How they came in.")
    action: str = Field(examples=["recording.read"])
    object: str = Field(examples=["interview:iv-0412"])
    requisition: str | None = Field(examples=["REQ-114"])
    detail: dict[str, Any] = Field(examples=[{}])
    previous_sha256: str = Field(examples=["3b" * 32])
    sha256: str = Field(examples=["9f" * 32])


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditApi:
    """The handler."""

    site: Site

    def log(self, request: Request, query: Annotated[AuditQuery, Query()]) -> Response:
        """The log, the newest entry first."""
        sought = sought_of(
            {
                name: str(_within(value) if isinstance(value, date) else value)
                for name, value in query.model_dump(exclude={"cursor", "limit"}, exclude_none=True).items()
            }
        )
        cursor = cursor_of(query.cursor, of=LIST)
        before = _number(cursor.key) if cursor else None
        with self.site.database.begin() as db:
            found = entries(db, sought, before=before, limit=query.limit + 1)
        items = [_item(entry) for entry in found]
        return answer(request, paged(items, limit=query.limit, of=LIST, key=lambda item: (item.number,)))


def attach(app: FastAPI, site: Site) -> None:
    """The route of this part of the API."""
    publish(app, "/v1/audit", AuditApi(site=site).log, needs=Globally("see_audit"), answers=Page[AuditItem])


def _item(entry: AuditEntry) -> AuditItem:
    return AuditItem(number=entry.id, **entry.model_dump(exclude={"id"}))


def _number(key: tuple[object, ...]) -> int:
    if len(key) != 1 or not isinstance(key[0], int) or not 0 < key[0] < 2**63:
        raise UsageFault("this cursor is not one of the log; start again without it")
    return key[0]


def _within(day: date) -> date:
    return min(max(day, DAY_MIN), DAY_MAX)
