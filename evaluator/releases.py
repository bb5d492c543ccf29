"""A person's word that an interview that broke off may be scored: kept beside it, where a rescan finds it again."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from evaluator.errors import ContentError, ObjectExists
from evaluator.layout import release_key
from evaluator.ports import ObjectStore
from evaluator.values import Frozen, Id, Moment, Sha256, canonical

RELEASE_BYTES_MAX = 64 * 1024


class Release(Frozen):
    """Of one interview with one transcript; another transcript needs another word."""

    schema_version: Literal[1] = 1
    interview_id: Id
    transcript_sha256: Sha256
    released_at: Moment
    person_id: int | None = None  # None: the command line
    reason: Annotated[str, Field(max_length=500)]


def keep_release(store: ObjectStore, release: Release) -> None:
    """Writes it, create-only: the first word for a transcript is the one that is kept. Raises what the store raises."""
    key = release_key(release.interview_id, release.transcript_sha256)
    try:
        store.create(key, canonical(release.model_dump(mode="json")))
    except ObjectExists:
        return


def kept_release(store: ObjectStore, interview_id: str, transcript_sha256: str) -> Release | None:
    """What was kept of this transcript; ContentError when it is no release, or another interview's."""
    key = release_key(interview_id, transcript_sha256)
    data = store.get(key, bytes_max=RELEASE_BYTES_MAX)
    if data is None:
        return None
    try:
        release = Release.model_validate_json(data)
    except ValidationError:
        raise ContentError(f"{key} is no release of an interview") from None
    if (release.interview_id, release.transcript_sha256) != (interview_id, transcript_sha256):
        raise ContentError(f"{key} is the release of another interview or transcript")
    return release
