"""What operators do to a run from its page and by the API, and what a run is compared with when it has ended."""

import pytest

from evaluator.people import COMMAND, Viewer
from evaluator.storage.watching import MEAN_MIN, run_compared
from tests.factories import a_completion
from tests.integration.storage.builders import change, rows
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import World, a_review, text_of
from tests.unit.web.builders import SPLIT, SURE

GENEROUS = a_completion((5, 5), (["U1", "U2"], ["U2"]), ({5: 1.0}, {5: 1.0}))
SEVERE = a_completion((1, 2), (["U2"], ["U1"]), (SURE, SPLIT))
ADMIN = Viewer(person_id=1, name="x", entry="session", admin=True)
RECRUITER = Viewer(person_id=2, name="x", entry="session", roles={"REQ-114": frozenset({"recruiter"})})


@pytest.fixture
def world(database):
    """An open run of two interviews."""
    world = World(database)
    world.interview("iv-1")
    world.interview("iv-2")
    world.run()
    with world.client:
        yield world


def post(world, path, **fields):
    """A form of the administrator's."""
    return world.client.post(path, data={"csrf": world.client.csrf, **fields}, follow_redirects=False)


def state(world, name="night-1"):
    """Of the run."""
    (run,) = rows(world.database, f"SELECT state, closed_because FROM run WHERE name = '{name}'")
    return run["state"]


def logged(world):
    """Actions in order."""
    return [one["action"] for one in rows(world.database, "SELECT action FROM audit ORDER BY id")]


def fail(world):
    """What is taken up next ends as failed."""
    change(world.database, "UPDATE evaluation SET state = 'quarantined', code = 'engine' WHERE interview_id = 'iv-1'")


def test_a_run_is_paused_and_resumed_from_its_page(world):
    """Each leads back to the page, which offers the other."""
    paused = post(world, "/runs/night-1/pause")
    shown = world.page("/runs/night-1")
    between = state(world)
    post(world, "/runs/night-1/resume")

    assert (303, "/runs/night-1") == (paused.status_code, paused.headers["location"])
    assert 'action="/runs/night-1/resume"' in shown
    assert 'action="/runs/night-1/pause"' not in shown
    assert ("paused", "open") == (between, state(world))
    assert ["run.pause", "run.resume"] == logged(world)


def test_a_stop_is_asked_for_first(world):
    """The question says what is left, and changes nothing."""
    asked = text_of(world.page("/runs/night-1/stop"))
    before = state(world)
    post(world, "/runs/night-1/stop")

    assert "2 of 2 interviews are not done" in asked
    assert ("open", "closed") == (before, state(world))
    assert "Stopped by an operator" in world.page("/runs/night-1")
    assert "has ended" in world.page("/runs/night-1/stop")
    assert ["run.stop"] == logged(world)


def test_a_run_that_has_ended_is_not_paused(world):
    """409, and no entry in the log."""
    post(world, "/runs/night-1/stop")

    assert 409 == post(world, "/runs/night-1/pause").status_code
    assert ["run.stop"] == logged(world)


def test_what_failed_is_tried_again(world):
    """In the same run while it is open; with a reason."""
    fail(world)
    shown = world.page("/runs/night-1")
    short = post(world, "/runs/night-1/retry", reason="x")
    done = post(world, "/runs/night-1/retry", reason="the engine is back", only_failed="true")

    assert 'action="/runs/night-1/retry"' in shown
    assert (400, 303, "/runs/night-1") == (short.status_code, done.status_code, done.headers["location"])
    found = rows(world.database, "SELECT DISTINCT state FROM evaluation")
    assert [{"state": "pending"}] == [dict(one) for one in found]
    assert ["run.retry"] == logged(world)


def test_what_a_stopped_run_left_is_tried_again_in_a_new_one(world):
    """The page leads there."""
    post(world, "/runs/night-1/stop")
    shown = text_of(world.page("/runs/night-1"))
    done = post(world, "/runs/night-1/retry", reason="go on with it")

    assert "What it left undone" in shown
    assert "/runs/night-1-retry-1" == done.headers["location"]
    assert "open" == state(world, "night-1-retry-1")


def test_nothing_to_retry_is_said(world):
    """409, in words."""
    answer = post(world, "/runs/night-1/retry", reason="no reason at all")

    assert 409 == answer.status_code
    assert "nothing of run night-1 failed" in answer.text
    assert [] == logged(world)


def test_a_recruiter_reads_and_operates_nothing(world):
    """No form is on their page, and what they send is refused."""
    client = world.visitor(a_person(world.database, "rec", roles=[("REQ-114", "recruiter")]))
    shown = client.get("/runs/night-1")

    assert 200 == shown.status_code
    assert "/pause" not in shown.text
    assert 403 == client.post("/runs/night-1/pause", data={"csrf": client.csrf}).status_code
    assert "open" == state(world)


