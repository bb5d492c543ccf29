"""From the agent to the page on a real PostgreSQL: an interview that broke off, and one whose consent was withdrawn."""

import asyncio
from datetime import timedelta

from evaluator.layout import OPEN, manifest_key
from evaluator.manifest import Candidate
from evaluator.people import Viewer
from evaluator.storage.database import clock
from evaluator.storage.reviewing import interview_seen
from evaluator.storage.runs import run_status
from evaluator.web.listing import interview_view
from live_agent.handoff import opened, resume
from live_agent.interview import Interview
from live_agent.keeping import Keeper
from rubrics.library import library
from tests.integration.storage.builders import claimed, row_of, rows
from tests.integration.workers.conftest import broker_url, services, settings_of, stub
from tests.integration.workers.fleet import start
from workers.reconcile import tick

__all__ = ["broker_url", "services", "settings_of", "stub"]  # fixtures

RUBRIC = library().find("backend-eng")
FULL = "I moved one service after another to the queue and measured the waiting time before and after. " * 3
STEPS = ("abandoned", "intake")
SEEN_BY = Viewer(person_id=None, name="command", admin=True, entry="command")


def lead(services, lines, *, hours_ago=0.0, close=True):
    """An interview of these lines in the store of the services, which began so long ago."""
    with services.database.begin() as db:
        began = clock(db) - timedelta(hours=hours_ago)

    async def run():
        elapsed = 0.0
        opening = {"interview_id": "iv-1", "candidate": Candidate(ref="C-1"), "requisition": "REQ-1", "rubric": RUBRIC}
        keeper = Keeper(
            "iv-1",
            lambda consent: opened(services.store, **opening, consent=consent, clock=lambda: began),
            spool=services.settings.home / "agent",
        )
        interview = Interview(RUBRIC, keeper, clock=lambda: began + timedelta(seconds=elapsed))
        await interview.spoke(interview.reply.text, started_s=0.0, ended_s=3.0)
        for line in lines:
            elapsed += 10.0
            words, _ = await interview.hear(line, started_s=elapsed, ended_s=elapsed + 4)
            await interview.spoke(words, started_s=elapsed + 4, ended_s=elapsed + 9)
        if close:
            await interview.close()

    asyncio.run(run())


def page(services):
    """What the interview's page says."""
    with services.database.begin() as db:
        return interview_view(interview_seen(db, SEEN_BY, "iv-1"), ())


def test_an_interview_that_nobody_goes_on_with_is_closed_and_taken_in(services):
    """In two ticks at most, with all that was said; nothing says any more that it is going on."""
    lead(services, ["Yes, sure.", FULL, FULL], hours_ago=2.0, close=False)
    said = resume(services.store, "iv-1").turns
    reached = len({turn.section_id for turn in said} - {None})

    report = tick(services, STEPS)
    tick(services, STEPS)
    start(services)

    assert 1 == report.abandoned.closed
    assert [{"ending": "incomplete", "sections_reached": reached}] == rows(
        services.database, "SELECT ending, sections_reached FROM interview"
    )
    assert [] == services.store.names(OPEN)
    assert 7 == len(said)
    assert ("blocked", "incomplete") == tuple(row_of(services.database)[name] for name in ("state", "code"))
    assert f"broke off in section {reached} of" in page(services).line.standing.words


def test_an_interview_that_goes_on_is_left_alone(services):
    """Whatever ticks."""
    lead(services, ["Yes, sure.", FULL], close=False)

    assert (0, 0) == (tick(services, STEPS).abandoned.closed, tick(services, STEPS).intake.seen)
    assert services.store.head(manifest_key("iv-1")) is None


def test_a_store_object_that_is_no_opening_is_reported_and_stops_nothing(services):
    """The step says that it has failed."""
    services.store.create("open/iv-0.json", b"{}")
    lead(services, ["Yes, sure.", FULL], hours_ago=2.0, close=False)

    report = tick(services, STEPS)

    assert (1, 1, ("abandoned",)) == (report.abandoned.closed, report.abandoned.waiting, report.failed)
    assert 1 == report.intake.new


def test_a_consent_withdrawn_in_mid_interview_reaches_the_page(services):
    """Nothing is scored, the run counts it as blocked, and the page says why."""
    lead(services, ["Yes, sure.", FULL, "Please stop the recording.", "Yes, stop it."])
    tick(services, STEPS)
    start(services)

    with services.database.begin() as db:
        counts = run_status(db, "run-1").counts
    assert claimed(services.database, model=services.model) is None
    assert (1, 1) == (counts.selected, counts.blocked)
    assert ("blocked", "consent") == tuple(row_of(services.database)[name] for name in ("state", "code"))
    assert "Blocked: no consent" == page(services).line.standing.words
    assert "consent was withdrawn" in page(services).explanation


def test_a_consent_withdrawn_before_a_crash_is_kept(services):
    """The agent died while it asked back: what stands is the wish."""
    lead(services, ["Yes, sure.", FULL, "Please stop the recording."], hours_ago=2.0, close=False)

    tick(services, STEPS)

    assert [{"consent": "withdrawn"}] == rows(services.database, "SELECT consent FROM interview")
