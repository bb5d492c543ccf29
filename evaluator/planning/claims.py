"""The reference article's text against its own tables: each statement with the arithmetic that follows from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from evaluator.planning.article import (
    CONTEXT_TOKENS,
    ENGINEERING_COST,
    FULL,
    GPU_PER_HOUR,
    GPU_STREAMS,
    HYBRID,
    INTERVIEW_MINUTES,
    MANAGED,
    MATRIX,
    MINI_SHARE,
    ON_DEMAND_PER_HOUR,
    SCRIPTED_SHARE,
    SPOT_PER_HOUR,
    STT,
    TIERS,
    TTS,
    VOICE,
    Provider,
    Tier,
)
from evaluator.planning.fit import Precision, weight_bytes
from evaluator.planning.shape import LLAMA_3_1_70B
from evaluator.planning.stack import WEEKS_PER_MONTH, change, rounded
from evaluator.planning.statements import STATEMENTS, Statement

# holds: the tables say the same. rounding: to the last digit only. disagrees: the tables say otherwise.
# open: the article does not give what it would take to tell, or the text can be read in two ways.
Verdict = Literal["holds", "rounding", "disagrees", "open"]

HALF_HOUR = 30  # minutes
Figures = tuple[Decimal, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What the tables say about one statement."""

    sums: str  # the arithmetic, for reading
    computed: Figures  # its results, exact
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A statement, and what came of it."""

    statement: Statement
    checked: Checked


def findings() -> tuple[Finding, ...]:
    """Every statement, in the article's order."""
    return tuple(Finding(statement=s, checked=_CHECKS[s.key](s.printed)) for s in STATEMENTS)


def _found(sums: str, holds: bool, *computed: Decimal) -> Checked:
    return Checked(sums=sums, computed=computed, verdict="holds" if holds else "disagrees")


def _percent(new: Decimal, old: Decimal) -> Decimal:
    """The change in percent, exact; 0 from nothing."""
    return (change(new, old) or Decimal(0)) * 100


def _usd(value: Decimal, places: int = 2) -> str:
    return f"${rounded(value, places):,}"


def _provider(table: tuple[Provider, ...], name: str) -> Provider:
    return {row.name: row for row in table}[name]


GROK = _provider(VOICE, "Grok Voice Agent").per_minute.low


def _saved(tier: Tier, minutes: int | Decimal) -> Decimal:
    return (MANAGED.per_minute - tier.per_minute) * minutes


def _swapped(tier: Tier, **prices: Decimal) -> Decimal:
    """The tier's price a minute with some components at other prices."""
    return tier.per_minute + sum((price - tier.price(key) for key, price in prices.items()), start=Decimal(0))


# ---------------------------------------------------------------- introduction, anatomy


def _opening(printed: Figures) -> Checked:
    interview = printed[0] * HALF_HOUR
    month = interview * 10_000
    sums = f"0.14 x 30 = {_usd(interview)}; x 10,000 = {_usd(month, 0)}"
    return _found(sums, (interview, month) == printed[1:], interview, month)


def _thirty_minutes(printed: Figures) -> Checked:
    cost = FULL.per_minute * HALF_HOUR
    return _found(f"the lowest total, 0.044 x 30 = {_usd(cost)}", cost < printed[0], cost)


def _total(tier: Tier) -> Callable[[Figures], Checked]:
    def check(printed: Figures) -> Checked:
        total, less = tier.per_minute, _percent(tier.per_minute, MANAGED.per_minute)
        sums = " + ".join(str(c.per_minute.normalize()) for c in tier.components) + f" = {total.normalize()}"
        computed = (total,) if tier is MANAGED else (total, less)
        if tier is not MANAGED:
            sums += f"; {rounded(less, 2)} %"
        same = total == printed[0] and (tier is MANAGED or rounded(less, 0) == printed[1])
        return _found(sums, same, *computed)

    return check


