"""Scoring rates and impact ratios by group, as New York City's Local Law 144 defines them for scores."""

from collections.abc import Mapping
from statistics import median

from evaluator.calibration.agreement import Impact, ImpactRow


def impact_of(column: str, groups: Mapping[str, str | None], scores: Mapping[str, float | None]) -> Impact:
    """The share of each group above the whole sample's median, and its ratio to the highest share.

    groups: interview -> group, None: unknown. scores: interview -> the judge's unrounded overall score. The sample
    is every interview with a score; the unknown are counted and form no group. The law names no threshold.
    """
    scored = {interview: score for interview, score in scores.items() if score is not None}
    middle = median(scored.values()) if scored else None
    of_group: dict[str, list[float]] = {group: [] for group in sorted({g for g in groups.values() if g is not None})}
    for interview, score in scored.items():
        if (group := groups.get(interview)) is not None:
            of_group[group].append(score)
    above = {group: sum(s > middle for s in own) for group, own in of_group.items() if middle is not None}
    rates = {group: above[group] / len(own) for group, own in of_group.items() if own}
    highest = max(rates.values(), default=0.0)
    return Impact(
        column=column,
        median=middle,
        groups=tuple(
            ImpactRow(
                value=group,
                scored=len(own),
                above_median=above.get(group, 0),
                scoring_rate=rates.get(group),
                impact_ratio=rates[group] / highest if group in rates and highest > 0 else None,
            )
            for group, own in of_group.items()
        ),
        unknown=sum(groups.get(interview) is None for interview in scored),
        unscored=len(scores) - len(scored),
    )
