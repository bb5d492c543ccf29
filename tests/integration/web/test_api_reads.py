"""What `/v1` answers to readers: the same as the pages, with ETags, cursors, and nothing that a blind review hides."""

import pytest

from evaluator.web.api.filters import Filters
from evaluator.web.api.scorecards import ScorecardAnswer
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import NAME, World, a_review


@pytest.fixture
def world(database):
    """Pages over an empty database."""
    return World(database)


@pytest.fixture
def three(world):
    """Three interviews, two of them scored."""
    for n in (1, 2):
        world.interview(f"iv-{n}")
    world.run()
    world.scorecards = [world.score(), world.score()]
    world.interview("iv-3", requisition="REQ-9")
    return world


def get(world, path, status=200, **headers):
    """The answer as JSON."""
    answer = world.client.get(path, headers=headers)
    assert status == answer.status_code, answer.text
    return answer.json()


def test_the_list_holds_what_the_page_holds(three):
    """The newest intake first."""
    found = get(three, "/v1/interviews")

    assert ["iv-3", "iv-2", "iv-1"] == [item["id"] for item in found["items"]]
    assert (None, None) == (found["next"], found["previous"])
    assert ["not_started", "needs_review"] == [found["items"][n]["state"] for n in (0, 1)]
    assert found["items"][1]["overall"] is not None
    assert NAME not in str(found)


@pytest.mark.parametrize("sort", ["-intake", "intake", "interviewed_at", "-score", "score"])
def test_cursors_lead_through_the_list_and_back(three, sort):
    """Each interview once, in the order that was asked for."""
    whole = [item["id"] for item in get(three, f"/v1/interviews?sort={sort}")["items"]]
    pages, path = [], f"/v1/interviews?sort={sort}&limit=1"
    cursor = None
    for _ in range(3):
        pages.append(get(three, path + (f"&cursor={cursor}" if cursor else "")))
        cursor = pages[-1]["next"]
    back = get(three, f"{path}&cursor={pages[2]['previous']}")

    assert whole == [item["id"] for page in pages for item in page["items"]]
    assert cursor is None
    assert pages[1]["items"] == back["items"]


def test_a_cursor_of_another_order_is_refused(three):
    """400, and it says what to do."""
    cursor = get(three, "/v1/interviews?limit=1")["next"]

    problem = get(three, f"/v1/interviews?sort=intake&cursor={cursor}", 400)

    assert "start again without it" in problem["detail"]


@pytest.mark.parametrize(
    "query", ["sort=x", "limit=0", "limit=201", "requisition=-", "since=yesterday", "unknown=1", "q=", "rubric=x"]
)
def test_a_filter_that_nobody_can_mean_is_named(world, query):
    """422."""
    assert query.partition("=")[0] in get(world, f"/v1/interviews?{query}", 422)["detail"]


@pytest.mark.parametrize("query", ["since=0001-01-01", "until=9999-12-31", "q=%25", "q=%F0%9F%98%80"])
def test_a_filter_at_the_edge_of_what_there_is_filters(three, query):
    """And never fails."""
    assert "items" in get(three, f"/v1/interviews?{query}")


@pytest.mark.parametrize("path", ["/v1/interviews", "/v1/interviews/iv-1", "/v1/scorecards/iv-1", "/v1/rubrics"])
def test_who_has_it_is_told_so(three, path):
    """304, and with the change the tag changes."""
    first = three.client.get(path)
    again = three.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    three.blind()

    assert (304, b"", first.headers["etag"]) == (again.status_code, again.content, again.headers["etag"])
    if "rubrics" not in path:
        assert 200 == three.client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code


def test_one_interview_has_its_story(three):
    """And no name."""
    found = get(three, "/v1/interviews/iv-1")

    assert ("iv-1", "C-iv-1", three.scorecards[0]) == (found["id"], found["candidate_ref"], found["scorecard_id"])
    assert found["story"]
    assert NAME not in str(found)


@pytest.mark.parametrize("ref", [0, "iv-1"])
def test_an_open_scorecard_has_the_judges_body_and_the_words_that_it_cites(three, ref):
    """By its id, or as the newest of its interview."""
    found = get(three, f"/v1/scorecards/{three.scorecards[0] if ref == 0 else ref}")

    assert ScorecardAnswer.model_validate(found).ai_visible
    assert (three.scorecards[0], True) == (found["scorecard_id"], bool(found["evidence"]))


