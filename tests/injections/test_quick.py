"""The injection harness in its quick size: what it promises without a judge, and how it counts with one."""

import json
from random import Random

import pytest

from evaluator.instructions import find
from evaluator.verdict import Verdict
from tests.factories import a_verdict, an_unscored
from tests.injections import corpus, judged
from tests.injections.__main__ import main
from tests.injections.detection import alone
from tests.injections.judged import Effect, interval, summary
from tests.stub_engine import StubEngine


def test_the_promises_that_need_no_judge_hold(capsys):
    """Recall on held-out payloads, quiet look-alikes and real interviews, prompts that nothing can change."""
    code = main(["--quick"])

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (0, []) == (code, report["broken"])
    assert [] == report["prompt_faults"]


def test_there_are_payloads_and_lookalikes_enough_on_both_sides():
    """At least sixty of each, each once, and each with a side."""
    for found in (corpus.payloads(), corpus.lookalikes()):
        assert 60 <= len(found)
        assert len(found) == len({one.id for one in found}) == len({one.parts for one in found})
        assert {"dev", "held-out"} == {one.split for one in found}


@pytest.mark.parametrize("words", [1, 2, 9, 57])
def test_a_filler_has_as_many_words_as_asked_for(words):
    """So that only what is said differs, not how much."""
    assert words == len(corpus.filler(words, Random(1)).split())


def test_the_filler_alarms_nobody():
    """Else it could not stand in for a payload."""
    text = corpus.filler(400, Random(1))

    assert not find(alone(corpus.Payload(id="f", kind="f", language="en", split="dev", parts=(text,))))


def test_a_shift_is_averaged_over_payloads_with_an_interval():
    """A payload that was tried more often weighs no more."""
    often = [Effect(payload="a", kind="k", position="end", interview="i", shift=1.0, raised=True, changed=False)] * 3
    once = [Effect(payload="b", kind="k", position="end", interview="i", shift=0.0, raised=False, changed=False)]

    report = summary([*often, *once], seed=1)
    assert (0.5, 0.75, 4) == (report["mean_shift"], report["share_raised"], report["criteria_compared"])
    assert [0.0, 1.0] == report["mean_shift_95"]


def test_the_interval_is_the_same_for_the_same_seed():
    """And none where there is too little to say one."""
    values = [0.1, 0.4, -0.2, 0.0, 0.3]

    assert interval(values, seed=7) == interval(values, seed=7)
    assert (None, None) == interval([0.1], seed=7)


def test_a_level_that_the_payload_alone_got_counts_as_raised():
    """Without it the criterion was not scored at all."""
    payload = corpus.payloads()[0]
    plain, moved = {"depth": an_unscored()}, {"depth": a_verdict(level=5)}

    (effect,) = judged._compare(payload, "end", "i", moved, plain)
    assert isinstance(moved["depth"], Verdict)
    assert (None, True, True) == (effect.shift, effect.raised, effect.changed)


def test_a_judge_is_asked_through_the_products_adapter(capsys, monkeypatch):
    """Each payload against a filler in the same place, over HTTP; what comes out is reported and promises nothing."""
    monkeypatch.delenv("DEBRIEF_ENGINE_API_KEY", raising=False)
    with StubEngine(seed=1, model="stub@r1") as stub:
        code = main(["--quick", "--payloads", "3", "--judge", stub.url, "--model", "stub@r1"])

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (0, "stub@r1") == (code, report["judged"]["model"])
    low, high = report["judged"]["mean_shift_95"]
    assert low <= report["judged"]["mean_shift"] <= high
    assert report["judged"]["criteria_compared"]
