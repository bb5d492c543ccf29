"""A measurement of noise as lines for people, within 80 columns."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from evaluator.calibration.noise import CriterionDifference, CriterionNoise, Flips, Noise, Repeatability
from evaluator.scorecard import judge_notice
from evaluator.storage.calibrations import Calibration

COLUMNS = 79
NAME_CHARS_MAX = 27


def as_lines(stored: Calibration, noise: Noise) -> Iterator[str]:
    """The whole measurement: heading, one line a criterion, what the columns mean, and what is not known."""
    yield from _heading(stored, noise)
    yield ""
    yield from _table(noise)
    yield ""
    for note in _notes(noise):
        yield from wrap(note, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    if notice := judge_notice(stored.model):
        yield f"!! {notice}"


def _heading(stored: Calibration, noise: Noise) -> Iterator[str]:
    failed = noise.same_order.failed_sections + noise.shuffled_order.failed_sections
    yield f"Noise of {stored.rubric_id}@{stored.rubric_version}"
    yield f"judge {stored.model}, prompt {stored.prompt_version}, temperature {noise.temperature:g}"
    times = "once" if noise.k == 1 else f"{noise.k} times"
    yield f"{noise.interviews} interviews, each {times} in the rubric's order and {times} in others"
    if failed:
        yield f"{failed} sections failed; they are left out and stand for no level"


def _table(noise: Noise) -> Iterator[str]:
    yield f"{'':{NAME_CHARS_MAX}}  {'flips':^15}  {'sd':^15}  {'alike up to':>12}"
    yield f"{'criterion':{NAME_CHARS_MAX}}  {'same':>6} {'shuffled':>8}  {'same':>6} {'shuffled':>8}  {'(95 %)':>12}"
    rows = zip(noise.same_order.criteria, noise.shuffled_order.criteria, noise.combined.criteria, strict=True)
    for same, shuffled, combined in rows:
        yield _row(
            same.criterion_id,
            (_flips(same.flips), _flips(shuffled.flips)),
            (_of(same), _of(shuffled)),
            _of(combined),
        )
    overall = (noise.same_order.overall, noise.shuffled_order.overall)
    yield _row("overall mean", ("", ""), overall, noise.combined.overall)


def _row(name: str, flips: Sequence[str], sds: Sequence[Repeatability], combined: Repeatability) -> str:
    short = name if len(name) <= NAME_CHARS_MAX else name[: NAME_CHARS_MAX - 1] + "…"
    a, b = (_number(one.sd, one) for one in sds)
    least = _number(combined.difference, combined)
    return f"{short:{NAME_CHARS_MAX}}  {flips[0]:>6} {flips[1]:>8}  {a:>6} {b:>8}  {least:>12}".rstrip()


def _of(one: CriterionNoise | CriterionDifference) -> Repeatability:
    """Expected levels where the judge gives them, for the means are made of these; else sampled levels."""
    return one.level if one.expected_level.basis == "undefined" else one.expected_level


def _flips(flips: Flips) -> str:
    if flips.rate is None:
        return "-"
    if flips.upper_bound is None:
        return f"{flips.rate:.0%}"
    return f"<{flips.upper_bound:.0%}" if flips.upper_bound < 1 else "-"


def _number(value: float | None, of: Repeatability) -> str:
    """A bound is told from a figure that was measured."""
    if value is None:
        return "-"
    sign = "<" if of.basis == "upper_bound" else ""
    return f"{sign}{value:.2f}" if value >= 0.005 else "<0.01"


def _notes(noise: Noise) -> Iterator[str]:
    yield "flips: pairs of scorings of one interview with different levels."
    yield "sd: standard deviation within interviews, of expected levels where the judge gives them, in levels."
    yield (
        "alike up to: two candidates this close are not told apart. t(95 %) * sqrt(2) * sd, under the order that "
        "differs more; for one pair, not for a ranking of many."
    )
    if any(c.flips.upper_bound is not None for o in (noise.same_order, noise.shuffled_order) for c in o.criteria):
        yield "<: none was seen; it may still be this much (rule of three, 95 %)."
    yield from _unknown(noise)
    yield from _scored_flips(noise)


def _unknown(noise: Noise) -> Iterator[str]:
    """For which no difference can be told, by the reason."""
    names: dict[str, list[str]] = {}
    figures = [(c.criterion_id, _of(c)) for c in noise.combined.criteria]
    for name, one in [*figures, ("overall mean", noise.combined.overall)]:
        if one.difference is None and one.words:
            names.setdefault(one.words, []).append(name)
    yield from (f"no order is claimed in {', '.join(listed)}: {words}" for words, listed in names.items())
    orders = (noise.same_order, noise.shuffled_order)
    if missing := sum(order.without_overall for order in orders):
        total = sum(order.scorings for order in orders)
        yield f"no overall mean in {missing} of {total} scorings: nothing scored, or withheld"


def _scored_flips(noise: Noise) -> Iterator[str]:
    """Criteria that one scoring gives a level and another none, which no sd shows."""
    rows = zip(noise.same_order.criteria, noise.shuffled_order.criteria, strict=True)
    found = {a.criterion_id: max(a.scored_flips.rate or 0.0, b.scored_flips.rate or 0.0) for a, b in rows}
    told = ", ".join(f"{name} {rate:.0%}" for name, rate in found.items() if rate)
    if told:
        yield f"scored in one and not in the other of a pair: {told}"
