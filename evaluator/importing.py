"""Hands a finished interview of an export file to the store, the way the live agent hands over its own."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from evaluator.errors import Conflict, DigestMismatch, ManifestFault, ObjectExists, TranscriptFault
from evaluator.formats import Record
from evaluator.formats.document import shown
from evaluator.formats.record import clean
from evaluator.formats.sections import Assigner, Question, by_intros, placed, sections_found
from evaluator.layout import INTERVIEWS, checked, manifest_key, transcript_key
from evaluator.manifest import MANIFEST_BYTES_MAX, Candidate, Consent, Manifest, SectionsBy, TranscriptRef
from evaluator.ports import ObjectStore, walk
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, Transcript, first_fault, segmented
from evaluator.values import canonical, sha256
from rubrics.model import Rubric

IMPORTER = "debrief-import/2"  # goes up when the same file would give another transcript
SLUG_CHARS_MAX = 48
HASH_CHARS = 8

Sections = Literal["marked", "whole"]
UNKNOWN_CONSENT = Consent(status="unknown")

_NOT_SLUG = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """One interview, ready for the store: two values and the bytes that they are kept as."""

    transcript: Transcript
    manifest: Manifest
    transcript_bytes: bytes
    manifest_bytes: bytes
    questions: tuple[Question, ...] = ()  # the interviewer's, with their sections; none where sections are whole

    @property
    def interview_id(self) -> str:
        """The interview's id, the same each time this record is imported for this requisition."""
        return self.manifest.interview_id


def prepare(
    record: Record,
    *,
    rubric: Rubric,
    requisition: str,
    candidate_ref: str | None = None,
    candidate_name: str | None = None,
    sections: Sections = "marked",
    questions: tuple[Question, ...] | None = None,
    consent: Consent = UNKNOWN_CONSENT,
    language: str | None = None,
) -> Prepared:
    """The record as transcript and manifest; pure, so that the same import gives the same bytes.

    The candidate's reference is the interview's id unless one is given; the language is the one given, else the
    source's, else the rubric's. Sections that should be marked are those of the questions that are given, else what
    source and intros say. Raises TranscriptFault when not one turn is in a section of the rubric then, or a limit is
    broken; ManifestFault when requisition or candidate_ref is not usable as an id.
    """
    if sections == "whole":
        questions = ()
    elif questions is None:
        questions = by_intros(record.turns, rubric)
    interview_id = interview_id_of(record, requisition=usable_id("requisition", requisition))
    transcript = _transcript(record, rubric=rubric, sections=sections, questions=questions, language=language)
    manifest = _manifest(
        record,
        transcript,
        interview_id=interview_id,
        candidate=Candidate(ref=usable_id("candidate", candidate_ref or interview_id), name=_person(candidate_name)),
        requisition=requisition,
        rubric=rubric,
        consent=consent,
        sections_by=_sections_by(questions) if sections == "marked" else None,
    )
    prepared = Prepared(
        transcript=transcript,
        manifest=manifest,
        transcript_bytes=transcript.to_bytes(),
        manifest_bytes=manifest.to_bytes(),
        questions=questions,
    )
    if len(prepared.transcript_bytes) > TRANSCRIPT_BYTES_MAX or len(prepared.manifest_bytes) > MANIFEST_BYTES_MAX:
        raise TranscriptFault(f"{shown(record.name)}: is too long to be kept as one interview; split it")
    return prepared


def hand_in(store: ObjectStore, prepared: Prepared) -> Literal["new", "unchanged", "known"]:
    """Writes the transcript, then the manifest, create-only, so that half an import is no interview.

    "new": it now waits in the inbox. "unchanged": it already waited there, byte for byte. "known": the last manifest
    of this interview that intake took in is the same, and nothing is written. Raises Conflict when another manifest of
    this interview waits, DigestMismatch when the store's transcript is not what its key says, and faults of the store.
    """
    interview_id = prepared.interview_id
    if _taken_in(store, prepared):
        return "known"
    _put_transcript(store, prepared)
    try:
        store.create(manifest_key(interview_id), prepared.manifest_bytes)
    except ObjectExists:
        waiting = store.get(manifest_key(interview_id), bytes_max=MANIFEST_BYTES_MAX)
    else:
        return "new"
    if waiting == prepared.manifest_bytes:
        return "unchanged"
    if waiting is None and _taken_in(store, prepared):
        return "known"  # between our two looks
    raise Conflict(
        f"interview {interview_id}: another version of it waits in the inbox; "
        "run `debrief intake` first, then import again"
    )


