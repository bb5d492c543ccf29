"""What people decide beside a review: one level, a recommendation, that a scorecard does not count; and a name."""

import re

import pytest

from evaluator.human import Dismissed, Final, Recommended, Restored
from evaluator.judging import Sampling
from evaluator.storage import audit
from evaluator.storage.runs import Judge
from evaluator.web.app import create_app
from tests.factories import MODEL, a_completion
from tests.integration.web.conftest import a_person
from tests.integration.web.test_reviews import WHY, checked, error_links, records, reviewer, send
from tests.integration.web.world import NAME, World, a_review, text_of


@pytest.fixture
def world(database):
    """One scored interview, and the pages, which know a judge."""
    world = World(database)
    world.app = create_app(
        database, world.store, version="1.2.3", judge=Judge(model=MODEL, sampling=Sampling(), require_consent=True)
    )
    world.interview()
    world.run()
    with world.client:
        yield world


@pytest.fixture
def card(world):
    """Its scorecard: depth 4, clarity 2, and no level for the rest."""
    return world.score()


DEPTH = {"number": "0", "final-depth": "5", "reason-depth": "missed_evidence", "text-depth": WHY}


def test_one_level_is_changed(world, card):
    """With what stood before; the AI's level stays visible beside it."""
    client = reviewer(world)
    opened = text_of(client.get(f"/scorecards/{card}/criteria/depth").text)

    answer = send(client, f"/scorecards/{card}/criteria/depth", DEPTH)

    act = records(world, card)[0].act
    page = text_of(client.get(f"/scorecards/{card}").text)
    assert "Now 4, as the AI gave it." in opened
    assert (303, f"/scorecards/{card}") == (answer.status_code, answer.headers["location"])
    assert (4, 5, "missed_evidence", WHY) == (act.old, act.new, act.reason, act.text)
    assert "Depth 4 – nobody yet 5 overridden" in page


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"final-depth": ""}, ["final-depth-1"]),
        ({"final-depth": "4"}, ["final-depth-1"]),
        ({"final-depth": "9"}, ["final-depth-1"]),
        ({"reason-depth": "", "text-depth": ""}, ["reason-depth", "text-depth"]),
    ],
)
def test_a_level_is_not_changed_without_a_reason(world, card, changes, places):
    """422 beside the field; what was entered stays."""
    answer = send(reviewer(world), f"/scorecards/{card}/criteria/depth", {**DEPTH, **changes})

    assert (422, places) == (answer.status_code, error_links(answer.text))
    assert all(f'id="{place}"' in answer.text for place in places)
    assert () == records(world, card)


def test_a_criterion_that_is_none_does_not_exist(world, card):
    """Of this rubric."""
    client = reviewer(world)

    answers = [client.get(f"/scorecards/{card}/criteria/{name}") for name in ("nothing", "%27--", "a%0Ab")]

    assert [404] * 3 == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("path", "form", "kind"),
    [
        ("criteria/depth", DEPTH, Final),
        ("recommendation", {"recommendation": "no", "note": "Not yet."}, Recommended),
        ("dismiss", {"cause": "audio", "text": WHY}, Dismissed),
    ],
)
def test_what_rests_on_less_than_there_is_asks_first(world, card, path, form, kind):
    """412 with what somebody else did since; kept as it was meant on request."""
    ada, bob = reviewer(world, "ada", "recruiter"), reviewer(world, "bob")
    address = f"/scorecards/{card}/{path}"
    send(bob, f"/scorecards/{card}/criteria/clarity", {
        "number": "0", "final-clarity": "3", "reason-clarity": "other", "text-clarity": "the other one’s reason",
    })  # fmt: skip

    stale = send(ada, address, {**form, "number": "0"})
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', stale.text))
    again = send(ada, address, hidden)

    assert 412 == stale.status_code
    assert "Person bob changed Clarity from 2 to 3" in text_of(stale.text)
    assert "Keep mine as v2" in text_of(stale.text)
    assert 303 == again.status_code
    assert kind is type(records(world, card)[-1].act)


