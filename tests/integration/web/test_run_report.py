"""A run's report as a page: the figures of the command's, as the viewer may see them, on screen and on paper."""

import re

import pytest

from evaluator.commands.run_text import run_text
from evaluator.people import COMMAND, Viewer
from evaluator.storage.runs import close_runs
from evaluator.storage.watching import HIDDEN_MIN
from evaluator.views.run_report import run_report
from evaluator.views.run_report_rows import report_rows
from tests.integration.storage.builders import change
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.test_operating import GENEROUS, SEVERE, fail
from tests.integration.web.world import World, text_of


@pytest.fixture
def world(database):
    """Six interviews: three scored, two split, one failed; the run has ended."""
    world = World(database)
    for n in range(1, 7):
        world.interview(f"iv-{n}")
    world.run()
    fail(world)
    for n in range(5):
        world.score(design=SEVERE if n % 2 else GENEROUS)
    change(database, "UPDATE run SET deadline = clock_timestamp() + interval '1 hour'")
    with database.begin() as db:
        close_runs(db)
    with world.client:
        yield world


def test_the_page_has_the_figures_of_the_command(world):
    """Each fact of the text is on the page, where nobody reviews blind."""
    with world.database.begin() as db:
        text = run_text(run_report(db, COMMAND, "night-1"))
    page = text_of(world.page("/runs/night-1/report"))
    facts = [f for line in text.splitlines() if line.startswith("  ") for f in re.split(r" {2,}|\+ ", line.strip())[1:]]

    assert facts
    assert [] == [fact for fact in facts if fact not in page]


def test_the_run_leads_to_its_report_and_back(world):
    """And to what failed."""
    shown = world.page("/runs/night-1/report")

    assert 'href="/runs/night-1/report"' in world.page("/runs/night-1")
    assert 'href="/runs/night-1"' in shown
    assert 'href="/interviews/iv-1"' in shown
    assert "debrief run retry night-1 --only-failed" in shown


def test_no_such_run_is_not_found(world):
    """404, as everywhere."""
    assert 404 == world.client.get("/runs/none/report").status_code


def test_under_blind_review_the_account_is_one_number(world):
    """It still adds up; tokens, cost and evidence of so few are left out, and the page says so."""
    world.blind("REQ-114")
    page = text_of(world.page("/runs/night-1/report"))

    assert HIDDEN_MIN > 5
    assert "6 = scored 0" in page
    assert "under blind review 5" in page
    assert "tokens, cost and evidence are left out" in page
    assert [] == [word for word in ("ids dropped", "no price is set", "cache hit") if word in page]


def test_who_may_not_see_the_costs_sees_none(world):
    """A recruiter may, a token only as far as its owner."""
    recruiter = a_person(world.database, "rec", roles=[("REQ-114", "recruiter")])
    shown = text_of(world.visitor(recruiter).get("/runs/night-1/report").text)
    bearer = {"Authorization": f"Bearer {a_token(world.database, recruiter, 'operate')}"}

    assert "no price is set" in shown
    assert world.client.get("/runs/night-1/report", headers=bearer).status_code in {401, 403}


def test_failures_elsewhere_are_counted_and_not_named(world):
    """Of requisitions that the viewer does not see."""
    elsewhere = a_person(world.database, "else", roles=[("REQ-OTHER", "recruiter")])
    shown = text_of(world.visitor(elsewhere).get("/runs/night-1/report").text)

    assert "failed 1" in shown
    assert "1 more failed" in shown
    assert "iv-1" not in shown


def test_under_blind_review_reports_of_unlike_verdicts_are_alike(database):
    """Two runs, one judged kindly and one severely: to somebody who is blind each line says the same."""
    world, found = World(database), []
    for run, design in (("night-1", GENEROUS), ("night-2", SEVERE)):
        for n in range(3):
            world.interview(f"{run}-{n}")
        world.run(name=run)
        for _ in range(3):
            world.score(design=design)
    world.blind("REQ-114")
    admin = Viewer(person_id=1, name="x", entry="session", admin=True)
    for run in ("night-1", "night-2"):
        with database.begin() as db:
            rows = report_rows(run_report(db, admin, run))
        found.append([row for row in rows if row.label not in {"time", "speed"} and not row.label.startswith("vs ")])

    assert found[0] == found[1]
    assert found[0]
