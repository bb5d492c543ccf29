"""A scorecard as it is read: every word and figure that a page or a terminal prints, built from values alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evaluator.manifest import RecordingRef, SectionsBy
from evaluator.scorecard import Alert, Mean, Scorecard, SectionScore
from evaluator.storage.reading import StoredScorecard
from evaluator.transcript import Transcript, Utterance
from evaluator.verdict import Unscored, Verdict
from evaluator.views.strip import Strip, strip_of
from evaluator.words import ADVICE, UNSCORED, clock, counted, percent, reason_words, spread_words, visible
from rubrics.model import LEVELS, Criterion, Rubric

CONFIDENCE_SHOWN_BELOW = 0.7  # speech recognition's own figure; a higher one would only be noise beside a quote
NO_TIME = "no time in the source"

STATE_WORDS = {"scored": "Scored", "needs_review": "Needs review", "unscorable": "Unscorable"}


def criterion_anchor(criterion_id: str) -> str:
    """Where a criterion stands on the page; the prefix keeps a rubric's ids apart from the page's own."""
    return f"c-{criterion_id}"


def section_anchor(section_id: str) -> str:
    """Where a section stands on the page."""
    return f"s-{section_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """One cited utterance: the candidate's own words and where they were said."""

    id: str
    text: str | None  # None: the words cannot be shown
    speaker: str
    time: str  # `12:03–12:14`, or that the source has none
    time_estimated: bool
    second: int | None  # of the interview, where it begins; None: no time in the source
    recording: str | None  # why it cannot be heard; None: there is a recording
    doubt: str | None  # low confidence of speech recognition


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelShare:
    """How likely one level is."""

    level: int
    percent: str
    given: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """What the judge's probabilities say about one level."""

    shares: tuple[LevelShare, ...]
    expected: str  # `3.2`
    spread: str  # `±0.6`
    abstain: str  # `4 %`: how likely the judge was to answer that it cannot be judged
    strip: Strip


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """One level of a criterion as the rubric describes it."""

    level: int
    text: str
    given: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CriterionView:
    """One criterion: a level with its words, or why there is none."""

    id: str
    name: str
    definition: str
    required: bool
    weight: float
    weight_rationale: str | None
    status: str  # scored, not_asked, not_answered, insufficient_evidence, failed
    status_words: str  # `3 of 5`, `Not asked`
    reason: str | None  # why there is no level
    level: int | None
    anchor: str | None  # the rubric's text for that level
    next_level: int | None
    next_anchor: str | None
    distribution: Distribution | None
    quotes: tuple[Quote, ...]
    dropped: str | None  # cited ids that did not count
    rationale: str | None
    anchors: tuple[Anchor, ...]

    @property
    def anchor_id(self) -> str:
        """Where it stands on the page."""
        return criterion_anchor(self.id)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanView:
    """A mean with what it rests on."""

    value: str | None  # `3.4`
    spread: str | None  # `±0.2`
    absent: str | None  # why there is no value
    coverage: str  # `6 of 7`
    basis: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionView:
    """One section of the interview with its criteria in rubric order."""

    id: str
    title: str
    mean: MeanView
    criteria: tuple[CriterionView, ...]

    @property
    def anchor_id(self) -> str:
        """Where it stands on the page."""
        return section_anchor(self.id)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertPlace:
    """What an alert is about, and where on the page that stands."""

    name: str
    note: str | None  # the figure behind it, such as `±1.4`
    anchor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertView:
    """Something to look at first; alerts of one kind are one, with all their places."""

    code: str
    words: str
    places: tuple[AlertPlace, ...]

    @property
    def text(self) -> str:
        """The alert in one sentence."""
        places = ", ".join(p.name + (f" ({p.note})" if p.note else "") for p in self.places)
        return f"{self.words}: {places}."


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """What one section cost to judge; None: not recorded."""

    section: str
    source: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    duration_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorecardView:
    """A whole scorecard, ready to be printed."""

    id: str
    interview_id: str
    candidate_ref: str
    requisition: str
    interviewed_at: datetime | None
    created_at: datetime
    rubric: str  # id@version
    rubric_title: str
    run: str | None
    model: str
    prompt_version: str
    advice: str
    judge_notice: str | None
    superseded_by: str | None
    state: str
    state_words: str
    words_missing: str | None  # why the candidate's words cannot be shown
    body_intact: bool  # the body still hashes to what was stored
    overall: MeanView
    alerts: tuple[AlertView, ...]
    alert_count: int
    sections_told: str | None  # who told which words belong to which section; None: the live agent as it spoke
    sections: tuple[SectionView, ...]
    provenance: tuple[tuple[str, str], ...]
    efforts: tuple[Effort, ...]

    @property
    def criteria(self) -> tuple[CriterionView, ...]:
        """All criteria in rubric order."""
        return tuple(c for s in self.sections for c in s.criteria)


