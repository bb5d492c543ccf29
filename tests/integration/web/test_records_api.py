"""`/v1` for people's acts: conditions, what is hidden in a blind review, drafts, judging again, and the name."""

import threading

import pytest
from fastapi.testclient import TestClient

from evaluator.judging import Sampling
from evaluator.storage.runs import Judge
from evaluator.web.app import create_app
from tests.factories import MODEL
from tests.integration.web.conftest import LOOPBACK, a_person, a_token
from tests.integration.web.world import NAME, World, a_review

WORDS = "the trade-off is named at 00:13:20"
FINAL = {"kind": "final", "criterion_id": "depth", "new": 1, "reason": "missed_evidence", "text": WORDS}
RECOMMENDATION = {"kind": "recommendation", "recommendation": "no"}
DISMISSAL = {"kind": "dismissal", "cause": "audio", "text": WORDS}


class Person:
    """Somebody's requests about one scorecard."""

    def __init__(self, world, scorecard, client, **headers):
        self.scorecard, self.client, self.headers = scorecard, client, headers

    def records(self):
        """What they may read."""
        return self.client.get(f"/v1/scorecards/{self.scorecard}/records", headers=self.headers)

    def act(self, act, seen=None, **more):
        """One act; seen: the number of If-Match."""
        condition = {} if seen is None else {"If-Match": f'"{seen}"'}
        headers = {**self.headers, **condition, **more}
        return self.client.post(f"/v1/scorecards/{self.scorecard}/records", json=act, headers=headers)

    def draft(self, body=None, seen=None):
        """Their draft, or the answer to saving it."""
        path = f"/v1/scorecards/{self.scorecard}/draft"
        if body is None:
            return self.client.get(path, headers=self.headers)
        condition = {} if seen is None else {"If-Match": seen}
        return self.client.put(path, json=body, headers={**self.headers, **condition})


@pytest.fixture
def world(database):
    """One scored interview."""
    made = World(database)
    made.interview()
    made.run()
    made.scorecard = made.score()
    made.review = a_review(made.rubric).model_dump(mode="json")
    return made


def person(world, subject="ada", role="reviewer", *, token=None):
    """Somebody with this role, in a browser or with a token of these scopes."""
    person_id = a_person(world.database, subject, roles=[("REQ-114", role)])
    if token is None:
        client = world.visitor(person_id)
        return Person(world, world.scorecard, client, **{"X-CSRF-Token": client.csrf})
    bearer = f"Bearer {a_token(world.database, person_id, *token)}"
    return Person(world, world.scorecard, TestClient(world.app, base_url=LOOPBACK), Authorization=bearer)


# --- adding


def test_every_act_is_added_and_read_back(world):
    """201 with its address and the number that the next act names; the judge's level is found here."""
    ada, rita = person(world), person(world, "rita", "recruiter")

    answers = [
        ada.act(world.review),
        ada.act(FINAL, 1),
        ada.act(RECOMMENDATION, 2),
        rita.act(DISMISSAL, 3),
        rita.act({"kind": "restoration", "text": WORDS}, 4),
    ]

    assert [201] * 5 == [a.status_code for a in answers]
    assert [f'"{n}"' for n in range(1, 6)] == [a.headers["etag"] for a in answers]
    assert [a.json() for a in answers] == [ada.client.get(a.headers["location"]).json() for a in answers]
    assert (4, 1) == (answers[1].json()["act"]["old"], answers[1].json()["act"]["new"])
    found = ada.records()
    assert [a.json() for a in answers] == found.json()["records"]
    assert (5, 1, False, True, '"5"') == (
        *(found.json()[name] for name in ("number", "reviews_submitted", "dismissed", "ai_visible")),
        found.headers["etag"],
    )


@pytest.mark.parametrize("act", [FINAL, RECOMMENDATION, DISMISSAL, {"kind": "restoration", "text": WORDS}])
def test_act_without_a_condition_is_refused(world, act):
    """428 says what to send; `*` would be none."""
    rita = person(world, "rita", "recruiter")

    answers = [rita.act(act), rita.act(act, **{"If-Match": "*"})]

    assert 428 == answers[0].status_code
    assert "precondition_required" == answers[0].json()["code"]
    assert answers[1].status_code in {412, 428}
    assert [] == rita.records().json()["records"]


