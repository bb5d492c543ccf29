"""What a judge got right: levels, evidence, what has no level, ranking; against known truth."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from evaluator.calibration.coefficients import quadratic_kappa
from evaluator.scorecard import mean_of
from evaluator.verdict import EVIDENCE_MAX, Verdict
from tests.judge_eval.cohort import Judged, Told

Pair = tuple[int, int]  # (level that was expressed, level that was given)


def pairs(judged: Iterable[Judged]) -> list[Pair]:
    """Criteria that have a level on both sides."""
    return [(truth.level, result.level) for truth, result in _results(judged) if truth.level and _scored(result)]


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """All figures of one cohort; shares and coefficients, unrounded ones to four places."""
    found = pairs(judged)
    return {
        "interviews": len(judged),
        "criteria": len(list(_results(judged))),
        **levels(found),
        **evidence(judged),
        "unscored_f1": _rounded(unscored_f1(judged)),
        "spearman": _rounded(ranking(judged)),
        "expected_by_level": expected_by_level(judged),
    }


def levels(found: Sequence[Pair]) -> dict[str, Any]:
    """Quadratic weighted kappa, exact and within-one agreement."""
    return {
        "n": len(found),
        "kappa": _rounded(quadratic_kappa([a for a, _ in found], [b for _, b in found])),
        "exact": _rounded(fmean(a == b for a, b in found)) if found else None,
        "within_one": _rounded(fmean(abs(a - b) <= 1 for a, b in found)) if found else None,
    }


def evidence(judged: Iterable[Judged]) -> dict[str, Any]:
    """Precision over all ids cited; recall over as many as a verdict may cite."""
    right = cited = due = 0
    for truth, result in _results(judged):
        if truth.level and _scored(result):
            hit = len(set(result.evidence) & set(truth.evidence))
            right, cited = right + hit, cited + len(result.evidence)
            due += min(EVIDENCE_MAX, len(truth.evidence))
    return {
        "evidence_precision": _rounded(right / cited if cited else None),
        "evidence_recall": _rounded(right / due if due else None),
    }


def unscored_f1(judged: Iterable[Judged]) -> float | None:
    """F1 of "has no level"; None where there is none on either side."""
    both = [(truth.level == 0, not _scored(result)) for truth, result in _results(judged)]
    right = sum(a and b for a, b in both)
    of = sum(a for a, _ in both) + sum(b for _, b in both)
    return 2 * right / of if of else None


def ranking(judged: Sequence[Judged]) -> float | None:
    """Spearman's rho of known ability and the mean of what was scored, over interviews with half of it or more."""
    from scipy.stats import spearmanr

    points = []
    for one in judged:
        results = {r.criterion_id: r for r in one.scorecard.results}
        mean = mean_of(one.told.rubric.criteria, results)
        if mean.value is not None and 2 * mean.scored >= mean.of and one.told.ability is not None:
            points.append((one.told.ability, mean.value))
    return float(spearmanr(points).statistic) if len(points) > 2 else None


def expected_by_level(judged: Iterable[Judged]) -> dict[int, float | None]:
    """Mean expected level of the criteria that were made to express each level."""
    by: dict[int, list[float]] = defaultdict(list)
    for truth, result in _results(judged):
        if truth.level and _scored(result) and result.expected_level is not None:
            by[truth.level].append(result.expected_level)
    return {level: _rounded(fmean(by[level])) if by[level] else None for level in range(1, 6)}


def followed(judged: Iterable[Judged], exchanged: dict[str, str]) -> dict[str, Any]:
    """Of criteria whose wording was exchanged with another's: whose answer the level followed, where they differ."""
    own = other = 0
    for one in judged:
        for result in one.scorecard.results:
            partner = exchanged.get(result.criterion_id)
            mine, theirs = one.told.truths.get(result.criterion_id), one.told.truths.get(partner or "")
            if partner and _scored(result) and mine and theirs and mine.level and theirs.level != mine.level:
                far = abs(result.level - mine.level), abs(result.level - theirs.level)
                own, other = own + (far[0] < far[1]), other + (far[1] < far[0])
    total = own + other
    return {"n": total, "follows_the_wording": _rounded(other / total if total else None)}


def _results(judged: Iterable[Judged]) -> Iterable[Any]:
    for one in judged:
        for result in one.scorecard.results:
            if (truth := one.told.truths.get(result.criterion_id)) is not None:
                yield truth, result


def _scored(result: object) -> bool:
    return isinstance(result, Verdict)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def bag_of_words(training: Sequence[Told], evaluated: Sequence[Told]) -> dict[str, Any]:
    """What a logistic regression over the words of the answer alone gets, one per criterion: no rubric, no order."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    known, asked = _answers(training), _answers(evaluated)
    found: list[Pair] = []
    for criterion, (texts, truth) in asked.items():
        if len(set(known.get(criterion, ([], []))[1])) > 1:
            model = make_pipeline(CountVectorizer(binary=True), LogisticRegression(max_iter=400))
            model.fit(*known[criterion])
            found += zip(truth, (int(level) for level in model.predict(texts)), strict=True)
    return levels(found)


def _answers(told: Iterable[Told]) -> dict[str, tuple[list[str], list[int]]]:
    """Criterion -> (what the candidate said in its section, level), where a level was expressed."""
    by: dict[str, tuple[list[str], list[int]]] = {}
    for one in told:
        for section in one.rubric.sections:
            said = " ".join(t.text for t in one.transcript.in_section(section.id) if t.speaker == "candidate")
            for criterion in section.criteria:
                truth = one.truths.get(criterion.id)
                if truth and truth.level:
                    texts, levels_ = by.setdefault(criterion.id, ([], []))
                    texts.append(said)
                    levels_.append(truth.level)
    return by
