"""Blind review on the server: before one's own scores nothing of the judge's is in any answer, whatever it said."""

import itertools
import re

import pytest

from evaluator.human import folded, sees_judge
from evaluator.people import Viewer
from evaluator.storage import human
from evaluator.storage.reviewing import Wanted, interviews_page
from evaluator.storage.watching import run_seen
from tests.factories import a_completion
from tests.integration.storage.builders import change
from tests.integration.web.conftest import a_person, sign_in
from tests.integration.web.world import World, a_review, text_of
from tests.unit.web.builders import SPLIT, SURE

GENEROUS = a_completion((5, 5), (["U1", "U2"], ["U2"]), ({5: 1.0}, {5: 1.0}))
SEVERE = a_completion((1, 2), (["U2"], ["U1"]), (SURE, SPLIT))
NOTHING = a_completion((0, 0), ([], []), ({0: 1.0}, {0: 1.0}))
SAYINGS = (GENEROUS, SEVERE, NOTHING)

ADDRESSES = (
    "/interviews",
    "/interviews?state=ready",
    "/interviews?state=scored",
    "/interviews?state=needs_review",
    "/interviews?state=unscorable",
    "/interviews?alerts=yes",
    "/interviews?run=night-1",
    "/interviews?sort=-interviewed_at",
    "/interviews?sort=-score",
    "/interviews/iv-1",
    "/interviews/iv-1/transcript",
    "/scorecards/iv-1",
    "/scorecards/{card}",
    "/scorecards/{card}.json",
    "/rubrics/backend/1",
    "/requisitions",
)
RUNS = ("/runs", "/runs/night-1", "/runs/night-1.json")


@pytest.fixture
def world(database):
    """One interview in a blind requisition; each test lets the judge say what it likes."""
    world = World(database)
    world.interview()
    world.run()
    with world.client:
        yield world


def seen(world, client, addresses, scorecard_id):
    """Each answer with its status and headers, without what differs from one request to the next."""
    answers = {}
    for address in addresses:
        answer = client.get(address.format(card=scorecard_id), follow_redirects=False)
        body = re.sub(r"[0-9a-f]{12}(?=</code>)|\"request_id\": ?\"[0-9a-f]+\"", "", answer.text)
        body = re.sub(r"\d+ [A-Z][a-z]{2} 2026 \d\d:\d\d UTC|20\d\d-\d\d-\d\dT[0-9:]+Z|\d+(\.\d+)? (s|min)\b", "", body)
        body = re.sub(r"name=\"csrf\" value=\"[^\"]+\"", "", body)
        body = re.sub(r"\"now\":\"[^\"]*\"|\d\.\d sections a minute", "", body)
        headers = {k: v for k, v in answer.headers.items() if k not in {"x-request-id", "date", "content-length"}}
        answers[address] = (answer.status_code, body, headers)
    return answers


def test_no_answer_depends_on_what_the_judge_said(world):
    """Three different judgements of one interview cannot be told apart by somebody who has not reviewed."""
    reviewer = a_person(world.database, "rev", roles=[("REQ-114", "reviewer")])
    client, admin = world.visitor(reviewer), world.client
    world.blind()
    answers = []
    for saying in SAYINGS:
        scorecard_id = world.score(design=saying)
        answers.append((seen(world, client, ADDRESSES, scorecard_id), seen(world, admin, RUNS, scorecard_id)))
        forget(world)

    assert answers[0] == answers[1] == answers[2]
    assert 403 == answers[0][0]["/interviews?sort=-score"][0]


def forget(world):
    """The interview is to be scored again, as if for the first time."""
    for statement in (
        "DELETE FROM evaluation_event",
        "DELETE FROM scorecard",
        "UPDATE run_member SET outcome = NULL",
        "UPDATE run SET state = 'open', closed_because = NULL, closed_at = NULL",
        "UPDATE evaluation SET state = 'pending', fence = 0, sections_done = 0",
    ):
        change(world.database, statement)


def test_the_lock_says_what_to_do(world):
    """Not an empty page: the rubric, the transcript, and the way to one's own scores."""
    client = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))
    scorecard_id = world.score()
    world.blind()

    page = text_of(client.get(f"/scorecards/{scorecard_id}").text)

    assert "AI evaluation is ready. It opens after you submit your own scores." in page
    assert "Give your own scores" in page
    assert "Depth, behaviour of level 4." in page
    assert "0 of 1 reviewer submitted" in page


def test_ones_own_scores_open_it(world):
    """And only for the one who gave them."""
    ada, bob = (a_person(world.database, name, roles=[("REQ-114", "reviewer")]) for name in ("ada", "bob"))
    scorecard_id = world.score()
    world.blind()
    world.add(scorecard_id, ada, a_review(world.rubric))

    pages = [text_of(world.visitor(who).get(f"/scorecards/{scorecard_id}").text) for who in (ada, bob)]

    assert ["AI weighted score" in page for page in pages] == [True, False]


def test_an_administrator_is_no_exception(world):
    """Whoever may do everything may end the blind review, and that is logged; looking behind it is not offered."""
    scorecard_id = world.score()
    world.blind()

    assert "AI weighted score" not in world.page(f"/scorecards/{scorecard_id}")


def test_the_score_can_be_sorted_by_where_nothing_is_blind(world):
    """Another requisition's blind review does not take the order away from this one."""
    world.score()
    world.interview("iv-2", requisition="REQ-2")
    world.blind("REQ-2")

    statuses = [
        world.client.get(f"/interviews?sort=-score{more}", follow_redirects=False).status_code
        for more in ("", "&requisition=REQ-114", "&requisition=REQ-2")
    ]

    assert [403, 200, 403] == statuses


@pytest.mark.parametrize(
    ("blind", "entry", "reviewed"),
    list(itertools.product((False, True), ("session", "token", "command"), (False, True))),
)
def test_lists_and_runs_hide_exactly_what_the_one_rule_hides(world, blind, entry, reviewed):
    """The rule in SQL is the rule of `evaluator.human`, case by case."""
    person = a_person(world.database, "rev", admin=True)
    scorecard_id = world.score()
    world.blind(blind=blind)
    if reviewed:
        world.add(scorecard_id, person, a_review(world.rubric))
    viewer = Viewer(person_id=person, name="rev", admin=True, entry=entry, scopes=frozenset({"read"}))

    with world.database.begin() as db:
        row = interviews_page(db, viewer, Wanted()).rows[0]
        counts = run_seen(db, viewer, "night-1").counts
        may_see = sees_judge(viewer, blind=blind, state=folded(human.records(db, scorecard_id)))

    assert (not may_see, may_see) == (row.hidden, row.overall is not None)
    assert (0, 1) == ((counts["under_review"], counts["needs_review"]) if may_see else (0, counts["under_review"]))


def test_nobody_lists_what_is_not_theirs(world):
    """A reviewer elsewhere finds nothing, and does not learn how much there is."""
    client = world.visitor(a_person(world.database, "rev", roles=[("REQ-9", "reviewer")]))
    world.score()

    page = text_of(client.get("/interviews").text)

    assert "0 taken in" in page
    assert "C-iv-1" not in page


def test_sign_in_is_needed(world):
    """The fixture's way in is a real one: without it there is none."""
    client = world.visitor(a_person(world.database, "rev"))
    client.cookies.clear()

    assert 303 == client.get("/interviews", follow_redirects=False).status_code
    sign_in(client, world.database, a_person(world.database, admin=True))
    assert 200 == client.get("/interviews").status_code
