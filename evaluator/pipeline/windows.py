"""Sections that are longer than the judge's window: where they are cut, and what of them is read last. Pure."""

import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from evaluator.judging import Cut, TokenCounter
from evaluator.prompts import user_prompt
from evaluator.transcript import Turn, segment, words_in

QUESTION_WORDS_MIN = 3  # "Mm-hm." and "Okay, great." are no question that an answer needs beside it

_Block = tuple[Cut, int]  # where it begins, and its size in tokens


class TurnSizes:
    """Tokens that turns take in a prompt; each is counted once, whatever number of sections it is read in."""

    def __init__(self, count_tokens: TokenCounter) -> None:
        self._count = count_tokens
        self._known: dict[str, int] = {}
        self._counting = threading.Lock()  # sections are planned in several threads

    def __call__(self, turn: Turn) -> int:
        """Tokens of the turn's own lines."""
        return self._tokens(user_prompt((turn,))) - self._tokens(user_prompt(())) + 1  # and of the line break

    def _tokens(self, text: str) -> int:
        with self._counting:
            if text not in self._known:
                self._known[text] = self._count(text)
            return self._known[text]


def cuts_of(turns: Sequence[Turn], size: Callable[[Turn], int], room: int) -> tuple[Cut, ...] | None:
    """Where to cut the turns into windows of at most `room` tokens, about equally long; None: it cannot be done.

    A window begins with a question of the interviewer wherever the exchange that follows fits; else at a turn; a turn
    that fits no window is cut at its utterances. At least one cut is made, so that the windows are always shorter.
    """
    total = sum(map(size, turns))
    room = min(room, total - 1)
    if room < 1 or (blocks := _blocks(turns, size, room)) is None:
        return None
    target = total / math.ceil(total / room)
    cuts: list[Cut] = []
    filled = 0
    for begin, tokens in blocks:
        if filled and (filled + tokens > room or filled >= target):
            cuts.append(begin)
            filled = 0
        filled += tokens
    if not cuts and len(blocks) > 1:  # tokens do not add up exactly: the parts of a text may have fewer than the whole
        cuts.append(blocks[len(blocks) // 2][0])
    return tuple(cuts) or None


def _blocks(turns: Sequence[Turn], size: Callable[[Turn], int], room: int) -> list[_Block] | None:
    """What no cut goes through, in order; None: something that cannot be cut is longer than the room."""
    blocks: list[_Block] = []
    for exchange in _exchanges(turns):
        if (tokens := sum(map(size, exchange))) <= room:
            blocks.append((Cut(turn_id=exchange[0].id, start=0), tokens))
            continue
        for turn in exchange:
            pieces = (turn,) if size(turn) <= room else _pieces(turn)
            starts = (0,) if len(pieces) == 1 else _starts(turn)
            sized = [(Cut(turn_id=turn.id, start=s), size(p)) for s, p in zip(starts, pieces, strict=True)]
            if any(tokens > room for _, tokens in sized):
                return None
            blocks.extend(sized)
    return blocks


def _exchanges(turns: Sequence[Turn]) -> Iterator[Sequence[Turn]]:
    """Runs of turns, each from the interviewer's first word to the next time that the interviewer takes over."""
    begin = 0
    for n in range(1, len(turns)):
        if turns[n].speaker == "interviewer" and turns[n - 1].speaker != "interviewer":
            yield turns[begin:n]
            begin = n
    if turns:
        yield turns[begin:]


def _starts(turn: Turn) -> tuple[int, ...]:
    """Where the turn's utterances begin, the first at 0; other speakers have sentences instead."""
    spans = [(span.start, span.end) for span in turn.utterances] or segment(turn.text)
    return (0, *(start for start, _ in spans[1:]))


def _pieces(turn: Turn) -> tuple[Turn, ...]:
    return _split(turn, _starts(turn)[1:])


def _split(turn: Turn, starts: Sequence[int]) -> tuple[Turn, ...]:
    """The turn in pieces that begin at its own start and at these; together they hold all of it."""
    edges = (0, *starts, len(turn.text))
    return tuple(_piece(turn, begin, end) for begin, end in pairwise(edges))


def _piece(turn: Turn, begin: int, end: int) -> Turn:
    if (begin, end) == (0, len(turn.text)):
        return turn
    if turn.speaker == "candidate":  # utterances are places in the whole text
        spans = tuple(span for span in turn.utterances if begin <= span.start < end)
        return turn.model_copy(update={"utterances": spans})
    return turn.model_copy(update={"text": turn.text[begin:end]})


def cut(turns: Sequence[Turn], cuts: Sequence[Cut]) -> tuple[tuple[Turn, ...], ...]:
    """The windows; ValueError when the cuts are not places in these turns, in order."""
    place = {turn.id: n for n, turn in enumerate(turns)}
    if any(c.turn_id not in place for c in cuts):
        raise ValueError("cut at a turn that is not there")
    ordered = [(place[c.turn_id], c.start) for c in cuts]
    if ordered != sorted(set(ordered)) or ordered[:1] == [(0, 0)]:
        raise ValueError("cuts are not in order")
    windows: list[list[Turn]] = [[]]
    for n, turn in enumerate(turns):
        starts = [start for _, start in ordered[bisect_left(ordered, (n, 0)) : bisect_left(ordered, (n + 1, 0))]]
        if any(start >= max(len(turn.text), 1) for start in starts):
            raise ValueError("cut beyond the end of a turn")
        inside = [start for start in starts if start > 0]
        if len(inside) < len(starts):
            windows.append([])
        first, *rest = _split(turn, inside)
        windows[-1].append(first)
        windows.extend([piece] for piece in rest)
    return tuple(map(tuple, windows))


def cited_turns(turns: Sequence[Turn], cited: AbstractSet[str]) -> tuple[Turn, ...]:
    """The candidate's turns with these utterances only, each after the interviewer's question before it."""
    result: list[Turn] = []
    question: Turn | None = None
    for turn in turns:
        if turn.speaker == "interviewer" and words_in(turn.text) >= QUESTION_WORDS_MIN:
            question = turn
        spans = tuple(span for span in turn.utterances if span.id in cited)
        if not spans:
            continue
        if question is not None:
            result.append(question)
            question = None
        result.append(turn.model_copy(update={"utterances": spans}))
    return tuple(result)
