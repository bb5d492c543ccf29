"""Night runs on their page and by the API: added, changed, paused and removed by operators, read by recruiters."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from evaluator.judging import Sampling
from evaluator.storage.runs import Judge
from evaluator.storage.schedules import open_due_nights
from tests.factories import MODEL
from tests.integration.storage.builders import change, rows
from tests.integration.web.conftest import LOOPBACK, a_person, a_token
from tests.integration.web.world import World

JUDGE = Judge(model=MODEL, sampling=Sampling())
FORM = {
    "name": "night",
    "at": "22:00",
    "zone": "Europe/Berlin",
    "until": "06:00",
    "days": ["0", "1", "2", "3", "4"],
    "only": "missing",
    "budget": "3h",
}
NEW = {"name": "night", "at": "22:00", "zone": "Europe/Berlin", "days": "mon-fri", "until": "06:00", "budget": "3h"}


@pytest.fixture
def world(database):
    """An administrator on pages without prices."""
    return World(database, judge=JUDGE)


def sent(world, path, status=200, **fields):
    """The page that answers a form."""
    answer = world.client.post(path, data={"csrf": world.client.csrf, **fields})
    assert status == answer.status_code, answer.text
    return answer.text


def tonight(world, *, began=timedelta(minutes=5), days=1):
    """A schedule whose night began a moment ago, and the reconciler has looked; days: how long it has counted."""
    at = datetime.now(UTC) - began
    sent(world, "/schedules", **{**FORM, "at": f"{at:%H:%M}", "zone": "UTC", "until": "", "days": list("0123456")})
    change(world.database, "UPDATE schedule SET since = since - make_interval(days => :days)", days=days)
    with world.database.begin() as db:
        return open_due_nights(db, lambda: JUDGE, priced=False)


def test_a_schedule_is_added_and_read(world):
    """With what comes next, by both clocks."""
    page = sent(world, "/schedules", **FORM)

    for words in (
        "22:00 Europe/Berlin, Monday to Friday",
        "until 06:00",
        "3 engine hours a night",
        "Active",
        " 22:00 C",
    ):
        assert words in page
    assert [{"action": "schedule.add"}] == rows(world.database, "SELECT action FROM audit")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"at": "soon"}, "HH:MM"),
        ({"zone": "Europe/Berln"}, "did you mean Europe/Berlin"),
        ({"days": []}, "days"),
        ({"budget": "10"}, "needs a price"),
        ({"budget": "ten"}, "2Mtok"),
        ({"until": "never"}, "8h"),
        ({"name": "a b"}, "name"),
        ({"only": "some"}, "only"),
    ],
)
def test_a_faulty_schedule_is_refused_with_what_was_sent(world, fields, words):
    """The form keeps what was typed; nothing is kept in the database."""
    page = sent(world, "/schedules", 422, **{**FORM, **fields})

    assert words in page
    assert "It was not added" in page
    assert [] == rows(world.database, "SELECT 1 FROM schedule")


def test_the_last_night_and_missed_ones_are_told(world):
    """With a link to the run; a missed night cannot be overlooked."""
    world.interview()
    report = tonight(world, days=2)
    page = world.page("/schedules")

    assert (1, 1) == (len(report.opened), report.missed)
    assert f'href="/runs/{report.opened[0]}"' in page
    assert "1 of the last 2 missed" in page
    assert "budget 3 engine hours" in world.page(f"/runs/{report.opened[0]}")


def test_a_night_without_anything_to_score_is_told(world):
    """It is not silently absent."""
    tonight(world)

    assert "nothing to score" in world.page("/schedules")


def test_a_night_that_cannot_begin_says_why(world):
    """On the page, until it can."""
    world.interview()
    sent(world, "/schedules", **FORM)
    change(world.database, "UPDATE schedule SET trouble = 'DEBRIEF_MODEL is not set'")

    page = world.page("/schedules")

    assert "Cannot begin" in page
    assert "DEBRIEF_MODEL is not set" in page


def test_a_schedule_is_paused_resumed_and_removed(world):
    """Removing asks first."""
    sent(world, "/schedules", **FORM)

    assert "Paused" in sent(world, "/schedules/night/pause")
    assert "Active" in sent(world, "/schedules/night/resume")
    assert "Remove schedule night?" in world.page("/schedules/night/remove")
    assert "No night runs yet" in sent(world, "/schedules/night/remove")


def test_recruiters_read_and_do_not_operate(world):
    """They see the page without its forms."""
    sent(world, "/schedules", **FORM)
    recruiter = world.visitor(a_person(world.database, "rita", roles=[("REQ-114", "recruiter")]))

    page = recruiter.get("/schedules").text

    assert "22:00 Europe/Berlin" in page
    assert 'action="/schedules' not in page
    assert 403 == recruiter.post("/schedules/night/pause", data={"csrf": recruiter.csrf}).status_code


def test_runs_lead_to_the_schedules(world):
    """From their list."""
    assert 'href="/schedules"' in world.page("/runs")


@pytest.fixture
def api(world):
    """A program with an operator's token."""
    admin = a_person(world.database, "root", admin=True)
    token = a_token(world.database, admin, "read", "operate")
    with TestClient(world.app, base_url=LOOPBACK, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def test_the_api_adds_and_lists(api):
    """With the next seven nights; the name is taken from then on."""
    added = api.post("/v1/schedules", json=NEW)
    listed = api.get("/v1/schedules").json()

    assert (201, "/v1/schedules/night") == (added.status_code, added.headers["Location"])
    assert added.json() == listed["items"][0]
    assert ("mon-fri", "3h", 7) == (added.json()["days"], added.json()["budget"], len(added.json()["coming"]))
    assert 409 == api.post("/v1/schedules", json=NEW).status_code


def test_the_list_goes_on_behind_a_cursor(api):
    """By name."""
    for name in ("c", "a", "b"):
        api.post("/v1/schedules", json={**NEW, "name": name})
    first = api.get("/v1/schedules", params={"limit": 2}).json()
    second = api.get("/v1/schedules", params={"limit": 2, "cursor": first["next"]}).json()

    assert ["a", "b", "c"] == [one["name"] for one in (*first["items"], *second["items"])]


def test_the_same_request_again_adds_once(api):
    """With an Idempotency-Key."""
    answers = [api.post("/v1/schedules", json=NEW, headers={"Idempotency-Key": "k1"}) for _ in range(2)]

    assert [201, 201] == [answer.status_code for answer in answers]


def test_the_api_changes_what_is_given(api):
    """On the condition that nobody else has meanwhile; null is meant, what is left out stays."""
    api.post("/v1/schedules", json=NEW)
    tag = api.get("/v1/schedules/night").headers["ETag"]

    changed = api.patch("/v1/schedules/night", json={"at": "23:30", "until": None}, headers={"If-Match": tag})
    again = api.patch("/v1/schedules/night", json={"at": "21:00"}, headers={"If-Match": tag})
    blindly = api.patch("/v1/schedules/night", json={"at": "21:00"})

    assert 200 == changed.status_code, changed.text
    assert ("23:30", None, "mon-fri", "3h") == tuple(changed.json()[key] for key in ("at", "until", "days", "budget"))
    assert (412, 428) == (again.status_code, blindly.status_code)


def test_the_api_pauses_resumes_and_removes(api):
    """A paused one has nothing coming."""
    api.post("/v1/schedules", json=NEW)
    tag = api.get("/v1/schedules/night").headers["ETag"]
    paused = api.patch("/v1/schedules/night", json={"active": False}, headers={"If-Match": tag})
    resumed = api.patch("/v1/schedules/night", json={"active": True}, headers={"If-Match": paused.headers["ETag"]})

    assert (False, []) == (paused.json()["active"], paused.json()["coming"])
    assert 7 == len(resumed.json()["coming"])
    assert 204 == api.delete("/v1/schedules/night").status_code
    assert 404 == api.get("/v1/schedules/night").status_code


@pytest.mark.parametrize(
    "fields",
    [{"at": "25:00"}, {"zone": "Mars"}, {"days": "never"}, {"budget": "x"}, {"until": "-1h"}, {"name": "a" * 51}],
)
def test_the_api_refuses_faults(api, fields):
    """Before anything is kept."""
    assert 422 == api.post("/v1/schedules", json={**NEW, **fields}).status_code


def test_money_needs_a_price(api, database):
    """Without one it would never be reached; with one it is a budget like others."""
    refused = api.post("/v1/schedules", json={**NEW, "budget": "10"})
    run = api.post("/v1/runs", json={"budget": "10"})

    assert (400, 400) == (refused.status_code, run.status_code)
    assert "needs a price" in refused.json()["detail"]


def test_a_run_has_a_budget_and_a_plan(world, api):
    """The plan says that there is no past to learn from."""
    world.interview()

    plan = api.post("/v1/runs", json={"budget": "2Mtok", "dry_run": True}).json()
    run = api.post("/v1/runs", json={"name": "tonight", "budget": "2Mtok"}).json()

    assert (1, None) == (plan["to_judge"], plan["forecast"])
    assert ("2Mtok", "2Mtok") == (run["budget"], api.get("/v1/runs/tonight").json()["budget"])
