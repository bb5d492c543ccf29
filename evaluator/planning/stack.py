"""What stacks cost at a volume: sums, shares, savings, and the months until a one-time cost has come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from evaluator.planning.article import Range, Tier

Origin = Literal["article", "given", "measured"]  # whose figure a price is
MEASURED_DAYS = 30  # that a measurement looks back
WEEKS_PER_MONTH = Decimal(52) / Decimal(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A price that stands in for one of the article's."""

    per_minute: Decimal
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What evaluation has cost here for each minute of interview, over whole runs."""

    per_minute: Decimal
    currency: str
    interviews: int
    minutes: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One component of a stack."""

    key: str
    title: str
    provider: str
    per_minute: Decimal
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Components that together carry an interview; prices are per minute of interview."""

    key: str
    title: str
    lines: tuple[Line, ...]

    @property
    def per_minute(self) -> Decimal:
        """The sum of its lines."""
        return sum((line.per_minute for line in self.lines), start=Decimal(0))

    def line(self, key: str) -> Line:
        """That component; KeyError for another name."""
        return {line.key: line for line in self.lines}[key]

    def cost(self, minutes: Decimal | int) -> Decimal:
        """So many minutes: an interview's, or a month's."""
        return self.per_minute * minutes

    def share(self, key: str) -> Decimal | None:
        """That component's part of the whole, 0 to 1; None while the whole costs nothing."""
        return self.line(key).per_minute / self.per_minute if self.per_minute else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A stack beside the baseline at a volume."""

    stack: Stack
    per_interview: Decimal
    per_month: Decimal
    saved_per_month: Decimal  # negative where it costs more; before maintenance
    change: Decimal | None  # -0.39 is 39 % less; None against a baseline that costs nothing
    break_even: tuple[Decimal | None, Decimal | None]  # months at the low and the high one-time cost; None: never


def stack_of(tier: Tier, prices: Mapping[str, Decimal] | None = None, evaluation: Figure | None = None) -> Stack:
    """The tier with some of its prices replaced by given ones; `evaluation` wins over those."""
    figures = {key: Figure(per_minute=price, origin="given") for key, price in (prices or {}).items()}
    if evaluation is not None:
        figures["evaluation"] = evaluation
    lines = (
        Line(key=c.key, title=c.title, provider=c.provider, per_minute=f.per_minute, origin=f.origin)
        for c in tier.components
        for f in (figures.get(c.key) or Figure(per_minute=c.per_minute, origin="article"),)
    )
    return Stack(key=tier.key, title=tier.title, lines=tuple(lines))


def break_even_months(once: Decimal, saved_per_month: Decimal, maintenance_per_month: Decimal) -> Decimal | None:
    """The one-time cost by what is saved less maintenance, exact; None where it never comes back."""
    net = saved_per_month - maintenance_per_month
    if once <= 0:
        return Decimal(0) if net >= 0 else None
    return once / net if net > 0 else None


def compare(
    stacks: Sequence[Stack],
    *,
    minutes_per_month: int,
    interview_minutes: Decimal,
    once: Mapping[str, Range],
    maintenance_per_month: Decimal = Decimal(0),
) -> tuple[Comparison, ...]:
    """Each stack against the first one; `once`: stack -> one-time cost of getting there, nothing for the others."""
    baseline = stacks[0]
    return tuple(
        _compared(stack, baseline, minutes_per_month, interview_minutes, once.get(stack.key), maintenance_per_month)
        for stack in stacks
    )


def _compared(
    stack: Stack, baseline: Stack, minutes: int, interview: Decimal, once: Range | None, maintenance: Decimal
) -> Comparison:
    saved = baseline.cost(minutes) - stack.cost(minutes)
    cost = once or Range(low=Decimal(0), high=Decimal(0))
    return Comparison(
        stack=stack,
        per_interview=stack.cost(interview),
        per_month=stack.cost(minutes),
        saved_per_month=saved,
        change=change(stack.per_minute, baseline.per_minute),
        break_even=(
            break_even_months(cost.low, saved, maintenance),
            break_even_months(cost.high, saved, maintenance),
        ),
    )


def change(new: Decimal, old: Decimal) -> Decimal | None:
    """-0.39 for 39 % less; None against nothing."""
    return (new - old) / old if old else None


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up, as prices are rounded: 3.475 is 3.48."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