def _interview(tier: Tier) -> Callable[[Figures], Checked]:
    def check(printed: Figures) -> Checked:
        cost = tier.per_minute * INTERVIEW_MINUTES
        sums = f"{tier.per_minute.normalize()} x 25 = ${rounded(cost, 3)}"
        if rounded(cost, 2) == printed[0]:
            return _found(sums, True, cost)
        near = abs(cost - printed[0]) < Decimal("0.01")
        sums += f", which rounds to {_usd(cost)}"
        return Checked(sums=sums, computed=(cost,), verdict="rounding" if near else "disagrees")

    return check


def _managed_percent(printed: Figures) -> Checked:
    shares = {c.key: c.per_minute / MANAGED.per_minute * 100 for c in MANAGED.components}
    column = sum(c.printed_percent for c in MANAGED.components)
    wrong = [c for c in MANAGED.components if rounded(shares[c.key], 0) != c.printed_percent]
    sums = f"the column adds up to {column}" + "".join(
        f"; {c.title} is {rounded(shares[c.key], 2)} %, printed as {c.printed_percent}" for c in wrong
    )
    return _found(sums, column == printed[0] and not wrong, Decimal(column), *(shares[c.key] for c in wrong))


def _rows(tier: Tier) -> Callable[[Figures], Checked]:
    def check(_printed: Figures) -> Checked:
        changes = [_percent(c.per_minute, MANAGED.price(c.key)) for c in tier.components]
        same = [rounded(value, 0) for value in changes] == [Decimal(c.printed_percent) for c in tier.components]
        return _found(", ".join(f"{rounded(value, 1)}" for value in changes) + " %", same, *changes)

    return check


def _drivers(printed: Figures) -> Checked:
    three = sum(sorted((c.per_minute for c in MANAGED.components), reverse=True)[:3], start=Decimal(0))
    share = three / MANAGED.per_minute * 100
    return _found(f"{three} of 0.139 = {rounded(share, 2)} %", rounded(share, 0) == printed[0], three, share)


# ---------------------------------------------------------------- the tipping points


def _interviews(printed: Figures) -> Checked:
    count = Decimal(10_000) / HALF_HOUR
    sums = f"10,000 / 30 = {rounded(count, 0)}; 400 is 10,000 / 25"
    return _found(sums, rounded(count, -1) == rounded(printed[0], -1), count)


def _small_company(printed: Figures) -> Checked:
    low, high = (weekly * WEEKS_PER_MONTH * HALF_HOUR for weekly in printed)
    sums = f"15 x 52/12 x 30 = {rounded(low, 0):,} to {rounded(high, 0):,} minutes a month"
    return _found(sums, low <= 10_000 <= high, low, high)


def _voice_spend(printed: Figures) -> Checked:
    voice, whole = (price * 10_000 for price in (MANAGED.price("voice"), MANAGED.per_minute))
    sums = f"the voice line is 0.06 x 10,000 = {_usd(voice, 0)}; the whole stack is {_usd(whole, 0)}"
    return _found(sums, rounded(voice, -2) == printed[0], voice, whole)


def _payback_small(printed: Figures) -> Checked:
    cheap, dear, _, longest = printed
    soonest, latest = cheap / _saved(FULL, 10_000), dear / _saved(HYBRID, 10_000)
    needed = cheap / printed[2]
    share = needed / (MANAGED.per_minute * 10_000) * 100
    sums = (
        f"hybrid saves {_usd(_saved(HYBRID, 10_000), 0)} a month, full {_usd(_saved(FULL, 10_000), 0)}: "
        f"{rounded(soonest, 1)} to {rounded(latest, 1)} months; "
        f"12 to 24 would take {_usd(needed, 0)} a month, {rounded(share, 0)} % of the bill"
    )
    return _found(sums, soonest <= printed[2] and latest <= longest, soonest, latest, needed, share)


def _heading(tier: Tier, row: str) -> Callable[[Figures], Checked]:
    def check(printed: Figures) -> Checked:
        less = -_percent(tier.per_minute, MANAGED.per_minute)
        one = -_percent(tier.price(row), MANAGED.price(row))
        title = {c.key: c.title for c in tier.components}[row].lower()
        sums = f"its table saves {rounded(less, 1)} %; {printed[0]} % is {title} alone ({rounded(one, 1)})"
        return _found(sums, rounded(less, 0) == printed[0], less, one)

    return check


