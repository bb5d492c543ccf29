"""Spans over OpenTelemetry: sent in the background, dropped when nobody takes them; needs the extra `otel`."""

import atexit
import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from evaluator import __version__
from evaluator.errors import UsageFault
from evaluator.observing.context import Scalar, Span, tracing

if TYPE_CHECKING:
    from opentelemetry import trace as api
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

log = logging.getLogger(__name__)

QUEUE_MAX = 4_096  # spans that wait; further ones are dropped
BATCH_MAX = 512
EVERY_MS = 2_000
SEND_WITHIN_S = 5.0  # one batch
END_WITHIN_S = 2.0  # for what waits when the process ends
ATTRIBUTES_MAX = 32
CHARS_MAX = 200  # of an attribute
_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_TRACE_PATH = "/v1/traces"

# OpenTelemetry's own names where it has any; the rest is ours.
_NAMES = {
    "model": "gen_ai.request.model",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
}


def trace_id_of(name: str) -> int:
    """The trace of what has this name, whoever works on it and however often: 128 bits, never 0."""
    return int.from_bytes(hashlib.sha256(b"debrief trace\0" + name.encode()).digest()[:16]) or 1


def send_traces(endpoint: str, *, part: str, node: str) -> None:
    """Spans of this process go to an OTLP/HTTP collector; UsageFault as `require`.

    Call it after the fork: what sends is a thread. node: whose spans these are. What the collector does or fails to do
    changes nothing here: the queue is bounded, and a batch that it does not take is gone.
    """
    require()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a line for every try; ours tells when it changes
    address = endpoint.rstrip("/")
    exporter = OTLPSpanExporter(
        endpoint=address if address.endswith(_TRACE_PATH) else address + _TRACE_PATH, timeout=SEND_WITHIN_S
    )
    export_to(_told(exporter), part=part, node=node)


def require() -> None:
    """UsageFault when the extra is missing."""
    if not all(_there(name) for name in _NEEDED):
        raise UsageFault(
            "DEBRIEF_OTLP_ENDPOINT is set, but OpenTelemetry is not installed; "
            "install debrief[otel], or unset the variable"
        )


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what it is a part of is missing
        return False


def _told(exporter: "SpanExporter") -> "SpanExporter":
    """The same, telling in the log when the collector begins and ends to refuse."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Told(SpanExporter):
        taken = True

        def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
            result = exporter.export(spans)
            taken = result is SpanExportResult.SUCCESS
            if taken != self.taken:
                self.taken = taken
                log.warning("the collector of traces %s", "takes them again" if taken else "takes none; they are lost")
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Told()


def export_to(exporter: "SpanExporter", *, part: str, node: str, at_once: bool = False) -> "TracerProvider":
    """Spans of this process go there; at_once: each as it ends, in the thread that ends it."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    about = {"service.name": f"debrief-{part}", "service.version": __version__, "service.instance.id": node}
    provider = TracerProvider(
        resource=Resource.create(about),
        id_generator=_ids(),
        span_limits=SpanLimits(max_span_attributes=ATTRIBUTES_MAX, max_span_attribute_length=CHARS_MAX),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        SimpleSpanProcessor(exporter)
        if at_once
        else BatchSpanProcessor(
            exporter, max_queue_size=QUEUE_MAX, schedule_delay_millis=EVERY_MS, max_export_batch_size=BATCH_MAX
        )
    )
    _providers[:] = [provider]
    tracing(OtelTracer(provider.get_tracer("debrief", __version__)))
    return provider


_providers: "list[TracerProvider]" = []  # of this process; none or one
_named: ContextVar[int | None] = ContextVar("debrief_trace", default=None)  # the trace of the span that is begun now


@atexit.register
def end_traces() -> None:
    """Sends what waits, for a moment, and no further span."""
    tracing(None)
    while _providers:
        # OpenTelemetry's own limits are half a minute, or none.
        ending = threading.Thread(target=_providers.pop().shutdown, daemon=True)
        ending.start()
        ending.join(END_WITHIN_S)


def _ids() -> "RandomIdGenerator":
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class _Named(RandomIdGenerator):
        """Chance, but for traces that have a name."""

        def generate_trace_id(self) -> int:
            return _named.get() or super().generate_trace_id()

    return _Named()


@dataclass(frozen=True, kw_only=True, slots=True)
class OtelSpan:
    """One span of OpenTelemetry's."""

    span: "api.Span"

    def note(self, facts: Mapping[str, Scalar]) -> None:
        """Attributes; None is left out."""
        self.span.set_attributes(_attributes(facts))

    def end(self, code: str | None) -> None:
        """Ends it; as failed where there is a code."""
        if code is not None:
            from opentelemetry.trace import Status, StatusCode

            self.span.set_attribute("debrief.code", code)
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.end()


class OtelTracer:
    """Begins spans of OpenTelemetry's."""

    def __init__(self, tracer: "api.Tracer") -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context

        self._tracer, self._nothing, self._inside = tracer, Context(), set_span_in_context

    def begin(self, name: str, ids: Mapping[str, Scalar], *, parent: Span | None, trace: str | None) -> OtelSpan:
        """As `evaluator.observing.Tracer` has it; what others have made current in this process is no parent."""
        within = self._inside(parent.span, self._nothing) if isinstance(parent, OtelSpan) else self._nothing
        token = _named.set(trace_id_of(trace) if trace else None)
        try:
            begun = self._tracer.start_span(name, context=within, attributes=_attributes(ids))
        finally:
            _named.reset(token)
        return OtelSpan(span=begun)


def _attributes(facts: Mapping[str, Scalar]) -> dict[str, str | int | float | bool]:
    return {_NAMES.get(key, f"debrief.{key}"): value for key, value in facts.items() if value is not None}
