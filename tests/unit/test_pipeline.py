"""The pipeline: judge what is missing, keep every section once, conclude the same from the same."""

import asyncio
import json
import re
import threading

import pytest

from evaluator.errors import (
    AnswerInvalid,
    CheckpointCorrupt,
    ContentError,
    DigestMismatch,
    Drained,
    EngineRejected,
    EngineUnavailable,
    LeaseLost,
    ObjectExists,
    ObjectMissing,
    StoreForbidden,
    StoreUnavailable,
)
from evaluator.judging import SEED_LIMIT, Checkpoint, JudgeRequest, Sampling, Work
from evaluator.layout import CHECKPOINTS, checkpoint_key, transcript_key
from evaluator.pipeline import (
    CHECKPOINT_BYTES_MAX,
    MAX_TOKENS_LIMIT,
    Evaluated,
    SectionFacts,
    Tools,
    attempt_sampling,
    discard_checkpoints,
    evaluate,
    fetch_transcript,
    recompute,
)
from evaluator.prompts import judge_request, request_sha256
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, Span, Transcript
from evaluator.values import canonical, sha256
from tests.factories import (
    SAID,
    SECTIONS,
    a_checkpoint,
    a_completion,
    a_criterion,
    a_rubric,
    a_transcript,
    a_work,
    an_answer,
)
from tests.fakes import MemoryStore, ScriptedJudge, Switches, all_at, by_section, count_words, first_id, section_of

ALL = ["Debugging", "Design", "Teamwork"]


def stored(*transcripts: Transcript) -> MemoryStore:
    """A store that holds these transcripts of interview iv-1."""
    store = MemoryStore()
    for transcript in transcripts or (a_transcript(),):
        store.create(transcript_key("iv-1", transcript.digest), transcript.to_bytes())
    return store


def run(work: Work, store: MemoryStore, judge: ScriptedJudge | None = None, **tools) -> Evaluated:
    """One evaluation, to its end."""
    defaults = {"judge": judge or ScriptedJudge(), "count_tokens": count_words, "context_tokens": 16_384}
    return asyncio.run(evaluate(work, Tools(store=store, **{**defaults, **tools})))


def checkpoints(store: MemoryStore) -> dict[str, bytes]:
    """The checkpoints in the store by section id."""
    return {key.split("/")[-1].removesuffix(".json"): store.objects[key] for key in store.names(CHECKPOINTS)}


def request_of(work: Work, section_id: str) -> JudgeRequest:
    """The request that judges this section of the default interview."""
    return judge_request(
        work.rubric.section(section_id),
        a_transcript().in_section(section_id),
        model=work.model,
        sampling=work.sampling,
    )


def key_of(work: Work, section_id: str) -> str:
    """Where this section's checkpoint lies."""
    return checkpoint_key(work.interview_id, work.evaluation_key, section_id)


# Reuse


def test_an_evaluation_judges_each_section_once_and_keeps_it():
    """One call and one checkpoint for each section with the candidate's words."""
    store, judge = stored(), ScriptedJudge(all_at(4))

    evaluated = run(a_work(), store, judge)

    assert ALL == judge.sections
    assert set(SECTIONS) == set(checkpoints(store))
    assert (4.0, 5) == (evaluated.scorecard.overall.value, evaluated.scorecard.overall.scored)
    assert 3 == evaluated.model_calls


def test_the_same_again_calls_no_model_and_gives_identical_bytes():
    """Even where the judge would answer otherwise now."""
    store = stored()
    first = run(a_work(), store, ScriptedJudge(all_at(4, {4: 0.7, 3: 0.3})))
    other = ScriptedJudge(all_at(1))

    second = run(a_work(), store, other)

    assert first.scorecard.to_bytes() == second.scorecard.to_bytes()
    assert (0, 0) == (other.calls, second.model_calls)
    assert {True} == {f.reused for f in second.facts}


def test_the_scorecard_is_recomputed_from_the_store_alone():
    """No judge is asked and nothing is written."""
    store = stored()
    evaluated = run(a_work(), store, ScriptedJudge(all_at(5, {5: 0.6, 4: 0.4})))
    before = dict(store.objects)

    assert evaluated.scorecard.to_bytes() == recompute(a_work(), store).to_bytes()
    assert before == store.objects


