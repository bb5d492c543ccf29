"""Candidates side by side: one rubric version, ties where noise explains the difference, locks where a value is hidden.

Nothing of a scorecard whose judge the viewer may not see gets into the result: its cells hold a lock and no more, for
people's levels too, as a final level tells what the judge's was not.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, Literal

from evaluator.calibration.noise import Noise, Repeatability, distinguishable
from evaluator.errors import Conflict, Locked, UsageFault
from evaluator.human import Final, HumanRecord, HumanState, Rating, Review, recommendation_of
from evaluator.scorecard import Scorecard
from evaluator.values import Frozen, Moment
from evaluator.verdict import Unscored, Verdict
from evaluator.words import UNSCORED, counted, reason_words, spread_words, visible
from rubrics.model import Criterion, Rubric

CANDIDATES_MIN = 2
CANDIDATES_MAX = 12
EVIDENCE_SHOWN = 2  # utterances in a cell before "show all"
LEVEL_WORDS = {1: "Far below", 2: "Below", 3: "Meets", 4: "Strong", 5: "Outstanding"}
LOCKED = "AI evaluation is ready. It opens after you submit your own scores."

Mode = Literal["final", "ai", "human"]  # final: a person's level if there is one, else the judge's
Order = Literal["interviewed_at", "candidate", "score"]
Source = Literal["judge", "human"]
Standing = Literal["same", "tie", "differs", "not_comparable", "locked"]


class OtherVersion(Frozen):
    """A scorecard that was made with another rubric, or another text of it."""

    scorecard_id: str
    candidate_ref: str
    rubric: str  # id@version


class MixedRubrics(Conflict):
    """Raised when not all scorecards were made with the one rubric version that is compared on; carries the others."""

    code = "mixed_rubrics"

    def __init__(self, rubric: str, others: tuple[OtherVersion, ...]) -> None:
        named = ", ".join(f"{o.candidate_ref} ({o.scorecard_id}) with {o.rubric}" for o in others)
        super().__init__(
            f"only scorecards of {rubric} can be compared on it, and these were made otherwise: {named}; "
            f"re-score them on {rubric}, or leave them out"
        )
        self.rubric = rubric
        self.others = others


class Entrant(Frozen):
    """One candidate's scorecard as the comparison is given it."""

    scorecard_id: str
    interview_id: str
    candidate_ref: str
    requisition: str
    interviewed_at: Moment | None
    body: Scorecard
    state: HumanState = HumanState()
    sees_judge: bool  # what `evaluator.human.sees_judge` says of the viewer
    reviewers_needed: int = 1
    superseded_by: str | None = None  # a newer scorecard of the same interview


class Column(Frozen):
    """One candidate."""

    scorecard_id: str
    interview_id: str
    candidate_ref: str
    requisition: str
    interviewed_at: Moment | None
    superseded_by: str | None
    locked: bool
    pinned: bool  # stands first, as the one that the others are held against


class Cell(Frozen):
    """One criterion of one candidate: a level, or why there is none, or a lock."""

    scorecard_id: str
    locked: bool = False
    level: int | None = None
    word: str | None = None  # `Strong`
    anchor: str | None = None  # the rubric's text for that level
    source: Source | None = None
    expected: float | None = None  # the judge's expected level, where the level is the judge's and it gives one
    judged: int | None = None  # the judge's level where a person's stands against it
    status: str | None = None  # why there is no level, as a code
    reason: str | None = None  # the same in words
    evidence: tuple[str, ...] = ()  # all utterance ids behind it

    @property
    def evidence_shown(self) -> tuple[str, ...]:
        """Those that stand in the cell."""
        return self.evidence[:EVIDENCE_SHOWN]


class MeanCell(Frozen):
    """One candidate's weighted mean, or why there is none, or a lock."""

    scorecard_id: str
    locked: bool = False
    value: float | None = None
    spread: float | None = None  # standard deviation that the level distributions give it, in levels
    source: Source | None = None  # human: at least one level in it is a person's
    words: str | None = None  # `3.6 ±0.2`, or why there is none
    scored: int | None = None
    of: int | None = None


