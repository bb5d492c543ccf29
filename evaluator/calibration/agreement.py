"""What is known of a judge's agreement with people, as a value that is stored and shown.

`evaluator.calibration.measuring` makes it; this module needs no numerical library, so that whoever shows it does not
either.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from evaluator.scorecard import Mean, Scorecard
from evaluator.values import Frozen
from evaluator.verdict import Verdict

HUMAN_LABELS_MIN = 200  # compared with the judge's levels; below, nobody says "calibrated"
INTERVIEWS_MIN = 10  # below, a group has no figures and a figure no interval: resampling so few shows nothing
COMMON_MIN = 10  # labels that two raters must have in common for their kappa to enter a mean
UNDEFINED_MAX = 0.05  # share of resamples without a value, above which there is no interval
CONFIDENCE = 0.95

NO_VARIATION = "undefined (no variation)"
NO_LABELS = "undefined (no labels)"
TOO_FEW_IN_COMMON = "undefined (too few)"  # fewer than COMMON_MIN

RULE = (
    "each label is compared with the judge's level, so an interview with two raters counts twice: one person against "
    "the judge is what one person against another can be read beside. The median of several raters is given as well; "
    "it is less noisy than a single rater, so the judge looks better against it. A median between two levels goes to "
    "the even one, which favours neither direction."
)


class JudgeLevel(Frozen):
    """What the judge said about one thing."""

    level: Annotated[int, Field(ge=1, le=5)] | None  # None: unscored, or withheld
    value: float | None  # unrounded: the expected level, or the overall mean; None: not available
    status: str  # "scored", or why there is no level


class JudgedInterview(Frozen):
    """What the judge said about one interview."""

    criteria: Mapping[str, JudgeLevel]  # criterion id ->
    overall: JudgeLevel
    language: str | None = None


def judged(scorecard: Scorecard, *, language: str | None = None) -> JudgedInterview:
    """A scorecard's levels; the overall level is the mean rounded to the nearest, a half to the even one."""
    return JudgedInterview(
        criteria={
            r.criterion_id: JudgeLevel(level=r.level, value=r.expected_level, status=r.status)
            if isinstance(r, Verdict)
            else JudgeLevel(level=None, value=None, status=r.status)
            for r in scorecard.results
        },
        overall=_overall(scorecard.overall),
        language=language,
    )


def _overall(mean: Mean) -> JudgeLevel:
    if mean.value is None:
        return JudgeLevel(level=None, value=None, status="withheld" if mean.scored else "unscorable")
    return JudgeLevel(level=round(mean.value), value=mean.value, status="scored")


class Estimate(Frozen):
    """One figure with its interval."""

    value: float | None
    undefined: str | None = None  # why there is no value
    low: float | None = None  # 95 % interval; None: not computed, or too little to say (`interval_missing`)
    high: float | None = None
    interval_missing: str | None = None


class BaseRate(Frozen):
    """How often one level was given, on the same items."""

    level: int
    judge: int
    human: int
    judge_share: float | None
    human_share: float | None


class Comparison(Frozen):
    """The judge against people under one rule; only where both gave a level."""

    n: int  # labels, or items for the median
    interviews: int
    kappa: Estimate  # quadratic weights, levels 1-5
    alpha: Estimate  # Krippendorff's, ordinal
    exact: Estimate  # share of equal levels
    within_one: Estimate
    mean_error: Estimate  # mean |judge - human|, in levels
    bias: Estimate  # mean (judge - human), in levels: above 0 the judge is more generous
    unrounded_mean_error: float | None  # the same of the judge's expected level or overall mean; None: not available
    unrounded_bias: float | None
    base_rates: tuple[BaseRate, ...]


class Unscored(Frozen):
    """How often one side or both gave no level; these labels are in no other figure."""

    both_scored: int
    both_unscored: int
    only_judge: int  # the judge gave no level, the rater did
    only_human: int  # the rater gave no level, the judge did
    judge_reasons: Mapping[str, int]  # status -> labels, where the judge gave no level
    human_reasons: Mapping[str, int]


class BetweenPeople(Frozen):
    """How far raters agree with each other where several gave a level, and the judge with them on the same items."""

    items: int  # with levels of two raters or more
    raters: int
    pairs: int  # of raters with at least COMMON_MIN labels in common
    pairs_undefined: int  # of those, without a kappa: in no mean
    pairs_too_few: int  # of raters with fewer, at least one: in no kappa
    kappa: Estimate  # mean over those pairs
    alpha: Estimate  # of all raters
    exact: Estimate  # share of equal levels over all pairs of labels of one item
    within_one: Estimate
    judge_kappa: Estimate  # the judge with each of these raters on the same items, mean over raters


class Slice(Frozen):
    """One criterion, all criteria together, or the overall score."""

    kind: Literal["criterion", "all_criteria", "overall"]
    criterion_id: str | None = None
    each: Comparison  # the main rule
    median: Comparison | None  # None: nowhere several raters
    unscored: Unscored
    between_people: BetweenPeople | None  # None: nowhere several raters


class Rater(Frozen):
    """One rater's labels, all criteria together."""

    rater: str
    labels: int  # the overall ones too
    comparison: Comparison


class Group(Frozen):
    """The interviews of one group."""

    column: str
    value: str | None  # None: unknown
    interviews: int
    labels: int
    too_few: bool  # fewer than INTERVIEWS_MIN interviews: no figures
    slices: tuple[Slice, ...]


class ImpactRow(Frozen):
    """How often the judge's overall score of one group is above the median of all."""

    value: str
    scored: int
    above_median: int
    scoring_rate: float | None
    impact_ratio: float | None  # the rate over the highest group's; None: no group has one above 0


class Impact(Frozen):
    """Scoring rates by group, of the labelled interviews only."""

    column: str
    median: float | None
    groups: tuple[ImpactRow, ...]
    unknown: int  # scored interviews whose group is not known
    unscored: int  # interviews without an overall score


class Agreement(Frozen):
    """How far one judge under one rubric version agrees with people."""

    schema_version: Literal[1] = 1
    standing: str  # the one sentence that may say "calibrated"
    rubric: str  # id@version
    model: str  # name@revision
    prompt_version: str
    judge_notice: str | None  # what must stand beside every level of this judge
    labels_sha256: str | None  # of the file
    source: Literal["human", "model"]  # who gave the labels that are compared
    labels: int  # of that source
    labels_compared: int  # with a level on both sides
    labels_of_models_left_out: int
    labels_not_judged: int  # of interviews without a scorecard of this judge: in no figure
    interviews_not_judged: tuple[str, ...]
    interviews: int
    raters: tuple[Rater, ...]
    rule: str
    slices: tuple[Slice, ...]
    groups: tuple[Group, ...]
    impact: tuple[Impact, ...]
    resamples: int  # of the bootstrap, over interviews; 0: no intervals
    seed: int
    software: Mapping[str, str]  # name -> version, of what did the arithmetic


def standing(*, human_labels: int, model_labels: int) -> str:
    """The one sentence that may say "calibrated"; counts of labels that were compared with a level of the judge."""
    if human_labels >= HUMAN_LABELS_MIN:
        return f"calibrated on {human_labels} human labels"
    if not human_labels and model_labels:
        return "not calibrated: labels made by a model"
    return f"not calibrated: {human_labels} of {HUMAN_LABELS_MIN} human labels"