def changed_rubric():
    """One anchor of one criterion is another."""
    anchors = {**a_criterion("method").anchors, 2: "Method, behaviour of level two."}
    return a_rubric({**SECTIONS, "debugging": (a_criterion("method", anchors=anchors),)})


CHANGED = a_transcript({**SAID, "teamwork": SAID["teamwork"][:-1] + "!"})


@pytest.mark.parametrize(
    "work",
    [
        a_work(CHANGED),
        a_work(rubric=changed_rubric()),
        a_work(model="test-judge@r2"),
        a_work(sampling=Sampling(temperature=0.1)),
        a_work(sampling=Sampling(seed=1)),
        a_work(sampling=Sampling(replicate=1)),
        a_work(sampling=Sampling(max_tokens=513)),
        a_work(interview_id="iv-2"),
    ],
    ids=["character", "anchor", "revision", "temperature", "seed", "replicate", "max_tokens", "interview"],
)
def test_one_change_of_an_input_reuses_no_section(work):
    """All sections are judged again, and the old checkpoints stay."""
    store = stored(a_transcript(), CHANGED)
    run(a_work(), store)
    judge = ScriptedJudge()

    evaluated = run(work, store, judge)

    assert (ALL, 3) == (judge.sections, evaluated.model_calls)
    assert 6 == len(store.names(CHECKPOINTS))


def test_only_what_is_missing_is_judged():
    """A section whose checkpoint is there is read, whoever wrote it."""
    store, judge = stored(), ScriptedJudge(all_at(4))
    run(a_work(), store, ScriptedJudge(all_at(2)))
    store.delete(key_of(a_work(), "design"))

    scorecard = run(a_work(), store, judge).scorecard

    assert ["Design"] == judge.sections
    assert [4.0, 2.0, 2.0] == [s.mean.value for s in scorecard.sections]


def test_a_section_without_the_candidates_words_is_not_sent():
    """Not asked and not answered cost no call and leave no checkpoint."""
    transcript = a_transcript({"design": SAID["design"], "debugging": None})
    store, judge = stored(transcript), ScriptedJudge()

    scorecard = run(a_work(transcript), store, judge).scorecard

    assert ["Design"] == judge.sections
    assert ["scored", "not_answered", "not_asked"] == [s.results[0].status for s in scorecard.sections]
    assert scorecard.to_bytes() == recompute(a_work(transcript), store).to_bytes()


def test_sections_are_judged_at_once():
    """The second call starts before the first one ends."""
    running, most = [], []

    class Slow(ScriptedJudge):
        async def complete(self, request):
            running.append(request)
            most.append(len(running))
            await asyncio.sleep(0.05)
            running.remove(request)
            return await super().complete(request)

    run(a_work(), stored(), Slow())

    assert 3 == max(most)


def test_each_section_is_told_once_its_checkpoint_is_safe():
    """With its tokens; a reused section is told as reused."""
    store, told = stored(), []

    def on_section(facts: SectionFacts) -> None:
        told.append((facts.section_id, facts.reused, facts.section_id in checkpoints(store), facts.prompt_tokens))

    run(a_work(), store, on_section=on_section)
    first, told = sorted(told), []
    run(a_work(), store, on_section=on_section)

    assert [(s, False, True, 443) for s in sorted(SECTIONS)] == first
    assert [(s, True, True, 0) for s in sorted(SECTIONS)] == sorted(told)


def test_each_answered_call_is_told_whatever_became_of_the_answer():
    """What does not count has cost as much; a section that is read from its checkpoint costs nothing."""
    store, told = stored(), []
    run(a_work(), store, on_call=told.append)
    kept = {(call.section_id, call.kept, call.prompt_tokens) for call in told}
    told.clear()
    run(a_work(), store, on_call=told.append)
    again = list(told)
    cut = ScriptedJudge(by_section(design=lambda _: a_completion((5, 5), finish_reason="length")))
    with pytest.raises(AnswerInvalid):
        run(a_work(), stored(), cut, on_call=told.append)

    assert {(section, True, 443) for section in SECTIONS} == kept
    assert [] == again
    assert {"design": False} == {call.section_id: call.kept for call in told if not call.kept}
    assert 3 == len(told)


# Checkpoints


