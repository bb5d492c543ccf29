"""How an interview is led, turn by turn, decided by values alone: the plan, what was heard, and the time.

Whatever a model adds is added to this and takes nothing from it. The same turns at the same times always lead to the
same place, so an interview that a crash cut off is found again from what was written down.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from evaluator.transcript import Turn
from evaluator.values import Frozen
from live_agent.hearing import Hearing, consent_in, hear
from live_agent.phrases import (
    AGAIN,
    ANSWERS,
    BACK,
    GOING_ON,
    GONE,
    INSTRUCTED,
    MOVING_ON,
    NEVER_HEARD,
    NO_MATTER,
    PERSON_ASKED,
    REFUSED,
    RESUMED,
    SILENCE,
    SILENT_AGAIN,
    STOP_ASKED,
    THANKS,
    UNCLEAR_CONSENT,
    WITHDRAW_ASKED,
    WITHDRAWN,
    Phrase,
    scripted,
    time_left,
)
from live_agent.plan import End, Heard, Plan, Position, Say, Step, next_step

SILENCES_MAX = 3  # in a row; then the interview ends
OVERTIME_S = 300.0  # past the whole budget; then it closes, whatever is open
SETTLING_WORDS_MAX = 15  # a longer turn is no plain yes to ending: it is the answer, given once more
ASIDES_MAX = 3  # questions and wishes in a row before one question is left for the next

Ending = Literal["finished", "refused", "withdrawn", "stopped", "silent"]
Effect = Literal["pause_recording", "resume_recording", "withdraw", "note_person"]


class Conduct(Frozen):
    """Where an interview is, beyond its place in the plan."""

    position: Position = Position()
    asked: tuple[Step, ...] = ()  # what waits for an answer, to be asked again
    pending: Literal["stop", "withdraw"] | None = None  # a yes or no that was asked back
    silences: int = 0  # in a row
    asides: int = 0  # turns in a row that were no answer
    said: int = 0  # turns of the interviewer


class Reply(Frozen):
    """What the interviewer says next, and what it does."""

    phrases: tuple[Phrase, ...]
    conduct: Conduct
    section_id: str | None = None  # what the turn belongs to
    effects: tuple[Effect, ...] = ()
    ended: Ending | None = None
    may_add: bool = False  # a model may put a sentence before it: the candidate has answered, and nothing is settled
    rewords: bool = False  # a model may say what is asked in plainer words, before it is asked again word for word
    answered: str | None = None  # the section of the candidate's turn; None: outside the sections

    @property
    def text(self) -> str:
        """The turn's words."""
        return " ".join(phrase.text for phrase in self.phrases)


def begin(plan: Plan) -> Reply:
    """The first turn: the question for consent."""
    consent = next_step(plan, Position(), Heard(), 0.0)
    assert isinstance(consent, Say)  # noqa: S101  nothing was heard that could end it
    return _said(plan, Conduct(), consent, (), 0.0)


def respond(
    plan: Plan, conduct: Conduct, hearing: Hearing, elapsed_s: float, text: str = "", *, instructs: bool = False
) -> Reply:
    """The reply to one turn of the candidate.

    elapsed_s: since the interview's first word. text: of the turn, for a yes or no that was asked back.
    instructs: the turn tells the interviewer what to do, as `evaluator.instructions` finds it.
    """
    if conduct.pending is not None:
        return _settled(plan, conduct, hearing, elapsed_s, text)
    if elapsed_s > plan.time_budget_s + OVERTIME_S:
        asking = conduct.position.stage == "consent"
        return _gone(conduct) if asking else _over(conduct, "finished", (scripted(plan.closing),))
    if hearing.heard.words == 0 and conduct.position.stage != "start":
        return _after_silence(plan, conduct, elapsed_s)
    conduct = conduct.model_copy(update={"silences": 0})
    if conduct.position.stage == "consent":
        return _after_consent(plan, conduct, hearing, elapsed_s)
    if (aside := _aside(plan, conduct, hearing, elapsed_s, instructs=instructs)) is not None:
        return aside
    return _answered(plan, conduct, hearing.heard, elapsed_s)


class Replayed(Frozen):
    """Where turns that were written down lead."""

    reply: Reply  # what was said last, or is to be said now
    before: Reply | None  # what was said before it, where the reply was not heard
    heard: str = ""  # what the candidate said since


