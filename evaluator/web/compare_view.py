"""A comparison as it is read: every word, link and drawing of the page, built from values alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase
from typing import Literal, get_args
from urllib.parse import urlencode

from evaluator.comparing import Asked, Chosen, Gathered
from evaluator.comparison import (
    EVIDENCE_SHOWN,
    LOCKED,
    Cell,
    Column,
    Comparison,
    Difference,
    Gap,
    MeanCell,
    RecommendationCell,
    Row,
)
from evaluator.errors import UsageFault
from evaluator.transcript import Utterance
from evaluator.views.scorecard import Quote, quote_of
from evaluator.web.compare_strip import DotStrip, Placed, dot_strip
from evaluator.words import spread_words, visible

PATH = "/compare"
TIES_NAMED = 2  # pairs; more are counted

Show = Literal["table", "strips"]
SHOWS: tuple[Show, ...] = get_args(Show)
Utterances = Mapping[str, Utterance]  # of one transcript, by id

_MODES = (("final", "Final", "a person’s level where there is one"), ("ai", "AI", ""), ("human", "People", ""))
_ORDERS = (("interviewed_at", "Date", "of the interview"), ("candidate", "Candidate", ""), ("score", "Score", ""))
_SHOWS = (("table", "Table"), ("strips", "Dot strips"))
_DEFAULTS = {"mode": "final", "order": "interviewed_at", "show": "table"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One way to see the table."""

    words: str
    more: str
    href: str | None  # None: not open to this viewer yet
    current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnView:
    """The head of one column."""

    letter: str  # what stands for the candidate in drawings
    facts: Column
    scorecard: str
    review: str
    remove: str
    pin: str  # or away with it, where it is pinned


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceQuote:
    """One of the candidate's utterances with where it can be read."""

    quote: Quote
    transcript: str
    play: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What stands behind one cell."""

    column: ColumnView
    anchor: str | None
    quotes: tuple[EvidenceQuote, ...]
    more: int  # utterances that are not shown
    all_href: str | None  # where the first that is not shown stands
    words: str | None  # instead of quotes


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far the candidates of a row lie apart, in words."""

    words: str
    more: str | None
    tie: bool
    pairs: str | None  # which of them noise does not let one tell apart
    noise: str | None  # `±1.4`


@dataclass(frozen=True, kw_only=True, slots=True)
class RowView:
    """One criterion."""

    id: str
    facts: Row
    standing: Standing
    evidence: tuple[Evidence, ...]
    cited: int  # utterances behind all its cells
    strip: DotStrip


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One section of the rubric."""

    title: str
    rows: tuple[RowView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class GapsOf:
    """What one candidate has no level for."""

    candidate_ref: str
    scorecard: str
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TableView:
    """The whole table."""

    rubric: str
    rubric_title: str
    show: Show
    columns: tuple[ColumnView, ...]
    recommendations: tuple[RecommendationCell, ...]
    means: tuple[MeanCell, ...]
    mean_standing: Standing
    mean_strip: DotStrip
    parts: tuple[Part, ...]
    gaps: tuple[GapsOf, ...]
    modes: tuple[Choice, ...]
    orders: tuple[Choice, ...]
    shows: tuple[Choice, ...]
    noise_words: str
    notes: tuple[str, ...]
    any_locked: bool
    any_human: bool
    any_noise: bool
    several_requisitions: bool
    locked: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """One candidate that was chosen, outside of a table."""

    ref: str
    candidate_ref: str
    interview_id: str
    requisition: str
    remove: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """All addresses of one comparison: the address is its state."""

    wanted: Asked
    show: Show
    refs: tuple[str, ...]  # each candidate once

    def query(self, **changes: object) -> tuple[tuple[str, str], ...]:
        """The address's parts, without what is left at its default."""
        wanted = self.wanted
        values: dict[str, object] = {
            "rubric": wanted.rubric,
            "mode": wanted.mode,
            "order": wanted.order,
            "pin": wanted.pin,
            "show": self.show,
            **{name: value for name, value in changes.items() if name != "refs"},
        }
        refs: Sequence[str] = changes.get("refs", self.refs)  # type: ignore[assignment]
        kept = ((name, str(v)) for name, v in values.items() if v and _DEFAULTS.get(name) != v)
        return *(("c", ref) for ref in refs), *kept

    def at(self, path: str = PATH, **changes: object) -> str:
        """The address with these parts changed; None takes a part away."""
        query = urlencode(self.query(**changes))
        return path + (f"?{query}" if query else "")

    def without(self, *gone: str) -> str:
        """The address when these names are taken away, and the pin with them."""
        pin = None if self.wanted.pin in gone else self.wanted.pin
        return self.at(refs=[ref for ref in self.refs if ref not in gone], pin=pin)


