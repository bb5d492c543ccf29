"""The pages over a real PostgreSQL, through the operations that intake, runs and workers use."""

import pytest

from evaluator.errors import StoreUnavailable
from evaluator.evaluation import Quarantine
from evaluator.storage import evaluations
from evaluator.storage.interviews import reject
from evaluator.web.pages.interviews import PAGE_LENGTH
from tests.factories import MODEL
from tests.integration.storage.builders import change
from tests.integration.web.world import NAME, Outline, World, text_of
from tests.unit.web.builders import a_mixed_transcript


@pytest.fixture
def world(database):
    """Nothing taken in yet; an administrator looks at it."""
    world = World(database)
    with world.client:
        yield world


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


def test_a_runs_account_adds_up(world):
    """Selected is the sum of what it became, zeros included."""
    world.interview("iv-1")
    world.interview("iv-2")
    world.run()
    world.score()

    account = "2 selected = 0 scored + 1 needs review + 0 unscorable + 0 failed + 0 blocked + 0 skipped"
    assert f"{account} + 0 cancelled + 0 running + 1 pending ✓ adds up" in text_of(world.page("/runs/night-1"))


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
    """It does not tell what is not there from what one may not see."""
    assert "or none that you may see" in world.page("/interviews/iv-9", status=404)


def test_the_scorecard_shows_levels_anchors_evidence_and_reasons(world):
    """Everything that a level rests on, and every word for what has none."""
    world.interview()
    world.run()

    page = text_of(world.page(f"/scorecards/{world.score()}"))

    for fact in (
        "Depth, behaviour of level 4.",
        "To reach 5: Depth, behaviour of level 5.",
        "We measured the lag every minute.",
        "Candidate · 12:09–12:14 (estimated) · no recording · in the transcript , U2 · U2",
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
    assert not [tag for tag, given in outline.tags if "style" in given or "onclick" in given]
    ours = ["/static/site.js", "/static/keys.js"]
    assert ours == [given.get("src") for tag, given in outline.tags if tag == "script"]
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


def test_the_demonstration_judge_is_labelled_everywhere(world):
    """In the list, on the page and in JSON."""
    world.interview()
    world.run(model="demo-judge@1")
    scorecard_id = world.score(model="demo-judge@1")
    notice = "emo judge: trained on simulated interviews only, meaningless for real ones"

    pages = [world.page(p) for p in ("/interviews", "/interviews/iv-1", f"/scorecards/{scorecard_id}")]
    assert '<span class="sub warn">demo judge</span>' in pages[0]
    data = world.client.get(f"/scorecards/{scorecard_id}.json").json()

    assert [1, 1, 1] == [page.count(notice) for page in pages]
    assert f"d{notice}" == data["judge_notice"]


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

    assert page.count("<script") == page.count('<script type="module" src="/static/')
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


def rewrite(world):
    """The transcript's object holds other bytes."""
    world.store.objects = {key: data + b" " for key, data in world.store.objects.items()}


def cut_off(world):
    """The store cannot be reached."""

    def get(key, **_):
        raise StoreUnavailable("the store at s3.example timed out")

    world.store.get = get


@pytest.mark.parametrize(
    ("harm", "why"), [(lose, "is not in the store"), (rewrite, "sha256 differs"), (cut_off, "timed out")]
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
    change(world.database, "UPDATE scorecard SET body_sha256 = repeat('0', 64)")

    assert "This scorecard is not what was stored." in world.page(f"/scorecards/{scorecard_id}")
