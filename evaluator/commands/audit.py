"""`debrief audit`: the log of acts, and the proof that nobody changed it."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Annotated

import typer

from evaluator.anchoring import Anchored, anchored, keep_anchor, unlike
from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table, warn
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.people import COMMAND
from evaluator.storage import audit
from evaluator.storage.audit import AuditEntry, Chain, Link, Sought, check, entries, has_digest
from evaluator.values import SHA256_PATTERN, Frozen
from evaluator.wiring import Services

EXIT_BROKEN = 3  # the check has ended, and found what must not be
LOG_USUAL, LOG_MAX = 50, 100_000
UNLIKE_SHOWN = 20
PERSON_DIGITS_MAX = 18
FAULTS_NOTE = "keep the database as it is, and compare it with a backup; see docs/audit.md"

app = typer.Typer(help="Who did what, and whether the record of it is whole.", no_args_is_help=True)


class Verified(Frozen):
    """What `verify-chain` found."""

    intact: bool
    rows: int
    first: int | None
    newest: Link | None
    broken: int | None  # the first entry that is not what was written
    anchors: int | None  # that were compared; null: they were not asked for
    unlike: tuple[int, ...]  # numbers of anchors that the log no longer has so
    expected: bool | None  # whether the given digest is in the log; null: none was given
    anchored: str | None  # the key under which the newest digest lies now


@app.command("log")
def log_command(
    since: Annotated[str | None, typer.Option(help="a day, such as 2026-11-18, in UTC")] = None,
    person: Annotated[str | None, typer.Option(help="somebody's number, or: command")] = None,
    action: Annotated[str | None, typer.Option(help="just this one, such as recording.read")] = None,
    requisition: Annotated[str | None, typer.Option("--requisition", "--req", help="just this one's")] = None,
    of: Annotated[str | None, typer.Option("--object", help="just this one, such as interview:iv-88")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LOG_MAX, help="the most entries")] = LOG_USUAL,
) -> None:
    """Show the log, the newest entry first."""
    sought = Sought(
        person=_number(person),
        by_command=person == "command",
        action=action,
        requisition=requisition,
        object=of,
        since=_midnight(since),
    )
    with services(Part.DATABASE) as found:
        shown = list(islice(_all(found, sought), limit))
    if out.json:
        put_json(shown)
    elif not shown:
        put("No entry matches." if sought != audit.ALL else "Nothing is logged yet.")
    else:
        rows = [(str(e.id), f"{e.at:%Y-%m-%d %H:%M:%SZ}", e.person, e.entry, e.action, e.object) for e in shown]
        put_table(("entry", "when", "who", "by", "action", "object"), rows, right=frozenset({0}))


@app.command("verify-chain")
def verify_chain(
    start: Annotated[int, typer.Option("--from", min=1, help="begin at this entry; the one before is trusted")] = 1,
    expect: Annotated[str | None, typer.Option(help="a digest that was kept elsewhere, which must be in it")] = None,
    anchor: Annotated[bool, typer.Option("--anchor", help="keep the newest digest in the object store")] = False,
    anchors: Annotated[bool, typer.Option(help="compare with the digests in the object store")] = True,
) -> None:
    """Check that no entry was changed or removed. Exit code 3 when one was.

    Prints the newest number and digest: keep them where nobody who can write to the database can change them.
    """
    expected = _digest(expect)
    if anchor and not anchors:
        raise UsageFault("--anchor with --no-anchors: what is kept is compared first; leave one of them out")
    parts = (Part.DATABASE, Part.STORE) if anchors else (Part.DATABASE,)
    with services(*parts) as found:
        verified = _verified(found, start=start, expected=expected, anchors=anchors)
        if anchor and verified.intact and verified.newest is not None:
            key = keep_anchor(found.store, verified.newest)
            with found.database.begin() as db:
                audit.log(db, COMMAND, "audit.anchor", f"audit:{verified.newest.id}")
            verified = verified.model_copy(update={"anchored": key})
    _report(verified)
    if not verified.intact:
        raise typer.Exit(EXIT_BROKEN)


def _verified(found: Services, *, start: int, expected: str | None, anchors: bool) -> Verified:
    kept: tuple[Anchored, ...] = anchored(found.store) if anchors else ()
    with found.database.begin() as db:
        chain: Chain = check(db, since=start)
        there = None if expected is None else has_digest(db, expected)
        wrong = unlike(db, kept)
    return Verified(
        intact=chain.broken is None and there is not False and not wrong,
        rows=chain.rows,
        first=chain.first,
        newest=chain.last,
        broken=chain.broken,
        anchors=len(kept) if anchors else None,
        unlike=wrong,
        expected=there,
        anchored=None,
    )


def _report(verified: Verified) -> None:
    if out.json:
        put_json(verified)
        return
    if verified.intact:
        put(f"Intact: {verified.rows} entries" + ("" if verified.first is None else f", from #{verified.first} on"))
    if verified.anchors:
        put(f"Digests kept in the object store: {verified.anchors} compared")
    if verified.newest is not None:
        put(f"Newest  #{verified.newest.id}  {verified.newest.at:%Y-%m-%d %H:%M:%SZ}  {verified.newest.sha256}")
    if verified.anchored is not None:
        put(f"Kept as {verified.anchored}")
    for fault in _faults(verified):
        warn(f"debrief: {fault}; {FAULTS_NOTE}")


def _faults(verified: Verified) -> list[str]:
    faults = []
    if verified.broken is not None:
        faults.append(f"the chain is broken at entry #{verified.broken}: it was changed, or one before it is gone")
    if verified.expected is False:
        faults.append("no entry has the digest that was expected: entries are gone, or were written anew")
    shown = ", ".join(f"#{number}" for number in verified.unlike[:UNLIKE_SHOWN])
    if shown:
        faults.append(f"entries are not what was kept in the object store, or are gone: {shown}")
    return faults


def _all(found: Services, sought: Sought) -> Iterator[AuditEntry]:
    """Page by page, each in a transaction of its own."""
    before = None
    while True:
        with found.database.begin() as db:
            page = entries(db, sought, before=before, limit=audit.PAGE_MAX)
        yield from page
        if not page:
            return
        before = page[-1].id


def _number(person: str | None) -> int | None:
    if person is None or person == "command":
        return None
    if not (person.isascii() and person.isdecimal() and len(person) <= PERSON_DIGITS_MAX):
        raise UsageFault("--person is somebody's number, or: command")
    return int(person)


def _digest(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(SHA256_PATTERN, text):
        raise UsageFault("--expect is a digest as verify-chain prints it: 64 of 0-9 and a-f")
    return text


def _midnight(text: str | None) -> datetime | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageFault("--since is a day, written as 2026-11-18") from None
    return None if day is None else datetime.combine(day, time.min, tzinfo=UTC)