def _payback_hybrid(printed: Figures) -> Checked:
    soonest = ENGINEERING_COST.low / _saved(HYBRID, 50_000)
    latest = ENGINEERING_COST.high / _saved(HYBRID, 10_000)
    sums = (
        f"it saves {_usd(_saved(HYBRID, 10_000), 0)} to {_usd(_saved(HYBRID, 50_000), 0)} a month; "
        f"$15,000 to 30,000 come back after {rounded(soonest, 1)} to {rounded(latest, 1)} months"
    )
    return _found(sums, latest <= printed[1], soonest, latest)


def _two_changes(printed: Figures) -> Checked:
    changed = [c.key for c in HYBRID.components if c.per_minute != MANAGED.price(c.key)]
    two = _swapped(MANAGED, voice=HYBRID.price("voice"), transport=HYBRID.price("transport"))
    less = -_percent(two, MANAGED.per_minute)
    sums = f"{len(changed)} rows change; voice and transport alone: {two}, {rounded(less, 1)} % less"
    return _found(sums, len(changed) == 2 and rounded(less, 0) == printed[0], two, less)


def _saved_month(printed: Figures) -> Checked:
    saved = _saved(HYBRID, 30_000)
    return _found(f"0.054 x 30,000 = {_usd(saved, 0)}", saved == printed[0], saved)


def _six_weeks(printed: Figures) -> Checked:
    monthly = _saved(HYBRID, 30_000)
    earned = monthly / WEEKS_PER_MONTH * printed[0]
    low, high = (cost / monthly for cost in (ENGINEERING_COST.low, ENGINEERING_COST.high))
    sums = (
        f"6 weeks save {_usd(earned, 0)}; $15,000 to 30,000 take {rounded(low, 1)} to {rounded(high, 1)} months"
        "; the same section says 2 to 3"
    )
    return _found(sums, earned >= ENGINEERING_COST.low, earned, low, high)


def _three_cents(printed: Figures) -> Checked:
    lowest = min(tier.per_minute for tier in TIERS)
    own = _swapped(FULL, voice=_provider(VOICE, "Whisper + Llama + Coqui").per_minute.low)
    sums = f"the lowest total is {lowest}; with the cheapest voice of all (0.01) it is {own}"
    return _found(sums, own < printed[0], lowest, own)


def _voice_core(printed: Figures) -> Checked:
    gemini = _provider(VOICE, "Gemini Live").per_minute.low
    sums = f"its provider table: Grok {GROK} flat, whatever the context; Gemini Live from {gemini}"
    return _found(sums, min(GROK, gemini) <= printed[0], GROK, gemini)


def _own_stt(printed: Figures) -> Checked:
    own = _provider(STT, "Whisper.cpp").per_minute.low
    prices = [row.per_minute.low for row in STT if row.billing == "managed"]
    low, high = min(prices) - own, max(prices) - own
    sums = f"its STT table: {min(prices)} to {max(prices)} managed, {own} self-hosted: {low} to {high} saved"
    return _found(sums, low >= printed[0], low, high)


def _spot_discount(printed: Figures) -> Checked:
    off = -_percent(SPOT_PER_HOUR, ON_DEMAND_PER_HOUR)
    row = -_percent(FULL.price("evaluation"), HYBRID.price("evaluation"))
    sums = (
        f"$0.36 for $1.01 an hour is {rounded(off, 1)} % off; the row goes from 0.006, on spot already, to 0.004: "
        f"{rounded(row, 1)} %"
    )
    return _found(sums, rounded(off, 0) >= printed[0], off, row)


def _ninety_cents(printed: Figures) -> Checked:
    needed = FULL.per_minute * INTERVIEW_MINUTES - printed[0]
    speech = _provider(TTS, "Cartesia Sonic").per_minute.low * INTERVIEW_MINUTES
    scripted = speech * SCRIPTED_SHARE.high
    sums = (
        f"that is {_usd(needed)} less; all of Cartesia's speech is {_usd(speech, 3)}, "
        f"20 % of it {_usd(scripted, 3)}; the article itself counts $0.001"
    )
    return _found(sums, scripted >= needed, needed, speech, scripted)


