"""Measured costs as people and programs read them: each figure with how it comes about; no price is a dash, never 0."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from evaluator.costs.accounts import Account, InterviewCost, Line, MonthCost, RunCost
from evaluator.costs.money import Money, Prices, Use, rounded, token_money
from evaluator.errors import UsageFault
from evaluator.storage.costs import Spent
from evaluator.storage.watching import HIDDEN_MIN
from evaluator.values import Frozen

NONE = "-"
MONTH_PATTERN = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$"
ESTIMATED = "est."

LINES: Mapping[str, tuple[str, str]] = {  # of an account: words, and what they stand for
    "work": ("Work", "node time of claims up to the last section that was kept; of finished ones, all of it"),
    "waste": ("Waste", "the rest of claims that did not finish: interrupted, failed, taken back"),
    "idle": ("Idle", "node time in which nothing was claimed, once the node was ready"),
    "cold": ("Cold start", "node time before its engine answered"),
}
ENDINGS: Mapping[str, str] = {
    "done": "finished",
    "released": "handed back",
    "retry": "failed, tried again",
    "quarantined": "failed",
    "expired": "lost with their worker",
    "cancelled": "cancelled",
    "blocked": "blocked",
    "lost": "taken over by another worker",
    "running": "still going on",
}


class Row(Frozen):
    """One line of an account, in words."""

    name: str
    hours: str
    share: str  # of the node time
    money: str
    how: str


class Figure(Frozen):
    """One figure in words, with its formula and what stands in it."""

    name: str
    value: str
    how: str


def money_words(money: Decimal | None, currency: str | None) -> str:
    """12.34 USD; small sums with four digits; a dash where there is no price."""
    if money is None:
        return NONE
    text = f"{money:,.2f}" if abs(money) >= 1 or not money else f"{money:.{_digits(money)}f}"
    return f"{text} {currency or ''}".strip()


def _digits(money: Decimal) -> int:
    """Decimals that show four digits of a sum below 1."""
    return min(9, max(4, 3 - money.adjusted()))


def time_words(seconds: float) -> str:
    """As hours, minutes or seconds."""
    if seconds >= 3_600:
        return f"{seconds / 3_600:,.2f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def percent_words(part: float, whole: float) -> str:
    """A share; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else NONE


def total_words(money: Money) -> str:
    """The whole sum, and what is missing in it."""
    if money.mixed:
        return "in two currencies, which do not add up"
    words = money_words(money.total, money.currency)
    missing = money.total is not None and money.unpriced_s and money.nodes is not None
    return f"{words} + {time_words(money.unpriced_s)} without a price" if missing else words


def is_whole(money: Money) -> bool:
    """Whether nothing of it lacks a price; where tokens are what is paid, nodes may have none."""
    return money.total is not None and (not money.unpriced_s or money.nodes is None)


def per(money: Money, number: float | None) -> Decimal | None:
    """The sum / a number; None where either is missing, or not whole."""
    if not number or not is_whole(money):
        return None
    return (money.total or Decimal(0)) / Decimal(repr(number))


