"""Where a pattern with many alternatives matches, without trying those that cannot match in this text.

Which words a match must hold is found in the pattern itself. How a pattern parses is Python's own affair
(`re._parser`): what it does not show in a known form is taken to need nothing, so that an alternative is tried too
often and never too rarely. What comes out is what `re.finditer` gives, in a third of its time.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LITERALS_MAX = 200  # looking for more would take as long as trying the pattern
CLAUSES_MAX = 3
GRAM = 4  # characters
COMMON_FIRST = " etaoinsrhldcumfpgwybvkxjqz"  # letters of European languages, roughly

_NO_WORD = re.compile(r"\W")
_REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}
_FOLDING = re.IGNORECASE | re.LOCALE


@dataclass(frozen=True, slots=True)
class _Literal:
    """A text inside a pattern, and whether nothing of its part comes before or after it."""

    text: str
    first: bool = True
    last: bool = True


_Clause = frozenset[_Literal]  # one of them is needed


@dataclass(frozen=True, slots=True, eq=False)
class _Alternative:
    """One branch of a pattern; every match of it holds a text of each set of `needed`."""

    pattern: re.Pattern[str]
    needed: tuple[frozenset[str], ...]


class Alternatives:
    """The outermost alternatives of many patterns, by what they need."""

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        """All patterns that will be looked for."""
        self.of = {pattern: _alternatives(pattern) for pattern in patterns}
        self._every = tuple(one for alternatives in self.of.values() for one in alternatives)
        self._short: list[str] = []  # texts too short to have a part
        self._by_gram: dict[str, list[str]] = {}  # the others, by the rarest part of each
        for text in {text for one in self._every for texts in one.needed for text in texts}:
            if len(text) < GRAM:
                self._short.append(text)
            else:
                self._by_gram.setdefault(_rarest(text), []).append(text)

    def possible(self, text: str) -> frozenset[_Alternative]:
        """Those that may match in a text; what is missing here matches nowhere in it."""
        held = self._held(f" {_NO_WORD.sub(' ', text)} ")
        return frozenset(one for one in self._every if not any(map(held.isdisjoint, one.needed)))

    def _held(self, words: str) -> set[str]:
        """Which of the needed texts are in these words, which are searched last, as that takes ten times longer."""
        grams = {words[n : n + GRAM] for n in range(len(words) - GRAM + 1)}
        likely = itertools.chain.from_iterable(self._by_gram[gram] for gram in self._by_gram.keys() & grams)
        return {text for text in itertools.chain(likely, self._short) if text in words}


def finditer(
    alternatives: Iterable[_Alternative], text: str, possible: frozenset[_Alternative]
) -> Iterator[re.Match[str]]:
    """The matches of a pattern with these alternatives, as `re.finditer` finds them; `possible` is of the same text."""
    tried = [one.pattern for one in alternatives if one in possible]
    if len(tried) <= 1:
        yield from (tried[0].finditer(text) if tried else ())
        return
    ahead = [one.search(text) for one in tried]
    while True:
        # At the first place where any of them matches the first of those counts, as in one pattern.
        match = min((found for found in ahead if found), key=re.Match.start, default=None)
        if match is None:
            return
        yield match
        position = match.end() + (match.end() == match.start())
        for n, found in enumerate(ahead):
            if found and found.start() < position:
                ahead[n] = tried[n].search(text, position)


def _alternatives(pattern: re.Pattern[str]) -> tuple[_Alternative, ...]:
    branches = [re.compile(part, pattern.flags) for part in split(pattern.pattern)]
    if len(branches) > 1 and any(branch.groups for branch in branches):
        branches = [pattern]  # groups are numbered through
    return tuple(_Alternative(branch, needed(branch)) for branch in branches)


def split(pattern: str) -> tuple[str, ...]:
    """The pattern's outermost alternatives."""
    parts, start, depth, n, in_set = [], 0, 0, 0, False
    while n < len(pattern):
        character = pattern[n]
        if character == "\\":
            n += 1
        elif in_set:
            in_set = character != "]"
        elif character == "[":
            in_set = True
            n += pattern.startswith("^", n + 1)
            n += pattern.startswith("]", n + 1)
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and depth == 0:
            parts.append(pattern[start:n])
            start = n + 1
        n += 1
    return (*parts, pattern[start:])


