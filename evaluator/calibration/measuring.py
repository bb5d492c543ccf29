"""Measures a judge against people's labels: figures by criterion, overall, by group, by rater, each with its interval.

Pure: the same labels in any order, the same scorecards and the same seed give the same value.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np

from evaluator.calibration import coefficients
from evaluator.calibration.agreement import (
    COMMON_MIN,
    CONFIDENCE,
    INTERVIEWS_MIN,
    NO_LABELS,
    NO_VARIATION,
    RULE,
    TOO_FEW_IN_COMMON,
    UNDEFINED_MAX,
    Agreement,
    BaseRate,
    BetweenPeople,
    Comparison,
    Estimate,
    Group,
    JudgedInterview,
    JudgeLevel,
    Rater,
    Slice,
    Unscored,
    standing,
)
from evaluator.calibration.coefficients import Array
from evaluator.calibration.impact import impact_of
from evaluator.calibration.labels import LANGUAGE, OVERALL, Label, group_values
from evaluator.calibration.resampling import Resampler, Tally, interval
from rubrics.model import LEVELS

NO_INTERVAL_FEW = f"fewer than {INTERVIEWS_MIN} interviews"
NO_INTERVAL_UNDEFINED = "undefined in too many resamples"

Progress = Callable[[int, int], None]  # steps done, steps in all


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Whose scorecards are compared."""

    rubric: str  # id@version
    criteria: tuple[str, ...]  # ids in rubric order
    model: str  # name@revision
    prompt_version: str
    notice: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One label beside what the judge said."""

    interview: str
    criterion: str
    rater: str
    human: int | None
    human_status: str
    judge: JudgeLevel


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """A level of each side."""

    interview: str
    judge: int
    human: int
    value: float | None  # the judge's, unrounded


def measure(
    labels: Sequence[Label],
    judged: Mapping[str, JudgedInterview],
    judge: Judge,
    *,
    by: Sequence[str] = (),
    resamples: int,
    seed: int,
    labels_sha256: str | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Agreement:
    """Agreement of the judge with the people behind the labels.

    judged: interview -> the judge's levels; labels of other interviews are counted, and in no figure. by: columns of
    groups besides the language, several joined by `+`. Where a person gave a label, those that models gave are left
    out. ValueError for two labels of one rater for one thing; UsageFault where one interview is in two groups.
    """
    used, source = _used(labels)
    rows = _rows([label for label in used if label.interview in judged], judged, judge.criteria)
    interviews = sorted({row.interview for row in rows})
    missing = sorted({label.interview for label in used} - set(judged))
    columns = list(dict.fromkeys([LANGUAGE, *by]))
    groups = [(column, _values(column, used, judged, interviews)) for column in columns]
    measuring = _Measuring(interviews, judge.criteria, resamples=resamples, seed=seed)
    measuring.count_steps(rows, [values for _, values in groups], progress)
    compared = sum(row.human is not None and row.judge.level is not None for row in rows)
    return Agreement(
        standing=standing(
            human_labels=compared if source == "human" else 0, model_labels=len(used) if source == "model" else 0
        ),
        rubric=judge.rubric,
        model=judge.model,
        prompt_version=judge.prompt_version,
        judge_notice=judge.notice,
        labels_sha256=labels_sha256,
        source=source,
        labels=len(used),
        labels_compared=compared,
        labels_of_models_left_out=len(labels) - len(used),
        labels_not_judged=len(used) - len(rows),
        interviews_not_judged=tuple(missing),
        interviews=len(interviews),
        raters=measuring.raters(rows),
        rule=RULE,
        slices=measuring.slices(rows),
        groups=tuple(g for column, values in groups for g in measuring.groups(column, values, rows)),
        impact=tuple(
            impact_of(column, values, {i: judged[i].overall.value for i in interviews})
            for column, values in groups
            if column != LANGUAGE
        ),
        resamples=resamples,
        seed=seed,
        software=coefficients.software(),
    )


def _used(labels: Sequence[Label]) -> tuple[list[Label], Literal["human", "model"]]:
    """People's labels where there are any, else the models'; in an order of their own."""
    keys = Counter((label.rater, label.interview, label.criterion) for label in labels)
    if twice := [key for key, n in keys.items() if n > 1]:
        raise ValueError(f"two labels of rater {twice[0][0]} for {twice[0][2]} of interview {twice[0][1]}")
    human = [label for label in labels if label.source == "human"]
    ordered = sorted(human or labels, key=lambda one: (one.interview, one.criterion, one.rater))
    return ordered, "human" if human or not labels else "model"


def _rows(labels: Iterable[Label], judged: Mapping[str, JudgedInterview], criteria: Sequence[str]) -> list[_Row]:
    return [
        _Row(
            interview=label.interview,
            criterion=label.criterion,
            rater=label.rater,
            human=label.level,
            human_status=label.status,
            judge=judged[label.interview].overall
            if label.criterion == OVERALL and OVERALL not in criteria
            else judged[label.interview].criteria[label.criterion],
        )
        for label in labels
    ]


def _values(
    column: str, labels: Sequence[Label], judged: Mapping[str, JudgedInterview], interviews: Sequence[str]
) -> dict[str, str | None]:
    """Interview -> group; the language of the interview's own record where the file does not say."""
    found = group_values(labels, column)
    if column != LANGUAGE:
        return {i: found[i] for i in interviews}
    return {i: (found[i] or judged[i].language or "").lower() or None for i in interviews}


