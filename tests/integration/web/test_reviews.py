"""Reviews: one's own scores while the judge's are hidden, then what counts where the two differ."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from evaluator.deciding import dossier
from evaluator.human import Dismissed, Final, Review
from evaluator.storage import audit, human
from evaluator.storage.human import draft
from tests.factories import a_completion
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.test_pages_blind import SAYINGS, forget
from tests.integration.web.world import World, a_review, text_of
from tests.unit.web.builders import SURE

CRITERIA = ("depth", "clarity", "method", "feedback", "conflict")
JUDGED = {"depth": 4, "clarity": 2}  # of the usual completion; the others have no level
WHY = "Names the replication lag at the end."


@pytest.fixture
def world(database):
    """One scored interview, and the pages."""
    world = World(database)
    world.interview()
    world.run()
    with world.client:
        yield world


@pytest.fixture
def card(world):
    """Its scorecard: depth 4, clarity 2, and no level for the rest."""
    return world.score()


def reviewer(world, name="ada", role="reviewer"):
    """A browser of somebody who reviews here."""
    person = a_person(world.database, name, roles=[("REQ-114", role)])
    client = world.visitor(person)
    client.person = person
    return client


def scores(**changes):
    """A complete form: 3 for everything."""
    form = {f"level-{name}": "3" for name in CRITERIA} | {"recommendation": "yes", "do": "submit", "version": "0"}
    return {name: value for name, value in {**form, **changes}.items() if value is not None}


def send(client, path, form, *, follow=False, **headers):
    """Sends a form as a browser does."""
    return client.post(path, data={"csrf": client.csrf, **form}, follow_redirects=follow, headers=headers)


def records(world, card):
    """What people added to it."""
    with world.database.begin() as db:
        return human.records(db, card)


def kept(world, card, person):
    """What somebody has saved."""
    with world.database.begin() as db:
        return draft(db, card, person)


def value_of(page, name):
    """Of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def checked(page):
    """Which radios and boxes are checked, by name and value."""
    found = re.findall(r'<input type="(?:radio|checkbox)" name="([^"]+)" value="([^"]+)"[^>]* checked', page)
    return dict(found)


def error_links(page):
    """Where the summary of what is wrong leads to."""
    summary = re.search(r'<div class="faults".*?</div>', page, re.DOTALL)
    return re.findall(r'href="#([^"]+)"', summary[0]) if summary else []


# --- Step one


@pytest.mark.parametrize("blind", [False, True])
def test_step_one_is_the_same_whatever_the_judge_said(world, blind):
    """To the byte, in open requisitions too, with a draft and with faults."""
    client = reviewer(world)
    world.blind(blind=blind)
    seen = []
    for saying in SAYINGS:
        card = world.score(design=saying)
        path = f"/scorecards/{card}/review"
        answers = [client.get(path)]
        answers += [send(client, path, scores(do="save", version="0")), client.get(path)]
        answers += [send(client, path, scores(version="1", recommendation=None))]
        answers += [send(client, path, scores(version="0"))]
        seen.append([(a.status_code, without_chance(a)) for a in answers])
        with world.database.begin() as db:
            human.drop_draft(db, card, client.person)
        forget(world)

    assert seen[0] == seen[1] == seen[2]
    assert [200, 303, 200, 422, 412] == [status for status, _ in seen[0]]


def without_chance(answer):
    """The answer without what differs from one request to the next."""
    text = answer.text.replace(answer.headers["x-request-id"], "")
    return re.sub(r"\d+ Nov 20\d\d \d\d:\d\d UTC|20\d\d-\d\d-\d\dT[0-9:]+Z", "", text)


def test_own_scores_are_kept_as_they_were_given(world, card):
    """With quotes and notes, and the person goes on to step two."""
    client = reviewer(world)
    form = scores(**{"level-depth": "5", "level-clarity": "none", "note-depth": "Two\r\nlines", "note": "Solid."})

    answer = send(client, f"/scorecards/{card}/review", {**form, "quotes-depth": ["U1", "U2"]})

    act = records(world, card)[0].act
    depth, clarity = act.ratings[:2]
    assert (303, f"/scorecards/{card}/finals") == (answer.status_code, answer.headers["location"])
    assert (5, ("U1", "U2"), "Two\nlines") == (depth.level, depth.quotes, depth.note)
    assert clarity.level is None
    assert ("yes", "Solid.") == (act.recommendation, act.note)


