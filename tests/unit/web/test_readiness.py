"""Services are asked all at once, for so long only, and not by every request."""

import threading

from evaluator.web.readiness import Readiness


def test_answers_are_kept_for_a_while():
    """However often somebody asks."""
    asked, now = [], [0.0]
    readiness = Readiness({"a": lambda: asked.append(1)}, kept_s=2, clock=lambda: now[0])

    for moment in (0.0, 1.9, 2.0, 2.1):
        now[0] = moment
        readiness.states()

    assert 2 == len(asked)


def test_a_hung_service_is_not_asked_again_until_it_answers():
    """One thread, however often somebody asks."""
    started, go_on, now = [], threading.Event(), [0.0]

    def hung():
        started.append(1)
        go_on.wait(10)

    readiness = Readiness({"a": hung}, within_s=0.05, kept_s=0, clock=lambda: now[0])

    found = [readiness.states()["a"] for _ in range(3)]
    go_on.set()

    assert ["no_answer"] * 3 == found
    assert 1 == len(started)


def test_any_error_is_a_service_that_cannot_be_used():
    """Whatever a driver raises."""
    assert {"a": "failing", "b": "ok"} == Readiness({"a": lambda: 1 / 0, "b": lambda: None}).states()


def test_nothing_to_ask_is_ready():
    """No threads either."""
    assert {} == Readiness({}).states()
