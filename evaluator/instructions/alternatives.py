"""Where a pattern with many alternatives matches, without trying those that cannot match in this text.

Which words a match must hold, and with which it begins, is found in the pattern itself. How a pattern parses is
Python's own affair (`re._parser`): what it does not show in a known form is taken to need nothing, so that an
alternative is tried too often and never too rarely. What comes out is what `re.finditer` gives, in a sixth of its time.
"""

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LITERALS_MAX = 200  # looking for more would take as long as trying the pattern
CLAUSES_MAX = 3
GRAM = 4  # characters
COMMON_FIRST = " etaoinsrhldcumfpgwybvkxjqz"  # letters of European languages, roughly

_EDGE = "\0"  # of a word, in a literal
_NO_WORD = re.compile(r"\W")
_REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}
_TAKES_NOTHING = {sre.AT, sre.ASSERT, sre.ASSERT_NOT}
_FOLDING = re.IGNORECASE | re.LOCALE


@dataclass(frozen=True, slots=True)
class _Literal:
    """A text inside a pattern, and whether nothing of its part comes before or after it."""

    text: str
    first: bool = True
    last: bool = True


_Clause = frozenset[_Literal]  # one of them is needed


@dataclass(frozen=True, slots=True)
class _Begins:
    """Texts with one of which every match begins."""

    words: frozenset[str]  # at a word's start: a space before it, and for what belongs to no word
    texts: frozenset[str]  # anywhere, as they are


@dataclass(frozen=True, slots=True, eq=False)
class _Alternative:
    """One branch of a pattern; every match of it holds a text of each set of `needed`."""

    pattern: re.Pattern[str]
    needed: tuple[frozenset[str], ...]
    begins: "_Begins | None"  # None: not known


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

    def possible(self, text: str) -> "Possible":
        """Those that may match in a text; what is missing there matches nowhere in it."""
        words = _words(text)
        grams = _grams(words)
        held = self._held(words, grams)
        return Possible(
            text, words, grams, frozenset(one for one in self._every if not any(map(held.isdisjoint, one.needed)))
        )

    def _held(self, words: str, grams: set[str]) -> set[str]:
        """Which of the needed texts are in these words, which are searched last, as that takes ten times longer."""
        likely = itertools.chain.from_iterable(self._by_gram[gram] for gram in self._by_gram.keys() & grams)
        whole = (text for text in likely if text[:GRAM] in grams and text[-GRAM:] in grams)
        return {text for text in itertools.chain(whole, self._short) if text in words}


class Possible:
    """The alternatives that may match in a text, and where they can begin in it."""

    def __init__(self, text: str, words: str, grams: set[str], alternatives: frozenset[_Alternative]) -> None:
        """A text, its words and their parts, and what may match in it."""
        self._text, self._words, self._grams, self._alternatives = text, words, grams, alternatives
        self._places: dict[str, Sequence[int]] = {}

    def finditer(self, alternatives: Iterable[_Alternative]) -> Iterator[re.Match[str]]:
        """The matches of a pattern with these alternatives, as `re.finditer` finds them."""
        tried = [(one.pattern, self._begins(one)) for one in alternatives if one in self._alternatives]
        ahead = [self._search(*one, 0) for one in tried]
        while True:
            # At the first place where any of them matches the first of those counts, as in one pattern.
            match = min((found for found in ahead if found), key=re.Match.start, default=None)
            if match is None:
                return
            yield match
            position = match.end() + (match.end() == match.start())
            for n, found in enumerate(ahead):
                if found and found.start() < position:
                    ahead[n] = self._search(*tried[n], position)

    def _search(self, pattern: re.Pattern[str], begins: Sequence[int] | None, position: int) -> re.Match[str] | None:
        if begins is None:
            return pattern.search(self._text, position)
        for n in range(bisect_left(begins, position), len(begins)):
            if match := pattern.match(self._text, begins[n]):
                return match
        return None

    def _begins(self, one: _Alternative) -> Sequence[int] | None:
        """Where it can begin, in order; None: anywhere."""
        if one.begins is None:
            return None
        words = (place for text in one.begins.words for place in self._of_words(text))
        texts = (place for text in one.begins.texts for place in _places(text, self._text))
        return sorted({*words, *texts})

    def _of_words(self, text: str) -> Sequence[int]:
        """Where this begins; in the words everything is one to the right, and a space comes before it."""
        if text not in self._places:
            absent = len(text) >= GRAM and text[:GRAM] not in self._grams
            self._places[text] = () if absent else tuple(_places(text, self._words))
        return self._places[text]


