"""Sums, savings and break-even months; exact, whatever the prices."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from evaluator.planning.article import HYBRID, MANAGED, TIERS, Range
from evaluator.planning.stack import (
    Figure,
    break_even_months,
    compare,
    rounded,
    stack_of,
)

PRICES = st.decimals(min_value=0, max_value=10, places=6, allow_nan=False)
MONEY = st.decimals(min_value=0, max_value=1_000_000, places=2, allow_nan=False)


def _compared(minutes, **options):
    options = {"interview_minutes": Decimal(25), "once": {}} | options
    return compare([stack_of(tier) for tier in TIERS], minutes_per_month=minutes, **options)


def test_hybrid_at_30_000_minutes():
    """1,620 saved a month, 39 % less; 15,000 come back after 9.26 months, 30,000 after twice as long."""
    once = {"hybrid": Range.of("15000", "30000")}

    _, hybrid, _ = _compared(30_000, once=once)

    assert (Decimal("2550.000"), Decimal("1620.000")) == (hybrid.per_month, hybrid.saved_per_month)
    assert Decimal("2.125") == hybrid.per_interview
    assert "-38.85" == str(rounded((hybrid.change or 0) * 100, 2))
    assert ["9.26", "18.52"] == [str(rounded(months, 2)) for months in hybrid.break_even]


def test_the_baseline_saves_nothing_against_itself():
    """Nor does it take anything to get there."""
    managed = _compared(30_000)[0]

    assert (0, 0, (0, 0)) == (managed.saved_per_month, managed.change, managed.break_even)


def test_maintenance_eats_savings():
    """540 a month at 10,000 minutes: with 240 of maintenance 9,000 take 30 months, with 540 they never come back."""
    saved = Decimal(540)

    assert 30 == break_even_months(Decimal(9_000), saved, Decimal(240))
    assert break_even_months(Decimal(9_000), saved, Decimal(540)) is None


def test_what_costs_nothing_has_paid_already_unless_it_costs_more_to_keep():
    """0 months, or never."""
    assert 0 == break_even_months(Decimal(0), Decimal(10), Decimal(10))
    assert break_even_months(Decimal(0), Decimal(10), Decimal(11)) is None


def test_given_and_measured_prices_say_so():
    """The measured evaluation wins over a given one; the rest stays the article's."""
    measured = Figure(per_minute=Decimal("0.00002"), origin="measured")

    stack = stack_of(HYBRID, {"voice": Decimal("0.04"), "evaluation": Decimal(1)}, measured)

    origins = {line.key: line.origin for line in stack.lines if line.origin != "article"}
    assert {"voice": "given", "evaluation": "measured"} == origins
    assert Decimal("0.06902") == stack.per_minute


def test_half_a_cent_is_rounded_up():
    """3.475 is 3.48, which the article prints as 3.47."""
    assert Decimal("3.48") == rounded(Decimal("3.475"), 2)


@given(
    prices=st.dictionaries(st.sampled_from([c.key for c in MANAGED.components]), PRICES), minutes=st.integers(1, 10**9)
)
def test_totals_add(prices, minutes):
    """A month is the sum of its lines' months, and of its interviews; shares are a whole."""
    stack = stack_of(MANAGED, prices)

    assert sum(line.per_minute * minutes for line in stack.lines) == stack.cost(minutes)
    assert stack.cost(minutes) == stack.cost(1) * minutes
    shares = [stack.share(line.key) for line in stack.lines]
    assert stack.per_minute == 0 or abs(sum(shares) - 1) < Decimal("1e-20")


@given(once=MONEY, saved=MONEY, maintenance=MONEY, more=MONEY)
def test_break_even_is_monotone(once, saved, maintenance, more):
    """Never sooner for a higher cost or more maintenance, never later for a higher saving."""
    base = break_even_months(once, saved, maintenance)
    never = Decimal("Infinity")

    def months(*arguments):
        found = break_even_months(*arguments)
        return never if found is None else found

    assert months(once + more, saved, maintenance) >= (never if base is None else base)
    assert months(once, saved, maintenance + more) >= (never if base is None else base)
    assert months(once, saved + more, maintenance) <= (never if base is None else base)


@given(minutes=st.integers(1, 10**8))
def test_savings_grow_with_the_volume(minutes):
    """And so each break-even comes sooner."""
    once = {tier.key: Range.of("15000", "30000") for tier in TIERS[1:]}

    less, more = _compared(minutes, once=once), _compared(minutes * 2, once=once)

    for one, other in zip(less[1:], more[1:], strict=True):
        assert one.saved_per_month * 2 == other.saved_per_month
        assert one.break_even[0] > other.break_even[0]
