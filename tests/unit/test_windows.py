"""Sections that are longer than the judge's window: cut at turns, judged, and judged once more on what was cited."""

import asyncio
import contextlib
import json
import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.errors import CheckpointCorrupt, Drained, EngineUnavailable, LeaseLost, StoreUnavailable
from evaluator.judging import Cut, JudgeRequest, Sampling, WindowPlan, Work
from evaluator.layout import CHECKPOINTS, checkpoint_key, transcript_key
from evaluator.pipeline import Evaluated, SectionFacts, Tools, evaluate, recompute
from evaluator.pipeline.windows import TurnSizes, cited_turns, cut, cuts_of
from evaluator.prompts import judge_request, tokens_needed, user_prompt
from evaluator.scorecard import Alert
from evaluator.transcript import Transcript, Turn, segmented
from evaluator.values import canonical
from evaluator.verdict import Verdict
from tests.factories import a_checkpoint, a_completion, a_rubric, a_turn, a_work, an_answer
from tests.fakes import Answer, MemoryStore, ScriptedJudge, Switches, count_words, section_of

RUBRIC = a_rubric({"design": ("depth", "clarity"), "debugging": ("method",)})
CONTEXT = 1_300  # tokens: room for about 400 words of an interview


def an_exchange(n: int, words: int = 30) -> list[Turn]:
    """A question, and an answer of that many words."""
    return [
        a_turn(f"And what did you do about part {n}?", "design", "interviewer", id=f"q{n}"),
        a_turn(f"In part {n} " + "we split it again " * (words // 4) + "and measured.", "design", id=f"a{n}"),
    ]


def a_long_transcript(exchanges: int = 40, words: int = 30, sections: str = "marked") -> Transcript:
    """A design section of many exchanges, and a short section on debugging."""
    turns = [turn for n in range(exchanges) for turn in an_exchange(n, words)]
    turns.append(a_turn("I bisected the releases until one was left over.", "debugging", id="d1"))
    return Transcript(source="labelled-text", sections=sections, turns=segmented(turns))


LONG = a_long_transcript()


def stored(transcript: Transcript = LONG) -> MemoryStore:
    """A store that holds the transcript of interview iv-1."""
    store = MemoryStore()
    store.create(transcript_key("iv-1", transcript.digest), transcript.to_bytes())
    return store


def the_work(transcript: Transcript = LONG, **fields) -> Work:
    """The work of evaluating it."""
    return a_work(transcript, RUBRIC, **fields)


def shown(request: JudgeRequest) -> list[str]:
    """The utterances that a request shows."""
    return re.findall(r'^\{"(U[0-9]+)": ', request.user, re.MULTILINE)


def citing(*wanted: int, level: int = 4) -> Answer:
    """Cites the utterances at these places of what it is shown, for every criterion."""

    def answer(request: JudgeRequest):
        there = shown(request)
        ids = [there[min(place, len(there) - 1)] for place in wanted]
        n = len(request.answer_schema["required"])
        return a_completion(text=an_answer([level] * n, [ids] * n))

    return answer


def abstaining(request: JudgeRequest):
    """Finds no basis anywhere."""
    n = len(request.answer_schema["required"])
    return a_completion(text=an_answer([0] * n, [[]] * n))


def run(work: Work, store: MemoryStore, judge: ScriptedJudge | None = None, **tools) -> Evaluated:
    """One evaluation, to its end."""
    defaults = {"judge": judge or ScriptedJudge(), "count_tokens": count_words, "context_tokens": CONTEXT}
    return asyncio.run(evaluate(work, Tools(store=store, **{**defaults, **tools})))


def names(store: MemoryStore) -> list[str]:
    """What is kept of the evaluation."""
    return [key.split("/")[-1].removesuffix(".json") for key in store.names(CHECKPOINTS)]


def of_design(judge: ScriptedJudge) -> list[JudgeRequest]:
    """The requests about the long section."""
    return [r for r in judge.requests if section_of(r) == "Design"]


# Judging


def test_a_long_section_is_judged_in_windows_and_once_more_on_what_they_cited():
    """The last call shows only the cited utterances, each after its question, and its answer is the section's."""
    judge = ScriptedJudge(citing(1))

    evaluated = run(the_work(), stored(), judge)

    *windows, last = of_design(judge)
    assert len(windows) > 2
    assert [u.id for u in LONG.utterances() if u.section_id == "design"] == [i for w in windows for i in shown(w)]
    assert [shown(w)[1] for w in windows] == shown(last)
    assert len(windows) == last.user.count("And what did you do about part")
    results = evaluated.scorecard.sections[0].results
    assert {(shown(last)[1],)} == {r.evidence for r in results if isinstance(r, Verdict)}
    assert Alert(code="judged_in_windows", section_id="design", value=len(windows)) in evaluated.scorecard.alerts


def test_every_call_fits_the_judges_window():
    """With its longest answer; no window is more than it can read."""
    judge = ScriptedJudge(citing(0))

    run(the_work(), stored(), judge)

    assert all(tokens_needed(r, count_words) <= CONTEXT for r in judge.requests)


def test_windows_begin_with_a_question():
    """An answer and the question before it are read together."""
    judge = ScriptedJudge(citing(0))

    run(the_work(), stored(), judge)

    firsts = [r.user.splitlines()[1] for r in of_design(judge)]
    assert all('"And what did you do' in first for first in firsts)


def test_the_levels_of_windows_do_not_count():
    """Only the last call's: it read the best of all parts together."""

    def answer(request: JudgeRequest):
        last = len(shown(request)) < 10
        return citing(0, level=5 if last else 1)(request)

    scorecard = run(the_work(), stored(), ScriptedJudge(answer)).scorecard

    assert [5, 5] == [r.level for r in scorecard.sections[0].results]


def test_windows_that_cite_nothing_are_insufficient_evidence_without_a_last_call():
    """Nobody found a basis in any part."""
    judge, store = ScriptedJudge(abstaining), stored()

    scorecard = run(the_work(), store, judge).scorecard

    assert {("insufficient_evidence", "nothing_cited_in_windows")} == {
        (r.status, r.reason) for r in scorecard.sections[0].results
    }
    assert "design" not in names(store)
    assert {i for r in of_design(judge) for i in shown(r)} == {
        u.id for u in LONG.utterances() if u.section_id == "design"
    }
    assert scorecard.to_bytes() == recompute(the_work(), store).to_bytes()


def test_what_is_cited_may_itself_need_windows():
    """Then the same again, over what was cited; and its answer is the section's."""
    transcript, store = a_long_transcript(120), stored(a_long_transcript(120))
    judge = ScriptedJudge(citing(0, 1, 2))

    scorecard = run(the_work(transcript), store, judge).scorecard

    assert {"design~1", "design~2", "design~2.1", "design"} <= set(names(store))
    assert "scored" == scorecard.sections[0].results[0].status
    assert scorecard.to_bytes() == recompute(the_work(transcript), store).to_bytes()


def test_windows_that_cite_everything_and_still_do_not_fit_are_too_long():
    """It comes to an end, without an answer that read only a part."""

    def everything(request: JudgeRequest):
        ids = shown(request)
        return a_completion(text=an_answer([3], [ids[:3]]))

    rubric = a_rubric({"design": ("depth",)})
    turns = [turn for n in range(12) for turn in an_exchange(n, 120)]
    transcript = Transcript(source="labelled-text", turns=segmented(turns))
    one_each = tuple(t.model_copy(update={"utterances": t.utterances[:1]}) for t in transcript.turns)
    numbered = iter(range(1, 99))
    one_each = tuple(
        t.model_copy(
            update={
                "utterances": tuple(
                    s.model_copy(update={"id": f"U{next(numbered)}", "end": len(t.text)}) for s in t.utterances
                )
            }
        )
        for t in one_each
    )
    transcript = transcript.model_copy(update={"turns": one_each})
    work, store = a_work(transcript, rubric), stored(transcript)

    scorecard = run(work, store, ScriptedJudge(everything), context_tokens=1_050).scorecard

    assert ("failed", "section_too_long") == (scorecard.results[0].status, scorecard.results[0].reason)
    assert scorecard.to_bytes() == recompute(work, store).to_bytes()


def test_one_endless_turn_is_cut_at_its_utterances():
    """A monologue that is longer than the window; every utterance is read once."""
    said = "We split the queue by tenant and measured the lag. " * 120
    transcript = Transcript(source="labelled-text", turns=segmented([a_turn(said, "design")]))
    work, judge = a_work(transcript, a_rubric({"design": ("depth",)})), ScriptedJudge(citing(0))

    run(work, stored(transcript), judge)

    *windows, _ = judge.requests
    assert [u.id for u in transcript.utterances()] == [i for w in windows for i in shown(w)]


def test_an_unmarked_interview_is_judged_in_windows_for_every_section():
    """Each section has its own windows over the whole."""
    transcript = a_long_transcript(sections="whole")
    store = stored(transcript)

    scorecard = run(the_work(transcript), store, ScriptedJudge(citing(0))).scorecard

    assert {"design~1", "debugging~1", "design", "debugging"} <= set(names(store))
    assert ["judged_in_windows"] * 2 == [a.code for a in scorecard.alerts]


def test_tokens_of_a_turn_are_counted_once_for_all_sections():
    """Though each section of an unmarked interview is cut, and in threads at the same time."""
    transcript = a_long_transcript(sections="whole")
    counted: Counter[str] = Counter()

    def count(text: str) -> int:
        counted[text] += 1
        return count_words(text)

    run(the_work(transcript), stored(transcript), ScriptedJudge(citing(0)), count_tokens=count)

    assert {1} == {counted[user_prompt((turn,))] for turn in transcript.turns}
    assert sum(len(text) * n for text, n in counted.items()) < 12 * sum(len(t.text) for t in transcript.turns)


# Resuming


def test_the_same_again_calls_no_model_and_gives_identical_bytes():
    """Everything is read from the store."""
    store, again = stored(), ScriptedJudge(citing(2))
    first = run(the_work(), store, ScriptedJudge(citing(1)))

    second = run(the_work(), store, again)

    assert (0, 0) == (again.calls, second.model_calls)
    assert first.scorecard.to_bytes() == second.scorecard.to_bytes()


@pytest.mark.parametrize("context", [100, 1_050, CONTEXT, 5_000, 100_000])
def test_the_scorecard_is_recomputed_without_an_engine(context):
    """From the store alone, whatever the engine's context was."""
    store = stored()
    scorecard = run(the_work(), store, ScriptedJudge(citing(1)), context_tokens=context).scorecard
    before = dict(store.objects)

    assert scorecard.to_bytes() == recompute(the_work(), store).to_bytes()
    assert before == store.objects


class Dying(MemoryStore):
    """A store that answers this many writes and then none."""

    def __init__(self, objects: dict[str, bytes], writes: int) -> None:
        super().__init__()
        self.objects, self.left = objects, writes

    def create(self, key, data, *, media_type="application/json"):
        """As MemoryStore, while writes are left."""
        if self.left <= 0:
            raise StoreUnavailable("gone")
        self.left -= 1
        super().create(key, data)


@pytest.mark.parametrize("writes", range(8))
def test_after_a_death_only_what_is_missing_is_judged(writes):
    """Wherever it struck: what was kept is not judged again, and the end is the same to the byte."""
    reference, calm = run(the_work(), stored(), ScriptedJudge(citing(1))), stored()
    with pytest.raises(StoreUnavailable):
        run(the_work(), Dying(calm.objects, writes), ScriptedJudge(citing(1)))
    kept = [name for name in names(calm) if not re.fullmatch(r"design~\d+", name)]
    judge = ScriptedJudge(citing(1))

    evaluated = run(the_work(), calm, judge)

    assert reference.scorecard.to_bytes() == evaluated.scorecard.to_bytes()
    assert reference.model_calls - len(kept) == judge.calls


@pytest.mark.parametrize("later", [1_100, 2_000, 100_000])
def test_a_plan_that_was_kept_wins_over_another_context(later):
    """The windows that were judged before are not judged again, and no other cut replaces the first."""
    calm = stored()
    with pytest.raises(StoreUnavailable):
        run(the_work(), Dying(calm.objects, 4), ScriptedJudge(citing(1)))
    plan = calm.objects[checkpoint_key("iv-1", the_work().evaluation_key, "design", "~1")]
    kept = [name for name in names(calm) if "." in name]

    scorecard = run(the_work(), calm, judge := ScriptedJudge(citing(1)), context_tokens=later).scorecard

    assert plan == calm.objects[checkpoint_key("iv-1", the_work().evaluation_key, "design", "~1")]
    assert scorecard.to_bytes() == recompute(the_work(), calm).to_bytes()
    assert kept
    again = {i for r in of_design(judge)[:-1] for i in shown(r)}
    first = {u.id for u in LONG.utterances() if u.section_id == "design"}
    assert len(again) < len(first)


def test_a_smaller_context_cuts_the_windows_again():
    """Those of the kept plan that are now too long; nothing is stuck."""
    calm = stored()
    with pytest.raises(StoreUnavailable):
        run(the_work(), Dying(calm.objects, 3), ScriptedJudge(citing(1)), context_tokens=2_000)

    run(the_work(), calm, judge := ScriptedJudge(citing(1)), context_tokens=1_100)

    assert any("~" in name.partition("~")[2] for name in names(calm))
    assert all(tokens_needed(r, count_words) <= 1_100 for r in judge.requests)
    assert recompute(the_work(), calm).sections[0].results[0].status == "scored"


def test_another_workers_plan_that_came_first_wins():
    """It cut elsewhere in the same moment: its windows are judged, ours are forgotten."""
    theirs = [Cut(turn_id=f"q{n}", start=0) for n in (7, 14, 21, 28, 35)]

    class Raced(MemoryStore):
        def create(self, key, data, *, media_type="application/json"):
            if key.endswith("design~1.json") and key not in self.objects:
                plan = WindowPlan.model_validate_json(data).model_copy(update={"cuts": tuple(theirs)})
                super().create(key, canonical(plan.model_dump(mode="json")))
            super().create(key, data)

    store = Raced()
    store.objects = stored().objects

    scorecard = run(the_work(), store, judge := ScriptedJudge(citing(0))).scorecard

    assert 7 == len(of_design(judge))
    assert scorecard.to_bytes() == recompute(the_work(), store).to_bytes()


def test_another_workers_answer_to_the_whole_section_that_came_first_wins():
    """Its engine read the section at once, while ours made the last call about what windows cited."""
    work, store = the_work(), stored()
    section = RUBRIC.section("design")
    whole = judge_request(section, LONG.in_section("design"), model=work.model, sampling=work.sampling)

    def rival_first(request: JudgeRequest):
        ids = [int(i[1:]) for i in shown(request)]
        if section_of(request) == "Design" and ids != list(range(ids[0], ids[0] + len(ids))):
            theirs = a_checkpoint(work, "design", whole, citing(0, level=5)(whole))
            store.create(
                checkpoint_key("iv-1", work.evaluation_key, "design"), canonical(theirs.model_dump(mode="json"))
            )
        return citing(1, level=1)(request)

    scorecard = run(work, store, ScriptedJudge(rival_first)).scorecard

    assert ([5, 5], ("U1",)) == ([r.level for r in scorecard.sections[0].results], scorecard.results[0].evidence)
    assert scorecard.to_bytes() == recompute(work, store).to_bytes()


SPOILED = {
    "binary": lambda good: b"\xff",
    "other request": lambda good: re.sub(rb'(?<="request_sha256":")[0-9a-f]{64}', b"0" * 64, good),
    "unknown turn": lambda good: good.replace(b'"turn_id":"q', b'"turn_id":"x', 1),
    "beyond its end": lambda good: good.replace(b'"start":0', b'"start":99999', 1),
    "not in order": lambda good: re.sub(
        rb'"cuts":\[(.*)\]', lambda m: b'"cuts":[' + b",".join([m[1], m[1]]) + b"]", good
    ),
    "no cuts": lambda good: re.sub(rb'"cuts":\[.*\]', b'"cuts":[]', good),
    "newer": lambda good: good.replace(b'"schema_version":1', b'"schema_version":2'),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_plan_that_cannot_be_trusted_is_refused(spoil):
    """Neither used nor overwritten; recomputing refuses it too."""
    store, work = stored(), the_work()
    run(work, store, ScriptedJudge(citing(1)))
    key = checkpoint_key("iv-1", work.evaluation_key, "design", "~1")
    bad = store.objects[key] = spoil(store.objects[key])

    with pytest.raises(CheckpointCorrupt, match="design~1"):
        run(work, store)
    with pytest.raises(CheckpointCorrupt, match="design~1"):
        recompute(work, store)
    assert bad == store.objects[key]


def test_a_windows_answer_to_another_request_is_refused():
    """An exchanged window would put words into another place."""
    store, work = stored(), the_work()
    run(work, store, ScriptedJudge(citing(1)))
    first, second = (checkpoint_key("iv-1", work.evaluation_key, "design", f"~1.{n}") for n in (1, 2))
    store.objects[first] = store.objects[second]

    with pytest.raises(CheckpointCorrupt, match=r"design~1\.1"):
        recompute(work, store)


def test_draining_stops_between_windows_and_keeps_them():
    """No further call is begun; answers in hand are stored."""
    store, switches = stored(), Switches()

    def answer(request: JudgeRequest):
        switches.drain = True
        return citing(1)(request)

    with pytest.raises(Drained):
        run(the_work(), store, ScriptedJudge(answer), control=switches)
    assert {"design~1"} < set(names(store))


def test_a_lost_lease_keeps_neither_plan_nor_window():
    """Another worker owns the row."""
    store = stored()

    with pytest.raises(LeaseLost):
        run(the_work(), store, ScriptedJudge(citing(1)), control=Switches(gone=True))
    assert [] == names(store)


def test_an_engine_that_fails_stops_the_section_early():
    """The windows after the ones in flight are not tried."""
    judge = ScriptedJudge(lambda _: EngineUnavailable("down"))

    with pytest.raises(EngineUnavailable, match=r"section d"):
        run(the_work(), stored(), judge)
    assert len(of_design(judge)) <= 4


def whimsical(seed: int) -> Answer:
    """Cites and rates by the request's own bytes, so that the same request always gets the same answer."""

    def answer(request: JudgeRequest):
        rng, ids = random.Random(f"{seed}{request.user}"), shown(request)
        n = len(request.answer_schema["required"])
        cited = [rng.sample(ids, min(len(ids), rng.randint(0, 3))) for _ in range(n)]
        return a_completion(text=an_answer([rng.randint(0, 5) for _ in range(n)], cited))

    return answer


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    words=st.lists(st.integers(4, 250), min_size=1, max_size=14),
    contexts=st.lists(st.integers(950, 1_600), min_size=1, max_size=4),
    writes=st.integers(0, 12),
)
def test_whatever_happens_on_the_way_the_store_gives_the_scorecard(seed, words, contexts, writes):
    """Deaths, and engines of another context at each attempt: it ends, and is recomputed from the store to the byte."""
    turns = [turn for n, size in enumerate(words) for turn in an_exchange(n, size)]
    transcript = Transcript(source="labelled-text", turns=segmented(turns))
    work, store, judged = a_work(transcript, RUBRIC), stored(transcript), list[str]()
    for context in contexts[:-1]:
        judge = ScriptedJudge(whimsical(seed))
        with contextlib.suppress(StoreUnavailable):
            run(work, Dying(store.objects, writes), judge, context_tokens=context)
        judged += [r.user for r in judge.requests]

    scorecard = run(work, store, ScriptedJudge(whimsical(seed)), context_tokens=contexts[-1]).scorecard

    assert scorecard.to_bytes() == recompute(work, store).to_bytes()
    assert len(judged) <= (writes + 4) * len(contexts)  # each call but those in flight at a death was kept


# Accounting


def test_a_section_is_told_once_and_each_of_its_windows_as_such():
    """So that sections done never exceed sections in all, and each window counts as progress."""
    told: list[SectionFacts] = []

    evaluated = run(the_work(), stored(), judge := ScriptedJudge(citing(1)), on_section=told.append)

    assert ["debugging", "design"] == sorted(f.section_id for f in told if f.window is None)
    windows = len(of_design(judge)) - 1
    assert [f"1.{n}" for n in range(1, windows + 1)] == sorted(
        (f.window for f in told if f.window), key=lambda w: int(w[2:])
    )
    assert judge.calls == evaluated.model_calls
    design = next(f for f in evaluated.facts if f.section_id == "design")
    assert (windows, windows + 1, 443 * (windows + 1), False) == (
        design.windows,
        design.calls,
        design.prompt_tokens,
        design.reused,
    )


def test_a_later_attempt_asks_in_windows_with_another_seed():
    """As for any section."""
    run(the_work(attempt=1), stored(), judge := ScriptedJudge(citing(1)))

    assert {10_000} == {r.sampling.seed for r in judge.requests}


# Cutting


TURNS = st.lists(
    st.tuples(
        st.sampled_from(["candidate", "interviewer", "other"]),
        st.lists(
            st.sampled_from(["one. ", "two three four five. ", "six " * 20 + ". ", "seven, eight! ", "\n"]), max_size=8
        ),
    ),
    min_size=1,
    max_size=25,
)


def built(drawn: Sequence[tuple[str, list[str]]]) -> tuple[Turn, ...]:
    """Turns out of what was drawn."""
    return segmented(a_turn("".join(said), None, who, id=f"t{n}") for n, (who, said) in enumerate(drawn))


@settings(max_examples=200, deadline=None)
@given(drawn=TURNS, room=st.integers(1, 200))
def test_windows_hold_everything_once_in_order_and_fit(drawn, room):
    """Nothing is lost, doubled or moved; no window is longer than the room; and there are always several."""
    turns, size = built(drawn), TurnSizes(count_words)

    cuts = cuts_of(turns, size, room)

    if cuts is None:
        return
    windows = cut(turns, cuts)
    assert len(windows) == len(cuts) + 1 > 1
    assert all(windows)
    ids = [span.id for turn in turns for span in turn.utterances]
    assert ids == [span.id for window in windows for turn in window for span in turn.utterances]
    others = ["".join(t.text for t in group if t.speaker != "candidate") for group in (turns, sum(windows, ()))]
    assert others[0] == others[1]
    assert all(sum(map(size, window)) <= room for window in windows)


@settings(max_examples=100, deadline=None)
@given(drawn=TURNS)
def test_room_for_every_utterance_is_room_for_windows(drawn):
    """Only something that cannot be cut is too long."""
    turns, size = built(drawn), TurnSizes(count_words)
    pieces = sum(len(t.utterances) if t.speaker == "candidate" else 1 for t in turns)

    assert pieces < 2 or cuts_of(turns, size, 10_000) is not None


def test_a_turn_that_fits_is_shown_whole():
    """As it would be in a section that fits."""
    turns = LONG.turns[:-1]

    windows = cut(turns, cuts_of(turns, TurnSizes(count_words), 300))

    assert list(turns) == [turn for window in windows for turn in window]


def test_windows_are_about_equally_long():
    """No last window of one lonely answer."""
    turns, size = LONG.turns[:-1], TurnSizes(count_words)

    sizes = [sum(map(size, window)) for window in cut(turns, cuts_of(turns, size, 430))]

    assert max(sizes) < 1.5 * min(sizes)


def test_a_cited_utterance_brings_the_question_before_it():
    """Once, however many turns cite it; an interjection is no question."""
    turns = segmented(
        [
            a_turn("What was hard about it?", None, "interviewer", id="q1"),
            a_turn("We split the queue by tenant.", id="a1"),
            a_turn("Mm-hm.", None, "interviewer", id="q2"),
            a_turn("And then we measured the lag.", id="a2"),
            a_turn("Who helped you with that?", None, "interviewer", id="q3"),
            a_turn("Nobody did at that time.", id="a3"),
        ]
    )

    assert ["q1", "a1", "a2"] == [t.id for t in cited_turns(turns, {"U1", "U2"})]
    assert ["q1", "a2"] == [t.id for t in cited_turns(turns, {"U2"})]
    assert ["q3", "a3"] == [t.id for t in cited_turns(turns, {"U3", "U9"})]
    assert () == cited_turns(turns, set())


def test_the_plan_is_kept_as_places_in_the_transcript():
    """Readable without a tokenizer."""
    store, work = stored(), the_work()
    run(work, store, ScriptedJudge(citing(1)))

    kept = json.loads(store.objects[checkpoint_key("iv-1", work.evaluation_key, "design", "~1")])

    assert all(re.fullmatch(r"q\d+", c["turn_id"]) and c["start"] == 0 for c in kept["cuts"])
    assert Sampling() == work.sampling
