"""Which model does what, and what it cost: an unknown task is an error, an unknown price never 0."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.errors import UsageFault
from live_agent.breaker import FAILURES_MAX, OPEN_MAX_S, OPEN_S, Breaker
from live_agent.routing import (
    TASK_TYPES,
    Budget,
    Choice,
    Provider,
    Request,
    Routing,
    Spent,
    one_model,
    shares,
    usage_of,
)

ROUTING = one_model(Provider(url="http://127.0.0.1:8000/v1"), "demo")
PRICED = Choice(provider="engine", model="m", prompt_price=Decimal("0.15"), completion_price=Decimal("0.60"))


def a_request(task="interview_turn", *, outcome="answered", prompt=0, completion=0, cost=None):
    """One request as it went."""
    values = {"prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}
    return Request(task=task, provider="engine", model="m", outcome=outcome, **values)


def test_an_unknown_task_is_an_error():
    """Never another task's model in its place."""
    with pytest.raises(UsageFault, match="no task type 'chitchat'"):
        ROUTING.task("chitchat")


def test_every_task_type_has_a_model_by_default():
    """One endpoint does them all."""
    assert set(TASK_TYPES) == set(ROUTING.tasks)


def test_a_configuration_without_a_task_is_refused():
    """All its faults at once."""
    tasks = {"summary": ROUTING.tasks["summary"].model_copy(update={"choices": (PRICED,)})}

    with pytest.raises(ValidationError, match=r"no task `acknowledgment`.*provider `engine`, which is not configured"):
        Routing(providers={}, tasks=tasks)


def test_a_budget_in_money_needs_prices():
    """Else it could never be kept."""
    with pytest.raises(ValidationError, match="needs prices for demo"):
        Routing(**{**ROUTING.model_dump(), "budget": Budget(money=Decimal(1))})


def test_a_cost_is_tokens_by_price():
    """A million in at 0.15 and half a million out at 0.60."""
    assert Decimal("0.45") == PRICED.cost(1_000_000, 500_000)


def test_a_missing_price_is_no_zero():
    """Neither for one request, nor in the sum."""
    usage = usage_of([a_request(prompt=5, cost=Decimal(1)), a_request(prompt=5)])

    assert Choice(provider="engine", model="m").cost(5, 5) is None
    assert usage.cost is None


def test_a_budget_is_never_passed():
    """In tokens or in money: what may go beyond it is not sent."""
    spent, most = Spent(tokens=60, money=Decimal("0.3")), Spent(tokens=40, money=Decimal("0.2"))

    assert Budget(tokens=100, money=Decimal("0.5")).allows(spent, most)
    assert not Budget(tokens=99).allows(spent, most)
    assert not Budget(money=Decimal("0.4")).allows(spent, most)


def test_shares_are_of_what_was_answered():
    """Three of four requests, and their part of the cost."""
    requests = [a_request(cost=Decimal(1))] * 3 + [a_request("summary", cost=Decimal(3))]

    found = {share.task: (share.of_requests, share.of_cost) for share in shares(requests)}

    assert {"interview_turn": (0.75, 0.5), "summary": (0.25, 0.5)} == found


def failed(times, breaker=None, *, at=0.0):
    """A breaker after so many failures in a row."""
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = breaker.failed(at)
    return breaker


def test_a_circuit_opens_after_failures_in_a_row():
    """Not before."""
    assert "closed" == failed(FAILURES_MAX - 1).state(0.0)
    assert "open" == failed(FAILURES_MAX).state(0.0)


def test_an_open_circuit_lets_one_request_find_out():
    """After its time, and no second one beside it."""
    later = OPEN_S + 1
    breaker = failed(FAILURES_MAX)

    assert breaker.allows(later)
    assert not breaker.sent(later).allows(later)


def test_a_probe_that_never_came_back_shuts_nothing_for_good():
    """A cancelled request tells nothing."""
    later = OPEN_S + 1

    assert failed(FAILURES_MAX).sent(later).allows(later + OPEN_S)


def test_a_failed_probe_doubles_the_wait():
    """Up to a limit."""
    breaker, at = failed(FAILURES_MAX), 0.0
    for _ in range(10):
        at += breaker.open_s + 1
        breaker = breaker.sent(at).failed(at)

    assert OPEN_MAX_S == breaker.open_s


@given(steps=st.lists(st.tuples(st.sampled_from(["fail", "answer", "send"]), st.floats(0, 100)), max_size=60))
def test_a_circuit_never_stays_open_for_ever(steps):
    """Whatever happened, some later moment allows a request."""
    breaker, now = Breaker(), 0.0
    for what, passed in steps:
        now += passed
        breaker = {"fail": breaker.failed(now), "answer": Breaker(), "send": breaker.sent(now)}[what]

    assert breaker.allows(now + 2 * OPEN_MAX_S)
