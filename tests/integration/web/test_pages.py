"""The pages over a real PostgreSQL, through the operations that intake, runs and workers use."""

import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from evaluator.errors import StoreUnavailable
from evaluator.evaluation import Quarantine
from evaluator.judging import Sampling
from evaluator.layout import transcript_key
from evaluator.manifest import Candidate, Consent, Manifest, RecordingRef, TranscriptRef
from evaluator.scorecard import conclude
from evaluator.storage import evaluations
from evaluator.storage.interviews import reject, release_rubric, take_in
from evaluator.storage.runs import Judge, Selection, close_runs, start_run
from evaluator.storage.tables import scorecard
from evaluator.web.app import create_app
from evaluator.web.pages import PAGE_LENGTH
from tests.factories import AT, MODEL, a_rubric
from tests.fakes import MemoryStore
from tests.unit.web.builders import a_mixed_transcript, timed, typical

NAME = "Ada Lovelace"  # must never be on a page


class World:
    """A database and a store with interviews in them, and the pages over both."""

    def __init__(self, database):
        self.database = database
        self.store = MemoryStore()
        self.rubric = a_rubric()
        self.transcripts = {}
        app = create_app(database, self.store, version="1.2.3")
        self.client = TestClient(app, base_url="http://127.0.0.1")
        with database.begin() as db:
            release_rubric(db, self.rubric)

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

    def score(self, *, model=MODEL):
        """Does the worker's part for one row, with handmade completions; the scorecard's id."""
        claimed = self.claim(model=model)
        body = conclude(
            self.transcripts[claimed.work.interview_id],
            self.rubric,
            {"design": typical()},
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


@pytest.fixture
def world(database):
    """Nothing taken in yet."""
    world = World(database)
    with world.client:
        yield world


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


def test_an_empty_list_says_what_to_do(world):
    """The commands are there to copy."""
    page = text_of(world.page("/interviews"))

    assert "No interviews yet" in page
    assert "debrief import FILE --rubric" in page
    assert "debrief demo" in page


def test_an_interview_without_a_run_is_listed_as_such(world):
    """Taken in is not yet selected, and the page of the interview says how to go on."""
    world.interview()

    assert "Not in a run yet" in world.page("/interviews")
    assert "debrief run start" in world.page("/interviews/iv-1")


def test_a_scored_interview_leads_to_its_scorecard(world):
    """Value with spread, coverage and alerts, and the candidate's reference as link."""
    world.interview()
    world.run()
    scorecard_id = world.score()

    page = world.page("/interviews")

    assert f"/scorecards/{scorecard_id}" in Outline(page).links
    assert "3.5 ±0.5" in text_of(page)
    assert "2 of 5" in text_of(page)
    assert "2 alerts" in page


def test_the_latest_run_adds_up(world):
    """Selected is the sum of what it became."""
    world.interview("iv-1")
    world.interview("iv-2")
    world.run()
    world.score()

    assert "2 selected = 1 needs review + 1 pending" in text_of(world.page("/interviews"))


def test_names_are_on_no_page(world):
    """A candidate is a reference until somebody reveals the name."""
    world.interview()
    world.run()
    scorecard_id = world.score()

    pages = [world.page(p) for p in ("/interviews", "/interviews/iv-1", f"/scorecards/{scorecard_id}")]
    data = world.page(f"/scorecards/{scorecard_id}.json")

    assert not any(part in page for page in [*pages, data] for part in NAME.split())


def test_the_list_is_read_page_by_page(world):
    """Each interview is on exactly one page, the newest first, and the last page has no link to older ones."""
    ids = [f"iv-{n:03d}" for n in range(PAGE_LENGTH + 3)]
    for interview_id in ids:
        world.interview(interview_id)

    first = Outline(world.page("/interviews"))
    older = next(link for link in first.links if "after=" in link)
    second = Outline(world.page(older))

    shown = [link.rpartition("/")[2] for page in (first, second) for link in page.links if "/iv-" in link]
    assert ids[::-1] == list(dict.fromkeys(shown))
    assert not any("after=" in link for link in second.links)


def test_the_list_can_be_filtered_by_requisition(world):
    """The address holds the filter, and what is chosen stays chosen."""
    world.interview("iv-1", requisition="REQ-1")
    world.interview("iv-2", requisition="REQ-2")

    page = world.page("/interviews?requisition=REQ-2")

    assert "C-iv-2" in page
    assert "C-iv-1" not in page
    assert "<option selected>REQ-2</option>" in page


def test_the_list_can_be_filtered_by_run(world):
    """A run's name leads to its interviews."""
    world.interview("iv-1")
    world.run(name="night-1")
    world.interview("iv-2")

    page = world.page("/interviews?run=night-1")

    assert "C-iv-1" in page
    assert "C-iv-2" not in page


def test_a_filter_without_results_leads_back(world):
    """Nothing found is not nothing there."""
    world.interview()

    assert "No interview matches" in world.page("/interviews?requisition=REQ-9")


def test_refused_objects_are_shown(world):
    """What intake could not trust is not silently missing."""
    with world.database.begin() as db:
        reject(db, key="inbox/<i>x</i>.json", kept_as="inbox-rejected/x", reason="manifest does not parse")

    page = world.page("/interviews")

    assert "Refused at intake (1)" in page
    assert "inbox/&lt;i&gt;x&lt;/i&gt;.json" in page


def test_a_running_interview_shows_its_sections(world):
    """How far it is, while it is going on."""
    world.interview()
    world.run()
    claimed = world.claim()
    with world.database.begin() as db:
        evaluations.note_section(db, claimed, section_id="design", reused=False)

    page = text_of(world.page("/interviews/iv-1"))

    assert "Scoring: 1 of 3 sections" in page
    assert "Section design scored and saved" in page


def test_a_failed_interview_shows_cause_and_command(world):
    """Code, detail and the way on."""
    world.interview()
    world.run()
    with world.database.begin() as db:
        claimed = evaluations.claim(db, worker="node-1", model=MODEL, lease_s=30)
        evaluations.fail(db, claimed, Quarantine(code="not_json", detail="section <design>: not JSON"))

    page = world.page("/interviews/iv-1")

    assert "The judge&#39;s answer could not be read." in page
    assert "section &lt;design&gt;: not JSON" in page
    assert "debrief run start --only failed" in page


def test_an_interview_without_consent_is_blocked(world):
    """The page says why nothing will happen."""
    world.interview(consent="refused")
    world.run()

    assert "consent was refused" in world.page("/interviews/iv-1")


def test_an_unknown_interview_is_a_404_page(world):
    """With what to do instead."""
    assert "debrief intake" in world.page("/interviews/iv-9", status=404)


def test_the_scorecard_shows_levels_anchors_evidence_and_reasons(world):
    """Everything that a level rests on, and every word for what has none."""
    world.interview()
    world.run()

    page = text_of(world.page(f"/scorecards/{world.score()}"))

    for fact in (
        "Depth, behaviour of level 4.",
        "To reach 5: Depth, behaviour of level 5.",
        "We measured the lag every minute.",
        "Candidate · 12:09–12:14 (estimated) · no recording · U2",
        "Expected level 3.9 ±0.3",
        "Not asked",
        "Not answered",
        "AI-generated; advisory only. A person decides.",
        "matches the body shown here",
    ):
        assert fact in page


def test_the_scorecard_is_well_formed(world):
    """Every id is there once, every link on the page and every label leads somewhere, every table has a caption."""
    world.interview()
    world.run()

    page = world.page(f"/scorecards/{world.score()}")

    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in outline.links if link.startswith("#")} | set(outline.labels) <= set(outline.ids)
    assert page.count("<table") == page.count("<caption")
    assert not [tag for tag, given in outline.tags if tag == "script" or "style" in given or "onclick" in given]
    assert all("scope" in given for tag, given in outline.tags if tag == "th")


