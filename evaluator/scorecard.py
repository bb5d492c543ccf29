"""The scorecard: results, means that say what they rest on, alerts for a person, and where it all came from."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from evaluator.judging import Completion, Sampling
from evaluator.prompts import PROMPT_VERSION, key_for
from evaluator.transcript import Transcript, utterances_of
from evaluator.values import Frozen, canonical, sha256
from evaluator.verdict import Result, Unscored, Verdict, parse_verdicts, unscored
from rubrics.model import Criterion, Rubric, Section

SPREAD_SPLIT = 0.9  # levels of standard deviation from which the judge counts as undecided
CONFIDENCE_LOW = 0.7  # speech recognition's own figure, below which a person should listen

# Judges that are known to mean nothing, with what must stand beside every score they give.
JUDGE_NOTICES = {"demo-judge-untrained": "untrained demo judge: levels are noise"}

State = Literal["scored", "needs_review", "unscorable"]
REVIEW_ALERTS = frozenset({"distribution_split", "low_confidence", "section_failed"})


class Mean(Frozen):
    """A weighted mean over the scored criteria, and how many those are."""

    value: Annotated[float, Field(ge=1, le=5)] | None  # None: nothing scored, or withheld
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

    code: Literal["distribution_split", "low_confidence", "section_failed", "section_missing", "required_unscored"]
    section_id: str | None = None
    criterion_id: str | None = None
    value: float | None = None


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
    withheld: tuple[str, ...]  # required criteria without a level: the overall mean is not given
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
    model: str,
    sampling: Sampling,
) -> Scorecard:
    """The scorecard of these values, whoever fetched them and whenever.

    completions: section id -> raw completion, for the sections that were judged; failed: section id -> reason code,
    for those that could not be.
    """
    sections = tuple(
        _section_score(transcript, s, completions.get(s.id), (failed or {}).get(s.id)) for s in rubric.sections
    )
    results = {r.criterion_id: r for s in sections for r in s.results}
    withheld = tuple(c.id for c in rubric.criteria if c.required and isinstance(results[c.id], Unscored))
    mean = mean_of(rubric.criteria, results)
    alerts = (*_alerts(transcript, sections), *(Alert(code="required_unscored", criterion_id=c) for c in withheld))
    return Scorecard(
        state=_state(mean, alerts),
        sections=sections,
        overall=mean.model_copy(update={"value": None, "spread": None}) if withheld else mean,
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
    if not any(turn.utterances for turn in turns):
        return unscored(section, "not_answered", "candidate_said_nothing")
    return None


def _section_score(
    transcript: Transcript, section: Section, completion: Completion | None, failed: str | None
) -> SectionScore:
    results: Sequence[Verdict | Unscored] | None = without_a_call(transcript, section)
    if results is None and completion is not None:
        ids = [u.id for u in utterances_of(transcript.in_section(section.id))]
        results = parse_verdicts(completion, section, ids)
    if results is None:
        results = unscored(section, "failed", failed or "not_judged")
    by_id = {r.criterion_id: r for r in results}
    return SectionScore(section_id=section.id, results=tuple(results), mean=mean_of(section.criteria, by_id))


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


def _alerts(transcript: Transcript, sections: Sequence[SectionScore]) -> list[Alert]:
    confidence = {u.id: u.confidence for u in transcript.utterances()}
    alerts: list[Alert] = []
    for section in sections:
        if all(r.status == "not_asked" for r in section.results):
            alerts.append(Alert(code="section_missing", section_id=section.section_id))
        if any(r.status == "failed" for r in section.results):
            alerts.append(Alert(code="section_failed", section_id=section.section_id))
        for r in section.results:
            if not isinstance(r, Verdict):
                continue
            where = {"section_id": section.section_id, "criterion_id": r.criterion_id}
            if r.spread is not None and r.spread >= SPREAD_SPLIT:
                alerts.append(Alert(code="distribution_split", value=round(r.spread, 4), **where))
            heard = [c for i in r.evidence if (c := confidence.get(i)) is not None]
            if heard and min(heard) < CONFIDENCE_LOW:
                alerts.append(Alert(code="low_confidence", value=min(heard), **where))
    return alerts


def _state(mean: Mean, alerts: Sequence[Alert]) -> State:
    if mean.scored == 0:
        return "unscorable"
    return "needs_review" if any(a.code in REVIEW_ALERTS for a in alerts) else "scored"
