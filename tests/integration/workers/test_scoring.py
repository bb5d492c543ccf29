"""Scoring without Celery: due rows are claimed, judged by a stub engine over HTTP, and ended or handed back."""

import asyncio
import re
import threading
import time

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from evaluator.errors import DatabaseUnavailable, StoreForbidden
from evaluator.pipeline import discard_checkpoints
from evaluator.storage import evaluations
from evaluator.storage.evaluations import expire_leases
from evaluator.storage.interviews import take_in
from evaluator.storage.runs import retry_run
from tests.factories import SAID, a_transcript
from tests.fakes import MemoryStore
from tests.integration.storage.builders import (
    a_claim,
    a_manifest,
    change,
    due_again,
    overslept,
    row_of,
    rows,
    stock,
    story,
)
from tests.integration.workers.fleet import bodies, hand_in, start, states, the_transcript, wait_for
from tests.stub_engine import Abilities, StubEngine
from workers import scoring
from workers.node import drain_file
from workers.scoring import ROWS_PER_HINT, _score, work_through


def judgements_left(services) -> int:
    """Sections of the three that have no checkpoint yet."""
    return 3 - len(services.store.names("checkpoints/"))


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


def test_long_interview_is_scored_in_windows_and_counts_its_sections_once(services, stub, nodes, settings_of):
    """Windows are told as such: sections done are sections, calls are calls, and the store gives the same body."""
    transcript = a_transcript({**SAID, "design": "We split the queue by tenant and measured its lag. " * 200})
    manifest = a_manifest("iv-1", transcript=transcript)
    services.store.create(manifest.transcript.key, transcript.to_bytes())
    stock(services.database, manifest)
    start(services)
    node = nodes(settings_of(stub, context_tokens=4_000))

    assert 1 == work_through(node)

    row = row_of(services.database)
    assert ("done", row["sections_total"]) == (row["state"], row["sections_done"])
    told = rows(services.database, "SELECT detail FROM evaluation_event WHERE kind = 'section' ORDER BY id")
    windows = [r["detail"]["window"] for r in told if "window" in r["detail"]]
    assert len(windows) > 1
    assert 3 == len(told) - len(windows)
    execution = rows(services.database, "SELECT execution FROM scorecard")[0]["execution"]
    assert len(windows) + 3 >= execution["model_calls"] > len(windows)
    assert "by token ids" == execution["level_probabilities"]


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
    wait_for(lambda: judged(stub) == 3)
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
    """A 503 to the canary too puts the row back for later, and no further row is tried against the same wall."""
    hand_in(services, 3)
    start(services)
    stub.faults[:] = ["status:503"] * 4

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


@pytest.mark.parametrize("fault", ["status:500", "status:503", "disconnect", "garbage", "cut"])
def test_engine_that_fails_at_one_interview_only_counts_against_it(services, stub, node, fault):
    """The canary is answered, so it is a content error; the other interviews of the task go on."""
    hand_in(services, 2)
    start(services)
    stub.faults[:] = ["ok", "ok", fault]

    assert 2 == work_through(node)

    row = row_of(services.database)
    assert ("pending", 1, "engine_error_on_this_content") == (row["state"], row["attempts"], row["code"])
    assert "done" == row_of(services.database, "iv-2")["state"]


def test_interview_at_which_the_engine_always_fails_is_quarantined(services, stub, node):
    """Three attempts, each with a canary that is answered, and a reason that one can read."""
    hand_in(services, 1)
    start(services)
    for _ in range(3):
        stub.faults[:] = ["status:500"] * judgements_left(services)
        work_through(node)
        due_again(services.database)

    row = row_of(services.database)
    assert ("quarantined", 3, "engine_error_on_this_content") == (row["state"], row["attempts"], row["code"])
    assert "answers 500" in row["detail"]
    assert "canary" in row["detail"]
    assert row["detail"].startswith("section ")


def test_engine_that_hangs_at_one_section_counts_against_it(services, stub, nodes, settings_of):
    """A time-out is told from an outage by the canary as well."""
    node = nodes(settings_of(stub, engine_timeout_s=0.5))
    work_through(node)
    hand_in(services, 1)
    start(services)
    stub.faults[:] = ["hang"]

    work_through(node)

    row = row_of(services.database)
    assert (1, "engine_error_on_this_content") == (row["attempts"], row["code"])


def test_back_offs_are_settings(services, stub, nodes, settings_of):
    """Shortened here, so that the next hint finds the row due again."""
    node = nodes(settings_of(stub, infrastructure_delay_s=0.01, content_delay_s=0.01))
    work_through(node)
    hand_in(services, 1)
    start(services)
    stub.faults[:] = ["status:503"] * 4
    work_through(node)
    time.sleep(0.05)
    stub.faults[:] = ["truncated"]
    work_through(node)
    time.sleep(0.05)

    work_through(node)

    assert {"done": 1} == states(services)


def test_failure_is_written_once_the_database_is_back(services, stub, node, monkeypatch):
    """A short outage is not taken for the worker's death: no stall is counted."""
    monkeypatch.setattr(scoring, "WRITE_AGAIN_S", 0.01)
    hand_in(services, 1)
    start(services)
    stub.faults[:] = ["truncated"]
    away = iter([DatabaseUnavailable("away")] * 3)

    def fail(*arguments):
        for error in away:
            raise error
        evaluations.fail(*arguments)

    monkeypatch.setattr(scoring, "fail", fail)

    work_through(node)

    row = row_of(services.database)
    assert ("pending", 1, 0, "cut_answer") == (row["state"], row["attempts"], row["stalls"], row["code"])


