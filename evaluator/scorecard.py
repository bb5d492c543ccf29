"""The scorecard: results, means that say what they rest on, alerts for a person, and where it all came from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from evaluator.instructions import find
from evaluator.judging import Completion, Sampling, Windows
from evaluator.prompts import PROMPT_VERSION, key_for
from evaluator.transcript import Transcript, utterances_of, words_in
from evaluator.values import Frozen, canonical, sha256
from evaluator.verdict import Result, Unscored, Verdict, parse_verdicts, unscored
from rubrics.model import Criterion, Rubric, Section

SPREAD_SPLIT = 0.9  # levels of standard deviation from which the judge counts as undecided
CONFIDENCE_LOW = 0.7  # speech recognition's own figure, below which a person should listen
CONFIDENCE_MIN = 0.5  # below it more words are likely wrong than right: a level may not rest on such words alone
NOT_HEARD_WELL = "not_heard_well"
SECTION_WORDS_MIN = 5  # of the candidate; "I don't really know." is no answer that a level can rest on

# Judges that mean nothing for a real interview, with what must stand beside every score they give.
JUDGE_NOTICES = {
    "demo-judge": "demo judge: trained on simulated interviews only, meaningless for real ones",
}

State = Literal["scored", "needs_review", "unscorable"]
AlertCode = Literal[
    "distribution_split",
    "low_confidence",
    "section_failed",
    "speaks_to_judge",
    "section_missing",
    "required_unscored",
    "judged_in_windows",
]
REVIEW_ALERTS = frozenset({"distribution_split", "low_confidence", "section_failed", "speaks_to_judge"})


class Mean(Frozen):
    """A weighted mean over the scored criteria, and how many those are."""

    value: Annotated[float, Field(ge=1, le=5)] | None  # None: nothing scored, or withheld (then some are scored)
    basis: Literal["expected_level", "level"]  # level: the endpoint gives no probabilities
    spread: float | None  # standard deviation that the level distributions give the mean, in levels
    scored: int
    of: int


class SectionScore(Frozen):
    """One section's results in rubric order."""

    section_id: str
    results: tuple[Result, ...]
    mean: Mean


class Alert(Frozen):
    """Something a person should look at before relying on the scorecard."""

    code: AlertCode
    section_id: str | None = None  # None with no criterion either: the interview as a whole
    criterion_id: str | None = None
    value: float | None = None  # spread in levels, confidence as a share, or number of windows: as the code says


class Provenance(Frozen):
    """All that the body depends on."""

    evaluation_key: str
    transcript_sha256: str
    rubric_id: str
    rubric_version: str
    rubric_digest: str
    prompt_version: str
    model: str  # name@revision
    sampling: Sampling
    judge_notice: str | None  # what must stand beside every level of this judge