def evidence_of(transcript: Transcript, scorecard: Scorecard) -> Mapping[str, Utterance]:
    """The utterances that the scorecard cites, by id; an id that the transcript lacks is left out."""
    cited = {i for r in scorecard.results if isinstance(r, Verdict) for i in r.evidence}
    return {u.id: u for u in transcript.utterances() if u.id in cited}


def scorecard_view(
    stored: StoredScorecard, rubric: Rubric, transcript: Transcript | None, *, words_missing: str | None = None
) -> ScorecardView:
    """The stored scorecard as it is read; without a transcript, `words_missing` says why.

    rubric: the version that the scorecard was made with (KeyError where it lacks one of its sections or criteria).
    """
    body = stored.body
    evidence = {} if transcript is None else evidence_of(transcript, body)
    page = _Page(rubric=rubric, evidence=evidence, recording=stored.recording)
    return ScorecardView(
        id=stored.id,
        interview_id=stored.interview_id,
        candidate_ref=visible(stored.candidate_ref),
        requisition=visible(stored.requisition),
        interviewed_at=stored.interviewed_at,
        created_at=stored.created_at,
        rubric=f"{stored.rubric_id}@{stored.rubric_version}",
        rubric_title=visible(rubric.title),
        run=stored.run,
        model=visible(body.provenance.model),
        prompt_version=visible(body.provenance.prompt_version),
        advice=ADVICE,
        judge_notice=body.provenance.judge_notice,
        superseded_by=stored.superseded_by,
        state=body.state,
        state_words=STATE_WORDS[body.state],
        words_missing=words_missing,
        body_intact=body.digest == stored.body_sha256,
        overall=_mean(body.overall, rubric, [r for r in body.results if r.criterion_id in body.withheld]),
        alerts=alerts_view(body.alerts, rubric),
        alert_count=len(body.alerts),
        sections_told=" ".join(filter(None, (_broke_off(stored), sections_told(stored.sections_by, transcript))))
        or None,
        sections=tuple(page.section(s) for s in body.sections),
        provenance=_provenance(stored),
        efforts=_efforts(stored.execution, rubric),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """What every criterion of one scorecard is read against."""

    rubric: Rubric
    evidence: Mapping[str, Utterance]
    recording: RecordingRef

    def section(self, scored: SectionScore) -> SectionView:
        section = self.rubric.section(scored.section_id)
        by_id = {c.id: c for c in section.criteria}
        return SectionView(
            id=section.id,
            title=visible(section.title),
            mean=_mean(scored.mean, self.rubric, [r for r in scored.results if r.status == "failed"]),
            criteria=tuple(self._criterion(by_id[r.criterion_id], r) for r in scored.results),
        )

    def _criterion(self, criterion: Criterion, result: Verdict | Unscored) -> CriterionView:
        verdict = result if isinstance(result, Verdict) else None
        level = verdict.level if verdict else None
        above = level + 1 if level is not None and level < LEVELS[-1] else None
        return CriterionView(
            id=criterion.id,
            name=visible(criterion.name),
            definition=visible(criterion.definition),
            required=criterion.required,
            weight=criterion.weight,
            weight_rationale=criterion.weight_rationale and visible(criterion.weight_rationale),
            status=result.status,
            status_words=f"{level} of {LEVELS[-1]}" if level is not None else UNSCORED[result.status],
            reason=reason_words(result.reason) if isinstance(result, Unscored) else None,
            level=level,
            anchor=visible(criterion.anchors[level]) if level is not None else None,
            next_level=above,
            next_anchor=visible(criterion.anchors[above]) if above is not None else None,
            distribution=_distribution(verdict) if verdict else None,
            quotes=tuple(quote_of(i, self.evidence.get(i), self.recording) for i in verdict.evidence)
            if verdict
            else (),
            dropped=_dropped(result.evidence_dropped),
            rationale=visible(verdict.rationale) if verdict and verdict.rationale else None,
            anchors=tuple(
                Anchor(level=n, text=visible(criterion.anchors[n]), given=n == level) for n in reversed(LEVELS)
            ),
        )


def quote_of(utterance_id: str, said: Utterance | None, recording: RecordingRef) -> Quote:
    """A cited utterance as it is read. said: None where its words cannot be shown."""
    unsure = said is not None and said.confidence is not None and said.confidence < CONFIDENCE_SHOWN_BELOW
    return Quote(
        id=utterance_id,
        text=visible(said.text) if said else None,
        speaker="Candidate",
        time=_time(said) if said else NO_TIME,
        time_estimated=said is not None and said.time_estimated,
        second=None if said is None or said.started_s is None else int(said.started_s),
        recording=_no_recording(recording),
        doubt=f"speech recognition only {percent(said.confidence or 0)} sure" if said and unsure else None,
    )


def _broke_off(stored: StoredScorecard) -> str | None:
    """What must be read with a scorecard of an interview that did not come to its end."""
    if stored.ending != "incomplete":
        return None
    where = (
        f"in section {stored.sections_reached} of {len(stored.body.sections)}" if stored.sections_reached else "early"
    )
    return f"The interview broke off {where}; a person released it, and it is scored only as far as it went."


def sections_told(by: SectionsBy | None, transcript: Transcript | None) -> str | None:
    """Who told which of the interviewer's questions open which section of an imported interview."""
    if transcript is not None and transcript.sections == "whole":
        return "The source does not tell sections apart, so every section is judged on the whole interview."
    if by is None:
        return None
    told = {
        "the file itself": by.source,
        "the rubric's own opening words": by.intro,
        f"the model {visible(by.model)}" if by.model else "a model": by.judge,
        "a person's correction": by.correction,
    }
    parts = [f"{who} ({counted(n, 'question')})" for who, n in told.items() if n]
    return f"Which words belong to which section was told by {', '.join(parts)}." if parts else None


def _time(said: Utterance) -> str:
    if said.started_s is None:
        return NO_TIME
    start, end = clock(said.started_s), None if said.ended_s is None else clock(said.ended_s)
    return start if end in {None, start} else f"{start}–{end}"


def _no_recording(recording: RecordingRef) -> str | None:
    if recording.status == "present":
        return None
    why = {"pending": " yet (still pending)", "failed": " (it failed)"}
    return f"no recording{why.get(recording.status, '')}"


def _distribution(verdict: Verdict) -> Distribution | None:
    p, expected, spread = verdict.level_probability, verdict.expected_level, verdict.spread
    if p is None or expected is None or spread is None:
        return None
    return Distribution(
        shares=tuple(LevelShare(level=n, percent=percent(p.get(n, 0.0)), given=n == verdict.level) for n in LEVELS),
        expected=f"{expected:.1f}",
        spread=spread_words(spread),
        abstain=percent(verdict.abstain_probability or 0.0),
        strip=strip_of(p, level=verdict.level, expected=expected, spread=spread),
    )


def _dropped(count: int) -> str | None:
    if not count:
        return None
    return (
        f"{counted(count, 'cited passage')} left out: not the candidate's own words in this section."
        if count > 1
        else "1 cited passage left out: not the candidate's own words in this section."
    )


_BASES = {
    "expected_level": "weighted mean of the expected levels",
    "level": "weighted mean of the given levels; the judge's endpoint gives no probabilities",
}


def _mean(mean: Mean, rubric: Rubric, forbidding: Sequence[Verdict | Unscored]) -> MeanView:
    """forbidding: the results because of which a value is withheld, if there are any."""
    absent = None
    if mean.scored == 0:
        absent = "none: no criterion has a level"
    elif mean.value is None:
        failed = _named(rubric, "", [r for r in forbidding if r.status == "failed"], "could not be judged")
        missing = _named(rubric, "required ", [r for r in forbidding if r.status != "failed"], "has no level")
        absent = "withheld: " + ", and ".join(why for why in (missing, failed) if why)
    return MeanView(
        value=None if mean.value is None else f"{mean.value:.1f}",
        spread=None if mean.spread is None or mean.value is None else spread_words(mean.spread),
        absent=absent,
        coverage=f"{mean.scored} of {mean.of}",
        basis=_BASES[mean.basis],
    )


def _named(rubric: Rubric, kind: str, results: Sequence[Verdict | Unscored], what: str) -> str:
    """`required criterion “Depth” has no level`; empty without results."""
    names = ", ".join(f"“{visible(_criterion(rubric, r.criterion_id).name)}”" for r in results)
    if len(results) > 1:
        return f"{kind}criteria {names} {what.replace('has', 'have')}"
    return f"{kind}criterion {names} {what}" if results else ""


def _criterion(rubric: Rubric, criterion_id: str) -> Criterion:
    return next(c for c in rubric.criteria if c.id == criterion_id)


_ALERTS = {
    "required_unscored": "Required, and without a level, so the overall score is withheld",
    "speaks_to_judge": "Something was said that seems meant for the judge. No score was changed for it; read the "
    "transcript here",
    "distribution_split": "The judge is split between levels. Read the evidence before relying on its level",
    "low_confidence": "Speech recognition was unsure of words that are cited. Check what was said",
    "section_failed": "This section could not be judged, so nothing of it counts and the overall score is withheld",
    "section_missing": "The interview never reached this section",
    "judged_in_windows": "Longer than the judge can read at once: judged in parts first, then once more on what those "
    "parts cited",
}


def alerts_view(alerts: Sequence[Alert], rubric: Rubric) -> tuple[AlertView, ...]:
    """One entry per kind, what weighs most first."""
    return tuple(
        AlertView(code=code, words=words, places=tuple(_place(a, rubric) for a in alerts if a.code == code))
        for code, words in _ALERTS.items()
        if any(a.code == code for a in alerts)
    )


def _place(alert: Alert, rubric: Rubric) -> AlertPlace:
    if alert.criterion_id is not None:
        name, anchor = _criterion(rubric, alert.criterion_id).name, criterion_anchor(alert.criterion_id)
    elif alert.section_id is not None:
        name, anchor = rubric.section(alert.section_id).title, section_anchor(alert.section_id)
    else:
        name, anchor = "the interview", section_anchor(rubric.sections[0].id)
    return AlertPlace(name=visible(name), note=_note(alert), anchor=anchor)


def _note(alert: Alert) -> str | None:
    """The figure behind an alert."""
    if alert.value is None:
        return None
    if alert.code == "low_confidence":
        return f"{percent(alert.value)} sure"
    return counted(int(alert.value), "part") if alert.code == "judged_in_windows" else spread_words(alert.value)


def _provenance(stored: StoredScorecard) -> tuple[tuple[str, str], ...]:
    p = stored.body.provenance
    sampling = f"temperature {p.sampling.temperature:g}, seed {p.sampling.seed}, replicate {p.sampling.replicate}"
    facts = [
        ("Scorecard", stored.id),
        ("Body sha256", stored.body_sha256),
        ("Evaluation key", p.evaluation_key),
        ("Transcript sha256", p.transcript_sha256),
        ("Rubric", f"{p.rubric_id}@{p.rubric_version}"),
        ("Rubric digest", p.rubric_digest),
        ("Prompt version", p.prompt_version),
        ("Model", p.model),
        ("Sampling", f"{sampling}, at most {p.sampling.max_tokens} tokens"),
        ("Run", stored.run or "none"),
    ]
    where = {"Worker": "worker", "Engine": "engine", "Level probabilities": "level_probabilities"}
    facts += [(name, str(stored.execution[key])) for name, key in where.items() if stored.execution.get(key)]
    return tuple((name, visible(value)) for name, value in facts)


def _efforts(execution: Mapping[str, Any], rubric: Rubric) -> tuple[Effort, ...]:
    """The facts of execution, of which any may be missing."""
    titles = {s.id: s.title for s in rubric.sections}
    sections = execution.get("sections")
    rows = [row for row in sections if isinstance(row, dict)] if isinstance(sections, list) else []
    return tuple(
        Effort(
            section=visible(titles.get(str(row.get("section_id")), str(row.get("section_id", "?")))),
            source=_source(row),
            prompt_tokens=_figure(row.get("prompt_tokens"), row),
            completion_tokens=_figure(row.get("completion_tokens"), row),
            cached_tokens=_figure(row.get("cached_tokens"), row),
            duration_s=row.get("duration_s") if isinstance(row.get("duration_s"), int | float) else None,
        )
        for row in rows
    )


def _source(row: Mapping[str, Any]) -> str:
    if not isinstance(row.get("reused"), bool):
        return "not recorded"
    calls = row.get("calls")
    judged = f"judged in {calls} calls" if isinstance(calls, int) and calls > 1 else "judged"
    return "checkpoint" if row["reused"] else judged


def _figure(value: object, row: Mapping[str, Any]) -> int | None:
    """A section read from its checkpoint cost nothing now, which is not the same as a figure of zero."""
    return value if isinstance(value, int) and not row.get("reused") else None
