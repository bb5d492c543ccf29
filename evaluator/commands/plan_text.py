"""The plan of a volume of interviews, for people (80 columns) and for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from textwrap import fill
from typing import Any

from evaluator.planning.article import (
    ARTICLE,
    MATRIX,
    MATRIX_SECTION,
    STT,
    STT_SECTION,
    TIERS,
    TTS,
    TTS_SECTION,
    VOICE,
    VOICE_SECTION,
    MatrixRow,
    Provider,
    Range,
    Tier,
)
from evaluator.planning.claims import Finding, findings
from evaluator.planning.stack import Comparison, Figure, Line, rounded

WIDTH = 80  # columns
LABEL, CELL = 26, 17
MONTHS_MAX = 1_200  # beyond a hundred years nobody counts
PLACES, PLACES_MAX = 4, 6  # of a price a minute
_NAME = 25  # of a provider
MARKS = {"article": "", "given": "*", "measured": "m"}
VERDICTS = {"disagrees": "DOES NOT FOLLOW", "rounding": "ROUNDED", "open": "OPEN", "holds": "HOLDS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Whose figure stands for the evaluation."""

    figure: Figure | None  # None: the article's own
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that is said about one volume."""

    minutes: int  # a month
    interview: Decimal  # minutes of one
    currency: str
    comparisons: tuple[Comparison, ...]  # the first is what the others are held against
    once: Range
    once_given: bool
    maintenance: Decimal | None  # a month; None: not given
    evaluation: Evaluation
    tipping_point: Tier
    row: MatrixRow

    @property
    def interviews(self) -> Decimal:
        """A month."""
        return Decimal(self.minutes) / self.interview


def plan_lines(plan: Plan) -> Iterator[str]:
    """The stacks side by side, then what the figures rest on."""
    count = rounded(plan.interviews, 0)
    yield f"{plan.minutes:,} minutes a month: {count:,} interviews of {plan.interview:f} minutes"
    yield ""
    yield _row(f"{plan.currency} a minute", [c.stack.title for c in plan.comparisons])
    yield from _price_rows(plan)
    yield _row("An interview", [f"{rounded(c.per_interview, 2):,}" for c in plan.comparisons])
    yield _row("A month", [f"{rounded(c.per_month, 2):,}" for c in plan.comparisons])
    first, *others = plan.comparisons
    yield _row("Saved a month", ["-", *(f"{rounded(c.saved_per_month, 2):,}" for c in others)])
    yield _row(f"Against {first.stack.title.lower()}", ["-", *(_percent(c.change) for c in others)])
    yield _row("Months to break even", ["-", *(_months(c.break_even) for c in others)])
    yield ""
    for note in _notes(plan):
        yield fill(note, WIDTH, subsequent_indent="  ")


def _price_rows(plan: Plan) -> Iterator[str]:
    stacks = [c.stack for c in plan.comparisons]
    prices = [line.per_minute for stack in stacks for line in stack.lines]
    places = min(PLACES_MAX, max(PLACES, *(-int(p.normalize().as_tuple().exponent) for p in prices)))
    for line in stacks[0].lines:
        cells = [stack.line(line.key) for stack in stacks]
        yield _row(_title(line), [f"{rounded(c.per_minute, places)}{MARKS[c.origin]:<1}" for c in cells])
    yield _row("Together", [f"{rounded(stack.per_minute, places)} " for stack in stacks])


def _title(line: Line) -> str:
    """The evaluation's line says whose figure it is, as it is the one that can be measured here."""
    if line.key != "evaluation":
        return line.title
    return {"article": "Evaluation, not measured", "given": "Evaluation, as given"}.get(
        line.origin, "Evaluation, measured"
    )


def _row(label: str, cells: Sequence[str]) -> str:
    # A price ends in the column of its mark; what has none is set one further left.
    ended = [cell if cell[-1] in " *m" and cell[0].isdigit() else f"{cell} " for cell in cells]
    return (label.ljust(LABEL) + "".join(cell.rjust(CELL) for cell in ended)).rstrip()


def _percent(change: Decimal | None) -> str:
    return "-" if change is None else f"{rounded(change * 100, 1):+} %"


def _months(months: tuple[Decimal | None, Decimal | None]) -> str:
    low, high = (
        "never" if m is None else f">{MONTHS_MAX:,}" if m > MONTHS_MAX else f"{rounded(m, 1):,}" for m in months
    )
    return low if low == high else f"{low} to {high}"


def _notes(plan: Plan) -> Iterator[str]:
    origins = {line.origin for c in plan.comparisons for line in c.stack.lines}
    marks = {"given": "* given by you", "measured": "m measured by you"}
    said = [words for origin, words in marks.items() if origin in origins]
    yield f"Prices: {'; '.join([*said, 'else'] if said else [])}{' ' if said else ''}{ARTICLE}, Q1 2026."
    yield f"Break-even: {_once(plan)} once, {_maintenance(plan)}."
    yield f"Evaluation: {plan.evaluation.words}"
    yield (
        f"At this volume the article's tipping points say {plan.tipping_point.title.lower()}; its matrix says "
        f"{plan.row.stack}, ~{plan.row.per_interview} an interview, effort {plan.row.effort}."
    )
    checked = findings()
    wrong = sum(finding.checked.verdict == "disagrees" for finding in checked)
    yield f"{wrong} of {len(checked)} statements of the article do not follow from its own tables: --claims."


def _once(plan: Plan) -> str:
    low, high = (f"{rounded(value, 0):,}" for value in (plan.once.low, plan.once.high))
    if plan.once_given:
        return low if low == high else f"{low} to {high}"
    return f"{low} to {high} (the article's figure for what is self-hosted; --engineering-cost)"


