"""The API's own description is valid, complete, and its examples are what its models accept."""

import re
import warnings

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from pydantic import BaseModel, TypeAdapter

from evaluator.storage.database import Database
from evaluator.web.api.document import DOCUMENT, JSON, PROBLEM, Document, example_of, operation_id
from evaluator.web.app import create_app
from evaluator.web.rights import routes
from tests.fakes import MemoryStore

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The pages, without a database."""
    return create_app(Database(NOWHERE), MemoryStore(), version="1.2.3")


@pytest.fixture(scope="module")
def tree(app):
    """The document."""
    return Document(app=app, version="1.2.3").openapi


def operations(tree):
    """Each operation with its method and path."""
    return [
        (f"{method.upper()} {path}", found)
        for path, methods in tree["paths"].items()
        for method, found in methods.items()
    ]


def test_it_is_openapi(tree):
    """By the specification's own schema."""
    validate(tree)

    assert ("3.1.0", "1.2.3") == (tree["openapi"], tree["info"]["version"])
    assert ["/"] == [server["url"] for server in tree["servers"]]


def test_everybody_gets_it_without_a_database(app, tree):
    """It tells nothing of what is stored."""
    found = TestClient(app, base_url="http://127.0.0.1").get(DOCUMENT)

    assert (200, tree) == (found.status_code, found.json())


def test_every_route_of_the_api_is_in_it(app, tree):
    """Each method but HEAD, which goes with GET."""
    served = {
        f"{method} {r.path}"
        for r in routes(app)
        for method in r.methods - {"HEAD"}
        if r.path.startswith("/v1/") and r.path != DOCUMENT
    }

    assert served == {name for name, _ in operations(tree)}


def test_ids_are_stable_and_each_once(tree):
    """Made from method and path alone."""
    ids = [found["operationId"] for _, found in operations(tree)]

    assert len(ids) == len(set(ids))
    assert "get_scorecards_ref" in ids
    assert "post_runs_name_retry" == operation_id("POST", "/v1/runs/{name}/retry")


def test_every_operation_says_what_it_is_and_who_may(tree):
    """A summary from its docstring, and a security scheme that the document has."""
    for name, found in operations(tree):
        assert found["summary"], name
        assert found["security"], name
        assert {s for one in found["security"] for s in one} <= set(tree["components"]["securitySchemes"]), name
        assert found["x-debrief-need"], name


def test_every_operation_says_how_it_fails(tree):
    """As problem+json, in one shape."""
    for name, found in operations(tree):
        failing = {status: r for status, r in found["responses"].items() if status[0] in "45"}
        assert {"400", "401", "403", "503"} <= set(failing), name
        assert all(set(r["content"]) == {PROBLEM} for r in failing.values()), name
        if "{" in name:
            assert "404" in failing, name
        if not name.startswith("GET"):
            assert {"409", "413", "415", "422"} <= set(failing), name


def bodies(tree):
    """Every JSON body that is sent or answered."""
    for name, found in operations(tree):
        for where, part in (*found["responses"].items(), ("body", found.get("requestBody", {}))):
            for kind, media in part.get("content", {}).items():
                if kind in {JSON, PROBLEM}:
                    yield f"{name} {where}", media


def test_every_body_has_an_example_that_its_schema_accepts(tree):
    """So that what people copy works."""
    for name, media in bodies(tree):
        schema = {**media["schema"], "components": tree["components"]}
        faults = [
            f.message
            for f in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(media["example"])
        ]
        assert not faults, f"{name}: {faults[:3]}"


def test_the_examples_of_bodies_are_what_the_models_accept(app):
    """Rules that a schema cannot tell hold for them too."""
    for route in routes(app):
        if not route.path.startswith("/v1/") or route.body_field is None:
            continue
        adapter = TypeAdapter(route.body_field.field_info.annotation)
        schema = adapter.json_schema()
        adapter.validate_python(example_of(schema, schema.get("$defs", {})))


def test_models_refuse_fields_that_nobody_knows(app):
    """A mistyped name is never silently left out."""
    for route in routes(app):
        if route.path.startswith("/v1/") and route.body_field is not None:
            model = route.body_field.field_info.annotation
            if isinstance(model, type) and issubclass(model, BaseModel):
                assert "forbid" == model.model_config.get("extra"), route.path


def test_nothing_in_it_leads_elsewhere(tree):
    """Neither a third party's address nor this machine's."""
    assert not re.findall(r"https?://(?!hooks\.|[a-z.]*example)[^\s\"']+", str(tree["paths"]))


def test_the_page_has_an_example_of_each_request(app, tree):
    """That a shell reads as one command."""
    shown = Document(app=app, version="1").operations("https://debrief.example")

    assert len(operations(tree)) == len(shown)
    assert not [one.curl for one in shown if "{" in one.curl.partition("-d '")[0]]
    assert "Authorization: Bearer $DEBRIEF_TOKEN" in next(one.curl for one in shown if one.id == "get_scorecards_ref")


def test_it_is_made_without_a_warning(app):
    """Such as an id that stands twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Document(app=app, version="1").openapi
