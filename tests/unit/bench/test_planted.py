"""The benches' input and their stub engine."""

import json

from evaluator.adapters.chat_completion import LogprobChoice, body_of, completion_of, read_answer
from evaluator.judging import Sampling
from evaluator.layout import INBOX
from evaluator.manifest import parse_manifest
from evaluator.values import sha256
from evaluator.verdict import invalid_reason
from tests.bench import planted
from tests.bench.__main__ import BENCHES, main
from tests.bench.stub import MODEL, BenchStub
from tests.fakes import MemoryStore


def test_each_interview_has_something_to_judge_in_every_section():
    """So that sections can be counted."""
    said = planted.simulated(3)

    assert 3 * 5 == len(planted.requests(said, model=MODEL, sampling=Sampling()))


def test_more_interviews_than_texts():
    """Ids and candidates are each their own; texts go round."""
    store = MemoryStore()

    planted.plant(store, planted.simulated(2), count=5, requisition="R1")
    manifests = [parse_manifest(store.objects[key]) for key in store.names(INBOX)]

    assert [f"r1-{n:05d}" for n in range(1, 6)] == [m.interview_id for m in manifests]
    assert 2 == len({m.transcript.sha256 for m in manifests})
    assert all(m.transcript.sha256 == sha256(store.objects[m.transcript.key]) for m in manifests)


def test_the_stub_answers_so_that_the_product_takes_it():
    """With evidence of the section, level probabilities, and a proper end."""
    stub = BenchStub(model=MODEL)
    said = planted.simulated(1)
    request = planted.requests(said, model=MODEL, sampling=Sampling())[1]
    asked = json.loads(body_of(request, LogprobChoice(mode="ids", token_ids=tuple(range(48, 54)))))

    answer = read_answer(stub._reply(asked, b"", "ok", "").body)
    completion = completion_of(answer, started_at=said[0].manifest.started_at, duration_s=0.0)

    assert None is invalid_reason(completion, planted.rubric().sections[1])
    assert completion.logprobs


def test_every_bench_says_what_it_is(capsys):
    """`--help` names them all."""
    try:
        main(["--help"])
    except SystemExit:
        told = capsys.readouterr().out

    assert all(f"{name} " in told for name in BENCHES)