def test_a_recommendation_is_given_and_changed(world, card):
    """The newest is chosen when the page opens again; none is chosen before."""
    client, path = reviewer(world), f"/scorecards/{card}/recommendation"
    before = checked(client.get(path).text)
    send(client, path, {"number": "0", "recommendation": "yes", "note": ""})
    send(client, path, {"number": "1", "recommendation": "strong_no", "note": "After the second talk."})

    page = text_of(client.get(f"/scorecards/{card}").text)

    assert {} == before
    assert {"recommendation": "strong_no"} == checked(client.get(path).text)
    assert "Strong no Person ada" in page
    assert "After the second talk." in page


def test_a_recommendation_is_never_filled_in(world, card):
    """Whatever is not one of the five is asked for again."""
    answer = send(reviewer(world), f"/scorecards/{card}/recommendation", {"number": "0", "recommendation": "hire"})

    assert (422, ["recommendation-0"]) == (answer.status_code, error_links(answer.text))


@pytest.mark.parametrize("blind", [False, True])
def test_a_scorecard_is_dismissed_and_restored(world, card, blind):
    """Also by somebody who may not see yet what the judge said; each with a text."""
    client = reviewer(world, "rec", "recruiter")
    world.blind(blind=blind)
    dismissed = send(client, f"/scorecards/{card}/dismiss", {"number": "0", "cause": "wrong_person", "text": WHY})
    page = text_of(client.get(f"/scorecards/{card}").text)
    empty = send(client, f"/scorecards/{card}/restore", {"number": "1", "text": ""})
    restored = send(client, f"/scorecards/{card}/restore", {"number": "1", "text": "It was the right person."})

    assert [303, 422, 303] == [dismissed.status_code, empty.status_code, restored.status_code]
    assert "Dismissed by Person rec" in page
    assert "it is another person" in page
    assert ("AI weighted score" in page, WHY in page) == (not blind, not blind)
    assert "Review this scorecard" not in page
    assert "Give your own scores" not in page
    assert [Dismissed, Restored] == [type(r.act) for r in records(world, card)]


@pytest.mark.parametrize(
    ("form", "places"),
    [
        ({}, ["cause-0", "text"]),
        ({"cause": "boring", "text": WHY}, ["cause-0"]),
        ({"cause": "asr", "text": "x"}, ["text"]),
    ],
)
def test_a_dismissal_says_why(world, card, form, places):
    """422, and nothing is written."""
    answer = send(reviewer(world, "rec", "recruiter"), f"/scorecards/{card}/dismiss", {"number": "0", **form})

    assert (422, places) == (answer.status_code, error_links(answer.text))
    assert () == records(world, card)


def test_only_what_is_dismissed_is_restored(world, card):
    """The page of the one leads to the other."""
    client = reviewer(world, "rec", "recruiter")
    refused = client.get(f"/scorecards/{card}/restore")
    world.add(card, client.person, Dismissed(cause="audio", text=WHY))

    led = client.get(f"/scorecards/{card}/dismiss", follow_redirects=False)

    assert 409 == refused.status_code
    assert f"/scorecards/{card}/restore" == led.headers["location"]


def test_what_others_said_stays_hidden_from_the_blind(world, card):
    """A stale dismissal tells that somebody reviewed, and nothing of it; nor that levels were changed."""
    ada, rec = (a_person(world.database, n, roles=[("REQ-114", r)]) for n, r in (("a", "reviewer"), ("r", "recruiter")))
    world.blind()
    world.add(card, ada, a_review(world.rubric, level=2))
    world.add(card, ada, Final(criterion_id="depth", old=4, new=2, reason="other", text="the hidden reason of ada"), 1)
    client = world.visitor(rec)

    stale = send(client, f"/scorecards/{card}/dismiss", {"number": "0", "cause": "audio", "text": WHY})

    text = text_of(stale.text)
    assert 412 == stale.status_code
    assert "Person a submitted their own scores" in text
    assert "changed Depth" not in text
    assert "hidden reason" not in text
    assert "Keep mine as v2" in text