def test_outage_while_draining_hands_the_row_back_at_once(services, stub, node):
    """Other nodes may be well: nothing is asked of this one's engine any more."""
    hand_in(services, 1)
    start(services)
    stub.delay_s = 0.5
    stub.faults[:] = ["status:503"] * 9
    work = threading.Thread(target=work_through, args=(node,))
    work.start()
    wait_for(lambda: judged(stub) == 3)
    drain_file().touch()
    work.join(timeout=20)

    row = row_of(services.database)
    assert ("pending", 1, 0, 3) == (row["state"], row["interruptions"], row["attempts"], judged(stub))


def test_time_limit_without_a_new_section_is_a_stall(services, stub, node, monkeypatch):
    """The fifth in a row is for a person."""
    monkeypatch.setattr(scoring, "EVALUATE_TIMEOUT_S", 0.3)
    hand_in(services, 1)
    start(services)
    stub.faults[:] = ["hang"] * 15
    for _ in range(5):
        work_through(node)

    row = row_of(services.database)
    assert ("quarantined", 5, 0, "stalled") == (row["state"], row["stalls"], row["attempts"], row["code"])


def test_time_limit_after_a_new_section_counts_for_nothing(services, stub, node, monkeypatch):
    """What was finished is kept, and the row goes on at once."""
    monkeypatch.setattr(scoring, "EVALUATE_TIMEOUT_S", 0.6)
    hand_in(services, 1)
    start(services)
    stub.faults[:] = ["ok", "hang", "hang"]

    work_through(node)

    row = row_of(services.database)
    assert ("done", 0, 0) == (row["state"], row["stalls"], row["attempts"])
    assert "retry" in story(services.database)


def test_soft_time_limit_without_a_new_section_is_a_stall(services, node, monkeypatch):
    """Celery's backstop counts as the limit inside the task does, and ends the task."""

    async def cut_off(*_):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(scoring, "evaluate", cut_off)
    hand_in(services, 1)
    start(services)

    with pytest.raises(SoftTimeLimitExceeded):
        work_through(node)

    row = row_of(services.database)
    assert ("pending", 1, 0, "time_limit") == (row["state"], row["stalls"], row["interruptions"], row["code"])


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


def test_missing_transcript_ends_with_a_person(services, stub, node):
    """After three looks, with the key and the way out."""
    hand_in(services, 1)
    start(services)
    services.store.delete(a_manifest("iv-1", transcript=the_transcript(1)).transcript.key)
    for _ in range(3):
        work_through(node)
        due_again(services.database)

    row = row_of(services.database)
    assert ("quarantined", "object_missing", 0) == (row["state"], row["code"], judged(stub))
    assert "import the interview again" in row["detail"]


SPOILED = {
    "truncated": (lambda good: good[:-20], "does not parse"),
    "newer": (
        lambda good: good.replace(b'"schema_version":1', b'"schema_version":2'),
        "written by a newer version (schema 2, this one reads 1); upgrade this worker",
    ),
    "forged": (
        lambda good: re.sub(rb'(?<="request_sha256":")[0-9a-f]{64}', b"0" * 64, good),
        "answers another request",
    ),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILED.values(), ids=SPOILED.keys())
def test_checkpoint_that_cannot_be_trusted_is_for_a_person(services, stub, node, spoil, reason):
    """At once, with its key and the reason; once it is discarded under a new fence the body is what it would be."""
    hand_in(services, 1)
    start(services)
    work_through(node)
    before = bodies(services)
    key = services.store.names("checkpoints/")[0]
    good = services.store.get(key)
    change(services.database, "TRUNCATE run_member, scorecard, evaluation_event, evaluation, run CASCADE")
    services.store.delete(key)
    services.store.create(key, spoil(good))
    start(services)
    work_through(node)
    row = row_of(services.database)
    assert ("quarantined", "checkpoint_corrupt") == (row["state"], row["code"])
    assert key in row["detail"]
    assert reason in row["detail"]

    with services.database.begin() as db:
        retried = retry_run(db, "run-1", reason="the disk was repaired")
        for interview_id, evaluation_key in retried.corrupt:
            discard_checkpoints(services.store, interview_id, evaluation_key)
    stub.calls.clear()
    work_through(node)

    assert (3, before) == (judged(stub), bodies(services))


def test_missing_permission_is_an_outage_that_names_it(services, stub, node):
    """Not counted, and no further row is tried against it."""

    class Forbidding(MemoryStore):
        def create(self, key, data, *, media_type="application/json"):
            raise StoreForbidden("store s3://b answers 403: permission s3:PutObject is missing for checkpoints/*")

    hand_in(services, 2)
    start(services)
    forbidding = Forbidding()
    forbidding.objects = {key: services.store.get(key) for key in services.store.names("interviews/")}
    node.services.__dict__["store"] = forbidding

    assert 1 == work_through(node)

    row = row_of(services.database)
    assert ("pending", 0, "store_forbidden") == (row["state"], row["attempts"], row["code"])
    assert "s3:PutObject" in row["detail"]


def test_consent_withdrawn_in_mid_row_stops_it(services, stub, nodes, settings_of):
    """The worker that has the row writes nothing more, and no scorecard appears."""
    node = nodes(settings_of(stub, heartbeat_s=0.1))
    work_through(node)
    hand_in(services, 1)
    start(services)
    stub.held = True
    work = threading.Thread(target=work_through, args=(node,))
    work.start()
    wait_for(lambda: stub.running == 3)
    with services.database.begin() as db:
        take_in(db, a_manifest("iv-1", transcript=the_transcript(1), consent="withdrawn"))
    wait_for(lambda: not [one for one in threading.enumerate() if one.name.startswith("heartbeat-")])
    stub.held = False
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
    wait_for(lambda: states(services) == {"running": 1})
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
