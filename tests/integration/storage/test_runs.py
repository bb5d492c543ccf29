"""Runs: what they select, that their numbers always add up, and when they end."""

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from evaluator.errors import AnswerInvalid, Conflict, LeaseLost, NotFound, StoreUnavailable
from evaluator.evaluation import COUNTS, Quarantine, RunCounts, after_failure
from evaluator.judging import Sampling
from evaluator.storage.evaluations import expire_leases, fail, finalize, note_section, release
from evaluator.storage.interviews import take_in
from evaluator.storage.runs import (
    RUN_OPENED,
    Judge,
    Selection,
    close_run,
    close_run_named,
    close_runs,
    pause_run,
    retry_run,
    run_counts,
    run_failures,
    run_list,
    run_status,
    selected,
    unpause_run,
)
from tests.factories import MODEL, a_rubric, a_transcript
from tests.integration.storage.builders import (
    JUDGE,
    a_claim,
    a_manifest,
    a_scorecard,
    begin,
    change,
    claimed,
    due_again,
    overslept,
    prepared,
    row_of,
    rows,
    stock,
    story,
)

NEXT_MODEL = Judge(model="next-judge@r2", sampling=Sampling())
CAREFUL = Judge(model=MODEL, sampling=Sampling(), require_consent=True)


def found(database, only="missing", judge=JUDGE, **selection) -> list[str]:
    """Ids of the interviews that a selection finds."""
    with database.begin() as db:
        return [m.interview_id for m in selected(db, Selection(only=only, **selection), judge)]


def finish(database, *, levels=3) -> str:
    """The next due row is done."""
    claim = a_claim(database)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim, levels=levels), {})
    return claim.work.interview_id


def spoil(database) -> str:
    """The next due row is quarantined."""
    claim = a_claim(database)
    with database.begin() as db:
        fail(db, claim, Quarantine(code="cut_answer", detail="section design: cut"))
    return claim.work.interview_id


def counts(database, name="run-1") -> RunCounts:
    """Where the run stands."""
    with database.begin() as db:
        return run_status(db, name).counts


def close(database) -> int:
    """What the reconciler closes."""
    with database.begin() as db:
        return close_runs(db)


def test_missing_finds_what_was_never_scored(database):
    """An interview with a scorecard is left alone; one that failed is still missing."""
    prepared(database, 3)
    finish(database)
    spoil(database)

    assert ["iv-2", "iv-3"] == found(database)


def test_missing_is_not_asked_again_by_another_model(database):
    """A new model never scores by itself what the old one has scored."""
    prepared(database)
    finish(database)

    assert [] == found(database, judge=NEXT_MODEL)


def test_missing_finds_a_changed_transcript(database):
    """The old scorecard says nothing about the new words."""
    prepared(database)
    finish(database)
    stock(database, a_manifest(transcript=a_transcript({"design": "We split the queue by region first."})))

    assert ["iv-1"] == found(database)


def test_failed_finds_what_a_person_must_look_at(database):
    """Neither waiting nor scored interviews are tried again."""
    prepared(database, 3)
    finish(database)
    spoil(database)

    assert ["iv-2"] == found(database, "failed")


def test_stale_finds_what_another_judge_scored(database):
    """Done under another model, prompt or sampling, and not yet under this one."""
    prepared(database, 2)
    finish(database)

    assert [] == found(database, "stale")
    assert ["iv-1"] == found(database, "stale", judge=NEXT_MODEL)
    assert ["iv-1"] == found(database, "stale", judge=Judge(model=MODEL, sampling=Sampling(temperature=0.5)))


def test_stale_finds_what_another_rubric_version_scored(database):
    """An interview whose manifest names a newer version was scored by the old one."""
    prepared(database)
    finish(database)
    stock(database, a_manifest(rubric_version="2"), rubric=a_rubric().model_copy(update={"version": "2"}))

    assert ["iv-1"] == found(database, "stale")


