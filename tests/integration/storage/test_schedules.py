"""Schedules in a real PostgreSQL: nights opened once, whoever looks, recorded when missed, and closed on a budget."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from evaluator.budgets import Budget
from evaluator.errors import Conflict, NotFound, UsageFault
from evaluator.nights import Wanted
from evaluator.storage.evaluations import CallNote, claim, finalize, note_section
from evaluator.storage.node_sessions import NodeSession, note_alive
from evaluator.storage.runs import close_runs, run_status
from evaluator.storage.schedules import (
    add_schedule,
    change_schedule,
    find_schedule,
    nights_kept,
    open_due_nights,
    remove_schedule,
    schedule_list,
    switch_schedule,
)
from tests.factories import MODEL
from tests.integration.storage.builders import (
    JUDGE,
    a_claim,
    a_manifest,
    a_scorecard,
    begin,
    change,
    claimed,
    rows,
    stock,
)


def a_schedule(database, *, began=timedelta(minutes=5), since=timedelta(minutes=10), **fields):
    """A schedule whose newest night began that long ago, and that counts since then; its name."""
    start = datetime.now(UTC) - began
    wanted = Wanted.model_validate({"name": "night", "at": f"{start:%H:%M}", "zone": "UTC", **fields})
    with database.begin() as db:
        add_schedule(db, wanted)
    earlier = start.replace(second=0, microsecond=0) - (since - began)
    change(database, "UPDATE schedule SET since = :at WHERE name = :name", at=earlier, name=wanted.name)
    return wanted.name


def look(database, *, judge=JUDGE, priced=False):
    """What the reconciler's step does."""
    with database.begin() as db:
        return open_due_nights(db, lambda: judge, priced=priced)


def nights(database, name="night"):
    """What became of its nights, the newest first: (outcome, run)."""
    with database.begin() as db:
        kept = find_schedule(db, name)
        return [(n.outcome, n.run) for n in nights_kept(db, [kept.id], limit=50).get(kept.id, ())]


def tonight() -> str:
    """The date on which a night began a few minutes ago."""
    return (datetime.now(UTC) - timedelta(minutes=5)).date().isoformat()


def test_a_due_night_is_opened_with_its_deadline(database):
    """Over what its selection finds, as the run of that night; a second look finds nothing to do."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2", requisition="REQ-2"))
    a_schedule(database, requisition="REQ-2", until="8h", budget={"kind": "tokens", "amount": 5})
    name = f"night-{tonight()}"

    assert (name,) == look(database).opened
    assert () == look(database).opened
    with database.begin() as db:
        status = run_status(db, name)
    assert (1, Budget(kind="tokens", amount=Decimal(5))) == (status.counts.selected, status.budget)
    begun = datetime.now(UTC) - timedelta(minutes=5)
    assert begun.replace(second=0, microsecond=0) + timedelta(hours=8) == status.deadline
    assert [{"night": date.fromisoformat(tonight())}] == rows(database, "SELECT night FROM run")
    assert [("opened", name)] == nights(database)


def test_reconcilers_at_once_open_one_run(database):
    """Without the step's own lock too: the night's row decides."""
    stock(database, *(a_manifest(f"iv-{n}") for n in range(20)))
    a_schedule(database)
    together, reports = threading.Barrier(4), []

    def work():
        together.wait()
        reports.append(look(database))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [1] == [len(r.opened) for r in reports if r.opened]
    assert 4 == len(reports)
    assert [{"n": 1}] == rows(database, "SELECT count(*) AS n FROM run")


def test_a_night_has_one_row_and_one_run(database):
    """The tables say so, whatever a program tries."""
    stock(database, a_manifest())
    a_schedule(database)
    look(database)

    for table, columns in (("schedule_night", "schedule_id, night, outcome"), ("run", "schedule_id, night, name")):
        values = columns.replace("outcome", "'missed'").replace("name", "'another'")
        more = ", selection, model" if table == "run" else ""
        with pytest.raises(Exception, match="duplicate key"):
            change(
                database,
                f"INSERT INTO {table} ({columns}{more}) SELECT {values}{', selection, model' if more else ''} "
                f"FROM {table} LIMIT 1",
            )


def test_missed_nights_are_recorded_before_the_present_one_is_opened(database):
    """The reconciler was down for three days: two nights are missed, the third is opened late."""
    stock(database, a_manifest())
    a_schedule(database, since=timedelta(days=2, minutes=5))

    report = look(database)

    assert (1, 2) == (len(report.opened), report.missed)
    assert ["opened", "missed", "missed"] == [outcome for outcome, _ in nights(database)]


def test_a_night_past_its_deadline_is_missed_and_not_opened(database):
    """It is not made up for by day."""
    stock(database, a_manifest())
    a_schedule(database, began=timedelta(hours=3), since=timedelta(hours=4), until="2h")

    report = look(database)

    assert ((), 1) == (report.opened, report.missed)
    assert [] == rows(database, "SELECT 1 FROM run")


def test_a_night_that_finds_nothing_is_recorded(database):
    """Without a run, and with what is blocked; it is not opened later."""
    stock(database, a_manifest("iv-1", consent="refused"))
    a_schedule(database)

    assert 1 == look(database).nothing
    stock(database, a_manifest("iv-2"))
    assert () == look(database).opened
    assert [("nothing", None)] == nights(database)
    assert [{"detail": "1 blocked"}] == rows(database, "SELECT detail FROM schedule_night")


def test_a_run_that_is_still_open_ends_where_the_next_night_begins(database):
    """The next one takes up what is left, under the same evaluation."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2"))
    name = a_schedule(database)
    look(database)
    row = a_claim(database)
    with database.begin() as db:
        finalize(db, row, a_scorecard(row), {})
    # A day later: the night of yesterday has the deadline at which tonight's begins.
    change(database, "UPDATE run SET night = night - 1, deadline = deadline - interval '1 day', name = 'yesterday'")
    change(database, "UPDATE schedule_night SET night = night - 1")
    with database.begin() as db:
        close_runs(db)

    (opened,) = look(database).opened

    with database.begin() as db:
        before, now = run_status(db, "yesterday"), run_status(db, opened)
    assert ("deadline", 1, 1) == (before.closed_because, before.counts.scored, before.counts.pending)
    assert (1, 1) == (now.counts.selected, now.counts.pending)
    assert 2 == len(nights(database, name))
    assert [{"n": 2}] == rows(database, "SELECT count(*) AS n FROM evaluation")