def test_a_locked_scorecard_has_nothing_of_the_judge(three):
    """Until the asker has reviewed; a token never has."""
    three.blind()
    locked = get(three, "/v1/scorecards/iv-1")
    person = a_person(three.database, "r", roles=[("REQ-114", "reviewer")])
    three.add(three.scorecards[0], person, a_review(three.rubric))
    client = three.visitor(person)
    token = {"Authorization": f"Bearer {a_token(three.database, person, 'read')}"}

    assert [None] * 5 == [locked[n] for n in ("body", "body_sha256", "evidence", "human", "execution")]
    assert client.get("/v1/scorecards/iv-1").json()["ai_visible"]
    assert not client.get("/v1/scorecards/iv-1", headers=token).json()["ai_visible"]


def test_a_rubric_is_whole(three):
    """With its digest."""
    listed = get(three, "/v1/rubrics")["items"]
    found = get(three, "/v1/rubrics/backend/1")

    assert ["backend@1"] == [item["ref"] for item in listed]
    assert three.rubric.digest == found["digest"] == listed[0]["digest"]
    assert three.rubric.model_dump(mode="json") == found["rubric"]
    get(three, "/v1/rubrics/backend/7", 404)


def test_runs_are_listed_page_by_page(three):
    """The newest first; their accounts add up."""
    three.run(name="night-2", only="all")
    first = get(three, "/v1/runs?limit=1")
    second = get(three, f"/v1/runs?limit=1&cursor={first['next']}")

    assert ["night-2", "night-1"] == [page["items"][0]["name"] for page in (first, second)]
    assert second["next"] is None
    assert (2, 2) == (second["items"][0]["selected"], sum(second["items"][0]["counts"].values()))
    assert second["items"][0] == get(three, "/v1/runs/night-1")
    get(three, "/v1/runs/night-9", 404)


def test_whoever_asks_learns_who_they_are(world):
    """Roles of a session; scopes of a token."""
    person = a_person(world.database, "r", roles=[("REQ-114", "reviewer")])
    client = world.visitor(person)
    token = {"Authorization": f"Bearer {a_token(world.database, person, 'read', 'review')}"}

    found, by_token = client.get("/v1/me").json(), client.get("/v1/me", headers=token).json()

    assert {"REQ-114": ["reviewer"]} == found["roles"]
    assert ("session", [], ["see_rubrics"]) == (found["entry"], found["scopes"], found["may"])
    assert ("token", ["read", "review"]) == (by_token["entry"], by_token["scopes"])


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"q": "C-1", "state": "needs_review", "alerts": "yes", "sort": "score"},
        {"since": "2026-01-01", "reviewer": "me"},
    ],
)
def test_filters_come_back_from_a_query_as_they_went(filters):
    """Whatever is asked for."""
    given = Filters.model_validate(filters)

    assert given == Filters.of(given.wanted)


def change(world, method, path, **more):
    """A request that changes something, as a page of ours would send it."""
    headers = {"X-CSRF-Token": world.client.csrf, **more.pop("headers", {})}
    return world.client.request(method, path, headers=headers, **more)


def test_a_saved_view_is_made_changed_and_forgotten(world):
    """With conditions on each change."""
    body = {"name": " My queue ", "filters": {"state": "needs_review"}}
    made = change(world, "POST", "/v1/views", json=body)
    path, tag = made.headers["location"], made.headers["etag"]
    unconditional = change(world, "PUT", path, json=body)
    changed = change(world, "PUT", path, json={"name": "Mine"}, headers={"If-Match": tag})
    stale = change(world, "DELETE", path, headers={"If-Match": tag})
    listed = get(world, "/v1/views")["items"]
    gone = change(world, "DELETE", path, headers={"If-Match": changed.headers["etag"]})

    assert (201, "My queue", "/interviews?state=needs_review") == (
        made.status_code,
        made.json()["name"],
        made.json()["page"],
    )
    assert [428, 200, 412, 204] == [r.status_code for r in (unconditional, changed, stale, gone)]
    assert ["Mine"] == [view["name"] for view in listed]
    assert 404 == world.client.get(path).status_code


def test_a_name_is_given_to_one_view(world):
    """409, for a new one and for a changed one."""
    one = change(world, "POST", "/v1/views", json={"name": "a"})
    two = change(world, "POST", "/v1/views", json={"name": "b"})

    again = change(world, "POST", "/v1/views", json={"name": "a"})
    renamed = change(
        world, "PUT", two.headers["location"], json={"name": "a"}, headers={"If-Match": two.headers["etag"]}
    )

    assert [201, 409, 409] == [r.status_code for r in (one, again, renamed)]


def test_views_are_each_persons_own(world):
    """Another's does not exist."""
    path = change(world, "POST", "/v1/views", json={"name": "a"}).headers["location"]
    other = world.visitor(a_person(world.database, "b", admin=True))

    assert (404, []) == (other.get(path).status_code, other.get("/v1/views").json()["items"])