# ---------------------------------------------------------------- providers, STT, TTS, LLM


def _largest_lever(_printed: Figures) -> Checked:
    saved = {c.key: MANAGED.price(c.key) - c.per_minute for c in HYBRID.components}
    sums = (
        f"the largest line; but hybrid's 0.054 are {saved['transport'].normalize()} transport, "
        f"{saved['evaluation'].normalize()} evaluation, {saved['voice'].normalize()} voice, which leads only in full"
    )
    return Checked(sums=sums, computed=(saved["transport"], saved["voice"]), verdict="open")


def _grok_thirty(printed: Figures) -> Checked:
    cost = GROK * HALF_HOUR
    return _found(f"0.05 x 30 = {_usd(cost)}", cost == printed[1], cost)


def _own_pipeline(_printed: Figures) -> Checked:
    sums = (
        f"Tipping Point 3 has STT of one's own, and TTS for some phrases, from {FULL.minutes_from:,}: parts of it pay"
    )
    return Checked(sums=sums, computed=(Decimal(FULL.minutes_from),), verdict="open")


def _own_stt_minute(printed: Figures) -> Checked:
    full = GPU_PER_HOUR / (GPU_STREAMS * 60)
    sums = f"1.00 / (100 x 60) = ${rounded(full, 6)} with every stream in use; from 17 streams on it holds"
    return _found(sums, full < printed[0], full)


def _own_stt_month(printed: Figures) -> Checked:
    table = _provider(STT, "Whisper.cpp").per_minute.low * 100_000
    deepgram = _provider(STT, "Deepgram Nova 3").per_minute.low * 100_000
    always = GPU_PER_HOUR * 730
    sums = (
        f"its table: {_usd(table, 0)} and {_usd(deepgram, 0)}; $200 are $0.002 a minute; "
        f"a GPU that stays on is {_usd(always, 0)}"
    )
    return _found(sums, (table, deepgram) == printed, table, deepgram, always)


def _own_stt_year(printed: Figures) -> Checked:
    year = Decimal(430 - 200) * 12
    return _found(f"(430 - 200) x 12 = {_usd(year, 0)}, if $200 were right", year == printed[0], year)


def _transitions(_printed: Figures) -> Checked:
    low, high = SCRIPTED_SHARE.low * 100, SCRIPTED_SHARE.high * 100
    sums = f"a later section counts {low:.0f} to {high:.0f} % for all scripted speech; the two may not mean the same"
    return Checked(sums=sums, computed=(low, high), verdict="open")


def _context_call(printed: Figures) -> Checked:
    implied = tuple(cost / tokens * 1_000_000 for cost, tokens in zip(printed, CONTEXT_TOKENS, strict=True))
    sums = f"both imply {_usd(implied[0])} per million tokens; the article gives no price of tokens"
    return Checked(sums=sums, computed=implied, verdict="open")


def _routing(printed: Figures) -> Checked:
    ratio = 1 - (printed[1] / 100) / MINI_SHARE
    sums = (
        f"60 % x (1 - r) = 35 % takes r = {rounded(ratio, 2)}: a small model at {rounded(ratio * 100, 0)} % of the "
        "large one's price per call; the article gives neither price"
    )
    return Checked(sums=sums, computed=(ratio,), verdict="open")


def _scripted(printed: Figures) -> Checked:
    price = _provider(TTS, "Cartesia Sonic").per_minute.low
    low, high = (price * HALF_HOUR * share for share in (SCRIPTED_SHARE.low, SCRIPTED_SHARE.high))
    sums = f"0.005 x 30 x 15 to 20 % = {_usd(low, 4)} to {_usd(high, 4)}; 0.001 is 0.005 x 20 %: that of a minute"
    return _found(sums, low <= printed[0] <= high, low, high)


# ---------------------------------------------------------------- evaluation on spot machines