def _words(text: str) -> str:
    """With one space for each character that belongs to no word, and one around all."""
    return f" {_NO_WORD.sub(' ', text)} "


def _grams(text: str) -> set[str]:
    return {text[n : n + GRAM] for n in range(len(text) - GRAM + 1)}


def _places(part: str, text: str) -> Iterator[int]:
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _alternatives(pattern: re.Pattern[str]) -> tuple[_Alternative, ...]:
    branches = [re.compile(part, pattern.flags) for part in split(pattern.pattern)]
    if len(branches) > 1 and any(branch.groups for branch in branches):
        branches = [pattern]  # groups are numbered through
    return tuple(map(_alternative, branches))


def _alternative(pattern: re.Pattern[str]) -> _Alternative:
    if pattern.flags & _FOLDING or not pattern.flags & re.UNICODE:
        return _Alternative(pattern, (), None)
    items = tuple(parser.parse(pattern.pattern, pattern.flags))
    return _Alternative(pattern, _needs(items), _begun(items))


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


def _begun(items: Sequence[Any]) -> _Begins | None:
    """What every match begins with; None where that is not known."""
    found = _begins(items)
    if not found or len(found) > LITERALS_MAX:
        return None
    words = frozenset(_NO_WORD.sub(" ", text) for text in found if text.startswith(_EDGE))
    return _Begins(words, frozenset(text for text in found if not text.startswith(_EDGE)))


def _begins(items: Sequence[Any]) -> frozenset[str] | None:
    run = "".join(chr(argument) for _, argument in itertools.takewhile(lambda item: item[0] is sre.LITERAL, items))
    if run:
        return frozenset({run})
    return _begins_with(items[0], items[1:]) if items else None


def _begins_with(item: Any, rest: Sequence[Any]) -> frozenset[str] | None:
    operation, argument = item
    found = None
    if operation in _TAKES_NOTHING:
        found = _begins(rest)
        if found and argument == sre.AT_BOUNDARY:
            found = frozenset(_EDGE + text if _is_word(text[0]) else text for text in found)
    elif operation is sre.SUBPATTERN and not argument[1] and not argument[2]:  # no flags of its own
        found = _begins((*argument[-1], *rest))
    elif operation is sre.BRANCH:
        found = _of_each(_begins((*branch, *rest)) for branch in argument[1])
    elif operation is sre.IN:
        found = _of_each(frozenset(chr(letter)) if kind is sre.LITERAL else None for kind, letter in argument)
    elif operation in _REPEATS:
        least, most, inside = argument
        found = _begins((*inside, *rest) if most == 1 else tuple(inside))
        found = found if least else _of_each((found, _begins(rest)))
    return found


def _of_each(found: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """All of them together; None where one is not known."""
    every = list(found)
    return frozenset(text for texts in every for text in texts or ()) if None not in every else None


def _needs(items: Iterable[Any]) -> tuple[frozenset[str], ...]:
    """What a match holds something of, with a space for what belongs to no word; nothing where nothing is known."""
    clauses = map(_spelled, _clauses(items))
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
        text = _EDGE + text  # spelled as a space at the end: a literal's own is one of the text
    if literal.last and after and after[0] == _BOUNDARY and _is_word(text[-1]):
        text += _EDGE
    return _Literal(text, first=first, last=last)


def _is_word(character: str) -> bool:
    return character != _EDGE and not _NO_WORD.match(character)


def _spelled(clause: _Clause) -> frozenset[str]:
    return frozenset(_NO_WORD.sub(" ", literal.text) for literal in clause)


def _telling(clause: Iterable[str]) -> tuple[int, int]:
    """Long literals are rare in a text, and few are found fast."""
    texts = list(clause)
    return min(map(len, texts), default=0), -len(texts)