def test_all_finds_everything(database):
    """Scored or not."""
    prepared(database, 3)
    finish(database)

    assert ["iv-1", "iv-2", "iv-3"] == found(database, "all")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"requisition": "REQ-2"}, ["iv-2"]),
        ({"rubric": "backend@1"}, ["iv-1", "iv-2"]),
        ({"rubric": "backend@2"}, []),
        ({"interviews": ("iv-2", "iv-9")}, ["iv-2"]),
        ({"limit": 1}, ["iv-1"]),
        ({"since": "2100-01-01T00:00:00Z"}, []),
        ({"until": "2100-01-01T00:00:00Z"}, ["iv-1", "iv-2"]),
    ],
)
def test_selection_is_narrowed(database, selection, expected):
    """By requisition, rubric, ids, number and time of intake."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2", requisition="REQ-2"))

    assert expected == found(database, **Selection(**selection).model_dump(exclude={"only"}))


def test_run_of_nothing_is_finished_at_once(database):
    """An empty selection leaves a closed run with zeros, not one that is open for ever."""
    stock(database)

    assert RunCounts() == begin(database)
    with database.begin() as db:
        status = run_status(db, "run-1")
    assert ("closed", "finished") == (status.state, status.closed_because)


def test_run_s_name_is_taken_once(database):
    """A second run of that name is refused and adds nothing."""
    prepared(database)

    with pytest.raises(Conflict, match="run run-1 exists already"):
        begin(database, only="all")
    assert 1 == len(rows(database, "SELECT 1 FROM run_member"))


def test_unknown_run_is_not_found(database):
    """Its name and the way out are told."""
    with pytest.raises(NotFound, match="run nightly does not exist; see: debrief run list"), database.begin() as db:
        run_status(db, "nightly")
    with pytest.raises(NotFound), database.begin() as db:
        close_run_named(db, "nightly", because="stopped")


def test_runs_are_listed_newest_first(database):
    """Each with its own numbers."""
    prepared(database, 2)
    begin(database, "run-2", interviews=("iv-1",))

    with database.begin() as db:
        assert [("run-2", 1), ("run-1", 2)] == [(run.name, run.counts.selected) for run in run_list(db)]


def test_done_members_are_skipped(database):
    """A run over everything does not score again what stands under the same key."""
    prepared(database, 2)
    finish(database)

    numbers = begin(database, "run-2", only="all")

    assert (2, 1, 1) == (numbers.selected, numbers.skipped, numbers.pending)


def test_changed_model_gets_rows_of_its_own(database):
    """Another key is another row; the old scorecard stays."""
    prepared(database)
    finish(database)
    begin(database, "run-2", judge=NEXT_MODEL, only="stale")

    assert ["done", "pending"] == [row["state"] for row in rows(database, "SELECT state FROM evaluation ORDER BY id")]
    assert claimed(database) is None
    assert claimed(database, model="next-judge@r2") is not None


def test_failed_ones_are_tried_afresh(database):
    """Counters, code and back-off start again, and the story says so."""
    prepared(database)
    spoil(database)

    begin(database, "run-2", only="failed")

    row = row_of(database)
    assert ("pending", 0, 0, None) == (row["state"], row["attempts"], row["stalls"], row["code"])
    assert ["claimed", "quarantined", "retried"] == story(database)
    assert a_claim(database).fence == 2


def test_failed_ones_stay_failed_in_other_selections(database):
    """Only asking for the failed ones brings them back; any other run counts them as failed."""
    prepared(database)
    spoil(database)

    numbers = begin(database, "run-2", only="all")

    assert (1, 1) == (numbers.selected, numbers.failed)
    assert claimed(database) is None


@pytest.mark.parametrize("consent", ["refused", "withdrawn"])
def test_denied_consent_blocks(database, consent):
    """The interview is a member, counted and never claimed."""
    stock(database, a_manifest("iv-1", consent=consent), a_manifest("iv-2"))

    numbers = begin(database)

    assert (2, 1, 1) == (numbers.selected, numbers.blocked, numbers.pending)
    assert "iv-2" == a_claim(database).work.interview_id
    assert claimed(database) is None


def test_unknown_consent_blocks_where_consent_is_required(database):
    """Imports without a word on consent are scored only where the deployment allows it."""
    stock(database, a_manifest("iv-1", consent="unknown"), a_manifest("iv-2", consent="granted"))

    numbers = begin(database, judge=CAREFUL)

    assert (2, 1, 1) == (numbers.selected, numbers.blocked, numbers.pending)


def test_requiring_consent_blocks_rows_of_earlier_runs(database):
    """A row that was waiting from before is not scored under the stricter rule, nor finished by its worker."""
    stock(database, a_manifest("iv-1", consent="unknown"), a_manifest("iv-2", consent="unknown"))
    begin(database)
    a_claim(database)

    numbers = begin(database, "run-2", judge=CAREFUL)

    assert (2, 2) == (numbers.selected, numbers.blocked)
    assert claimed(database) is None
    assert ["claimed", "blocked"] == story(database)


def test_consent_given_later_lets_the_next_run_score(database):
    """A blocked row is not blocked for ever."""
    stock(database, a_manifest(consent="unknown"))
    begin(database, judge=CAREFUL)
    stock(database, a_manifest(consent="granted"))

    numbers = begin(database, "run-2", judge=CAREFUL)

    assert (1, 1) == (numbers.selected, numbers.pending)
    assert claimed(database) is not None
    assert 1 == counts(database, "run-1").blocked  # closed before; it stays as it was


def test_failed_interview_is_not_tried_again_without_consent(database):
    """Withdrawn consent outweighs a person's wish to try again."""
    prepared(database)
    spoil(database)
    stock(database, a_manifest(consent="withdrawn"))

    numbers = begin(database, "run-2", only="failed")

    assert (1, 1) == (numbers.selected, numbers.blocked)
    assert claimed(database) is None