def test_what_is_missing_is_named_and_nothing_is_lost(world, card):
    """422, a summary that leads to each field, and all values again."""
    client = reviewer(world)
    form = scores(**{"level-clarity": None, "recommendation": None, "note-depth": "kept note"})

    answer = send(client, f"/scorecards/{card}/review", {**form, "quotes-depth": "U2"})

    page = answer.text
    assert 422 == answer.status_code
    assert ["level-clarity-1", "recommendation-0"] == error_links(page)
    assert all(f'id="{place}"' in page for place in error_links(page))
    assert "Not right yet" in re.search("<title>.*</title>", page)[0]
    assert {"level-depth": "3", "quotes-depth": "U2"}.items() <= checked(page).items()
    assert "level-clarity" not in checked(page)
    assert "kept note" in page
    assert () == records(world, card)
    assert {"depth", "method", "feedback", "conflict"} == {
        one["criterion_id"] for one in kept(world, card, client.person).body["ratings"] if "level" in one
    }


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("level-depth", "6", "level-depth-1"),
        ("level-depth", "<script>", "level-depth-1"),
        ("quotes-depth", "U99", "evidence-depth"),
        ("quotes-depth", "'; --", "evidence-depth"),
        ("ids-depth", "U1, u77", "evidence-depth"),
        ("note-depth", "x" * 2_001, "note-depth"),
        ("recommendation", "hire", "recommendation-0"),
        ("note", "x" * 2_001, "note"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(world, card, field, value, place):
    """Hostile or merely too long."""
    answer = send(reviewer(world), f"/scorecards/{card}/review", scores(**{field: value}))

    assert (422, [place]) == (answer.status_code, error_links(answer.text))
    assert "<script>" not in answer.text.replace('<script type="module"', "")


def test_ids_can_be_written_by_hand(world, card):
    """For utterances that are not offered."""
    send(reviewer(world), f"/scorecards/{card}/review", scores(**{"ids-method": "u2, U1"}))

    assert ("U2", "U1") == records(world, card)[0].act.ratings[2].quotes


def test_a_draft_goes_on_where_it_was_left(world, card):
    """And is its writer's alone."""
    ada, bob = reviewer(world, "ada"), reviewer(world, "bob")
    path = f"/scorecards/{card}/review"
    send(ada, path, {"do": "save", "version": "0", "level-depth": "5", "note-depth": "secret", "quotes-depth": "U1"})

    mine, others = ada.get(path).text, bob.get(path).text

    assert {"level-depth": "5", "quotes-depth": "U1"} == checked(mine)
    assert "1 of 5 rated" in text_of(mine)
    assert ("1", "0") == (value_of(mine, "version"), value_of(others, "version"))
    assert "secret" in mine
    assert "secret" not in others
    assert {} == checked(others)


def test_a_draft_made_by_the_api_is_the_same_draft(world, card):
    """Both write a review of which any part may be missing."""
    client = reviewer(world)
    body = {"kind": "review", "ratings": [{"criterion_id": "depth", "level": None, "quotes": ["U2"]}]}
    headers = {"X-CSRF-Token": client.csrf}
    assert 201 == client.put(f"/v1/scorecards/{card}/draft", json=body, headers=headers).status_code

    page = client.get(f"/scorecards/{card}/review").text

    assert {"level-depth": "none", "quotes-depth": "U2"} == checked(page)


def test_saving_by_script_answers_with_the_version(world, card):
    """And says so where another window was faster."""
    client, path = reviewer(world), f"/scorecards/{card}/review"
    first = send(client, path, scores(do="save"), Accept="application/json")
    stale = send(client, path, scores(do="save"), Accept="application/json")

    assert {"version": 1, "rated": 5, "of": 5}.items() <= first.json().items()
    assert (412, "stale") == (stale.status_code, stale.json()["code"])


@pytest.mark.parametrize("do", ["save", "submit"])
def test_two_windows_lose_nothing(world, card, do):
    """Both values side by side; mine can be kept, or the other taken."""
    client, path = reviewer(world), f"/scorecards/{card}/review"
    send(client, path, scores(do="save", **{"level-depth": "5", "note-depth": "the other"}))

    stale = send(client, path, scores(do=do, **{"level-depth": "1", "note-depth": "mine"}))
    text = text_of(stale.text)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', stale.text))
    again = send(client, path, {**hidden, "do": "save"}, follow=True)

    assert 412 == stale.status_code
    assert all(words in text for words in ("the other", "mine", "Keep mine", "Take the other"))
    assert 1 == text.count("differs")
    assert () == records(world, card)
    assert (200, "1", "2") == (again.status_code, checked(again.text)["level-depth"], value_of(again.text, "version"))
    assert "mine" in again.text


def test_a_draft_that_is_too_large_stays_on_the_page(world, card):
    """Nothing was kept, nothing is lost, and the page says what to do."""
    client = reviewer(world)
    form = scores(do="save", **{f"note-{name}": "ü" * 9_000 for name in CRITERIA})

    answer = send(client, f"/scorecards/{card}/review", form)

    assert 422 == answer.status_code
    assert "shorten its notes" in answer.text
    assert answer.text.count("ü" * 9_000) == len(CRITERIA)


def test_first_scores_stay_as_they_are(world, card):
    """Sent twice they lead on; others are refused in words; the form is gone."""
    client, path = reviewer(world), f"/scorecards/{card}/review"
    send(client, path, scores())

    twice, changed = send(client, path, scores()), send(client, path, scores(**{"level-depth": "1"}))
    saved = send(client, path, scores(do="save"), Accept="application/json")
    opened = client.get(path, follow_redirects=False)

    assert (303, f"/scorecards/{card}/finals") == (twice.status_code, twice.headers["location"])
    assert [409, 409] == [changed.status_code, saved.status_code]
    assert "stay as they are" in changed.text
    assert (307, f"/scorecards/{card}/finals") == (opened.status_code, opened.headers["location"])
    assert 1 == len(records(world, card))
    assert kept(world, card, client.person) is None


def test_who_may_not_review_does_not(world, card):
    """Neither by role nor by token: a token gives no more than its owner has."""
    stranger = reviewer(world, "eve")
    with world.database.begin() as db:
        db.exec_driver_sql("DELETE FROM membership")

    assert 404 == stranger.get(f"/scorecards/{card}/review").status_code
    assert 404 == send(stranger, f"/scorecards/{card}/finals", {}).status_code


def test_a_token_never_looks_behind_the_blind_review(world, card):
    """Not even that of somebody who has submitted."""
    client = reviewer(world)
    world.blind()
    send(client, f"/scorecards/{card}/review", scores())
    token = a_token(world.database, client.person, "review", "read")
    client.cookies.clear()
    headers = {"Authorization": f"Bearer {token}"}

    answers = [
        client.get(f"/scorecards/{card}/{path}", headers=headers)
        for path in ("finals", "criteria/depth", "recommendation")
    ]

    assert [(403, "locked")] * 3 == [(a.status_code, a.json()["code"]) for a in answers]


@pytest.mark.parametrize("path", ["review", "finals", "criteria/depth", "recommendation"])
def test_a_dismissed_scorecard_takes_no_decisions(world, card, path):
    """The page says so, and what to do."""
    client = reviewer(world)
    world.add(card, client.person, a_review(world.rubric)) if path != "review" else None
    world.add(card, client.person, Dismissed(cause="audio", text=WHY), len(records(world, card)))

    answers = [client.get(f"/scorecards/{card}/{path}"), send(client, f"/scorecards/{card}/{path}", scores())]

    assert [409, 409] == [answer.status_code for answer in answers]
    assert all("dismissed" in answer.text and "restore" in answer.text for answer in answers)


def test_the_page_stands_without_the_transcript(world, card):
    """The scores can be given all the same; what was quoted stays quoted."""
    client, path = reviewer(world), f"/scorecards/{card}/review"
    send(client, path, scores(do="save", **{"quotes-depth": "U1"}))
    world.store._objects.clear() if hasattr(world.store, "_objects") else world.store.objects.clear()

    page = client.get(path).text
    answer = send(client, path, scores(version="1", **{"quotes-depth": "U1"}))

    assert "The words cannot be shown" in page
    assert "U1" == checked(page)["quotes-depth"]
    assert 303 == answer.status_code
    assert 200 == client.get(f"/scorecards/{card}/finals").status_code


# --- Step two


def reviewed(world, card, name="ada", **levels):
    """Somebody who has given their own scores: 3 for everything, unless told otherwise."""
    client = reviewer(world, name)
    send(client, f"/scorecards/{card}/review", scores(**{f"level-{k}": v for k, v in levels.items()}))
    return client


AGREEING = {"depth": "4", "clarity": "2", "method": "none", "feedback": "none", "conflict": "none"}


def test_where_both_agree_there_is_nothing_to_decide(world, card):
    """Same levels, and no level on both sides."""
    client = reviewed(world, card, **AGREEING)

    page = client.get(f"/scorecards/{card}/finals").text

    assert 5 == page.count("same ✔")
    assert "<fieldset" not in page
    assert 303 == send(client, f"/scorecards/{card}/finals", {"number": "1"}).status_code
    assert 1 == len(records(world, card))


def test_finals_are_appended_with_what_stood_before(world, card):
    """Theirs, the judge's, and another level; what stays as it was leaves no record."""
    client = reviewed(world, card, depth="5", clarity="1", method="2", feedback="none", conflict="none")
    form = {"number": "1", "final-depth": "5", "reason-depth": "missed_evidence", "text-depth": WHY}
    form |= {"final-clarity": "2"}
    form |= {"final-method": "other", "other-method": "4", "reason-method": "other", "text-method": WHY}

    answer = send(client, f"/scorecards/{card}/finals", form)

    found = records(world, card)
    assert (303, f"/scorecards/{card}") == (answer.status_code, answer.headers["location"])
    assert [("depth", 4, 5), ("method", None, 4)] == [
        (r.act.criterion_id, r.act.old, r.act.new) for r in found if isinstance(r.act, Final)
    ]
    assert [1, 2, 3] == [r.number for r in found]
    page = text_of(client.get(f"/scorecards/{card}").text)
    assert "4 → 5" in page
    assert "overridden" in page


def test_a_later_final_rests_on_the_earlier_one(world, card):
    """Its `old` is what stood there then; the history shows both."""
    client = reviewed(world, card, **{**AGREEING, "depth": "5"})
    form = {"number": "1", "final-depth": "5", "reason-depth": "missed_evidence", "text-depth": WHY}
    send(client, f"/scorecards/{card}/finals", form)

    answer = send(client, f"/scorecards/{card}/criteria/depth", {**form, "number": "2", "final-depth": "none"})

    last = records(world, card)[-1].act
    page = text_of(client.get(f"/scorecards/{card}").text)
    assert 303 == answer.status_code
    assert (5, None) == (last.old, last.new)
    assert "4 → 5" in page
    assert "5 → not assessed" in page


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"final-depth": None}, ["final-depth-1"]),
        ({"final-depth": "other"}, ["other-depth"]),
        ({"reason-depth": None}, ["reason-depth"]),
        ({"reason-depth": "because"}, ["reason-depth"]),
        ({"text-depth": "too short"}, ["text-depth"]),
        ({"text-depth": "  " + "x" * 14 + "  "}, ["text-depth"]),
        ({"reason-depth": None, "text-depth": "x" * 2_001}, ["reason-depth", "text-depth"]),
    ],
)
def test_a_final_says_why(world, card, changes, places):
    """422 beside the field, with everything kept, and nothing written."""
    client = reviewed(world, card, **{**AGREEING, "depth": "5"})
    form = {"final-depth": "5", "reason-depth": "missed_evidence", "text-depth": WHY, "number": "1", **changes}

    answer = send(client, f"/scorecards/{card}/finals", {k: v for k, v in form.items() if v is not None})

    assert (422, places) == (answer.status_code, error_links(answer.text))
    assert all(f'id="{place}"' in answer.text for place in places)
    assert (form["text-depth"] or "").strip() in answer.text
    assert 1 == len(records(world, card))


