"""What the agent says beside the rubric's own words: fixed phrases, which can be checked and spoken beforehand."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from evaluator.values import Frozen
from live_agent.hearing import Topic
from live_agent.plan import Plan, Step

Part = Literal["persona", "transition", "common"]
"""Who speaks it: the interviewer's own questions; a change of section; a phrase that every interview has."""
PARTS: tuple[Part, ...] = get_args(Part)

PhraseId = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9_./-]{0,140}$")]


class Phrase(Frozen):
    """Something that is said word for word."""

    id: PhraseId
    part: Part
    text: str


def _common(name: str, text: str) -> Phrase:
    return Phrase(id=f"common/{name}", part="common", text=text)


REFUSED = _common("refused", "That is quite all right. Nothing was recorded. Thank you for your time, and goodbye.")
UNCLEAR_CONSENT = _common("unclear-consent", "I need a plain yes or no before we begin.")
WITHDRAW_ASKED = _common(
    "withdraw-asked",
    "I have paused the recording. Shall I stop it for good and end the interview? Nothing of it is scored then.",
)
WITHDRAWN = _common(
    "withdrawn",
    "I have stopped the recording, and nothing of this interview is scored. Thank you for your time, and goodbye.",
)
STOP_ASKED = _common("stop-asked", "Would you like to end the interview here?")
PERSON_ASKED = _common(
    "person-asked",
    "I am an automated interviewer and cannot connect you from here. The team will see that you asked for a person. "
    "Would you like to end here?",
)
GOING_ON = _common("going-on", "All right, we go on.")
AGAIN = _common("again", "Of course. I asked the following.")
BACK = _common("back", "I am sorry, we were cut off. I asked the following.")
RESUMED = _common("resumed", "All right, we go on, and from here on it is recorded again.")
SILENCE = _common("silence", "Take your time. Are you still there?")
SILENT_AGAIN = _common("silent-again", "I cannot hear you. Let us move on.")
GONE = _common("gone", "I still cannot hear you, so I end the interview here. What you said so far is kept. Goodbye.")
CLOSED = _common(
    "closed",
    "I am sorry, we were cut off for too long, and this interview has been closed meanwhile. What you said before that "
    "is kept, and the team will see that we were cut off. Goodbye.",
)
NEVER_HEARD = _common("never-heard", "I cannot hear you, so we end here. Nothing was recorded. Goodbye.")
INSTRUCTED = _common("instructed", "I can only lead this interview. Let us go back to it.")
NO_MATTER = _common("no-matter", "That is all right, we can leave it out.")
THANKS: tuple[Phrase, ...] = (
    _common("thanks-1", "Thank you."),
    _common("thanks-2", "Thanks, I see."),
    _common("thanks-3", "All right, thank you."),
)
MOVING_ON: tuple[Phrase, ...] = (
    Phrase(id="transition/1", part="transition", text="Thank you. Let us move on to the next part."),
    Phrase(id="transition/2", part="transition", text="Good, that is the end of this part. On to the next one."),
)
ANSWERS: Mapping[Topic, Phrase] = {
    "recording": _common(
        "about-recording",
        "The conversation is recorded and written down. Only the people who work on this position can open it.",
    ),
    "who_decides": _common(
        "about-decision", "People decide. Software drafts a scorecard from your own words, and people read it first."
    ),
    "next_steps": _common("about-next", "The team reads the interview and gets in touch with you after that."),
    "feedback": _common(
        "about-feedback", "I cannot say anything about how it goes: I lead the conversation, and people read it later."
    ),
    "agent": _common("about-agent", "I am an automated interviewer. People read what you say, and people decide."),
    "other": _common("about-other", "I cannot answer that from here. The team can tell you after the interview."),
}
_MINUTES = (1, 2, 5, 10, 15, 20, 30, 45, 60)
TIME_LEFT: Mapping[int, Phrase] = {
    minutes: _common(f"about-time-{minutes}", f"We have about {minutes} minute{'s' if minutes > 1 else ''} left.")
    for minutes in _MINUTES
}


def time_left(seconds: float) -> Phrase:
    """How long it still takes, in round minutes, so that there are only a few such phrases."""
    return TIME_LEFT[min(_MINUTES, key=lambda minutes: abs(minutes * 60 - seconds))]


def scripted(step: Step) -> Phrase:
    """One of the rubric's own."""
    return Phrase(id=f"script/{step.id}", part="persona", text=step.text)


def phrases(plan: Plan) -> tuple[Phrase, ...]:
    """Everything that an interview of this plan may say word for word, each once: what can be spoken beforehand."""
    fixed = (
        REFUSED,
        UNCLEAR_CONSENT,
        WITHDRAW_ASKED,
        WITHDRAWN,
        STOP_ASKED,
        PERSON_ASKED,
        GOING_ON,
        AGAIN,
        BACK,
        RESUMED,
        SILENCE,
        SILENT_AGAIN,
        GONE,
        CLOSED,
        NEVER_HEARD,
        INSTRUCTED,
        NO_MATTER,
        *THANKS,
        *MOVING_ON,
        *ANSWERS.values(),
        *TIME_LEFT.values(),
    )
    return (*(scripted(step) for step in plan.steps), *fixed)
