"""Every route x everybody: what the gate does is what evaluator/people.py says, and nothing shows what it hides."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from evaluator.people import ROLES, Viewer
from evaluator.web.app import create_app
from evaluator.web.rights import (
    Globally,
    InRequisition,
    Public,
    Route,
    SignedIn,
    Somewhere,
    add,
    of_interview,
    of_requisition,
    of_scorecard,
    open_gate,
    routes,
)
from tests.fakes import MemoryStore
from tests.integration.web.conftest import LOOPBACK, a_person, a_scored_interview, a_token, sign_in

HERE, ELSEWHERE = "REQ-114", "REQ-9"

# What each address needs, written down once more: rights change only where somebody changed them in two places.
NEEDS = {
    "GET /": Public(),
    "GET /static/{name}": Public(),
    "GET /livez": Public(),
    "GET /version": Public(),
    "GET /login": Public(),
    "GET /enter": Public(),
    "POST /enter": Public(),
    "POST /logout": SignedIn(),
    "GET /account": SignedIn(),
    "POST /account/tokens": SignedIn(),
    "POST /account/tokens/{token_id}/revoke": SignedIn(),
    "POST /account/sessions/end-others": SignedIn(),
    "POST /views": SignedIn(),
    "POST /views/{view_id}/delete": SignedIn(),
    "GET /people": Globally("manage_people"),
    "POST /people/{person_id}/admin": Globally("manage_people"),
    "POST /people/{person_id}/active": Globally("manage_people"),
    "GET /interviews": Somewhere("see_interviews"),
    "GET /interviews/{interview_id}": InRequisition("see_interviews", of_interview),
    "GET /interviews/{interview_id}/transcript": InRequisition("see_interviews", of_interview),
    "GET /interviews/{interview_id}/recording": InRequisition("hear_recording", of_interview),
    "GET /v1/interviews/{interview_id}/transcript": InRequisition("see_interviews", of_interview),
    "GET /v1/interviews/{interview_id}/recording": InRequisition("hear_recording", of_interview),
    "GET /audit": Globally("see_audit"),
    "GET /audit/export.csv": Globally("see_audit"),
    "GET /v1/audit": Globally("see_audit"),
    "GET /scorecards/{ref}": InRequisition("see_interviews", of_scorecard),
    "GET /scorecards/{ref}.json": InRequisition("see_interviews", of_scorecard),
    "GET /interviews.csv": Somewhere("export"),
    "GET /v1/exports/scorecards": Somewhere("export"),
    **{
        f"GET {path}": InRequisition("export", of_scorecard)
        for path in (
            "/scorecards/{ref}/export.csv",
            "/scorecards/{ref}/export.json",
            "/scorecards/{ref}/export.pdf",
            "/scorecards/{ref}/greenhouse.json",
            "/v1/scorecards/{ref}/csv",
            "/v1/scorecards/{ref}/pdf",
            "/v1/scorecards/{ref}/greenhouse",
        )
    },
    **{
        f"GET {path}": InRequisition("explain", of_scorecard)
        for path in (
            "/scorecards/{ref}/explanation",
            "/scorecards/{ref}/explanation.txt",
            "/scorecards/{ref}/explanation.pdf",
            "/v1/scorecards/{ref}/explanation",
        )
    },
    "GET /compare": Somewhere("see_interviews"),
    "GET /compare.csv": Somewhere("export"),
    "GET /v1/compare": Somewhere("see_interviews"),
    **{
        f"{method} /scorecards/{{ref}}/{path}": InRequisition(act, of_scorecard)
        for act, paths in {
            "review": ("review", "finals", "criteria/{criterion_id}", "recommendation"),
            "dismiss": ("dismiss", "restore"),
            "rescore": ("rescore",),
        }.items()
        for path in paths
        for method in ("GET", "POST")
    },
    "POST /interviews/{interview_id}/name": InRequisition("reveal_name", of_interview),
    "GET /requisitions": Somewhere("see_interviews"),
    "GET /requisitions/{requisition_id}": InRequisition("see_interviews", of_requisition),
    "POST /requisitions/{requisition_id}": InRequisition("manage", of_requisition),
    "POST /requisitions/{requisition_id}/members": InRequisition("manage", of_requisition),
    "POST /requisitions/{requisition_id}/members/remove": InRequisition("manage", of_requisition),
    "GET /v1/requisitions": Somewhere("see_interviews"),
    "GET /v1/requisitions/{requisition_id}": InRequisition("see_interviews", of_requisition),
    "PATCH /v1/requisitions/{requisition_id}": InRequisition("manage", of_requisition),
    **{
        f"{method} /v1/requisitions/{{requisition_id}}/members/{{person_id}}/{{role}}": InRequisition(
            "manage", of_requisition
        )
        for method in ("PUT", "DELETE")
    },
    "POST /interviews/{interview_id}/release": Globally("operate_runs"),
    "POST /v1/interviews/{interview_id}/release": Globally("operate_runs"),
    "GET /assign": Somewhere("assign"),
    "POST /assign": Somewhere("assign"),
    "POST /interviews/{interview_id}/reviewers": InRequisition("assign", of_interview),
    "POST /interviews/{interview_id}/reviewers/{person_id}/remove": InRequisition("assign", of_interview),
    "GET /v1/interviews/{interview_id}/reviewers": InRequisition("see_interviews", of_interview),
    "PUT /v1/interviews/{interview_id}/reviewers/{person_id}": InRequisition("assign", of_interview),
    "DELETE /v1/interviews/{interview_id}/reviewers/{person_id}": InRequisition("assign", of_interview),
    **{f"POST /v1/runs/{{name}}/{word}": Globally("operate_runs") for word in ("pause", "resume", "stop", "retry")},
    **{f"POST /runs/{{name}}/{word}": Globally("operate_runs") for word in ("pause", "resume", "stop", "retry")},
    "GET /runs/{name}/stop": Globally("operate_runs"),
    **{
        f"{method} {path}": Globally("see_runs" if method == "GET" and "remove" not in path else "operate_runs")
        for method, path in (
            ("GET", "/schedules"),
            ("POST", "/schedules"),
            ("POST", "/schedules/{name}/pause"),
            ("POST", "/schedules/{name}/resume"),
            ("GET", "/schedules/{name}/remove"),
            ("POST", "/schedules/{name}/remove"),
            ("GET", "/v1/schedules"),
            ("POST", "/v1/schedules"),
            ("GET", "/v1/schedules/{name}"),
            ("PATCH", "/v1/schedules/{name}"),
            ("DELETE", "/v1/schedules/{name}"),
        )
    },
    **{
        f"{method} {path}": Globally("manage_webhooks")
        for method, path in (
            ("GET", "/webhooks"),
            ("POST", "/webhooks"),
            ("GET", "/webhooks/{webhook_id}"),
            ("POST", "/webhooks/{webhook_id}/test"),
            ("POST", "/webhooks/{webhook_id}/rotate"),
            ("POST", "/webhooks/{webhook_id}/rotate/end"),
            ("GET", "/webhooks/{webhook_id}/remove"),
            ("POST", "/webhooks/{webhook_id}/remove"),
            ("POST", "/webhooks/{webhook_id}/messages/{message}/redeliver"),
            ("GET", "/v1/webhooks"),
            ("POST", "/v1/webhooks"),
            ("GET", "/v1/webhooks/{webhook_id}"),
            ("DELETE", "/v1/webhooks/{webhook_id}"),
            ("POST", "/v1/webhooks/{webhook_id}/test"),
            ("POST", "/v1/webhooks/{webhook_id}/rotate"),
            ("POST", "/v1/webhooks/{webhook_id}/rotate/end"),
            ("GET", "/v1/webhooks/{webhook_id}/messages"),
            ("POST", "/v1/webhooks/{webhook_id}/messages/{message}/redeliver"),
        )
    },
    **{f"GET {p}": Globally("see_costs") for p in ("/costs", "/costs.csv", "/v1/costs", "/v1/runs/{name}/cost")},
    "GET /rubrics": Globally("see_rubrics"),
    "GET /rubrics/{rubric_id}": Globally("see_rubrics"),
    "GET /rubrics/{rubric_id}/{version}": Globally("see_rubrics"),
    "GET /runs": Globally("see_runs"),
    "GET /runs/{name}": Globally("see_runs"),
    "GET /runs/{name}.json": Globally("see_runs"),
    "GET /runs/{name}/report": Globally("see_runs"),
    "GET /v1/scorecards/{ref}/records": InRequisition("see_interviews", of_scorecard),
    "GET /v1/scorecards/{ref}/records/{number}": InRequisition("see_interviews", of_scorecard),
    "POST /v1/scorecards/{ref}/records": InRequisition("review", of_scorecard),
    "GET /v1/scorecards/{ref}/draft": InRequisition("review", of_scorecard),
    "PUT /v1/scorecards/{ref}/draft": InRequisition("review", of_scorecard),
    "POST /v1/scorecards/{ref}/rescore": InRequisition("rescore", of_scorecard),
    "POST /v1/interviews/{interview_id}/name": InRequisition("reveal_name", of_interview),
    "GET /v1/interviews": Somewhere("see_interviews"),
    "GET /v1/interviews/{interview_id}": InRequisition("see_interviews", of_interview),
    "GET /v1/scorecards/{ref}": InRequisition("see_interviews", of_scorecard),
    "GET /v1/rubrics": Globally("see_rubrics"),
    "GET /v1/rubrics/{rubric_id}/{version}": Globally("see_rubrics"),
    "GET /v1/runs": Globally("see_runs"),
    "POST /v1/runs": Globally("operate_runs"),
    "GET /v1/runs/{name}": Globally("see_runs"),
    "GET /v1/me": SignedIn(tokens=True),
    "GET /v1/views": SignedIn(tokens=True),
    "POST /v1/views": SignedIn(),
    "GET /v1/views/{view_id}": SignedIn(tokens=True),
    "PUT /v1/views/{view_id}": SignedIn(),
    "DELETE /v1/views/{view_id}": SignedIn(),
    "GET /v1/openapi.json": Public(),
    "GET /api": SignedIn(),
    "GET /readyz": Public(),
    "GET /metrics": Globally("see_runs"),
}


def _in(role, requisition=HERE):
    return {"roles": {requisition: frozenset({role})}}


# Everybody: the viewer that people.py decides over. A token is its owner's, within one scope.
OWNERS = {"admin": {"admin": True}, "recruiter": _in("recruiter"), "reviewer": _in("reviewer")}
VIEWERS: dict[str, Viewer | None] = {
    "nobody": None,
    "member of nothing": Viewer(person_id=1, name="x", entry="session"),
    "reviewer elsewhere": Viewer(person_id=1, name="x", entry="session", **_in("reviewer", ELSEWHERE)),
    **{role: Viewer(person_id=1, name="x", entry="session", **_in(role)) for role in ROLES},
    "admin": Viewer(person_id=1, name="x", entry="session", admin=True),
    **{
        f"{owner}'s token to {scope}": Viewer(person_id=1, name="x", entry="token", scopes=frozenset({scope}), **held)
        for owner, held in OWNERS.items()
        for scope in ("read", "review", "operate")
    },
}


def expected(need, viewer):
    """What people.py says of it."""
    if isinstance(need, Public):
        return "in"
    if viewer is None:
        return "unknown"
    match need:
        case SignedIn(tokens=tokens):
            held = viewer.entry == "session" or tokens
        case Somewhere(act):
            held = viewer.requisitions_for(act) != frozenset()
        case Globally(act):
            held = viewer.may_globally(act)
        case InRequisition(act, _):
            held = viewer.may(act, HERE)
    hidden = isinstance(need, InRequisition) and not viewer.may("see_interviews", HERE)
    return "in" if held else "unseen" if hidden else "forbidden"


def seen(answer):
    """What the gate did: whatever a handler says itself is `in`."""
    asked_to_read, leads = answer.request.method == "GET", answer.headers.get("location", "")
    if answer.status_code == 401 or (asked_to_read and leads.startswith("/login")):
        return "unknown"
    if answer.status_code == 403 and ("You may not do this" in answer.text):
        return "forbidden"
    return "unseen" if answer.status_code == 404 and "or none that you may see" in answer.text else "in"


class Place:
    """Pages with one scored interview here, and one elsewhere."""

    def __init__(self, database, make=create_app):
        self.database, store, self.tokens = database, MemoryStore(), {}
        self.scorecard = a_scored_interview(database, store, "iv-1", HERE)
        self.other = a_scored_interview(database, store, "iv-2", ELSEWHERE)
        self.app = make(database, store, version="1")
        self.filled = {"interview_id": "iv-1", "ref": self.scorecard, "requisition_id": HERE, "rubric_id": "backend"}
        self.filled |= {"webhook_id": "1", "message": "1", "role": "reviewer"}
        self.filled |= {"version": "1", "name": "run-iv-1", "token_id": "1", "person_id": "999", "view_id": "1"}
        self.filled |= {"number": "1", "criterion_id": "depth"}

    def browser(self, viewer, name):
        """Whoever asks, and what their forms carry."""
        client = TestClient(self.app, base_url=LOOPBACK, follow_redirects=False)
        if viewer is None:
            client.headers["Origin"] = LOOPBACK
            return client, {}
        roles = [(requisition, role) for requisition, held in viewer.roles.items() for role in held]
        person_id = a_person(self.database, name, admin=viewer.admin, roles=roles)
        if viewer.entry == "token":
            if name not in self.tokens:  # one is enough: a person may have so many
                self.tokens[name] = a_token(self.database, person_id, *viewer.scopes)
            client.headers["Authorization"] = f"Bearer {self.tokens[name]}"
            return client, {}
        return client, {"csrf": sign_in(client, self.database, person_id)}

    def ask(self, viewer, name, route, method):
        """One request to the route."""
        client, form = self.browser(viewer, name)
        path = re.sub(r"{(\w+)}", lambda found: self.filled[found[1]], route.path)
        return client.request(method, path, data=form or None)


@pytest.fixture
def place(database):
    """The pages, with data in them."""
    return Place(database)


def test_every_route_needs_what_is_written_here(place):
    """A new route, or a changed need, is looked at twice."""
    found = {f"{method} {r.path}": r.need for r in routes(place.app) for method in r.methods - {"HEAD"}}

    assert NEEDS == found


@pytest.mark.parametrize("name", VIEWERS)
def test_every_route_lets_in_whom_the_rights_say(place, name):
    """All routes, asked by one of everybody; none fails."""
    viewer = VIEWERS[name]
    asked = [(route, method) for route in routes(place.app) for method in route.methods - {"HEAD"}]

    answers = {f"{method} {r.path}": place.ask(viewer, name, r, method) for r, method in asked}

    assert {f"{method} {r.path}": expected(r.need, viewer) for r, method in asked} == {
        key: seen(answer) for key, answer in answers.items()
    }
    assert not {key: answer.status_code for key, answer in answers.items() if answer.status_code >= 500}


@pytest.mark.parametrize("name", ["nobody", "reviewer elsewhere", "reviewer", "admin's token to read"])
def test_head_tells_no_more_than_get(place, name):
    """Same status, for whoever asks."""
    viewer = VIEWERS[name]
    read = [route for route in routes(place.app) if "HEAD" in route.methods]

    found = {r.path: place.ask(viewer, name, r, "HEAD").status_code for r in read}

    assert {r.path: place.ask(viewer, name, r, "GET").status_code for r in read} == found


@pytest.mark.parametrize(
    "path", ["/interviews/{}", "/interviews/{}/transcript", "/scorecards/{}", "/scorecards/{}.json"]
)
def test_what_one_may_not_see_answers_as_what_does_not_exist(place, path):
    """Same status, same headers, same words."""
    client, _ = place.browser(VIEWERS["reviewer"], "reviewer")

    answers = [client.get(path.format(name)) for name in ("iv-2", "iv-77")]

    hidden, absent = (
        (a.status_code, {k: v for k, v in a.headers.items() if k != "x-request-id"}, _without_id(a)) for a in answers
    )
    assert absent == hidden
    assert 404 == hidden[0]


@pytest.mark.parametrize("name", ["a%00b", "%F0%9F%98%80", "a" * 65, "-x", "a%0A", "%27--"])
def test_what_can_be_no_id_does_not_exist(place, name):
    """For administrators too, and without an error from the database."""
    client, _ = place.browser(VIEWERS["admin"], "admin")

    assert {404} == {client.get(path.format(name)).status_code for path in ("/interviews/{}", "/scorecards/{}.json")}


def _without_id(answer):
    return answer.text.replace(answer.headers["x-request-id"], "")


def test_lists_hold_nothing_of_other_requisitions(place):
    """Neither lines nor names in filters nor counts."""
    client, _ = place.browser(VIEWERS["reviewer"], "reviewer")

    pages = [client.get(r.path).text for r in routes(place.app) if isinstance(r.need, Somewhere)]
    filtered = client.get(f"/interviews?requisition={ELSEWHERE}").text

    assert any("iv-1" in page for page in pages)
    assert not [page for page in pages if "iv-2" in page or ELSEWHERE in page]
    assert "iv-2" not in filtered


def test_roles_end_with_the_next_request(place):
    """Nothing is remembered from one request to the next."""
    client, _ = place.browser(VIEWERS["reviewer"], "reviewer")
    before = client.get("/interviews/iv-1").status_code
    with place.database.begin() as db:
        db.exec_driver_sql("DELETE FROM membership")

    assert (200, 404) == (before, client.get("/interviews/iv-1").status_code)


def test_a_route_without_a_need_cannot_be_added(place):
    """Neither by FastAPI's own way, nor unseen past it."""
    with pytest.raises(TypeError, match="need"):
        place.app.get("/open")(lambda: None)

    place.app.router.add_route("/open", lambda request: None)
    with pytest.raises(TypeError, match="'/open' was not added by"):
        routes(place.app)


def test_the_body_is_not_read_for_who_may_not_send_it():
    """The gate stands before the parser."""
    app = FastAPI()

    class Closed:
        access = None

        def admit(self, request, need):
            raise LookupError

    def handler(body: dict) -> None:
        raise AssertionError

    open_gate(app, Closed())
    add(app, "/thing", handler, needs=SignedIn(), methods=("POST",))

    with pytest.raises(LookupError):
        TestClient(app).post("/thing", content=b"{", headers={"Authorization": "Bearer x", "Content-Type": "text/json"})
    assert isinstance(app.routes[-1], Route)
