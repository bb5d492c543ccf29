"""Traces: one for each evaluation however often claimed, spans with ids and numbers, no harm from a collector."""

import asyncio
import socket
import sys
import time

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from evaluator.errors import AnswerInvalid, UsageFault
from evaluator.observing import note, span, traces
from evaluator.settings import Settings
from evaluator.wiring import observe, require_traces

NAME = "Zsófia Planted-Name"


@pytest.fixture
def exported():
    """Spans as they end."""
    exporter = InMemorySpanExporter()
    traces.export_to(exporter, part="test", node="test:1", at_once=True)
    yield exporter.get_finished_spans
    traces.end_traces()


def named(spans):
    """Name -> span."""
    return {one.name: one for one in spans}


async def evaluation():
    """Two sections at once, each with a call."""

    async def section(name):
        with span("section", section=name):
            await asyncio.sleep(0)
            with span("judge call", part=name):
                note(prompt_tokens=10, cached_tokens=None)

    with span("evaluation", trace="iv-1 key", interview="iv-1", fence=1):
        await asyncio.gather(section("a"), section("b"))
        note(outcome="scored")


def test_a_span_for_each_section_and_call_in_one_trace(exported):
    """Each under its own."""
    asyncio.run(evaluation())
    spans = exported()

    by_id = {one.context.span_id: one for one in spans}
    parents = sorted((one.name, by_id[one.parent.span_id].name if one.parent else "") for one in spans)
    assert 1 == len({one.context.trace_id for one in spans})
    assert [("evaluation", ""), *[("judge call", "section")] * 2, *[("section", "evaluation")] * 2] == parents
    for call in (one for one in spans if one.name == "judge call"):
        assert call.attributes["debrief.section"] == by_id[call.parent.span_id].attributes["debrief.section"]


def test_attributes_are_ids_and_numbers(exported):
    """OpenTelemetry's names where it has them; what is not known is left out."""
    asyncio.run(evaluation())
    found = named(exported())

    assert {"debrief.interview": "iv-1", "debrief.fence": 1, "debrief.outcome": "scored"} == dict(
        found["evaluation"].attributes
    )
    assert 10 == found["judge call"].attributes["gen_ai.usage.input_tokens"]
    assert "debrief.cached_tokens" not in found["judge call"].attributes


def test_all_claims_of_an_evaluation_are_one_trace(exported):
    """Whichever worker makes them: its id follows from the evaluation."""
    for fence in (1, 2):
        with span("evaluation", trace="iv-1 key", fence=fence):
            pass
    with span("evaluation", trace="iv-2 key", fence=1):
        pass
    ids = [one.context.trace_id for one in exported()]

    assert [traces.trace_id_of("iv-1 key")] * 2 == ids[:2]
    assert ids[2] not in ids[:2]


def test_what_fails_tells_its_code_and_not_its_message(exported):
    """The message of an unforeseen error may quote a transcript."""
    for error in (AnswerInvalid("intro", "cut_answer"), ValueError(NAME)):
        with pytest.raises(type(error)), span("judge call"):
            raise error
    ours, other = exported()

    assert ("cut_answer", "ValueError") == (ours.attributes["debrief.code"], other.attributes["debrief.code"])
    assert StatusCode.ERROR == other.status.status_code
    assert NAME not in str([other.attributes, other.status.description, other.name])
    assert () == other.events


def test_without_a_tracer_a_span_only_binds(monkeypatch):
    """And a note goes nowhere."""
    with span("section", section="a"):
        note(prompt_tokens=1)


def closed_port():
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_collector_that_is_away_disturbs_nothing(caplog):
    """Neither the work nor, for long, the end of the process; one line says it."""
    settings = Settings(otlp_endpoint=f"http://127.0.0.1:{closed_port()}")
    observe(settings, part="test", node="test:1")
    began = time.monotonic()
    asyncio.run(evaluation())
    worked_s = time.monotonic() - began
    traces.end_traces()
    ended_s = time.monotonic() - began

    assert worked_s < 1
    assert ended_s < traces.END_WITHIN_S + 2


def test_a_missing_extra_is_said_before_anything_starts(monkeypatch):
    """With the two ways out."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp", None)
    monkeypatch.setattr(traces, "_NEEDED", ("opentelemetry_that_is_not_there.sdk",))

    with pytest.raises(UsageFault, match=r"install debrief\[otel\], or unset"):
        require_traces(Settings(otlp_endpoint="http://127.0.0.1:4318"))


def test_without_the_setting_nothing_of_it_is_needed(monkeypatch):
    """Most go without."""
    monkeypatch.setattr(traces, "_NEEDED", ("opentelemetry_that_is_not_there.sdk",))

    require_traces(Settings())
