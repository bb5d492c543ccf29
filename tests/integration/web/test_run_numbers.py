"""The numbers of a run that goes on are the same wherever one reads them, at any moment.

Workers score with a stub engine that sometimes answers badly. At random moments all writing is held up by a lock, as
one reader after another asks: the page, its JSON, the command line, /metrics, and plain SQL.
"""

import json
import random
import re
import threading
import time
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from evaluator import cli
from evaluator.commands.output import out, take_global_flags
from evaluator.evaluation import COUNTS
from evaluator.storage.database import Database
from evaluator.storage.requisitions import set_blind
from evaluator.storage.runs import Selection, close_runs, start_run
from evaluator.web.app import create_app
from evaluator.web.rights import routes
from tests.integration.storage.builders import a_manifest, as_owner, change, stock
from tests.integration.web.conftest import LOOPBACK, a_person, sign_in
from tests.integration.workers.conftest import broker_url, nodes, services, settings_of  # noqa: F401  fixtures
from tests.integration.workers.fleet import the_transcript
from tests.stub_engine import StubEngine
from workers.scoring import work_through

RUN = "night-1"
INTERVIEWS, WORKERS, MOMENTS = 36, 2, 20
SEED = 7
BLIND = "REQ-BLIND"
JUDGED = ("scored", "needs_review", "unscorable")
FAULTS = (*["ok"] * 9, "truncated", *["ok"] * 5, "garbage", "status:503")
WITHIN_S = 90

# Where every member of the run stands, by the simplest words; outcomes are written when the run ends.
STANDINGS = """
    SELECT i.requisition, CASE WHEN m.skipped IS NOT NULL THEN 'skipped' WHEN e.state = 'done' THEN s.state
        WHEN e.state = 'quarantined' THEN 'failed' ELSE e.state END AS standing, count(*) AS n
    FROM run_member m JOIN run r ON r.id = m.run_id AND r.name = :run JOIN evaluation e ON e.id = m.evaluation_id
    JOIN interview i ON i.id = e.interview_id LEFT JOIN scorecard s ON s.evaluation_id = e.id GROUP BY 1, 2
"""
SECTIONS = """
    SELECT sum(e.sections_done) AS done, sum(e.sections_total) AS total FROM run_member m
    JOIN run r ON r.id = m.run_id AND r.name = :run JOIN evaluation e ON e.id = m.evaluation_id WHERE m.skipped IS NULL
"""


@pytest.fixture
def stub():
    """An engine that takes its time, and answers every now and then what cannot be used."""
    with StubEngine(seed=SEED, delay_s=0.02, faults=list(FAULTS), repeat_faults=True) as running:
        yield running


@pytest.fixture
def place(services, settings_of, stub, nodes, monkeypatch):  # noqa: F811
    """A run over interviews of two requisitions, one of them under blind review, and an administrator's browser."""
    database = services.database
    for n in range(1, INTERVIEWS + 1):
        transcript = the_transcript(n)
        requisition = BLIND if n % 3 == 0 else "REQ-1"
        manifest = a_manifest(f"iv-{n}", transcript=transcript, requisition=requisition)
        services.store.create(manifest.transcript.key, transcript.to_bytes())
        stock(database, manifest)
    with database.begin() as db:
        set_blind(db, BLIND, True)
        start_run(db, name=RUN, selection=Selection(), judge=services.judge)
    # Renewals of leases wait while everything is held up.
    slow = {"heartbeat_s": 20.0, "lease_s": 120.0}
    made = Place(services, [nodes(settings_of_again(services, **slow)) for _ in range(WORKERS)])
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    with made.client:
        yield made
    made.database.close()


def settings_of_again(services, **fields):  # noqa: F811
    """The same settings but for these."""
    return services.settings.model_copy(update=fields)