def test_a_checkpoint_keeps_the_raw_completion_and_the_request_that_it_answers():
    """Verdicts are recomputed from it."""
    store, work = stored(), a_work()
    run(work, store, ScriptedJudge(all_at(4)))

    checkpoint = Checkpoint.model_validate_json(checkpoints(store)["design"])

    request = request_of(work, "design")
    assert request_sha256(request) == checkpoint.request_sha256
    assert all_at(4)(request) == checkpoint.completion
    assert ("iv-1", work.evaluation_key, "design") == (
        checkpoint.interview_id,
        checkpoint.evaluation_key,
        checkpoint.section_id,
    )


def test_another_writer_who_is_first_wins():
    """It wrote between our call and our write: its completion counts, ours is dropped, nothing is overwritten."""
    store, work = stored(), a_work(rubric=a_rubric({"design": ("depth", "clarity")}))
    key = key_of(work, "design")

    def rival_first(request: JudgeRequest):
        theirs = a_checkpoint(work, "design", request, all_at(5)(request))
        store.create(key, canonical(theirs.model_dump(mode="json")))
        return all_at(1)(request)

    scorecard = run(work, store, ScriptedJudge(rival_first)).scorecard

    assert 5.0 == scorecard.overall.value
    assert scorecard.to_bytes() == recompute(work, store).to_bytes()


def test_our_own_write_whose_answer_was_lost_is_no_conflict():
    """The store took it and said it was taken: read back, it is ours."""

    class Stuttering(MemoryStore):
        def create(self, key, data, *, media_type="application/json"):
            super().create(key, data)
            super().create(key, data)

    store = Stuttering()
    store.objects = stored().objects

    assert 4.0 == run(a_work(), store, ScriptedJudge(all_at(4))).scorecard.overall.value


def test_a_rivals_forged_checkpoint_is_refused():
    """Winning the race does not make an answer to another request count."""
    store, work = stored(), a_work(rubric=a_rubric({"design": ("depth", "clarity")}))

    def rival_first(request: JudgeRequest):
        other = request.model_copy(update={"user": "<interview>\n\n</interview>"})
        theirs = a_checkpoint(work, "design", other, all_at(5)(request))
        store.create(key_of(work, "design"), canonical(theirs.model_dump(mode="json")))
        return all_at(1)(request)

    with pytest.raises(CheckpointCorrupt, match="another request"):
        run(work, store, ScriptedJudge(rival_first))


def good_checkpoint() -> bytes:
    """A checkpoint of `design` as a worker would have written it."""
    request = request_of(a_work(), "design")
    return canonical(a_checkpoint(a_work(), "design", request, all_at(3)(request)).model_dump(mode="json"))


def of_request(good: bytes, digest: str) -> bytes:
    """The checkpoint as if it answered the request of this digest."""
    return re.sub(rb'(?<="request_sha256":")[0-9a-f]{64}', digest.encode(), good)


CORRUPT = {
    "empty": lambda good: b"",
    "binary": lambda good: b"\xff\x00\xfe",
    "half": lambda good: good[:-20],
    "twice": lambda good: good + good,
    "deep": lambda good: b"[" * 100_000,
    "list": lambda good: b"[" + good + b"]",
    "unknown field": lambda good: good.replace(b"{", b'{"level":5,', 1),
    "other version": lambda good: good.replace(b'"schema_version":1', b'"schema_version":2'),
    "not a number": lambda good: good.replace(b'"duration_s":0.25', b'"duration_s":NaN'),
    "other request": lambda good: of_request(good, "0" * 64),
    "other section": lambda good: of_request(good, request_sha256(request_of(a_work(), "debugging"))),
    "cut answer": lambda good: good.replace(b'"stop"', b'"length"'),
    "off the scale": lambda good: good.replace(b":3}", b":9}", 1),
    "prose": lambda good: re.sub(rb'(?<="text":")(\\.|[^"\\])*', b"level 5", good),
}


