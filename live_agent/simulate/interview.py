"""One simulated interview: the agent's plan on one side, a candidate of known ability on the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Literal

from evaluator.manifest import Consent
from evaluator.transcript import Turn
from live_agent.plan import CONSENT_VERSION, End, Heard, Plan, Position, Say, next_step, plan
from live_agent.simulate.candidate import Ability, Answer, SectionTalk, SimulatedCandidate
from rubrics.model import LEVELS, Rubric

FIRST_DAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AGENT_WORDS_PER_MINUTE = 160.0
SILENCE_S = 8.0  # how long the agent waits for an answer that does not come
BASE_RANGE = (1.4, 4.6)  # a candidate's ability over all criteria, on the scale of levels
SPREAD = 0.8  # standard deviation of one candidate's levels around it

Unscored = Literal["not_asked", "not_answered"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedInterview:
    """An interview as it was spoken, with what it was made to express."""

    interview_id: str
    rubric_ref: str  # id@version
    started_at: datetime
    consent: Consent
    turns: tuple[Turn, ...]
    truth: Mapping[str, int | None]  # criterion -> the level that was expressed; None where nothing was
    unscored: Mapping[str, Unscored]  # criteria without a truth -> why
    phrasings: Mapping[str, str]  # criterion with a truth -> id of the phrasing used

    @property
    def duration_s(self) -> float:
        """Seconds from the first word to the last."""
        return max((turn.ended_s or 0.0 for turn in self.turns), default=0.0)


def simulate(
    rubric: Rubric,
    *,
    seed: int,
    interview_id: str,
    abilities: Mapping[str, Ability] | None = None,
    started_at: datetime = FIRST_DAY,
    time_budget_s: float | None = None,
    allowed: Callable[[str], bool] | None = None,
) -> SimulatedInterview:
    """A whole text interview; everything in it follows from the arguments.

    Abilities name a level for each criterion, None for one that the candidate never answers; criteria left out are
    never answered either. Without any, they are drawn from the seed. A small time budget leaves later sections
    unasked. `allowed` filters phrasings by id. UsageFault for abilities the rubric has no criterion or level of.
    """
    key = f"{seed}|{rubric.ref}|{interview_id}"
    levels = draw_abilities(rubric, seed=key) if abilities is None else abilities
    candidate = SimulatedCandidate(rubric, levels, seed=key, allowed=allowed)
    talk = _Conversation(rubric, plan(rubric, time_budget_s=time_budget_s), candidate, Random(f"{key}|times"))
    talk.run()
    expressed = {c: talk_.phrasings[c].id for talk_ in talk.talks.values() for c in talk_.expressed}
    truth = {c.id: levels.get(c.id) if c.id in expressed else None for c in rubric.criteria}
    return SimulatedInterview(
        interview_id=interview_id,
        rubric_ref=rubric.ref,
        started_at=started_at,
        consent=Consent(status="granted", text_version=CONSENT_VERSION, at=started_at),
        turns=tuple(talk.turns),
        truth=truth,
        unscored=_unscored(rubric, truth, talk),
        phrasings={c: expressed[c] for c in truth if c in expressed},
    )


def draw_abilities(rubric: Rubric, *, seed: str, base: float | None = None) -> dict[str, Ability]:
    """A level for each criterion: around one ability, as real people are better at some things than at others."""
    random = Random(f"{seed}|abilities")
    centre = random.uniform(*BASE_RANGE) if base is None else base
    return {c.id: max(LEVELS[0], min(LEVELS[-1], round(random.gauss(centre, SPREAD)))) for c in rubric.criteria}


def _unscored(rubric: Rubric, truth: Mapping[str, int | None], talk: "_Conversation") -> dict[str, Unscored]:
    asked = {section.id: talk.asked.get(section.id, 0) for section in rubric.sections}
    result: dict[str, Unscored] = {}
    for section in rubric.sections:
        for criterion in section.criteria:
            if truth[criterion.id] is None:
                result[criterion.id] = "not_answered" if asked[section.id] else "not_asked"
    return result


@dataclass
class _Conversation:
    """Both sides in turn, and the clock between them."""

    rubric: Rubric
    plan: Plan
    candidate: SimulatedCandidate
    random: Random
    turns: list[Turn] = field(default_factory=list)
    talks: dict[str, SectionTalk] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)  # section -> questions asked
    clock_s: float = 0.0

    def run(self) -> None:
        position, heard = Position(), Heard()
        while not isinstance(said := next_step(self.plan, position, heard, self.clock_s), End):
            position = said.position
            self._speaks("interviewer", said.text, said.section_id, AGENT_WORDS_PER_MINUTE)
            heard = self._reply(said) if said.waits else Heard()

    def _reply(self, said: Say) -> Heard:
        answer = self._answer(said)
        if not answer.text:
            self.clock_s += SILENCE_S
            return Heard()
        self.clock_s += self.random.uniform(0.4, 2.5)  # a moment to think
        self._speaks("candidate", answer.text, said.section_id, self.candidate.style.words_per_minute)
        consent: Literal["granted", "unclear"] = "granted" if said.steps[-1].kind == "consent" else "unclear"
        return Heard(words=len(answer.text.split()), declined=answer.declined, consent=consent)

    def _answer(self, said: Say) -> Answer:
        step, position = said.steps[-1], said.position
        if step.kind == "consent":
            return Answer(text=self.candidate.to_consent())
        if step.section_id is None:
            return Answer(text=self.candidate.to_opening())
        if step.section_id not in self.talks:
            self.talks[step.section_id] = self.candidate.enters(self.rubric.section(step.section_id))
        talk = self.talks[step.section_id]
        if step.kind == "follow_up":
            return talk.to_follow_up(position.follow_ups)
        self.asked[step.section_id] = position.questions
        return talk.to_question(
            position.questions,
            follow_up_left=position.follow_ups < len(self.plan.parts[position.part].follow_ups),
        )

    def _speaks(
        self, speaker: Literal["candidate", "interviewer"], text: str, section: str | None, rate: float
    ) -> None:
        started = self.clock_s
        self.clock_s = started + max(0.6, len(text.split()) / rate * 60 * self.random.uniform(0.92, 1.08))
        self.turns.append(
            Turn(
                id=f"T{len(self.turns) + 1}",
                speaker=speaker,
                section_id=section,
                started_s=round(started, 2),
                ended_s=round(self.clock_s, 2),
                text=text,
            )
        )
        self.clock_s += self.random.uniform(0.3, 0.9)  # until the other side begins
