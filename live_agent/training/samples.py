"""Training samples: exactly the strings that the product's prompt code renders, and the answer that is right for them.

A sample is one call to the judge: a section of some rubric, a simulated interview's turns in it, and the answer by the
judge's schema. What a candidate was made to express is the truth; a criterion that was cut short in mid-answer has
none, and no sample is made of it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from evaluator.judging import Sampling
from evaluator.prompts import judge_request
from evaluator.transcript import Turn, segmented
from evaluator.verdict import ABSTAIN, EVIDENCE_MAX, answer_keys
from live_agent.simulate.interview import SimulatedInterview, evidence_of, simulate
from rubrics.model import CRITERIA_MAX, Criterion, Rubric, Section

FOREIGN_SHARE = 0.15  # of samples that also ask about a criterion of another section, which nothing was said about
WHOLE_SHARE = 0.5  # of samples that ask about all of a section's criteria, in the rubric's order


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What is right for one criterion."""

    criterion_id: str
    level: int  # 0: the section gives no basis
    evidence: tuple[str, ...]  # all utterances that express it, in order; the answer names the first few


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One call to the judge with its right answer."""

    system: str
    user: str
    answer: str
    truths: tuple[Truth, ...]  # in the order of c1..cn


def answer_of(truths: Sequence[Truth]) -> str:
    """The judge's JSON as the engine writes it: no white space."""
    body = {
        key: {"evidence": list(truth.evidence[:EVIDENCE_MAX]), "level": truth.level}
        for key, truth in zip(answer_keys(len(truths)), truths, strict=True)
    }
    return json.dumps(body, separators=(",", ":"))


def sample_of(section: Section, turns: Sequence[Turn], truths: Sequence[Truth]) -> Sample:
    """The sample of these criteria; `turns` are the section's, cut into utterances."""
    request = judge_request(section, turns, model="training@0", sampling=Sampling())
    return Sample(system=request.system, user=request.user, answer=answer_of(truths), truths=tuple(truths))


def truths_of(
    interview: SimulatedInterview, turns: Sequence[Turn], criteria: Sequence[Criterion]
) -> Mapping[str, Truth]:
    """Criterion id -> what is right; criteria that were cut short are left out."""
    found = {}
    for criterion in criteria:
        level = interview.truth.get(criterion.id)
        if level is None and interview.unscored.get(criterion.id) == "cut_short":
            continue
        evidence = evidence_of(interview, turns, criterion.id) if level is not None else ()
        if level is None or evidence:  # an utterance may be shared so evenly that it is nobody's
            found[criterion.id] = Truth(criterion_id=criterion.id, level=level or ABSTAIN, evidence=evidence)
    return found


def samples(
    rubrics: Sequence[Rubric], *, seed: int, number: int, allowed: Callable[[str], bool], focus: float = 0.0
) -> list[Sample]:
    """The samples of one simulated interview, the same for the same arguments.

    `allowed` keeps the phrasings of one split. The candidate, the levels, the stories, which criteria are asked about
    and in which order are drawn from seed and number. focus: the share of samples with one criterion and little else
    than the turns that express it, which is where learning begins.
    """
    random = Random(f"{seed}|{number}")
    rubric = random.choice(rubrics)
    interview = simulate(
        rubric,
        seed=seed,
        interview_id=f"training-{number}",
        abilities=_levels(rubric, random),
        allowed=allowed,
        story=random.randrange(1_000),
    )
    turns = segmented(interview.turns)
    result = []
    for section in rubric.sections:
        known = truths_of(interview, turns, section.criteria)
        asked = _asked([c for c in section.criteria if c.id in known], random)
        if random.random() < FOREIGN_SHARE:
            foreign = random.choice([c for other in rubrics for s in other.sections for c in s.criteria])
            if foreign.id not in {c.id for c in section.criteria} and len(asked) < CRITERIA_MAX:
                known = {**known, foreign.id: Truth(criterion_id=foreign.id, level=ABSTAIN, evidence=())}
                asked.insert(random.randint(0, len(asked)), foreign)
        own = tuple(turn for turn in turns if turn.section_id == section.id)
        if random.random() < focus:
            asked = [c for c in asked if known[c.id].evidence][:1]
            own = _about(own, known, asked)
        if asked and any(turn.utterances for turn in own):
            part = section.model_copy(update={"criteria": tuple(asked)})
            result.append(sample_of(part, own, [known[c.id] for c in asked]))
    return result


def _levels(rubric: Rubric, random: Random) -> dict[str, int | None]:
    """Levels apart from each other, so that one criterion's tells nothing of another's; now and then none."""
    return {c.id: None if random.random() < 0.12 else random.randint(1, 5) for c in rubric.criteria}


def _asked(criteria: list[Criterion], random: Random) -> list[Criterion]:
    if random.random() < WHOLE_SHARE:
        return criteria
    return random.sample(criteria, random.randint(1, len(criteria))) if criteria else []


def _about(turns: Sequence[Turn], known: Mapping[str, Truth], asked: Sequence[Criterion]) -> tuple[Turn, ...]:
    """The candidate's turns that express these criteria, and nobody else's words."""
    ids = {i for criterion in asked for i in known[criterion.id].evidence}
    return tuple(turn for turn in turns if any(span.id in ids for span in turn.utterances))
