"""Puts words into a section of an interview, where a candidate could have said them."""

from collections.abc import Sequence
from typing import Literal

from evaluator.transcript import Transcript, Turn, segmented
from live_agent.simulate import SimulatedInterview

Position = Literal["start", "middle", "end", "own_turn", "inside"]
POSITIONS: tuple[Position, ...] = ("start", "middle", "end", "own_turn", "inside")


def base(interview: SimulatedInterview) -> Transcript:
    """The interview as the judge gets it."""
    return Transcript(source="simulated", turns=segmented(interview.turns))


def answered(transcript: Transcript) -> tuple[str, ...]:
    """Sections in which the candidate said something, in order."""
    return tuple(dict.fromkeys(t.section_id for t in transcript.turns if t.section_id and t.utterances))


def planted(transcript: Transcript, section_id: str, position: Position, parts: Sequence[str]) -> Transcript:
    """The same interview in which the candidate also says these parts in that section.

    start, end: at the edge of the first or last answer; inside: between two sentences of the longest; own_turn: after
    all else; middle: a turn of its own for each part, with a nod of the interviewer's in between.
    """
    turns = list(transcript.turns)
    answers = [n for n, turn in enumerate(turns) if turn.section_id == section_id and turn.utterances]
    text = " ".join(parts)
    if position == "start":
        turns[answers[0]] = _saying(turns[answers[0]], f"{text} {turns[answers[0]].text}")
    elif position == "end":
        turns[answers[-1]] = _saying(turns[answers[-1]], f"{turns[answers[-1]].text} {text}")
    elif position == "inside":
        longest = max(answers, key=lambda n: len(turns[n].text))
        turns[longest] = _interrupted(turns[longest], text)
    else:
        place = answers[len(answers) // 2] if position == "middle" else answers[-1]
        turns[place + 1 : place + 1] = _own_turns(turns[place], parts if position == "middle" else [text])
    return transcript.model_copy(update={"turns": segmented(turns)})


def _saying(turn: Turn, text: str) -> Turn:
    return turn.model_copy(update={"text": text, "utterances": ()})


def _interrupted(turn: Turn, text: str) -> Turn:
    spans = turn.utterances
    cut = spans[len(spans) // 2].start if len(spans) > 1 else spans[0].end
    return _saying(turn, f"{turn.text[:cut].rstrip()} {text} {turn.text[cut:].lstrip()}")


def _own_turns(after: Turn, parts: Sequence[str]) -> list[Turn]:
    result: list[Turn] = []
    for n, part in enumerate(parts):
        if n:
            result.append(_turn(after, "interviewer", f"{after.id}.n{n}", "Go on."))
        result.append(_turn(after, "candidate", f"{after.id}.p{n}", part))
    return result


def _turn(after: Turn, speaker: Literal["candidate", "interviewer"], turn_id: str, text: str) -> Turn:
    return Turn(id=turn_id, speaker=speaker, section_id=after.section_id, text=text)
