"""A judge's agreement with people on an 80-column terminal."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from evaluator.calibration.agreement import (
    COMMON_MIN,
    INTERVIEWS_MIN,
    Agreement,
    Comparison,
    Estimate,
    Group,
    Impact,
    Slice,
)

WIDTH = 80
NAME_CHARS = 20
_KINDS = {"all_criteria": "all criteria", "overall": "overall score"}


def lines_of(result: Agreement) -> Iterator[str]:
    """The whole result."""
    yield from _wrapped(f"Agreement with people · {result.rubric} · {result.model}, prompt {result.prompt_version}")
    yield result.standing
    if result.judge_notice:
        yield f"!! {result.judge_notice}"
    yield ""
    yield from _wrapped(_counts(result))
    if not result.slices:
        return
    for block in (_coefficients, _errors, _levels, _missing):
        yield from block(result.slices)
    yield from _between(result.slices)
    yield from _raters(result)
    yield from _groups(result.groups)
    for impact in result.impact:
        yield from _impact(impact)
    yield ""
    yield from _wrapped(f"The rule: {result.rule}")
    yield from _wrapped(_intervals(result))


def _counts(result: Agreement) -> str:
    who = "people" if result.source == "human" else "a model"
    text = (
        f"{result.labels} labels by {who} ({_plural(len(result.raters), 'rater')}, "
        f"{_plural(result.interviews, 'interview')}); in {result.labels_compared} both sides gave a level."
    )
    if result.labels_of_models_left_out:
        text += f" {result.labels_of_models_left_out} labels made by a model are left out."
    if result.labels_not_judged:
        text += f" {result.labels_not_judged} labels are of interviews without a scorecard of this judge."
    return text


def _coefficients(slices: Sequence[Slice]) -> Iterator[str]:
    yield from _table(
        ("", "n", "weighted kappa", "alpha"),
        [(_name(s), str(s.each.n), _full(s.each.kappa), _full(s.each.alpha)) for s in slices],
        (NAME_CHARS, 6, 25, 25),
    )
    if several := [s for s in slices if s.median is not None]:
        yield from _table(
            ("with the median", "n", "weighted kappa", "alpha"),
            [(_name(s), str(m.n), _full(m.kappa), _full(m.alpha)) for s in several if (m := s.median) is not None],
            (NAME_CHARS, 6, 25, 25),
        )


def _errors(slices: Sequence[Slice]) -> Iterator[str]:
    yield from _table(
        ("", "exact", "within 1", "error", "bias (judge - people)"),
        [
            (
                _name(s),
                _percents(s.each.exact),
                _percents(s.each.within_one),
                _levels_apart(s.each.mean_error),
                _full(s.each.bias, signed=True),
            )
            for s in slices
        ],
        (NAME_CHARS, 14, 14, 6, 22),
    )


def _levels(slices: Sequence[Slice]) -> Iterator[str]:
    rows = []
    for s in slices:
        rates = s.each.base_rates
        rows.append((_name(s), "judge", *(_percent(r.judge_share) for r in rates)))
        rows.append(("", "people", *(_percent(r.human_share) for r in rates)))
    yield from _table(("levels given", "", "1", "2", "3", "4", "5"), rows, (NAME_CHARS, 6, 6, 6, 6, 6, 6))


def _missing(slices: Sequence[Slice]) -> Iterator[str]:
    rows = []
    for s in slices:
        u = s.unscored
        rows.append((_name(s), str(u.both_scored), str(u.only_judge), str(u.only_human), str(u.both_unscored)))
    yield from _table(
        ("labels without level", "none", "judge only", "person only", "both"), rows, (NAME_CHARS, 7, 11, 12, 7)
    )
    for s in slices:
        for side, reasons in (("judge", s.unscored.judge_reasons), ("people", s.unscored.human_reasons)):
            if s.kind != "all_criteria" and reasons:
                listed = ", ".join(f"{reason} {n}" for reason, n in reasons.items())
                yield from _wrapped(f"{_name(s)}, {side}: {listed}", indent="  ")


def _between(slices: Sequence[Slice]) -> Iterator[str]:
    rows = [
        (_name(s), str(b.items), _full(b.kappa), _full(b.judge_kappa))
        for s in slices
        if (b := s.between_people) is not None
    ]
    if not rows:
        yield ""
        yield "People among themselves: not known, nothing was rated by two."
        return
    yield from _table(
        ("people among them-", "", "mean weighted kappa", ""),
        [("selves", "items", "person with person", "judge with person"), *rows],
        (NAME_CHARS, 6, 25, 25),
    )
    yield from _table(
        ("", "raters", "alpha", "exact", "within 1"),
        [
            (_name(s), str(b.raters), _full(b.alpha), _percents(b.exact), _percents(b.within_one))
            for s in slices
            if (b := s.between_people) is not None
        ],
        (NAME_CHARS, 6, 22, 14, 14),
    )


def _raters(result: Agreement) -> Iterator[str]:
    if len(result.raters) < 2:
        return
    yield from _table(
        ("rater, all criteria", "n", "weighted kappa", "exact", "bias"),
        [
            (_cut(r.rater), str(c.n), _full(c.kappa), _percent(c.exact.value), _levels_apart(c.bias, signed=True))
            for r in result.raters
            for c in [r.comparison]
        ],
        (NAME_CHARS, 6, 25, 7, 6),
    )


def _groups(groups: Sequence[Group]) -> Iterator[str]:
    """All criteria and the overall score of each group; its single criteria are in the JSON."""
    for column in dict.fromkeys(g.column for g in groups):
        own = [g for g in groups if g.column == column]
        rows = [
            (_cut(_value(g)) if n == 0 else "  overall score", str(c.n), _full(c.kappa), _full(c.bias, signed=True))
            for g in own
            for n, c in enumerate(_together(g))
        ]
        yield from _table(
            (_cut(f"by {column}"), "n", "weighted kappa", "bias (judge - people)"), rows, (NAME_CHARS, 6, 25, 25)
        )
        if few := [g for g in own if g.too_few]:
            listed = ", ".join(f"{_value(g)} ({_plural(g.interviews, 'interview')})" for g in few)
            yield from _wrapped(f"Too few to say (under {INTERVIEWS_MIN} interviews): {listed}", indent="  ")


def _together(group: Group) -> list[Comparison]:
    return [s.each for kind in ("all_criteria", "overall") for s in group.slices if s.kind == kind]


def _impact(impact: Impact) -> Iterator[str]:
    yield from _table(
        (_cut(f"impact by {impact.column}"), "scored", "above median", "scoring rate", "impact ratio"),
        [
            (
                _cut(row.value),
                str(row.scored),
                str(row.above_median),
                _plain(row.scoring_rate),
                _plain(row.impact_ratio),
            )
            for row in impact.groups
        ],
        (NAME_CHARS, 7, 13, 13, 13),
    )
    yield from _wrapped(
        f"The judge's overall scores of the labelled interviews, their median {_plain(impact.median)}; group unknown: "
        f"{impact.unknown}; without an overall score: {impact.unscored}.",
        indent="  ",
    )


def _intervals(result: Agreement) -> str:
    few = f"none where there are fewer than {INTERVIEWS_MIN} interviews or too many resamples have no value"
    if not result.resamples:
        return "No intervals were computed (--bootstrap 0)."
    return (
        f"In brackets the 95 % interval: percentiles of {result.resamples} resamples of the interviews, seed "
        f"{result.seed}; {few}. Kappa has quadratic weights, alpha is Krippendorff's for ordered levels, error is the "
        f"mean distance in levels. A mean of kappas leaves out raters with fewer than {COMMON_MIN} labels in common."
    )


def _name(one: Slice) -> str:
    return _cut(one.criterion_id or _KINDS[one.kind])


def _value(group: Group) -> str:
    return "unknown" if group.value is None else group.value


def _cut(text: str) -> str:
    return text if len(text) <= NAME_CHARS else f"{text[: NAME_CHARS - 1]}…"


def _full(one: Estimate, *, signed: bool = False) -> str:
    """The value with its interval."""
    if one.value is None or one.low is None or one.high is None:
        return _number(one, signed=signed)
    sign = "+" if signed else ""
    return f"{one.value:{sign}.2f} ({one.low:{sign}.2f} to {one.high:{sign}.2f})"


def _number(one: Estimate, *, signed: bool = False) -> str:
    if one.value is None:
        return one.undefined or ""
    return f"{one.value:{'+' if signed else ''}.2f}"


def _levels_apart(one: Estimate, *, signed: bool = False) -> str:
    return "-" if one.value is None else _number(one, signed=signed)


def _percents(one: Estimate) -> str:
    if one.value is None or one.low is None or one.high is None:
        return _percent(one.value)
    return f"{one.value:.0%} ({one.low * 100:.0f}-{one.high * 100:.0f})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """Names to the left, figures to the right of columns of at least these widths."""
    yield ""
    for row in (columns, *rows):
        first, *rest = (
            cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        yield " ".join([first, *rest]).rstrip()


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