@pytest.mark.parametrize("tag", ['W/"0"', "0", '"x"', '"-1"', '"00"', '"0", "1"', '"99999999999999999999"'])
def test_malformed_condition_is_stale(world, tag):
    """Nothing is written."""
    ada = person(world)

    assert 412 == ada.act(FINAL, **{"If-Match": tag}).status_code
    assert 0 == ada.records().json()["number"]


def test_stale_act_names_the_number_that_stands_now(world):
    """So that the difference can be shown, and the act sent again on it."""
    ada, bob = person(world), person(world, "bob")
    ada.act(FINAL, 0)

    refused = bob.act({**FINAL, "new": 5}, 0)

    assert (412, "stale", 1) == (refused.status_code, refused.json()["code"], refused.json()["number"])
    assert FINAL["text"] == bob.records().json()["records"][0]["act"]["text"]
    assert 201 == bob.act({**FINAL, "new": 5}, refused.json()["number"]).status_code


def test_of_two_people_at_once_exactly_one_is_told(world):
    """201 and 412, every time; the other's record is there to be read."""
    pair = person(world), person(world, "bob")
    for n in range(6):
        answers, act = [], {**FINAL, "new": 1 + n % 2}
        threads = [threading.Thread(target=lambda who=who: answers.append(who.act(act, n))) for who in pair]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (201, 412) == (won.status_code, lost.status_code)
        assert n + 1 == lost.json()["number"]
        assert won.json() == pair[0].records().json()["records"][n]


@pytest.mark.parametrize(
    ("act", "status"),
    [
        ({**FINAL, "criterion_id": "charm"}, 400),
        ({**FINAL, "new": 4}, 400),
        ({**FINAL, "old": 4}, 422),
        ({**FINAL, "text": "too short"}, 422),
        ({**FINAL, "reason": "because"}, 422),
        ({"kind": "nonsense"}, 422),
        ({**DISMISSAL, "cause": "none"}, 422),
        ({"kind": "review", "ratings": [], "recommendation": "yes"}, 400),
        ({"kind": "review", "ratings": [{"criterion_id": "depth", "level": 3, "quotes": ["x"]}]}, 422),
    ],
)
def test_faulty_act_is_refused_without_its_words(world, act, status):
    """As a problem; what somebody wrote is not repeated."""
    answer = person(world, "rita", "recruiter").act(act, 0)

    assert status == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert "too short" not in answer.text


def test_quotes_are_of_what_the_candidate_said(world):
    """U1 and U2 are; where the transcript cannot be read, the form of the id is all that is looked at."""
    ada, bob = person(world), person(world, "bob")
    ratings = [{**rating, "quotes": ["U1", "U77"]} for rating in world.review["ratings"]]

    refused = ada.act({**world.review, "ratings": ratings})
    world.store.objects.clear()
    unread = bob.act({**world.review, "ratings": ratings})

    assert (400, True) == (refused.status_code, refused.json()["detail"].startswith("U77: the candidate said nothing"))
    assert 201 == unread.status_code


def test_act_is_added_once_for_one_key(world):
    """Sent again, it is answered as before."""
    ada = person(world)

    first, again = (ada.act(FINAL, 0, **{"Idempotency-Key": "k-1"}) for _ in range(2))

    assert (201, 201, first.json()) == (first.status_code, again.status_code, again.json())
    assert 1 == ada.records().json()["number"]


def test_interviews_id_reads_the_newest_and_adds_nothing(world):
    """By then it could mean another scorecard."""
    ada = person(world)
    ada.scorecard = "iv-1"

    assert world.scorecard == ada.records().json()["scorecard_id"]
    assert 400 == ada.act(FINAL, 0).status_code