class Given(Frozen):
    """A person's newest recommendation."""

    person: str
    recommendation: str
    words: str


class RecommendationCell(Frozen):
    """What people recommend for one candidate, or a lock."""

    scorecard_id: str
    locked: bool = False
    given: tuple[Given, ...] = ()
    reviews: int | None = None
    needed: int | None = None
    words: str | None = None


class Difference(Frozen):
    """How far the candidates of one row lie apart, as far as their values are shown."""

    standing: Standing
    spread: float | None = None  # highest less lowest, in levels
    within: float | None = None  # up to which difference re-scoring alone may explain it; None: not measured
    ties: tuple[tuple[str, str], ...] = ()  # pairs of scorecards that noise does not let one tell apart
    words: str

    def tied_with(self, scorecard_id: str) -> tuple[str, ...]:
        """The scorecards that this one cannot be told apart from."""
        return tuple(b if a == scorecard_id else a for a, b in self.ties if scorecard_id in {a, b})


class Row(Frozen):
    """One criterion over all candidates."""

    criterion_id: str
    name: str
    definition: str
    section_id: str
    section: str
    weight: float
    cells: tuple[Cell, ...]  # in the order of the columns
    difference: Difference


class Gap(Frozen):
    """A criterion that a candidate has no level for, and what can be done about it."""

    scorecard_id: str
    candidate_ref: str
    criterion_id: str
    criterion: str
    reason: str
    way_out: Literal["ask", "rescore"]
    questions: tuple[str, ...]  # the rubric's, to ask in the next round


class NoiseFigures(Frozen):
    """What was measured of the judge by scoring the same interviews again."""

    interviews: int
    scorings: int  # of each interview, under each order of criteria
    confidence: float
    mean: float | None  # weighted means this close or closer are not told apart; None: undefined


class Comparison(Frozen):
    """The whole table; columns, rows and cells are in the order in which they are shown."""

    rubric: str  # id@version
    rubric_title: str
    mode: Mode
    order: Order
    may_order_by_score: bool
    columns: tuple[Column, ...]
    recommendations: tuple[RecommendationCell, ...]
    means: tuple[MeanCell, ...]
    mean_difference: Difference
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    noise: NoiseFigures | None  # None: not measured for this rubric version, judge and prompt
    noise_words: str
    notes: tuple[str, ...]


def compare(
    entrants: Sequence[Entrant],
    rubric: Rubric,
    *,
    noise: Noise | None = None,
    mode: Mode = "final",
    order: Order = "interviewed_at",
    pin: str | None = None,
) -> Comparison:
    """The table of 2-12 candidates.

    noise: what was measured last for this rubric version under the judge and prompt of these scorecards; None: it was
    never measured. pin: the scorecard that stands first, whatever the order.

    MixedRubrics; Conflict for dismissed scorecards; UsageFault for too few, too many, the same twice, and a pin that is
    none of them; Locked for the order by score while a score is hidden.
    """
    _check(entrants, rubric, pin)
    open_all = all(e.sees_judge for e in entrants)
    if order == "score" and not open_all:
        raise Locked("the order by score opens after you have reviewed all of these candidates")
    notes = _notes(entrants)
    measured = noise if mode != "human" and noise is not None and _applies(noise, entrants) else None
    means = {e.scorecard_id: _mean_cell(e, rubric, mode) for e in entrants}
    ordered = sorted(entrants, key=_by_score(means) if order == "score" else _ORDERS[order])
    ordered.sort(key=lambda e: e.scorecard_id != pin)
    mean_cells = tuple(means[e.scorecard_id] for e in ordered)
    return Comparison(
        rubric=rubric.ref,
        rubric_title=visible(rubric.title),
        mode=mode,
        order=order,
        may_order_by_score=open_all,
        columns=tuple(_column(e, pinned=e.scorecard_id == pin) for e in ordered),
        recommendations=tuple(_recommendation(e) for e in ordered),
        means=mean_cells,
        mean_difference=_mean_difference(mean_cells, None if measured is None else measured.combined.overall),
        rows=tuple(_rows(ordered, rubric, mode, measured)),
        gaps=tuple(gap for e in ordered if e.sees_judge for gap in _gaps(e, rubric)),
        noise=None if measured is None else _noise_figures(measured),
        noise_words=_noise_words(measured, mode, rubric),
        notes=notes,
    )


