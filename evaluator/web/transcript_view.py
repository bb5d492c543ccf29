"""A transcript as it is read: turns under their sections, utterances that can be linked to, and what cites them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evaluator.scorecard import Scorecard
from evaluator.storage.reading import SpokenInterview
from evaluator.transcript import Transcript, Turn, Utterance, utterances_of
from evaluator.verdict import Verdict
from evaluator.views.scorecard import CONFIDENCE_SHOWN_BELOW, criterion_anchor, sections_told
from evaluator.words import clock, percent, visible
from rubrics.model import Rubric

TURNS_SHOWN = 5_000

SPEAKERS = {"candidate": "Candidate", "interviewer": "Interviewer", "other": "Somebody else"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """A criterion whose level rests on an utterance."""

    name: str
    href: str  # where the scorecard says so


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stretch of a turn: an utterance, or what stands between two."""

    text: str
    id: str | None  # of the utterance
    second: int | None  # of the recording, where it begins
    cited: tuple[Citation, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnView:
    """One turn."""

    speaker: str
    candidate: bool
    time: str | None  # `12:03`
    time_estimated: bool
    second: int | None
    place: str | None  # the anchor `t=723`, at the first turn that begins in that second
    parts: tuple[Part, ...]
    doubt: str | None
    interrupted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Turns under one heading."""

    anchor: str
    title: str | None  # None: before, between or after the rubric's sections
    turns: tuple[TurnView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptView:
    """A whole transcript."""

    interview_id: str
    candidate_ref: str
    requisition: str
    rubric: str
    interviewed_at: datetime | None
    length: str | None  # `27 min`
    playable: bool  # times lead into the recording
    sections_told: str | None
    stretches: tuple[Stretch, ...]
    turns: int
    turns_hidden: int
    cited: int  # utterances that the scorecard cites


def transcript_view(
    interview: SpokenInterview,
    transcript: Transcript,
    rubric: Rubric,
    *,
    scorecard: Scorecard | None = None,
    scorecard_id: str | None = None,
    playable: bool = False,
) -> TranscriptView:
    """scorecard: what to mark; None where there is none of this transcript, or the viewer may not see it yet.

    playable: whether there is a recording that the viewer may hear.
    """
    of_this = scorecard is not None and scorecard.provenance.transcript_sha256 == interview.transcript_sha256
    citations = _citations(scorecard, rubric, scorecard_id) if scorecard is not None and of_this else {}
    shown = transcript.turns[:TURNS_SHOWN]
    return TranscriptView(
        interview_id=interview.id,
        candidate_ref=visible(interview.candidate_ref),
        requisition=visible(interview.requisition),
        rubric=rubric.ref,
        interviewed_at=interview.started_at,
        length=_length(transcript),
        playable=playable,
        sections_told=sections_told(interview.sections_by, transcript),
        stretches=_stretches(shown, rubric, citations, whole=transcript.sections == "whole"),
        turns=len(transcript.turns),
        turns_hidden=len(transcript.turns) - len(shown),
        cited=len(citations),
    )


def _length(transcript: Transcript) -> str | None:
    ends = [t.ended_s or t.started_s for t in transcript.turns if (t.ended_s or t.started_s) is not None]
    minutes = round(max((e for e in ends if e is not None), default=0) / 60)
    return f"{minutes} min" if minutes else None


def _citations(scorecard: Scorecard, rubric: Rubric, scorecard_id: str | None) -> Mapping[str, tuple[Citation, ...]]:
    """Utterance id -> what cites it."""
    names = {c.id: visible(c.name) for c in rubric.criteria}
    found: dict[str, tuple[Citation, ...]] = {}
    for result in scorecard.results:
        for utterance in result.evidence if isinstance(result, Verdict) else ():
            citation = Citation(
                name=names.get(result.criterion_id, visible(result.criterion_id)),
                href=f"/scorecards/{scorecard_id}#{criterion_anchor(result.criterion_id)}",
            )
            found[utterance] = (*found.get(utterance, ()), citation)
    return found


def _stretches(
    turns: Sequence[Turn], rubric: Rubric, citations: Mapping[str, tuple[Citation, ...]], *, whole: bool
) -> tuple[Stretch, ...]:
    """Runs of turns of one section; one that is come back to gets its heading again."""
    titles = {} if whole else {s.id: visible(s.title) for s in rubric.sections}
    places = _places(turns)
    result: list[tuple[str | None, list[TurnView]]] = []
    for turn, place in zip(turns, places, strict=True):
        section = turn.section_id if turn.section_id in titles else None
        if not result or result[-1][0] != section:
            result.append((section, []))
        result[-1][1].append(_turn(turn, place, citations))
    return tuple(
        Stretch(anchor=f"part-{number}", title=titles[section] if section else None, turns=tuple(views))
        for number, (section, views) in enumerate(result, 1)
    )


def _places(turns: Sequence[Turn]) -> list[str | None]:
    """An anchor for each second in which a turn begins, once on the page."""
    known: set[int] = set()
    places: list[str | None] = []
    for turn in turns:
        second = None if turn.started_s is None else int(turn.started_s)
        places.append(None if second is None or second in known else f"t={second}")
        known |= set() if second is None else {second}
    return places


def _turn(turn: Turn, place: str | None, citations: Mapping[str, tuple[Citation, ...]]) -> TurnView:
    unsure = turn.confidence is not None and turn.confidence < CONFIDENCE_SHOWN_BELOW
    return TurnView(
        speaker=SPEAKERS[turn.speaker],
        candidate=turn.speaker == "candidate",
        time=None if turn.started_s is None else clock(turn.started_s),
        time_estimated=turn.time_estimated,
        second=None if turn.started_s is None else int(turn.started_s),
        place=place,
        parts=_parts(turn, citations),
        doubt=f"speech recognition only {percent(turn.confidence or 0)} sure" if unsure else None,
        interrupted=turn.interrupted,
    )


def _parts(turn: Turn, citations: Mapping[str, tuple[Citation, ...]]) -> tuple[Part, ...]:
    """The turn's text cut at its utterances, without losing a character."""
    said: Mapping[str, Utterance] = {u.id: u for u in utterances_of([turn])}
    parts: list[Part] = []
    edge = 0
    for span in turn.utterances:
        if span.start > edge:
            parts.append(Part(text=visible(turn.text[edge : span.start]), id=None, second=None, cited=()))
        started = said[span.id].started_s
        parts.append(
            Part(
                text=visible(turn.text[span.start : span.end]),
                id=span.id,
                second=None if started is None else int(started),
                cited=citations.get(span.id, ()),
            )
        )
        edge = span.end
    if edge < len(turn.text):
        parts.append(Part(text=visible(turn.text[edge:]), id=None, second=None, cited=()))
    return tuple(parts)