def test_run_closes_when_nothing_is_left(database):
    """Scored, failed and blocked members are all at their end; a waiting one is not."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2"), a_manifest("iv-3", consent="refused"))
    begin(database)
    finish(database)

    assert 0 == close(database)
    spoil(database)
    assert 1 == close(database)
    assert 0 == close(database)


def test_row_that_backs_off_keeps_its_run_open(database):
    """A later attempt belongs to the run."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        fail(db, claim, after_failure(0, StoreUnavailable("down")))

    assert 0 == close(database)


def test_deadline_closes_a_run_with_work_left(database):
    """Each member's place at that moment is its outcome."""
    prepared(database, 3)
    finish(database)
    a_claim(database)
    change(database, "UPDATE run SET deadline = clock_timestamp() - interval '1 second'")

    assert 1 == close(database)
    with database.begin() as db:
        assert "deadline" == run_status(db, "run-1").closed_because
    assert (1, 1, 1) == tuple(getattr(counts(database), name) for name in ("scored", "running", "pending"))


def test_run_that_was_done_by_its_deadline_is_finished(database):
    """A reconciler that looks a little later does not call it late."""
    prepared(database)
    finish(database)
    change(database, "UPDATE run SET deadline = clock_timestamp() - interval '1 second'")

    assert 1 == close(database)
    with database.begin() as db:
        assert "finished" == run_status(db, "run-1").closed_because


def test_closed_run_keeps_its_numbers(database):
    """What happens to its rows later is another run's business."""
    prepared(database, 3)
    finish(database)
    spoil(database)
    running = a_claim(database)
    with database.begin() as db:
        close_run_named(db, "run-1", because="stopped")
    before = counts(database)

    begin(database, "run-2", only="failed")
    with database.begin() as db:
        finalize(db, running, a_scorecard(running), {})
        close_run_named(db, "run-1", because="deadline")
        close_run(db, 1, because="deadline")

    assert before == counts(database)
    with database.begin() as db:
        assert "stopped" == run_status(db, "run-1").closed_because