class Place:
    """What is read, and by whom."""

    def __init__(self, services, nodes):  # noqa: F811
        self.nodes = nodes
        url = services.database.url.render_as_string(hide_password=False)
        self.database = Database(url, connections=6)  # not the workers': those wait, and hold theirs meanwhile
        settings = services.settings
        self.environment = {
            "DEBRIEF_HOME": str(settings.home),
            "DEBRIEF_DATABASE_URL": url,
            "DEBRIEF_STORE_URL": str(settings.store_url),
            "DEBRIEF_BROKER_URL": "redis://127.0.0.1:1/0",
            "DEBRIEF_ENGINE_URL": "http://127.0.0.1:1",
            "DEBRIEF_MODEL": services.model,
        }
        self.client = TestClient(create_app(self.database, services.store, version="1"), base_url=LOOPBACK)
        sign_in(self.client, self.database, a_person(self.database, admin=True))
        self.failures = []

    def work(self, node, stop):
        """A worker's process: hints come without end."""
        try:
            while not stop.is_set():
                work_through(node)
                change(self.database, "UPDATE evaluation SET not_before = clock_timestamp() WHERE state = 'pending'")
        except Exception as error:  # noqa: BLE001  told by the test, which would wait for ever otherwise
            self.failures.append(error)

    @contextmanager
    def working(self):
        """Both workers, until the block ends."""
        stop = threading.Event()
        threads = [threading.Thread(target=self.work, args=(node, stop)) for node in self.nodes]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)

    @contextmanager
    def standstill(self):
        """Waits for those who write, and lets nobody write until the block ends; reading goes on."""
        with self.database.begin() as db:
            as_owner(db)
            db.execute(text("LOCK TABLE evaluation, run_member, run, scorecard, human_record IN SHARE MODE"))
            yield db

    # ------------------------------------------------------------ the readers

    def by_sql(self, db):
        """Counts for everybody, those that the blind review hides, and sections."""
        counts, hidden = dict.fromkeys(COUNTS, 0), 0
        for row in db.execute(text(STANDINGS), {"run": RUN}):
            counts[row.standing] += row.n
            hidden += row.n if row.requisition == BLIND and row.standing in JUDGED else 0
        sections = db.execute(text(SECTIONS), {"run": RUN}).one()
        shown = {**counts, "under_review": hidden}
        for row in db.execute(text(STANDINGS), {"run": RUN}):
            if row.requisition == BLIND and row.standing in JUDGED:
                shown[row.standing] -= row.n
        return counts, shown, (sections.done, sections.total)

    def by_page(self):
        """What stands on the page."""
        page = self.client.get(f"/runs/{RUN}")
        assert 200 == page.status_code, page.text
        html = page.text
        counts = {name: int(n) for name, n in re.findall(r'data-count="(\w+)">(\d+)<', html)}
        done, total = re.search(r'data-live="sections">(\d+) of (\d+)<', html).groups()
        finished, selected = (int(re.search(rf'data-live="{n}">(\d+)<', html)[1]) for n in ("done", "selected"))
        assert "adds up" in html
        assert "does not add up" not in html
        return counts, (int(done), int(total)), finished, selected

    def by_json(self):
        """What the page's script reads."""
        told = self.client.get(f"/runs/{RUN}.json").json()
        sections = told["sections"]
        return told["counts"], (sections["done"], sections["total"]), told["done"], told["selected"]

    def by_list(self):
        """The run's line among all runs: how many are done, of how many."""
        html = self.client.get("/runs").text
        line = html.partition(f'href="/runs/{RUN}"')[2].partition("</tr>")[0]
        return tuple(map(int, re.search(r"<b>(\d+)</b> of (\d+)<", line).groups()))

    def by_command(self, capsys):
        """`debrief run status NAME --json`, in this process."""
        arguments = take_global_flags(["run", "status", RUN, "--json"])
        capsys.readouterr()
        try:
            cli.application(arguments)(arguments, standalone_mode=False)
        finally:
            out.json = False
        told = json.loads(capsys.readouterr().out)
        return told["counts"], (told["sections"]["done"], told["sections"]["total"])

    def by_metrics(self):
        """What a monitoring system reads; None where it is not served."""
        if "/metrics" not in {route.path for route in routes(self.client.app)}:
            return None
        answer = self.client.get("/metrics")
        assert 200 == answer.status_code, answer.text
        series = re.findall(r'^debrief_run_(\w+){run="' + RUN + r'",\w+="(\w+)"} ([0-9.]+)$', answer.text, re.MULTILINE)
        found = {(kind, what): int(float(n)) for kind, what, n in series}
        counts = {what: n for (kind, what), n in found.items() if kind == "interviews"}
        return counts, (found["sections", "done"], found["sections", "total"])


def alike(counts):
    """Counts without what is none, since the page leaves the blind review's share out where there is none."""
    return {name: n for name, n in counts.items() if n}


def test_all_readers_agree_at_any_moment(place, capsys):
    """Twenty moments of a run, while interviews are claimed, scored, failed and tried again."""
    chance, seen, deadline = random.Random(SEED), [], time.monotonic() + WITHIN_S

    with place.working():
        while len(seen) < MOMENTS and time.monotonic() < deadline:
            time.sleep(chance.uniform(0.01, 0.25))
            with place.standstill() as db:
                counts, shown, sections = place.by_sql(db)
                on_page, page_sections, page_done, page_selected = place.by_page()
                in_json, json_sections, json_done, json_selected = place.by_json()
                command, command_sections = place.by_command(capsys)
                metrics, listed = place.by_metrics(), place.by_list()
            done = INTERVIEWS - counts["running"] - counts["pending"]
            assert (alike(shown), sections) == (alike(on_page), page_sections)
            assert (alike(shown), sections) == (alike(in_json), json_sections)
            assert (done, INTERVIEWS) == (page_done, page_selected) == (json_done, json_selected) == listed
            assert ({**counts, "selected": INTERVIEWS}, sections) == (command, command_sections)
            assert metrics is None or (alike(shown), sections) == (alike(metrics[0]), metrics[1])
            seen.append((done, sections[0]))

    assert [] == place.failures
    assert MOMENTS == len(seen)
    assert 5 <= len(set(seen)), f"the run hardly moved: {seen}"
    assert any(0 < done < INTERVIEWS for done, _ in seen)


def test_they_agree_about_the_end(place, capsys):
    """When it is closed its account stands, and every reader tells it."""
    with place.working():
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline and not place.failures:
            with place.database.begin() as db:
                close_runs(db)
                if db.execute(text("SELECT state FROM run")).scalar_one() == "closed":
                    break
            time.sleep(0.1)

    with place.standstill() as db:
        counts, shown, sections = place.by_sql(db)
        on_page, in_json, command = place.by_page(), place.by_json(), place.by_command(capsys)

    assert [] == place.failures
    assert (0, INTERVIEWS) == (counts["running"] + counts["pending"], sum(counts.values()))
    assert alike(shown) == alike(on_page[0]) == alike(in_json[0])
    assert {**counts, "selected": INTERVIEWS} == command[0]
    assert sections == on_page[1] == in_json[1] == command[1]
