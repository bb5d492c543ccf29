"""Whatever is sent to `/v1`, it answers as its own document says: every operation, right and wrong values, real rows.

DEBRIEF_FUZZ_EXAMPLES=200 looks longer (`make fuzz-api`); the usual number keeps this under a minute.
"""

import copy
import os

import pytest
import schemathesis
from fastapi.testclient import TestClient
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import EngineFinished, NonFatalError, ScenarioFinished

from evaluator.judging import Sampling
from evaluator.storage import human
from evaluator.storage.people import viewer_of
from evaluator.storage.runs import Judge
from evaluator.storage.saved_views import save_view
from evaluator.web.api.document import DOCUMENT
from evaluator.web.app import create_app
from tests.factories import MODEL, a_rubric
from tests.fakes import MemoryStore
from tests.integration.web.conftest import LOOPBACK, a_person, a_scored_interview, a_token, sign_in
from tests.integration.web.world import a_review

EXAMPLES = int(os.environ.get("DEBRIEF_FUZZ_EXAMPLES", "2"))  # of each operation, right and wrong ones each

CONFIG = {
    "phases": {
        "examples": {"enabled": True},
        "coverage": {"enabled": True},
        "fuzzing": {"enabled": True},
        "stateful": {"enabled": False},
    },
    "generation": {"max-examples": EXAMPLES, "database": "none", "deterministic": EXAMPLES <= 50},
    "checks": {
        "missing_required_header": {"expected-statuses": [400, 401, 403, 404, 415, 422, 428]},
        # A cursor that is none, and text that turns out to be no name: the schema cannot tell them.
        "positive_data_acceptance": {"expected-statuses": ["2xx", 400, 401, 403, 404, 409, 412, 422, 428, "5xx"]},
        # A condition or a cookie of the wrong shape, and a body that is too large.
        "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428]},
    },
}


@pytest.fixture
def app(database):
    """Pages with scored interviews, one of them reviewed, a webhook, an administrator's saved view, and a judge."""
    store = MemoryStore()
    scorecard = a_scored_interview(database, store, "iv-1")
    for n, requisition in ((2, "REQ-114"), (3, "REQ-9")):
        a_scored_interview(database, store, f"iv-{n}", requisition)
    admin = a_person(database, admin=True)
    reviewer = a_person(database, "r", roles=[("REQ-114", "reviewer")])
    with database.begin() as db:
        save_view(db, admin, name="mine", query="state=scored")
        human.append(db, scorecard, viewer_of(db, reviewer, "session"), a_review(a_rubric()), 0)
        secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
        row = f"'https://hooks.example', '{secret}', '{{scorecard.ready}}'"
        db.exec_driver_sql(f"INSERT INTO webhook (url, secret, events) VALUES ({row})")
    return create_app(database, store, version="1", judge=Judge(model=MODEL, sampling=Sampling()))


def described(app, database):
    """The document, in which paths lead to rows that are there about as often as not."""
    with database.begin() as db:
        ref = db.exec_driver_sql("SELECT id FROM scorecard WHERE interview_id = 'iv-1'").scalar_one()
        person, view = db.exec_driver_sql("SELECT person_id, id FROM saved_view").one()
        webhook = db.exec_driver_sql("SELECT id FROM webhook").scalar_one()
    there = {"interview_id": "iv-1", "ref": ref, "requisition_id": "REQ-114", "rubric_id": "backend", "version": "1"}
    there |= {"name": "run-iv-1", "person_id": person, "number": 1, "view_id": view, "webhook_id": webhook}
    with TestClient(app, base_url=LOOPBACK) as client:
        tree = copy.deepcopy(client.get(DOCUMENT).json())
    for path, operations in tree["paths"].items():
        for operation in operations.values():
            parameters = operation.get("parameters", [])
            if path == "/v1/interviews":  # any other cursor is refused; /v1/runs shows that
                parameters[:] = [p for p in parameters if p["name"] != "cursor"]
            for parameter in parameters:
                name, where = parameter["name"], parameter["in"]
                if where == "path" and name in there:
                    _offer(parameter, there[name])
                elif path == "/v1/compare" and name == "c":
                    _offer(parameter, ["iv-1", "iv-2"])
                elif name == "If-Match":
                    _offer(parameter, '"1"')  # the number of the only record
    return tree


def _offer(parameter, value):
    """Makes the value as likely as all others."""
    parameter["schema"] = {"anyOf": [{"const": value}, parameter["schema"]]}
    parameter["example"] = value


def in_person(tree):
    """Only the addresses at which a token may not do all; who asks stands in headers that are sent with everything."""
    kept = {
        path: operations
        for path, operations in tree["paths"].items()
        if any({"token": []} not in one["security"] for one in operations.values())
    }
    for operations in kept.values():
        for operation in operations.values():
            del operation["security"]
    return {**tree, "paths": kept}


def failures(tree, app, headers):
    """What did not answer as the document says, in words."""
    config = SchemathesisConfig.from_dict({**CONFIG, "headers": {"Host": "127.0.0.1", **headers}})
    schema = schemathesis.openapi.from_dict(tree, config=config)
    schema.app = app
    found, asked = [], 0
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            found.append(f"{event.label}: {event.value}")
        if isinstance(event, EngineFinished):
            found += [str(failure) for failure in event.failures]
        if not isinstance(event, ScenarioFinished):
            continue
        asked += len(event.recorder.interactions)
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.status is Status.FAILURE:
                    sent = event.recorder.interactions[case_id]
                    words = check.failure_info.failure if check.failure_info else ""
                    answered = sent.response.content[:400] if sent.response else b""
                    found.append(
                        f"{event.label}: {check.name}: {words}\n  {sent.request.method} {sent.request.uri} "
                        f"{sent.request.body!r}\n  {sent.response and sent.response.status_code} {answered!r}"
                    )
    return found, asked


def test_a_token_gets_what_the_document_says(app, database):
    """An administrator's with all scopes."""
    token = a_token(database, a_person(database, admin=True), "read", "review", "operate")

    found, asked = failures(described(app, database), app, {"Authorization": f"Bearer {token}"})

    assert not found, "\n".join(found)
    assert asked > 100


def test_a_browser_gets_what_the_document_says(app, database):
    """An administrator's session, which may change what a token may not."""
    client = TestClient(app, base_url=LOOPBACK)
    csrf = sign_in(client, database, a_person(database, admin=True))
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    headers = {"Cookie": cookie, "X-CSRF-Token": csrf, "Origin": LOOPBACK}

    found, asked = failures(in_person(described(app, database)), app, headers)

    assert not found, "\n".join(found)
    assert asked > 10