def test_an_interviews_id_leads_to_its_newest_scorecard(world):
    """The address of the scorecard is its own."""
    world.interview()
    world.run()
    scorecard_id = world.score()

    answer = world.client.get("/scorecards/iv-1", follow_redirects=False)

    assert (307, f"/scorecards/{scorecard_id}") == (answer.status_code, answer.headers["location"])


def test_a_superseded_scorecard_leads_to_the_newer(world):
    """Both stay readable; the old one says that it is old."""
    world.interview()
    world.run()
    old = world.score()
    world.run(name="night-2", model="better-judge@2", only="all")
    new = world.score(model="better-judge@2")

    assert f"/scorecards/{new}" in Outline(world.page(f"/scorecards/{old}")).links
    assert "A newer scorecard" not in world.page(f"/scorecards/{new}")


def test_an_evaluation_under_way_leads_to_the_scorecard_before_it(world):
    """What was scored stays in reach while it is scored again."""
    world.interview()
    world.run()
    old = world.score()
    world.run(name="night-2", model="better-judge@2", only="all")

    assert f"/scorecards/{old}" in Outline(world.page("/interviews/iv-1")).links


def test_the_untrained_judge_is_labelled_everywhere(world):
    """In the list, on the page and in JSON."""
    world.interview()
    world.run(model="demo-judge-untrained@1")
    scorecard_id = world.score(model="demo-judge-untrained@1")
    notice = "ntrained demo judge: levels are noise"

    pages = [world.page(p) for p in ("/interviews", "/interviews/iv-1", f"/scorecards/{scorecard_id}")]
    data = world.client.get(f"/scorecards/{scorecard_id}.json").json()

    assert [2, 1, 1] == [page.count(notice) for page in pages]
    assert f"u{notice}" == data["judge_notice"]


