"""The page of a month's costs: what its address asks for, its nights drawn and in words, and what an API would cost."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from evaluator.costs.accounts import Account, MonthCost
from evaluator.costs.money import Prices, Use
from evaluator.errors import UsageFault
from evaluator.values import Frozen
from evaluator.views.costs import is_whole, money_words, percent_words, time_words, what_if

HEIGHT, WIDTH, GAP = 96.0, 720.0, 2.0  # of the drawing, in its units
PRICE_MAX = Decimal(1_000_000)
PRICES = ("node", "prompt", "cached", "completion")  # that the form asks about


class Night(Frozen):
    """One night, drawn and in words."""

    date: str
    interviews: str
    hours: str
    busy: str
    waste: str
    money: str
    x: float
    width: float
    y: float
    height: float
    lost_y: float  # of the part that is no work
    lost_height: float


class Rubric(Frozen):
    """One rubric, in words."""

    name: str
    interviews: str
    hours: str
    money: str


class Comparison(Frozen):
    """What the same tokens would cost at other prices."""

    money: str
    verdict: str | None
    how: str


def asked_prices(query: Mapping[str, str]) -> dict[str, Decimal]:
    """The prices that the address asks about; UsageFault."""
    return {name: _price(name, query[name]) for name in PRICES if query.get(name, "").strip()}


def _price(name: str, text: str) -> Decimal:
    try:
        price = Decimal(text.strip())
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price <= PRICE_MAX:
        raise UsageFault(f"price {name}: {text[:20]!r} is no price; give a number such as 0.40")
    return price


def nights_of(cost: MonthCost) -> tuple[Night, ...]:
    """Its nights in order, as high as their node time; those without any are not there."""
    highest = max((account.nodes.node_s for account in cost.by_night.values()), default=0.0)
    days = (cost.end - cost.begin).days + 1  # the first night may have begun the day before
    return tuple(
        _night(f"{night:%Y-%m-%d}", account, (night - cost.begin.date()).days + 1, days, highest)
        for night, account in cost.by_night.items()
        if account.nodes.node_s > 0
    )


def _night(date: str, account: Account, number: int, days: int, highest: float) -> Night:
    step = WIDTH / days
    height = HEIGHT * account.nodes.node_s / highest
    lost = height * (1 - account.work.node_s / account.nodes.node_s)
    return Night(
        date=date,
        interviews=f"{account.interviews:,}",
        hours=time_words(account.nodes.node_s),
        busy=percent_words(account.use.engine_s, account.use.node_s),
        waste=percent_words(account.waste.node_s, account.nodes.node_s),
        money=money_words(account.money.total, account.money.currency),
        x=round(number * step + GAP / 2, 2),
        width=round(step - GAP, 2),
        y=round(HEIGHT - height, 2),
        height=round(height, 2),
        lost_y=round(HEIGHT - height, 2),
        lost_height=round(lost, 2),
    )


def rubrics_of(cost: MonthCost) -> tuple[Rubric, ...]:
    """Its rubrics, with the work and waste of each."""
    return tuple(
        Rubric(
            name=name,
            interviews=f"{account.interviews:,}",
            hours=time_words(account.nodes.node_s),
            money=money_words(account.money.total, account.money.currency),
        )
        for name, account in cost.by_rubric.items()
    )


def compared(account: Account, prices: Mapping[str, Decimal], currency: str) -> Comparison | None:
    """What the month's tokens would cost at these prices; None where they are not asked about."""
    if "prompt" not in prices or "completion" not in prices:
        return None
    asked = Prices(
        prompt=prices["prompt"],
        cached=prices.get("cached"),
        completion=prices["completion"],
        currency=account.money.currency or currency,
    )
    there = what_if(account.use, asked) or Decimal(0)
    return Comparison(
        money=money_words(there, asked.currency),
        verdict=_verdict(account, there),
        how=_formula(account.use, asked),
    )


def _verdict(account: Account, there: Decimal) -> str | None:
    here = account.money.total
    if here is None or not is_whole(account.money) or not here or not there:
        return None
    if here > there:
        return f"What was measured costs {here / there:.1f} times as much" + _break_even(account, here / there)
    return f"It is {there / here:.1f} times what was measured"


def _break_even(account: Account, times: Decimal) -> str:
    """How much more an hour of a node would have to get done; nothing where nodes are not all that was paid for."""
    if account.nodes.money.total != account.money.total or not account.use.node_s:
        return ""
    rate = account.interviews / (account.use.node_s / 3_600)
    return f", at {rate:,.1f} interviews an hour of node time; it breaks even at {rate * float(times):,.1f}"


def _formula(use: Use, prices: Prices) -> str:
    cached = prices.prompt if prices.cached is None else prices.cached
    fresh = use.prompt_tokens - use.cached_tokens
    return (
        f"({fresh:,} x {prices.prompt:f} + {use.cached_tokens:,} cached x {cached:f} + "
        f"{use.completion_tokens:,} x {prices.completion:f}) / 1,000,000"
    )


def address(month: str, prices: Mapping[str, Decimal], path: str = "/costs") -> str:
    """Where this month is shown with these prices."""
    return f"{path}?{urlencode({'month': month, **{name: f'{price:f}' for name, price in prices.items()}})}"


def neighbours(begin: datetime, end: datetime, now: datetime) -> tuple[str, str | None]:
    """The month before, and the one after where it has begun."""
    before = f"{begin.year - (begin.month == 1)}-{(begin.month - 2) % 12 + 1:02}"
    return before, f"{end:%Y-%m}" if end <= now else None
