"""Replicates: scored through the real pipeline, mapped back by criterion, kept in checkpoints, and never a row."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from evaluator.calibration.noise import distinguishable
from evaluator.calibration.replicates import (
    estimate,
    latest_noise,
    measured,
    replicates,
    sample,
    score,
    shuffled,
    store_noise,
)
from evaluator.errors import EngineBusy, EngineUnavailable, StoreUnavailable
from evaluator.judging import Sampling
from evaluator.pipeline import load_transcript, plan
from evaluator.prompts import PROMPT_VERSION, tokens_needed
from evaluator.storage.calibrations import Subject, subjects
from tests.factories import MODEL, a_completion, a_rubric
from tests.fakes import MemoryStore, ScriptedJudge, all_at, count_words, section_of
from tests.integration.calibration.conftest import CALLS, RUBRIC, a_judge, some_tools
from tests.integration.storage.builders import change, rows

BY_NAME = {"Depth": 4, "Clarity": 2, "Method": 3, "Feedback": 5, "Conflict": 1}


def found_in(database, interviews=()) -> tuple[Subject, ...]:
    """All that may be scored again."""
    with database.begin() as db:
        return subjects(db, rubric_id="backend", rubric_version="1", interviews=interviews)


def wanted_of(database, *, k=3, seed=0, rubric=RUBRIC):
    """All replicates of what is there."""
    return replicates(rubric, found_in(database), k=k, seed=seed, model=MODEL, sampling=Sampling())


def calls_of(wanted) -> int:
    """Sections to be judged: an order that comes again, or is the rubric's own, is the same evaluation."""
    return CALLS * len({(one.work.interview_id, one.work.evaluation_key) for one in wanted})


def run(wanted, tools, **options):
    """All of them, one after the other."""
    return asyncio.run(score(wanted, tools, **options))


def noise_of(scored, k=3):
    """What they give."""
    return measured(scored, RUBRIC, k=k, seed=0, temperature=0.0)


@pytest.fixture
def store(scored_interviews) -> MemoryStore:
    """Three interviews, scored."""
    made = MemoryStore()
    scored_interviews(made, 3)
    return made


def test_every_interview_is_scored_k_times_under_each_order(database, store):
    """Replicates are numbered from 1, with the number as seed, and each has a key of its own."""
    wanted = wanted_of(database, k=2)

    expected = {(o, f"iv-{i}", n): 1 for o in ("same_order", "shuffled_order") for i in (1, 2, 3) for n in (1, 2)}
    assert expected == Counter((w.order, w.work.interview_id, w.number) for w in wanted)
    assert all(w.number == w.work.sampling.replicate == w.work.sampling.seed for w in wanted)
    assert {w.work.evaluation_key for w in wanted}.isdisjoint(
        {row["evaluation_key"] for row in rows(database, "SELECT evaluation_key FROM evaluation")}
    )


def test_other_orders_hold_the_same_criteria():
    """Within their sections, and over the replicates each order comes before one comes again."""
    made = [shuffled(RUBRIC, n, seed=3) for n in (1, 2, 3)]
    orders = [[c.id for c in rubric.section("design").criteria] for rubric in made]

    assert [["clarity", "depth"], ["depth", "clarity"], ["clarity", "depth"]] == orders
    by_id = sorted(RUBRIC.criteria, key=lambda c: c.id)
    assert all(by_id == sorted(rubric.criteria, key=lambda c: c.id) for rubric in made)


def test_judge_that_goes_by_the_criterion_has_no_noise(database, store):
    """Answers are mapped back by criterion id, whatever place it had."""
    judge = a_judge(lambda _, __, name: BY_NAME[name])

    found = noise_of(run(wanted_of(database), some_tools(store, judge)))

    flipped = [c.flips.flipped for order in (found.same_order, found.shuffled_order) for c in order.criteria]
    assert [0] * 10 == flipped
    assert {"upper_bound"} == {c.level.basis for c in found.combined.criteria}