def test_a_name_that_somebody_has_taken_gets_a_number(database):
    """The night is not lost because of it."""
    stock(database, a_manifest())
    begin(database, f"night-{tonight()}")
    a_schedule(database)

    assert (f"night-{tonight()}-2",) == look(database).opened


def test_a_night_that_cannot_be_opened_says_why_and_is_tried_again(database):
    """A budget in money without a price: once there is one, the night begins, late."""
    stock(database, a_manifest())
    a_schedule(database, budget={"kind": "money", "amount": 10})

    refused = look(database)
    with database.begin() as db:
        trouble = find_schedule(db, "night").trouble
    opened = look(database, priced=True)

    assert (1, ()) == (refused.refused, refused.opened)
    assert "needs a price" in (trouble or "")
    assert 1 == len(opened.opened)
    with database.begin() as db:
        assert find_schedule(db, "night").trouble is None


def test_nights_that_could_not_begin_are_missed_with_the_reason(database):
    """Also while the present one cannot begin either."""
    stock(database, a_manifest())
    a_schedule(database, budget={"kind": "money", "amount": 10})
    look(database)
    change(database, "UPDATE schedule SET since = since - interval '1 day'")

    report = look(database)

    assert (1, 1) == (report.missed, report.refused)
    (row,) = rows(database, "SELECT outcome, detail FROM schedule_night")
    assert ("missed", True) == (row["outcome"], "needs a price" in row["detail"])


def test_one_refused_schedule_keeps_no_other_from_its_night(database):
    """Each stands by itself."""
    stock(database, a_manifest())
    a_schedule(database, name="a-first", budget={"kind": "money", "amount": 10})
    a_schedule(database, name="b-second")

    report = look(database)

    assert (1, (f"b-second-{tonight()}",)) == (report.refused, report.opened)


def test_the_judge_is_asked_for_only_when_a_night_is_due(database):
    """A reconciler without a judge's name is none the worse before; then the schedule says what is missing."""
    stock(database, a_manifest())

    def nobody():
        raise UsageFault("DEBRIEF_MODEL is not set")

    with database.begin() as db:
        assert 0 == open_due_nights(db, nobody, priced=False).refused
    a_schedule(database)
    with database.begin() as db:
        assert 1 == open_due_nights(db, nobody, priced=False).refused
    with database.begin() as db:
        assert "DEBRIEF_MODEL is not set" == find_schedule(db, "night").trouble


