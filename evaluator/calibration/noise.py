"""How much a judge's levels differ when nothing differs but chance, or the order of criteria: pure statistics.

The same interviews are scored k times. What their scorings differ by is noise: it says from which difference on two
candidates can be told apart, and nothing about whether a level is right.

Of one figure (a criterion's level, its expected level, the overall mean) x[i][r] is that of scoring r of interview i:

    sd         = sqrt( sum over i, r of (x[i][r] - mean of i)^2 / df ),   df = sum over i of (scorings of i - 1)
    difference = t(0.95, df) * sqrt(2) * sd

The first is the pooled standard deviation within interviews; the second the repeatability limit of ISO 5725-6 with
Student's two-sided t in place of 1.96, as df is small: two scorings of equal worth differ by more in 5 of 100 cases.
Where no scoring differs from another, sd is no 0 but a bound: by the rule of three at most 3/df of scorings change
(95 %), and if a change is one level, sd is at most sqrt(3 / (2 df)). All of it holds for a pair of candidates; of many
pairs some differ by more from chance alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field

from evaluator.calibration.student import two_sided
from evaluator.scorecard import Scorecard
from evaluator.values import Frozen
from evaluator.verdict import Verdict

CONFIDENCE = 0.95
NORMAL_95 = 1.96
RULE_OF_THREE = 3.0  # -ln(0.05): what was never seen in n tries has a share of at most 3/n, at 95 %
STEP = 1.0  # levels by which a change that was never seen is taken to move a figure
INTERVIEWS_MIN = 2
REPLICATES_MAX = 20
DECIMALS = 6

Share = Annotated[float, Field(ge=0, le=1)]
Standing = Literal["higher", "lower", "not_distinguishable", "no_order_claimed"]


class Reading(Frozen):
    """What one scoring says about one criterion."""

    criterion_id: str
    status: str  # scored, or why there is no level
    level: int | None = None  # the sampled one
    expected_level: float | None = None  # None: unscored, or the endpoint gives no probabilities


class Scoring(Frozen):
    """One scoring of one interview, as far as noise is concerned."""

    interview_id: str
    replicate: int  # 1..k
    readings: tuple[Reading, ...]
    overall: float | None  # None: nothing scored, withheld, or a section failed
    failed_sections: int = Field(default=0, ge=0)


class Flips(Frozen):
    """How often two scorings of one interview disagree: of all pairs, over all interviews."""

    pairs: int
    flipped: int
    rate: Share | None  # None: nothing to compare; `words` says why
    upper_bound: Share | None = None  # only where none was seen: the share that it may still be, at 95 %
    words: str | None = None


class Repeatability(Frozen):
    """How far two scorings of one interview lie apart, in levels."""

    basis: Literal["measured", "upper_bound", "undefined"]
    interviews: int  # with two scorings or more
    scorings: int
    degrees_of_freedom: int
    sd: float | None  # pooled within interviews; for upper_bound at most this
    difference: float | None  # two candidates this close or closer are not told apart, at 95 %
    words: str | None = None  # why it is a bound or undefined


class CriterionNoise(Frozen):
    """One criterion under one order of criteria."""

    criterion_id: str
    interviews: int  # with at least one scoring that did not fail
    failed: int  # scorings whose section failed: left out of all figures
    flips: Flips  # different sampled levels, of pairs that both have one
    scored_flips: Flips  # one scored and the other not, of pairs that did not fail
    level: Repeatability
    expected_level: Repeatability


class OrderNoise(Frozen):
    """All figures under one order of criteria."""

    scorings: int
    failed_sections: int  # counted and left out
    without_overall: int  # scorings with no overall mean: nothing scored, or withheld
    criteria: tuple[CriterionNoise, ...]  # in rubric order
    overall: Repeatability  # of the overall means themselves, coverage included


class CriterionDifference(Frozen):
    """What comparison uses for one criterion: the larger of the two orders."""

    criterion_id: str
    level: Repeatability
    expected_level: Repeatability


class Combined(Frozen):
    """What comparison uses."""

    criteria: tuple[CriterionDifference, ...]
    overall: Repeatability


class Noise(Frozen):
    """One measurement: the body of a stored calibration of kind `noise`."""

    schema_version: Literal[1] = 1
    interviews: int
    k: int
    seed: int  # of the sample and the orders
    temperature: float  # the product's own
    confidence: float = CONFIDENCE
    same_order: OrderNoise
    shuffled_order: OrderNoise
    combined: Combined

    def criterion(self, criterion_id: str) -> CriterionDifference | None:
        """What comparison uses for this criterion; None: it was not measured."""
        return next((c for c in self.combined.criteria if c.criterion_id == criterion_id), None)


def scoring_of(interview_id: str, replicate: int, scorecard: Scorecard) -> Scoring:
    """What a replicate's scorecard says, whatever the order of its criteria. A failed section gives no overall mean."""
    failed = sum(any(r.status == "failed" for r in s.results) for s in scorecard.sections)
    return Scoring(
        interview_id=interview_id,
        replicate=replicate,
        readings=tuple(_reading(result) for result in scorecard.results),
        overall=None if failed else scorecard.overall.value,
        failed_sections=failed,
    )


