"""What a candidate's turn means for the conversation, read by rules alone: so that no model's failure derails it.

Rules exist for English. They answer few questions, each of which has a safe side: an unclear consent is asked for
again, what only might be a wish to stop is asked back, and everything else is an answer.
"""

import re
from typing import Literal

from evaluator.errors import UsageFault
from evaluator.values import Frozen
from live_agent.plan import Heard

LANGUAGES = frozenset({"en"})
WISH_WORDS_MAX = 40  # a longer turn is an answer, whatever stands in it: people tell of how they "asked to stop"

Wish = Literal["repeat", "person", "stop", "withdraw", "process"]
Topic = Literal["time", "recording", "who_decides", "next_steps", "feedback", "agent", "other"]

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'"})
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class Hearing(Frozen):
    """One turn of the candidate, read."""

    heard: Heard
    wish: Wish | None = None  # what they want of the interviewer, beside or instead of answering
    topic: Topic | None = None  # of a question about the process


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.IGNORECASE)


_YES = _any(
    r"\b(?:yes|yeah|yep|yup|sure|ok|okay|of course|certainly|absolutely|definitely|fine|agreed)\b",
    r"\b(?:i|we) (?:do )?(?:agree|consent|accept)\b",
    r"\bgo (?:ahead|for it)\b",
    r"\bno (?:problem|objections?|worries|concerns?)\b",
    r"\b(?:sounds|that's|that is|it's|it is|all) (?:all )?(?:good|great|right|fine|ok|okay)\b",
    r"\bi don't mind\b",
    r"\bplease do\b",
)
_NOT_A_NO = _any(r"\bno (?:problem|objections?|worries|concerns?)\b", r"\bi don't mind\b", r"\bwhy not\b")
_NO = _any(
    r"\b(?:no|nope|nah|never)\b",
    r"\b(?:i|we)(?:'d| would)? (?:do not|don't|would not|wouldn't|rather not|prefer not|can't|cannot|won't|refuse)\b",
    r"\bnot (?:ok|okay|fine|all right|alright|comfortable|happy)\b",
    r"\b(?:do not|don't|stop|without) record",
    r"\bi (?:disagree|decline|object|refuse)\b",
)
_UNSURE = _any(
    r"\bnot sure\b", r"\bmaybe\b", r"\bi guess\b", r"\bdepends\b", r"\bwhat (?:do you|does that) mean\b", r"\?\s*$"
)

