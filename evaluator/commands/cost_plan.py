"""`debrief cost plan`: what a volume of interviews would cost on three stacks, by somebody's prices or one's own."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.output import out, put, put_json
from evaluator.commands.plan_text import (
    Evaluation,
    Plan,
    claim_lines,
    claims_json,
    plan_json,
    plan_lines,
    table_lines,
    tables_json,
)
from evaluator.errors import UsageFault
from evaluator.planning.article import (
    CURRENCY,
    ENGINEERING_COST,
    INTERVIEW_MINUTES,
    MINUTES_PER_MONTH_MAX,
    TIERS,
    Range,
    matrix_row_for,
    tier_for,
)
from evaluator.planning.claims import findings
from evaluator.planning.prices import Prices, amount, read_prices
from evaluator.planning.stack import MEASURED_DAYS, Figure, Measured, compare, stack_of
from rubrics.document import BYTES_MAX

MEASURED = "measured"
INTERVIEW_MINUTES_MAX = 1_440
OPTIMIZED = TIERS[1:]  # what takes engineering to get to


def plan(
    *,
    minutes_per_month: Annotated[int, typer.Option(min=1, max=MINUTES_PER_MONTH_MAX, help="interviews, in minutes")],
    interview_minutes: Annotated[str, typer.Option(metavar="MINUTES", help="of one interview")] = str(
        INTERVIEW_MINUTES
    ),
    engineering_cost: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[hybrid=|full=]AMOUNT", help="once, to get there; the article's 15,000 to 30,000 if unset"
        ),
    ] = None,
    maintenance: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="a month, of what is not managed; none if unset")
    ] = None,
    evaluation_per_minute: Annotated[
        str | None, typer.Option(metavar="AMOUNT|measured", help="of interview, in place of the article's")
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="YAML with prices of yours, such as `voice: 0.055`")] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="also the tables of providers and the decision matrix")
    ] = False,
    claims: Annotated[bool, typer.Option("--claims", help="also where the article contradicts itself")] = False,
) -> None:
    """Stacks side by side at a volume: a minute, an interview, a month, and when a change has paid for itself."""
    made = _plan(
        minutes=minutes_per_month,
        interview=_interview_minutes(interview_minutes),
        once=_once(engineering_cost or ()),
        maintenance=None if maintenance is None else _amount(maintenance, "--maintenance"),
        prices=_prices(prices) if prices else {},
        evaluation=_evaluation(evaluation_per_minute),
    )
    if out.json:
        extra = ({"tables": tables_json()} if tables else {}) | ({"claims": claims_json(findings())} if claims else {})
        put_json(plan_json(made) | extra)
        return
    put("\n".join(_lines(made, tables=tables, claims=claims)))


def _lines(made: Plan, *, tables: bool, claims: bool) -> Iterator[str]:
    yield from plan_lines(made)
    if tables:
        yield ""
        yield from table_lines(made)
    if claims:
        yield ""
        yield from claim_lines(findings())


def _plan(
    *,
    minutes: int,
    interview: Decimal,
    once: Mapping[str, Range],
    maintenance: Decimal | None,
    prices: Prices,
    evaluation: Evaluation,
) -> Plan:
    stacks = [stack_of(tier, prices.get(tier.key), evaluation.figure) for tier in TIERS]
    costs = once or {tier.key: ENGINEERING_COST for tier in OPTIMIZED}
    return Plan(
        minutes=minutes,
        interview=interview,
        currency=CURRENCY,
        comparisons=compare(
            stacks,
            minutes_per_month=minutes,
            interview_minutes=interview,
            once=costs,
            maintenance_per_month=maintenance or Decimal(0),
        ),
        once=Range(low=min(c.low for c in costs.values()), high=max(c.high for c in costs.values())),
        once_given=bool(once),
        maintenance=maintenance,
        evaluation=evaluation,
        tipping_point=tier_for(minutes),
        row=matrix_row_for(minutes),
    )


def _amount(text: str, option: str) -> Decimal:
    found = amount(text)
    if found is None:
        raise UsageFault(f"{option} {text[:40]!r}: give an amount of {CURRENCY} such as 1500 or 0.0004, without signs")
    return found


def _interview_minutes(text: str) -> Decimal:
    found = amount(text)
    if found is None or not 0 < found <= INTERVIEW_MINUTES_MAX:
        raise UsageFault(f"--interview-minutes {text[:40]!r}: give minutes above 0, at most {INTERVIEW_MINUTES_MAX:,}")
    return found


def _once(given: Sequence[str]) -> Mapping[str, Range]:
    """Stack -> what it takes once; without a stack's name for all of them, and a named one wins."""
    known = [tier.key for tier in OPTIMIZED]
    found: dict[str, Range] = {}
    for text in sorted(given, key=lambda text: "=" in text):
        name, sign, cost = text.rpartition("=")
        if sign and name not in known:
            raise UsageFault(f"--engineering-cost {text[:40]!r}: no such stack; it is {' or '.join(known)}")
        value = _amount(cost, "--engineering-cost")
        found |= {key: Range(low=value, high=value) for key in ([name] if sign else known)}
    return found


def _prices(path: Path) -> Prices:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UsageFault(f"--prices {path}: cannot be read: {error.strerror}") from error
    return read_prices(content, str(path))


def _evaluation(given: str | None) -> Evaluation:
    if given is None:
        words = f"the article's {_of_the_article()} a minute, not measured (--evaluation-per-minute {MEASURED})."
        return Evaluation(figure=None, words=words)
    if given != MEASURED:
        value = _amount(given, "--evaluation-per-minute")
        given_figure = Figure(per_minute=value, origin="given")
        return Evaluation(figure=given_figure, words=f"{value:f} a minute, as given, in place of {_of_the_article()}.")
    # Only here is there anything to start or to ask: a plan by given prices needs nothing but this process.
    from evaluator.commands.context import services
    from evaluator.embedded import Part
    from evaluator.storage.measured import evaluation_measured

    with services(Part.DATABASE) as found, found.database.begin() as db:
        return _in_words(evaluation_measured(db))


def _in_words(measured: Measured | None) -> Evaluation:
    if measured is None:
        words = (
            f"nothing measured yet: no finished run of the last {MEASURED_DAYS} days has a price for all its node "
            f"time, and times for all that it scored. The article's {_of_the_article()} stand."
        )
        return Evaluation(figure=None, words=words)
    if measured.currency != CURRENCY:
        words = f"measured in {measured.currency}, and prices here are in {CURRENCY}: the article's figures stand."
        return Evaluation(figure=None, words=words)
    words = (
        f"measured here over {measured.interviews:,} interviews of {measured.minutes:,.0f} minutes, idle time and cold "
        f"starts included, in place of the article's {_of_the_article()}."
    )
    return Evaluation(figure=Figure(per_minute=measured.per_minute, origin="measured"), words=words)


def _of_the_article() -> str:
    return ", ".join(str(tier.price("evaluation")) for tier in TIERS)