class _Measuring:
    """The figures of one measurement, which share their resamples."""

    def __init__(self, interviews: Sequence[str], criteria: Sequence[str], *, resamples: int, seed: int) -> None:
        self._number = {interview: n for n, interview in enumerate(interviews)}
        self._criteria = criteria
        self._resampler = Resampler(len(interviews), resamples=resamples if interviews else 0, seed=seed)
        self._step: Callable[[], None] = lambda: None

    def count_steps(self, rows: Sequence[_Row], groups: Sequence[Mapping[str, str | None]], progress: Progress) -> None:
        """From now on `progress` is told of every slice and rater that is done."""
        raters = len({row.rater for row in rows})
        slices = len({row.criterion for row in rows}) + 1
        parts = 1 + sum(n >= INTERVIEWS_MIN for values in groups for n in Counter(values.values()).values())
        steps = itertools.count(1)
        self._step = lambda: progress(next(steps), raters + slices * parts)

    def slices(self, rows: Sequence[_Row]) -> tuple[Slice, ...]:
        """Each criterion in rubric order, all of them together, and the overall score; those that have labels."""
        by_criterion: dict[str, list[_Row]] = defaultdict(list)
        for row in rows:
            by_criterion[row.criterion].append(row)
        found = [self._slice("criterion", by_criterion[c], c) for c in self._criteria if c in by_criterion]
        if together := [row for row in rows if row.criterion in self._criteria]:
            found.append(self._slice("all_criteria", together))
        if OVERALL not in self._criteria and OVERALL in by_criterion:
            found.append(self._slice("overall", by_criterion[OVERALL]))
        return tuple(found)

    def groups(self, column: str, values: Mapping[str, str | None], rows: Sequence[_Row]) -> Iterable[Group]:
        """The column's groups by name, the unknown last."""
        for value in sorted(set(values.values()), key=lambda one: (one is None, one or "")):
            own = [row for row in rows if values[row.interview] == value]
            interviews = len({row.interview for row in own})
            few = interviews < INTERVIEWS_MIN
            yield Group(
                column=column,
                value=value,
                interviews=interviews,
                labels=len(own),
                too_few=few,
                slices=() if few else self.slices(own),
            )

    def raters(self, rows: Sequence[_Row]) -> tuple[Rater, ...]:
        """Each rater's labels against the judge's levels, all criteria together."""
        found = []
        for name in sorted({row.rater for row in rows}):
            own = [row for row in rows if row.rater == name]
            criteria = [row for row in own if row.criterion in self._criteria]
            found.append(Rater(rater=name, labels=len(own), comparison=self._compare(_each(criteria))))
            self._step()
        return tuple(found)

    def _slice(
        self, kind: Literal["criterion", "all_criteria", "overall"], rows: Sequence[_Row], criterion: str | None = None
    ) -> Slice:
        items = _items(rows)
        several = {key: item for key, item in items.items() if len(_levels(item)) > 1}
        found = Slice(
            kind=kind,
            criterion_id=criterion,
            each=self._compare(_each(rows)),
            median=self._compare(_medians(items.values())) if several else None,
            unscored=_unscored(rows),
            between_people=self._between(list(several.values())) if several else None,
        )
        self._step()
        return found

    def _compare(self, pairs: Sequence[_Pair]) -> Comparison:
        judge, human = [p.judge for p in pairs], [p.human for p in pairs]
        tally = Tally.of_pairs([(self._number[p.interview], p.judge, p.human) for p in pairs])
        table = tally.total
        points = [
            coefficients.quadratic_kappa(judge, human),
            coefficients.ordinal_alpha(list(zip(judge, human, strict=True))),
            *[_defined(figure(table)) for figure in _MEANS],
        ]
        figures = [coefficients.kappas, coefficients.pair_alphas, *_MEANS]
        kappa, alpha, exact, within_one, mean_error, bias = self._estimates(points, [tally], figures)
        errors = [p.value - p.human for p in pairs if p.value is not None]
        whole = bool(pairs) and len(errors) == len(pairs)
        return Comparison(
            n=len(pairs),
            interviews=len(tally.rows),
            kappa=kappa,
            alpha=alpha,
            exact=exact,
            within_one=within_one,
            mean_error=mean_error,
            bias=bias,
            unrounded_mean_error=math.fsum(map(abs, errors)) / len(errors) if whole else None,
            unrounded_bias=math.fsum(errors) / len(errors) if whole else None,
            base_rates=_base_rates(judge, human),
        )

    def _between(self, items: Sequence[Sequence[_Row]]) -> BetweenPeople:
        """Of items with levels of two raters or more."""
        with_judge, pairs = _by_rater(items), _by_pair(items)
        enough = [common for common in pairs.values() if len(common) >= COMMON_MIN]
        everyone = self._tally([one for common in pairs.values() for one in common])
        # Which of two raters is first does not matter to exact and within-one agreement.
        shares = [coefficients.exact_shares, coefficients.within_one_shares]
        exact, within = self._estimates([_defined(f(everyone.total)) for f in shares], [everyone], shares)
        units = [(item[0].interview, _levels(item)) for item in items]
        coincidences = Tally.of_units([(self._number[i], levels) for i, levels in units])
        point = coefficients.ordinal_alpha([levels for _, levels in units])
        (alpha,) = self._estimates([point], [coincidences], [coefficients.alphas])
        return BetweenPeople(
            items=len(items),
            raters=len(with_judge),
            pairs=len(enough),
            pairs_undefined=sum(_kappa(common) is None for common in enough),
            pairs_too_few=len(pairs) - len(enough),
            kappa=self._mean_kappa(enough),
            alpha=alpha,
            exact=exact,
            within_one=within,
            judge_kappa=self._mean_kappa([own for own in with_judge.values() if len(own) >= COMMON_MIN]),
        )

    def _tally(self, pairs: Iterable[tuple[str, int, int]]) -> Tally:
        return Tally.of_pairs([(self._number[interview], one, other) for interview, one, other in pairs])

    def _mean_kappa(self, groups: Sequence[Sequence[tuple[str, int, int]]]) -> Estimate:
        """The mean of each group's kappa, of those that are defined."""
        if not groups:
            return Estimate(value=None, undefined=TOO_FEW_IN_COMMON)
        defined = [kappa for group in groups if (kappa := _kappa(group)) is not None]
        point = math.fsum(defined) / len(defined) if defined else None
        tallies = [self._tally(group) for group in groups]
        return self._estimates([point], tallies, [coefficients.kappas])[0]

    def _estimates(
        self, points: Sequence[float | None], tallies: Sequence[Tally], figures: Sequence[Callable[[Array], Array]]
    ) -> list[Estimate]:
        """The points with their intervals."""
        rows = np.unique(np.concatenate([tally.rows for tally in tallies]))
        if not len(rows):
            return [Estimate(value=None, undefined=NO_LABELS) for _ in points]
        if len(rows) < INTERVIEWS_MIN or not self._resampler.resamples:
            missing = NO_INTERVAL_FEW if len(rows) < INTERVIEWS_MIN else None
            return [_estimate(point, None, missing) for point in points]
        values = self._resampler.values(tallies, figures)
        return [
            _estimate(
                point,
                interval(v, confidence=CONFIDENCE, undefined_max=UNDEFINED_MAX),
                NO_INTERVAL_UNDEFINED,
            )
            for point, v in zip(points, values, strict=True)
        ]