def show_of(text: str | None) -> Show:
    """How the table is shown; UsageFault."""
    for show in SHOWS:
        if (text or "table") == show:
            return show
    raise UsageFault(f"show is one of {', '.join(SHOWS)}")


def addresses_of(gathered: Gathered, wanted: Asked, show: Show) -> Addresses:
    """The addresses of what was gathered, each candidate by the first name that it was given."""
    named = {one.refs[0] for one in gathered.everybody}
    refs = tuple(dict.fromkeys(ref for ref in wanted.refs if ref in named))
    return Addresses(wanted=wanted, show=show, refs=refs)


def named_view(gathered: Gathered, at: Addresses) -> tuple[Named, ...]:
    """All candidates that were chosen, by name."""
    found = [
        Named(
            ref=one.refs[0],
            candidate_ref=visible(one.meant.candidate_ref),
            interview_id=one.meant.interview_id,
            requisition=visible(one.meant.requisition),
            remove=at.without(*one.refs),
        )
        for one in gathered.everybody
    ]
    return tuple(sorted(found, key=lambda n: at.refs.index(n.ref)))


def table_view(
    comparison: Comparison,
    gathered: Gathered,
    at: Addresses,
    words: Mapping[str, Utterances],
    may_hear: Callable[[str], bool],
) -> TableView:
    """words: by scorecard, as far as they could be read. may_hear: whether the viewer may, in this requisition."""
    chosen = {c.stored.id: c for c in gathered.chosen}
    columns = tuple(
        _column(column, chosen[column.scorecard_id], at, letter)
        for letter, column in zip(ascii_uppercase, comparison.columns, strict=False)
    )
    sources = [
        _Source(
            column=column,
            chosen=chosen[column.facts.scorecard_id],
            words=words.get(column.facts.scorecard_id, {}),
            may_hear=may_hear(chosen[column.facts.scorecard_id].stored.requisition),
        )
        for column in columns
    ]
    cells = [cell for row in comparison.rows for cell in row.cells]
    return TableView(
        rubric=comparison.rubric,
        rubric_title=comparison.rubric_title,
        show=at.show,
        columns=columns,
        recommendations=comparison.recommendations,
        means=comparison.means,
        mean_standing=standing_of(comparison.mean_difference, comparison.columns),
        mean_strip=_mean_strip(comparison, columns),
        parts=tuple(
            Part(title=title, rows=tuple(_row(row, comparison, sources) for row in rows))
            for (_, title), rows in groupby(comparison.rows, key=lambda row: (row.section_id, row.section))
        ),
        gaps=_gaps(comparison),
        modes=tuple(_choice(at, "mode", value, text, more) for value, text, more in _MODES),
        orders=tuple(
            _choice(at, "order", value, text, more, is_open=value != "score" or comparison.may_order_by_score)
            for value, text, more in _ORDERS
        ),
        shows=tuple(_choice(at, "show", value, text, "") for value, text in _SHOWS),
        noise_words=comparison.noise_words,
        notes=comparison.notes,
        any_locked=any(c.locked for c in comparison.columns),
        any_human=any(cell.source == "human" and cell.level is not None for cell in cells),
        any_noise=comparison.noise is not None,
        several_requisitions=len({c.requisition for c in comparison.columns}) > 1,
        locked=LOCKED,
    )


def _choice(at: Addresses, part: str, value: str, words: str, more: str, *, is_open: bool = True) -> Choice:
    now = at.show if part == "show" else getattr(at.wanted, part)
    return Choice(words=words, more=more, href=at.at(**{part: value}) if is_open else None, current=now == value)