@pytest.mark.parametrize("spoil", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_checkpoint_that_cannot_be_trusted_is_refused(spoil):
    """It is neither used nor overwritten, and the message names its key; recomputing refuses it too."""
    store, work = stored(), a_work()
    key, bad = key_of(work, "design"), spoil(good_checkpoint())
    assert bad != good_checkpoint()
    store.create(key, bad)

    with pytest.raises(CheckpointCorrupt, match=key):
        run(work, store)
    assert bad == store.objects[key]
    with pytest.raises(CheckpointCorrupt, match=key):
        recompute(work, store)


def test_a_checkpoint_beyond_every_size_is_refused():
    """The store does not even hand it over."""
    store, work = stored(), a_work()
    store.create(key_of(work, "design"), good_checkpoint() + b" " * CHECKPOINT_BYTES_MAX)

    with pytest.raises(CheckpointCorrupt, match="larger than"):
        run(work, store)


def test_a_checkpoint_of_a_newer_version_says_what_to_do():
    """It is not broken: this worker is too old for it."""
    store, work = stored(), a_work()
    newer = good_checkpoint().replace(b'"schema_version":1', b'"schema_version":2,"new_field":1')
    store.create(key_of(work, "design"), newer)

    with pytest.raises(CheckpointCorrupt, match=r"newer version \(schema 2, this one reads 1\); upgrade this worker"):
        run(work, store)


def test_discarded_checkpoints_are_judged_again():
    """Those of this evaluation only."""
    store, judge = stored(), ScriptedJudge()
    run(a_work(), store)
    other = checkpoint_key("iv-1", "f" * 64, "design")
    store.create(other, b"{}")

    removed = discard_checkpoints(store, "iv-1", a_work().evaluation_key)

    assert (3, [other]) == (removed, store.names(CHECKPOINTS))
    run(a_work(), store, judge)
    assert ALL == judge.sections


def test_a_good_checkpoint_by_hand_is_used():
    """The positive of the above."""
    store, work, judge = stored(), a_work(), ScriptedJudge()
    store.create(key_of(work, "design"), good_checkpoint())

    run(work, store, judge)

    assert ["Debugging", "Teamwork"] == judge.sections


def test_the_other_sections_of_a_corrupt_one_are_kept():
    """So that a retry after the repair costs one call."""
    store, work = stored(), a_work()
    store.create(key_of(work, "design"), b"{}")

    with pytest.raises(CheckpointCorrupt):
        run(work, store)

    assert set(SECTIONS) == set(checkpoints(store))


# Whatever the store does


class Faulty(MemoryStore):
    """Its k-th call, or every call from the k-th on, fails: before it did anything, or after with its answer lost."""

    def __init__(self, k: int, error: Exception, *, done: bool, burst: bool = False) -> None:
        super().__init__()
        self.objects = stored().objects
        self.calls, self.fired = 0, 0
        self._k, self._error, self._done, self._burst = k, error, done, burst
        self._counting = threading.Lock()

    def get(self, key, *, bytes_max=64 * 1024 * 1024):
        """As MemoryStore, or the fault."""
        if self._fails():
            raise self._error
        return super().get(key, bytes_max=bytes_max)

    def create(self, key, data, *, media_type="application/json"):
        """As MemoryStore, or the fault, or both."""
        fails = self._fails()
        if not fails or self._done:
            super().create(key, data)
        if fails:
            raise self._error

    def _fails(self) -> bool:
        with self._counting:
            self.calls += 1
            fails = self.calls == self._k or (self._burst and self.calls > self._k)
            self.fired += fails
        return fails


STORE_CALLS = 10  # of an undisturbed evaluation: the transcript, and for each of three sections two looks and a write


def test_an_undisturbed_evaluation_makes_few_calls_to_the_store():
    """So that the tests below break each of them."""
    store = Faulty(0, StoreUnavailable("never"), done=False)
    run(a_work(), store)

    assert (STORE_CALLS, 0) == (store.calls, store.fired)


@pytest.mark.parametrize("burst", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("done", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("error", [StoreUnavailable("503"), StoreForbidden("403: s3:PutObject")], ids=["503", "403"])
@pytest.mark.parametrize("k", range(1, STORE_CALLS + 1))
def test_whatever_call_to_the_store_fails_a_later_run_ends_the_same(k, error, done, burst):
    """An outage, never the interview's fault; then byte-equal, and only what was in flight is judged again."""
    store, judge = Faulty(k, error, done=done, burst=burst), ScriptedJudge(all_at(4, {4: 0.7, 3: 0.3}))
    with pytest.raises(type(error)):
        run(a_work(), store, judge)
    judged, kept = judge.calls, len(checkpoints(store))
    calm = MemoryStore()
    calm.objects = store.objects

    evaluated = run(a_work(), calm, judge)

    reference = run(a_work(), stored(), ScriptedJudge(all_at(4, {4: 0.7, 3: 0.3})))
    assert store.fired >= 1
    assert reference.scorecard.to_bytes() == evaluated.scorecard.to_bytes()
    assert judge.calls == judged + len(ALL) - kept
    assert judge.calls - len(ALL) <= (len(ALL) if burst else 1)


@pytest.mark.parametrize("k", range(1, len(ALL) + 1))
def test_a_write_that_the_store_repeats_is_still_ours(k):
    """A client that sends a PUT again, as its answer was lost, gets a 412 for its own bytes: no section is lost."""
    store, judge = Faulty(k, ObjectExists("412"), done=True), ScriptedJudge(all_at(4))
    store.get = lambda key, *, bytes_max=1: MemoryStore.get(store, key, bytes_max=bytes_max)

    evaluated = run(a_work(), store, judge)

    assert (4.0, 3) == (evaluated.scorecard.overall.value, judge.calls)
    assert set(SECTIONS) == set(checkpoints(store))


@pytest.mark.parametrize("error", [StoreForbidden("403: s3:GetObject"), StoreUnavailable("timed out")])
def test_a_store_that_refuses_is_not_an_empty_store(error):
    """A 403 is the missing permission, never "no checkpoint": no model is called."""

    class Refusing(MemoryStore):
        def get(self, key, *, bytes_max=1):
            if key.startswith(CHECKPOINTS):
                raise error
            return super().get(key, bytes_max=bytes_max)

    store, judge = Refusing(), ScriptedJudge()
    store.objects = stored().objects

    with pytest.raises(type(error)):
        run(a_work(), store, judge)
    assert 0 == judge.calls


# Answers that do not count


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("cut_answer", {"finish_reason": "length"}),
        ("unfinished_answer", {"finish_reason": "content_filter"}),
        ("empty_answer", {"text": ""}),
        ("not_json", {"text": "The candidate did well: 5."}),
        ("out_of_schema", {"text": '{"c1":{"evidence":[],"level":6}}'}),
        ("out_of_schema", {"text": an_answer([5])}),
    ],
)
def test_an_answer_that_does_not_count_is_never_kept(code, fields):
    """AnswerInvalid with its code and section; the other sections keep theirs."""
    store, work = stored(), a_work()
    judge = ScriptedJudge(by_section(design=lambda request: a_completion((5, 5)).model_copy(update=fields)))

    with pytest.raises(AnswerInvalid, match="section design") as caught:
        run(work, store, judge)

    assert code == caught.value.code
    assert {"debugging", "teamwork"} == set(checkpoints(store))


def test_one_failing_section_costs_one_call_later():
    """What was judged beside it is not judged again."""
    store = stored()
    with pytest.raises(EngineRejected):
        run(a_work(), store, ScriptedJudge(by_section(teamwork=EngineRejected("400"))))
    judge = ScriptedJudge()

    run(a_work(), store, judge)

    assert ["Teamwork"] == judge.sections


@pytest.mark.parametrize(
    ("expected", "errors"),
    [
        (EngineUnavailable, {"design": EngineRejected("400"), "teamwork": EngineUnavailable("down")}),
        (EngineUnavailable, {"design": EngineUnavailable("down"), "teamwork": EngineRejected("400")}),
        (LeaseLost, {"design": EngineUnavailable("down"), "teamwork": LeaseLost("gone")}),
        (Drained, {"design": EngineUnavailable("down"), "teamwork": Drained("stop")}),
        (LeaseLost, {"design": Drained("stop"), "teamwork": LeaseLost("gone")}),
        (StoreUnavailable, {"design": EngineUnavailable("500"), "teamwork": StoreUnavailable("down")}),
        (ZeroDivisionError, {"design": LeaseLost("gone"), "teamwork": ZeroDivisionError()}),
    ],
)
def test_of_several_errors_the_one_that_decides_is_raised(expected, errors):
    """A bug is never hidden; then what forbids writing, then what cures itself, then what counts as an attempt."""
    with pytest.raises(expected):
        run(a_work(), stored(), ScriptedJudge(by_section(**errors)))


# Being stopped


def test_a_draining_worker_starts_no_call():
    """Drained, and nothing is written."""
    store, judge = stored(), ScriptedJudge()

    with pytest.raises(Drained):
        run(a_work(), store, judge, control=Switches(drain=True))
    assert (0, {}) == (judge.calls, checkpoints(store))


def test_a_draining_worker_concludes_what_needs_no_call():
    """All sections are there, so there is nothing to hand back."""
    store = stored()
    first = run(a_work(), store)

    assert first.scorecard == run(a_work(), store, control=Switches(drain=True)).scorecard


def test_an_answer_in_hand_is_stored_although_the_worker_drains():
    """The notice came while the model answered."""
    store, switches = stored(), Switches()

    def answer(request: JudgeRequest):
        switches.drain = True
        return all_at(4)(request)

    work = a_work(rubric=a_rubric({"design": ("depth", "clarity")}))
    assert 4.0 == run(work, store, ScriptedJudge(answer), control=switches).scorecard.overall.value
    assert {"design"} == set(checkpoints(store))


def test_a_lost_lease_writes_nothing():
    """Another worker owns the row, so the answer is thrown away."""
    store, switches = stored(), Switches()

    def answer(request: JudgeRequest):
        switches.gone = True
        return all_at(4)(request)

    with pytest.raises(LeaseLost):
        run(a_work(), store, ScriptedJudge(answer), control=switches)
    assert {} == checkpoints(store)


def test_cancelling_an_evaluation_leaves_finished_sections_in_the_store():
    """A time limit ends what is still running."""
    store = stored()

    class Stuck(ScriptedJudge):
        async def complete(self, request):
            if section_of(request) == "Teamwork":
                await asyncio.sleep(60)
            return await super().complete(request)

    async def cancelled():
        loop, two_are_safe, told = asyncio.get_running_loop(), asyncio.Event(), []

        def on_section(facts: SectionFacts) -> None:
            told.append(facts)
            if len(told) == 2:
                loop.call_soon_threadsafe(two_are_safe.set)

        tools = Tools(
            store=store, judge=Stuck(), count_tokens=count_words, context_tokens=16_384, on_section=on_section
        )
        task = asyncio.create_task(evaluate(a_work(), tools))
        await two_are_safe.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert {"design", "debugging"} == set(checkpoints(store))


# Transcripts


def test_a_missing_transcript_names_its_key_and_the_way_out():
    """Nothing is judged."""
    judge = ScriptedJudge()

    with pytest.raises(ObjectMissing, match=r"interviews/iv-1/transcript-.*import the interview again"):
        run(a_work(), MemoryStore(), judge)
    assert 0 == judge.calls


def test_a_transcript_that_was_changed_in_the_store_is_refused():
    """One byte is enough; no model reads it."""
    store, work, judge = stored(), a_work(), ScriptedJudge()
    store.objects[work.transcript_key] = store.objects[work.transcript_key].replace(b"tenant", b"tenent")

    with pytest.raises(DigestMismatch, match="sha256 differs"):
        run(work, store, judge)
    assert 0 == judge.calls


def test_a_row_whose_transcript_was_exchanged_with_its_digest_is_refused():
    """The digest fits the object but not the evaluation key."""
    judge = ScriptedJudge()
    work = a_work(transcript_key=transcript_key("iv-1", CHANGED.digest), transcript_sha256=CHANGED.digest)

    with pytest.raises(DigestMismatch, match="the inputs do not give evaluation"):
        run(work, stored(CHANGED), judge)
    assert 0 == judge.calls


@pytest.mark.parametrize(
    "change",
    [{"model": "other@1"}, {"sampling": Sampling(seed=7)}, {"rubric": changed_rubric()}],
    ids=lambda change: next(iter(change)),
)
def test_a_row_whose_inputs_do_not_give_its_key_is_refused(change):
    """Nothing is written under a key that belongs to other inputs; recomputing refuses it too."""
    store, work = stored(), a_work().model_copy(update=change)

    with pytest.raises(DigestMismatch):
        run(work, store)
    with pytest.raises(DigestMismatch):
        recompute(work, store)
    assert {} == checkpoints(store)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{}", b'{"turns": 5}', a_transcript().to_bytes()[:-9]])
def test_an_object_that_is_no_transcript_is_the_interviews_fault(data):
    """Counted against it as content, although its digest is right."""
    store = MemoryStore()
    store.create("interviews/iv-1/transcript-x.json", data)

    with pytest.raises(ContentError, match="transcript does not parse"):
        fetch_transcript(store, key="interviews/iv-1/transcript-x.json", digest=sha256(data))


def test_a_transcript_beyond_its_limit_is_refused():
    """The port's limit stands before any parsing."""
    store, data = MemoryStore(), b" " * (TRANSCRIPT_BYTES_MAX + 1)
    store.create("interviews/iv-1/transcript-x.json", data)

    with pytest.raises(ContentError):
        fetch_transcript(store, key="interviews/iv-1/transcript-x.json", digest=sha256(data))


# Too long


def test_an_utterance_that_fits_no_window_fails_its_section_alone():
    """It is never judged in part; the others are scored, and recomputing says the same."""
    endless = (
        a_transcript()
        .turns[3]
        .model_copy(update={"text": "again " * 1_000, "utterances": (Span(id="U3", start=0, end=5_999),)})
    )
    turns = tuple(endless if t.id == "t4" else t for t in a_transcript().turns)
    long = a_transcript().model_copy(update={"turns": turns})
    store, work, judge = stored(long), a_work(long), ScriptedJudge(all_at(4))

    scorecard = run(work, store, judge, context_tokens=1_500).scorecard

    assert ["Design", "Teamwork"] == judge.sections
    result = scorecard.sections[1].results[0]
    assert ("failed", "section_too_long") == (result.status, result.reason)
    assert (None, 4, 5) == (scorecard.overall.value, scorecard.overall.scored, scorecard.overall.of)
    assert scorecard.to_bytes() == recompute(work, store).to_bytes()
    assert {"design", "teamwork"} == set(checkpoints(store))


def test_the_window_holds_what_just_fits():
    """One token less and the section is judged in windows."""
    rubric = a_rubric({"design": ("depth",)})
    work, judge = a_work(rubric=rubric), ScriptedJudge()
    request = request_of(work, "design")
    room = count_words(request.system) + count_words(request.user) + 64 + request.sampling.max_tokens

    fits = run(work, stored(), judge, context_tokens=room).scorecard
    short = run(work, stored(), context_tokens=room - 1).scorecard

    assert ([request], ()) == (judge.requests, fits.alerts)
    assert ["judged_in_windows"] == [a.code for a in short.alerts]


# Attempts


def test_a_later_attempt_asks_with_another_seed_and_more_room():
    """The key and the request's digest stay, so its checkpoint answers the same question."""
    store, judge = stored(), ScriptedJudge()

    second = run(a_work(attempt=1), store, judge)

    assert {Sampling(seed=10_000, max_tokens=1_024)} == {r.sampling for r in judge.requests}
    assert Sampling() == second.scorecard.provenance.sampling
    sent = {json.loads(data)["sampling"]["seed"] for data in checkpoints(store).values()}
    assert {10_000} == sent
    again = ScriptedJudge()
    assert second.scorecard == run(a_work(), store, again).scorecard
    assert 0 == again.calls


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
@pytest.mark.parametrize("max_tokens", [16, 512, 8_192])
def test_the_sampling_of_any_attempt_is_one_that_can_be_read_back(seed, max_tokens):
    """Within the limits of seed and tokens, never less room than at first, and no seed twice."""
    base = Sampling(seed=seed, max_tokens=max_tokens)

    sampled = [attempt_sampling(base, attempt) for attempt in range(6)]

    assert base == sampled[0]
    assert len(sampled) == len({s.seed for s in sampled})
    for sampling in sampled:
        assert sampling == Sampling.model_validate_json(sampling.model_dump_json())
        assert sampling.seed < SEED_LIMIT
        assert max_tokens <= sampling.max_tokens <= MAX_TOKENS_LIMIT


def test_an_attempt_at_the_largest_seed_leaves_a_checkpoint_that_can_be_read():
    """A seed beyond its limit would make our own checkpoint corrupt."""
    store, work = stored(), a_work(sampling=Sampling(seed=SEED_LIMIT - 1), attempt=2)

    evaluated = run(work, store)

    assert evaluated.scorecard == recompute(work, store)


def test_the_judge_sees_only_the_requests_of_this_interview():
    """Model, temperature and the section's own turns, as the row names them."""
    judge = ScriptedJudge()

    run(a_work(model="m@2", sampling=Sampling(temperature=0.5)), stored(), judge)

    assert {("m@2", 0.5)} == {(r.model, r.sampling.temperature) for r in judge.requests}
    assert {"Design": "U1", "Debugging": "U3", "Teamwork": "U4"} == {section_of(r): first_id(r) for r in judge.requests}
