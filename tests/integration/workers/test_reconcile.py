"""The reconciler's steps, each alone: leases, intake, hints, runs."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from evaluator.budgets import Budget
from evaluator.layout import manifest_key
from evaluator.nights import Wanted
from evaluator.storage.evaluations import alive, finalize, seen
from evaluator.storage.locks import try_lock
from evaluator.storage.runs import run_status
from evaluator.storage.schedules import add_schedule
from evaluator.wiring import Services
from tests.integration.storage.builders import a_claim, a_manifest, a_scorecard, change, overslept, row_of, rows
from tests.integration.workers.fleet import hand_in, start, states, the_transcript
from workers.reconcile import HINTS_PER_SLOT, TickReport, run_forever, tick


def hand_over(services: Services, interview_id: str) -> None:
    """The transcript, and last the manifest in the inbox."""
    transcript = the_transcript(1)
    manifest = a_manifest(interview_id, transcript=transcript)
    services.store.create(manifest.transcript.key, transcript.to_bytes())
    services.store.create(manifest_key(interview_id), manifest.to_bytes())


@pytest.fixture
def others(settings_of, stub):
    """More services of the same settings, or of others."""
    made: list[Services] = []

    def make(**fields: object) -> Services:
        made.append(Services(settings=settings_of(stub, **fields)))
        return made[-1]

    yield make
    for services in made:
        services.close()


def test_quiet_tick_does_nothing(services):
    """Where nothing waits, nothing is done."""
    assert TickReport() == tick(services)
    assert 0 == services.hints.length()


def test_each_due_row_gets_a_hint(services):
    """Fewer rows than slots need no more hints than rows."""
    hand_in(services, 3)
    start(services)

    assert 3 == tick(services).hints
    assert 3 == services.hints.length()


def test_hints_never_exceed_the_slots_need(services):
    """The backlog stays in PostgreSQL: the queue is topped up, never filled further, however often it ticks."""
    most = HINTS_PER_SLOT * services.settings.worker_slots
    hand_in(services, most + 3)
    start(services)

    assert [most, 0, 0] == [tick(services).hints for _ in range(3)]
    assert most == services.hints.length()


def test_hints_follow_the_slots_of_the_fleet(services):
    """Each worker says how many it has; this reconciler's own setting is for the time without workers only."""
    slots = services.settings.worker_slots + 1
    hand_in(services, HINTS_PER_SLOT * slots + 1)
    start(services)
    with services.database.begin() as db:
        seen(db, name="node-1:1", kind="worker", version="test", slots=slots)

    assert HINTS_PER_SLOT * slots == tick(services).hints


def test_a_due_night_is_opened_and_hinted_at(services, others):
    """By one of two reconcilers; the workers are told of it with the next tick."""
    hand_in(services, 2)
    begun = datetime.now(UTC) - timedelta(minutes=5)
    with services.database.begin() as db:
        add_schedule(db, Wanted(name="night", at=f"{begun:%H:%M}", zone="UTC"))
    change(services.database, "UPDATE schedule SET since = since - interval '10 minutes'")
    reports: list[TickReport] = []
    threads = [threading.Thread(target=lambda s=s: reports.append(tick(s))) for s in (services, others())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [1] == [len(report.nights.opened) for report in reports if report.nights.opened]
    assert 2 == len(reports)
    assert [{"n": 1}] == rows(services.database, "SELECT count(*) AS n FROM run")
    assert 2 == tick(services).hints


def test_a_night_that_cannot_begin_fails_no_step(services, others):
    """The schedule says why; leases, hints and runs are looked after as ever."""
    hand_in(services, 1)
    begun = datetime.now(UTC) - timedelta(minutes=5)
    wanted = Wanted(name="night", at=f"{begun:%H:%M}", zone="UTC", budget=Budget(kind="money", amount=10))
    with services.database.begin() as db:
        add_schedule(db, wanted)
    change(services.database, "UPDATE schedule SET since = since - interval '10 minutes'")

    report = tick(services)

    assert (1, ()) == (report.nights.refused, report.failed)


def test_wiped_broker_is_filled_again(services, broker_url):
    """Hints that were lost are sent again by the next tick."""
    from redis import Redis

    hand_in(services, 2)
    start(services)
    tick(services)
    with Redis.from_url(broker_url) as client:
        client.flushdb()

    assert 2 == tick(services).hints


def test_expired_lease_comes_back_and_is_hinted_at(services):
    """A dead worker's row is due again in the same tick."""
    hand_in(services, 1)
    start(services)
    a_claim(services.database, model=services.model)
    overslept(services.database)

    report = tick(services)

    assert (1, 1, "pending") == (report.expired, report.hints, row_of(services.database)["state"])


def test_finished_run_is_closed(services):
    """Its numbers are final from then on."""
    hand_in(services, 1)
    start(services)
    claim = a_claim(services.database, model=services.model)
    with services.database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})

    assert 1 == tick(services).closed
    with services.database.begin() as db:
        assert "finished" == run_status(db, "run-1").closed_because