def test_judge_that_goes_by_the_place_is_found_out(database, store):
    """Only another order shows it, and only where there is another order."""
    judge = a_judge(lambda _, place, __: 3 + place)

    found = noise_of(run(wanted_of(database), some_tools(store, judge)))

    assert {0} == {c.flips.flipped for c in found.same_order.criteria}
    rates = {c.criterion_id: c.flips.rate for c in found.shuffled_order.criteria}
    assert {"depth": 2 / 3, "clarity": 2 / 3, "method": 0, "feedback": 2 / 3, "conflict": 2 / 3} == pytest.approx(
        rates, abs=1e-6
    )
    assert found.combined.criteria[0].level == found.shuffled_order.criteria[0].level


def test_judge_that_goes_by_the_seed_is_noisy_in_both_orders(database, store):
    """Three scorings at three levels: every pair differs, with a standard deviation of one level."""
    judge = a_judge(lambda request, _, __: request.sampling.seed + 1)

    found = noise_of(run(wanted_of(database), some_tools(store, judge)))

    depth = found.same_order.criteria[0]
    assert (1.0, 1.0, 6) == (depth.flips.rate, depth.level.sd, depth.level.degrees_of_freedom)
    assert (1.0, 1.0) == (found.same_order.overall.sd, found.shuffled_order.criteria[0].level.sd)


def test_replicates_are_no_rows_and_no_scorecards(database, store):
    """Nobody finds them in a list, a run or a count."""
    before = rows(database, "SELECT (SELECT count(*) FROM evaluation) e, (SELECT count(*) FROM scorecard) s")

    run(wanted_of(database), some_tools(store, ScriptedJudge()))

    assert before == rows(database, "SELECT (SELECT count(*) FROM evaluation) e, (SELECT count(*) FROM scorecard) s")


def test_second_measurement_asks_nothing(database, store):
    """Every section has its checkpoint, and the figures are the same."""
    judge, wanted = a_judge(lambda request, _, __: request.sampling.seed + 1), wanted_of(database)
    first = run(wanted, some_tools(store, judge))
    again = ScriptedJudge()

    second = run(wanted, some_tools(store, again))

    assert (0, 3 * 6 * CALLS) == (again.calls, sum(one.reused for one in second))
    assert (noise_of(first), calls_of(wanted)) == (noise_of(second), sum(one.judged for one in first))


def test_measurement_goes_on_where_it_was_cut(database, store):
    """An outage keeps what was finished; over both tries no section is asked for twice."""
    wanted = wanted_of(database)

    def failing(request):
        return EngineUnavailable("gone") if len(judge.requests) > 20 else all_at(3)(request)

    judge = ScriptedJudge(failing)
    judge.check = lambda _: _raise(EngineUnavailable("gone"))
    with pytest.raises(EngineUnavailable):
        run(wanted, some_tools(store, judge))
    kept = len(store.names("checkpoints/", limit=10_000))
    rest = ScriptedJudge()

    run(wanted, some_tools(store, rest))

    assert calls_of(wanted) == kept + rest.calls
    assert 0 < kept <= 20


async def _raise(error):
    raise error


@pytest.mark.parametrize("error", [EngineBusy("patience"), StoreUnavailable("away")])
def test_outage_ends_the_measurement(database, store, error):
    """No interview is to blame, so nothing is left out."""
    with pytest.raises(type(error)):
        run(wanted_of(database), some_tools(store, ScriptedJudge(lambda _: error)), at_once=3)