def _evaluation_70(printed: Figures) -> Checked:
    low, high = (-_percent(t.price("evaluation"), MANAGED.price("evaluation")) for t in (HYBRID, FULL))
    sums = f"{rounded(low, 1)} % in the hybrid table, {rounded(high, 1)} % in the full one"
    return _found(sums, low <= printed[0] <= high, low, high)


def _spot_minute(_printed: Figures) -> Checked:
    minute = SPOT_PER_HOUR / 60
    sums = (
        f"0.36 / 60 = {minute}: a whole node for each minute of interview; "
        "how many minutes a node evaluates in one is not said"
    )
    return Checked(sums=sums, computed=(minute,), verdict="open")


def _seventy_billion(printed: Figures) -> Checked:
    needed = [
        Decimal(weight_bytes(LLAMA_3_1_70B, precision)) / 10**9
        for precision in (Precision.BF16, Precision.FP8, Precision.INT4)
    ]
    sums = "weights alone: {} GB in bf16, {} in fp8, {} at 4 bits".format(*(rounded(n, 1) for n in needed))
    return _found(sums, min(needed) <= printed[0], *needed)


# ---------------------------------------------------------------- the decision matrix and the end


def _matrix_row(composed: Decimal, how: str) -> Callable[[Figures], Checked]:
    """The row's stack, put together from the tiers' own lines; ~$3.00 is taken to mean the nearest ten cents."""

    def check(printed: Figures) -> Checked:
        cost = composed * INTERVIEW_MINUTES
        sums = f"{how}: {composed.normalize()} x 25 = {_usd(cost, 3)}"
        return _found(sums, rounded(cost, 1) == rounded(printed[0], 1), cost)

    return check


def _matrix_spot(printed: Figures) -> Checked:
    short, flat = (
        _swapped(HYBRID, evaluation=FULL.price("evaluation"), voice=voice) * INTERVIEW_MINUTES
        for voice in (FULL.price("voice"), GROK)
    )
    sums = f"hybrid with full's evaluation: with its voice too (0.02) {_usd(short, 3)}, with Grok's {_usd(flat, 3)}"
    return _found(sums, rounded(printed[0], 1) in {rounded(short, 1), rounded(flat, 1)}, short, flat)


def _matrix_tiering(printed: Figures) -> Checked:
    grok = GROK * INTERVIEW_MINUTES
    cheapest = _swapped(FULL, voice=GROK) * INTERVIEW_MINUTES
    sums = f"Grok alone is 0.05 x 25 = {_usd(grok)}; with the cheapest of everything else {_usd(cheapest)}"
    return _found(sums, rounded(cheapest, 1) <= printed[0], grok, cheapest)


def _thresholds(printed: Figures) -> Checked:
    sums = f"the tipping points say managed until {MANAGED.minutes_to:,}, full optimization from {FULL.minutes_from:,}"
    computed = (Decimal(MANAGED.minutes_to or 0), Decimal(FULL.minutes_from))
    return _found(sums, computed == printed, *computed)


def _grok_switch(printed: Figures) -> Checked:
    openai, grok = MANAGED.price("voice") * 50_000, GROK * 50_000
    sums = f"0.06 x 50,000 = {_usd(openai, 0)}; 0.05 x 50,000 = {_usd(grok, 0)}; {_usd(openai - grok, 0)} less"
    return _found(sums, (openai, grok, openai - grok) == printed, openai, grok)


def _eight_thousand(printed: Figures) -> Checked:
    minutes = printed[0] / MANAGED.per_minute
    two = minutes * _swapped(MANAGED, voice=HYBRID.price("voice"), transport=HYBRID.price("transport"))
    hybrid = minutes * HYBRID.per_minute
    claimed = -_percent(printed[1], printed[0])
    sums = (
        f"$8,000 are {rounded(minutes, 0):,} minutes: {_usd(two, 0)} with Grok and own LiveKit, {_usd(hybrid, 0)} "
        f"hybrid; $3,500 would be {rounded(claimed, 0)} % less"
    )
    return _found(sums, hybrid <= printed[1], minutes, two, hybrid, claimed)


