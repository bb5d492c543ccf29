"""One simulated interview: the agent's plan on one side, a candidate of known ability on the other."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Literal

from evaluator.manifest import Consent
from evaluator.transcript import Turn
from live_agent.plan import CONSENT_VERSION, End, Heard, Plan, Position, Say, follow_ups_left, next_step, plan
from live_agent.simulate.candidate import Ability, Answer, SectionTalk, SimulatedCandidate, Unscored
from rubrics.model import LEVELS, Rubric

FIRST_DAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AGENT_WORDS_PER_MINUTE = 160.0
SILENCE_S = 8.0  # how long the agent waits for an answer that does not come
BASE_RANGE = (1.2, 4.8)  # a candidate's ability over all criteria, on the scale of levels
SPREAD = 0.7  # standard deviation of one candidate's levels around it


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A part of a turn's text, in characters."""

    turn_id: str
    start: int
    end: int


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
    matter: Mapping[str, tuple[Stretch, ...]]  # criterion -> where it was expressed, in order

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
    story: int | None = None,
    instructing: bool = False,
) -> SimulatedInterview:
    """A whole text interview; everything in it follows from the arguments.

    Abilities name a level for each criterion, None for one that the candidate never answers; criteria left out are
    never answered either. Without any, they are drawn from the seed. A small time budget leaves later sections
    unasked. `allowed` filters phrasings by id, `story` chooses among them. An `instructing`
    candidate also tells the judge what to rate. UsageFault for abilities that the rubric
    has no criterion or level of, and for a filter that leaves a criterion without words.
    """
    key = f"{seed}|{rubric.ref}|{interview_id}"
    levels = draw_abilities(rubric, seed=key) if abilities is None else abilities
    candidate = SimulatedCandidate(rubric, levels, seed=key, allowed=allowed, story=story, instructing=instructing)
    spoken = _Conversation(rubric, plan(rubric, time_budget_s=time_budget_s), candidate, Random(f"{key}|times"))
    spoken.run()
    outcome = {c.id: spoken.outcome(s.id, c.id) for s in rubric.sections for c in s.criteria}
    chosen = {c: phrasing.id for talk in spoken.talks.values() for c, phrasing in talk.phrasings.items()}
    return SimulatedInterview(
        interview_id=interview_id,
        rubric_ref=rubric.ref,
        started_at=started_at,
        consent=Consent(status="granted", text_version=CONSENT_VERSION, at=started_at),
        turns=tuple(spoken.turns),
        truth={c: levels.get(c) if why is None else None for c, why in outcome.items()},
        unscored={c: why for c, why in outcome.items() if why is not None},
        phrasings={c: chosen[c] for c, why in outcome.items() if why is None},
        matter={c: tuple(stretches) for c, stretches in spoken.matter.items()},
    )


def draw_abilities(rubric: Rubric, *, seed: str, base: float | None = None) -> dict[str, Ability]:
    """A level for each criterion: around one ability, as real people are better at some things than at others."""
    random = Random(f"{seed}|abilities")
    centre = random.uniform(*BASE_RANGE) if base is None else base
    return {c.id: max(LEVELS[0], min(LEVELS[-1], round(random.gauss(centre, SPREAD)))) for c in rubric.criteria}


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
    matter: dict[str, list[Stretch]] = field(default_factory=dict)  # criterion -> where it was expressed
    clock_s: float = 0.0

    def run(self) -> None:
        position, heard = Position(), Heard()
        while not isinstance(said := next_step(self.plan, position, heard, self.clock_s), End):
            position = said.position
            self._speaks("interviewer", said.text, said.section_id, AGENT_WORDS_PER_MINUTE)
            heard = self._reply(said) if said.waits else Heard()

    def outcome(self, section: str, criterion: str) -> Unscored | None:
        """Why the criterion was not expressed; None where it was."""
        talk = self.talks.get(section)
        return talk.outcome(criterion, questions_asked=self.asked.get(section, 0)) if talk else "not_asked"

    def _reply(self, said: Say) -> Heard:
        answer = self._answer(said)
        if not answer.text:
            self.clock_s += SILENCE_S
            return Heard()
        self.clock_s += self.random.uniform(0.4, 2.5)  # a moment to think
        self._speaks("candidate", answer.text, said.section_id, self.candidate.style.words_per_minute)
        for part in answer.matter:
            stretch = Stretch(turn_id=self.turns[-1].id, start=part.start, end=part.end)
            self.matter.setdefault(part.criterion, []).append(stretch)
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
            return talk.to_follow_up(position.follow_ups[-1] + 1)
        self.asked[step.section_id] = position.questions
        left = follow_ups_left(self.plan.parts[position.part], position)
        return talk.to_question(position.questions, follow_up_left=bool(left))

    def _speaks(
        self, speaker: Literal["candidate", "interviewer"], text: str, section: str | None, words_per_minute: float
    ) -> None:
        started = self.clock_s
        self.clock_s += max(0.6, len(text.split()) / words_per_minute * 60 * self.random.uniform(0.92, 1.08))
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


EVIDENCE_SHARE_MIN = 0.5  # of an utterance's characters that must express the criterion


def evidence_of(interview: SimulatedInterview, turns: Iterable[Turn], criterion: str) -> tuple[str, ...]:
    """Ids of the utterances that express a criterion, in order; `turns` are the interview's, cut into utterances."""
    stretches = interview.matter.get(criterion, ())
    return tuple(
        span.id
        for turn in turns
        for span in turn.utterances
        if sum(max(0, min(s.end, span.end) - max(s.start, span.start)) for s in stretches if s.turn_id == turn.id)
        >= EVIDENCE_SHARE_MIN * (span.end - span.start)
    )
