"""A request with an Idempotency-Key is done once on real PostgreSQL, whatever is sent again, and by whom."""

import threading
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import text
from starlette.requests import Request

from evaluator.errors import Conflict
from evaluator.storage.idempotency import forget_old
from evaluator.web.api.conventions import answer, idempotent
from evaluator.web.app import create_app
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, SignedIn, add
from tests.fakes import MemoryStore
from tests.integration.web.conftest import LOOPBACK, a_person, a_token


class Wish(BaseModel):
    """What is sent."""

    word: str


class Things:
    """An application with one address that does something each time it is asked."""

    def __init__(self, database):
        self.database, self.done = database, []
        self.fails, self.started, self.go_on = False, threading.Event(), threading.Event()
        self.go_on.set()
        self.app = create_app(database, MemoryStore(), version="1")
        site = Site(database=database, store=MemoryStore(), templates=None, version="1")

        def handler(visit: AsVisit, request: Request, wish: Wish):
            def work(db):
                self.started.set()
                self.go_on.wait(10)
                self.done.append(wish.word)
                if self.fails:
                    raise Conflict("not now")
                body = {"z": wish.word, "a": 1.0, "n": len(self.done)}
                return answer(request, body, status=201, tag='"1"', headers={"Location": "/v1/things/1"})

            return idempotent(site, request, visit, work)

        add(self.app, "/v1/things", handler, needs=SignedIn(tokens=True), methods=("POST",))
        self.token = a_token(database, a_person(database, admin=True), "read", "operate")

    def ask(self, key, word="a", *, token=None):
        """One request."""
        with TestClient(self.app, base_url=LOOPBACK) as client:
            headers = {"Authorization": f"Bearer {token or self.token}", **({"Idempotency-Key": key} if key else {})}
            return client.post("/v1/things", json={"word": word}, headers=headers)


@pytest.fixture
def things(database):
    """The application."""
    return Things(database)


def test_the_second_time_the_first_answer_is_given_again(things):
    """Byte for byte, with its headers, and it says so."""
    first, again = things.ask("k1"), things.ask("k1")

    assert ["a"] == things.done
    assert (201, first.content) == (again.status_code, again.content)
    assert [first.headers[n] for n in ("etag", "location")] == [again.headers[n] for n in ("etag", "location")]
    assert ("true", None) == tuple(r.headers.get("idempotency-replayed") for r in (again, first))


def test_another_request_with_the_key_is_refused(things):
    """Nothing is done."""
    things.ask("k1")

    other = things.ask("k1", "b")

    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])
    assert ["a"] == things.done


def test_a_token_does_not_get_what_another_way_in_was_answered(things):
    """Who comes in otherwise may be shown less."""
    with things.database.begin() as db:
        person_id = db.execute(text("SELECT id FROM person")).scalar_one()
    things.ask("k1")

    assert 422 == things.ask("k1", token=a_token(things.database, person_id, "read")).status_code


def test_keys_are_each_persons_own(things):
    """Another person's key of the same text is another key."""
    other = a_token(things.database, a_person(things.database, "b", admin=True), "read", "operate")

    assert [201, 201] == [things.ask("k1").status_code, things.ask("k1", token=other).status_code]
    assert 2 == len(things.done)


def test_without_a_key_everything_is_done(things):
    """Twice."""
    things.ask(None)
    things.ask(None)

    assert 2 == len(things.done)


def test_a_failure_leaves_the_key_free(things):
    """It changed nothing, so the key may try again."""
    things.fails = True
    failed = things.ask("k1")
    things.fails = False

    assert (409, 201) == (failed.status_code, things.ask("k1").status_code)


def test_while_the_first_is_answered_the_second_is_told_to_wait(things):
    """At once, without holding a thread."""
    things.go_on.clear()
    first = threading.Thread(target=things.ask, args=("k1",))
    first.start()
    things.started.wait(10)

    second = things.ask("k1")
    things.go_on.set()
    first.join()

    assert (409, "idempotency_in_progress", "1") == (
        second.status_code,
        second.json()["code"],
        second.headers["retry-after"],
    )
    assert ["a"] == things.done


@pytest.mark.parametrize("key", [" ", "a b", "ü", "x" * 201, ""])
def test_a_key_that_is_none_is_refused(things, key):
    """Nothing is done."""
    with TestClient(things.app, base_url=LOOPBACK) as client:
        headers = {"Authorization": f"Bearer {things.token}", "Idempotency-Key": key.encode()}
        found = client.post("/v1/things", json={"word": "a"}, headers=headers)

    assert (400, []) == (found.status_code, things.done)


def test_keys_end_after_a_day(things):
    """Both for who sends one again, and in the rows."""
    things.ask("k1")
    things.ask("k2")
    with things.database.begin() as db:
        db.execute(text("UPDATE idempotency SET at = at - cast(:age AS interval)"), {"age": timedelta(hours=25)})
    again = things.ask("k1")
    with things.database.begin() as db:
        removed = forget_old(db)

    assert (201, 3, 1) == (again.status_code, len(things.done), removed)