def test_two_apart_asks_to_read_both(world):
    """And shows both evidences in place."""
    world.interview("iv-2")
    world.run(name="night-2")
    card = world.score(design=a_completion((5, 3), (["U1"], ["U2"]), (SURE, SURE)))
    client = reviewer(world)
    form = scores(**{"level-depth": "3", "level-clarity": "2"})
    send(client, f"/scorecards/{card}/review", {**form, "quotes-depth": "U2"})

    text = text_of(client.get(f"/scorecards/{card}/finals").text)

    assert 1 == text.count("2 apart: open and read both evidences first")
    assert "Your evidence for Depth (1)" in text
    assert "The AI’s evidence for Depth (1)" in text


def test_step_two_waits_for_step_one(world, card):
    """Whoever has not submitted is led there, and cannot finish."""
    client = reviewer(world)

    opened = client.get(f"/scorecards/{card}/finals", follow_redirects=False)
    sent = send(client, f"/scorecards/{card}/finals", {"number": "0", "final-depth": "5"})

    assert (307, f"/scorecards/{card}/review") == (opened.status_code, opened.headers["location"])
    assert 409 == sent.status_code
    assert () == records(world, card)


def test_two_reviewers_at_once_lose_nothing(world, card):
    """The slower one sees who did what, and what they want, and may keep theirs."""
    ada, bob = (reviewed(world, card, name, **{**AGREEING, "depth": "5"}) for name in ("ada", "bob"))
    path = f"/scorecards/{card}/finals"
    both = {"number": "2", "final-depth": "5", "reason-depth": "missed_evidence", "text-depth": WHY}
    assert 303 == send(ada, path, {**both, "final-depth": "other", "other-depth": "3"}).status_code

    stale = send(bob, path, both)
    text = text_of(stale.text)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', stale.text))
    kept_mine = send(bob, path, hidden)

    assert 412 == stale.status_code
    assert "Person ada changed Depth from 4 to 3 (missed evidence)" in text
    assert "Depth 4 3 5" in text
    assert "Keep mine as v4" in text
    assert 303 == kept_mine.status_code
    assert [(4, 3), (3, 5)] == [(r.act.old, r.act.new) for r in records(world, card) if isinstance(r.act, Final)]


