"""Spans of real scoring: each section and call under its claim, and all claims of an evaluation in one trace."""

from collections import Counter

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from evaluator.observing import traces
from tests.integration.storage.builders import change, row_of
from tests.integration.workers.fleet import hand_in, start
from workers.scoring import work_through


@pytest.fixture
def spans():
    """Those that ended so far."""
    exporter = InMemorySpanExporter()
    traces.export_to(exporter, part="worker", node="test", at_once=True)
    yield exporter.get_finished_spans
    traces.end_traces()


def names(spans):
    """How many of each."""
    return Counter(one.name for one in spans)


def test_scoring_is_one_trace_with_a_span_for_each_section_and_call(services, settings_of, stub, nodes, spans):
    """The runner's loop and the threads beside it know the claim."""
    hand_in(services, 1)
    start(services)
    work_through(nodes(settings_of(stub)))
    found = spans()

    row = row_of(services.database, "iv-1")
    assert {"evaluation": 1, "section": 3, "judge call": 3} == names(found)
    assert {traces.trace_id_of(f"iv-1 {row['evaluation_key']}")} == {one.context.trace_id for one in found}
    assert {"iv-1"} == {one.attributes["debrief.interview"] for one in found}
    (whole,) = (one for one in found if one.name == "evaluation")
    tokens = [one.attributes["gen_ai.usage.input_tokens"] for one in found if one.name == "judge call"]
    assert sum(tokens) == whole.attributes["gen_ai.usage.input_tokens"] > 0


def test_a_retried_evaluation_stays_in_its_trace(services, settings_of, stub, nodes, spans):
    """The claim that failed tells the code; the next one reuses what was finished."""
    hand_in(services, 1)
    start(services)
    stub.faults[:] = [*["ok"] * 4, "truncated", "ok", "ok"]  # after the four warm-ups
    node = nodes(settings_of(stub))
    work_through(node)
    change(services.database, "UPDATE evaluation SET not_before = clock_timestamp()")
    work_through(node)

    claims = [one for one in spans() if one.name == "evaluation"]
    sections = Counter(one.attributes.get("debrief.outcome", "failed") for one in spans() if one.name == "section")
    assert 1 == len({one.context.trace_id for one in spans()})
    assert [(1, "retry"), (2, "needs_review")] == [
        (one.attributes["debrief.fence"], one.attributes["debrief.outcome"]) for one in claims
    ]
    assert "cut_answer" == claims[0].attributes["debrief.code"]
    assert {"judged": 3, "failed": 1, "reused": 2} == sections