_MEANS = [coefficients.exact_shares, coefficients.within_one_shares, coefficients.mean_errors, coefficients.biases]


def _kappa(pairs: Sequence[tuple[str, int, int]]) -> float | None:
    return coefficients.quadratic_kappa([one for _, one, _ in pairs], [other for _, _, other in pairs])


def _defined(value: Array) -> float | None:
    return None if np.isnan(value) else float(value)


def _estimate(point: float | None, found: tuple[float, float] | None, missing: str | None) -> Estimate:
    if point is None:
        return Estimate(value=None, undefined=NO_VARIATION)
    if found is None:
        return Estimate(value=point, interval_missing=missing)
    return Estimate(value=point, low=found[0], high=found[1])


def _each(rows: Iterable[_Row]) -> list[_Pair]:
    """The main rule: every label against the judge's level."""
    return [
        _Pair(interview=row.interview, judge=row.judge.level, human=row.human, value=row.judge.value)
        for row in rows
        if row.human is not None and row.judge.level is not None
    ]


def _medians(items: Iterable[Sequence[_Row]]) -> list[_Pair]:
    """The median of the raters' levels against the judge's level; a half goes to the even level."""
    return [
        _Pair(interview=item[0].interview, judge=judge.level, human=round(median(levels)), value=judge.value)
        for item in items
        for judge, levels in [(item[0].judge, _levels(item))]
        if levels and judge.level is not None
    ]


