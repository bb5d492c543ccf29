"""One interview as it goes on: what was heard goes in, what is said comes out, and everything is kept on the way.

It knows nothing of voices, rooms or frameworks. Whoever speaks for it asks `hear` what to say, says it, and tells
`spoke` what of it was really heard.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from evaluator.errors import Conflict
from evaluator.instructions import find
from evaluator.manifest import CONSENT_DENIED, Consent, Manifest, RecordingRef
from evaluator.manifest import Ending as HandedOver
from evaluator.transcript import Turn
from live_agent.adding import INSTRUCTIONS, SUMMARISE, Kind, addition, secret_words
from live_agent.conducting import Effect, Ending, Reply, begin, replay, respond, welcome_back
from live_agent.hearing import check_language, hear
from live_agent.keeping import Keeper
from live_agent.memory import CountTokens, Limits, Memory, Said, condensed, remember, summary_due, told
from live_agent.models import Models, NoModel
from live_agent.phrases import AGAIN, CLOSED, THANKS
from live_agent.plan import CONSENT_VERSION, Plan, plan
from rubrics.model import Rubric

log = logging.getLogger(__name__)

Outcome = Literal["handed_over", "no_consent", "closed_elsewhere", "store_away"]
"""What became of an interview that was closed; without `handed_over`, what is not in the store is in a file here."""

# As the manifest says it; one that the interview was cut off from says `incomplete`.
_HANDED_OVER: Mapping[Ending, HandedOver] = {
    "finished": "finished",
    "refused": "stopped",
    "withdrawn": "stopped",
    "stopped": "stopped",
    "silent": "silent",
}


class Interview:
    """One interview; belongs to one event loop."""

    def __init__(
        self,
        rubric: Rubric,
        keeper: Keeper,
        *,
        clock: Callable[[], datetime],
        models: Models | None = None,
        count: CountTokens | None = None,
        limits: Limits | None = None,
        time_budget_s: float | None = None,
    ) -> None:
        """models, count: without them the script alone is spoken. clock: of the day, for the consent.

        UsageFault for a language that there are no rules for.
        """
        check_language(rubric.language)
        self.plan: Plan = plan(rubric, time_budget_s=time_budget_s)
        self.memory = Memory()
        self.reply: Reply = begin(self.plan)
        self.person_wanted = False
        self.outcome: Outcome | None = None  # what became of it, once it was closed
        self._secrets = secret_words(rubric)
        self._keeper = keeper
        self._clock = clock
        self._models = models
        self._count = count
        self._limits = limits or Limits()
        self._unkept: list[Turn] = []  # said before there was a consent
        self._turns = 0
        self._agreed = False
        self._recorded = True  # what is said now may be kept
        self._withdrawn_at: datetime | None = None
        self._before: Reply | None = None  # what was said before the reply that nobody has heard yet
        self._heard = ""  # what the candidate said since
        self._summary: asyncio.Task[None] | None = None
        self._resumed_s: float | None = None  # where the times end that were kept before a crash
        self._shift_s = 0.0  # what is added to the times that we are told

    @property
    def ended(self) -> Ending | None:
        """How it ended; None while it goes on."""
        return self.reply.ended

    async def resume(self, turns: Sequence[Turn], consent: Consent) -> None:
        """Goes on from what was kept before a crash; the reply is then what to say to a candidate who is back.

        Conflict: the consent was withdrawn for good, so there is nothing to go on with.
        """
        found = replay(self.plan, turns, lambda turn: bool(find([turn])))
        self.reply, self._agreed = welcome_back(found), True
        asked_back = self.reply.conduct.pending == "withdraw"
        if consent.status in CONSENT_DENIED and not asked_back:
            raise Conflict(f"consent is {consent.status}: the interview does not go on; it can only be closed")
        self._recorded = not asked_back
        self.person_wanted = any(hear(t.text).wish == "person" for t in turns if t.speaker == "candidate")
        self._turns = max((int(turn.id.removeprefix("t")) for turn in turns), default=0)
        for turn in turns:
            if turn.speaker != "other":
                self.memory = remember(self.memory, Said(speaker=turn.speaker, text=turn.text))
        self._resumed_s = max((turn.ended_s for turn in turns if turn.ended_s is not None), default=0.0)
        await self._keeper.agreed(consent)
        if asked_back:
            await self._keeper.withdraw(self._clock())

    async def hear(
        self, text: str, *, started_s: float, ended_s: float, confidence: float | None = None
    ) -> tuple[str, tuple[Effect, ...]]:
        """What to say after this turn of the candidate, and what to do; empty text is silence.

        started_s, ended_s: since the interview's first word; or, after `resume`, since the first word after it.
        """
        started_s, ended_s = self._placed(started_s, ended_s)
        if self._before is not None and self._heard:  # our reply was never heard: they had not finished
            self.reply, self._heard = self._before, f"{self._heard} {text}"
        else:
            self._before, self._heard = self.reply, text
        asked = self.reply.conduct.position.stage == "consent"
        turn = self._turn("candidate", text, started_s, ended_s, confidence=confidence)
        instructs = bool(text.strip()) and bool(find([turn]))
        hearing = hear(self._heard, asked_consent=asked)
        self.reply = respond(self.plan, self.reply.conduct, hearing, ended_s, self._heard, instructs=instructs)
        turn = turn.model_copy(update={"section_id": self.reply.answered})
        await self._follow(turn, asked=asked)
        self._leave_closed()
        if text.strip():
            self.memory = remember(self.memory, Said(speaker="candidate", text=text))
        words = await self._worded()
        self._condense()
        return words, self.reply.effects

    async def spoke(self, text: str, *, started_s: float, ended_s: float, interrupted: bool = False) -> None:
        """What the interviewer really said, as far as it was heard."""
        if not text.strip():
            return
        started_s, ended_s = self._placed(started_s, ended_s)
        self._before, self._heard = None, ""
        turn = self._turn("interviewer", text, started_s, ended_s, interrupted=interrupted)
        self.memory = remember(self.memory, Said(speaker="interviewer", text=text))
        await self._keep(turn.model_copy(update={"section_id": self.reply.section_id}))

    async def close(self, *, recording: RecordingRef | None = None) -> Manifest | None:
        """Hands the interview over, however it ended; None where it is not: `outcome` says why."""
        if self._summary is not None:
            self._summary.cancel()
            await asyncio.gather(self._summary, return_exceptions=True)
        if self._models is not None:
            await self._models.aclose()
        if self.reply.conduct.pending == "withdraw" and self._withdrawn_at is None:
            self._withdrawn_at = self._clock()  # gone while it was asked back: then it stands
        if not self._agreed:
            self.outcome = "no_consent"
            return None
        ending: HandedOver = "incomplete" if self.ended is None else _HANDED_OVER[self.ended]
        manifest = await self._keeper.finish(
            ending=ending, wants_person=self.person_wanted, withdrawn_at=self._withdrawn_at, recording=recording
        )
        self.outcome = "handed_over" if manifest else "closed_elsewhere" if self._keeper.closed else "store_away"
        return manifest

    def _leave_closed(self) -> None:
        """Says goodbye where the interview was closed while nothing was heard of it."""
        if self._keeper.closed and self.ended is None:
            update = {"phrases": (CLOSED,), "effects": (), "ended": "stopped", "may_add": False, "rewords": False}
            self.reply = self.reply.model_copy(update=update)

    async def _follow(self, turn: Turn, *, asked: bool) -> None:
        """Keeps the turn as far as it may be, and does what follows from it."""
        effects = self.reply.effects
        if asked and self.reply.conduct.position.stage != "consent" and self.ended is None:
            self._agreed = True
            consent = Consent(status="granted", text_version=CONSENT_VERSION, at=self._clock())
            await self._keeper.agreed(consent)
            for earlier in self._unkept[-1:]:  # the question that was answered, nothing said before it
                await self._keeper.keep(earlier)
        if "pause_recording" in effects:
            await self._keep(turn)
            self._recorded = False
            await self._keeper.withdraw(self._clock())
            return
        if "resume_recording" in effects:
            self._recorded = True
            await self._keeper.go_on(self._clock())
        if "withdraw" in effects:
            self._withdrawn_at = self._clock()
        if "note_person" in effects:
            self.person_wanted = True
        if turn.text.strip():
            await self._keep(turn)

    async def _keep(self, turn: Turn) -> None:
        if not self._agreed:
            self._unkept.append(turn)
        elif self._recorded and self._withdrawn_at is None:
            await self._keeper.keep(turn)

    def _placed(self, started_s: float, ended_s: float) -> tuple[float, float]:
        """The times behind those from before a crash; a break between them is nobody's, and takes no one's time."""
        if self._resumed_s is not None:
            self._shift_s, self._resumed_s = (self._resumed_s if started_s < self._resumed_s else 0.0), None
        return started_s + self._shift_s, ended_s + self._shift_s

    def _turn(
        self,
        speaker: str,
        text: str,
        started_s: float,
        ended_s: float,
        *,
        confidence: float | None = None,
        interrupted: bool = False,
    ) -> Turn:
        self._turns += 1
        return Turn.model_validate(
            {
                "id": f"t{self._turns}",
                "speaker": speaker,
                "text": text.encode("utf-8", "replace").decode(),
                "started_s": started_s,
                "ended_s": max(started_s, ended_s),
                "confidence": confidence,
                "interrupted": interrupted,
            }
        )

    async def _worded(self) -> str:
        """The reply with what a model adds: a sentence before the script, or a follow-up in place of the scripted one.

        Where a model fails, is late, or says what it may not, the script is spoken as it stands.
        """
        reply, kind = self.reply, self._kind()
        added = await self._added(kind)
        if added is None:
            return reply.text
        if kind == "deep_follow_up":
            return " ".join([*(phrase.text for phrase in reply.phrases[:-1]), added])
        # Its sentence stands for our own words of thanks, or for those before a question that is asked again.
        kept = [phrase.text for phrase in reply.phrases if phrase not in (*THANKS, AGAIN)]
        return " ".join([added, *kept])

    def _kind(self) -> Kind | None:
        """What a model may add now; None: nothing."""
        asked = self.reply.conduct.asked
        if self.reply.rewords:
            return "interview_turn"
        if not self.reply.may_add:
            return None
        return "deep_follow_up" if asked and asked[-1].kind == "follow_up" else "acknowledgment"

    async def _added(self, kind: Kind | None) -> str | None:
        if self._models is None or self._count is None or kind is None:
            return None
        seen = told(self.memory, INSTRUCTIONS[kind], self._limits, self._count)
        try:
            answer = await self._models.ask(kind, seen.messages)
        except NoModel as error:
            log.warning("%s", error)
            return None
        return None if answer.cut else addition(kind, answer.text, secrets=self._secrets, heard=self.memory.turns)

    def _condense(self) -> None:
        """Starts a summary where one is due, behind the conversation; one at a time."""
        if self._models is None or self._count is None or (self._summary is not None and not self._summary.done()):
            return
        self._summary = asyncio.create_task(self._summarise(self._models, self._count))

    async def _summarise(self, models: Models, count: CountTokens) -> None:
        request = summary_due(self.memory, SUMMARISE, self._limits, count)
        if request is None:
            return
        try:
            answer = await models.ask("summary", request.messages)
        except NoModel as error:
            log.warning("%s", error)  # the turns stay, and are asked for again with the next
            return
        if answer.text.strip():
            self.memory = condensed(self.memory, request.taken, answer.text)