def interview_id_of(record: Record, *, requisition: str) -> str:
    """An id that depends on the record's name and the requisition only, not on what was said.

    An id of the source can be read in it; a file's name cannot, as ids go into logs and messages.
    """
    plain = unicodedata.normalize("NFKD", "" if record.name_is_file else record.name).encode("ascii", "ignore").decode()
    slug = _NOT_SLUG.sub("-", plain).strip("-_.")[:SLUG_CHARS_MAX].rstrip("-_.") or "interview"
    return f"{slug}-{sha256(canonical([requisition, clean(record.name)]))[:HASH_CHARS]}"


def _transcript(
    record: Record,
    *,
    rubric: Rubric,
    sections: Sections,
    questions: tuple[Question, ...],
    language: str | None,
) -> Transcript:
    name, turns = shown(record.name), record.turns
    if sections == "marked":
        turns = placed(turns, questions, rubric)
        if not sections_found(turns, rubric):
            raise TranscriptFault(_none_found(name, questions, rubric))
    try:
        return Transcript(
            language=language or record.language or rubric.language,
            source=record.source,
            sections=sections,
            turns=segmented(turns),
        )
    except ValidationError as error:
        raise TranscriptFault(f"{name}: {first_fault(error)}") from None


def _none_found(name: str, questions: tuple[Question, ...], rubric: Rubric) -> str:
    """That nothing of the interview is in a section, and what to do."""
    if not questions:
        return f"{name}: nobody in it is known as the interviewer, so no section can be told; use --sections whole"
    ways: set[Assigner] = {question.by for question in questions}
    if "correction" in ways:
        return f"{name}: no question is in a section of rubric {rubric.ref}; name a section for one of them at least"
    if "judge" in ways:
        return (
            f"the judge put no question of {name} into a section of rubric {rubric.ref}: "
            "import it with --sections whole, or choose its own rubric"
        )
    return (
        f"no section intro of rubric {rubric.ref} was found in {name}: "
        "import it with --sections judge or --sections whole, or choose its own rubric"
    )


def _sections_by(questions: tuple[Question, ...]) -> SectionsBy:
    ways = Counter(question.by for question in questions)
    model = next((question.model for question in questions if question.by == "judge"), None)
    return SectionsBy(
        source=ways["source"], intro=ways["intro"], judge=ways["judge"], correction=ways["correction"], model=model
    )


def _manifest(
    record: Record,
    transcript: Transcript,
    *,
    interview_id: str,
    candidate: Candidate,
    requisition: str,
    rubric: Rubric,
    consent: Consent,
    sections_by: SectionsBy | None,
) -> Manifest:
    return Manifest(
        interview_id=interview_id,
        candidate=candidate,
        requisition=requisition,
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        started_at=record.started_at,
        language=transcript.language,
        consent=consent,
        transcript=TranscriptRef(key=transcript_key(interview_id, transcript.digest), sha256=transcript.digest),
        agent_version=IMPORTER,
        sections_by=sections_by,
    )


def usable_id(noun: str, value: str) -> str:
    """The value, when it can be an id; ManifestFault names it by the noun otherwise."""
    try:
        return checked(value)
    except ManifestFault as error:
        raise ManifestFault(f"{noun}: {error}") from None


def _person(name: str | None) -> str | None:
    """The candidate's name on one line and within the manifest's limit; null where none is given."""
    return " ".join(clean(name).split())[:200] or None if name else None


def _taken_in(store: ObjectStore, prepared: Prepared) -> bool:
    """Whether intake's newest archived manifest of this interview is this one; its key ends in the digest."""
    newest = max(walk(store, f"{INTERVIEWS}{prepared.interview_id}/manifest-"), default="")  # names begin with the time
    return newest.endswith(f"-{sha256(prepared.manifest_bytes)[:16]}.json")


def _put_transcript(store: ObjectStore, prepared: Prepared) -> None:
    """The key carries the digest, so an object that stands there is ours, unless the store broke it."""
    key = prepared.manifest.transcript.key
    try:
        store.create(key, prepared.transcript_bytes)
    except ObjectExists:
        if store.get(key, bytes_max=TRANSCRIPT_BYTES_MAX) != prepared.transcript_bytes:
            raise DigestMismatch(
                f"interview {prepared.interview_id}: {key} is not what its key says; remove it, then import again"
            ) from None
