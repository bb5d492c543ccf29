"""The article's text against its tables: each verdict by arithmetic that is written out here again."""

from decimal import Decimal
from fractions import Fraction

import pytest

from evaluator.planning.claims import findings
from evaluator.planning.statements import STATEMENTS

FOUND = {finding.statement.key: finding.checked for finding in findings()}
M, H, F = (Fraction(text) for text in ("0.139", "0.085", "0.044"))  # a minute: managed, hybrid, full
OWN_LIVEKIT = M - Fraction("0.01") - Fraction("0.032")  # managed with Grok and a LiveKit of one's own
WEEKS = Fraction(52, 12)  # a month

# Of Llama 3.1 70B: 80 layers, 8,192 wide and 28,672 within; 64 heads of 128, 8 of them with keys; 128,256 tokens.
MATRICES = 80 * (2 * 8_192 * 8_192 + 2 * 8_192 * 1_024 + 3 * 8_192 * 28_672)
OTHERS = 2 * 128_256 * 8_192 + (80 * 2 + 1) * 8_192

# What each statement comes to, from the article's printed prices alone.
EXPECTED = {
    "opening": ("holds", Fraction("4.2"), 42_000),
    "thirty_minutes": ("disagrees", F * 30),
    "managed_total": ("holds", M),
    "managed_percent": ("disagrees", 43 + 29 + 3 + 9 + 2 + 2 + 13, Fraction("0.002") / M * 100),
    "managed_interview": ("rounding", M * 25),
    "drivers": ("holds", Fraction("0.118"), Fraction("0.118") / M * 100),
    "interviews": ("disagrees", Fraction(10_000, 30)),
    "small_company": ("disagrees", 15 * WEEKS * 30, 20 * WEEKS * 30),
    "voice_spend": ("disagrees", 600, 1_390),
    "payback_small": ("disagrees", Fraction(15_000, 950), Fraction(30_000, 540), 1_250, Fraction(125_000, 1_390)),
    "hybrid_80": ("disagrees", (M - H) / M * 100, 80),
    "payback_hybrid": ("disagrees", Fraction(15_000, 2_700), Fraction(30_000, 540)),
    "hybrid_rows": ("holds", Fraction(-50, 3), -80, 0, 0, 0, 0, Fraction(-200, 3)),
    "hybrid_total": ("holds", H, (H - M) / M * 100),
    "hybrid_interview": ("holds", H * 25),
    "two_changes": ("disagrees", OWN_LIVEKIT, Fraction("0.042") / M * 100),
    "saved_month": ("holds", 1_620),
    "six_weeks": ("disagrees", 1_620 / WEEKS * 6, Fraction(15_000, 1_620), Fraction(30_000, 1_620)),
    "full_78": ("disagrees", (M - F) / M * 100, Fraction(14, 18) * 100),
    "three_cents": ("disagrees", F, Fraction("0.034")),
    "full_rows": (
        "holds",
        *(Fraction(-200, 3), -80, -25, -50, Fraction(-100, 3), -50, Fraction(-1400, 18)),
    ),
    "full_total": ("holds", F, (F - M) / M * 100),
    "full_interview": ("holds", F * 25),
    "voice_core": ("disagrees", Fraction("0.05"), Fraction("0.03")),
    "own_stt": ("disagrees", Fraction("0.002"), Fraction("0.015")),
    "spot_discount": ("disagrees", Fraction(65, 101) * 100, Fraction(100, 3)),
    "ninety_cents": ("disagrees", Fraction("0.2"), Fraction("0.125"), Fraction("0.025")),
    "largest_lever": ("open", Fraction("0.032"), Fraction("0.01")),
    "grok_thirty": ("holds", Fraction("1.5")),
    "own_pipeline": ("open", 50_000),
    "own_stt_minute": ("holds", Fraction(1, 6_000)),
    "own_stt_month": ("disagrees", 100, 430, 730),
    "own_stt_year": ("holds", 2_760),
    "transitions": ("open", 15, 20),
    "context_call": ("open", 6, 6),
    "routing": ("open", 1 - Fraction(35, 60)),
    "scripted": ("disagrees", Fraction("0.0225"), Fraction("0.03")),
    "evaluation_70": ("holds", Fraction(1200, 18), Fraction(1400, 18)),
    "spot_minute": ("open", Fraction("0.006")),
    "seventy_billion": (
        "disagrees",
        *(Fraction(size + 2 * OTHERS, 10**9) for size in (2 * MATRICES, MATRICES, MATRICES * Fraction(532, 1_024))),
    ),
    "matrix_managed": ("disagrees", Fraction("0.129") * 25),
    "matrix_hybrid": ("disagrees", OWN_LIVEKIT * 25),
    "matrix_spot": ("disagrees", Fraction("0.053") * 25, Fraction("0.083") * 25),
    "matrix_tiering": ("disagrees", Fraction("1.25"), Fraction("0.074") * 25),
    "matrix_full": ("disagrees", Fraction("0.034") * 25),
    "thresholds": ("disagrees", 10_000, 50_000),
    "grok_switch": ("holds", 3_000, 2_500),
    "eight_thousand": (
        "disagrees",
        *(8_000 / M, 8_000 / M * OWN_LIVEKIT, 8_000 / M * H, Fraction("56.25")),
    ),
    "summary": ("holds", *((1 - Fraction(p) / Fraction("3.47")) * 100 for p in ("2.13", "1.10", "0.88"))),
    "very_large": ("disagrees", Fraction("0.0352"), Fraction("0.7")),
    "payback": (
        "disagrees",
        *(Fraction(15_000, 2_700), Fraction(30_000, 540), Fraction(15_000, 4_750), Fraction(30_000, 4_750)),
    ),
}


def test_every_statement_is_checked_here():
    """None is added without its arithmetic."""
    assert [s.key for s in STATEMENTS] == list(EXPECTED)


@pytest.mark.parametrize("key", EXPECTED)
def test_the_verdict_and_its_arithmetic(key):
    """Recomputed as fractions from the printed prices."""
    verdict, *figures = EXPECTED[key]
    checked = FOUND[key]

    assert verdict == checked.verdict
    assert len(figures) == len(checked.computed)
    for expected, actual in zip(figures, checked.computed, strict=True):
        assert abs(expected - Fraction(actual)) < Fraction(1, 10**15)


def test_28_statements_do_not_follow():
    """Of 51; 16 hold, one is off in its last digit, six stay open."""
    verdicts = [finding.checked.verdict for finding in findings()]

    expected = {"disagrees": 28, "holds": 16, "open": 6, "rounding": 1}
    assert (51, expected) == (len(verdicts), {verdict: verdicts.count(verdict) for verdict in expected})


def test_figures_are_exact():
    """No binary fraction comes in: what the tables say is decimal."""
    assert all(isinstance(value, Decimal) for checked in FOUND.values() for value in checked.computed)