def test_all_finals_or_none(world, card):
    """What cannot be written undoes what came before it in the same form."""
    client = reviewed(world, card, **{**AGREEING, "depth": "5", "method": "3"})
    form = {"number": "1"}
    for name, level in (("depth", "5"), ("method", "3")):
        form |= {f"final-{name}": level, f"reason-{name}": "other", f"text-{name}": WHY}

    wrong = send(client, f"/scorecards/{card}/finals", {**form, "text-method": ""})

    assert 422 == wrong.status_code
    assert 1 == len(records(world, card))
    assert 303 == send(client, f"/scorecards/{card}/finals", form).status_code
    assert 3 == len(records(world, card))


def test_everything_is_logged_without_a_word_of_it(world, card):
    """Ids only."""
    client = reviewed(world, card, **{**AGREEING, "depth": "5"})
    form = {"number": "1", "final-depth": "5", "reason-depth": "missed_evidence", "text-depth": WHY}
    send(client, f"/scorecards/{card}/finals", form)

    with world.database.begin() as db:
        found = [e for e in audit.entries(db) if e.object == f"scorecard:{card}"]
        assert Review is type(dossier(db, card).records[0].act)

    assert ["final.set", "review.submit"] == [entry.action for entry in found]
    assert WHY not in str([entry.detail for entry in found])


