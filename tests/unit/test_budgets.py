"""What a run may spend: how it is written, and when it is spent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.budgets import Budget, budget_text, budget_words, check_priced, is_spent, parse_budget, used
from evaluator.errors import UsageFault
from evaluator.storage.costs import Spent


def spent(**fields: object) -> Spent:
    """An hour of the engine and 1,000 tokens; nothing has a price."""
    defaults = {
        "money": None,
        "currency": None,
        "node_s": 4_000.0,
        "engine_s": 3_600.0,
        "prompt_tokens": 900,
        "cached_tokens": 800,
        "completion_tokens": 100,
    }
    return Spent.model_validate({**defaults, **fields})


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("10", "money", "10"),
        ("10.50", "money", "10.50"),
        ("3h", "engine_hours", "3"),
        ("0.5h", "engine_hours", "0.5"),
        ("2Mtok", "tokens", "2000000"),
        ("2000000tokens", "tokens", "2000000"),
        ("1.5ktok", "tokens", "1500"),
        ("100 tok", "tokens", "100"),
    ],
)
def test_a_budget_is_read(text, kind, amount):
    """A bare number is money; hours and tokens say so."""
    assert Budget(kind=kind, amount=Decimal(amount)) == parse_budget(text)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "ten", "10 USD", "3m", "2M", "1e9", "9999999999999", "NaN", "١٠", "999Gh"]
)
def test_another_budget_is_refused(text):
    """With the ways to write one."""
    with pytest.raises(UsageFault, match="budget"):
        parse_budget(text)


@given(st.text(max_size=30))
def test_any_text_is_a_budget_or_refused(text):
    """Never anything else, and a budget is more than nothing."""
    try:
        found = parse_budget(text)
    except UsageFault:
        return
    assert found.amount > 0


@given(
    st.sampled_from(["money", "engine_hours", "tokens"]),
    st.decimals("0.01", 10**9, places=2, allow_nan=False, allow_infinity=False),
)
def test_a_budget_is_read_as_it_is_told(kind, amount):
    """Whatever it is."""
    budget = Budget(kind=kind, amount=amount)

    assert budget == parse_budget(budget_text(budget))


@pytest.mark.parametrize(("text", "amount"), [("1h", Decimal(1)), ("1ktok", Decimal(1_000)), ("5", None)])
def test_what_was_used_is_of_the_budgets_kind(text, amount):
    """Hours of the engine, tokens read and written; money is unknown without a price."""
    assert amount == used(parse_budget(text), spent())


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("1h", {}, True),
        ("1.1h", {}, False),
        ("1ktok", {}, True),
        ("1001tok", {}, False),
        ("5", {"money": Decimal("5.00"), "currency": "USD"}, True),
        ("5", {"money": Decimal("4.99"), "currency": "USD"}, False),
        ("5", {}, False),
    ],
)
def test_a_budget_is_spent_when_it_is_reached(text, facts, expected):
    """And not before; what has no price has not been counted."""
    assert expected is is_spent(parse_budget(text), spent(**facts))


def test_money_needs_a_price():
    """Else the budget would never be reached; hours and tokens need none."""
    with pytest.raises(UsageFault, match="DEBRIEF_NODE_HOUR_PRICE"):
        check_priced(parse_budget("10"), priced=False)
    for text in ("3h", "2Mtok"):
        check_priced(parse_budget(text), priced=False)
    check_priced(parse_budget("10"), priced=True)
    check_priced(None, priced=False)


@pytest.mark.parametrize(
    ("text", "words"), [("10", "10.00 USD"), ("3h", "3 engine hours"), ("2Mtok", "2,000,000 tokens")]
)
def test_a_budget_in_words(text, words):
    """With its unit."""
    assert words == budget_words(parse_budget(text), "USD")