@pytest.mark.parametrize(("word", "then"), [("pause", "paused"), ("resume", "open"), ("stop", "closed")])
def test_api_accepts(world, word, then):
    """202, and where the run can be followed; a token of the scope is enough, once per key."""
    admin = a_person(world.database, admin=True)
    bearer = {"Authorization": f"Bearer {a_token(world.database, admin, 'operate', 'read')}", "Idempotency-Key": "k1"}
    answers = [world.client.post(f"/v1/runs/night-1/{word}", headers=bearer) for _ in range(2)]

    assert [(202, "/v1/runs/night-1", then)] * 2 == [
        (one.status_code, one.headers["location"], one.json()["state"]) for one in answers
    ]
    assert [f"run.{word}"] == logged(world)
    assert then == state(world)


def test_api_retries(world):
    """Location names the run in which it happens."""
    post(world, "/runs/night-1/stop")
    head = {"X-CSRF-Token": world.client.csrf}
    done = world.client.post("/v1/runs/night-1/retry", json={"reason": "go on with it"}, headers=head)
    again = world.client.post(
        "/v1/runs/night-1/retry", json={"reason": "go on with it", "only_failed": True}, headers=head
    )

    assert (202, "/v1/runs/night-1-retry-1") == (done.status_code, done.headers["location"])
    assert 409 == again.status_code
    assert 404 == world.client.post("/v1/runs/nothing/pause", headers=head).status_code


# --- Compared with the runs before


def ended(world, name, saying, interviews):
    """A run of so many interviews that has ended."""
    for number in range(interviews):
        world.interview(f"{name}-{number}")
    world.run(name=name)
    return [world.score(design=saying) for _ in range(interviews)]


@pytest.fixture
def nights(database):
    """A generous night and a severe one after it."""
    world = World(database)
    world.first = ended(world, "a", GENEROUS, 2)
    world.second = ended(world, "b", SEVERE, 3)
    with world.client:
        yield world


def compared(world, viewer, name="b"):
    """The run beside those before it."""
    with world.database.begin() as db:
        return run_compared(db, viewer, name)


def test_figures_are_those_of_the_scorecards(nights):
    """Means of overall scores, shares of overrides, and of levels that the judge spread over two or more."""
    found = compared(nights, ADMIN)

    assert (1, 3, 1, 2) == (found.this.runs, found.this.scorecards, found.before.runs, found.before.scorecards)
    ids = ", ".join(f"'{card}'" for card in nights.second)
    (mean,) = rows(nights.database, f"SELECT avg(overall) AS m FROM scorecard WHERE id IN ({ids})")
    assert mean["m"] == pytest.approx(found.this.mean)
    assert 5.0 == pytest.approx(found.before.mean)
    assert (0.0, 0.0, 4) == (found.this.overridden, found.before.spread, found.before.levels)
    assert (0.5, 6) == (found.this.spread, found.this.levels)


def test_the_page_shows_them_with_what_changed(nights):
    """Only after the end, and only where there is a run before."""
    shown = text_of(nights.page("/runs/b"))

    assert "Compared with the run before it" in shown
    assert "Levels spread over 2 or more 50.0 % 0.0 % +50.0 points" in shown
    assert "Compared with" not in text_of(nights.page("/runs/a"))


def test_of_few_only_administrators_see_means(nights):
    """A recruiter and a token see that there are too few; twenty are enough for them."""
    token = Viewer(person_id=1, name="x", entry="token", admin=True, scopes=frozenset({"read"}))
    few = [compared(nights, viewer) for viewer in (RECRUITER, token)]
    ended(nights, "c", GENEROUS, MEAN_MIN)
    many = [compared(nights, viewer, "c") for viewer in (RECRUITER, token)]

    assert [(3, None, None, None)] * 2 == [
        (one.this.scorecards, one.this.mean, one.this.overridden, one.this.spread) for one in few
    ]
    assert [5.0, 5.0] == [one.this.mean for one in many]
    assert [None, None] == [one.before.mean for one in many]


def test_what_a_blind_review_hides_is_left_out_where_there_are_few(nights):
    """Also for administrators and in how many are counted, until they have reviewed it."""
    ada = a_person(nights.database, "ada", admin=True)
    nights.blind()
    viewer = ADMIN.model_copy(update={"person_id": ada})
    hidden = compared(nights, viewer)
    nights.add(nights.second[0], ada, a_review(nights.rubric))
    one = compared(nights, viewer)

    assert (0, None, 0) == (hidden.this.scorecards, hidden.this.mean, hidden.this.levels)
    assert 1 == one.this.scorecards
    assert 3 == compared(nights, COMMAND).this.scorecards


def test_many_hidden_ones_are_summed_up(nights):
    """Of twenty nobody can tell one."""
    ended(nights, "c", GENEROUS, MEAN_MIN)
    nights.blind()

    assert (MEAN_MIN, 5.0) == (
        compared(nights, RECRUITER, "c").this.scorecards,
        compared(nights, RECRUITER, "c").this.mean,
    )