def test_two_runs_may_share_a_row(database):
    """It is worked on once, counted in both, and goes on when one of them is stopped."""
    prepared(database)
    begin(database, "run-2", only="all")
    assert 1 == len(rows(database, "SELECT 1 FROM evaluation"))
    with database.begin() as db:
        close_run_named(db, "run-1", because="stopped")

    finish(database)

    assert (1, 1) == (counts(database, "run-1").pending, counts(database, "run-2").scored)
    assert 1 == close(database)


def test_scorecard_s_state_is_the_member_s(database):
    """An interview in which nothing could be scored is counted apart."""
    prepared(database, 2)
    finish(database, levels=None)
    finish(database)

    assert (1, 1) == (counts(database).unscorable, counts(database).scored)


def test_failures_are_listed_with_their_reasons(database):
    """Code and detail are what a person needs to decide."""
    prepared(database, 2)
    spoil(database)

    with database.begin() as db:
        listed = run_failures(db, "run-1")
    assert [("iv-1", "cut_answer", "section design: cut")] == [
        (f["interview"], f["reason"], f["detail"]) for f in listed
    ]


def test_sections_are_counted_for_the_time_estimate(database):
    """Those of rows in work and done, out of all that are not skipped."""
    prepared(database, 2)
    finish(database)
    claim = a_claim(database)
    with database.begin() as db:
        note_section(db, claim, section_id="design", reused=False)
        status = run_status(db, "run-1")

    assert (4, 6) == (status.sections_done, status.sections_total)


def sums_up(numbers: RunCounts) -> bool:
    """The one equation that all faces show."""
    return numbers.selected == sum(getattr(numbers, name) for name in COUNTS)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_add_up_whatever_happens(database, seed):
    """After any sequence of claims, ends, deaths, withdrawals, stops and new runs each run's members are all told."""
    chance = random.Random(seed)
    change(
        database,
        "TRUNCATE run_member, scorecard, evaluation_event, evaluation, run, interview RESTART IDENTITY CASCADE",
    )
    stock(database, *(a_manifest(f"iv-{n}") for n in range(1, 6)))
    sizes = {"run-0": begin(database, "run-0").selected}
    held, closed = [], {}
    for step in range(1, 40):
        _one_thing(database, chance, held, sizes, step)
        with database.begin() as db:
            for status in run_list(db):
                assert sums_up(status.counts)
                assert sizes[status.name] == status.counts.selected
                if status.state == "closed":
                    assert closed.setdefault(status.name, status.counts) == status.counts


THINGS = (
    *("claim", "claim", "claim", "done", "done", "fail", "release", "section", "die", "due"),
    *("run", "close", "stop", "withdraw", "grant"),
)


def _one_thing(database, chance, held, sizes, step) -> None:
    """One random thing that may happen to a fleet."""
    kind = chance.choice(THINGS)
    claim = held.pop(chance.randrange(len(held))) if held and kind in {"done", "fail", "release", "section"} else None
    with database.begin() as db:
        if kind in {"withdraw", "grant"}:
            status = {"withdraw": "withdrawn", "grant": "granted"}[kind]
            take_in(db, a_manifest(f"iv-{chance.randint(1, 5)}", consent=status))
        elif kind == "die":
            db.execute(text("UPDATE evaluation SET leased_until = clock_timestamp() WHERE state = 'running'"))
            expire_leases(db)
        elif kind == "close":
            close_runs(db)
        elif kind == "stop":
            close_run_named(db, chance.choice(sorted(sizes)), because="stopped")
    if kind == "claim" and (row := claimed(database)) is not None:
        held.append(row)
    elif kind == "due":
        due_again(database)
    elif kind == "run":
        judge = chance.choice([JUDGE, CAREFUL, NEXT_MODEL])
        only = chance.choice(["missing", "failed", "stale", "all"])
        sizes[f"run-{step}"] = begin(database, f"run-{step}", judge=judge, only=only).selected
    elif claim is not None:
        _write(database, chance, claim, kind)