class Scorecard(Frozen):
    """The body that is hashed, stored and never changed; a person's review is another record."""

    schema_version: Literal[1] = 1
    state: State
    sections: tuple[SectionScore, ...]
    overall: Mean
    withheld: tuple[str, ...]  # criteria that failed, or are required and have no level: no overall mean is given
    alerts: tuple[Alert, ...]
    provenance: Provenance

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        return canonical(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON, hex."""
        return sha256(self.to_bytes())

    @property
    def results(self) -> tuple[Verdict | Unscored, ...]:
        """All results in rubric order."""
        return tuple(r for s in self.sections for r in s.results)


def judge_notice(model: str) -> str | None:
    """What must stand beside every level of this judge; None for one that was meant to judge."""
    return JUDGE_NOTICES.get(model.partition("@")[0])


def conclude(
    transcript: Transcript,
    rubric: Rubric,
    completions: Mapping[str, Completion],
    *,
    failed: Mapping[str, str] | None = None,
    windows: Mapping[str, Windows] | None = None,
    model: str,
    sampling: Sampling,
) -> Scorecard:
    """The scorecard of these values, whoever fetched them and whenever.

    completions: section id -> raw completion, for the sections that were judged; failed: section id -> reason code,
    for those that could not be; windows: section id -> what was read, for those that were too long for one call.
    """
    windows = windows or {}
    sections = tuple(
        _section_score(transcript, s, completions.get(s.id), (failed or {}).get(s.id), windows.get(s.id))
        for s in rubric.sections
    )
    results = {r.criterion_id: r for s in sections for r in s.results}
    unscored_required = [c.id for c in rubric.criteria if c.required and isinstance(results[c.id], Unscored)]
    withheld = tuple(c.id for c in rubric.criteria if c.id in unscored_required or results[c.id].status == "failed")
    mean = mean_of(rubric.criteria, results)
    alerts = (
        *_alerts(transcript, sections, windows),
        *_speaking_to_judge(transcript, rubric),
        *(Alert(code="required_unscored", criterion_id=c) for c in unscored_required),
    )
    return Scorecard(
        state=_state(mean, alerts),
        sections=sections,
        overall=_withheld(mean) if withheld else mean,
        withheld=withheld,
        alerts=alerts,
        provenance=Provenance(
            evaluation_key=key_for(transcript, rubric, model=model, sampling=sampling),
            transcript_sha256=transcript.digest,
            rubric_id=rubric.id,
            rubric_version=rubric.version,
            rubric_digest=rubric.digest,
            prompt_version=PROMPT_VERSION,
            model=model,
            sampling=sampling,
            judge_notice=judge_notice(model),
        ),
    )


def without_a_call(transcript: Transcript, section: Section) -> tuple[Unscored, ...] | None:
    """The section's results where there is nothing to judge; None when a judge must read it."""
    turns = transcript.in_section(section.id)
    if not turns:
        return unscored(section, "not_asked", "section_not_reached")
    words = sum(words_in(u.text) for u in utterances_of(turns))
    if not words:
        return unscored(section, "not_answered", "candidate_said_nothing")
    return unscored(section, "not_answered", "too_few_words") if words < SECTION_WORDS_MIN else None


def _section_score(
    transcript: Transcript, section: Section, completion: Completion | None, failed: str | None, read: Windows | None
) -> SectionScore:
    results = _results(transcript, section, completion, failed, read)
    mean = mean_of(section.criteria, {r.criterion_id: r for r in results})
    lost = any(r.status == "failed" for r in results)
    return SectionScore(section_id=section.id, results=results, mean=_withheld(mean) if lost else mean)


def _results(
    transcript: Transcript, section: Section, completion: Completion | None, failed: str | None, read: Windows | None
) -> tuple[Verdict | Unscored, ...]:
    if (known := without_a_call(transcript, section)) is not None:
        return known
    if failed is not None:
        return unscored(section, "failed", failed)
    if read is not None and not read.cited:
        return unscored(section, "insufficient_evidence", "nothing_cited_in_windows")
    if completion is None:
        return unscored(section, "failed", "not_judged")
    utterances = tuple(utterances_of(transcript.in_section(section.id)))
    ids = read.cited if read else [u.id for u in utterances]
    confidence = {u.id: u.confidence for u in utterances}
    return tuple(_if_heard(r, confidence) for r in parse_verdicts(completion, section, ids))


def _if_heard(result: Verdict | Unscored, confidence: Mapping[str, float | None]) -> Verdict | Unscored:
    """No level where speech recognition guessed all the words that it rests on; unknown confidence counts as heard."""
    if isinstance(result, Unscored) or any(_was_heard(confidence[i]) for i in result.evidence):
        return result
    return Unscored(
        status="insufficient_evidence",
        criterion_id=result.criterion_id,
        reason=NOT_HEARD_WELL,
        evidence_dropped=result.evidence_dropped,
    )


def _was_heard(confidence: float | None) -> bool:
    return confidence is None or confidence >= CONFIDENCE_MIN


def _withheld(mean: Mean) -> Mean:
    return mean.model_copy(update={"value": None, "spread": None})


def mean_of(criteria: Sequence[Criterion], results: Mapping[str, Verdict | Unscored]) -> Mean:
    """The weighted mean over what is scored; what is unscored is left out, never counted as low.

    Expected levels where every scored criterion has them, else sampled levels: the basis says which. The spread
    treats the criteria's distributions as independent.
    """
    scored = [(c.weight, r) for c in criteria if isinstance(r := results[c.id], Verdict)]
    expected = all(r.expected_level is not None for _, r in scored)
    basis: Literal["expected_level", "level"] = "expected_level" if expected else "level"
    value = spread = None
    if scored:
        total = math.fsum(weight for weight, _ in scored)
        value = math.fsum(
            w * (r.level if e is None or not expected else e) for w, r in scored for e in [r.expected_level]
        )
        value /= total
        value = round(min(5.0, max(1.0, value)), 4)
    if scored and expected:
        spread = round(math.sqrt(math.fsum((w * (r.spread or 0.0)) ** 2 for w, r in scored)) / total, 4)
    return Mean(value=value, basis=basis, spread=spread, scored=len(scored), of=len(criteria))


def _alerts(
    transcript: Transcript, sections: Sequence[SectionScore], windows: Mapping[str, Windows]
) -> Iterator[Alert]:
    confidence = {u.id: u.confidence for u in transcript.utterances()}
    for section in sections:
        section_id, results = section.section_id, section.results
        if all(r.status == "not_asked" for r in results):
            yield Alert(code="section_missing", section_id=section_id)
        if any(r.status == "failed" for r in results):
            yield Alert(code="section_failed", section_id=section_id)
        if section_id in windows:
            yield Alert(code="judged_in_windows", section_id=section_id, value=windows[section_id].count)
        for r in results:
            yield from _doubts(section_id, r, confidence)


def _doubts(section_id: str, result: Verdict | Unscored, confidence: Mapping[str, float | None]) -> Iterator[Alert]:
    """What makes one criterion's result doubtful."""
    where = {"section_id": section_id, "criterion_id": result.criterion_id}
    if isinstance(result, Unscored):
        if result.reason == NOT_HEARD_WELL:
            yield Alert(code="low_confidence", **where)
        return
    if result.spread is not None and result.spread >= SPREAD_SPLIT:
        yield Alert(code="distribution_split", value=round(result.spread, 4), **where)
    heard = [c for i in result.evidence if (c := confidence.get(i)) is not None]
    if heard and min(heard) < CONFIDENCE_LOW:
        yield Alert(code="low_confidence", value=min(heard), **where)


def _speaking_to_judge(transcript: Transcript, rubric: Rubric) -> Iterator[Alert]:
    """One alert for each section in which something seems to be said to the judge; it changes no score."""
    judged_apart = {s.id for s in rubric.sections} if transcript.sections == "marked" else set()
    section_of = {t.id: t.section_id if t.section_id in judged_apart else None for t in transcript.turns}
    for section_id in dict.fromkeys(section_of[s.turn_id] for s in find(transcript.turns)):
        yield Alert(code="speaks_to_judge", section_id=section_id)


def _state(mean: Mean, alerts: Sequence[Alert]) -> State:
    if mean.scored == 0:
        return "unscorable"
    return "needs_review" if any(a.code in REVIEW_ALERTS for a in alerts) else "scored"
