"""Reads what was said around the interviewer's questions as one stream, so that a message split over turns is whole."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from evaluator.instructions.folding import spelled
from evaluator.instructions.rules import RULES, Speech
from evaluator.transcript import Turn
from evaluator.values import Frozen

NEIGHBOURS = 4  # pieces on either side that a message can be split over
Place = tuple[str, str | None]  # turn id, utterance id


class Suspicion(Frozen):
    """Where someone seems to speak to the judge, and by which rule; never what was said."""

    turn_id: str
    utterance_id: str | None  # None: in a turn that has no utterances
    rule: str  # a name in RULES


def find(turns: Iterable[Turn]) -> tuple[Suspicion, ...]:
    """Suspicions in the turns' order, at most one for each utterance and rule; a message is where it begins.

    The interviewer's turns are not read; those of others are, because recognition may give them a candidate's words.
    Time is linear in the text, whatever it holds.
    """
    places, plain, bare = [], [], []
    for place, text in _pieces(turns):
        places.append(place)
        folded, revealed = spelled(text)
        plain.append(folded)
        bare.append(revealed)
    found = {*_hits(plain, range(len(plain))), *_hits(bare, _around_changes(plain, bare))}
    return tuple(Suspicion(turn_id=places[n][0], utterance_id=places[n][1], rule=rule) for n, rule in sorted(found))


def _pieces(turns: Iterable[Turn]) -> Iterator[tuple[Place, str]]:
    for turn in turns:
        if turn.speaker == "interviewer":
            continue
        for span in turn.utterances:
            yield (turn.id, span.id), turn.text[span.start : span.end]
        if not turn.utterances:
            yield (turn.id, None), turn.text


def _around_changes(plain: Sequence[str], bare: Sequence[str]) -> Sequence[int]:
    """Numbers of the pieces that undoing tricks changed, and of their neighbours."""
    changed = [n for n, (one, other) in enumerate(zip(plain, bare, strict=True)) if one != other]
    return sorted({near for n in changed for near in range(max(0, n - NEIGHBOURS), min(len(bare), n + NEIGHBOURS + 1))})


def _hits(texts: Sequence[str], numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Number of the piece and name of the rule, in the stream of these pieces."""
    starts, at = [], 0
    for n in numbers:
        starts.append(at)
        at += len(texts[n]) + 1
    speech = Speech("\n".join(texts[n] for n in numbers))
    for rule in RULES.values() if numbers else ():
        for offset in rule.find(speech):
            yield numbers[max(0, bisect_right(starts, offset) - 1)], rule.name