def for_pages(account: Account) -> Account:
    """The account as it may be shown to who may not know what the judge said of an interview.

    How much the judge wrote depends on what it said: of few interviews neither tokens are shown, nor a sum with theirs.
    """
    if account.interviews >= HIDDEN_MIN:
        return account
    use = account.use.model_copy(update={"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0})
    money = account.money
    if money.tokens is not None:
        money = Money(unpriced_s=money.unpriced_s)
    return account.model_copy(update={"use": use, "money": money, "tokens_told": False})


def month_for_pages(cost: MonthCost) -> MonthCost:
    """The same of each account in it."""
    return cost.model_copy(
        update={
            "account": for_pages(cost.account),
            "by_night": {night: for_pages(account) for night, account in cost.by_night.items()},
            "by_rubric": {name: for_pages(account) for name, account in cost.by_rubric.items()},
        }
    )


def account_rows(account: Account) -> tuple[Row, ...]:
    """Its lines; they add up to the last."""
    rows = [_row(words, getattr(account, name), account, how) for name, (words, how) in LINES.items()]
    return (*rows, _row("Nodes", account.nodes, account, "the sum of these lines"))


def _row(words: str, line: Line, account: Account, how: str) -> Row:
    return Row(
        name=words,
        hours=time_words(line.node_s),
        share=percent_words(line.node_s, account.nodes.node_s),
        money=line_money(line),
        how=how,
    )


def line_money(line: Line) -> str:
    """What a line costs; a line without any time costs nothing only where there is a price, which it does not tell."""
    return money_words(line.money.nodes, line.money.currency)


def figures(account: Account) -> tuple[Figure, ...]:
    """What an account comes to."""
    money, use = account.money, account.use
    currency = money.currency
    sections = f"{use.calls:,} calls"
    told = f"{use.prompt_tokens:,} in ({use.cached_tokens:,} cached), {use.completion_tokens:,} out"
    told = told if account.tokens_told else "not told of so few interviews"
    found = [
        Figure(name="Total", value=total_words(money), how="node time x its price + tokens x their prices"),
        Figure(
            name="Per interview",
            value=money_words(per(money, account.interviews), currency),
            how=f"total / {account.interviews:,} interviews judged",
        ),
        Figure(
            name="Per minute of interview",
            value=money_words(per(money, account.minutes), currency),
            how="total / minutes of conversation"
            + (f": {account.minutes:,.0f}" if account.minutes else "; not every interview's length is known"),
        ),
        Figure(
            name="Utilisation",
            value=percent_words(use.engine_s, use.node_s),
            how=f"{time_words(use.engine_s)} with a call in flight / {time_words(use.node_s)} of nodes",
        ),
        Figure(
            name="Tokens",
            value=money_words(money.tokens, currency),
            how=f"{told}, {sections}",
        ),
    ]
    return tuple(found)


def spent_words(spent: Spent) -> str | None:
    """What a run has taken so far, in one line; None: nothing was measured."""
    if not spent.node_s and not spent.prompt_tokens:
        return None
    hours = f"{time_words(spent.node_s)} of nodes"
    return hours if spent.money is None else f"{money_words(spent.money, spent.currency)} for {hours}"


def spent_json(spent: Spent) -> dict[str, Any]:
    """The same for programs; null: no price is known."""
    return {
        "money": number(spent.money),
        "currency": spent.currency,
        "node_s": round(spent.node_s, 3),
        "engine_s": round(spent.engine_s, 3),
    }


def what_if(use: Use, prices: Prices) -> Decimal | None:
    """What the same tokens would cost at a managed endpoint; None without prices."""
    return token_money(prices, use)


def price_words(prices: Prices, source: str) -> str:
    """The prices in a few words."""
    parts = [] if prices.node_hour is None else [f"{prices.node_hour:f} {prices.currency} a node hour"]
    if prices.of_tokens:
        cached = "" if prices.cached is None else f", {prices.cached:f} cached"
        parts.append(f"{prices.prompt:f} in{cached}, {prices.completion:f} {prices.currency} out a million tokens")
    told = "; ".join(parts) or "no price"
    return f"{told} ({source})" if source else told


def month_span(text: str) -> tuple[datetime, datetime]:
    """A month's begin and end, in UTC; UsageFault."""
    if not re.fullmatch(MONTH_PATTERN, text):
        raise UsageFault(f"month {text[:20]!r}: give it as year and month, 2026-11")
    year, month = int(text[:4]), int(text[5:])
    begin = datetime(year, month, 1, tzinfo=UTC)
    return begin, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def number(money: Decimal | None) -> float | None:
    """A sum for JSON, to a millionth."""
    found = rounded(money)
    return None if found is None else float(found)


def account_json(account: Account) -> dict[str, Any]:
    """An account for programs: seconds, tokens, and money, null where there is no price."""
    money, use = account.money, account.use
    return {
        "currency": money.currency,
        "money": number(money.total),
        "money_nodes": number(money.nodes),
        "money_tokens": number(money.tokens),
        "unpriced_node_s": round(money.unpriced_s, 3),
        "node_s": round(use.node_s, 3),
        "engine_s": round(use.engine_s, 3),
        "utilisation": None if account.utilisation is None else round(account.utilisation, 4),
        "lines": {name: line_json(getattr(account, name)) for name in LINES},
        "wasted_by": {ending: line_json(line) for ending, line in account.wasted_by.items()},
        "claims": dict(account.claims),
        "calls": use.calls,
        "calls_wasted": account.calls_wasted,
        "prompt_tokens": use.prompt_tokens if account.tokens_told else None,
        "cached_tokens": use.cached_tokens if account.tokens_told else None,
        "completion_tokens": use.completion_tokens if account.tokens_told else None,
        "interviews": account.interviews,
        "minutes": None if account.minutes is None else round(account.minutes, 1),
        "per_interview": number(per(money, account.interviews)),
        "per_minute": number(per(money, account.minutes)),
        "prices": [
            {**one.prices.model_dump(mode="json"), "source": one.source, "node_s": round(one.node_s, 3)}
            for one in account.prices
        ],
    }


def line_json(line: Line) -> dict[str, Any]:
    """A line for programs."""
    return {"node_s": round(line.node_s, 3), "money": number(line.money.nodes)}


def run_json(cost: RunCost) -> dict[str, Any]:
    """A run's cost for programs."""
    return {
        "run": cost.run,
        "open": cost.open,
        **account_json(cost.account),
        "dearest": [
            {
                "interview": one.interview_id,
                "node_s": round(one.use.node_s, 3),
                "engine_s": round(one.use.engine_s, 3),
                "money": number(one.money.total),
            }
            for one in cost.dearest
        ],
    }


def interview_json(cost: InterviewCost) -> dict[str, Any]:
    """An interview's cost for programs."""
    return {
        "interview": cost.interview_id,
        **account_json(cost.account),
        "by_claim": [
            {
                "run": one.run,
                "fence": one.fence,
                "ending": one.ending,
                "began_at": one.began_at,
                "node": one.node,
                "node_s": round(one.use.node_s, 3),
                "waste_s": round(one.waste_s, 3),
                "engine_s": round(one.use.engine_s, 3),
                "money": number(one.money.total),
            }
            for one in cost.claims
        ],
    }


def month_json(cost: MonthCost) -> dict[str, Any]:
    """A month's cost for programs."""
    return {
        "month": f"{cost.begin:%Y-%m}",
        **account_json(cost.account),
        "outside_runs": line_json(cost.outside_runs),
        "nodes": cost.nodes,
        "nodes_killed": cost.killed,
        "by_night": [
            {
                "night": f"{night:%Y-%m-%d}",
                "node_s": round(account.nodes.node_s, 3),
                "engine_s": round(account.use.engine_s, 3),
                "interviews": account.interviews,
                "money": number(account.money.total),
                "lines": {name: line_json(getattr(account, name)) for name in LINES},
            }
            for night, account in cost.by_night.items()
        ],
        "by_rubric": [
            {
                "rubric": rubric,
                "node_s": round(account.nodes.node_s, 3),
                "interviews": account.interviews,
                "money": number(account.money.total),
                "per_interview": number(per(account.money, account.interviews)),
            }
            for rubric, account in cost.by_rubric.items()
        ],
    }
