"""A name and a sentence, planted in transcripts, go the whole way and are found nowhere but where they belong."""

import io
import json
import logging
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from evaluator.adapters.webhook_targets import host_rules
from evaluator.adapters.webhooks import WebhookSender
from evaluator.commands.worker_process import worker_command, worker_environment
from evaluator.layout import manifest_key
from evaluator.manifest import Candidate
from evaluator.notices import new_secret
from evaluator.observing import logs, records
from evaluator.storage.interviews import release_rubric
from evaluator.storage.tables import metadata
from evaluator.storage.webhooks import add_webhook
from evaluator.web.app import create_app
from evaluator.wiring import Services
from tests.factories import a_rubric, a_transcript
from tests.integration.storage.builders import a_manifest, row_of, rows
from tests.integration.web.conftest import LOOPBACK, a_person, sign_in
from tests.integration.workers.fleet import start
from tests.receiver import HOST, Authority, Receiver
from tests.stub_engine import Raw, StubEngine
from workers.reconcile import tick

ROOT = Path(__file__).parents[3]
NAME = "Zsófia Plantagenet"
SENTENCE = "the marmalade lighthouse hummed at a quarter past velvet"
# As it may be spelled: in UTF-8, escaped, or in parts; whatever the case.
PLANTED = ("zsófia", "zs\\u00f3fia", "zs%c3%b3fia", "plantagenet", "marmalade", "quarter past velvet")
OUGHT_TO_HOLD_IT = {"interview"}  # the table with the candidate's name
ENDS_WITHIN_S = 90


def echo(status, **fields):
    """An answer that says what the prompt said, in each of its fields."""
    said = f"My name is {NAME}. {SENTENCE}"
    error = {"message": said, "type": said, "code": said, "param": said}
    return Raw(status=status, body=json.dumps({"error": error, **fields}, ensure_ascii=False).encode())


def completion(text, *, model="stub-judge@1", finish_reason="stop"):
    """A whole answer with that text."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    body = {"id": NAME, "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
    return Raw(body=json.dumps(body, ensure_ascii=False).encode())


FAULTS = (
    echo(500),
    echo(400),
    completion(f"{NAME}: {SENTENCE}"),
    completion(SENTENCE, finish_reason=NAME),
    completion(SENTENCE, model=NAME),
    Raw(body=f"<html>{NAME} {SENTENCE}".encode()),
    "cut",
    "disconnect",
    completion(json.dumps({NAME: SENTENCE}), finish_reason="length"),
)


class EchoingEngine(StubEngine):
    """Says again what it was told: always of the first interview, and of the second for as long as its faults last."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.heard, self.left = [], {"first": list(FAULTS) * 20, "second": list(FAULTS[2:5])}

    def fault_for(self, asked):
        """The next one of the interview that is asked about."""
        said = "".join(message["content"] for message in asked["messages"])
        if "marmalade" not in said:
            return "ok"
        self.heard.append(said)
        left = self.left["first" if "number first" in said else "second"]
        return left.pop(0) if left else "ok"


class Collector:
    """Takes traces, as an OpenTelemetry collector does, and keeps their bytes."""

    def __enter__(self):
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                return

        self.bodies = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Listening:
    """Everything that is said to Valkey while it lasts: messages are gone from it in no time."""

    def __init__(self, url):
        self._redis, self.said, self._stop = Redis.from_url(url), [], threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def _listen(self):
        with self._redis.monitor() as monitor:
            monitor.connection.read_response()
            while not self._stop.is_set():
                if monitor.connection.can_read(timeout=0.1):
                    self.said.append(str(monitor.next_command()))

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        self._redis.close()


@pytest.fixture
def own_lines():
    """What this process's loggers of ours write, at DEBUG; afterwards all is as before."""
    stream, root = io.StringIO(), logging.getLogger()
    watched = [root, *(logging.getLogger(name) for name in (*records.OURS, *logs.SEEN_FROM_INFO))]
    before = [(logger, logger.level, logger.handlers[:]) for logger in watched]
    factory = logging.getLogRecordFactory()
    logs.configure("json", "debug", stream=stream)
    yield stream
    logging.setLogRecordFactory(factory)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def hooked(database, tmp_path):
    """A receiver of webhooks for every event, and how to send to it."""
    authority = Authority.make()
    with Receiver(tls=authority.serving(tmp_path, HOST)) as receiver:
        with database.begin() as db:
            for event in ("scorecard.ready", "run.closed"):
                secret = new_secret(event.encode().ljust(32)[:32])
                add_webhook(db, url=f"{receiver.url}&{event}", events=(event,), requisition=None, secret=secret)
        receiver.sender = WebhookSender(
            host_rules(f"{HOST}:{receiver.port}"),
            resolve=lambda *_: ["127.0.0.1"],
            public="127.0.0.1".__eq__,
            tls=authority.trusting(),
        )
        yield receiver


def plant(services):
    """Two interviews in the inbox, and what intake refuses: a broken manifest, and one whose transcript differs."""
    with services.database.begin() as db:
        release_rubric(db, a_rubric())
    for number in ("first", "second"):
        said = f"My name is {NAME}, number {number}. Then {SENTENCE}."
        transcript = a_transcript({"design": said, "debugging": said, "teamwork": said})
        manifest = a_manifest(f"iv-{number}", transcript=transcript, candidate=Candidate(ref=f"C-{number}", name=NAME))
        services.store.create(manifest.transcript.key, transcript.to_bytes())
        services.store.create(manifest_key(manifest.interview_id), manifest.model_dump_json().encode())
    lost = a_manifest("iv-lost", candidate=Candidate(ref="C-lost", name=NAME))
    services.store.create(lost.transcript.key, f"{NAME}: {SENTENCE}".encode())
    services.store.create(manifest_key("iv-lost"), lost.model_dump_json().encode())
    for n, broken in enumerate((f"{NAME} {SENTENCE}", json.dumps({"candidate": NAME, NAME: SENTENCE, "language": 7}))):
        services.store.create(manifest_key(f"iv-broken-{n}"), broken.encode())