def _summary(printed: Figures) -> Checked:
    prices = (Decimal("2.13"), Decimal("1.10"), Decimal("0.88"))
    less = tuple(-_percent(price, Decimal("3.47")) for price in prices)
    sums = ", ".join(f"{rounded(value, 1)} %" for value in less)
    return _found(sums, tuple(rounded(value, 0) for value in less) == printed, *less)


def _very_large(printed: Figures) -> Checked:
    minute = printed[0] / INTERVIEW_MINUTES
    other = MATRIX[-1].per_interview
    sums = f"0.88 / 25 = {minute} a minute, in no table; the lowest is 0.044; the matrix says ~{_usd(other)}"
    return _found(sums, minute >= FULL.per_minute and other == printed[0], minute, other)


def _payback(printed: Figures) -> Checked:
    small = ENGINEERING_COST.high / _saved(HYBRID, HYBRID.minutes_from)
    best = ENGINEERING_COST.low / _saved(HYBRID, HYBRID.minutes_to or 0)
    full = [cost / _saved(FULL, FULL.minutes_from) for cost in (ENGINEERING_COST.low, ENGINEERING_COST.high)]
    sums = (
        f"hybrid from 10,000 to 50,000 minutes: {rounded(best, 1)} to {rounded(small, 1)} months; "
        f"full at 50,000: {rounded(full[0], 1)} to {rounded(full[1], 1)}"
    )
    return _found(sums, max(small, *full) <= printed[1], best, small, *full)


_MANAGED_GROK = _swapped(MANAGED, voice=GROK)
_OWN_LIVEKIT = _swapped(MANAGED, voice=GROK, transport=HYBRID.price("transport"))
_OWN_VOICE = _swapped(FULL, voice=_provider(VOICE, "Whisper + Llama + Coqui").per_minute.low)

_CHECKS: Mapping[str, Callable[[Figures], Checked]] = {
    "opening": _opening,
    "thirty_minutes": _thirty_minutes,
    "managed_total": _total(MANAGED),
    "managed_percent": _managed_percent,
    "managed_interview": _interview(MANAGED),
    "drivers": _drivers,
    "interviews": _interviews,
    "small_company": _small_company,
    "voice_spend": _voice_spend,
    "payback_small": _payback_small,
    "hybrid_80": _heading(HYBRID, "transport"),
    "payback_hybrid": _payback_hybrid,
    "hybrid_rows": _rows(HYBRID),
    "hybrid_total": _total(HYBRID),
    "hybrid_interview": _interview(HYBRID),
    "two_changes": _two_changes,
    "saved_month": _saved_month,
    "six_weeks": _six_weeks,
    "full_78": _heading(FULL, "evaluation"),
    "three_cents": _three_cents,
    "full_rows": _rows(FULL),
    "full_total": _total(FULL),
    "full_interview": _interview(FULL),
    "voice_core": _voice_core,
    "own_stt": _own_stt,
    "spot_discount": _spot_discount,
    "ninety_cents": _ninety_cents,
    "largest_lever": _largest_lever,
    "grok_thirty": _grok_thirty,
    "own_pipeline": _own_pipeline,
    "own_stt_minute": _own_stt_minute,
    "own_stt_month": _own_stt_month,
    "own_stt_year": _own_stt_year,
    "transitions": _transitions,
    "context_call": _context_call,
    "routing": _routing,
    "scripted": _scripted,
    "evaluation_70": _evaluation_70,
    "spot_minute": _spot_minute,
    "seventy_billion": _seventy_billion,
    "matrix_managed": _matrix_row(_MANAGED_GROK, "managed with Grok"),
    "matrix_hybrid": _matrix_row(_OWN_LIVEKIT, "managed with Grok and own LiveKit"),
    "matrix_spot": _matrix_spot,
    "matrix_tiering": _matrix_tiering,
    "matrix_full": _matrix_row(_OWN_VOICE, "full with the cheapest voice (0.01)"),
    "thresholds": _thresholds,
    "grok_switch": _grok_switch,
    "eight_thousand": _eight_thousand,
    "summary": _summary,
    "very_large": _very_large,
    "payback": _payback,
}