def _column(column: Column, chosen: Chosen, at: Addresses, letter: str) -> ColumnView:
    return ColumnView(
        letter=letter,
        facts=column,
        scorecard=f"/scorecards/{column.scorecard_id}",
        review=f"/scorecards/{column.scorecard_id}/review",
        remove=at.without(*chosen.refs, *_pins_of(chosen, at)),
        pin=at.at(pin=None if column.pinned else chosen.refs[0]),
    )


def _pins_of(chosen: Chosen, at: Addresses) -> tuple[str, ...]:
    """The pin, where it names this candidate in another way than the address does."""
    stored = chosen.stored
    pin = at.wanted.pin
    return (pin,) if pin in {stored.id, stored.interview_id, stored.candidate_ref} else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """Where a column's evidence comes from."""

    column: ColumnView
    chosen: Chosen
    words: Utterances
    may_hear: bool


def _row(row: Row, comparison: Comparison, sources: Sequence[_Source]) -> RowView:
    return RowView(
        id=f"row-{row.criterion_id}",
        facts=row,
        standing=standing_of(row.difference, comparison.columns),
        evidence=tuple(_evidence(cell, source) for cell, source in zip(row.cells, sources, strict=True)),
        cited=sum(len(cell.evidence) for cell in row.cells),
        strip=dot_strip(
            [
                Placed(letter=source.column.letter, value=cell.level, source=cell.source)
                for cell, source in zip(row.cells, sources, strict=True)
                if cell.level is not None
            ],
            within=row.difference.within,
        ),
    )


def _mean_strip(comparison: Comparison, columns: Sequence[ColumnView]) -> DotStrip:
    placed = [
        Placed(letter=column.letter, value=cell.value, source=cell.source)
        for cell, column in zip(comparison.means, columns, strict=True)
        if cell.value is not None
    ]
    return dot_strip(placed, within=comparison.mean_difference.within)


def _evidence(cell: Cell, source: _Source) -> Evidence:
    transcript = f"/interviews/{source.chosen.stored.interview_id}/transcript"
    rest = cell.evidence[EVIDENCE_SHOWN:]
    words = None
    if not cell.locked and not cell.evidence:
        words = cell.reason or "No words were cited."
    return Evidence(
        column=source.column,
        anchor=f"{cell.level}: {cell.anchor}" if cell.level is not None else None,
        quotes=tuple(_quote(i, source, transcript) for i in cell.evidence_shown),
        more=len(rest),
        all_href=f"{transcript}#u-{rest[0]}" if rest else None,
        words=words,
    )


def _quote(utterance_id: str, source: _Source, transcript: str) -> EvidenceQuote:
    quote = quote_of(utterance_id, source.words.get(utterance_id), source.chosen.stored.recording)
    heard = quote.recording is None and quote.second is not None and source.may_hear
    return EvidenceQuote(
        quote=quote,
        transcript=f"{transcript}#u-{utterance_id}",
        play=f"{transcript}#t={quote.second}" if heard else None,
    )


def standing_of(difference: Difference, columns: Sequence[Column]) -> Standing:
    """The row's difference in words: what is a tie says so, and which of the candidates are."""
    names = {c.scorecard_id: c.candidate_ref for c in columns}
    pairs = None
    if difference.ties and difference.standing != "tie":
        known = sum(1 for _ in columns)
        named = [f"{names[a]} ≈ {names[b]}" for a, b in difference.ties]
        pairs = ", ".join(named) if len(named) <= TIES_NAMED else f"≈ {len(named)} of {known * (known - 1) // 2} pairs"
    words, _, more = difference.words.replace("; ", ": ").partition(": ")
    return Standing(
        words=words,
        more=more[:1].upper() + more[1:] or None,
        tie=difference.standing == "tie",
        pairs=pairs,
        noise=None if difference.within is None or difference.spread is None else spread_words(difference.within),
    )


def _gaps(comparison: Comparison) -> tuple[GapsOf, ...]:
    return tuple(
        GapsOf(candidate_ref=candidate, scorecard=f"/scorecards/{scorecard_id}", gaps=tuple(gaps))
        for (scorecard_id, candidate), gaps in groupby(comparison.gaps, key=lambda g: (g.scorecard_id, g.candidate_ref))
    )
