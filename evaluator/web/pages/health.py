"""What machines that watch over this one ask: whether it is ready, and where everything stands in numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from evaluator.errors import Unavailable
from evaluator.storage.metrics import Standing, standing
from evaluator.web.pages.site import Site
from evaluator.web.problems import Refusal
from evaluator.web.readiness import Check, Readiness
from evaluator.web.rights import AsVisit, Globally, Public, add

RUN_STATES = ("open", "paused", "closed")
INTERVIEW_STATES = ("not_started", "pending", "running", "done", "quarantined", "cancelled", "blocked")
DELIVERY_STATES = ("pending", "delivered", "failed")
LEASE_STATES = ("held", "expired")
NODE_KINDS = ("worker", "reconciler")


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
        yield from self._runs()

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