def test_record_that_is_not_there_is_not_found(world):
    """Nor can a number be anything else."""
    ada = person(world)

    found = [ada.client.get(f"/v1/scorecards/{world.scorecard}/records/{n}").status_code for n in (1, 0, "x", 10**12)]

    assert [404, 422, 422, 422] == found


# --- blind review


def test_before_ones_own_scores_only_own_records_are_read(world):
    """No level of the judge's, nothing of others' but how many have submitted; all of it after one's own."""
    ada, bob, rita = person(world), person(world, "bob"), person(world, "rita", "recruiter")
    world.blind()
    bob.act(world.review)
    bob.act(FINAL, 1)
    bob.act({**FINAL, "new": 5}, 2)

    before, by_rita = ada.records(), rita.act(DISMISSAL, 1)
    rita.act({"kind": "restoration", "text": WORDS}, 2)
    submitted = ada.act(world.review)

    assert ([], 1, False) == _of(before, "records", "reviews_submitted", "ai_visible")
    assert ('"1"', 1) == (before.headers["etag"], before.json()["number"])
    assert (201, 2) == (by_rita.status_code, by_rita.json()["number"])
    assert (201, 6, '"6"') == (submitted.status_code, submitted.json()["number"], submitted.headers["etag"])
    assert 6 == len(ada.records().json()["records"])


def test_what_is_read_before_ones_own_scores_depends_on_nothing_hidden(world):
    """The same bytes and headers, whatever others decided on the judge's levels."""
    ada, bob = person(world), person(world, "bob")
    world.blind()
    bob.act(world.review)
    seen = [ada.records()]

    for act, n in ((FINAL, 1), (RECOMMENDATION, 2)):
        bob.act(act, n)
        seen.append(ada.records())
        seen.append(ada.act(FINAL, 9))

    reads = [(a.text, a.headers["etag"], a.headers["content-length"]) for a in seen if a.request.method == "GET"]
    assert 1 == len(set(reads))
    assert {(412, 1)} == {(a.status_code, a.json()["number"]) for a in seen if a.request.method == "POST"}


def test_decisions_are_locked_before_ones_own_scores(world):
    """403 with its own code."""
    ada = person(world)
    world.blind()

    answers = [ada.act(FINAL, 0), ada.act(RECOMMENDATION, 0)]

    assert [(403, "locked")] * 2 == [(a.status_code, a.json()["code"]) for a in answers]


def test_own_decision_from_before_the_blind_review_hides_what_stood_there(world):
    """That was the judge's level."""
    ada = person(world)
    ada.act(FINAL, 0)

    before = ada.records().json()["records"][0]["act"]
    world.blind()
    blind = ada.records().json()

    assert 4 == before["old"]
    assert (False, {k: v for k, v in before.items() if k != "old"}) == (
        blind["ai_visible"],
        blind["records"][0]["act"],
    )


def test_token_is_somebody_who_has_not_submitted(world):
    """It may give its owner's scores, and sees what it gave; the session sees the rest."""
    ada, bob = person(world), person(world, "bob")
    token = person(world, token=("read", "review"))
    world.blind()
    bob.act(world.review)
    bob.act(FINAL, 1)

    given = token.act(world.review)

    assert (201, 2, '"2"') == (given.status_code, given.json()["number"], given.headers["etag"])
    assert given.json() == token.client.get(given.headers["location"], headers=token.headers).json()
    assert (False, ["review"]) == (
        token.records().json()["ai_visible"],
        [r["act"]["kind"] for r in token.records().json()["records"]],
    )
    assert 403 == token.act(FINAL, 2).status_code
    assert (True, 3) == _of(ada.records(), "ai_visible", "number")


def test_token_to_read_adds_nothing(world):
    """Whatever its owner may."""
    token = person(world, "rita", "recruiter", token=("read",))

    assert [403, 403, 200] == [
        token.act(world.review).status_code,
        token.draft({}).status_code,
        token.records().status_code,
    ]


def _of(answer, *names):
    return tuple(answer.json()[name] for name in names)


# --- drafts


