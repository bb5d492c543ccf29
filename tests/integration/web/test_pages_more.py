"""The pages beside list and scorecard: transcript, rubrics, runs, requisitions, saved views."""

import pytest
from sqlalchemy import text

from evaluator.evaluation import Quarantine
from evaluator.human import Dismissed, Final
from evaluator.manifest import RecordingRef, SectionsBy
from evaluator.storage import evaluations
from evaluator.storage.interviews import release_rubric
from evaluator.storage.runs import run_status
from tests.factories import MODEL, a_criterion, a_rubric
from tests.integration.web.conftest import a_person
from tests.integration.web.world import NAME, Outline, World, a_review, text_of

PRESENT = RecordingRef(status="present", key="interviews/iv-1/recording.ogg", media_type="audio/ogg")


@pytest.fixture
def world(database):
    """Nothing taken in yet; an administrator looks at it."""
    world = World(database)
    with world.client:
        yield world


def test_the_transcript_shows_who_said_what_when(world):
    """Speakers, sections, and the words that the scorecard cites with the criterion."""
    world.interview()
    world.run()
    scorecard_id = world.score()

    page = world.page("/interviews/iv-1/transcript")

    outline = Outline(page)
    assert {"u-U1", "u-U2", "t=723"} <= set(outline.ids)
    assert f"/scorecards/{scorecard_id}#c-depth" in outline.links
    assert "There is no recording of this interview." in page
    assert "<audio" not in page
    assert NAME not in page


def test_a_recording_has_a_player_that_needs_no_script(world):
    """A browser's own controls, and links that begin at their second."""
    world.interview(recording=PRESENT)
    world.store.create(PRESENT.key, b"OggS")

    page = world.page("/interviews/iv-1/transcript")

    assert "<audio controls" in page
    assert '<source src="/interviews/iv-1/recording" type="audio/ogg">' in page
    assert "/interviews/iv-1/recording#t=723" in Outline(page).links


def test_quotes_lead_into_the_transcript_and_the_recording(world):
    """From the scorecard to the words in their place, and to where they are heard."""
    world.interview(recording=PRESENT)
    world.run()

    links = Outline(world.page(f"/scorecards/{world.score()}")).links

    assert {"/interviews/iv-1/transcript#u-U1", "/interviews/iv-1/transcript#t=723"} <= set(links)


def test_lost_words_are_said_on_the_transcripts_page(world):
    """The page is there, with why the words are not."""
    world.interview()
    world.store.objects.clear()

    assert "The words cannot be shown:" in text_of(world.page("/interviews/iv-1/transcript"))


def test_the_scorecard_says_who_told_the_sections(world):
    """A judge's division is not the recorder's."""
    world.interview(sections_by=SectionsBy(judge=2, model="divider@1"))
    world.run()

    page = text_of(world.page(f"/scorecards/{world.score()}"))

    assert "was told by the model divider@1 (2 questions)" in page


def test_an_override_stands_beside_the_judges_level(world):
    """Who, old, new, why; nothing of the judge's is gone."""
    ada = a_person(world.database, "ada", roles=[("REQ-114", "reviewer")])
    world.interview()
    world.run()
    scorecard_id = world.score()
    world.add(scorecard_id, ada, a_review(world.rubric, level=2, recommendation="no"))
    said = "Names the <b>trade-off</b> at the very end."
    world.add(scorecard_id, ada, Final(criterion_id="depth", old=4, new=5, reason="missed_evidence", text=said), 1)

    page = world.page(f"/scorecards/{scorecard_id}")

    assert "4 → 5 override Person ada" in text_of(page)
    assert "Missed evidence" in page
    assert "Names the &lt;b&gt;trade-off&lt;/b&gt; at the very end." in page
    assert "Depth, behaviour of level 4." in page
    assert "1 of 1 reviewer submitted" in page


def test_a_dismissed_scorecard_says_so_and_stays_readable(world):
    """On its page and in the list."""
    world.interview()
    world.run()
    scorecard_id = world.score()
    world.add(
        scorecard_id,
        a_person(world.database, admin=True),
        Dismissed(cause="wrong_person", text="This is the interview of somebody else."),
    )

    page = text_of(world.page(f"/scorecards/{scorecard_id}"))

    assert "Dismissed by Person admin" in page
    assert "another person's interview" in page.replace("&#39;", "'")
    assert "Depth, behaviour of level 4." in page
    assert "C-iv-1" in world.page("/interviews?state=dismissed")


def test_a_rescoring_does_not_hide_the_scorecard_before_it(world):
    """The figure stays in the list while a second evaluation waits."""
    world.interview()
    world.run()
    scorecard_id = world.score()
    world.run(name="night-2", model="better-judge@2", only="all")

    page = world.page("/interviews")

    assert f"/scorecards/{scorecard_id}" in Outline(page).links
    assert "Needs review re-scoring waits" in text_of(page)
    assert "3.5 ±0.5" in text_of(page)


def test_rubrics_are_listed_and_read_whole(world):
    """Versions, questions, anchors."""
    listed = world.page("/rubrics")
    page = text_of(world.page("/rubrics/backend/1"))

    assert "/rubrics/backend/1" in Outline(listed).links
    assert "What did you do?" in page
    assert "Conflict, behaviour of level 1." in page
    assert "/rubrics/backend/1" == world.client.get("/rubrics/backend", follow_redirects=False).headers["location"]


