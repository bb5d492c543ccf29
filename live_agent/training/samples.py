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
SHORT_SHARE = 0.15  # of interviews that end before all was asked
SHORT_S = (180.0, 900.0)  # seconds that those last at most
INSTRUCTING_SHARE = 0.15  # of candidates who tell the judge what to rate


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
    others: tuple[Truth, ...] = ()  # of the section's criteria that are not asked about

    @property
    def topics(self) -> Mapping[str, tuple[str, int]]:
        """Utterance id -> (criterion that it expresses, asked about or not; the level)."""
        return {i: (truth.criterion_id, truth.level) for truth in (*self.truths, *self.others) for i in truth.evidence}

    @property
    def expressed(self) -> Mapping[str, tuple[int, int]]:
        """Utterance id -> (place of the criterion that it expresses, from 0; the level)."""
        return {i: (place, truth.level) for place, truth in enumerate(self.truths) for i in truth.evidence}


def answer_of(truths: Sequence[Truth]) -> str:
    """The judge's JSON as the engine writes it: no white space."""
    body = {
        key: {"evidence": list(truth.evidence[:EVIDENCE_MAX]), "level": truth.level}
        for key, truth in zip(answer_keys(len(truths)), truths, strict=True)
    }
    return json.dumps(body, separators=(",", ":"))


def sample_of(section: Section, turns: Sequence[Turn], truths: Sequence[Truth], others: Sequence[Truth] = ()) -> Sample:
    """The sample of these criteria; `turns` are the section's, cut into utterances."""
    request = judge_request(section, turns, model="training@0", sampling=Sampling())
    return Sample(
        system=request.system, user=request.user, answer=answer_of(truths), truths=tuple(truths), others=tuple(others)
    )


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


def panels(
    rubrics: Sequence[Rubric],
    *,
    seed: int,
    number: int,
    size: int,
    allowed: Callable[[str], bool],
    focus: float = 0.0,
    weights: Sequence[float] | None = None,
) -> list[list[Sample]]:
    """Samples of `size` simulated interviews of one role, one panel for each section; the same for the same arguments.

    A panel's samples share the system prompt: the same criteria are asked about in the same order. `allowed` keeps the
    phrasings of one split; `weights` says how often each role is drawn. The candidates, the levels, the stories, which
    criteria are asked about and in which order are drawn from seed and number. focus: the share of panels with one
    criterion and little else than the turns that express it, which is where learning begins.
    """
    random = Random(f"{seed}|{number}")
    rubric = random.choices(rubrics, weights)[0]
    interviews = [
        _interview(rubric, seed=seed, number=number * size + place, allowed=allowed, random=random)
        for place in range(size)
    ]
    return [
        _panel(section, _asked(section, rubrics, random, alone=alone), interviews, alone=alone)
        for section in rubric.sections
        for alone in (random.random() < focus,)
    ]


def samples(
    rubrics: Sequence[Rubric], *, seed: int, number: int, allowed: Callable[[str], bool], focus: float = 0.0
) -> list[Sample]:
    """The samples of one simulated interview."""
    return [
        sample
        for panel in panels(rubrics, seed=seed, number=number, size=1, allowed=allowed, focus=focus)
        for sample in panel
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Heard:
    """An interview with its turns cut into utterances."""

    interview: SimulatedInterview
    turns: tuple[Turn, ...]


def _interview(rubric: Rubric, *, seed: int, number: int, allowed: Callable[[str], bool], random: Random) -> _Heard:
    interview = simulate(
        rubric,
        seed=seed,
        interview_id=f"training-{number}",
        abilities=_levels(rubric, random),
        allowed=allowed,
        story=random.randrange(1_000),
        time_budget_s=random.uniform(*SHORT_S) if random.random() < SHORT_SHARE else None,
        instructing=random.random() < INSTRUCTING_SHARE,
    )
    return _Heard(interview=interview, turns=tuple(segmented(interview.turns)))


def _panel(section: Section, asked: Sequence[Criterion], interviews: Sequence[_Heard], *, alone: bool) -> list[Sample]:
    """One sample of each interview that has words in the section and a truth for every criterion asked about."""
    part = section.model_copy(update={"criteria": tuple(asked)})
    own, part_ids = ({c.id for c in one.criteria} for one in (section, part))
    made = []
    for heard in interviews:
        known = dict(truths_of(heard.interview, heard.turns, section.criteria))
        known |= {c.id: Truth(criterion_id=c.id, level=ABSTAIN, evidence=()) for c in asked if c.id not in own}
        turns = tuple(turn for turn in heard.turns if turn.section_id == section.id)
        if alone:
            turns = _about(turns, known, asked)
        if all(c.id in known for c in asked) and any(turn.utterances for turn in turns):
            others = [truth for name, truth in known.items() if name not in part_ids]
            made.append(sample_of(part, turns, [known[c.id] for c in asked], others))
    return made


def _levels(rubric: Rubric, random: Random) -> dict[str, int | None]:
    """Levels apart from each other, so that one criterion's tells nothing of another's; now and then none."""
    return {c.id: None if random.random() < 0.12 else random.randint(1, 5) for c in rubric.criteria}


def _asked(section: Section, rubrics: Sequence[Rubric], random: Random, *, alone: bool) -> list[Criterion]:
    """Which of the section's criteria a panel asks about, in which order; now and then one of another section too."""
    if alone:
        return [random.choice(section.criteria)]
    asked = list(section.criteria)
    if random.random() >= WHOLE_SHARE:
        asked = random.sample(asked, random.randint(1, len(asked)))
    if random.random() < FOREIGN_SHARE and len(asked) < CRITERIA_MAX:
        foreign = random.choice([c for rubric in rubrics for other in rubric.sections for c in other.criteria])
        if foreign.id not in {c.id for c in section.criteria}:
            asked.insert(random.randint(0, len(asked)), foreign)
    return asked


def _about(turns: Sequence[Turn], known: Mapping[str, Truth], asked: Sequence[Criterion]) -> tuple[Turn, ...]:
    """The candidate's turns that express these criteria, and nobody else's words."""
    ids = {i for criterion in asked if criterion.id in known for i in known[criterion.id].evidence}
    return tuple(turn for turn in turns if any(span.id in ids for span in turn.utterances))