def _items(rows: Iterable[_Row]) -> dict[tuple[str, str], list[_Row]]:
    """(interview, criterion) -> the labels that it was given."""
    found: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.interview, row.criterion].append(row)
    return found


def _levels(item: Iterable[_Row]) -> list[int]:
    return [row.human for row in item if row.human is not None]


def _by_pair(items: Iterable[Sequence[_Row]]) -> dict[tuple[str, str], list[tuple[str, int, int]]]:
    """Two raters -> interview and both levels, for each item that both gave a level."""
    found: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for item in items:
        scored = sorted((row.rater, row.human) for row in item if row.human is not None)
        for (one, a), (other, b) in itertools.combinations(scored, 2):
            found[one, other].append((item[0].interview, a, b))
    return found


def _by_rater(items: Iterable[Sequence[_Row]]) -> dict[str, list[tuple[str, int, int]]]:
    """Rater -> interview, the judge's level and the rater's, for each item that both gave a level."""
    found: dict[str, list[tuple[str, int, int]]] = {}
    for row in itertools.chain.from_iterable(items):
        if row.human is not None:
            own = found.setdefault(row.rater, [])
            if row.judge.level is not None:
                own.append((row.interview, row.judge.level, row.human))
    return found


def _unscored(rows: Iterable[_Row]) -> Unscored:
    cells = Counter((row.judge.level is None, row.human is None) for row in rows)
    return Unscored(
        both_scored=cells[False, False],
        both_unscored=cells[True, True],
        only_judge=cells[True, False],
        only_human=cells[False, True],
        judge_reasons=_sorted(Counter(row.judge.status for row in rows if row.judge.level is None)),
        human_reasons=_sorted(Counter(row.human_status for row in rows if row.human is None)),
    )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _base_rates(judge: Sequence[int], human: Sequence[int]) -> tuple[BaseRate, ...]:
    n = len(judge)
    judges, humans = Counter(judge), Counter(human)
    return tuple(
        BaseRate(
            level=level,
            judge=judges[level],
            human=humans[level],
            judge_share=judges[level] / n if n else None,
            human_share=humans[level] / n if n else None,
        )
        for level in LEVELS
    )
