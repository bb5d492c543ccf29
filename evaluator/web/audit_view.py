"""The log of acts as people read it: filters of the address, entries in words, and where each leads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote, urlencode

from evaluator.errors import UsageFault
from evaluator.storage.audit import AuditEntry, Chain, Sought
from evaluator.web.list_query import checked_filter
from evaluator.words import visible

COMMAND_LINE = "command"  # in the place of a person's number
PERSON_DIGITS_MAX = 18
OBJECT_CHARS_MAX = 120
FILTERS = ("person", "action", "requisition", "object", "since", "until")

ACTIONS = {
    "comparison.export": "Exported a comparison",
    "audit.anchor": "Kept the newest digest elsewhere",
    "audit.export": "Exported the log",
    "final.set": "Set the level that counts",
    "interview.release": "Released an interview that broke off",
    "login_link.create": "Made a login link",
    "member.add": "Gave a role",
    "member.remove": "Took a role back",
    "name.reveal": "Revealed a candidate's name",
    "person.active": "Activated or deactivated somebody",
    "person.admin": "Made somebody an administrator, or no longer",
    "recording.download": "Downloaded a recording",
    "recording.read": "Listened to a recording",
    "recommendation.give": "Gave a recommendation",
    "requisition.change": "Changed a requisition",
    "review.submit": "Submitted their own scores",
    "reviewer.assign": "Assigned a reviewer",
    "reviewer.unassign": "Took an assignment back",
    "run.pause": "Paused a run",
    "run.resume": "Resumed a run",
    "run.retry": "Had what failed in a run tried again",
    "run.limit": "Gave a run another deadline or budget",
    "schedule.add": "Made a schedule of night runs",
    "schedule.change": "Changed a schedule of night runs",
    "schedule.pause": "Paused a schedule of night runs",
    "schedule.resume": "Resumed a schedule of night runs",
    "schedule.remove": "Removed a schedule of night runs",
    "run.start": "Started a run",
    "run.stop": "Stopped a run",
    "scorecard.dismiss": "Dismissed a scorecard",
    "scorecard.explain": "Explained to the candidate",
    "scorecard.export": "Exported a scorecard",
    "scorecard.rescore": "Asked for another scorecard",
    "scorecard.restore": "Restored a scorecard",
    "scorecards.export": "Exported scorecards",
    "session.close": "Signed out",
    "session.close_others": "Signed out elsewhere",
    "session.open": "Signed in",
    "token.create": "Made an API token",
    "token.revoke": "Revoked an API token",
    "webhook.add": "Added a webhook",
    "webhook.redeliver": "Sent a webhook's message again",
    "webhook.remove": "Removed a webhook",
    "webhook.rotate": "Replaced a webhook's secret",
    "webhook.test": "Tested a webhook",
}
ENTRIES = {"session": "in a session", "token": "by API token", "command": ""}
_PLACES = {"interview": "/interviews/", "scorecard": "/scorecards/", "requisition": "/requisitions/", "run": "/runs/"}


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryLine:
    """One entry."""

    id: int
    at: datetime
    person: str
    by: str  # how they came in; empty for the command line, which is its own name
    action: str
    words: str  # of the action; the same where there are none
    object: str
    href: str | None  # where the object can be looked at
    requisition: str | None
    detail: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainWords:
    """What a check of the newest entries found."""

    whole: bool
    headline: str
    more: str
    sha256: str | None


def sought_of(query: Mapping[str, str]) -> Sought:
    """What the address asks for; UsageFault names the part that nobody can have meant."""
    given = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
    person = given.get("person")
    return Sought(
        person=_number(person) if person and person != COMMAND_LINE else None,
        by_command=person == COMMAND_LINE,
        action=_short("action", given.get("action")),
        requisition=checked_filter("requisition", given.get("requisition")),
        object=_short("object", given.get("object")),
        since=_midnight("since", given.get("since")),
        until=_midnight("until", given.get("until"), days=1),
    )


def query_of(sought: Sought) -> dict[str, str]:
    """The same as it stands in an address."""
    until = sought.until and (sought.until - timedelta(days=1)).date().isoformat()
    parts = {
        "person": COMMAND_LINE if sought.by_command else sought.person and str(sought.person),
        "action": sought.action,
        "requisition": sought.requisition,
        "object": sought.object,
        "since": sought.since and sought.since.date().isoformat(),
        "until": until,
    }
    return {name: value for name, value in parts.items() if value}


def address(sought: Sought, path: str = "/audit", **more: str) -> str:
    """The page's address, or of another form of the same entries."""
    query = {**query_of(sought), **more}
    return path + (f"?{urlencode(query)}" if query else "")


def line_of(entry: AuditEntry) -> EntryLine:
    """An entry in words."""
    return EntryLine(
        id=entry.id,
        at=entry.at,
        person=visible(entry.person),
        by=ENTRIES[entry.entry],
        action=visible(entry.action),
        words=ACTIONS.get(entry.action, visible(entry.action)),
        object=visible(entry.object),
        href=_place(entry.object),
        requisition=entry.requisition and visible(entry.requisition),
        detail=tuple((visible(name), visible(_plain(value))) for name, value in sorted(entry.detail.items())),
    )


def chain_words(chain: Chain, *, total_may_be_more: bool) -> ChainWords:
    """What the page says of the chain. total_may_be_more: older entries were not looked at."""
    if chain.broken is not None:
        return ChainWords(
            whole=False,
            headline=f"The chain is broken at entry #{chain.broken}",
            more="It is not what was written, or an entry before it is gone. Keep the database as it is, and compare "
            "it with a backup and with the digests that were kept elsewhere.",
            sha256=None,
        )
    if chain.last is None:
        return ChainWords(whole=True, headline="Nothing is logged yet", more="", sha256=None)
    older = f" These are the newest {chain.rows}; older ones are checked by the command." if total_may_be_more else ""
    return ChainWords(
        whole=True,
        headline=f"Chain verified to #{chain.last.id}",
        more=f"Each of {chain.rows} entries from #{chain.first} on follows the one before.{older}",
        sha256=chain.last.sha256,
    )


def _place(of: str) -> str | None:
    kind, _, name = of.partition(":")
    return f"{_PLACES[kind]}{quote(name, safe='')}" if kind in _PLACES and name else None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= PERSON_DIGITS_MAX):
        raise UsageFault(f"person is somebody's number, or {COMMAND_LINE}")
    return int(text)


def _short(noun: str, text: str | None) -> str | None:
    if text and (len(text) > OBJECT_CHARS_MAX or not text.isprintable()):
        raise UsageFault(f"{noun} is at most {OBJECT_CHARS_MAX} printable characters, as the log shows it")
    return text


def _midnight(noun: str, text: str | None, *, days: int = 0) -> datetime | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        found = date.min
    if found is None:
        return None
    if not 1900 <= found.year < 3000:
        raise UsageFault(f"{noun} is a day, written as 2026-11-18")
    return datetime.combine(found, time.min, tzinfo=UTC) + timedelta(days=days)