def _check(entrants: Sequence[Entrant], rubric: Rubric, pin: str | None) -> None:
    ids = [e.scorecard_id for e in entrants]
    if not CANDIDATES_MIN <= len(ids) <= CANDIDATES_MAX:
        raise UsageFault(
            f"a comparison takes {CANDIDATES_MIN} to {CANDIDATES_MAX} candidates and was given {len(ids)}; "
            "pick them from the list of interviews"
        )
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise UsageFault(f"named twice: {', '.join(twice)}; name each scorecard once")
    if pin is not None and pin not in ids:
        raise UsageFault(f"pin names {pin}, which is none of the candidates that are compared")
    others = tuple(_other(e, rubric) for e in entrants if e.body.provenance.rubric_digest != rubric.digest)
    if others:
        raise MixedRubrics(rubric.ref, others)
    if out := [e for e in entrants if e.state.dismissal is not None]:
        named = ", ".join(f"{e.candidate_ref} ({e.scorecard_id})" for e in out)
        raise Conflict(f"dismissed, so it does not count: {named}; leave it out, or take the dismissal back")


def _other(entrant: Entrant, rubric: Rubric) -> OtherVersion:
    made = f"{entrant.body.provenance.rubric_id}@{entrant.body.provenance.rubric_version}"
    return OtherVersion(
        scorecard_id=entrant.scorecard_id,
        candidate_ref=entrant.candidate_ref,
        rubric=made if made != rubric.ref else f"another text of {made}",
    )


def _judges(entrants: Iterable[Entrant]) -> frozenset[tuple[str, str]]:
    return frozenset((e.body.provenance.model, e.body.provenance.prompt_version) for e in entrants)


def _applies(noise: Noise, entrants: Sequence[Entrant]) -> bool:
    """Noise of one judge says nothing of the difference between two judges, or of another temperature."""
    one = len(_judges(entrants)) == 1
    return one and all(e.body.provenance.sampling.temperature == noise.temperature for e in entrants)


def _notes(entrants: Sequence[Entrant]) -> tuple[str, ...]:
    """What stands above the table; all of it follows from who judged, none from what was judged."""
    notices = sorted({e.body.provenance.judge_notice for e in entrants if e.body.provenance.judge_notice})
    notes = [f"{notice[:1].upper()}{notice[1:]}." for notice in notices]
    if len(judges := _judges(entrants)) > 1:
        models = ", ".join(sorted({visible(model) for model, _ in judges}))
        notes.append(
            f"These scorecards come from different judges or prompts ({models}), so a difference may be theirs; "
            "re-score all with one before relying on it."
        )
    return tuple(notes)


def _by_date(entrant: Entrant) -> tuple[bool, datetime, str]:
    return (
        entrant.interviewed_at is None,
        entrant.interviewed_at or datetime.max.replace(tzinfo=UTC),
        entrant.interview_id,
    )


def _by_candidate(entrant: Entrant) -> tuple[str, tuple[bool, datetime, str]]:
    return entrant.candidate_ref, _by_date(entrant)


_ORDERS: Mapping[Order, Callable[[Entrant], Any]] = {"interviewed_at": _by_date, "candidate": _by_candidate}


def _by_score(means: Mapping[str, MeanCell]) -> Callable[[Entrant], tuple[float, bool, datetime, str]]:
    """The highest first; without a mean last."""

    def place(entrant: Entrant) -> tuple[float, bool, datetime, str]:
        value = means[entrant.scorecard_id].value
        return math.inf if value is None else -value, *_by_date(entrant)

    return place


