"""A database and a store with interviews in them, through the operations that intake, runs and workers use."""

import re
from html.parser import HTMLParser

from fastapi.testclient import TestClient

from evaluator.human import Rating, Review
from evaluator.judging import Sampling
from evaluator.layout import transcript_key
from evaluator.manifest import Candidate, Consent, Manifest, RecordingRef, TranscriptRef
from evaluator.scorecard import conclude
from evaluator.storage import evaluations, human
from evaluator.storage.interviews import release_rubric, take_in
from evaluator.storage.people import viewer_of
from evaluator.storage.requisitions import set_blind
from evaluator.storage.runs import Judge, Selection, close_runs, start_run
from evaluator.web.app import create_app
from tests.factories import AT, MODEL, a_rubric
from tests.fakes import MemoryStore
from tests.integration.web.conftest import LOOPBACK, a_person, sign_in
from tests.unit.web.builders import a_mixed_transcript, timed, typical

NAME = "Ada Lovelace"  # must never be on a page


class World:
    """A database and a store with interviews in them, and the pages over both."""

    def __init__(self, database, *, rubric=None, **settings):
        """settings: of the application, as `create_app` takes them."""
        self.database = database
        self.store = MemoryStore()
        self.rubric = rubric or a_rubric()
        self.transcripts = {}
        self.app = create_app(database, self.store, version="1.2.3", **settings)
        self.client = self.visitor(a_person(database, admin=True))
        with database.begin() as db:
            release_rubric(db, self.rubric)

    def visitor(self, person_id):
        """A browser in which that person is signed in; `csrf` is what their forms carry."""
        client = TestClient(self.app, base_url=LOOPBACK)
        client.csrf = sign_in(client, self.database, person_id)
        return client

    def blind(self, requisition="REQ-114", *, blind=True):
        """Puts the requisition under blind review, or ends it."""
        with self.database.begin() as db:
            set_blind(db, requisition, blind)

    def add(self, scorecard_id, person_id, act, expected=0):
        """What a person adds to a scorecard."""
        with self.database.begin() as db:
            viewer = viewer_of(db, person_id, "session")
            human.append(db, scorecard_id, viewer, act, expected)

    def interview(self, interview_id="iv-1", *, transcript=None, requisition="REQ-114", consent="granted", **changes):
        """Takes an interview in."""
        transcript = transcript or timed(a_mixed_transcript())
        key = transcript_key(interview_id, transcript.digest)
        self.store.create(key, transcript.to_bytes())
        self.transcripts[interview_id] = transcript
        values = {
            "interview_id": interview_id,
            "candidate": Candidate(ref=f"C-{interview_id}", name=NAME),
            "requisition": requisition,
            "rubric_id": self.rubric.id,
            "rubric_version": self.rubric.version,
            "started_at": AT,
            "consent": Consent(status=consent),
            "transcript": TranscriptRef(key=key, sha256=transcript.digest),
            "recording": RecordingRef(status="none"),
            "agent_version": "test",
        }
        with self.database.begin() as db:
            take_in(db, Manifest(**{**values, **changes}))

    def run(self, *, name="night-1", model=MODEL, only="missing"):
        """Opens a run over the interviews."""
        with self.database.begin() as db:
            start_run(db, name=name, selection=Selection(only=only), judge=Judge(model=model, sampling=Sampling()))

    def claim(self, *, model=MODEL):
        """What a worker takes up next."""
        with self.database.begin() as db:
            return evaluations.claim(db, worker="node-1", model=model, lease_s=30)

    def score(self, *, model=MODEL, design=None):
        """Does the worker's part for one row, with handmade completions; the scorecard's id."""
        claimed = self.claim(model=model)
        body = conclude(
            self.transcripts[claimed.work.interview_id],
            self.rubric,
            {"design": design or typical()},
            model=model,
            sampling=Sampling(),
        )
        facts = {"sections": [{"section_id": "design", "reused": False, "prompt_tokens": 443}]}
        with self.database.begin() as db:
            scorecard_id = evaluations.finalize(db, claimed, body, facts)
            close_runs(db)
        return scorecard_id

    def page(self, path, status=200):
        """The page's HTML."""
        answer = self.client.get(path)
        assert status == answer.status_code, answer.text
        return answer.text


def a_review(rubric, level=3, recommendation="yes"):
    """Somebody's own scores, the same level everywhere."""
    ratings = tuple(Rating(criterion_id=c.id, level=level) for c in rubric.criteria)
    return Review(ratings=ratings, recommendation=recommendation)


class Outline(HTMLParser):
    """Ids, links and tags of a page."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.tags, self.labels = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Collects."""
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.labels += given.get("aria-labelledby", "").split()


def text_of(html):
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