_WITHDRAW = _any(
    r"\b(?:i )?(?:withdraw|revoke|take back) (?:my )?(?:consent|permission)\b",
    r"\b(?:stop|end|turn off|switch off) (?:the |this )?recording\b",
    r"\b(?:don't|do not|no longer) (?:want (?:you to |this (?:to be )?|it (?:to be )?|to be )?)?record(?:ed|ing)?\b",
    r"\bstop recording\b",
    r"\bdelete (?:the |this |my |everything|all)[^.]{0,30}\b(?:recording|interview|data|answers?|said)\b",
    r"\bi (?:no longer|don't|do not) consent\b",
)
_STOP = _any(
    # Somebody asks for it: that something "can notice and say stop" is an answer.
    r"\b(?:(?:can|could|may|shall|should) (?:we|i|you)|let's|let us|i'd like to|i would like to|i want to|i need to|"
    r"i have to|please)\b[^.?!]{0,20}"
    r"\b(?:stop|end|quit|leave|finish|break off)\b"
    r"(?: (?:here|now|this|the (?:interview|call|conversation|session)|it here|please))*\s*[.!?]*\s*$",
    r"^\W*(?:stop|end) (?:the |this )?(?:interview|call|conversation|session)\b",
    r"\bi(?:'d| would)? (?:don't|do not|no longer) want to (?:continue|go on)\b",
    r"\bi have to go\b",
)
_PERSON = _any(
    # With whom, and at once: "you talk to it like a person" is an answer.
    r"\b(?:speak|talk|be interviewed|connect me|put me through)\s+(?:to|with|by)\s+"
    r"(?:(?:a|an|some|the|another|one|of|your|real|actual|live|human)\s+)*(?:human|person|somebody|someone|recruiter)\b",
    r"\b(?:real|actual|human) (?:person|interviewer|being)\b[^.?!]{0,30}\b(?:instead|please|rather|talk|speak)\b",
    r"\b(?:i'd|i would) (?:rather|prefer)\b[^.?!]{0,30}\b(?:human|person|recruiter)\b",
)
_REPEAT = _any(
    r"^\W*(?:please )?(?:repeat|rephrase) (?:that|it|this|(?:the|that|your) question)\b",
    r"\b(?:can|could|would) you (?:please )?(?:repeat|rephrase|say that again)\b",
    r"\bwhat was (?:the|your|that) question\b",
    r"^\W*(?:pardon|sorry|excuse me|come again|what)\W*$",
    r"\b(?:did|could)(?:n't| not) (?:quite )?(?:hear|catch|get|understand) (?:that|you|it|(?:the|your) question)\b",
    r"\bonce more,? please\b",
)
_DECLINE = _any(
    r"\b(?:i'd|i would) (?:rather|prefer) (?:not|to (?:skip|pass))\b",
    r"\b(?:prefer|choose) not to (?:answer|say)\b",
    r"\b(?:skip|pass on) (?:this|that|it|the question|this question|that question|this one|that one)\b",
    r"\b(?:can|could|may) (?:we|i) (?:skip|pass|move on)\b",
    r"^\W*(?:pass|skip|next|next question|no comment)(?: please)?\W*$",
    r"\bi (?:don't|do not) (?:want|wish) to (?:answer|talk about|discuss|say)\b",
    r"^\W*(?:i (?:really )?(?:don't|do not) know|no idea|i have no idea|nothing comes to mind)(?: sorry)?\W*$",
)
_ASKING = re.compile(
    r"^\W*(?:(?:so|and|um|uh|well|sorry|okay|ok)\W+)*(?:how|who|what|when|where|is|are|am|do|does|did|will|can|could)\b",
    re.IGNORECASE,
)
_TOPICS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    (
        "time",
        _any(
            r"\bhow (?:long|much (?:more )?time|many (?:more )?questions)\b",
            r"\bhow much longer\b",
            r"\btime (?:is )?left\b",
        ),
    ),
    (
        "recording",
        _any(
            r"\b(?:is|are|am) (?:this|it|we|i)\b[^.?!]{0,15}\brecorded\b",
            r"\bwho (?:will |can |is going to )?(?:hear|listen|see|watch|read|have access)\b",
            r"\bwhat happens (?:to|with) (?:the |this |my )?(?:recording|data|answers|transcript)\b",
            r"\bwhere (?:is|are|will)\b[^.?!]{0,30}\bstored\b",
        ),
    ),
    (
        "who_decides",
        _any(
            r"\bwho (?:decides|makes the decision|will decide|scores?|evaluates?|grades?|rates?)\b",
            r"\b(?:do|will|are) you (?:going to )?(?:decide|score|scoring|evaluate|grade|reject|judge|rate)\b",
        ),
    ),
    (
        "next_steps",
        _any(
            r"\bnext steps?\b",
            r"\bwhat happens (?:next|after|now)\b",
            r"\bwhen (?:will|do|can) i (?:hear|know|expect)\b",
        ),
    ),
    (
        "feedback",
        _any(
            r"\bhow (?:did|am|was) i (?:do|doing)?\b",
            r"\bhow (?:did|was) (?:that|it|my answer)\b[^.?!]{0,15}\?",
            r"\bdid i (?:pass|do (?:well|ok|okay|good)|get (?:it|the job))\b",
            r"\bwas (?:that|my answer) (?:good|right|correct|ok|okay|what you)\b",
            r"\bwhat(?:'s| is| was) (?:the (?:right|correct|best) answer|my score)\b",
            r"\bwhat (?:are you|do you) look(?:ing)? for\b",
        ),
    ),
    (
        "agent",
        _any(
            r"\bare you (?:a |an )?(?:real|human|robot|bot|ai|person|machine|computer)\b",
            r"\bam i (?:talking|speaking) (?:to|with)\b",
        ),
    ),
)


def check_language(language: str) -> None:
    """UsageFault for an interview in a language that there are no rules for."""
    if language.partition("-")[0] not in LANGUAGES:
        raise UsageFault(
            f"the agent leads interviews in {', '.join(sorted(LANGUAGES))} only, and this rubric is in {language!r}"
        )


def consent_in(text: str) -> Literal["granted", "refused", "withdrawn", "unclear"]:
    """What an answer to the question for consent says; anything but a plain yes or no is unclear."""
    said = text.translate(_APOSTROPHES)
    if _WITHDRAW.search(said):
        return "refused"
    yes, no = _YES.search(said), _NO.search(_NOT_A_NO.sub(" ", said))
    if yes and not no and not _UNSURE.search(said):
        return "granted"
    return "refused" if no and not yes else "unclear"


def hear(text: str, *, asked_consent: bool = False) -> Hearing:
    """One turn of the candidate, read; empty text is silence.

    asked_consent: the turn answers the question for consent.
    """
    said = text.translate(_APOSTROPHES)
    words = len(_WORD.findall(said))
    if asked_consent:
        topic = _topic(said) if "?" in said else None
        return Hearing(
            heard=Heard(words=words, consent=consent_in(said)), wish="process" if topic else None, topic=topic
        )
    if words > WISH_WORDS_MAX or not words:
        return Hearing(heard=Heard(words=words))
    if _WITHDRAW.search(said):
        return Hearing(heard=Heard(words=words, consent="withdrawn"), wish="withdraw")
    for wish, pattern in (("stop", _STOP), ("person", _PERSON), ("repeat", _REPEAT)):
        if pattern.search(said):
            return Hearing.model_validate({"heard": Heard(words=words), "wish": wish})
    if (topic := _topic(said)) is not None:
        return Hearing(heard=Heard(words=words), wish="process", topic=topic)
    return Hearing(heard=Heard(words=words, declined=bool(_DECLINE.search(said))))


def _topic(said: str) -> Topic | None:
    if "?" not in said and not _ASKING.search(said):  # speech recognition leaves question marks out
        return None
    return next((topic for topic, pattern in _TOPICS if pattern.search(said)), None)
