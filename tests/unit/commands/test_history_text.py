"""A story that a person can read: words, times between the steps, 80 columns, nothing a terminal would obey."""

from datetime import UTC, datetime, timedelta

import pytest

from evaluator.commands.history_text import COLUMNS, duration, sentence, story
from evaluator.storage.reading import Event

AT = datetime(2026, 11, 21, 23, 59, 58, tzinfo=UTC)


def an_event(kind: str, *, after_s: float = 0.0, **fields) -> Event:
    """An event of the evaluation 1, that many seconds after its first."""
    defaults = {
        "at": AT + timedelta(seconds=after_s),
        "evaluation": 1,
        "evaluation_key": "ab" * 32,
        "model": "judge@r1",
        "rubric": "backend@1",
        "kind": kind,
        "fence": 3,
        "worker": "node-a:17",
        "run": "night",
        "detail": {},
    }
    return Event(**{**defaults, **fields})


def test_a_story_has_a_title_days_and_times_between_the_steps():
    """Each line says when, how long after the one before, and what."""
    events = [
        an_event("claimed"),
        an_event("section", after_s=1.5, detail={"section_id": "design", "reused": False}),
        an_event("done", after_s=63.5, detail={"state": "scored"}),
    ]

    assert [
        "iv-1  rubric backend@1, judge judge@r1, evaluation abababababab",
        "2026-11-21 (UTC)",
        "23:59:58             claimed by node-a:17 for run night (fence 3)",
        "23:59:59     +1.5 s  section design judged and kept",
        "2026-11-22 (UTC)",
        "00:01:01      +62 s  done: scored",
    ] == list(story("iv-1", events))


def test_two_evaluations_are_two_stories():
    """Each in its own order, whichever worker was faster."""
    other = {"evaluation": 2, "evaluation_key": "cd" * 32}
    events = [an_event("claimed"), an_event("claimed", **other), an_event("done", detail={"state": "scored"})]

    told = list(story("iv-1", events))

    assert ["abababababab", "cdcdcdcdcdcd"] == [line[-12:] for line in told if line.startswith("iv-1")]
    assert 1 == told.count("")


@pytest.mark.parametrize(
    ("words", "kind", "detail"),
    [
        ("section design found finished in the store", "section", {"section_id": "design", "reused": True}),
        ("handed back: the worker was told to stop; not counted", "released", {"reason": "drained"}),
        (
            "taken back: the worker stopped renewing its lease; counted as a stall",
            "expired",
            {"code": "lease_expired", "detail": "the worker stopped renewing its lease"},
        ),
        (
            "attempt failed (cut_answer): section design: cut; next try in 2 min",
            "retry",
            {"code": "cut_answer", "detail": "section design: cut", "counts": "attempt", "delay_s": 120.0},
        ),
        (
            "put back (store): down; next try in 30 s, not counted",
            "retry",
            {"code": "store", "detail": "down", "counts": "nothing", "delay_s": 30.0},
        ),
        (
            "stalled (time_limit): cut off; next try at once",
            "retry",
            {"code": "time_limit", "detail": "cut off", "counts": "stall", "delay_s": 0.0},
        ),
        ("put back (store): down, not counted", "retry", {"code": "store", "detail": "down"}),
        (
            "left to a person (cut_answer): cut. Try again with: debrief run retry",
            "quarantined",
            {"code": "cut_answer", "detail": "cut"},
        ),
        ("tried afresh for run night: the judge was changed", "retried", {"reason": "the judge was changed"}),
        ("blocked: there is no consent to judge it", "blocked", {}),
        ("blocked: it broke off, and nobody has released it", "blocked", {"code": "incomplete"}),
        ("unblocked: it may be judged now for run night", "unblocked", {}),
        ("cancelled: its transcript was replaced", "cancelled", {"detail": "its transcript was replaced"}),
        ("wanted again for run night", "reopened", {}),
        ("moved by=operator", "moved", {"by": "operator"}),
    ],
)
def test_every_kind_has_its_words(words, kind, detail):
    """One that is not known is shown as it is."""
    assert words == sentence(an_event(kind, detail=detail))


def test_lines_fit_and_give_a_terminal_no_orders():
    """Long reasons are wrapped below their beginning; control characters are shown as question marks."""
    reason = "because " * 40 + "\x1b[2J" + "x" * 200

    told = list(story("iv-1", [an_event("retried", detail={"reason": reason}, run="r" * 100)]))

    assert COLUMNS >= max(map(len, told))
    assert "?[2J" in "".join(told)
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize(
    ("expected", "seconds"),
    [
        ("0.0 s", -1.0),
        ("0.2 s", 0.21),
        ("42 s", 42.0),
        ("2 min", 120.0),
        ("90 min", 5_399.0),
        ("8 h", 28_800.0),
        ("12 d", 12 * 86_400.0),
    ],
)
def test_durations_are_short(expected, seconds):
    """In the largest unit of which there is more than one."""
    assert expected == duration(seconds)