def at_once(*calls):
    """The answers to requests that are sent at the same moment."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_a_form_sent_twice_at_once_counts_once(world, card):
    """Both lead on to step two."""
    one = reviewer(world)
    two = world.visitor(one.person)
    path = f"/scorecards/{card}/review"

    answers = at_once(*(partial(send, client, path, scores()) for client in (one, two)))

    assert [(303, f"/scorecards/{card}/finals")] * 2 == [(a.status_code, a.headers["location"]) for a in answers]
    assert 1 == len(records(world, card))


def test_two_who_finish_at_once_do_not_write_over_each_other(world, card):
    """One is written, the other one is asked."""
    ada, bob = (reviewed(world, card, name, **{**AGREEING, "depth": "5", "method": "2"}) for name in ("ada", "bob"))
    form = {"number": "2"}
    for name, level in (("depth", "5"), ("method", "2")):
        form |= {f"final-{name}": level, f"reason-{name}": "other", f"text-{name}": WHY}

    answers = at_once(*(partial(send, client, f"/scorecards/{card}/finals", form) for client in (ada, bob)))

    finals = [record for record in records(world, card) if isinstance(record.act, Final)]
    assert [303, 412] == sorted(answer.status_code for answer in answers)
    assert [("depth", 4, 5), ("method", None, 2)] == [(f.act.criterion_id, f.act.old, f.act.new) for f in finals]
    assert 1 == len({final.person for final in finals})
