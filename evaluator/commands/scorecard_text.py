"""A scorecard on an 80-column terminal: the page's words and figures, line by line."""

import textwrap
from collections.abc import Iterator

from evaluator.views.scorecard import CriterionView, MeanView, ScorecardView

WIDTH = 80


def lines_of(view: ScorecardView) -> Iterator[str]:
    """The whole scorecard."""
    yield f"{view.candidate_ref} · {view.rubric_title} ({view.rubric}) · {view.state_words}"
    yield f"scorecard {view.id} · interview {view.interview_id} · judge {view.model}"
    if view.judge_notice:
        yield f"!! {view.judge_notice}"
    if view.words_missing:
        yield from _wrapped(f"!! The words cannot be shown: {view.words_missing}")
    yield from _wrapped(f"Overall {_mean(view.overall)}. {view.advice}")
    for alert in view.alerts:
        yield from _wrapped(f"! {alert.text}", hang="  ")
    for section in view.sections:
        yield ""
        yield f"{section.title} · {_mean(section.mean)}"
        for criterion in section.criteria:
            yield from _criterion(criterion)


def _criterion(criterion: CriterionView) -> Iterator[str]:
    yield f"  {criterion.name}: {criterion.status_words}"
    if criterion.reason:
        yield from _wrapped(criterion.reason, indent="    ")
    if criterion.anchor:
        yield from _wrapped(f"{criterion.level}: {criterion.anchor}", indent="    ", hang="   ")
    if (d := criterion.distribution) is not None:
        shares = "  ".join(f"{s.level}: {s.percent}" for s in d.shares)
        yield f"    expected {d.expected} {d.spread}   {shares}   none: {d.abstain}"
    for quote in criterion.quotes:
        yield from _wrapped(f"“{quote.text or '…'}”", indent="    > ", hang="  ")
        yield f"      {quote.id} · {quote.speaker} · {quote.time}"


def _mean(mean: MeanView) -> str:
    value = mean.absent if mean.value is None else f"{mean.value} of 5" + (f" {mean.spread}" if mean.spread else "")
    return f"{value}, {mean.coverage} criteria"


def _wrapped(text: str, *, indent: str = "", hang: str = "") -> list[str]:
    later = " " * len(indent) + hang
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later, break_long_words=True)
