"""Interviews, rubrics and what intake refused."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Text, cast, func, select
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import Conflict, NotFound
from evaluator.manifest import CONSENT_DENIED as CONSENT_DENIED  # noqa: PLC0414  said again for its readers
from evaluator.manifest import Manifest, consent_after
from evaluator.storage.tables import evaluation, evaluation_event, intake_rejection, interview, requisition, rubric
from evaluator.values import Frozen
from rubrics.model import Rubric

PARSED_MAX = 64  # rubric versions that a process keeps as values


def release_rubric(db: Connection, value: Rubric) -> None:
    """Makes this rubric version known for good; Conflict when the same id@version has another digest."""
    db.execute(
        insert(rubric)
        .values(id=value.id, version=value.version, digest=value.digest, body=value.model_dump(mode="json"))
        .on_conflict_do_nothing()
    )
    known = db.execute(
        select(rubric.c.digest).where(rubric.c.id == value.id, rubric.c.version == value.version)
    ).scalar_one()
    if known != value.digest:
        raise Conflict(
            f"rubric {value.ref} was released with another text (digest {known[:12]}, file has {value.digest[:12]}); "
            "give the changed rubric a new version"
        )


def load_rubric(db: Connection, rubric_id: str, version: str) -> Rubric:
    """A released rubric; NotFound when no such version was released here."""
    body = db.execute(
        select(cast(rubric.c.body, Text)).where(rubric.c.id == rubric_id, rubric.c.version == version)
    ).scalar_one_or_none()
    if body is None:
        raise NotFound(f"rubric {rubric_id}@{version} is not known here; see: debrief rubric list")
    return _parsed(body)


@lru_cache(PARSED_MAX)
def _parsed(body: str) -> Rubric:
    """A released rubric never changes, and every page needs one."""
    return Rubric.model_validate_json(body)


def released_rubrics(db: Connection) -> tuple[Rubric, ...]:
    """All released rubrics by id and release."""
    bodies = db.execute(select(rubric.c.body).order_by(rubric.c.id, rubric.c.released_at)).scalars()
    return tuple(Rubric.model_validate(body) for body in bodies)


def rationales_asked(db: Connection) -> bool:
    """Whether some released rubric asks the judge for rationales."""
    asking = select(rubric.c.id).where(rubric.c.body["rationale"].astext == "short").limit(1)
    return db.execute(asking).first() is not None


def take_in(db: Connection, manifest: Manifest) -> Literal["new", "updated", "unchanged"]:
    """Writes the interview's row from its manifest; the same manifest again changes nothing.

    A denial of consent that is known stays, unless this manifest holds a grant dated later. A requisition that is new
    here gets its row.
    """
    row = _interview_row(manifest)
    db.execute(insert(requisition).values(id=manifest.requisition).on_conflict_do_nothing())
    inserted = db.execute(insert(interview).values(row).on_conflict_do_nothing().returning(interview.c.id)).first()
    if inserted is not None:
        return "new"
    known = _known_manifest(db, manifest.interview_id)
    if known is None:
        raise Conflict(f"interview {manifest.interview_id} was removed meanwhile; take it in again")
    consent = consent_after(known.consent, manifest.consent)
    return _replace(db, known, manifest.model_copy(update={"consent": consent}))


def deny(db: Connection, manifest: Manifest) -> None:
    """Takes over a denial of consent and nothing else, from a manifest that is otherwise no good.

    An interview that is not known has nothing that could be scored.
    """
    known = _known_manifest(db, manifest.interview_id)
    if known is not None and manifest.consent.status in CONSENT_DENIED:
        _replace(db, known, known.model_copy(update={"consent": consent_after(known.consent, manifest.consent)}))


def _known_manifest(db: Connection, interview_id: str) -> Manifest | None:
    """The interview's manifest, which nobody else may change until the transaction ends."""
    query = select(interview.c.manifest).where(interview.c.id == interview_id).with_for_update(key_share=True)
    known = db.execute(query).scalar_one_or_none()
    return None if known is None else Manifest.model_validate(known)


def _replace(db: Connection, known: Manifest, manifest: Manifest) -> Literal["updated", "unchanged"]:
    if known == manifest:
        return "unchanged"
    db.execute(interview.update().where(interview.c.id == manifest.interview_id).values(_interview_row(manifest)))
    if manifest.consent.status in CONSENT_DENIED:
        _block(db, manifest.interview_id, code="consent")
    elif db.execute(select(BROKEN_OFF).where(interview.c.id == manifest.interview_id)).scalar_one():
        _block(db, manifest.interview_id, code="incomplete")
    return "updated"


