"""Where things lie in the object store; the only place that spells a key."""

import re
from datetime import datetime

from evaluator.errors import ManifestFault
from evaluator.values import ID_PATTERN

OPEN = "open/"
INBOX = "inbox/"
INBOX_REJECTED = "inbox-rejected/"
INTERVIEWS = "interviews/"
CHECKPOINTS = "checkpoints/"
AUDIT = "audit/"

_ID = re.compile(ID_PATTERN)
_PART = re.compile(r"(~[1-9][0-9]*\.[1-9][0-9]*)*(~[1-9][0-9]*)?")


def checked(identifier: str) -> str:
    """The id itself when it is safe in a key; ManifestFault otherwise."""
    if not _ID.fullmatch(identifier):
        raise ManifestFault(f"id {identifier[:80]!r} is not usable: letters, digits, '_', '.', '-', at most 64")
    return identifier


def manifest_key(interview_id: str) -> str:
    """`inbox/{interview_id}.json`: written last, it says that the interview is finished."""
    return f"{INBOX}{checked(interview_id)}.json"


def archived_manifest_key(interview_id: str, taken_in_at: datetime, digest: str) -> str:
    """Where intake keeps a manifest that it took in, so that a rescan finds it after a restore; sorts by time."""
    return f"{INTERVIEWS}{checked(interview_id)}/manifest-{taken_in_at:%Y%m%dT%H%M%S.%f}-{digest[:16]}.json"


def rejected_manifest_key(inbox_key: str, digest: str) -> str:
    """Where intake puts an inbox object that it cannot trust; whatever it was called, the new name is safe."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", inbox_key.removeprefix(INBOX))[:100]
    return f"{INBOX_REJECTED}{name}-{digest[:16]}.json"


def transcript_key(interview_id: str, digest: str) -> str:
    """A transcript's own object; another text is another object."""
    return f"{INTERVIEWS}{checked(interview_id)}/transcript-{digest[:16]}.json"


def turn_key(interview_id: str, seq: int) -> str:
    """One turn as it was spoken, so that a crash loses nothing said."""
    return f"{INTERVIEWS}{checked(interview_id)}/turns/{seq:06d}.json"


def open_key(interview_id: str) -> str:
    """`open/{interview_id}.json`: an interview is going on."""
    return f"{OPEN}{checked(interview_id)}.json"


def consent_key(interview_id: str, seq: int) -> str:
    """What the candidate said of the consent after the interview began: withdrawn, or given again."""
    return f"{INTERVIEWS}{checked(interview_id)}/consent/{seq:06d}.json"


def release_key(interview_id: str, transcript_sha256: str) -> str:
    """A person's word that what there is of an interview that broke off may be scored, for one transcript."""
    return f"{INTERVIEWS}{checked(interview_id)}/release-{checked(transcript_sha256)[:16]}.json"


def speech_prefix() -> str:
    """All phrases that were spoken beforehand."""
    return "speech/"


def speech_key(period: int, sha256: str, extension: str) -> str:
    """One spoken phrase, under the stretch of days in which it was made and the digest of what can be heard of it."""
    return f"{speech_prefix()}{period}/{checked(sha256)}.{checked(extension)}"


def recording_key(interview_id: str, extension: str) -> str:
    """The recording, under the extension of its media type."""
    return f"{INTERVIEWS}{checked(interview_id)}/recording.{checked(extension)}"


def egress_prefix(interview_id: str) -> str:
    """What the recorder of a room reported of this interview."""
    return f"{INTERVIEWS}{checked(interview_id)}/egress/"


def egress_key(interview_id: str, egress_id: str, status: str) -> str:
    """One of its reports; the same one twice has the same name."""
    return f"{egress_prefix(interview_id)}{checked(egress_id)}-{checked(status)}.json"


def accounts_prefix(interview_id: str) -> str:
    """What the live agent's models and voices did in an interview."""
    return f"{INTERVIEWS}{checked(interview_id)}/account-"


def account_key(interview_id: str, ended_at: datetime) -> str:
    """One such account; an interview that a crash cut in two has two of them."""
    return f"{accounts_prefix(interview_id)}{ended_at:%Y%m%dT%H%M%S.%f}.json"


def untold_recordings_prefix() -> str:
    """Interviews whose recording intake has not been told of yet."""
    return "recordings/"


def untold_recording_key(interview_id: str) -> str:
    """Stands until intake was told."""
    return f"{untold_recordings_prefix()}{checked(interview_id)}.json"


def archived_manifests_prefix(interview_id: str) -> str:
    """The manifests of an interview that intake took in, the oldest first."""
    return f"{INTERVIEWS}{checked(interview_id)}/manifest-"


def checkpoints_prefix(interview_id: str, evaluation_key: str) -> str:
    """All checkpoints of one evaluation."""
    return f"{CHECKPOINTS}{checked(interview_id)}/{checked(evaluation_key)}/"


def checkpoint_key(interview_id: str, evaluation_key: str, section_id: str, part: str = "") -> str:
    """One finished section of one evaluation, or a part of one that was too long.

    part: "~1.2" is the second window of the first cut, "~1" where that cut was made; no id holds a "~".
    """
    if not _PART.fullmatch(part):
        raise ValueError(f"part {part[:80]!r} names no window and no cut")
    return f"{checkpoints_prefix(interview_id, evaluation_key)}{checked(section_id)}{part}.json"


def anchor_key(number: int) -> str:
    """`audit/{number}.json`: the digest of an entry of the audit log; sorts by number."""
    return f"{AUDIT}{number:012d}.json"