def _column(entrant: Entrant, *, pinned: bool) -> Column:
    return Column(
        scorecard_id=entrant.scorecard_id,
        interview_id=entrant.interview_id,
        candidate_ref=visible(entrant.candidate_ref),
        requisition=visible(entrant.requisition),
        interviewed_at=entrant.interviewed_at,
        superseded_by=entrant.superseded_by,
        locked=not entrant.sees_judge,
        pinned=pinned,
    )


def _recommendation(entrant: Entrant) -> RecommendationCell:
    if not entrant.sees_judge:
        return RecommendationCell(scorecard_id=entrant.scorecard_id, locked=True, words=LOCKED)
    state = entrant.state
    given = tuple(
        Given(
            person=visible(record.person),
            recommendation=recommendation_of(record),
            words=recommendation_of(record).replace("_", " ").capitalize(),
        )
        for record in state.recommended.values()
    )
    done = f"{len(state.reviews)} of {counted(entrant.reviewers_needed, 'review')}"
    return RecommendationCell(
        scorecard_id=entrant.scorecard_id,
        given=given,
        reviews=len(state.reviews),
        needed=entrant.reviewers_needed,
        words=", ".join(f"{g.words} ({g.person})" for g in given) if given else f"Pending: {done}",
    )


def _rows(entrants: Sequence[Entrant], rubric: Rubric, mode: Mode, noise: Noise | None) -> Iterable[Row]:
    for section in rubric.sections:
        for criterion in section.criteria:
            cells = tuple(_cell(e, criterion, mode) for e in entrants)
            shown = [c for c in cells if not c.locked]
            measured = None if noise is None else noise.criterion(criterion.id)
            yield Row(
                criterion_id=criterion.id,
                name=visible(criterion.name),
                definition=visible(criterion.definition),
                section_id=section.id,
                section=visible(section.title),
                weight=criterion.weight,
                cells=cells,
                difference=_difference(
                    [_Value(scorecard_id=c.scorecard_id, value=c.level, source=c.source) for c in shown],
                    None if measured is None else measured.level,
                ),
            )


def _cell(entrant: Entrant, criterion: Criterion, mode: Mode) -> Cell:
    if not entrant.sees_judge:
        return Cell(scorecard_id=entrant.scorecard_id, locked=True)
    result = _result(entrant, criterion)
    if mode == "ai":
        return _judges_cell(entrant, criterion, result)
    if history := entrant.state.finals.get(criterion.id):
        return _finals_cell(entrant, criterion, history[-1], result)
    if mode == "final":
        return _judges_cell(entrant, criterion, result)
    return _reviewers_cell(entrant, criterion)


def _result(entrant: Entrant, criterion: Criterion) -> Verdict | Unscored:
    return next(r for r in entrant.body.results if r.criterion_id == criterion.id)


def _judges_cell(entrant: Entrant, criterion: Criterion, result: Verdict | Unscored) -> Cell:
    if isinstance(result, Verdict):
        cell = _level_cell(entrant, criterion, result.level, "judge", result.evidence)
        return cell.model_copy(update={"expected": result.expected_level})
    reason = f"{UNSCORED[result.status]}. {reason_words(result.reason)}"
    return Cell(scorecard_id=entrant.scorecard_id, source="judge", status=result.status, reason=reason)


def _finals_cell(entrant: Entrant, criterion: Criterion, record: HumanRecord, result: Verdict | Unscored) -> Cell:
    """A person's own quotes stand first; without any, those that the judge cited."""
    assert isinstance(record.act, Final)  # noqa: S101  the fold puts nothing else there
    judged = result.level if isinstance(result, Verdict) else None
    own = [r for person, r in _ratings(entrant, criterion) if person.person_id == record.person_id]
    evidence = tuple(q for r in own for q in r.quotes) or (result.evidence if isinstance(result, Verdict) else ())
    if record.act.new is None:
        return Cell(
            scorecard_id=entrant.scorecard_id,
            source="human",
            judged=judged,
            status="not_assessed",
            reason="Not assessed. A person decided that there is no level.",
        )
    cell = _level_cell(entrant, criterion, record.act.new, "human", evidence)
    return cell.model_copy(update={"judged": judged})