def _reading(result: object) -> Reading:
    if isinstance(result, Verdict):
        return Reading(
            criterion_id=result.criterion_id,
            status=result.status,
            level=result.level,
            expected_level=result.expected_level,
        )
    return Reading.model_validate(result, from_attributes=True)


def measure(
    same: Sequence[Scoring],
    shuffled: Sequence[Scoring],
    criteria: Sequence[str],
    *,
    k: int,
    seed: int,
    temperature: float,
) -> Noise:
    """The measurement of these scorings.

    same: scorings under the rubric's own order; shuffled: each replicate under another; criteria: ids in rubric order.
    """
    first, second = _under(same, criteria), _under(shuffled, criteria)
    return Noise(
        interviews=len({s.interview_id for s in (*same, *shuffled)}),
        k=k,
        seed=seed,
        temperature=temperature,
        same_order=first,
        shuffled_order=second,
        combined=Combined(
            criteria=tuple(
                CriterionDifference(
                    criterion_id=a.criterion_id,
                    level=larger(a.level, b.level),
                    expected_level=larger(a.expected_level, b.expected_level),
                )
                for a, b in zip(first.criteria, second.criteria, strict=True)
            ),
            overall=larger(first.overall, second.overall),
        ),
    )


def _under(scorings: Sequence[Scoring], criteria: Sequence[str]) -> OrderNoise:
    return OrderNoise(
        scorings=len(scorings),
        failed_sections=sum(s.failed_sections for s in scorings),
        without_overall=sum(s.overall is None for s in scorings),
        criteria=tuple(_criterion(criterion_id, scorings) for criterion_id in criteria),
        overall=repeatability(_grouped((s.interview_id, s.overall) for s in scorings)),
    )


def _criterion(criterion_id: str, scorings: Sequence[Scoring]) -> CriterionNoise:
    found = [(s.interview_id, r) for s in scorings for r in s.readings if r.criterion_id == criterion_id]
    sound = [(interview, r) for interview, r in found if r.status != "failed"]
    levels = _grouped((interview, r.level) for interview, r in sound)
    scored = _grouped((interview, float(r.level is not None)) for interview, r in sound)
    return CriterionNoise(
        criterion_id=criterion_id,
        interviews=len({interview for interview, _ in sound}),
        failed=len(found) - len(sound),
        flips=flips(levels),
        scored_flips=flips(scored),
        level=repeatability(levels),
        expected_level=repeatability(_grouped((interview, r.expected_level) for interview, r in sound)),
    )


def _grouped(pairs: Iterable[tuple[str, float | None]]) -> Mapping[str, Sequence[float]]:
    """Interview -> its figures; those that are missing are left out."""
    groups: dict[str, list[float]] = {}
    for interview, value in pairs:
        if value is not None:
            groups.setdefault(interview, []).append(float(value))
    return groups


