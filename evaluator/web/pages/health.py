"""What machines that watch over this one ask: whether it is ready, and where everything stands in numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from evaluator.adapters.engine_load import Found
from evaluator.errors import Unavailable
from evaluator.storage.metrics import EVENTS, SECTION_SOURCES, Standing, standing
from evaluator.web.pages.site import Site
from evaluator.web.problems import Refusal
from evaluator.web.readiness import Check, Readiness
from evaluator.web.rights import AsVisit, Globally, Public, add

RUN_STATES = ("open", "paused", "closed")
INTERVIEW_STATES = ("not_started", "pending", "running", "done", "quarantined", "cancelled", "blocked")
DELIVERY_STATES = ("pending", "delivered", "failed")
LEASE_STATES = ("held", "expired")
NODE_KINDS = ("worker", "reconciler")
SCHEDULE_STATES = ("active", "paused", "troubled")
NIGHT_OUTCOMES = ("opened", "nothing", "missed")


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthPages:
    """The handlers."""

    site: Site
    readiness: Readiness

    def readyz(self) -> Response:
        """Whether the services behind these pages answer; it tells neither where they are nor what they said."""
        states = self.readiness.states()
        failing = [name for name, state in states.items() if state != "ok"]
        if failing:
            detail = "; ".join(f"{name}: {_WORDS[states[name]]}" for name in failing)
            raise Refusal(503, "not_ready", detail, more={"checks": dict(states)})
        return JSONResponse({"status": "ready", "checks": dict(states)})

    def metrics(self, visit: AsVisit, request: Request) -> Response:
        """Where everything stands, as Prometheus reads it."""
        with self.site.database.begin() as db:
            found = standing(db, visit.viewer)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(found, version=self.site.version, queue=self._queue_length()))
        if self.site.engine_load is not None:
            registry.register(_Engine(self.site.engine_load()))
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    def _queue_length(self) -> int | None:
        """Hints that wait in the broker; None: not known now."""
        if self.site.queue_length is None:
            return None
        try:
            return int(self.site.queue_length())
        except Unavailable:
            return None


_WORDS = {"failing": "cannot be used", "no_answer": "no answer in time"}


class _Collected(Collector):
    """Numbers that were read for one scrape, so that they belong to one moment."""

    def __init__(self, found: Standing, *, version: str, queue: int | None) -> None:
        self._found, self._version, self._queue = found, version, queue

    def collect(self) -> Iterator[Metric]:
        """Gauges all: rows can be taken back, and a counter may not fall."""
        f = self._found
        yield _labelled("debrief_build_info", "Which version is running.", ("version",), {(self._version,): 1})
        yield _by("debrief_runs", "Runs by state.", "state", RUN_STATES, f.runs)
        yield _by(
            "debrief_interviews",
            "Interviews by the state of their latest evaluation.",
            "state",
            INTERVIEW_STATES,
            f.interviews,
        )
        yield _by("debrief_leases", "Evaluations that a worker holds, or lost.", "state", LEASE_STATES, f.leases)
        yield _by("debrief_nodes_alive", "Processes that were seen lately.", "kind", NODE_KINDS, f.alive)
        yield _by("debrief_webhook_deliveries", "Messages by state.", "state", DELIVERY_STATES, f.deliveries)
        yield _gauge("debrief_evaluation_retries", "Tries after the first, of all evaluations.", f.retries)
        yield _gauge("debrief_evaluation_stalls", "Leases that ran out, of all evaluations.", f.stalls)
        yield _gauge("debrief_evaluation_interruptions", "Evaluations that workers gave back.", f.interruptions)
        yield _gauge("debrief_oldest_due_seconds", "How long the first due evaluation has been due.", f.oldest_due_s)
        yield _gauge("debrief_intake_rejections", "Objects that intake refused.", f.rejections)
        if self._queue is not None:
            yield _gauge("debrief_hint_queue_length", "Hints that wait in the broker.", self._queue)
        yield from self._pace()
        yield from self._runs()

    def _pace(self) -> Iterator[Metric]:
        """What tells whether work flows; codes come from our own list of failures."""
        f = self._found
        yield _gauge("debrief_due", "Evaluations of open runs that could be claimed now.", f.due)
        yield _gauge("debrief_delayed", "Evaluations of open runs that wait for their next try.", f.delayed)
        yield _gauge("debrief_slots_alive", "Interviews that living workers score at once.", f.slots)
        yield _by("debrief_sections_recent", "Sections finished in 5 minutes.", "source", SECTION_SOURCES, f.sections)
        yield _by("debrief_events_recent", "What stopped work in 5 minutes.", "kind", EVENTS, f.events)
        codes: dict[tuple[str, ...], float] = {(code,): n for code, n in f.quarantined.items()}
        yield _labelled("debrief_quarantined", "Evaluations that a person must look at.", ("code",), codes)
        yield _by("debrief_schedules", "Night runs.", "state", SCHEDULE_STATES, f.schedules)
        yield _by("debrief_schedule_nights_recent", "Nights of 7 days.", "outcome", NIGHT_OUTCOMES, f.nights)

    def _runs(self) -> Iterator[Metric]:
        """Of runs that go on and the newest; the names of all that ever were would grow without end."""
        going = self._found.going
        members: dict[tuple[str, ...], float] = {
            (r.name, standing): n for r in going for standing, n in r.counts.items()
        }
        sections: dict[tuple[str, ...], float] = {
            (r.name, what): n for r in going for what, n in (("done", r.sections_done), ("total", r.sections_total))
        }
        yield _labelled(
            "debrief_run_interviews", "Interviews of a run by where they stand.", ("run", "standing"), members
        )
        yield _labelled("debrief_run_sections", "Sections of a run.", ("run", "what"), sections)


class _Engine(Collector):
    """The engine's own figures; a series is absent while its figure is not known, for 0 would be a lie."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """Nothing at all of an endpoint that has no such page."""
        found = self._found
        if found == "untold":
            return
        yield _gauge("debrief_engine_up", "Whether the engine's own metrics answer.", int(found != "away"))
        if found == "away":
            return
        states = (("running", found.running), ("waiting", found.waiting))
        requests: dict[tuple[str, ...], float] = {(state,): n for state, n in states if n is not None}
        if requests:
            yield _labelled("debrief_engine_requests", "Requests in the engine.", ("state",), requests)
        if found.kv_usage is not None:
            yield _gauge("debrief_engine_kv_cache_usage_ratio", "Of the KV cache, 0 to 1.", found.kv_usage)
        counted = (
            ("debrief_engine_prefix_cache_queries_tokens", "Looked for in the prefix cache.", found.prefix_queries),
            ("debrief_engine_prefix_cache_hits_tokens", "Found in the prefix cache.", found.prefix_hits),
            ("debrief_engine_prompt_tokens", "Prompt tokens.", found.prompt_tokens),
            ("debrief_engine_generation_tokens", "Generated tokens.", found.generation_tokens),
        )
        for name, words, number in counted:
            if number is not None:
                yield CounterMetricFamily(name, f"{words} Since the engine began.", value=number)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, label: str, known: tuple[str, ...], counts: Mapping[str, int]) -> Metric:
    """All known states, so that a series does not come and go."""
    return _labelled(name, words, (label,), {(one,): counts.get(one, 0) for one in (*known, *sorted(counts))})


def _labelled(name: str, words: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the pages."""
    pages = HealthPages(site=site, readiness=Readiness(site.checks or {"database": _database(site)}))
    add(app, "/readyz", pages.readyz, needs=Public())
    add(app, "/metrics", pages.metrics, needs=Globally("see_runs"))


def _database(site: Site) -> Check:
    def answers() -> None:
        with site.database.begin() as db:
            db.exec_driver_sql("SELECT 1")

    return answers
