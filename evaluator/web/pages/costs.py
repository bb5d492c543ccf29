"""What evaluations cost in a month: by line, by night, by rubric, and as a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import Response

from evaluator.costs.accounts import MonthCost
from evaluator.exports.csv import MEDIA_TYPE, lines
from evaluator.exports.rows import Value
from evaluator.storage.costs import month_cost
from evaluator.storage.database import clock
from evaluator.storage.watching import HIDDEN_MIN
from evaluator.views.costs import (
    ENDINGS,
    LINES,
    account_rows,
    figures,
    line_money,
    month_for_pages,
    month_span,
    number,
    price_words,
    time_words,
)
from evaluator.web.cost_view import address, asked_prices, compared, neighbours, nights_of, rubrics_of
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally, add

COLUMNS = (
    *("night", "interviews", "node_s", "engine_s", "work_s", "waste_s", "idle_s", "cold_s"),
    *("money", "currency"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CostPages:
    """The handlers."""

    site: Site

    def costs(self, visit: AsVisit, request: Request) -> Response:
        """One month; `node` in the address asks what it would have cost at another price."""
        prices = asked_prices(request.query_params)
        with self.site.database.begin() as db:
            now = clock(db)
            begin, end = month_span(request.query_params.get("month") or f"{now:%Y-%m}")
            cost = month_for_pages(month_cost(db, begin, end, price=prices.get("node")))
        account, month = cost.account, f"{begin:%Y-%m}"
        before, after = neighbours(begin, end, now)
        return self.site.page(
            "costs.html",
            visit=visit,
            month=month,
            begin=begin,
            measured=bool(account.use.node_s or account.use.calls),
            estimated="node" in prices,
            asked={name: f"{price:f}" for name, price in prices.items()},
            figures=figures(account),
            rows=account_rows(account),
            claims=[
                (ENDINGS.get(ending, ending), f"{count:,}", account.wasted_by.get(ending))
                for ending, count in account.claims.items()
            ],
            time_words=time_words,
            line_money=line_money,
            nights=nights_of(cost),
            rubrics=rubrics_of(cost),
            nodes=cost.nodes,
            killed=cost.killed,
            outside=cost.outside_runs,
            prices=[(price_words(one.prices, one.source), time_words(one.node_s)) for one in account.prices],
            unpriced=account.money.unpriced_s > 0,
            compared=compared(account, prices, self.site.currency) if account.interviews >= HIDDEN_MIN else None,
            few=account.interviews < HIDDEN_MIN,
            hidden_min=HIDDEN_MIN,
            before=address(before, prices),
            after=address(after, prices) if after else None,
            as_csv=address(month, prices, "/costs.csv"),
            as_json=address(month, {}, "/v1/costs"),
        )

    def as_csv(self, visit: AsVisit, request: Request) -> Response:  # noqa: ARG002  the gate's
        """The month's nights as a file."""
        prices = asked_prices(request.query_params)
        with self.site.database.begin() as db:
            begin, end = month_span(request.query_params.get("month") or f"{clock(db):%Y-%m}")
            cost = month_for_pages(month_cost(db, begin, end, price=prices.get("node")))
        headers = {"Content-Disposition": f'attachment; filename="costs-{begin:%Y-%m}.csv"'}
        return Response("".join(lines(COLUMNS, _nights(cost))), headers=headers, media_type=MEDIA_TYPE)


def _nights(cost: MonthCost) -> Iterator[Mapping[str, Value]]:
    for night, account in cost.by_night.items():
        use, money = account.use, account.money
        yield {
            "night": f"{night:%Y-%m-%d}",
            "interviews": account.interviews,
            "node_s": round(account.nodes.node_s, 3),
            "engine_s": round(use.engine_s, 3),
            **{f"{name}_s": round(getattr(account, name).node_s, 3) for name in LINES},
            "money": number(money.total),
            "currency": money.currency,
        }


def attach(app: FastAPI, site: Site) -> None:
    """The page and its file."""
    pages, needs = CostPages(site=site), Globally("see_costs")
    add(app, "/costs", pages.costs, needs=needs)
    add(app, "/costs.csv", pages.as_csv, needs=needs, methods=("GET",))