def test_draft_grows_with_each_save(world):
    """Created, then changed by who names the version that they changed; read back as it was."""
    ada = person(world)
    assert 404 == ada.draft().status_code

    saved = [ada.draft({"depth": 1}), ada.draft({"depth": 2}, '"1"'), ada.draft({"depth": 3}, '"2"')]

    assert [(201, '"1"'), (200, '"2"'), (200, '"3"')] == [(a.status_code, a.headers["etag"]) for a in saved]
    assert ({"depth": 3}, 3, '"3"') == (*_of(ada.draft(), "body", "version"), ada.draft().headers["etag"])


def test_draft_is_not_written_over(world):
    """428 without a condition where there is one, 412 in another window."""
    ada = person(world)
    ada.draft({"depth": 1})

    assert [428, 412, 412] == [ada.draft({}, seen).status_code for seen in (None, '"0"', '"7"')]
    assert {"depth": 1} == ada.draft().json()["body"]


def test_draft_is_ones_own(world):
    """Others have none; submitting drops it."""
    ada, bob = person(world), person(world, "bob")
    ada.draft({"depth": 1})

    assert 404 == bob.draft().status_code
    ada.act(world.review)
    assert [404, 409] == [ada.draft().status_code, ada.draft({}).status_code]


@pytest.mark.parametrize("body", [[], "x", None, 3])
def test_draft_is_an_object(world, body):
    """As a form is; a JSON null is none either."""
    ada = person(world)
    path = f"/v1/scorecards/{world.scorecard}/draft"

    assert 422 == ada.client.put(path, json=body, headers=ada.headers).status_code


def test_draft_has_a_limit(world):
    """The fault says how large it may be."""
    answer = person(world).draft({"note": "x" * 64_000})

    assert 400 == answer.status_code
    assert "at most 64000" in answer.json()["detail"]


# --- judging again, and the name


def test_judging_again_is_accepted(world):
    """202 with the address of the run; the right is the recruiters'."""
    world.app = create_app(world.database, world.store, version="1", judge=Judge(model=MODEL, sampling=Sampling()))
    path, wish = f"/v1/scorecards/{world.scorecard}/rescore", {"reason": "the manager doubts it"}
    ada, rita = person(world), person(world, "rita", "recruiter")

    refused = ada.client.post(path, json=wish, headers=ada.headers)
    faulty = rita.client.post(path, json={"reason": "no"}, headers=rita.headers)
    answer = rita.client.post(path, json=wish, headers=rita.headers)

    assert [403, 400, 202] == [a.status_code for a in (refused, faulty, answer)]
    assert (["iv-1"], 0) == _of(answer, "interviews", "blocked")
    assert f"/v1/runs/{answer.json()['run']}" == answer.headers["location"]


def test_judging_again_needs_a_judge(world):
    """Where none is named, it is said how to name one."""
    rita = person(world, "rita", "recruiter")
    path = f"/v1/scorecards/{world.scorecard}/rescore"

    answer = rita.client.post(path, json={"reason": "the manager doubts it"}, headers=rita.headers)

    assert 400 == answer.status_code
    assert "DEBRIEF_MODEL" in answer.json()["detail"]


def test_name_is_revealed_to_whom_it_may_be(world):
    """And logged, without it."""
    hana, ada = person(world, "hana", "hiring_manager"), person(world)

    told = hana.client.post("/v1/interviews/iv-1/name", headers=hana.headers)

    assert (200, NAME, "no-store") == (told.status_code, told.json()["name"], told.headers["cache-control"])
    assert 403 == ada.client.post("/v1/interviews/iv-1/name", headers=ada.headers).status_code
    with world.database.begin() as db:
        logged = db.exec_driver_sql("SELECT action, object, detail FROM audit").all()
    assert [("name.reveal", "interview:iv-1", {})] == [tuple(row) for row in logged]


def test_writing_needs_the_sessions_own_word(world):
    """Another site's script cannot send it."""
    ada = person(world)
    ada.headers = {}

    assert 403 == ada.act(world.review).status_code
