"""An interview in the terminal: what may be asked for, what is offered, and what is said of its end."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from evaluator.commands.agent_console import SILENT_S, _check_wanted, _handed_over, _left
from evaluator.errors import UsageFault
from evaluator.layout import open_key
from evaluator.manifest import Candidate, Consent
from live_agent.handoff import opened
from tests.factories import a_rubric
from tests.fakes import MemoryStore

NONE = {"rubric": None, "requisition": None, "candidate": None, "interview": None}


def open_interview(store, name, *, seconds_ago):
    """One in which nothing was said since it began; its recorder."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return opened(
        store,
        interview_id=name,
        candidate=Candidate(ref="C-1"),
        requisition="REQ-1",
        rubric=a_rubric(),
        consent=Consent(status="granted", at=at),
        clock=lambda: at,
    )


def test_what_was_cut_off_is_offered():
    """Not one that may go on elsewhere, is over, or cannot be read."""
    store = MemoryStore()
    open_interview(store, "iv-1", seconds_ago=SILENT_S + 60)
    open_interview(store, "iv-2", seconds_ago=0)
    open_interview(store, "iv-3", seconds_ago=SILENT_S + 60).finish(ending="incomplete")
    store.create(open_key("iv-4"), b"{}")

    assert ["iv-1"] == _left(SimpleNamespace(store=store))


@pytest.mark.parametrize(
    ("resume", "given", "says"),
    [
        (None, {}, "name a rubric and a requisition"),
        (None, {"rubric": "backend-eng"}, "name a requisition"),
        ("iv-1", {"rubric": "backend-eng", "candidate": "C-1"}, "leave out a rubric, --candidate"),
    ],
)
def test_too_little_and_too_much_are_named(resume, given, says):
    """Before anything is started."""
    with pytest.raises(UsageFault, match=says):
        _check_wanted(resume, **{**NONE, **given})


@pytest.mark.parametrize(
    ("ending", "consent", "says"),
    [
        ("finished", "granted", "then score it"),
        ("incomplete", "granted", "debrief interview release"),
        ("stopped", "withdrawn", "nothing of it is scored"),
    ],
)
def test_what_follows_is_said(ending, consent, says):
    """What broke off, or has no consent, is not scored by a run."""
    recorder = open_interview(MemoryStore(), "iv-1", seconds_ago=1)
    if consent == "withdrawn":
        recorder.withdrawn(datetime.now(UTC))

    assert says in _handed_over(recorder.finish(ending=ending))