def test_nights_while_it_was_paused_are_nobodys(database):
    """Resumed, it begins with the next one: neither missed nor made up for."""
    stock(database, a_manifest())
    name = a_schedule(database, since=timedelta(days=3))
    with database.begin() as db:
        switch_schedule(db, name, active=False)

    assert ((), 0) == ((report := look(database)).opened, report.missed)
    with database.begin() as db:
        switch_schedule(db, name, active=True)
    assert ((), 0) == ((report := look(database)).opened, report.missed)
    assert [] == nights(database)


def test_resuming_what_is_not_paused_loses_no_night(database):
    """It stays as it is."""
    stock(database, a_manifest())
    name = a_schedule(database)
    with database.begin() as db:
        switch_schedule(db, name, active=True)

    assert 1 == len(look(database).opened)


def test_an_edit_that_does_not_time_it_anew_loses_no_night(database):
    """Another budget counts from tonight on; another time only from the next night."""
    stock(database, a_manifest())
    name = a_schedule(database)
    for fields in ({"budget": {"kind": "tokens", "amount": 7}}, {"until": "3h"}):
        with database.begin() as db:
            kept = find_schedule(db, name, to_change=True)
            before = kept.schedule.since
            wanted = {**kept.schedule.model_dump(include=set(Wanted.model_fields)), **fields}
            after = change_schedule(db, kept, Wanted.model_validate(wanted)).schedule.since

        assert ("until" in fields) is (after > before)


def test_a_removed_schedule_opens_nothing_and_frees_its_name(database):
    """Its runs stay, with their night."""
    stock(database, a_manifest())
    name = a_schedule(database)
    look(database)
    with database.begin() as db:
        remove_schedule(db, name)

    with database.begin() as db:
        assert () == schedule_list(db)
        with pytest.raises(NotFound, match="debrief schedule list"):
            find_schedule(db, name)
    stock(database, a_manifest("iv-2"))
    a_schedule(database)
    assert (f"night-{tonight()}-2",) == look(database).opened


def test_a_taken_name_is_refused(database):
    """With where to look."""
    a_schedule(database)

    with database.begin() as db, pytest.raises(Conflict, match="debrief schedule show night"):
        add_schedule(db, Wanted(name="night", at="22:00", zone="UTC"))


SESSION = NodeSession(id="s1", name="w1", node="gpu-0", model=MODEL, slots=2)


def alive(database):
    """The worker lives; what it did up to now is known."""
    with database.begin() as db:
        note_alive(db, SESSION, age_s=60, ready=True)


def judged(database, *interviews, budget):
    """These interviews in run-1 with this budget; the first is claimed, and a call of 1,000 tokens was made for it."""
    stock(database, *(a_manifest(name) for name in interviews))
    begin(database, "run-1", budget=Budget.model_validate(budget))
    alive(database)
    call = CallNote(
        section_id="design",
        ago_s=0.0,
        duration_s=2.0,
        prompt_tokens=900,
        cached_tokens=0,
        completion_tokens=100,
        kept=True,
    )
    with database.begin() as db:
        row = claim(db, worker="w1", model=MODEL, lease_s=30, session_id=SESSION.id)
        note_section(db, row, section_id="design", reused=False, calls=[call])
    alive(database)
    return row


def test_a_run_that_has_spent_its_budget_is_closed(database):
    """Nothing more is claimed for it; the row in hand is finished, and stands as running in the closed account."""
    row = judged(database, "iv-1", "iv-2", budget={"kind": "tokens", "amount": 1_000})

    with database.begin() as db:
        assert 1 == close_runs(db)
    assert claimed(database) is None
    with database.begin() as db:
        finalize(db, row, a_scorecard(row), {})
        status = run_status(db, "run-1")
    assert ("budget", 1, 1) == (status.closed_because, status.counts.running, status.counts.pending)


def test_a_run_within_its_budget_goes_on(database):
    """One token less."""
    judged(database, "iv-1", "iv-2", budget={"kind": "tokens", "amount": 1_001})

    with database.begin() as db:
        assert 0 == close_runs(db)


def test_a_run_that_is_done_has_finished_whatever_it_spent(database):
    """What was reached with the last interview has cut nothing off."""
    row = judged(database, "iv-1", budget={"kind": "tokens", "amount": 1})
    with database.begin() as db:
        finalize(db, row, a_scorecard(row), {})
        close_runs(db)

    with database.begin() as db:
        assert "finished" == run_status(db, "run-1").closed_because
