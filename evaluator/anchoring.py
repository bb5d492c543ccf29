"""Digests of the audit log kept in the object store: what shows that its newest entries are gone, or written anew."""

import re
from collections.abc import Sequence

from pydantic import ValidationError
from sqlalchemy import Connection

from evaluator.errors import Conflict, ContentError, ObjectExists
from evaluator.layout import AUDIT, anchor_key
from evaluator.ports import ObjectStore, walk
from evaluator.storage.audit import Link, digests
from evaluator.values import Frozen, Moment, Sha256, canonical

ANCHOR_BYTES_MAX = 4 * 1024
_KEY = re.compile(rf"{AUDIT}([0-9]{{1,18}})\.json", re.ASCII)


class Anchor(Frozen):
    """What lies under `audit/`: the digest that an entry of the log had when it was the newest."""

    schema_version: int = 1
    number: int
    at: Moment  # of the entry
    sha256: Sha256


class Anchored(Frozen):
    """A digest that was kept; None where what lies there cannot be read."""

    number: int
    sha256: str | None


def keep_anchor(store: ObjectStore, newest: Link) -> str:
    """Keeps it, create-only; its key. Conflict: another digest is kept for this entry already."""
    key = anchor_key(newest.id)
    body = canonical(Anchor(number=newest.id, at=newest.at, sha256=newest.sha256).model_dump(mode="json"))
    try:
        store.create(key, body)
    except ObjectExists:
        if _read(store, key, newest.id).sha256 != newest.sha256:
            raise Conflict(f"{key} holds another digest than entry #{newest.id} has now; see docs/audit.md") from None
    return key


def anchored(store: ObjectStore) -> tuple[Anchored, ...]:
    """All that are kept, by number; objects there that are no such digests by their names are passed over."""
    found = ((key, _KEY.fullmatch(key)) for key in walk(store, AUDIT))
    return tuple(_read(store, key, int(match[1])) for key, match in found if match)


def unlike(db: Connection, kept: Sequence[Anchored]) -> tuple[int, ...]:
    """Numbers of those that the log does not have so: another digest, no such entry, or an unreadable object."""
    there = digests(db, [one.number for one in kept])
    return tuple(one.number for one in kept if one.sha256 is None or there.get(one.number) != one.sha256)


def _read(store: ObjectStore, key: str, number: int) -> Anchored:
    try:
        anchor = Anchor.model_validate_json(store.get(key, bytes_max=ANCHOR_BYTES_MAX) or b"")
    except (ContentError, ValidationError):
        return Anchored(number=number, sha256=None)
    return Anchored(number=number, sha256=anchor.sha256 if anchor.number == number else None)
