"""Rows for tests on a real PostgreSQL: interviews taken in, a run over them, and what became of a row."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.evaluation import RunCounts
from evaluator.judging import Sampling
from evaluator.layout import transcript_key
from evaluator.manifest import Candidate, Consent, Manifest, TranscriptRef
from evaluator.people import Role, Viewer
from evaluator.scorecard import Scorecard, conclude
from evaluator.storage.database import Database
from evaluator.storage.evaluations import Claim, claim, finalize
from evaluator.storage.interviews import release_rubric, take_in
from evaluator.storage.people import person_of, viewer_of
from evaluator.storage.requisitions import add_member
from evaluator.storage.runs import Judge, Selection, start_run
from evaluator.storage.tables import requisition
from evaluator.transcript import Transcript
from rubrics.model import Rubric
from tests.factories import MODEL, a_completion, a_rubric, a_transcript

JUDGE = Judge(model=MODEL, sampling=Sampling())
LEASE_S = 30.0
EVIDENCE = {"design": "U1", "debugging": "U3", "teamwork": "U4"}


def a_manifest(
    interview_id: str = "iv-1", *, transcript: Transcript | None = None, consent: str = "granted", **fields: Any
) -> Manifest:
    """The manifest of an interview with this transcript, judged by the rubric of the factories."""
    digest = (transcript or a_transcript()).digest
    defaults = {
        "interview_id": interview_id,
        "candidate": Candidate(ref=f"C-{interview_id}", name="Ada Lovelace"),
        "requisition": "REQ-1",
        "rubric_id": "backend",
        "rubric_version": "1",
        "consent": Consent(status=consent),
        "transcript": TranscriptRef(key=transcript_key(interview_id, digest), sha256=digest),
        "agent_version": "test/1",
    }
    return Manifest(**{**defaults, **fields})


def stock(database: Database, *manifests: Manifest, rubric: Rubric | None = None) -> None:
    """Releases the rubric and takes these interviews in, in this order."""
    with database.begin() as db:
        release_rubric(db, rubric or a_rubric())
        for manifest in manifests:
            take_in(db, manifest)


def begin(
    database: Database,
    name: str = "run-1",
    *,
    judge: Judge = JUDGE,
    deadline: Any = None,
    budget: Any = None,
    **selection: Any,
) -> RunCounts:
    """Starts a run over what the selection finds."""
    with database.begin() as db:
        selected = Selection(**selection)
        return start_run(db, name=name, selection=selected, judge=judge, deadline=deadline, budget=budget)


def prepared(database: Database, interviews: int = 1) -> None:
    """iv-1 ... iv-n, all in the open run run-1."""
    stock(database, *(a_manifest(f"iv-{n}") for n in range(1, interviews + 1)))
    begin(database)


def claimed(database: Database, worker: str = "w1", *, model: str = MODEL, lease_s: float = LEASE_S) -> Claim | None:
    """What this worker gets when it asks."""
    with database.begin() as db:
        return claim(db, worker=worker, model=model, lease_s=lease_s)


def a_claim(database: Database, worker: str = "w1", *, model: str = MODEL, lease_s: float = LEASE_S) -> Claim:
    """A row that this worker owns; there must be one."""
    row = claimed(database, worker, model=model, lease_s=lease_s)
    assert row is not None
    return row


def a_scorecard(claim: Claim, *, levels: int | None = 3) -> Scorecard:
    """The body that ends the row: scored, or unscorable where no level is given."""
    rubric = claim.work.rubric
    completions = {
        s.id: a_completion([levels] * len(s.criteria), [[EVIDENCE[s.id]]] * len(s.criteria)) for s in rubric.sections
    }
    return conclude(
        a_transcript(),
        rubric,
        completions if levels is not None else {},
        model=claim.work.model,
        sampling=claim.work.sampling,
    )


def rows(database: Database, query: str, **values: Any) -> Sequence[Mapping[str, Any]]:
    """What a query finds."""
    with database.begin() as db:
        return [dict(row) for row in db.execute(text(query), values).mappings()]


def row_of(database: Database, interview_id: str = "iv-1") -> Mapping[str, Any]:
    """The evaluation's row; there must be exactly one."""
    (row,) = rows(database, "SELECT * FROM evaluation WHERE interview_id = :id", id=interview_id)
    return row


def change(database: Database, statement: str, **values: Any) -> None:
    """Moves time on, or whatever else a test cannot wait for, as the owner of the tables."""
    with database.begin() as db:
        as_owner(db)
        db.execute(text(statement), values)


def as_owner(db: Connection) -> None:
    """For the rest of the transaction, the URL's user instead of the product's role."""
    db.execute(text("SET LOCAL ROLE NONE"))


def due_again(database: Database) -> None:
    """Every waiting row's back-off has passed."""
    change(database, "UPDATE evaluation SET not_before = clock_timestamp()")


def overslept(database: Database) -> None:
    """Every lease has run out."""
    change(
        database,
        "UPDATE evaluation SET leased_until = clock_timestamp() - interval '1 second' WHERE state = 'running'",
    )


def story(database: Database, interview_id: str = "iv-1") -> list[str]:
    """Kinds of the events of an interview's evaluations, in order."""
    found = rows(
        database,
        "SELECT v.kind FROM evaluation_event v JOIN evaluation e ON e.id = v.evaluation_id "
        "WHERE e.interview_id = :id ORDER BY v.id",
        id=interview_id,
    )
    return [row["kind"] for row in found]


def waiting_sessions(db: Connection) -> int:
    """Sessions of this database that wait for another's lock."""
    as_owner(db)  # others' sessions are shown to nobody else
    return int(
        db.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        ).scalar_one()
    )


def a_person(database: Database, subject: str = "ada", **held: Sequence[Role]) -> int:
    """Somebody's id; `REQ_1=["reviewer"]` gives roles in REQ-1, which appears if it has to."""
    with database.begin() as db:
        known = person_of(db, "https://id.example", subject, subject.title())
        for name, roles in held.items():
            db.execute(insert(requisition).values(id=name.replace("_", "-")).on_conflict_do_nothing())
            for role in roles:
                add_member(db, name.replace("_", "-"), known.id, role)
    return known.id


def a_viewer(database: Database, person_id: int) -> Viewer:
    """They, in a session."""
    with database.begin() as db:
        found = viewer_of(db, person_id, "session")
    assert found is not None
    return found


def scored(database: Database, interviews: int = 1) -> Sequence[str]:
    """iv-1 ... iv-n, each with a scorecard; the scorecards' ids in this order."""
    prepared(database, interviews)
    for _ in range(interviews):
        claim = a_claim(database)
        with database.begin() as db:
            finalize(db, claim, a_scorecard(claim), {})
    return [row["id"] for row in rows(database, "SELECT id FROM scorecard ORDER BY interview_id")]