def test_a_real_judge_is_not_labelled(world):
    """The label means something because it is not on every page."""
    world.interview()
    world.run()

    assert "About this judge" not in world.page(f"/scorecards/{world.score()}")


def test_hostile_words_are_text(world):
    """Markup, quotes, formulas and direction overrides of a transcript are shown, not obeyed."""
    said = "<script>alert(1)</script> \"quoted\" 'single' & =HYPERLINK(1) \u202etxet {{ 7*7 }} and more words."
    world.interview(transcript=a_mixed_transcript(said))
    world.run()

    page = world.page(f"/scorecards/{world.score()}")

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &#34;quoted&#34; &#39;single&#39; &amp; =HYPERLINK(1)" in page
    assert "⟨U+202E⟩txet {{ 7*7 }}" in page


def test_json_holds_body_words_and_provenance(world):
    """The stored body survives PostgreSQL to the byte, and the words stand beside it."""
    world.interview()
    world.run()

    data = world.client.get(f"/scorecards/{world.score()}.json").json()

    assert "We measured the lag every minute." == data["evidence"]["U2"]["text"]
    assert world.transcripts["iv-1"].digest == data["body"]["provenance"]["transcript_sha256"]
    assert data["evidence_unavailable"] is None


def lose(world):
    """The transcript's object is gone."""
    world.store.objects.clear()


def change(world):
    """The transcript's object holds other bytes."""
    world.store.objects = {key: data + b" " for key, data in world.store.objects.items()}


def cut_off(world):
    """The store cannot be reached."""

    def get(key, **_):
        raise StoreUnavailable("the store at s3.example timed out")

    world.store.get = get


@pytest.mark.parametrize(
    ("harm", "why"), [(lose, "is not in the store"), (change, "sha256 differs"), (cut_off, "timed out")]
)
def test_without_the_words_the_levels_stay(world, harm, why):
    """The page renders with levels, says why the words are missing, and names the request."""
    world.interview()
    world.run()
    scorecard_id = world.score()
    harm(world)

    answer = world.client.get(f"/scorecards/{scorecard_id}")

    page = text_of(answer.text)
    assert 200 == answer.status_code
    assert "The words cannot be shown:" in page
    assert why in page
    assert "Depth, behaviour of level 4." in page
    assert answer.headers["x-request-id"] in page
    assert why in world.client.get(f"/scorecards/{scorecard_id}.json").json()["evidence_unavailable"]


def test_a_changed_body_is_found_out(world):
    """Whoever edits a stored scorecard is seen."""
    world.interview()
    world.run()
    scorecard_id = world.score()
    with world.database.begin() as db:
        db.execute(update(scorecard).values(body_sha256="0" * 64))

    assert "This scorecard is not what was stored." in world.page(f"/scorecards/{scorecard_id}")