def flips(groups: Mapping[str, Sequence[float]]) -> Flips:
    """The share of pairs of scorings of one interview that differ; interview -> what its scorings say."""
    flipped = [a != b for values in groups.values() for a, b in combinations(values, 2)]
    if not flipped:
        return Flips(pairs=0, flipped=0, rate=None, words=_nothing_to_compare(groups))
    count = sum(flipped)
    if count:
        return Flips(pairs=len(flipped), flipped=count, rate=round(count / len(flipped), DECIMALS))
    repeats = _degrees_of_freedom(groups)
    bound = round(min(1.0, RULE_OF_THREE / repeats), DECIMALS)
    words = f"none seen in {repeats} repeats: at most {bound:.1%} (rule of three, 95 %)"
    return Flips(pairs=len(flipped), flipped=0, rate=0.0, upper_bound=bound, words=words)


def repeatability(groups: Mapping[str, Sequence[float]]) -> Repeatability:
    """Within-interview standard deviation and the difference that it makes; interview -> figures of its scorings.

    Undefined, in words, with fewer than two interviews that have two scorings; a bound where no two scorings differ.
    """
    repeated = {interview: values for interview, values in groups.items() if len(values) > 1}
    df = _degrees_of_freedom(repeated)
    interviews, scorings = len(repeated), sum(map(len, repeated.values()))
    basis: Literal["measured", "upper_bound", "undefined"] = "measured"
    sd = math.sqrt(math.fsum(map(_squares, repeated.values())) / df) if df else None
    words = difference = None
    if interviews < INTERVIEWS_MIN:
        basis, sd, words = "undefined", None, _too_few(groups, interviews)
    elif sd == 0 and df <= RULE_OF_THREE:
        basis, sd = "undefined", None
        words = f"no variation, but {df} repeats are too few to bound it; take more interviews or a larger k"
    elif sd == 0:
        basis, sd, words = "upper_bound", STEP * math.sqrt(RULE_OF_THREE / (2 * df)), _unseen(df)
        difference = NORMAL_95 * math.sqrt(2) * sd
    elif sd is not None:
        difference = two_sided(CONFIDENCE, df) * math.sqrt(2) * sd
    return Repeatability(
        basis=basis,
        interviews=interviews,
        scorings=scorings,
        degrees_of_freedom=df,
        sd=sd,
        difference=difference,
        words=words,
    )


def _squares(values: Sequence[float]) -> float:
    """Sum of squared deviations from the mean; by pairs, so that equal values give exactly 0."""
    return math.fsum((a - b) ** 2 for a, b in combinations(values, 2)) / len(values)


def _degrees_of_freedom(groups: Mapping[str, Sequence[float]]) -> int:
    return sum(len(values) - 1 for values in groups.values() if values)


def _unseen(df: int) -> str:
    return f"no variation in {df} repeats: at most {RULE_OF_THREE / df:.1%} of scorings change (rule of three, 95 %)"


def _nothing_to_compare(groups: Mapping[str, Sequence[float]]) -> str:
    return "no interview has two scorings to compare; take a larger k" if groups else "nothing scored"


def _too_few(groups: Mapping[str, Sequence[float]], interviews: int) -> str:
    if interviews == 0:
        return _nothing_to_compare(groups)
    return "only one interview has two scorings to compare; take more interviews"


def larger(a: Repeatability, b: Repeatability) -> Repeatability:
    """The one with the larger difference; undefined if either is.

    What was measured goes before a bound on what was not seen: variation under one order is known to exist, and the
    bound under the other only says how little was looked at.
    """
    for one in (a, b):
        if one.basis == "undefined":
            return one
    measured = [one for one in (a, b) if one.basis == "measured"]
    return max(measured or (a, b), key=lambda one: one.difference or 0.0)


def distinguishable(a: float | None, b: float | None, measurement: Repeatability | None) -> Standing:
    """How a stands to b, as far as the noise lets one say; `higher`: a is above b by more than noise explains.

    a, b: the same figure of two candidates under the rubric version, judge and prompt that were measured; None: it has
    none. No order is claimed where a figure is missing, and where the noise was never measured or is undefined.
    """
    if a is None or b is None or measurement is None or measurement.difference is None:
        return "no_order_claimed"
    gap = a - b
    if not math.isfinite(gap):
        return "no_order_claimed"
    if abs(gap) <= measurement.difference:
        return "not_distinguishable"
    return "higher" if gap > 0 else "lower"