@pytest.mark.parametrize(
    "fault", [a_completion(text="{"), a_completion(finish_reason="length"), EngineUnavailable("500")]
)
def test_failed_section_is_counted_and_no_number(database, store, fault):
    """It is tried as often as a worker tries it; the interview's other sections count."""
    judge = ScriptedJudge(lambda request: fault if section_of(request) == "Debugging" else all_at(3)(request))

    scored = run(wanted_of(database, k=1), some_tools(store, judge))
    found = noise_of(scored, k=1)

    assert 3 * len(scored) == judge.sections.count("Debugging")
    assert (3, 3) == (found.same_order.failed_sections, found.shuffled_order.failed_sections)
    by_id = {c.criterion_id: (c.interviews, c.failed) for c in found.same_order.criteria}
    assert ((0, 3), (3, 0)) == (by_id["method"], by_id["depth"])
    assert {None} == {one.scoring.overall for one in scored}


def test_section_that_fails_once_is_tried_again(database, store):
    """With another seed, as a worker would; its answer counts."""
    seen: Counter[str] = Counter()

    def once_bad(request):
        key = f"{request.sampling.replicate}/{request.system}/{request.user}"
        seen[key] += 1
        return a_completion(text="{") if seen[key] == 1 and "Debugging" in request.system else all_at(3)(request)

    scored = run(wanted_of(database, k=1), some_tools(store, ScriptedJudge(once_bad)))

    assert {0} == {one.scoring.failed_sections for one in scored}
    assert {(3, 0)} == {(one.judged, one.reused) for one in scored}


def test_interview_that_cannot_be_read_is_left_out(database, store):
    """With the reason's code, and the others are measured."""
    store.delete(next(key for key in store.names("interviews/iv-2/") if "transcript" in key))

    scored = run(wanted_of(database, k=1), some_tools(store, ScriptedJudge()))

    assert {"object_missing": 2, None: 4} == Counter(one.code for one in scored)
    assert 2 == noise_of(scored, k=1).interviews


def test_consent_withdrawn_meanwhile_ends_its_scorings(database, store):
    """It is asked before each: the judge sees nothing more of that interview."""
    judge = ScriptedJudge()

    def allowed(interview_id):
        if judge.calls >= 6:
            change(database, "UPDATE interview SET consent = 'withdrawn' WHERE id = 'iv-2'")
        return bool(found_in(database, (interview_id,)))

    scored = run(wanted_of(database, k=2), some_tools(store, judge), allowed=allowed)

    assert [None, *["consent"] * 3] == [one.code for one in scored if one.interview_id == "iv-2"]
    assert 1 == sum("tenant 2" in request.user for request in judge.requests)


def test_several_at_once_give_the_same(database, store):
    """And are all done."""
    judge, other = (a_judge(lambda request, place, _: 1 + (request.sampling.seed + place) % 5) for _ in range(2))
    one = noise_of(run(wanted_of(database), some_tools(store, judge)))
    for key in store.names("checkpoints/", limit=10_000):
        store.delete(key)

    many = run(wanted_of(database), some_tools(store, other), at_once=4)

    assert (one, 18) == (noise_of(many), len(many))


def test_estimate_asks_nothing_and_is_right(database, store):
    """Its calls are those that are made then, and none afterwards."""
    wanted, judge = wanted_of(database), ScriptedJudge()

    before = estimate(wanted, store, count_words, context_tokens=16_384)
    run(wanted, some_tools(store, judge))
    after = estimate(wanted, store, count_words, context_tokens=16_384)

    assert (judge.calls, 0) == (before.calls, before.kept)
    assert (0, judge.calls, 0, 0) == (after.calls, after.kept, after.prompt_tokens, after.answer_tokens)
    assert before.prompt_tokens > before.answer_tokens > 0


def test_long_section_is_measured_in_windows(database, store):
    """Its windows cost calls of their own, which the estimate names, and a second time nothing."""
    wanted, judge = wanted_of(database, k=1), ScriptedJudge()
    requests = [request for one in wanted for _, request in plan(one.work, load_transcript(one.work, store))]
    window = max(tokens_needed(request, count_words) for request in requests) - 3
    tools = replace(some_tools(store, judge), context_tokens=window)

    told = estimate(wanted, store, count_words, context_tokens=window)
    scored = run(wanted, tools)
    asked = judge.calls
    again = run(wanted, tools)

    assert told.calls > calls_of(wanted)
    assert (asked, asked) == (judge.calls, sum(one.judged for one in scored))
    assert ({0}, {0}) == ({one.scoring.failed_sections for one in scored}, {one.judged for one in again})


