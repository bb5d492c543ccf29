"""Codes in plain words: what a state, a reason, a failure and an event mean to a reader."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ADVICE = "AI-generated; advisory only. A person decides."

UNSCORED = {
    "not_asked": "Not asked",
    "not_answered": "Not answered",
    "insufficient_evidence": "Insufficient evidence",
    "failed": "Failed",
}

REASONS = {
    "section_not_reached": "The interview never reached this section.",
    "candidate_said_nothing": "The question was asked; the candidate said nothing in this section.",
    "too_few_words": "The question was asked; the candidate said too few words to judge in this section.",
    "judge_abstained": "The judge found no basis for a level in what the candidate said here.",
    "evidence_not_the_candidates": "The judge cited only words that are not the candidate's own in this section, "
    "so its level does not count.",
    "no_evidence_cited": "The judge gave a level without citing any words of the candidate, so it does not count.",
    "not_heard_well": "Speech recognition guessed most of the words that the judge cited, so its level does not count.",
    "nothing_cited_in_windows": "The judge read this long section in parts and cited no words of the candidate in any.",
    "not_judged": "The judge never answered for this section.",
    "section_too_long": "This section is longer than the judge can read, also in parts.",
    "cut_answer": "The judge's answer was cut off before its end.",
    "unfinished_answer": "The judge did not finish its answer.",
    "empty_answer": "The judge's answer was empty.",
    "answer_too_long": "The judge's answer was longer than any valid answer can be.",
    "not_json": "The judge's answer could not be read.",
    "out_of_schema": "The judge's answer did not have the form that was asked for.",
}

FAILURES = {
    **REASONS,
    "database": "The database could not be used.",
    "store": "The object store could not be reached.",
    "store_forbidden": "The object store refused access: a permission is missing.",
    "engine": "The judge's engine could not be reached, or serves another model.",
    "engine_busy": "The judge's engine asked for patience.",
    "engine_error_on_this_content": "The judge's engine fails on this interview, though it answers others.",
    "time_limit": "It took longer than one evaluation may take.",
    "engine_rejected": "The judge's engine refused the request.",
    "object_missing": "The transcript is not in the object store.",
    "digest_mismatch": "The transcript in the object store is not the one that was taken in.",
    "checkpoint_corrupt": "A saved section cannot be read, or answers another question.",
    "content": "This interview cannot be judged as it stands.",
    "stalled": "Workers died on it again and again without finishing a section.",
    "lease_expired": "The worker stopped answering.",
    "bug": "The scoring program failed in a way it does not know.",
    "consent": "There is no consent to score it.",
    "incomplete": "The interview broke off, and nobody has released what there is of it.",
}

_HIDDEN_KEPT = frozenset("\t\n\u00ad\u061c\u200c\u200d\u200e\u200f")  # marks that honest text in many scripts needs


def visible(text: str) -> str:
    """The text with control, direction-changing and other hidden characters spelled out, safe for page and terminal."""
    if text.isprintable():  # nearly all text; none of the hidden categories is printable, and asking is quick
        return text
    return "".join(f"⟨U+{ord(c):04X}⟩" if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    return character not in _HIDDEN_KEPT and unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"}


def reason_words(code: str) -> str:
    """Why a criterion has no level."""
    return REASONS.get(code, f"Reason code: {visible(code)}.")


def failure_words(code: str | None) -> str:
    """What went wrong with an evaluation."""
    if code is None:
        return "No reason was recorded."
    return FAILURES.get(code, f"Failure code: {visible(code)}.")


_EVENTS = {
    "claimed": "A worker took it up",
    "released": "Given back by the worker, to be continued",
    "retry": "A try failed; it is tried again",
    "quarantined": "Set aside for a person",
    "expired": "The worker stopped answering; it waits for another",
    "retried": "Put back to be tried again",
}


def event_words(kind: str, detail: Mapping[str, Any]) -> str:
    """One line of an evaluation's story as a sentence without its end."""
    if kind == "section":
        section = visible(str(detail.get("section_id", "?")))
        window = f", window {visible(str(detail['window']))}, " if detail.get("window") else " "
        return f"Section {section}{window}" + (
            "read from its checkpoint" if detail.get("reused") else "scored and saved"
        )
    if kind == "done":
        return f"Finished: {str(detail.get('state', 'done')).replace('_', ' ')}"
    return _EVENTS.get(kind, visible(kind))


def utc(moment: datetime) -> str:
    """For people: `18 Nov 2026 14:02 UTC`."""
    return f"{moment.astimezone(UTC):%-d %b %Y %H:%M} UTC"


def iso(moment: datetime) -> str:
    """For machines: `2026-11-18T14:02:00Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(seconds: float) -> str:
    """A place in the recording: `12:03`, or `1:02:03` from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def percent(share: float) -> str:
    """A probability: `61 %`; what would round to none or all says so instead."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def spread_words(spread: float) -> str:
    """A spread in levels: `±0.2`, with another digit rather than a zero that would look exact."""
    if spread >= 0.05:
        return f"±{spread:.1f}"
    return f"±{spread:.2f}" if spread >= 0.005 else "±<0.01"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 alert`, `2 alerts`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


RECOMMENDATIONS = {
    "strong_no": "Strong no",
    "no": "No",
    "yes": "Yes",
    "strong_yes": "Strong yes",
    "no_decision": "No decision",
}

REASON_CODES = {  # why a person set another level
    "evidence_misread": "Evidence misread",
    "missed_evidence": "Missed evidence",
    "wrong_speaker": "Wrong speaker",
    "asr_error": "Speech recognition error",
    "rubric_misapplied": "Rubric misapplied",
    "question_not_asked": "Question not asked",
    "candidate_correction": "Corrected by the candidate",
    "accommodation": "Accommodation",
    "other": "Other reason",
}

DISMISSAL_CAUSES = {
    "audio": "the audio is unusable",
    "wrong_person": "it is another person's interview",
    "asr": "speech recognition failed",
    "wrong_rubric": "the wrong rubric was used",
    "consent_withdrawn": "consent was withdrawn",
    "other": "another cause",
}
