"""Budgets as the API takes them: the text that the command line takes."""

from typing import Annotated

from pydantic import AfterValidator, Field

from evaluator.budgets import Budget, budget_text, parse_budget
from evaluator.errors import UsageFault


def _a_budget(text: str) -> str:
    try:
        return budget_text(parse_budget(text))
    except UsageFault as fault:
        raise ValueError(str(fault)) from None


BudgetText = Annotated[
    str,
    Field(max_length=40, description='"10" is money, "3h" hours of the engine, "2Mtok" tokens.', examples=["3h"]),
    AfterValidator(_a_budget),
]


def budget_of(text: str | None) -> Budget | None:
    """The budget of a text that was checked."""
    return None if text is None else parse_budget(text)
