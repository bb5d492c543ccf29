"""Who is who among a source's voices: the candidate by role or by name, never by a guess.

The rule. The candidate is the voice whose role the source gives (a role field, or a label of LABELS); else the voice
that --candidate-speaker names (letter case and white space do not matter); else reading stops and lists the labels.
Labels that differ in case and white space only are one voice. With the candidate known, one other voice is the
interviewer; of several, those with an interviewer's role or label are interviewers and the rest are `other`. Speech
without a label, or under one such as "Unknown Speaker", is `other`: it may be anybody's, so it is never evidence.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evaluator.formats.document import Document, shown
from evaluator.transcript import Speaker

LABELS: Mapping[str, Speaker] = {
    "Assistant": "interviewer",
    "AI": "interviewer",
    "Interviewer": "interviewer",
    "Agent": "interviewer",
    "Bot": "interviewer",
    "User": "candidate",
    "Candidate": "candidate",
    "Applicant": "candidate",
    "Interviewee": "candidate",
}
UNKNOWN = frozenset(
    {"", "unknown", "unknown speaker", "unidentified", "unidentified speaker", "speaker unknown", "?", "speaker ?"}
)
LABELS_SHOWN_MAX = 8
NO_VOICES = "export the transcript with speaker names, or as text with a label such as Candidate: before each turn"

_FOLDED = {label.casefold(): speaker for label, speaker in LABELS.items() if label != "AI"}  # Ai is a given name
_PARTICLES = "von|van|der|den|de|del|della|di|da|do|dos|du|la|le|ter|ten|bin|ibn|al|el|y|e|af|av|zu"
_NAME_LIKE = re.compile(
    rf"[^\W\d_a-z][\w.'’-]*+(?: (?:(?:{_PARTICLES})(?= )|[^\W_a-z][\w.'’-]*+)){{0,6}}"
    r"(?:,? [(\[][^()\[\]]{1,60}[)\]])?"
)
_ROLE_IN_BRACKETS = re.compile(r"[(\[]([^()\[\]]{1,40})[)\]]\Z")
_NUMBERED = re.compile(r" (?:#|no\.? ?)?\d{1,2}\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """One voice of a source."""

    label: str  # as the source has it: a name, "spk_0", "Speaker 1"; empty where the source does not say who speaks
    words: int  # spoken under this label; a voice without words is nobody
    role: Speaker | None = None  # where the source has it in a field of its own; null: the label may tell


def same_label(label: str) -> str:
    """What a label is compared by: without case, width, differences in white space, and brackets around it."""
    folded = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
    folded = folded[:-1].rstrip() if folded.endswith(":") else folded
    return folded[1:-1].strip() if folded.startswith("[") and folded.endswith("]") else folded


def looks_like_name(label: str) -> bool:
    """Whether a label looks like a person's name, or a recogniser's for a voice: words with capitals or numbers."""
    return _NAME_LIKE.fullmatch(label.strip("[] ")) is not None


def role_of(label: str) -> Speaker | None:
    """The role that a label itself states: `Candidate`, `Interviewer 2`, `Anna Lee (Candidate)`; null for a name."""
    bare = " ".join(label.split()).rstrip(":")
    bracketed = _ROLE_IN_BRACKETS.search(bare)
    for stated in (bracketed[1].strip() if bracketed else "", _NUMBERED.sub("", bare)):
        if stated == "AI":
            return "interviewer"
        if stated and (speaker := _FOLDED.get(stated.casefold())) is not None:
            return speaker
    return None


def assign(
    document: Document, voices: Iterable[Voice], candidate_speaker: str | None, *, no_voices: str = NO_VOICES
) -> dict[str, Speaker]:
    """Who speaks under each label of `voices` (labels as given; those without words are in it too).

    Labels may come back; their words are added up. TranscriptFault when no voice has a label (`no_voices` is the way
    out of that), when the candidate is not known, when several voices have a candidate's role and none of them is
    named, when the named voice contradicts the role that the source gives, or when the candidate says nothing.
    """
    voices = list(voices)
    merged = _merged(voices)
    spoken = {key: voice for key, voice in merged.items() if voice.words and key not in UNKNOWN}
    wanted = same_label(candidate_speaker or "")
    if merged.keys() <= UNKNOWN:
        raise document.fault(f"who speaks is not in the file; {no_voices}")
    candidate = _candidate(document, merged, spoken, wanted, shown(candidate_speaker or ""))
    others = {key: voice for key, voice in spoken.items() if key != candidate}
    speakers: dict[str, Speaker] = {key: _beside(voice, alone=len(others) == 1) for key, voice in others.items()}
    speakers[candidate] = "candidate"
    silent: dict[str, Speaker] = {key: voice.role for key, voice in merged.items() if voice.role == "interviewer"}
    return {voice.label: (silent | speakers).get(same_label(voice.label), "other") for voice in voices}


def seen(voices: Iterable[Voice]) -> str:
    """The labels for a message, with how much each says: a person who reads it must find the candidate."""
    named = [voice for voice in voices if same_label(voice.label)]
    listed = ", ".join(f"{shown(voice.label)} ({voice.words} words)" for voice in named[:LABELS_SHOWN_MAX])
    return listed + (f", and {len(named) - LABELS_SHOWN_MAX} more" if len(named) > LABELS_SHOWN_MAX else "")


def _merged(voices: Iterable[Voice]) -> dict[str, Voice]:
    """One voice a label, in order of appearance."""
    merged: dict[str, Voice] = {}
    for voice in voices:
        key = same_label(voice.label)
        role = voice.role or role_of(voice.label)
        if (known := merged.get(key)) is None:
            merged[key] = Voice(label=voice.label, words=voice.words, role=role)
            continue
        merged[key] = Voice(
            label=known.label,
            words=known.words + voice.words,
            role=known.role if role in (known.role, None) else (role if known.role is None else "other"),
        )
    return merged


def _candidate(
    document: Document, merged: Mapping[str, Voice], spoken: Mapping[str, Voice], wanted: str, name: str
) -> str:
    """The candidate's label, as labels are compared."""
    by_role = [key for key, voice in spoken.items() if voice.role == "candidate"]
    labels = f"labels seen: {seen(spoken.values()) or seen(merged.values())}"
    if wanted and wanted in merged:
        if fault := _not_the_candidate(merged[wanted], spoken, by_role):
            raise document.fault(f"{fault}; {labels}")
        return wanted
    if len(by_role) == 1:
        return by_role[0]
    if by_role:
        raise document.fault(
            f"several voices have a candidate's role; {labels}; name one with --candidate-speaker NAME"
        )
    if wanted:
        raise document.fault(f"no voice is called {name!r}; {labels}; name one with --candidate-speaker NAME")
    raise document.fault(
        f"the file does not say who the candidate is; {labels}; name one with --candidate-speaker NAME"
    )


def _not_the_candidate(voice: Voice, spoken: Mapping[str, Voice], by_role: list[str]) -> str | None:
    """Why the voice that was named as the candidate's cannot be it; null when it can."""
    name, key = repr(shown(voice.label)), same_label(voice.label)
    if key in UNKNOWN:
        return f"{name} may be anybody: name the speakers where the transcript was made and export it again"
    if key not in spoken:
        return f"the candidate {name} says nothing"
    if voice.role == "interviewer":
        return f"--candidate-speaker names {name}, who is the interviewer by the file; name another voice or correct it"
    if by_role and key not in by_role:
        candidate = repr(shown(spoken[by_role[0]].label))
        return f"--candidate-speaker names {name}, but by the file {candidate} is the candidate; leave it out"
    return None


def _beside(voice: Voice, *, alone: bool) -> Speaker:
    """What a voice beside the candidate's is."""
    return "interviewer" if voice.role == "interviewer" or (alone and voice.role is None) else "other"
