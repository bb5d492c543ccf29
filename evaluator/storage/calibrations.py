"""Measurements of a judge: appended, never changed; the newest of a judge and rubric version is the one that counts.

A measurement belongs to one rubric version, one model (name@revision) and one prompt version: change one of them and
nothing is known until it is measured again.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, exists, select
from sqlalchemy.dialects.postgresql import insert

from evaluator.manifest import CONSENT_DENIED
from evaluator.storage.tables import calibration, evaluation, interview
from evaluator.values import Frozen

Kind = Literal["noise", "agreement"]

HISTORY_MAX = 200  # measurements that one list holds


class Calibration(Frozen):
    """One measurement as it was stored."""

    id: int
    kind: Kind
    rubric_id: str
    rubric_version: str
    model: str  # name@revision
    prompt_version: str
    measured_at: datetime  # by the database's clock
    body: dict[str, Any]  # what `evaluator.calibration` makes of that kind, as JSON


def store_calibration(
    db: Connection,
    *,
    kind: Kind,
    rubric_id: str,
    rubric_version: str,
    model: str,
    prompt_version: str,
    body: Mapping[str, Any],
) -> Calibration:
    """Appends one measurement; what was stored.

    body: a JSON object, such as `value.model_dump(mode="json")`. ValueError for what JSON or PostgreSQL cannot keep:
    NaN and infinity (say in words what is undefined), and NUL characters.
    """
    if "\\u0000" in json.dumps(body, allow_nan=False):
        raise ValueError("a measurement holds a NUL character, which PostgreSQL cannot keep")
    row = db.execute(
        insert(calibration)
        .values(
            kind=kind,
            rubric_id=rubric_id,
            rubric_version=rubric_version,
            model=model,
            prompt_version=prompt_version,
            body=dict(body),
        )
        .returning(calibration)
    ).mappings()
    return Calibration.model_validate(dict(row.one()))


def latest_calibration(
    db: Connection, *, kind: Kind, rubric_id: str, rubric_version: str, model: str, prompt_version: str
) -> Calibration | None:
    """The newest measurement of this kind under exactly this rubric version, model and prompt; None: never measured."""
    c = calibration.c
    query = (
        select(calibration)
        .where(c.kind == kind, c.rubric_id == rubric_id, c.rubric_version == rubric_version)
        .where(c.model == model, c.prompt_version == prompt_version)
        .order_by(c.id.desc())
        .limit(1)
    )
    row = db.execute(query).mappings().first()
    return None if row is None else Calibration.model_validate(dict(row))


def calibration_history(
    db: Connection,
    *,
    kind: Kind | None = None,
    rubric_id: str | None = None,
    rubric_version: str | None = None,
    limit: int = 50,
) -> Sequence[Calibration]:
    """Measurements, the newest first, whatever the model and the prompt; only of what is named. At most HISTORY_MAX."""
    query = select(calibration).order_by(calibration.c.id.desc()).limit(min(limit, HISTORY_MAX))
    wanted = {"kind": kind, "rubric_id": rubric_id, "rubric_version": rubric_version}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(calibration.c[name] == value)
    return [Calibration.model_validate(dict(row)) for row in db.execute(query).mappings()]


class Subject(Frozen):
    """An interview that may be scored again to measure the judge."""

    interview_id: str
    transcript_key: str
    transcript_sha256: str


def subjects(
    db: Connection,
    *,
    rubric_id: str,
    rubric_version: str,
    require_consent: bool = False,
    interviews: Sequence[str] = (),
) -> tuple[Subject, ...]:
    """Interviews with a done evaluation of this rubric version, of the transcript that they have now, by id.

    None without consent: a measurement calls the judge too. interviews: only these; none: all.
    """
    i, e = interview.c, evaluation.c
    refused = [*sorted(CONSENT_DENIED), *(["unknown"] if require_consent else [])]
    done = exists().where(
        e.interview_id == i.id,
        e.rubric_id == rubric_id,
        e.rubric_version == rubric_version,
        e.transcript_sha256 == i.transcript_sha256,
        e.state == "done",
    )
    query = select(i.id.label("interview_id"), i.transcript_key, i.transcript_sha256).where(
        done, i.consent.not_in(refused)
    )
    if interviews:
        query = query.where(i.id.in_(interviews))
    return tuple(Subject.model_validate(dict(row)) for row in db.execute(query.order_by(i.id)).mappings())
