"""`debrief cost month|run|interview`: what was spent, measured, and on what."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table
from evaluator.costs.accounts import Account, InterviewCost, MonthCost, RunCost
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.storage.costs import interview_cost, month_cost, run_cost
from evaluator.views.costs import (
    ENDINGS,
    ESTIMATED,
    account_rows,
    figures,
    interview_json,
    line_money,
    money_words,
    month_json,
    month_span,
    percent_words,
    price_words,
    run_json,
    time_words,
)

PRICE_MAX = Decimal(1_000_000)

Price = Annotated[
    str | None,
    typer.Option("--price", metavar="AMOUNT", help="what if a node hour had cost this; then all money is an estimate"),
]


def month(
    when: Annotated[str | None, typer.Argument(metavar="[YYYY-MM]", help="in UTC; this month if not given")] = None,
    price: Price = None,
) -> None:
    """What a month cost: by line, by night and by rubric."""
    begin, end = month_span(when or f"{datetime.now(UTC):%Y-%m}")
    hour = _price(price)
    with services(Part.DATABASE) as found, found.database.begin() as db:
        cost = month_cost(db, begin, end, price=hour)
    if out.json:
        put_json({**month_json(cost), "estimated": hour is not None})
        return
    put(f"Evaluation cost {begin:%Y-%m}{_estimated(hour)}")
    _put_account(cost.account)
    _put_month(cost)


def run(name: Annotated[str, typer.Argument(help="the run's name")], price: Price = None) -> None:
    """What a run cost, with its part of idle time and cold starts."""
    hour = _price(price)
    with services(Part.DATABASE) as found, found.database.begin() as db:
        cost = run_cost(db, name, price=hour)
    if out.json:
        put_json({**run_json(cost), "estimated": hour is not None})
        return
    put(f"Cost of run {cost.run}{', which is not over' if cost.open else ''}{_estimated(hour)}")
    _put_account(cost.account)
    _put_dearest(cost)


def interview(
    interview_id: Annotated[str, typer.Argument(metavar="ID", help="the interview")], price: Price = None
) -> None:
    """What one interview cost, claim by claim."""
    hour = _price(price)
    with services(Part.DATABASE) as found, found.database.begin() as db:
        cost = interview_cost(db, interview_id, price=hour)
    if out.json:
        put_json({**interview_json(cost), "estimated": hour is not None})
        return
    put(f"Cost of interview {cost.interview_id}{_estimated(hour)}")
    _put_account(cost.account)
    _put_claims(cost)


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price <= PRICE_MAX:
        raise UsageFault(f"--price {text[:20]!r}: give the price of a node hour as a number, 0.40")
    return price


def _estimated(price: Decimal | None) -> str:
    return "" if price is None else f", {ESTIMATED}: as if a node hour had cost {price:f}"


def _put_account(account: Account) -> None:
    if not account.use.node_s and not account.use.calls:
        put("  Nothing was measured. Costs are measured from this version's workers on.")
        return
    for figure in figures(account):
        put(f"  {figure.name:<24}{figure.value}")
        put(f"    = {figure.how}")
    put("")
    rows = [(row.name, row.hours, row.share, row.money) for row in account_rows(account)]
    put_table(("line", "node time", "share", "money"), rows, right=frozenset({1, 2, 3}))
    _put_endings(account)
    put("")
    for one in account.prices:
        put(f"Price: {price_words(one.prices, one.source)}, of {time_words(one.node_s)}")
    if any(one.prices.node_hour is None and not one.prices.of_tokens for one in account.prices):
        put("Set one for what comes: DEBRIEF_NODE_HOUR_PRICE. What if: --price AMOUNT")


def _put_endings(account: Account) -> None:
    """How claims ended, where some did not finish."""
    if set(account.claims) <= {"done"}:
        return
    put("")
    rows: Iterable[tuple[str, ...]] = [
        (
            ENDINGS.get(ending, ending),
            f"{count:,}",
            time_words(account.wasted_by[ending].node_s) if ending in account.wasted_by else "0 s",
            line_money(account.wasted_by[ending]) if ending in account.wasted_by else "",
        )
        for ending, count in account.claims.items()
    ]
    put_table(("claims", "number", "wasted", "money"), rows, right=frozenset({1, 2, 3}))


def _put_month(cost: MonthCost) -> None:
    if not cost.nodes:
        return
    outside = f"{time_words(cost.outside_runs.node_s)}, {line_money(cost.outside_runs)}"
    put(f"Workers: {cost.nodes:,}, of which {cost.killed:,} were killed. Outside of runs: {outside}")
    put("")
    rows = [
        (
            f"{night:%Y-%m-%d}",
            f"{a.interviews:,}",
            time_words(a.nodes.node_s),
            percent_words(a.use.engine_s, a.use.node_s),
            percent_words(a.waste.node_s, a.nodes.node_s),
            money_words(a.money.total, a.money.currency),
        )
        for night, a in cost.by_night.items()
    ]
    put_table(("night", "interviews", "node time", "busy", "waste", "money"), rows, right=frozenset(range(1, 6)))
    put("")
    rubrics = [
        (name, f"{a.interviews:,}", time_words(a.nodes.node_s), money_words(a.money.total, a.money.currency))
        for name, a in cost.by_rubric.items()
    ]
    put_table(("rubric", "interviews", "node time", "money"), rubrics, right=frozenset({1, 2, 3}))


def _put_dearest(cost: RunCost) -> None:
    if not cost.dearest:
        return
    put("")
    rows = [
        (one.interview_id, time_words(one.use.node_s), money_words(one.money.total, one.money.currency))
        for one in cost.dearest
    ]
    put_table(("dearest interviews", "node time", "money"), rows, right=frozenset({1, 2}))


def _put_claims(cost: InterviewCost) -> None:
    if not cost.claims:
        return
    put("")
    rows = [
        (
            f"{one.began_at:%Y-%m-%d %H:%M}",
            one.run or "",
            ENDINGS.get(one.ending, one.ending),
            time_words(one.use.node_s),
            time_words(one.waste_s),
            money_words(one.money.total, one.money.currency),
        )
        for one in cost.claims
    ]
    columns = ("began (UTC)", "run", "ended", "node time", "waste", "money")
    put_table(columns, rows, right=frozenset({3, 4, 5}))
