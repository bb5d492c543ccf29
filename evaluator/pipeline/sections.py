"""How one section gets its answer: what the store holds of it, what must be asked next, and asking it.

A section that fits the judge's window is one call. One that does not is cut into windows; each is judged like a
section, and then one more call judges only what those cited, each answer after the question before it: that call's
answer is the section's. Where even that does not fit, it is cut in turn. Every answer and every cut is kept under its
own key, so that whoever reads the store, with an engine or without, comes to the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from evaluator.errors import CheckpointCorrupt
from evaluator.judging import Checkpoint, Completion, JudgeRequest, WindowPlan, Windows, Work
from evaluator.layout import checkpoint_key
from evaluator.pipeline.checkpoints import keep, proven, read
from evaluator.pipeline.windows import cited_turns, cut
from evaluator.ports import ObjectStore
from evaluator.prompts import judge_request, request_sha256
from evaluator.transcript import Turn, utterances_of
from evaluator.verdict import Verdict, parse_verdicts
from rubrics.model import Section

CUTS_MAX = 4  # of one section, each over what the one before cited: a tenth of it, as windows are long


@dataclass(frozen=True, kw_only=True)
class Part:
    """Turns that one call should judge: a section, a window of it, or what windows cited."""

    work: Work
    section: Section
    turns: tuple[Turn, ...]
    name: str = ""  # of a window, as `layout.checkpoint_key` spells it; empty: the section
    cuts: int = 0  # made so far to come to these turns

    @cached_property
    def request(self) -> JudgeRequest:
        """The call."""
        return judge_request(
            self.section,
            self.turns,
            model=self.work.model,
            sampling=self.work.sampling,
            rationale=self.work.rubric.rationale,
        )

    @cached_property
    def request_sha256(self) -> str:
        """What the answer must have been made for."""
        return request_sha256(self.request)

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.section.id + self.name

    @property
    def window(self) -> str | None:
        """Which window of the section it is, "1.2"; None: the section, or what its windows cited."""
        return self.name.removeprefix("~") or None

    @property
    def key(self) -> str:
        """Where its answer is kept."""
        return checkpoint_key(self.work.interview_id, self.work.evaluation_key, self.section.id, self.name)

    @property
    def plan_key(self) -> str:
        """Where it is kept how these turns were cut."""
        name = f"{self.name}~{self.cuts + 1}"
        return checkpoint_key(self.work.interview_id, self.work.evaluation_key, self.section.id, name)

    @property
    def utterance_ids(self) -> tuple[str, ...]:
        """The candidate's utterances that the call shows, in order."""
        return tuple(u.id for u in utterances_of(self.turns))

    def windows(self, plan: WindowPlan) -> tuple["Part", ...]:
        """Its parts by this plan in which the candidate speaks; CheckpointCorrupt when the plan is of other turns."""
        try:
            turns = cut(self.turns, plan.cuts)
        except ValueError as error:
            raise CheckpointCorrupt(f"checkpoint {self.plan_key} does not fit its section: {error}") from None
        named = ((f"{self.name}~{self.cuts + 1}.{n}", said) for n, said in enumerate(turns, start=1))
        parts = (replace(self, turns=said, name=name, cuts=0) for name, said in named)
        return tuple(part for part in parts if part.utterance_ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What counts for a part."""

    part: Part  # the turns of the call that counts
    completion: Completion | None  # None: no window cited anything, so there was no last call
    windows: int = 0  # judged before it

    @property
    def read(self) -> Windows | None:
        """How it was read, if it was not read at once."""
        shown = () if self.completion is None else self.part.utterance_ids
        return Windows(count=self.windows, cited=shown) if self.windows else None

    @property
    def cited(self) -> frozenset[str]:
        """The utterances that carry its levels."""
        if self.completion is None:
            return frozenset()
        results = parse_verdicts(self.completion, self.part.section, self.part.utterance_ids)
        return frozenset(i for r in results if isinstance(r, Verdict) for i in r.evidence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What must be judged, or cut, before there is an answer."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TooLong:
    """There can be no answer: the windows cite so much that even that fits no window."""


Standing = Answer | Missing | TooLong


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What the store holds of one section; each object is fetched once, and proven by the part that uses it."""

    store: ObjectStore
    _checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    _plans: dict[str, WindowPlan] = field(default_factory=dict)

    def checkpoint(self, part: Part) -> Checkpoint | None:
        """The answer kept under the part's name; for a part with windows it is to the call about what they cited."""
        if part.key not in self._checkpoints and (found := read(self.store, part.key, Checkpoint)):
            self._put(part, found)
        return self._checkpoints.get(part.key)

    def plan(self, part: Part) -> WindowPlan | None:
        """How the part was cut."""
        if part.plan_key not in self._plans and (found := read(self.store, part.plan_key, WindowPlan)):
            self._plans[part.plan_key] = found
        plan = self._plans.get(part.plan_key)
        if plan is not None and plan.request_sha256 != part.request_sha256:
            raise CheckpointCorrupt(f"checkpoint {part.plan_key} cuts another request")
        return plan

    def keep(self, part: Part, checkpoint: Checkpoint) -> bool:
        """Keeps the part's answer; False when another worker's came first, and `settle` says whether that counts."""
        winner = keep(self.store, part.key, checkpoint)
        self._put(part, winner)
        return winner is checkpoint

    def keep_plan(self, part: Part, plan: WindowPlan) -> None:
        """Keeps how the part is cut, unless another worker's plan came first."""
        self._plans[part.plan_key] = keep(self.store, part.plan_key, plan)

    def _put(self, part: Part, checkpoint: Checkpoint) -> None:
        if part.name:  # of a window only the evidence counts: a hundred windows' logprobs would fill the memory
            bare = checkpoint.completion.model_copy(update={"logprobs": None})
            checkpoint = checkpoint.model_copy(update={"completion": bare})
        self._checkpoints[part.key] = checkpoint


def settle(part: Part, shelf: Shelf) -> Standing:
    """What the store says about a section or window; asks nobody. CheckpointCorrupt when it cannot be trusted."""
    kept = shelf.checkpoint(part)
    at, judged = part, 0
    while at.cuts <= CUTS_MAX:
        if kept is not None and kept.request_sha256 == at.request_sha256:
            completion = proven(kept, at.key, at.section)
            return Answer(part=at, completion=completion, windows=judged)
        if (plan := shelf.plan(at)) is None:
            if kept is not None:
                raise CheckpointCorrupt(f"checkpoint {part.key} answers another request")
            return Missing(parts=(at,))
        found = [settle(window, shelf) for window in at.windows(plan)]
        if (unsettled := _not_settled(found)) is not None:
            return unsettled
        answered = [a for a in found if isinstance(a, Answer)]
        judged += sum(a.windows or 1 for a in answered)
        cited = frozenset[str]().union(*(a.cited for a in answered))
        if not cited:
            return Answer(part=at, completion=None, windows=judged)
        shorter = cited_turns(part.turns, cited)
        if shorter == at.turns:
            return TooLong()
        at = replace(at, turns=shorter, cuts=at.cuts + 1)
    return TooLong()


def _not_settled(found: Sequence[Standing]) -> Missing | TooLong | None:
    """Why these windows do not make an answer yet; None when each has its own."""
    if any(isinstance(one, TooLong) for one in found):
        return TooLong()
    missing = tuple(p for one in found if isinstance(one, Missing) for p in one.parts)
    return Missing(parts=missing) if missing else None