def needed(pattern: re.Pattern[str]) -> tuple[frozenset[str], ...]:
    """What a match holds something of, with a space for what belongs to no word; nothing where nothing is known."""
    if pattern.flags & _FOLDING or not pattern.flags & re.UNICODE:
        return ()
    clauses = [_spelled(c) for c in _clauses(parser.parse(pattern.pattern, pattern.flags))]
    telling = sorted((c for c in clauses if c and len(c) <= LITERALS_MAX), key=_telling, reverse=True)
    return tuple(telling[:CLAUSES_MAX])


def _rarest(text: str) -> str:
    """The part of the text that the fewest other texts will have."""
    return max((text[n : n + GRAM] for n in range(len(text) - GRAM + 1)), key=lambda gram: sum(map(_rarity, gram)))


def _rarity(letter: str) -> int:
    place = COMMON_FIRST.find(letter)
    return place if place >= 0 else len(COMMON_FIRST)


def _clauses(items: Iterable[Any]) -> list[_Clause]:
    """What a sequence needs: all parts match, so something of each."""
    parts = list(_parts(items))
    found = []
    for n, part in enumerate(parts):
        for clause in part if isinstance(part, list) else ():
            before, after = parts[:n], parts[n + 1 :]
            found.append(frozenset(_placed(literal, before, after) for literal in clause))
    return found


_BOUNDARY, _UNKNOWN = "boundary", "unknown"
_Part = list[_Clause] | str


def _parts(items: Iterable[Any]) -> Iterator[_Part]:
    """The parts of a sequence: what each needs, a word's boundary, or unknown."""
    run = ""
    for operation, argument in items:
        if operation is sre.LITERAL:
            run += chr(argument)
            continue
        if run:
            yield [frozenset({_Literal(run)})]
        run = ""
        yield _BOUNDARY if (operation, argument) == (sre.AT, sre.AT_BOUNDARY) else _part(operation, argument)
    if run:
        yield [frozenset({_Literal(run)})]


def _part(operation: Any, argument: Any) -> _Part:
    if operation is sre.SUBPATTERN:
        return _clauses(argument[-1])
    if operation is sre.ATOMIC_GROUP:
        return _clauses(argument)
    if operation is sre.BRANCH:
        return _of_any(argument[1])
    if operation in _REPEATS and argument[0] == argument[1] == 1:
        return _clauses(argument[2])
    if operation in _REPEATS and argument[0] > 0:
        return [frozenset(replace(literal, first=False, last=False) for literal in c) for c in _clauses(argument[2])]
    return _UNKNOWN


def _of_any(branches: Iterable[Iterable[Any]]) -> list[_Clause]:
    """One of the branches matches, so something of each may be it."""
    best = [max(_clauses(branch), key=lambda c: _telling(_spelled(c)), default=None) for branch in branches]
    known = [clause for clause in best if clause is not None]
    return [frozenset[_Literal]().union(*known)] if len(known) == len(best) else []


def _placed(literal: _Literal, before: Sequence[_Part], after: Sequence[_Part]) -> _Literal:
    """The literal as a part of the sequence: a boundary beside it becomes the space that it stands for."""
    text, first, last = literal.text, literal.first and not before, literal.last and not after
    if literal.first and before and before[-1] == _BOUNDARY and _is_word(text[0]):
        text = "\0" + text  # spelled as a space at the end: a literal's own is one of the text
    if literal.last and after and after[0] == _BOUNDARY and _is_word(text[-1]):
        text += "\0"
    return _Literal(text, first=first, last=last)


def _is_word(character: str) -> bool:
    return character != "\0" and not _NO_WORD.match(character)


def _spelled(clause: _Clause) -> frozenset[str]:
    return frozenset(_NO_WORD.sub(" ", literal.text) for literal in clause)


def _telling(clause: Iterable[str]) -> tuple[int, int]:
    """Long literals are rare in a text, and few are found fast."""
    texts = list(clause)
    return min(map(len, texts), default=0), -len(texts)