def _write(database, chance, claim, kind) -> None:
    with contextlib.suppress(LeaseLost), database.begin() as db:
        if kind == "done":
            finalize(db, claim, a_scorecard(claim, levels=chance.choice([None, 3])), {})
        elif kind == "fail":
            fail(db, claim, after_failure(claim.attempts, AnswerInvalid("design", "cut_answer")))
        elif kind == "release":
            release(db, claim, reason="drained")
        else:
            note_section(db, claim, section_id="design", reused=chance.random() < 0.5)


def test_run_counts_are_those_of_the_run_asked_for(database):
    """Members of another run are not counted in."""
    prepared(database, 2)
    begin(database, "run-2", interviews=("iv-2",))

    with database.begin() as db:
        assert (2, 1) == (run_counts(db, 1).selected, run_counts(db, 2).selected)


def test_expired_rows_of_a_run_are_pending_again(database):
    """A dead worker's row is work that is left."""
    prepared(database)
    a_claim(database)
    overslept(database)
    with database.begin() as db:
        expire_leases(db)

    assert 1 == counts(database).pending


# Retry, pause, stop


def test_retry_of_an_open_run_brings_the_failed_ones_back(database):
    """Under a new fence, with fresh counters, in the same run; the story holds the reason."""
    prepared(database, 2)
    spoil(database)

    retried = retry(database)

    row = row_of(database)
    assert ("run-1", ("iv-1",), 0) == (retried.run, retried.interviews, retried.taken_along)
    assert ("pending", 2, 0, 0, None) == tuple(row[n] for n in ("state", "fence", "attempts", "stalls", "code"))
    assert ["claimed", "quarantined", "retried"] == story(database)
    (event,) = rows(database, "SELECT detail FROM evaluation_event WHERE kind = 'retried'")
    assert "the judge was changed" == event["detail"]["reason"]
    assert "iv-1" == a_claim(database).work.interview_id


def test_whatever_brings_work_is_heard(database):
    """A run that is opened, resumed or tried again; not one that is paused."""
    with database.listening(RUN_OPENED) as heard:
        prepared(database, 2)
        told = [heard(5.0)]
        spoil(database)
        for change_state in (pause_run, unpause_run):
            with database.begin() as db:
                change_state(db, "run-1")
            told.append(heard(0.5))
        retry(database)
        told.append(heard(5.0))

    assert [True, False, True, True] == told


def test_retry_of_a_closed_run_opens_a_new_one(database):
    """The closed run's numbers stay; the new one has only what it failed at."""
    prepared(database, 3)
    spoil(database)
    finish(database)
    finish(database)
    close(database)
    before = counts(database)

    retried = retry(database)
    finish(database)
    close(database)

    assert ("run-1-retry-1", before) == (retried.run, counts(database))
    assert (1, 1) == (counts(database, "run-1-retry-1").selected, counts(database, "run-1-retry-1").scored)
    assert "done" == row_of(database)["state"]


def test_retries_of_a_run_are_numbered(database):
    """Also when the retry is retried; the name does not grow."""
    prepared(database)
    names = []
    for name in ("run-1", "run-1-retry-1", "run-1"):
        spoil(database)
        close(database)
        names.append(retry(database, name).run)

    assert ["run-1-retry-1", "run-1-retry-2", "run-1-retry-3"] == names


@pytest.mark.parametrize(("only_failed", "expected"), [(False, 3), (True, 1)])
def test_retry_of_a_stopped_run_takes_along_what_it_left(database, only_failed, expected):
    """Unless only the failed ones are wanted."""
    prepared(database, 3)
    spoil(database)
    stop(database)

    retried = retry(database, only_failed=only_failed)

    assert expected == counts(database, retried.run).selected
    assert expected - 1 == retried.taken_along