def test_estimate_of_what_cannot_be_read_counts_nothing(database, store):
    """The measurement will leave it out."""
    store.delete(next(key for key in store.names("interviews/iv-2/") if "transcript" in key))

    assert 2 * 2 * CALLS == estimate(wanted_of(database, k=1), store, count_words, context_tokens=16_384).calls


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE interview SET consent = 'refused' WHERE id = 'iv-2'",
        "UPDATE interview SET consent = 'withdrawn' WHERE id = 'iv-2'",
        "UPDATE interview SET transcript_sha256 = 'x' WHERE id = 'iv-2'",
        "UPDATE evaluation SET state = 'quarantined' WHERE interview_id = 'iv-2'",
        "UPDATE evaluation SET rubric_version = '2' WHERE interview_id = 'iv-2'",
    ],
)
def test_sample_is_of_scored_interviews_with_consent(database, store, statement):
    """Of this rubric version, and of the transcript that the interview has now."""
    change(database, statement)

    assert ["iv-1", "iv-3"] == [one.interview_id for one in found_in(database)]


def test_unknown_consent_is_a_setting(database, store):
    """As for runs."""
    change(database, "UPDATE interview SET consent = 'unknown' WHERE id = 'iv-2'")
    with database.begin() as db:
        strict = subjects(db, rubric_id="backend", rubric_version="1", require_consent=True)

    assert (3, 2) == (len(found_in(database)), len(strict))


def test_sample_follows_from_the_seed():
    """The same seed draws the same, another draws others, and a larger sample holds the smaller."""
    many = [Subject(interview_id=f"iv-{n}", transcript_key="k", transcript_sha256="s") for n in range(100)]

    drawn = sample(many, limit=20, seed=1)

    assert drawn == sample(many[::-1], limit=20, seed=1)
    assert set(drawn) < set(sample(many, limit=30, seed=1))
    assert (20, True) == (len(drawn), drawn != sample(many, limit=20, seed=2))


def test_measurement_is_what_comparison_finds(database, store):
    """Stored and read back, it says who is above whom."""
    judge = a_judge(lambda request, _, __: 3 + request.sampling.seed % 2)
    found = noise_of(run(wanted_of(database), some_tools(store, judge)))

    with database.begin() as db:
        store_noise(db, found, RUBRIC, model=MODEL)
        kept = latest_noise(db, **_named())

    assert found == kept
    assert "higher" == distinguishable(4.9, 1.1, kept.combined.overall)
    assert "not_distinguishable" == distinguishable(3.2, 3.1, kept.combined.overall)


@pytest.mark.parametrize(
    "other", [{"rubric_version": "2"}, {"model": "other@1"}, {"prompt_version": "0"}, {"temperature": 0.7}]
)
def test_another_judge_was_never_measured(database, store, other):
    """Its noise may be anything, so no order is claimed."""
    found = noise_of(run(wanted_of(database), some_tools(store, ScriptedJudge())))

    with database.begin() as db:
        store_noise(db, found, RUBRIC, model=MODEL)
        assert latest_noise(db, **{**_named(), **other}) is None


def _named():
    return {
        "rubric_id": "backend",
        "rubric_version": "1",
        "model": MODEL,
        "prompt_version": PROMPT_VERSION,
        "temperature": 0.0,
    }


def test_rubric_without_another_order_costs_nothing_more(database, store):
    """One criterion a section: the other order is the same evaluation, read from its checkpoints."""
    alone = a_rubric({"design": ("depth",), "debugging": ("method",), "teamwork": ("conflict",)})
    judge = ScriptedJudge()

    run(wanted_of(database, k=2, rubric=alone), some_tools(store, judge))

    assert 3 * 2 * CALLS == judge.calls
