"""A way in for tests of the pages: sessions and tokens as the product makes them, in a browser-like client."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from evaluator.judging import Sampling
from evaluator.layout import transcript_key
from evaluator.manifest import Candidate, Consent, Manifest, RecordingRef, TranscriptRef
from evaluator.scorecard import conclude
from evaluator.storage import evaluations
from evaluator.storage.interviews import release_rubric, take_in
from evaluator.storage.people import person_of, set_admin
from evaluator.storage.requisitions import add_member
from evaluator.storage.runs import Judge, Selection, close_runs, start_run
from evaluator.storage.sessions import new_api_token, open_session
from evaluator.web.app import create_app
from evaluator.web.identity import ONE_MACHINE
from tests.factories import AT, MODEL, a_rubric
from tests.fakes import MemoryStore
from tests.unit.web.builders import a_mixed_transcript, timed, typical

LOOPBACK = "http://127.0.0.1"


def a_person(database, subject="admin", *, admin=False, roles=(), issuer="local"):
    """Somebody with these roles, as (requisition, role); their number."""
    with database.begin() as db:
        person_id = person_of(db, issuer, subject, f"Person {subject}").id
        set_admin(db, person_id, admin)
        for requisition, role in roles:
            db.execute(text("INSERT INTO requisition (id) VALUES (:id) ON CONFLICT DO NOTHING"), {"id": requisition})
            add_member(db, requisition, person_id, role)
    return person_id


def sign_in(client, database, person_id, *, access=ONE_MACHINE):
    """Gives the client a session of that person, and what a browser sends by itself; the form token."""
    with database.begin() as db:
        opened = open_session(db, person_id, access.absolute)
    client.cookies.set(access.cookie, opened.token)
    client.headers["Origin"] = str(client.base_url).rstrip("/")
    return opened.csrf


def a_token(database, person_id, *scopes):
    """A new API token of that person."""
    with database.begin() as db:
        return new_api_token(db, person_id, "test", frozenset(scopes), timedelta(days=1))


@pytest.fixture
def app(database):
    """The pages of one machine over an empty database and store."""
    return create_app(database, MemoryStore(), version="1.2.3")


@pytest.fixture
def client(app):
    """A browser that is not signed in."""
    with TestClient(app, base_url=LOOPBACK, follow_redirects=False) as client:
        yield client


@pytest.fixture
def admin(client, database):
    """The same browser, signed in as the administrator of one machine; gives the form token."""
    return sign_in(client, database, a_person(database, admin=True))


def a_scored_interview(database, store, interview_id="iv-1", requisition="REQ-114"):
    """An interview as intake, a run and a worker leave it; its scorecard's id."""
    rubric, transcript = a_rubric(), timed(a_mixed_transcript())
    key = transcript_key(interview_id, transcript.digest)
    store.create(key, transcript.to_bytes())
    manifest = Manifest(
        interview_id=interview_id,
        candidate=Candidate(ref=f"C-{interview_id}", name="Ada Lovelace"),
        requisition=requisition,
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        started_at=AT,
        consent=Consent(status="granted"),
        transcript=TranscriptRef(key=key, sha256=transcript.digest),
        recording=RecordingRef(status="none"),
        agent_version="test",
    )
    with database.begin() as db:
        release_rubric(db, rubric)
        take_in(db, manifest)
        judge = Judge(model=MODEL, sampling=Sampling())
        start_run(db, name=f"run-{interview_id}", selection=Selection(only="missing"), judge=judge)
        claimed = evaluations.claim(db, worker="node-1", model=MODEL, lease_s=30)
        body = conclude(transcript, rubric, {"design": typical()}, model=MODEL, sampling=Sampling())
        scorecard_id = evaluations.finalize(db, claimed, body, {"sections": []})
        close_runs(db)
    return scorecard_id