def test_two_versions_are_compared(world):
    """What went and what came, in words and signs."""
    sections = {"design": (a_criterion("depth", definition="Something <else>."), "clarity")}
    with world.database.begin() as db:
        release_rubric(db, a_rubric(sections).model_copy(update={"version": "2"}))

    page = world.page("/rubrics/backend/2?against=1")

    assert "<ins>Something &lt;else&gt;.</ins>" in page
    assert "<del>What depth looks like in an answer.</del>" in page
    assert 400 == world.client.get("/rubrics/backend/2?against=2").status_code
    assert 404 == world.client.get("/rubrics/backend/2?against=9").status_code


def test_an_unknown_rubric_or_run_is_a_404(world):
    """With the command that lists what there is."""
    assert "debrief rubric list" in world.page("/rubrics/nothing", status=404)
    assert "debrief run list" in world.page("/runs/nothing", status=404)


def test_a_run_shows_its_failures_with_cause_and_command(world):
    """And its numbers are those of the command line."""
    world.interview("iv-1")
    world.interview("iv-2")
    world.run()
    world.score()
    with world.database.begin() as db:
        claimed = evaluations.claim(db, worker="node-1", model=MODEL, lease_s=30)
        evaluations.fail(db, claimed, Quarantine(code="not_json", detail="section <design>: not JSON"))
        status = run_status(db, "night-1")

    page = world.page("/runs/night-1")
    data = world.client.get("/runs/night-1.json").json()

    assert "section &lt;design&gt;: not JSON" in page
    assert "debrief run retry night-1 --only-failed" in page
    counts = status.counts.model_dump()
    assert counts == {"selected": data["selected"]} | {k: v for k, v in data["counts"].items() if k in counts}
    assert {"done": status.sections_done, "total": status.sections_total} == data["sections"]


def test_a_run_under_way_shows_its_timeline_and_an_empty_one_says_so(world):
    """Sections that a worker finished are bars, with a table beside them."""
    world.interview()
    world.run()
    assert "No section is finished yet." in world.page("/runs/night-1")
    claimed = world.claim()
    with world.database.begin() as db:
        evaluations.note_section(db, claimed, section_id="design", reused=False)

    page = world.page("/runs/night-1")

    assert '<rect class="bar given"' in page
    assert "1 of 3" in text_of(page)
    assert "The timeline as a table" in page


def test_empty_pages_say_what_to_do(world):
    """Each with its command."""
    assert "debrief run start" in world.page("/runs")
    assert "debrief import FILE" in world.page("/requisitions")


def test_requisitions_say_how_they_are_reviewed(world):
    """Blind or open, with how many interviews."""
    world.interview()
    world.blind()

    page = text_of(world.page("/requisitions"))

    assert "REQ-114" in page
    assert "blind" in page


def test_a_view_is_kept_shown_and_deleted(world):
    """By its owner; what is kept is a query that the list itself would write."""
    world.interview()
    form = {"csrf": world.client.csrf, "name": "My <b>night</b>", "query": "state=failed&sort=-intake&x=1"}

    kept = world.client.post("/views", data=form, follow_redirects=False)
    page = world.page("/interviews?state=failed")
    with world.database.begin() as db:
        view_id, query = db.execute(text("SELECT id, query FROM saved_view")).one()
    world.client.post(f"/views/{view_id}/delete", data={"csrf": world.client.csrf})

    assert (303, "/interviews?state=failed") == (kept.status_code, kept.headers["location"])
    assert "state=failed" == query
    assert "My &lt;b&gt;night&lt;/b&gt;" in page
    assert "My &lt;b&gt;night" not in world.page("/interviews")


def test_nobody_deletes_anothers_view(world):
    """It is as if it were not there."""
    world.interview()
    world.client.post("/views", data={"csrf": world.client.csrf, "name": "mine", "query": "state=failed"})
    other = world.visitor(a_person(world.database, "other", roles=[("REQ-114", "reviewer")]))
    with world.database.begin() as db:
        view_id = db.execute(text("SELECT id FROM saved_view")).scalar_one()

    other.post(f"/views/{view_id}/delete", data={"csrf": other.csrf})

    assert "mine" in world.page("/interviews?state=failed")


@pytest.mark.parametrize(
    ("role", "there", "missing"),
    [
        ("recruiter", "/runs", "/people"),
        ("reviewer", "/rubrics", "/runs"),
        ("hiring_manager", "/requisitions", "/audit"),
    ],
)
def test_the_navigation_shows_what_one_may_open(world, role, there, missing):
    """No link that leads to a refusal."""
    client = world.visitor(a_person(world.database, role, roles=[("REQ-114", role)]))

    links = Outline(client.get("/interviews").text).links

    assert (True, False) == (there in links, missing in links)


def test_a_recruiter_sees_failures_of_their_own_requisitions_only(world):
    """The rest is counted, not named."""
    client = world.visitor(a_person(world.database, "rec", roles=[("REQ-9", "recruiter")]))
    world.interview()
    world.run()
    with world.database.begin() as db:
        claimed = evaluations.claim(db, worker="node-1", model=MODEL, lease_s=30)
        evaluations.fail(db, claimed, Quarantine(code="not_json", detail="section design: not JSON"))

    page = text_of(client.get("/runs/night-1").text)

    assert "Failed (1)" in page
    assert "iv-1" not in page


def test_every_link_leads_somewhere(world):
    """From the pages that an administrator sees, to an answer that is no failure."""
    world.interview()
    world.run()
    scorecard_id = world.score()
    pages = ("/interviews", "/interviews/iv-1", f"/scorecards/{scorecard_id}", "/interviews/iv-1/transcript")
    pages += ("/rubrics", "/runs", "/requisitions", "/account", "/people")
    links = {link.partition("#")[0] for page in pages for link in Outline(world.page(page)).links}
    local = sorted(link for link in links if link.startswith("/"))

    assert len(pages) <= len(local)
    assert [] == [link for link in local if world.client.get(link).status_code >= 400]
