"""Scoring without Celery: due rows are claimed, judged by a stub engine over HTTP, and ended or handed back."""

import asyncio
import threading
import time

import pytest

from evaluator.storage.evaluations import expire_leases
from evaluator.storage.interviews import take_in
from tests.integration.storage.builders import a_claim, a_manifest, change, due_again, overslept, row_of, rows, story
from tests.integration.workers.fleet import bodies, hand_in, start, states, the_transcript
from tests.stub_engine import Abilities, StubEngine
from workers.node import drain_file
from workers.scoring import ROWS_PER_HINT, _score, work_through


def judged(stub: StubEngine) -> int:
    """Completions asked for with an answer schema that were no warm-up."""
    return stub.calls["judged"]


@pytest.fixture
def node(nodes, settings_of, stub):
    """A node with the stub engine, its grammars warm."""
    made = nodes(settings_of(stub))
    assert 0 == work_through(made)
    stub.calls.clear()
    return made


def test_all_due_rows_are_scored(services, stub, node):
    """One hint is worth several interviews; each gets one scorecard, from one call per section."""
    hand_in(services, 4)
    start(services)

    assert 4 == work_through(node)

    assert ({"done": 4}, 4) == (states(services), len(bodies(services)))
    assert 12 == judged(stub)


def test_hint_is_worth_a_bounded_number_of_rows(services, node):
    """A task ends after so many interviews, whatever waits."""
    hand_in(services, ROWS_PER_HINT + 1)
    start(services)

    assert [ROWS_PER_HINT, 1, 0] == [work_through(node) for _ in range(3)]


def test_nothing_due_needs_no_judgement(services, stub, node):
    """A hint that comes twice costs a look at the database."""
    assert 0 == work_through(node)
    assert 0 == judged(stub)


def test_what_the_engine_can_do_is_learned_once(services, stub, node):
    """Later hints ask it no trial questions again."""
    hand_in(services, 2)
    start(services, limit=1)
    work_through(node)
    tokenized = stub.calls["/tokenize"]
    start(services, "run-2")
    asked = stub.calls["/v1/chat/completions"]

    work_through(node)

    assert asked + 3 == stub.calls["/v1/chat/completions"]
    assert tokenized <= 12


def test_second_run_under_the_same_key_asks_nothing(services, stub, node):
    """Run over everything again, nothing is judged and the bodies stay."""
    hand_in(services, 2)
    start(services)
    work_through(node)
    before = bodies(services)
    stub.calls.clear()

    start(services, "run-2", only="all")

    assert 0 == work_through(node)
    assert (0, before) == (judged(stub), bodies(services))


def test_lost_database_is_scored_again_from_the_checkpoints(services, stub, node):
    """After the rows are gone the same inputs give byte-equal bodies without a call."""
    hand_in(services, 3)
    start(services)
    work_through(node)
    before = bodies(services)
    stub.calls.clear()
    change(services.database, "TRUNCATE run_member, scorecard, evaluation_event, evaluation, run CASCADE")

    start(services)
    work_through(node)

    assert (0, before) == (judged(stub), bodies(services))
    execution = rows(services.database, "SELECT execution FROM scorecard LIMIT 1")[0]["execution"]
    assert (0, {True}) == (execution["model_calls"], {s["reused"] for s in execution["sections"]})


def test_draining_worker_claims_nothing(services, stub, node):
    """Once the drain file is there, no row is begun."""
    hand_in(services, 1)
    start(services)
    drain_file().touch()

    assert 0 == work_through(node)
    assert {"pending": 1} == states(services)


def test_row_claimed_just_before_the_drain_is_handed_back(services, node):
    """No model call is begun; the row is released uncounted, and a hint tells the others."""
    hand_in(services, 1)
    start(services)
    row = a_claim(services.database, node.name, model=services.model)
    drain_file().touch()

    with asyncio.Runner() as runner:
        _score(runner, node.services.engine, node, row)
        runner.run(node.services.engine.aclose())

    kept = row_of(services.database)
    assert ("pending", 1, 0, 0) == tuple(kept[name] for name in ("state", "interruptions", "attempts", "stalls"))
    assert ["claimed", "released"] == story(services.database)
    assert 1 == services.hints.length()


def test_answers_in_hand_are_kept_in_a_drain(services, stub, node):
    """Sections that were asked for are finished, which here ends the row; the next one is not begun."""
    hand_in(services, 2)
    start(services)
    stub.delay_s = 0.4
    work = threading.Thread(target=work_through, args=(node,))
    work.start()
    _until(lambda: judged(stub) == 3)
    drain_file().touch()
    work.join(timeout=20)

    assert {"done": 1, "pending": 1} == states(services)
    assert [] == story(services.database, "iv-2")


def test_engine_that_is_down_is_not_claimed_for(services, nodes, settings_of):
    """A worker without a judge leaves the rows to others."""
    with StubEngine(seed=1) as gone:
        settings = settings_of(gone)
    hand_in(services, 1)
    start(services)

    assert 0 == work_through(nodes(settings))
    assert {"pending": 1} == states(services)