def replay(plan: Plan, turns: Sequence[Turn], instructs: Callable[[Turn], bool]) -> Replayed:
    """Finds an interview again from its turns, from the question for consent on.

    A turn of ours after one of ours means that the candidate was silent between them.
    """
    found = Replayed(reply=begin(plan), before=None)
    unspoken = True
    for turn in turns:
        if turn.speaker == "interviewer":
            if not unspoken:
                reply = respond(plan, found.reply.conduct, hear(""), turn.started_s or 0.0)
                found = Replayed(reply=reply, before=None)
            found, unspoken = Replayed(reply=found.reply, before=None), False
            continue
        # What is said from a wish to withdraw until it is answered is not kept: the answer stands alone.
        unheard = found.before if found.reply.conduct.pending != "withdraw" else None
        base, text = (unheard or found.reply), f"{found.heard} {turn.text}" if unheard is not None else turn.text
        hearing = hear(text, asked_consent=base.conduct.position.stage == "consent")
        reply = respond(plan, base.conduct, hearing, turn.ended_s or 0.0, text, instructs=instructs(turn))
        found, unspoken = Replayed(reply=reply, before=base, heard=text), True
    return found


def welcome_back(found: Replayed) -> Reply:
    """What to say to a candidate who was cut off: the reply that they never heard, or the last question again."""
    if found.before is not None or found.reply.ended is not None:
        return found.reply
    return _ask_again(found.reply.conduct, BACK)


def _aside(plan: Plan, conduct: Conduct, hearing: Hearing, elapsed_s: float, *, instructs: bool) -> Reply | None:
    """The reply to a turn that is no answer; None: it is one, or there were too many in a row."""
    match hearing.wish:
        case "withdraw":
            return _ask_back(conduct, "withdraw", WITHDRAW_ASKED, ("pause_recording",))
        case "stop":
            return _ask_back(conduct, "stop", STOP_ASKED)
        case "person":
            return _ask_back(conduct, "stop", PERSON_ASKED, ("note_person",))
    if conduct.asides >= ASIDES_MAX:
        return None
    if hearing.wish == "repeat":
        again = _ask_again(conduct, AGAIN)
        return again.model_copy(update={"rewords": again.section_id is not None})
    words: Phrase | None = None
    if hearing.wish == "process":
        words = _about(plan, hearing, elapsed_s)
    elif instructs:
        words = INSTRUCTED
    return None if words is None else _ask_again(conduct, words)


def _about(plan: Plan, hearing: Hearing, elapsed_s: float) -> Phrase:
    if hearing.topic == "time":
        return time_left(max(0.0, plan.time_budget_s - elapsed_s))
    return ANSWERS[hearing.topic or "other"]


def _after_consent(plan: Plan, conduct: Conduct, hearing: Hearing, elapsed_s: float) -> Reply:
    if hearing.wish == "process" and conduct.asides < ASIDES_MAX:
        return _ask_again(conduct, _about(plan, hearing, elapsed_s))
    step = next_step(plan, conduct.position, hearing.heard, elapsed_s)
    if isinstance(step, End):
        return _over(conduct, "refused", (REFUSED,))
    before = (UNCLEAR_CONSENT,) if step.position.stage == "consent" else ()
    return _said(plan, conduct, step, before, elapsed_s)


def _answered(plan: Plan, conduct: Conduct, heard: Heard, elapsed_s: float) -> Reply:
    """The plan's next step, with a word of thanks before it."""
    step = next_step(plan, conduct.position, heard, elapsed_s)
    here = _section_of(conduct)
    if isinstance(step, End):
        return _over(conduct, "finished", ())
    before: tuple[Phrase, ...] = ()
    if heard.declined:
        before = (NO_MATTER,)
    elif here is not None:
        turns = THANKS if step.section_id == here else MOVING_ON
        before = (turns[conduct.said % len(turns)],) if step.position.stage != "closing" else ()
    reply = _said(plan, conduct, step, before, elapsed_s)
    update = {"answered": here, "may_add": here is not None and not heard.declined and reply.ended is None}
    return reply.model_copy(update=update)


