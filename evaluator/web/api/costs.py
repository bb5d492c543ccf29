"""Measured costs by the API: of a month and of a run."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from evaluator.storage.costs import month_cost, run_cost
from evaluator.storage.database import clock
from evaluator.values import Frozen
from evaluator.views.costs import MONTH_PATTERN, account_json, for_pages, month_for_pages, month_json, month_span
from evaluator.web.api.conventions import answer
from evaluator.web.api.publishing import Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally

MonthText = Annotated[
    str | None, Query(pattern=MONTH_PATTERN, description="In UTC; this month if not given.", examples=["2026-11"])
]


class CostLine(Frozen):
    """Some node time and its money; null: no price is known."""

    node_s: float = Field(examples=[14_112.0])
    money: float | None = Field(examples=[6.664])


class CostLines(Frozen):
    """Node time by what it went to; the sum of the four is all of it."""

    work: CostLine
    waste: CostLine = Field(description="Of claims that did not finish, what came after the last section kept.")
    idle: CostLine
    cold: CostLine = Field(description="Before the node's engine answered.")


class CostPrice(Frozen):
    """Prices of some of the node time; null: not known."""

    node_hour: str | None = Field(examples=["1.70"])
    prompt: str | None = Field(description="This and the next two: of a million tokens.", examples=[None])
    cached: str | None = Field(examples=[None])
    completion: str | None = Field(examples=[None])
    currency: str = Field(examples=["USD"])
    source: str = Field(examples=["g6.xlarge spot, eu-central-1"])
    node_s: float = Field(examples=[14_112.0])


class CostAccount(Frozen):
    """What was used, and what that cost at the prices of its time; money is null where there is no price, never 0."""

    currency: str | None = Field(examples=["USD"])
    money: float | None = Field(examples=[6.664])
    money_nodes: float | None = Field(examples=[6.664])
    money_tokens: float | None = Field(examples=[None])
    unpriced_node_s: float = Field(description="Missing in the money.", examples=[0.0])
    node_s: float = Field(examples=[14_112.0])
    engine_s: float = Field(description="In which the judge had a call to answer.", examples=[12_390.5])
    utilisation: float | None = Field(description="engine_s / node_s", examples=[0.878])
    lines: CostLines
    wasted_by: dict[str, CostLine] = Field(
        description="By how the claims ended.", examples=[{"expired": {"node_s": 660.0, "money": 0.31}}]
    )
    claims: dict[str, int] = Field(examples=[{"done": 320, "expired": 4}])
    interviews: int = Field(description="Judged to the end.", examples=[320])
    minutes: float | None = Field(
        description="Of conversation in these; null: not all of their lengths are known.", examples=[8_000.0]
    )
    per_interview: float | None = Field(examples=[0.020825])
    per_minute: float | None = Field(examples=[0.000833])
    prices: tuple[CostPrice, ...]


class CostOfRun(CostAccount):
    """A run's cost, with its part of idle time and cold starts; `open`: it may still come to cost more."""

    run: str = Field(examples=["night-2026-11-21"])
    open: bool


class CostOfNight(Frozen):
    """A night's cost, from noon to noon in UTC."""

    night: str = Field(examples=["2026-11-21"])
    node_s: float
    engine_s: float
    interviews: int
    money: float | None
    lines: CostLines


class CostOfRubric(Frozen):
    """What interviews of a rubric cost: work and waste."""

    rubric: str = Field(examples=["backend-eng@4"])
    node_s: float
    interviews: int
    money: float | None
    per_interview: float | None


class CostOfMonth(CostAccount):
    """A month's cost, by night and by rubric."""

    month: str = Field(examples=["2026-11"])
    calls: int = Field(description="Of the judge.", examples=[1_927])
    calls_wasted: int = Field(description="Of these, answers that did not count.", examples=[9])
    prompt_tokens: int | None = Field(
        description="This and the next two: null where the interviews are so few that they would tell of one.",
        examples=[9_800_000],
    )
    cached_tokens: int | None = Field(examples=[8_100_000])
    completion_tokens: int | None = Field(examples=[600_000])
    outside_runs: CostLine = Field(description="Idle and starting while no run was open.")
    nodes: int = Field(description="Workers' lives.", examples=[12])
    nodes_killed: int = Field(description="Of these, without a word.", examples=[4])
    by_night: tuple[CostOfNight, ...]
    by_rubric: tuple[CostOfRubric, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostApi:
    """The handlers."""

    site: Site

    def month(self, visit: AsVisit, request: Request, month: MonthText = None) -> Response:  # noqa: ARG002  the gate's
        """What a month cost: by line, by night and by rubric."""
        with self.site.database.begin() as db:
            begin, end = month_span(month or f"{clock(db):%Y-%m}")
            cost = month_cost(db, begin, end)
        return answer(request, CostOfMonth.model_validate(month_json(month_for_pages(cost))))

    def run(self, visit: AsVisit, request: Request, name: Name) -> Response:  # noqa: ARG002  the gate's
        """What a run cost. What the judge read and wrote, the run's own page tells, as far as a blind review allows."""
        with self.site.database.begin() as db:
            cost = run_cost(db, name)
        told = account_json(for_pages(cost.account))
        shown = {name: told[name] for name in CostAccount.model_fields}
        return answer(request, CostOfRun.model_validate({**shown, "run": cost.run, "open": cost.open}))


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api, needs = CostApi(site=site), Globally("see_costs")
    publish(app, "/v1/costs", api.month, needs=needs, answers=CostOfMonth)
    publish(app, "/v1/runs/{name}/cost", api.run, needs=needs, answers=CostOfRun)
