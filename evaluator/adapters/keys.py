"""What every object store here shares: which keys it takes, and how it proves that a write creates."""

import contextlib
import uuid

from evaluator.errors import ContentError, ObjectExists, StoreForbidden, StoreUnavailable
from evaluator.ports import ObjectStore

KEY_BYTES_MAX = 768  # S3 allows 1,024 with the prefix
SEGMENT_BYTES_MAX = 255  # what file systems allow for one name
TEMPORARY = ".debrief-tmp-"  # names of files that are being written; no key may look like one
PROBES = "probe/"


def fault_of(key: str) -> str | None:
    """What makes the key unusable, or None. One rule for all stores, so that what one lists another can take."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "is not Unicode text"
    if not 0 < size <= KEY_BYTES_MAX:
        return f"must have 1 to {KEY_BYTES_MAX} bytes"
    if "\\" in key or any(ord(character) < 32 or ord(character) == 127 for character in key):
        return "holds a backslash or a control character"
    return next((fault for segment in key.split("/") if (fault := _fault_of_segment(segment))), None)


def can_start_key(prefix: str) -> bool:
    """Whether any usable key starts like this."""
    return fault_of(prefix) is None or fault_of(prefix + "x") is None


def checked_key(key: str) -> str:
    """The key itself when every store can take it; ContentError otherwise."""
    if fault := fault_of(key):
        raise ContentError(f"object key {key[:120]!a} {fault}")
    return key


def _fault_of_segment(segment: str) -> str | None:
    if segment in ("", ".", ".."):
        return "starts or ends with '/', or has an empty, '.' or '..' part"
    if len(segment.encode()) > SEGMENT_BYTES_MAX:
        return f"has a part of more than {SEGMENT_BYTES_MAX} bytes"
    if segment.startswith(TEMPORARY):
        return f"has a part that starts with {TEMPORARY}, which is kept for files being written"
    return None


def prove_create_only(store: ObjectStore, name: str) -> None:
    """Create a new object twice; StoreUnavailable unless the second write is refused and the first one stays.

    Needs the right to create, read and delete under `probe/`. Where deleting alone is refused, the proof stands and
    one small object stays there; a lifecycle rule on `probe/` removes those.
    """
    key = f"{PROBES}{uuid.uuid4().hex}"
    store.create(key, b"first", media_type="text/plain")
    try:
        _prove_second_write_refused(store, key, name)
    finally:
        with contextlib.suppress(StoreForbidden):
            store.delete(key)


def _prove_second_write_refused(store: ObjectStore, key: str, name: str) -> None:
    way_out = "two workers could overwrite each other's results: use a store that does (AWS S3, a local folder)"
    try:
        store.create(key, b"second", media_type="text/plain")
    except ObjectExists:
        if store.get(key) != b"first":
            raise StoreUnavailable(f"{name} refused a second write and yet lost the first; {way_out}") from None
        return
    raise StoreUnavailable(f"{name} does not honour create-only writes (If-None-Match: *); {way_out}")