def _reviewers_cell(entrant: Entrant, criterion: Criterion) -> Cell:
    """What the reviewers gave, where they agree."""
    ratings = [rating for _, rating in _ratings(entrant, criterion)]
    levels = sorted({r.level for r in ratings if r.level is not None})
    if len(levels) == 1:
        quotes = tuple(dict.fromkeys(q for r in ratings for q in r.quotes))
        return _level_cell(entrant, criterion, levels[0], "human", quotes)
    if levels:
        status = "reviewers_differ"
        reason = f"Reviewers differ: {', '.join(map(str, levels))}. A final level settles it."
    elif ratings:
        status, reason = "not_assessed", "Not assessed by those who reviewed."
    else:
        status, reason = "not_reviewed", "Not reviewed yet."
    return Cell(scorecard_id=entrant.scorecard_id, source="human", status=status, reason=reason)


def _ratings(entrant: Entrant, criterion: Criterion) -> Iterable[tuple[HumanRecord, Rating]]:
    for record in entrant.state.reviews.values():
        if isinstance(record.act, Review):
            yield from ((record, r) for r in record.act.ratings if r.criterion_id == criterion.id)


def _level_cell(entrant: Entrant, criterion: Criterion, level: int, source: Source, evidence: tuple[str, ...]) -> Cell:
    return Cell(
        scorecard_id=entrant.scorecard_id,
        level=level,
        word=LEVEL_WORDS[level],
        anchor=visible(criterion.anchors[level]),
        source=source,
        evidence=evidence,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Value:
    """A scorecard's figure in one row, and whose it is."""

    scorecard_id: str
    value: float | None
    source: Source | None


def _difference(values: Sequence[_Value], measured: Repeatability | None) -> Difference:
    """How far these lie apart; only two of the judge's own figures can be a tie, for only they carry its noise."""
    if len(values) < CANDIDATES_MIN:
        return Difference(standing="locked", words="Opens after you submit your own scores.")
    within = None if measured is None else measured.difference
    known = [v for v in values if v.value is not None]
    ties = tuple(
        (a.scorecard_id, b.scorecard_id)
        for a, b in combinations(known, 2)
        if a.source == b.source == "judge" and distinguishable(a.value, b.value, measured) == "not_distinguishable"
    )
    if len(known) < len(values):
        words = "Not comparable: not all have a level" if known else "Nobody has a level"
        return Difference(standing="not_comparable", within=within, ties=ties, words=words)
    figures = [v.value for v in known if v.value is not None]
    spread = round(max(figures) - min(figures), 4)
    if len(ties) == math.comb(len(known), 2):
        words = "Tie" if spread == 0 else f"{spread:.2g}, within noise"
        return Difference(standing="tie", spread=spread, within=within, ties=ties, words=words)
    if spread == 0:
        return Difference(standing="same", spread=spread, within=within, ties=ties, words="Same")
    return Difference(standing="differs", spread=spread, within=within, ties=ties, words=f"{spread:.2g}")


def _mean_difference(cells: Sequence[MeanCell], measured: Repeatability | None) -> Difference:
    shown = [c for c in cells if not c.locked]
    values = [_Value(scorecard_id=c.scorecard_id, value=c.value, source=c.source) for c in shown]
    found = _difference(values, measured)
    if found.spread is not None and len({c.scored for c in shown}) > 1:
        return found.model_copy(update={"words": f"{found.words}; the means rest on different criteria"})
    return found


def _mean_cell(entrant: Entrant, rubric: Rubric, mode: Mode) -> MeanCell:
    if not entrant.sees_judge:
        return MeanCell(scorecard_id=entrant.scorecard_id, locked=True)
    cells = {c.id: _cell(entrant, c, mode) for c in rubric.criteria}
    scored = [c for c in rubric.criteria if cells[c.id].level is not None]
    by_people = any(cell.source == "human" for cell in cells.values())
    missing = [c for c in rubric.criteria if cells[c.id].level is None and _forbids(c, cells[c.id])]
    value, spread = _mean(scored, cells, entrant) if scored and not missing else (None, None)
    if value is None:
        names = ", ".join(f"“{visible(c.name)}”" for c in missing)
        words = f"withheld: no level for {names}" if scored else "none: no criterion has a level"
    else:
        words = f"{value:.1f}" + (f" {spread_words(spread)}" if spread is not None else "")
    return MeanCell(
        scorecard_id=entrant.scorecard_id,
        value=value,
        spread=spread,
        source="human" if by_people else "judge",
        words=words,
        scored=len(scored),
        of=len(rubric.criteria),
    )


def _forbids(criterion: Criterion, cell: Cell) -> bool:
    """Whether a mean without this criterion would mislead, as in `evaluator.scorecard.conclude`."""
    return criterion.required or cell.status == "failed"


def _mean(
    criteria: Sequence[Criterion], cells: Mapping[str, Cell], entrant: Entrant
) -> tuple[float | None, float | None]:
    """The weighted mean and its spread: a person's level as it is, the judge's as its expected level if all have one.

    With the judge's levels alone it is the scorecard's own overall mean.
    """
    verdicts = {r.criterion_id: r for r in entrant.body.results if isinstance(r, Verdict)}
    judged = [verdicts[c.id] for c in criteria if cells[c.id].source == "judge"]
    expected = bool(judged) and all(v.expected_level is not None for v in judged)
    total = math.fsum(c.weight for c in criteria)
    figures, squares = [], []
    for c in criteria:
        cell = cells[c.id]
        level, spread = float(cell.level or 0), 0.0
        if expected and cell.source == "judge":
            level, spread = verdicts[c.id].expected_level or level, verdicts[c.id].spread or 0.0
        figures.append(c.weight * level)
        squares.append((c.weight * spread) ** 2)
    value = round(min(5.0, max(1.0, math.fsum(figures) / total)), 4)
    return value, round(math.sqrt(math.fsum(squares)) / total, 4) if expected else None


def _gaps(entrant: Entrant, rubric: Rubric) -> Iterable[Gap]:
    """Criteria that neither the judge nor a person has a level for."""
    for section in rubric.sections:
        for criterion in section.criteria:
            cell = _cell(entrant, criterion, "final")
            if cell.level is None:
                yield Gap(
                    scorecard_id=entrant.scorecard_id,
                    candidate_ref=visible(entrant.candidate_ref),
                    criterion_id=criterion.id,
                    criterion=visible(criterion.name),
                    reason=cell.reason or "",
                    way_out="rescore" if cell.status == "failed" else "ask",
                    questions=tuple(visible(q) for q in section.questions),
                )


def _noise_figures(noise: Noise) -> NoiseFigures:
    return NoiseFigures(
        interviews=noise.interviews,
        scorings=noise.k,
        confidence=noise.confidence,
        mean=noise.combined.overall.difference,
    )


def _noise_words(noise: Noise | None, mode: Mode, rubric: Rubric) -> str:
    """What a reader may make of small differences."""
    if mode == "human":
        return "Levels are people's own; nothing is called a tie, as only the judge's noise is measured."
    if noise is None:
        return (
            "How much re-scoring alone changes was not measured for this rubric version, judge and prompt, so nothing "
            "is called a tie: a small difference may be chance. "
            f"Measure it with: debrief calibrate noise --rubric {rubric.ref}"
        )
    overall = noise.combined.overall
    mean = f" For the weighted mean it is not known: {overall.words}."
    if overall.difference is not None:
        mean = f" For the weighted mean that is ±{overall.difference:.2f}."
    return (
        "≈ marks differences that re-scoring the same interview may explain (95 %, for one pair), measured on "
        f"{counted(noise.interviews, 'interview')} scored {noise.k} times under each order of criteria.{mean} "
        "A level that a person set is never called a tie."
    )
