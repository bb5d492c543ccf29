"""What a run may spend, in money, engine hours or tokens: how it is written, and when it is spent."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Protocol

from pydantic import Field

from evaluator.errors import UsageFault
from evaluator.values import Frozen

Kind = Literal["money", "engine_hours", "tokens"]

AMOUNT_MAX = Decimal(10) ** 12
HOUR_S = 3_600
_TIMES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_WRITTEN = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?P<unit>h|(?P<times>[kMG]?)(?:tok|tokens))?")
WAYS = '"10" is money, "3h" hours of the engine, "2Mtok" tokens'


class Budget(Frozen):
    """The most that a run may spend before it is closed."""

    kind: Kind
    amount: Annotated[Decimal, Field(gt=0, le=AMOUNT_MAX, allow_inf_nan=False)]  # of the currency, hours, or tokens


class Spending(Protocol):
    """What was spent, as it is kept."""

    @property
    def money(self) -> Decimal | None:
        """In the currency of the settings; None: no price is known."""
        ...

    @property
    def engine_s(self) -> float:
        """Seconds that the engine worked on it."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """That were read, cached ones too."""
        ...

    @property
    def completion_tokens(self) -> int:
        """That were written."""
        ...


def parse_budget(text: str) -> Budget:
    """A budget as people write it: `10`, `3h`, `2Mtok`; UsageFault."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise UsageFault(f"budget {text[:40]!r}: {WAYS}")
    number, unit = Decimal(found["number"]), found["unit"]
    kind: Kind = "money" if unit is None else "engine_hours" if unit == "h" else "tokens"
    amount = number * _TIMES[found["times"] or ""]
    if not 0 < amount <= AMOUNT_MAX:
        raise UsageFault(f"budget {text[:40]!r}: it is more than 0 and at most {AMOUNT_MAX:.0f}")
    return Budget(kind=kind, amount=amount)


def used(budget: Budget, spent: Spending) -> Decimal | None:
    """What of the budget's kind was spent; None: its price is not known."""
    match budget.kind:
        case "money":
            return spent.money
        case "engine_hours":
            return Decimal(str(spent.engine_s)) / HOUR_S
        case "tokens":
            return Decimal(spent.prompt_tokens + spent.completion_tokens)


def is_spent(budget: Budget, spent: Spending) -> bool:
    """Whether the budget is reached. What has no price yet has not cost anything that could be counted."""
    amount = used(budget, spent)
    return amount is not None and amount >= budget.amount


def check_priced(budget: Budget | None, *, priced: bool) -> None:
    """UsageFault: a budget in money without a price would never be reached, whatever is spent."""
    if budget is not None and budget.kind == "money" and not priced:
        raise UsageFault(
            "a budget in money needs a price: set DEBRIEF_NODE_HOUR_PRICE, or DEBRIEF_PROMPT_PRICE and "
            'DEBRIEF_COMPLETION_PRICE for a managed endpoint; or give hours of the engine ("3h") or tokens ("2Mtok")'
        )


def budget_text(budget: Budget) -> str:
    """As `parse_budget` reads it: `10`, `3h`, `2Mtok`."""
    number = f"{budget.amount.normalize():f}"
    if budget.kind != "tokens":
        return number + ("h" if budget.kind == "engine_hours" else "")
    unit, times = next((u, t) for u, t in reversed(_TIMES.items()) if not budget.amount % t or t == 1)
    return f"{(budget.amount / times).normalize():f}{unit}tok"


def budget_words(budget: Budget, currency: str) -> str:
    """For people: `10.00 USD`, `3 engine hours`, `2,000,000 tokens`."""
    if budget.kind == "money":
        return f"{budget.amount:.2f} {currency}"
    if budget.kind == "tokens":
        return f"{budget.amount:,.0f} tokens"
    return f"{budget.amount.normalize():f} engine hours"
