"""What a finished interview says of itself: the object in the inbox that hands it over."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from evaluator.errors import ManifestFault
from evaluator.transcript import first_fault
from evaluator.values import Frozen, Id, Moment, Sha256, canonical

MANIFEST_BYTES_MAX = 64 * 1024
YEARS = range(1900, 3000)  # outside, a time zone may push a moment out of what PostgreSQL and Python both know
# No control character: PostgreSQL stores no NUL, and the others have no place in a name or a version.
PRINTABLE = r"^\P{Cc}*$"


def _plausible(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(f"the year must lie between {YEARS.start} and {YEARS.stop - 1}")
    return moment


PlausibleMoment = Annotated[Moment, AfterValidator(_plausible)]
Key = Annotated[str, Field(max_length=512, pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,511}$")]


class Candidate(Frozen):
    """Who was interviewed: a reference of the hiring system, and a name only where one was given."""

    ref: Id
    name: Annotated[str, Field(max_length=200, pattern=PRINTABLE)] | None = None


class Consent(Frozen):
    """What the candidate agreed to; `unknown` is possible only for imports."""

    status: Literal["granted", "refused", "withdrawn", "unknown"]
    text_version: Annotated[str, Field(max_length=64, pattern=PRINTABLE)] | None = None
    at: PlausibleMoment | None = None


CONSENT_DENIED = frozenset({"refused", "withdrawn"})

Ending = Literal["finished", "stopped", "silent", "incomplete"]
"""How a live interview ended: by its plan; as the candidate wished; nobody was heard any more; it broke off."""


def consent_after(known: Consent, new: Consent) -> Consent:
    """What holds of two statements of which `new` was received later: the one made later, by their own dates.

    A denial yields only to a grant that is dated later than the denial; where one of the two dates is missing the
    denial stays, for nobody can tell. It takes the place of everything but such a grant.
    """
    older = known.at is not None and new.at is not None and new.at < known.at
    if known.status in CONSENT_DENIED and new.status not in CONSENT_DENIED:
        later = known.at is not None and new.at is not None and new.at > known.at
        return new if new.status == "granted" and later else known
    return known if older else new


class TranscriptRef(Frozen):
    """The transcript's object and what its bytes must hash to."""

    key: Key
    sha256: Sha256


class RecordingRef(Frozen):
    """The recording as the recorder reported it; sha256 only when we wrote it ourselves."""

    status: Literal["present", "pending", "failed", "none"]
    key: Key | None = None
    bytes: Annotated[int, Field(ge=0)] | None = None
    media_type: Annotated[str, Field(pattern=r"^(audio|video)/[A-Za-z0-9.+-]{1,64}$")] | None = None
    sha256: Sha256 | None = None


class SectionsBy(Frozen):
    """Who told the sections of an imported interview: how many of the interviewer's questions each way."""

    source: Annotated[int, Field(ge=0)] = 0  # the file says so
    intro: Annotated[int, Field(ge=0)] = 0  # by the rubric's intros, as the interviewer spoke them
    judge: Annotated[int, Field(ge=0)] = 0  # a model said so
    correction: Annotated[int, Field(ge=0)] = 0  # a person did
    model: Annotated[str, Field(max_length=200, pattern=PRINTABLE)] | None = None  # the judge, name@revision


class Manifest(Frozen):
    """The handover of one finished interview; create-only and written last."""

    schema_version: Literal[1] = 1
    interview_id: Id
    candidate: Candidate
    requisition: Id
    rubric_id: Id
    rubric_version: Annotated[str, Field(max_length=16, pattern=PRINTABLE)]
    started_at: PlausibleMoment | None = None  # null where an import does not know
    ended_at: PlausibleMoment | None = None
    language: Annotated[str, Field(max_length=8, pattern=PRINTABLE)] = "en"
    consent: Consent
    transcript: TranscriptRef
    recording: RecordingRef = RecordingRef(status="none")
    agent_version: Annotated[str, Field(max_length=64, pattern=PRINTABLE)]  # or the importer and its version
    sections_by: SectionsBy | None = None  # null: sections whole, or marked by the live agent as it spoke
    ending: Ending | None = None  # null: an import, or a manifest from before it was told
    sections_reached: Annotated[int, Field(ge=0)] | None = None  # of the rubric, in its order; null with `ending`
    wants_person: bool = False  # the candidate asked for a person

    def to_bytes(self) -> bytes:
        """The canonical JSON; what came after the first release stands in it only where it says something."""
        silent = {name for name in _LATER if getattr(self, name) == Manifest.model_fields[name].default}
        return canonical(self.model_dump(mode="json", exclude=silent))


_LATER = ("sections_by", "ending", "sections_reached", "wants_person")  # fields that came after the first release


def settled(manifests: Sequence[Manifest]) -> Manifest:
    """What an interview's manifests say together, given in the order in which they were received; at least one.

    The last one counts, with what all of them say of consent.
    """
    return manifests[-1].model_copy(update={"consent": reduce(consent_after, (one.consent for one in manifests))})


def parse_manifest(data: bytes) -> Manifest:
    """The manifest; ManifestFault names the field, never its value."""
    if len(data) > MANIFEST_BYTES_MAX:
        raise ManifestFault(f"manifest is {len(data)} bytes; the limit is {MANIFEST_BYTES_MAX}")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise ManifestFault(f"manifest does not parse: {first_fault(error)}") from None