def test_nothing_failed_is_nothing_to_retry(database):
    """No run is opened for it."""
    prepared(database)
    finish(database)
    close(database)

    assert retry(database) is None
    assert 1 == rows(database, "SELECT count(*) AS n FROM run")[0]["n"]


def test_retry_asks_for_consent_again(database):
    """An interview whose consent was withdrawn since is blocked, not judged."""
    prepared(database)
    spoil(database)
    change(database, "UPDATE interview SET consent = 'withdrawn'")

    assert retry(database) is None
    assert "blocked" == row_of(database)["state"]


def test_retry_names_the_rows_whose_checkpoints_stand_in_the_way(database):
    """Their objects can then be removed before the transaction ends."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        fail(db, claim, Quarantine(code="checkpoint_corrupt", detail="checkpoint k does not parse"))

    assert (("iv-1", claim.work.evaluation_key),) == retry(database).corrupt


def test_rows_are_nobodys_while_a_retry_goes_on(database):
    """No worker claims them before it is committed."""
    prepared(database)
    spoil(database)

    with database.begin() as db:
        retry_run(db, "run-1", reason="the judge was changed")
        before = claimed(database)

    assert before is None
    assert claimed(database) is not None


def test_two_retries_at_once_bring_a_row_back_once(database):
    """The second waits and finds nothing."""
    prepared(database, 2)
    spoil(database)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: retry(database), range(2)))

    assert 1 == sum(one is not None for one in found)
    assert 1 == story(database).count("retried")


def test_pause_and_resume(database):
    """Nothing is claimed in between, what is in hand is finished, and again goes on."""
    prepared(database, 2)
    claim = a_claim(database)
    with database.begin() as db:
        pause_run(db, "run-1")
    paused = claimed(database)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})
        pause_run(db, "run-1")
        unpause_run(db, "run-1")

    assert paused is None
    assert "iv-2" == a_claim(database).work.interview_id
    assert 1 == counts(database).scored


@pytest.mark.parametrize("change_state", [pause_run, unpause_run])
def test_closed_run_is_not_paused(database, change_state):
    """The message says what can be done with it."""
    prepared(database)
    stop(database)

    with database.begin() as db, pytest.raises(Conflict, match="debrief run retry run-1"):
        change_state(db, "run-1")


@pytest.mark.parametrize("operation", [pause_run, unpause_run, lambda db, name: retry_run(db, name, reason="x")])
def test_unknown_run_is_not_changed(database, operation):
    """It is not found."""
    with database.begin() as db, pytest.raises(NotFound):
        operation(db, "night")


def test_deadline_closes_a_paused_run(database):
    """Paused and forgotten, it ends at its time."""
    prepared(database)
    with database.begin() as db:
        pause_run(db, "run-1")
    change(database, "UPDATE run SET deadline = clock_timestamp() - interval '1 second'")

    assert 1 == close(database)
    assert "deadline" == rows(database, "SELECT closed_because FROM run")[0]["closed_because"]


def test_stop_lets_running_rows_finish_and_claims_nothing_more(database):
    """The scorecard is kept; the stopped run's numbers stay as they were when it was stopped."""
    prepared(database, 2)
    claim = a_claim(database)
    stop(database)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})

    assert claimed(database) is None
    assert "done" == row_of(database)["state"]
    assert (1, 1, 0) == (counts(database).running, counts(database).pending, counts(database).scored)


def retry(database, name="run-1", *, only_failed=False):
    """What an operator brings back."""
    with database.begin() as db:
        return retry_run(db, name, reason="the judge was changed", only_failed=only_failed)


def stop(database) -> None:
    """An operator stops run-1."""
    with database.begin() as db:
        close_run_named(db, "run-1", because="stopped")