def _block(db: Connection, interview_id: str, *, code: Literal["consent", "incomplete"]) -> None:
    """No model call without consent, nor where it broke off: what waits or runs is fenced off."""
    blocked = db.execute(
        evaluation.update()
        .where(evaluation.c.interview_id == interview_id, evaluation.c.state.in_(["pending", "running"]))
        .values(
            state="blocked",
            fence=evaluation.c.fence + 1,
            leased_until=None,
            worker=None,
            sections_done=0,
            code=code,
            detail=None,
            updated_at=func.clock_timestamp(),
        )
        .returning(evaluation.c.id, evaluation.c.fence)
    ).all()
    if blocked:
        told = [
            {"evaluation_id": row.id, "kind": "blocked", "fence": row.fence, "detail": {"code": code}}
            for row in blocked
        ]
        db.execute(insert(evaluation_event).values(told))


def _interview_row(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.interview_id,
        "candidate_ref": manifest.candidate.ref,
        "candidate_name": manifest.candidate.name,
        "requisition": manifest.requisition,
        "rubric_id": manifest.rubric_id,
        "rubric_version": manifest.rubric_version,
        "language": manifest.language,
        "consent": manifest.consent.status,
        "manifest": manifest.model_dump(mode="json"),
        "transcript_key": manifest.transcript.key,
        "transcript_sha256": manifest.transcript.sha256,
        "started_at": manifest.started_at,
        "ended_at": manifest.ended_at,
        "ending": manifest.ending,
        "sections_reached": manifest.sections_reached,
        "wants_person": manifest.wants_person,
    }


BROKEN_OFF = (interview.c.ending == "incomplete") & interview.c.released_sha256.is_distinct_from(
    interview.c.transcript_sha256
)
"""Whether an interview broke off, and no person has released what there is of it."""


class Released(Frozen):
    """An interview that broke off and may be scored now."""

    requisition: str
    transcript_sha256: str
    new: bool  # it was not released before


def release(db: Connection, interview_id: str) -> Released:
    """Lets an interview that broke off be scored as far as it went, for as long as it has this transcript.

    NotFound; Conflict: it did not break off.
    """
    query = select(interview.c.requisition, interview.c.transcript_sha256, interview.c.ending, BROKEN_OFF.label("off"))
    row = db.execute(query.where(interview.c.id == interview_id).with_for_update(key_share=True)).first()
    if row is None:
        raise NotFound(f"interview {interview_id} is not known here; it may still wait in the inbox: debrief intake")
    if row.ending != "incomplete":
        raise Conflict(f"interview {interview_id} did not break off; it needs no release")
    statement = interview.update().where(interview.c.id == interview_id)
    db.execute(statement.values(released_sha256=interview.c.transcript_sha256))
    return Released(requisition=row.requisition, transcript_sha256=row.transcript_sha256, new=row.off)


def candidate_name(db: Connection, interview_id: str) -> str | None:
    """The candidate's name, None where there is none; only for whoever asked for it, which is logged."""
    return db.execute(select(interview.c.candidate_name).where(interview.c.id == interview_id)).scalar_one_or_none()


def known_interviews(db: Connection) -> frozenset[str]:
    """The ids of all interviews that were taken in."""
    return frozenset(db.execute(select(interview.c.id)).scalars())


def reject(db: Connection, *, key: str, kept_as: str, reason: str) -> None:
    """Remembers an inbox object that cannot be trusted; refused again, it is remembered for the newer reason."""
    statement = insert(intake_rejection).values(key=key, kept_as=kept_as, reason=reason)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=[intake_rejection.c.kept_as], set_={"reason": reason, "at": func.clock_timestamp()}
        )
    )


def rejections(db: Connection, *, limit: int = 50) -> tuple[Mapping[str, Any], ...]:
    """The newest refusals first."""
    rows = db.execute(select(intake_rejection).order_by(intake_rejection.c.id.desc()).limit(limit)).mappings()
    return tuple(dict(row) for row in rows)


def rejection_count(db: Connection) -> int:
    """How many objects intake has refused."""
    return db.execute(select(func.count()).select_from(intake_rejection)).scalar_one()