def test_engine_that_serves_another_model_is_not_claimed_for(services, stub, nodes, settings_of):
    """Nor does a worker score with whatever is served."""
    hand_in(services, 1)
    start(services)

    assert 0 == work_through(nodes(settings_of(stub, model="other-judge@1")))
    assert {"pending": 1} == states(services)


def test_engine_that_refuses_our_schemas_is_not_claimed_for(services, nodes, settings_of):
    """An endpoint that cannot do structured answers is told once per hint, and costs no interview an attempt."""
    hand_in(services, 1)
    with StubEngine(seed=1, faults=["reject:400"], repeat_faults=True) as stub:
        node = nodes(settings_of(stub))
        start(node.services)

        assert 0 == work_through(node)
    assert {"pending": 1} == states(services)


def test_outage_in_mid_row_is_not_counted(services, stub, node):
    """A 503 puts the row back for later, and no further row is tried against the same wall."""
    hand_in(services, 3)
    start(services)
    stub.faults[:] = ["status:503"] * 3

    assert 1 == work_through(node)

    row = row_of(services.database)
    assert ("pending", 0, 0, "engine") == (row["state"], row["attempts"], row["interruptions"], row["code"])
    assert {"pending": 3} == states(services)


def test_sections_done_before_an_outage_are_kept(services, stub, node):
    """The next attempt judges only what is missing."""
    hand_in(services, 1)
    start(services)
    stub.faults[:] = ["ok", "ok", "status:503"]
    work_through(node)
    due_again(services.database)
    stub.calls.clear()

    work_through(node)

    assert ({"done": 1}, 1) == (states(services), judged(stub))


@pytest.mark.parametrize(("fault", "code"), [("truncated", "cut_answer"), ("reject:400", "engine_rejected")])
def test_third_invalid_answer_quarantines(services, stub, node, fault, code):
    """An interview that the judge cannot answer ends with a person, with a code, and without a level."""
    hand_in(services, 1)
    start(services)
    stub.faults[:] = [fault] * 20
    for _ in range(3):
        work_through(node)
        due_again(services.database)

    row = row_of(services.database)
    assert ("quarantined", 3, code) == (row["state"], row["attempts"], row["code"])
    assert {} == bodies(services)
    assert ["retry", "retry", "quarantined"] == [k for k in story(services.database) if k in ("retry", "quarantined")]


def test_missing_transcript_is_told(services, stub, node):
    """An object that is gone is a content error with its key."""
    hand_in(services, 1)
    start(services)
    services.store.delete(a_manifest("iv-1", transcript=the_transcript(1)).transcript.key)

    work_through(node)

    row = row_of(services.database)
    assert ("object_missing", 1) == (row["code"], row["attempts"])
    assert 0 == judged(stub)


def test_consent_withdrawn_in_mid_row_stops_it(services, stub, nodes, settings_of):
    """The worker that has the row writes nothing more, and no scorecard appears."""
    node = nodes(settings_of(stub, heartbeat_s=0.1))
    work_through(node)
    hand_in(services, 1)
    start(services)
    stub.delay_s = 1.0
    work = threading.Thread(target=work_through, args=(node,))
    work.start()
    _until(lambda: states(services) == {"running": 1})
    with services.database.begin() as db:
        take_in(db, a_manifest("iv-1", transcript=the_transcript(1), consent="withdrawn"))
    work.join(timeout=20)

    assert ({"blocked": 1}, {}) == (states(services), bodies(services))
    assert [] == services.store.names("checkpoints/")


def test_zombie_writes_nothing(services, stub, nodes, settings_of):
    """A worker whose row another one has taken over leaves no scorecard of its own; the other's stands."""
    zombie = nodes(settings_of(stub, heartbeat_s=60.0, lease_s=120.0, node="zombie"))
    successor = nodes(settings_of(stub, node="successor"))
    work_through(zombie)
    work_through(successor)
    hand_in(services, 1)
    start(services)
    stub.delay_s = 0.8
    work = threading.Thread(target=work_through, args=(zombie,))
    work.start()
    _until(lambda: states(services) == {"running": 1})
    overslept(services.database)
    with services.database.begin() as db:
        expire_leases(db)
    work_through(successor)
    work.join(timeout=20)

    assert {"done": 1} == states(services)
    (execution,) = rows(services.database, "SELECT execution ->> 'worker' AS worker FROM scorecard")
    assert execution["worker"].startswith("successor:")


def test_endpoint_without_logprobs_scores_by_level(services, nodes, settings_of):
    """A managed API that tells no probabilities is good enough; the body says what its means rest on."""
    plain = Abilities(tokenize=True, token_ids=False, logprobs=False)
    with StubEngine(seed=3, abilities=plain) as stub:
        node = nodes(settings_of(stub))
        hand_in(services, 1)
        start(services)
        work_through(node)

    (body,) = rows(services.database, "SELECT body #>> '{overall,basis}' AS basis FROM scorecard")
    assert "level" == body["basis"]


def _until(condition, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
