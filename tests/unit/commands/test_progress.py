"""A run's progress: when a line is due, what it says, and events for programs."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from evaluator.commands import progress
from evaluator.commands.output import out
from evaluator.commands.progress import RunProgress, bar, event, line
from evaluator.evaluation import RunCounts
from evaluator.runs import Outlook, Pace
from evaluator.storage.runs import RunStatus

NOW = datetime(2026, 11, 21, 23, 10, tzinfo=UTC)
HOURS = Outlook(pace=Pace(low_s=10_800.0, high_s=12_300.0))
DEADLINE = datetime(2026, 11, 22, 6, tzinfo=UTC)


def a_status(done: int = 120, *, sections: int | None = None, state: str = "open", **changes) -> RunStatus:
    """A night of 320 interviews with six sections each."""
    counts = RunCounts(selected=320, scored=done - 1, failed=1, running=min(12, 320 - done), pending=max(0, 308 - done))
    values = {
        "name": "night",
        "state": state,
        "closed_because": "finished" if state == "closed" else None,
        "model": "m@1",
        "counts": counts,
        "sections_done": 6 * done if sections is None else sections,
        "sections_total": 1_920,
        "created_at": NOW - timedelta(hours=1),
        "closed_at": None,
    }
    return RunStatus.model_validate({**values, **changes})


class Ticking:
    """A progress whose time the test sets."""

    def __init__(self, monkeypatch, **settings):
        self.now, self.said = 0.0, []
        monkeypatch.setattr(progress, "say", self.said.append)
        self.progress = RunProgress(clock=lambda: NOW, monotonic=lambda: self.now, **settings)

    def at(self, seconds, status):
        """Shows this so many seconds after the beginning."""
        self.now = seconds
        self.progress.show(status, ())


def test_a_line_of_a_log():
    """With the range of the end, and whether that is in time."""
    assert (
        "2026-11-21T23:10:00Z run=night done=120/320 sections=720/1920 failed=1 eta=02:10Z..02:35Z pace=on_time"
        == line(a_status(deadline=DEADLINE), HOURS, NOW)
    )


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (Outlook(pace=None), "eta=-"),
        (Outlook(pace=None, still=True), "eta=- pace=still"),
        (Outlook(pace=Pace(low_s=601.0, high_s=610.0)), "eta=23:20Z"),
    ],
)
def test_a_line_says_what_is_known(found, end):
    """A dash while nothing can be said; one moment where the range is none."""
    assert line(a_status(), found, NOW).endswith(end)


@pytest.mark.parametrize(
    ("found", "deadline", "words"),
    [
        (HOURS, None, "ETA 02:10–02:35Z · fail 1"),
        (HOURS, DEADLINE, "ETA 02:10–02:35Z (on time)"),
        (HOURS, NOW + timedelta(hours=3, minutes=5), "(at risk)"),
        (HOURS, NOW, "(late)"),
        (Outlook(pace=Pace(low_s=17.0, high_s=35.0)), None, "17–35 s left"),
        (Outlook(pace=None, still=True), None, "stands still"),
        (Outlook(pace=None), None, "estimating"),
    ],
)
def test_the_moving_line_says_when_it_ends(found, deadline, words):
    """By the time of day where that is long, with what becomes of the deadline; within 80 columns."""
    drawn = bar(a_status(deadline=deadline), found, NOW)

    assert words in drawn
    assert len(drawn) < 80


def test_a_line_comes_each_half_minute_or_twentieth(monkeypatch):
    """And not in between."""
    ticking = Ticking(monkeypatch)
    for seconds, done in ((0, 100), (5, 101), (29, 102), (30, 103), (31, 104), (33, 120), (34, 121)):
        ticking.at(seconds, a_status(done))

    assert ["done=100", "done=103", "done=120"] == [one.split()[2].partition("/")[0] for one in ticking.said]


def test_the_end_is_said_once(monkeypatch):
    """Whatever the time."""
    ticking = Ticking(monkeypatch)
    for seconds, done in ((0, 319), (1, 320), (2, 320)):
        ticking.at(seconds, a_status(done))

    assert 2 == len(ticking.said)


def test_events_are_one_object_a_line(monkeypatch, capsys):
    """Only when something changed, at most one a second, and always the last."""
    monkeypatch.setattr(out, "json", True)
    ticking = Ticking(monkeypatch, events=True)
    for seconds, status in ((0, a_status(100)), (0.5, a_status(101)), (2, a_status(101)), (9, a_status(101))):
        ticking.at(seconds, status)
    ticking.at(9.1, a_status(320))
    ticking.at(9.2, a_status(320, state="closed"))
    told = [json.loads(one) for one in capsys.readouterr().out.splitlines()]

    assert [(100, "open"), (101, "open"), (320, "open"), (320, "closed")] == [
        (sum(one["counts"][n] for n in ("scored", "failed")), one["state"]) for one in told
    ]
    assert {"progress"} == {one["event"] for one in told}


def test_an_event_holds_what_the_line_says():
    """Moments as moments, and null where nothing is known."""
    told = event(a_status(deadline=DEADLINE), HOURS, NOW)

    assert {"earliest": NOW + timedelta(hours=3), "latest": NOW + timedelta(hours=3, minutes=25)} == told["eta"]
    assert ("on_time", {"done": 720, "total": 1_920}) == (told["deadline_kept"], told["sections"])
    assert None is event(a_status(), Outlook(pace=None), NOW)["eta"]