def _maintenance(plan: Plan) -> str:
    if plan.maintenance is None:
        return "no maintenance (the article says 0.25 to 0.5 weeks of work a month and no price; --maintenance)"
    return f"{rounded(plan.maintenance, 2):,} of maintenance a month"


def table_lines(plan: Plan) -> Iterator[str]:
    """The article's tables of providers, priced for this plan, and its decision matrix."""
    yield "What the stacks are made of"
    for tier in TIERS:
        providers = ", ".join(component.provider for component in tier.components)
        yield fill(f"{tier.title}: {providers}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    for title, section, rows in (
        ("Voice, all in one", VOICE_SECTION, VOICE),
        ("Speech to text", STT_SECTION, STT),
        ("Text to speech", TTS_SECTION, TTS),
    ):
        yield ""
        yield f'{title} (the article, "{section}")'
        yield "".join(
            ("  ".ljust(_NAME), "a minute".rjust(15), "an interview".rjust(15), "a month".rjust(25)),
        )
        for row in rows:
            yield _provider(row, plan)
    yield ""
    yield f'Decision matrix (the article, "{MATRIX_SECTION}")'
    for matrix_row in MATRIX:
        here = ">" if matrix_row is plan.row else " "
        yield f"{here} {_volume(matrix_row):<20}{matrix_row.per_interview:>6}  {matrix_row.stack}"


def _provider(row: Provider, plan: Plan) -> str:
    low, high = row.per_minute.low, row.per_minute.high
    cells = (
        _span(*(f"{value.normalize():f}" for value in (low, high))).rjust(15),
        _span(*(f"{rounded(value * plan.interview, 2)}" for value in (low, high))).rjust(15),
        _span(*(f"{rounded(value * plan.minutes, 0):,}" for value in (low, high))).rjust(25),
    )
    return f"  {row.name}".ljust(_NAME) + "".join(cells)


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _volume(row: MatrixRow) -> str:
    if row.minutes_to is None:
        return f"from {row.minutes_from:,}"
    return f"{row.minutes_from:,} to {row.minutes_to:,}"


def claim_lines(found: Sequence[Finding]) -> Iterator[str]:
    """What the article's text says and what follows from its tables, in its order; what holds is only counted."""
    for finding in found:
        if finding.checked.verdict == "holds":
            continue
        yield f"{VERDICTS[finding.checked.verdict]}  {finding.statement.where}"
        yield fill(finding.statement.says, WIDTH, initial_indent="  ", subsequent_indent="  ")
        yield fill(finding.checked.sums, WIDTH, initial_indent="  = ", subsequent_indent="    ")
    counts = {verdict: sum(f.checked.verdict == verdict for f in found) for verdict in VERDICTS}
    yield fill(
        f"{len(found)} statements: {counts['holds']} hold, {counts['disagrees']} do not follow from the article's own "
        f"tables, in {counts['rounding']} the last digit differs, {counts['open']} stay open.",
        WIDTH,
    )


def claims_json(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """All of them, those that hold too."""
    return [
        {
            "key": f.statement.key,
            "where": f.statement.where,
            "says": f.statement.says,
            "printed": [_text(value) for value in f.statement.printed],
            "arithmetic": f.checked.sums,
            "computed": [_text(value) for value in f.checked.computed],
            "verdict": f.checked.verdict,
        }
        for f in found
    ]


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan; amounts are decimal numbers in text, so that none is rounded on its way."""
    figure = plan.evaluation.figure
    return {
        "minutes_per_month": plan.minutes,
        "interview_minutes": _text(plan.interview),
        "interviews_per_month": _text(plan.interviews),
        "currency": plan.currency,
        "stacks": [_stack_json(comparison) for comparison in plan.comparisons],
        "engineering_cost": {"low": _text(plan.once.low), "high": _text(plan.once.high), "given": plan.once_given},
        "maintenance_per_month": _text(plan.maintenance),
        "evaluation": {
            "origin": figure.origin if figure else "article",
            "per_minute": _text(figure.per_minute if figure else None),
            "words": plan.evaluation.words,
        },
        "tipping_point": plan.tipping_point.key,
        "matrix_row": {
            "minutes_from": plan.row.minutes_from,
            "minutes_to": plan.row.minutes_to,
            "stack": plan.row.stack,
            "per_interview": _text(plan.row.per_interview),
            "effort": plan.row.effort,
        },
        "source": ARTICLE,
    }


def _stack_json(compared: Comparison) -> dict[str, Any]:
    stack = compared.stack
    return {
        "key": stack.key,
        "title": stack.title,
        "lines": [
            {
                "key": line.key,
                "title": line.title,
                "provider": line.provider,
                "per_minute": _text(line.per_minute),
                "origin": line.origin,
                "share": _text(stack.share(line.key)),
            }
            for line in stack.lines
        ],
        "per_minute": _text(stack.per_minute),
        "per_interview": _text(compared.per_interview),
        "per_month": _text(compared.per_month),
        "saved_per_month": _text(compared.saved_per_month),
        "change": _text(compared.change),
        "break_even_months": [_text(months) for months in compared.break_even],
    }


def tables_json() -> dict[str, Any]:
    """The article's tables of providers, as printed."""
    tables = {"voice": VOICE, "speech_to_text": STT, "text_to_speech": TTS}
    return {
        name: [
            {
                "name": row.name,
                "per_minute": [_text(row.per_minute.low), _text(row.per_minute.high)],
                "billing": row.billing,
                "quality": row.quality,
                "latency_ms": row.latency_ms,
            }
            for row in rows
        ]
        for name, rows in tables.items()
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