def _after_silence(plan: Plan, conduct: Conduct, elapsed_s: float) -> Reply:
    silences = conduct.silences + 1
    conduct = conduct.model_copy(update={"silences": silences})
    if silences >= SILENCES_MAX:
        return _gone(conduct)
    if silences == 1 or conduct.position.stage == "consent":
        return _ask_again(conduct, SILENCE)
    step = next_step(plan, conduct.position, Heard(), elapsed_s)
    if isinstance(step, End):
        return _over(conduct, "finished", ())
    return _said(plan, conduct, step, (SILENT_AGAIN,), elapsed_s, silences=silences)


def _ask_back(
    conduct: Conduct, pending: Literal["stop", "withdraw"], phrase: Phrase, effects: tuple[Effect, ...] = ()
) -> Reply:
    """A wish that ends the interview is asked back: a misheard word must not end it."""
    update = {"pending": pending, "asides": conduct.asides + 1, "said": conduct.said + 1}
    return Reply(
        phrases=(phrase,),
        conduct=conduct.model_copy(update=update),
        section_id=_section_of(conduct),
        effects=effects,
        answered=_section_of(conduct),
    )


def _settled(plan: Plan, conduct: Conduct, hearing: Hearing, elapsed_s: float, text: str) -> Reply:
    """After a yes or no. For a withdrawn consent everything but a plain no is a yes; to stop, only a plain yes."""
    pending, answer = conduct.pending, consent_in(text)
    conduct = conduct.model_copy(update={"pending": None})
    if pending == "withdraw":
        if answer != "refused" or hearing.wish == "withdraw":
            return _over(conduct, "withdrawn", (WITHDRAWN,), ("withdraw",))
        return _ask_again(conduct, RESUMED, ("resume_recording",))
    if hearing.wish == "withdraw":
        return _ask_back(conduct, "withdraw", WITHDRAW_ASKED, ("pause_recording",))
    plain = hearing.heard.words <= SETTLING_WORDS_MAX
    if plain and (answer == "granted" or hearing.wish in {"stop", "person"}):
        return _over(conduct, "stopped", (scripted(plan.closing),))
    if hearing.heard.words == 0:
        return _after_silence(plan, conduct, elapsed_s)
    return _ask_again(conduct, GOING_ON)


def _ask_again(conduct: Conduct, before: Phrase, effects: tuple[Effect, ...] = ()) -> Reply:
    """The last question once more, after these words."""
    here = _section_of(conduct)
    return Reply(
        phrases=(before, *(scripted(step) for step in conduct.asked)),
        conduct=conduct.model_copy(update={"asides": conduct.asides + 1, "said": conduct.said + 1}),
        section_id=here,
        effects=effects,
        answered=here,
    )


def _said(
    plan: Plan, conduct: Conduct, say: Say, before: tuple[Phrase, ...], elapsed_s: float, *, silences: int = 0
) -> Reply:
    """The plan's step; what waits for no answer is followed by the next at once."""
    steps, position = list(say.steps), say.position
    while not steps[-1].waits and position.stage != "closing":
        following = next_step(plan, position, Heard(), elapsed_s)
        if isinstance(following, End):
            break
        steps, position = [*steps, *following.steps], following.position
    ended: Ending | None = "finished" if position.stage == "closing" else None
    asked = tuple(step for step in steps if step.waits)
    after = Conduct(position=position, asked=asked, said=conduct.said + 1, silences=silences)
    return Reply(
        phrases=(*before, *map(scripted, steps)),
        conduct=after,
        section_id=steps[-1].section_id,
        ended=ended,
        answered=_section_of(conduct),
    )


def _over(conduct: Conduct, ending: Ending, phrases: tuple[Phrase, ...], effects: tuple[Effect, ...] = ()) -> Reply:
    here = _section_of(conduct)
    after = conduct.model_copy(update={"said": conduct.said + 1, "pending": None})
    return Reply(phrases=phrases, conduct=after, effects=effects, ended=ending, answered=here)


def _gone(conduct: Conduct) -> Reply:
    """Nobody is there any more, or ever was."""
    asking = conduct.position.stage == "consent"
    return _over(conduct, "refused" if asking else "silent", (NEVER_HEARD if asking else GONE,))


def _section_of(conduct: Conduct) -> str | None:
    """The section of the question that waits for an answer."""
    return conduct.asked[-1].section_id if conduct.asked else None