def test_an_interview_is_judged_again(world, card):
    """A run is opened, the page says what happens, and the scorecard stands meanwhile."""
    client = reviewer(world, "rec", "recruiter")
    page = text_of(client.get(f"/scorecards/{card}/rescore").text)
    short = send(client, f"/scorecards/{card}/rescore", {"reason": "no"})

    done = send(client, f"/scorecards/{card}/rescore", {"reason": "the manager doubts a level"})

    with world.database.begin() as db:
        run = db.exec_driver_sql("SELECT name FROM run ORDER BY id DESC LIMIT 1").scalar_one()
        logged = [entry.action for entry in audit.entries(db)]
    assert "0 of 1 reviewer submitted on this one" in page
    assert (422, ["reason"]) == (short.status_code, error_links(short.text))
    assert (200, True) == (done.status_code, run in done.text)
    assert "scorecard.rescore" in logged
    assert "Re-scoring waits." in text_of(client.get(f"/scorecards/{card}").text)


def test_what_was_judged_again_is_kept_and_closed(world, card):
    """The older scorecard leads to the newer one and takes no more decisions."""
    client = reviewer(world, "rec", "recruiter")
    send(client, f"/scorecards/{card}/rescore", {"reason": "the manager doubts a level"})
    newer = world.score()

    page = client.get(f"/scorecards/{card}").text
    opened = client.get(f"/scorecards/{card}/review")

    assert f'href="/scorecards/{newer}"' in page
    assert "Review this scorecard" not in page
    assert "/criteria/" not in page
    assert (409, True) == (opened.status_code, "newer scorecard" in opened.text)
    assert 200 == client.get(f"/scorecards/{newer}/review").status_code


def test_an_interview_without_a_scorecard_leads_to_its_own_page(world):
    """Which says where it stands."""
    answer = world.client.get("/scorecards/iv-1", follow_redirects=False)

    assert (307, "/interviews/iv-1") == (answer.status_code, answer.headers["location"])


def test_a_name_is_shown_once_and_logged(world, card):
    """On that answer only; who may not see names sees none."""
    client, rev = reviewer(world, "rec", "recruiter"), reviewer(world)

    answer = send(client, "/interviews/iv-1/name", {})

    with world.database.begin() as db:
        entry = audit.entries(db)[0]
    assert (200, True) == (answer.status_code, NAME in answer.text)
    assert ("name.reveal", "interview:iv-1", client.person) == (entry.action, entry.object, entry.person_id)
    assert NAME not in str(entry.detail)
    assert NAME not in client.get(f"/scorecards/{card}").text
    assert 403 == send(rev, "/interviews/iv-1/name", {}).status_code
    assert "Reveal the name" not in rev.get(f"/scorecards/{card}").text


def test_the_page_offers_what_one_may_do(world, card):
    """By role; nobody is led to a door that is closed to them."""
    offers = ("Review this scorecard", "Change the level", "Dismiss …", "Re-score …", "Reveal the name")

    seen = {}
    for role in ("reviewer", "hiring_manager", "recruiter"):
        page = reviewer(world, role, role).get(f"/scorecards/{card}").text
        seen[role] = [offer in page for offer in offers]

    assert {
        "reviewer": [True, True, False, False, False],
        "hiring_manager": [True, True, False, False, True],
        "recruiter": [True] * 5,
    } == seen


def test_a_scorecard_without_levels_can_be_reviewed(world):
    """Unscorable: the page says why, and people may still score it."""
    card = world.score(design=a_completion((0, 0), ([], []), ({0: 1.0}, {0: 1.0})))
    client = reviewer(world)

    page = text_of(client.get(f"/scorecards/{card}").text)

    assert "None: no criterion has a level." in page
    assert "Review this scorecard" in page
    assert 200 == client.get(f"/scorecards/{card}/review").status_code


def test_pages_without_a_judge_say_how_else(database):
    """The command that does it."""
    world = World(database)
    world.interview()
    world.run()
    card = world.score()
    client = reviewer(world, "rec", "recruiter")

    page = client.get(f"/scorecards/{card}/rescore").text
    sent = send(client, f"/scorecards/{card}/rescore", {"reason": "long enough"})

    assert f"debrief scorecard rescore {card}" in page
    assert 409 == sent.status_code