def work(services, log, ended):
    """A worker process with all of its loggers at DEBUG, until it is so."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            worker_command(1),
            env={**worker_environment(services, dict(os.environ))},
            cwd=ROOT,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not ended():
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            tick(services)
            time.sleep(0.1)
        time.sleep(2.5)  # what waits for the collector goes with the next batch
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


def visit(database, services, run):
    """Somebody opens pages, looks for the name, and mistypes addresses; what /metrics says."""
    app = create_app(database, services.store, version="1")
    with TestClient(app, base_url=LOOPBACK) as client:
        sign_in(client, database, a_person(database, admin=True))
        for path in (
            "/interviews",
            f"/interviews?q={NAME}",
            f"/{NAME}",
            f"/interviews/{NAME}",
            f"/runs/{run}",
            "/readyz",
        ):
            client.get(path)
        client.post(f"/interviews?q={SENTENCE}", data={"reason": NAME})
        client.get("/livez", headers={"Host": NAME.encode().hex()})
        return client.get("/metrics").text


def found_in(text):
    """What was planted and stands there, in whatever spelling."""
    lowered = text.lower()
    return [spelled for spelled in PLANTED if spelled in lowered]


def tables(database):
    """Each table's rows as text, but for those that ought to hold it."""
    return {
        name: "\n".join(row["row"] for row in rows(database, f'SELECT t::text AS row FROM "{name}" t'))
        for name in metadata.tables
        if name not in OUGHT_TO_HOLD_IT
    }


def test_what_was_planted_is_in_no_log_metric_trace_message_or_account(
    database, settings_of, broker_url, tmp_path, own_lines, hooked
):
    """Through intake, refusals, an engine that fails and echoes, retries, quarantine, webhooks, pages and traces."""
    worker_log = tmp_path / "worker.log"
    with EchoingEngine(seed=1) as engine, Collector() as collector, Listening(broker_url) as listening:
        services = Services(
            settings=settings_of(
                engine, log_level="debug", otlp_endpoint=collector.url, infrastructure_delay_s=0.1, content_delay_s=0.1
            )
        )
        services.__dict__["webhooks"] = hooked.sender
        plant(services)
        tick(services)
        start(services)
        work(services, worker_log, lambda: _ended(database) and len(hooked.requests) >= 2)
        metrics = visit(database, services, "run-1")
        with Redis.from_url(broker_url) as client:
            kept = [str(client.dump(key)) + str(key) for key in client.scan_iter()]
        services.close()

    told = {
        "worker's log": worker_log.read_text(),
        "own log": own_lines.getvalue(),
        "metrics": metrics,
        "traces": "\n".join(body.decode("utf-8", errors="replace") for body in collector.bodies),
        "said to Valkey": "\n".join(listening.said),
        "kept in Valkey": "\n".join(kept),
        "webhooks": "\n".join(f"{r.path} {r.headers} {r.body.decode()}" for r in hooked.requests),
        **tables(database),
    }
    # It was really there, and every place was really written to.
    assert ("done", "quarantined") == tuple(row_of(database, f"iv-{n}")["state"] for n in ("second", "first"))
    assert [] == [word for word in ("Plantagenet", "marmalade") if not any(word in said for said in engine.heard)]
    written = ("worker's log", "own log", "metrics", "traces", "said to Valkey", "webhooks", "evaluation_event")
    assert [] == [place for place in written if len(told[place]) < 100]
    assert 3 == len(rows(database, "SELECT 1 FROM intake_rejection"))
    assert "judge call" in told["traces"]
    assert {"claimed", "retry", "quarantined", "done"} <= {
        row["kind"] for row in rows(database, "SELECT kind FROM evaluation_event")
    }

    assert {} == {place: found for place, text in told.items() if (found := found_in(text))}


def _ended(database):
    return {"done", "quarantined"} == {row["state"] for row in rows(database, "SELECT state FROM evaluation")}


def test_lines_of_a_worker_are_objects_with_the_claims_ids(database, settings_of, tmp_path):
    """Celery's own and ours, from the main process and its children; but for what its signal handlers print."""
    worker_log = tmp_path / "worker.log"
    with StubEngine(seed=1) as engine:
        services = Services(settings=settings_of(engine))
        plant(services)
        tick(services)
        start(services)
        work(
            services,
            worker_log,
            lambda: {"done"} == {r["state"] for r in rows(database, "SELECT state FROM evaluation")},
        )
        services.close()

    written = [line for line in worker_log.read_text().splitlines() if line and not line.startswith("worker: ")]
    lines = [json.loads(line) for line in written]
    done = [line for line in lines if line["logger"] == "workers.scoring" and " as sc_" in line["event"]]

    assert 2 == len(done)
    for line in done:
        assert {"run", "interview", "evaluation", "fence", "attempt", "worker", "prompt_tokens"} <= set(line)
    assert any(line["logger"].startswith("celery") for line in lines)
