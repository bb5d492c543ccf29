"""The log of acts: who did what, newest first, whether its chain is whole, and the same as CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from evaluator.errors import UsageFault
from evaluator.exports.csv import MEDIA_TYPE, lines
from evaluator.exports.rows import Value
from evaluator.storage import audit
from evaluator.storage.audit import AuditEntry, Sought, actions, check_newest, entries
from evaluator.storage.people import people_list
from evaluator.values import canonical
from evaluator.web.audit_view import COMMAND_LINE, FILTERS, address, chain_words, line_of, query_of, sought_of
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally, add

PAGE_LENGTH = 50  # entries
CHECKED_ROWS = 500  # of the chain at each view; the whole is for the command
CSV_ROWS_MAX = 100_000
COLUMNS = ("number", "at", "person_id", "person", "entry", "action", "object", "requisition", "detail", "sha256")
NUMBER_DIGITS_MAX = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditPages:
    """The handlers."""

    site: Site

    def log(self, visit: AsVisit, request: Request) -> Response:
        """A page of the log; the address says which entries."""
        query = request.query_params
        sought, before = sought_of(query), before_of(query.get("before"))
        with self.site.database.begin() as db:
            found = entries(db, sought, before=before, limit=PAGE_LENGTH + 1)
            chain = check_newest(db, CHECKED_ROWS)
            known, people = actions(db), people_list(db)
        shown = found[:PAGE_LENGTH]
        chosen = query_of(sought)
        return self.site.page(
            "audit.html",
            visit=visit,
            lines=[line_of(entry) for entry in shown],
            checked_at=datetime.now(UTC),
            chain=chain_words(chain, total_may_be_more=chain.rows >= CHECKED_ROWS),
            chosen={name: chosen.get(name) for name in FILTERS},
            filtered=bool(chosen),
            actions=known,
            people=[(str(p.id), p.name) for p in people],
            command_line=COMMAND_LINE,
            first=address(sought) if before is not None else None,
            older=address(sought, before=str(shown[-1].id)) if len(found) > PAGE_LENGTH else None,
            as_csv=address(sought, "/audit/export.csv"),
            as_json=address(sought, "/v1/audit"),
        )

    def as_csv(self, visit: AsVisit, request: Request) -> Response:
        """The same entries as a file, the newest CSV_ROWS_MAX of them; that somebody took it is logged."""
        sought = sought_of(request.query_params)
        with self.site.database.begin() as db:
            audit.log(db, visit.viewer, "audit.export", "audit", sought.requisition, {"filters": query_of(sought)})
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(lines(COLUMNS, map(_row, self._all(sought))), headers=headers, media_type=MEDIA_TYPE)

    def _all(self, sought: Sought) -> Iterator[AuditEntry]:
        """Page by page, each in a transaction of its own: nobody waits for who reads slowly."""
        before, left = None, CSV_ROWS_MAX
        while left > 0:
            with self.site.database.begin() as db:
                found = entries(db, sought, before=before, limit=min(audit.PAGE_MAX, left))
            yield from found
            if not found:
                return
            before, left = found[-1].id, left - len(found)


def attach(app: FastAPI, site: Site) -> None:
    """The log's addresses."""
    pages, needs = AuditPages(site=site), Globally("see_audit")
    add(app, "/audit", pages.log, needs=needs)
    add(app, "/audit/export.csv", pages.as_csv, needs=needs, methods=("GET",))


def before_of(text: str | None) -> int | None:
    """The number that a page begins before."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX):
        raise UsageFault("this link to another page of the log is not valid; start again: /audit")
    return int(text)


def _row(entry: AuditEntry) -> dict[str, Value]:
    values = entry.model_dump(include=set(COLUMNS))
    return {**values, "number": entry.id, "detail": canonical(entry.detail).decode()}