def test_inbox_is_taken_in(services):
    """A finished interview is known one tick later."""
    hand_in(services, 1)
    hand_over(services, "iv-new")

    assert 1 == tick(services).intake.new
    assert [] == services.store.names("inbox/")


def test_broker_that_is_down_stops_no_other_step(services, others):
    """Leases, intake and runs go on; the step that needs it says so."""
    hand_in(services, 1)
    start(services)
    hand_over(services, "iv-new")
    a_claim(services.database, model=services.model)
    overslept(services.database)

    report = tick(others(broker_url="redis://127.0.0.1:1/0"))

    assert (("hints",), 1, 1) == (report.failed, report.expired, report.intake.new)


def test_store_that_is_down_stops_no_other_step(services, others, tmp_path):
    """Rows that are known are hinted at."""
    hand_in(services, 1)
    start(services)
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    (tmp_path / "store").write_text("a file is in the way")

    report = tick(others())

    assert (("abandoned", "intake"), 1) == (report.failed, report.hints)


def test_database_that_is_down_fails_every_step_in_words(others):
    """Nothing is raised: the reconciler waits the outage out."""
    report = tick(others(database_url="postgresql://a:b@127.0.0.1:1/c"))

    assert {"leases", "abandoned", "intake", "hints", "runs", "schedules", "costs", "notices"} == set(report.failed)


@pytest.mark.parametrize("step", ["leases", "hints", "runs", "abandoned", "intake"])
def test_step_of_another_reconciler_is_skipped(services, others, step):
    """While one holds a step's lock the others leave that step alone, and do the rest."""
    hand_in(services, 2)
    start(services)
    start(services, "run-0", interviews=("nobody",))
    change(services.database, "UPDATE run SET state = 'open', closed_because = NULL WHERE name = 'run-0'")
    a_claim(services.database, model=services.model)
    overslept(services.database)
    hand_over(services, "iv-new")
    with services.database.begin() as db:
        assert try_lock(db, step)
        report = tick(others())

    done = {
        "leases": report.expired > 0,
        "hints": report.hints > 0,
        "runs": report.closed > 0,
        "intake": report.intake.new > 0,
    }
    assert {name: name != step for name in done} == done


def test_two_reconcilers_do_no_harm(services, others):
    """At once and again and again: every object is taken in once, and the queue is not overfilled."""
    hand_in(services, 1)
    for n in range(12):
        hand_over(services, f"new-{n}")
    other = others()
    threads = [threading.Thread(target=lambda s=s: [tick(s) for _ in range(3)]) for s in (services, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [{"n": 13}] == rows(services.database, "SELECT count(*) AS n FROM interview")
    assert 12 == len([key for key in services.store.names("interviews/") if "/manifest-" in key])


def test_reconciler_is_seen_until_it_ends(services):
    """Who looks for one finds it while it runs, and does not count on it afterwards."""
    stop = threading.Event()
    thread = threading.Thread(target=run_forever, args=(services, stop))
    thread.start()

    def living() -> int:
        with services.database.begin() as db:
            return alive(db, kind="reconciler", within_s=30)

    deadline = time.monotonic() + 10
    while not living() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 1 == living()
    stop.set()
    thread.join(timeout=10)

    assert 0 == living()


def test_faulty_object_of_the_store_does_not_end_the_reconciler(services):
    """A manifest whose rubric was changed in place is refused; the next tick goes on as ever."""
    hand_in(services, 1)
    change(services.database, "UPDATE rubric SET digest = 'another'")
    hand_over(services, "iv-new")

    report = tick(services)

    assert (0, 1, ()) == (report.intake.new, report.intake.rejected, report.failed)
    assert {} == states(services)
