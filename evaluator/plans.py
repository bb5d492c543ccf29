"""What a run will take, before it begins: ranges learnt from past runs of the same judge, or nothing at all."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from evaluator.budgets import Budget
from evaluator.values import Frozen

TAIL = Fraction(1, 10)  # of what was measured, that a range leaves out at either end
HOUR_S = 3_600
NO_PAST = "no run yet to learn from"


class Range(Frozen):
    """The middle of what was measured, and what eight in ten lie between."""

    low: float
    median: float
    high: float

    def times(self, factor: float) -> "Range":
        """So many of these."""
        return Range(low=self.low * factor, median=self.median * factor, high=self.high * factor)


class PastRun(Frozen):
    """One run that has ended, as far as it was measured."""

    sections: int  # judged, at least one
    wall_s: float  # from its start to its end
    engine_s: float
    money: Decimal | None  # None: no price was known
    currency: str | None


class Past(Frozen):
    """What there is to learn from."""

    tokens: Mapping[str, Range]  # rubric `id@version` -> tokens of one section
    runs: tuple[PastRun, ...]


class Forecast(Frozen):
    """What the sections that are to be judged will take, as a range each."""

    runs: int  # that it was learnt from
    tokens: Range
    hours: Range  # from the run's start to its end
    engine_hours: Range
    money: Range | None  # None: no past run has a price, or not in one currency
    currency: str | None


class RunPlan(Frozen):
    """What a run over a selection would be."""

    interviews: int
    to_judge: int  # that are not done, and may be judged
    blocked: int
    sections: int  # of those to judge
    rubrics: Mapping[str, int]  # `id@version` -> interviews to judge
    model: str
    forecast: Forecast | None  # None: there is no past to learn from
    unknown: tuple[str, ...] = ()  # rubrics that no past run has judged


def forecast(sections: Mapping[str, int], past: Past) -> Forecast | None:
    """What so many sections of each rubric will take; None where one of the rubrics, or the judge, has no past."""
    wanted = {rubric: n for rubric, n in sections.items() if n}
    if not wanted or not past.runs or any(rubric not in past.tokens for rubric in wanted):
        return None
    total = sum(wanted.values())
    tokens = [past.tokens[rubric].times(n) for rubric, n in wanted.items()]
    money, currency = _money(past.runs)
    return Forecast(
        runs=len(past.runs),
        tokens=Range(**{part: sum(getattr(one, part) for one in tokens) for part in ("low", "median", "high")}),
        hours=spread([r.wall_s / r.sections / HOUR_S for r in past.runs]).times(total),
        engine_hours=spread([r.engine_s / r.sections / HOUR_S for r in past.runs]).times(total),
        money=money.times(total) if money else None,
        currency=currency,
    )


def _money(runs: Sequence[PastRun]) -> tuple[Range | None, str | None]:
    """Of one section, and its currency; nothing where two currencies meet."""
    priced = [run for run in runs if run.money is not None]
    currencies = {run.currency for run in priced}
    if len(currencies) != 1:
        return None, None
    return spread([float(run.money or 0) / run.sections for run in priced]), currencies.pop()


def spread(values: Sequence[float]) -> Range:
    """The median of at least one value, and the tenth and ninetieth hundredth, between neighbours as they lie."""
    ordered = sorted(values)
    return Range(low=_at(ordered, TAIL), median=_at(ordered, Fraction(1, 2)), high=_at(ordered, 1 - TAIL))


def _at(ordered: Sequence[float], share: Fraction) -> float:
    place = share * (len(ordered) - 1)
    below, above = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return below + (above - below) * float(place - int(place))


def budget_needed(found: Forecast, budget: Budget) -> Range | None:
    """What of the budget's kind is expected; None: not known."""
    match budget.kind:
        case "money":
            return found.money
        case "engine_hours":
            return found.engine_hours
        case "tokens":
            return found.tokens


def plan_lines(plan: RunPlan) -> tuple[str, ...]:
    """For people: how much there is, and what it will take."""
    rubrics = ", ".join(f"{rubric} ({n})" for rubric, n in sorted(plan.rubrics.items()))
    rest = plan.interviews - plan.to_judge - plan.blocked
    beside = [f"{n} {word}" for n, word in ((rest, "done already"), (plan.blocked, "blocked")) if n]
    first = f"Plan  {plan.to_judge:,} interviews · {plan.sections:,} sections" + "".join(f" · {b}" for b in beside)
    lines = [first, *([f"      rubrics {rubrics}"] if rubrics else []), f"      judge {plan.model}"]
    if plan.forecast is not None:
        return (*lines, *_forecast_lines(plan.forecast))
    of = f" ({', '.join(plan.unknown)})" if plan.unknown else ""
    return (*lines, f"      tokens, hours and cost: {NO_PAST}{of}") if plan.to_judge else tuple(lines)


def _forecast_lines(found: Forecast) -> tuple[str, ...]:
    runs = "1 past run" if found.runs == 1 else f"{found.runs} past runs"
    parts = [
        f"{_figures(found.tokens)} tokens",
        f"{_figures(found.hours)} h",
        f"{_figures(found.engine_hours)} engine hours",
        f"{_figures(found.money)} {found.currency}" if found.money else "cost - (no price)",
    ]
    return (f"      est. {' · '.join(parts[:2])}", f"           {' · '.join(parts[2:])} (from {runs})")


def _figures(found: Range) -> str:
    low, high = figure(found.low), figure(found.high)
    return low if low == high else f"{low}–{high}"


def figure(value: float) -> str:
    """Three figures that matter: `0.0123`, `3.9`, `212`, `9.8 M`."""
    for times, unit in ((10**9, " G"), (10**6, " M"), (10**4, " k")):
        if value >= times:
            scale = 1_000 if unit == " k" else times
            return f"{value / scale:.3g}{unit}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value else "0"
