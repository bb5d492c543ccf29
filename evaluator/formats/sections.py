"""Finds the rubric's sections in an interview by the intros that the interviewer speaks.

The rule. Words are compared, in small letters, without punctuation, apostrophes and white space. An intro's score in a
turn of the interviewer is 1 when its words stand there one after another; else the largest share of them that any
stretch of as many words holds, and that counts from INTRO_OVERLAP_MIN on for intros of at least INTRO_WORDS_MIN words.
A turn belongs to the intro with the highest score (of equals the one that ends last, because it is what is asked
then), so intros that are alike are told apart. The first turn of each section opens it, whatever the order; later
repetitions change nothing. A section lasts until the next one opens, the last until the rubric's closing is spoken
(its last occurrence, so that a thank-you in between closes nothing).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from evaluator.transcript import Turn
from rubrics.model import Rubric

INTRO_OVERLAP_MIN = 0.8  # of the intro's words
INTRO_WORDS_MIN = 5  # a shorter one must be spoken word for word

_APOSTROPHE = re.compile(r"(?<=\w)['’`](?=\w)")
_WORD = re.compile(r"[^\W_]+")
_CLOSING = ""  # stands for the rubric's closing among the section ids, which are never empty


def mark_sections(turns: tuple[Turn, ...], rubric: Rubric) -> tuple[Turn, ...]:
    """The same turns with the section that each belongs to; one that already names its section keeps it."""
    openings, closing = _marks(turns, rubric)
    current: str | None = None
    marked: list[Turn] = []
    for index, turn in enumerate(turns):
        current = None if index == closing else openings.get(index, current)
        kept = turn.section_id if turn.section_id is not None else current
        marked.append(turn.model_copy(update={"section_id": kept}))
    return tuple(marked)


def sections_found(turns: Iterable[Turn], rubric: Rubric) -> tuple[str, ...]:
    """The ids of the rubric's sections that have at least one turn, in rubric order."""
    present = {turn.section_id for turn in turns}
    return tuple(section.id for section in rubric.sections if section.id in present)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared."""
    plain = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_WORD.findall(plain))


def _marks(turns: tuple[Turn, ...], rubric: Rubric) -> tuple[dict[int, str], int | None]:
    """Where sections open (index of the turn -> section id), and where the last one closes."""
    intros = {s.id: words_of(s.intro) for s in rubric.sections} | {_CLOSING: words_of(rubric.closing)}
    openings: dict[int, str] = {}
    closings: list[int] = []
    for index, turn in enumerate(turns):
        if turn.speaker != "interviewer" or (best := _best(words_of(turn.text), intros)) is None:
            continue
        if best == _CLOSING:
            closings.append(index)
        elif best not in openings.values():
            openings[index] = best
    after_all = [index for index in closings if index > max(openings, default=-1)]
    return openings, after_all[-1] if after_all else None


def _best(said: tuple[str, ...], intros: dict[str, tuple[str, ...]]) -> str | None:
    """The section id (or _CLOSING) whose intro the turn speaks; null when it speaks none."""
    scores = {key: _score(said, intro) for key, intro in intros.items()}
    key = max(scores, key=lambda k: scores[k])
    return key if scores[key][0] >= INTRO_OVERLAP_MIN else None


def _score(said: tuple[str, ...], intro: tuple[str, ...]) -> tuple[float, int]:
    """(share of the intro's words in the best stretch of the turn, where in the turn that stretch ends)."""
    size = len(intro)
    if not size or size > len(said) / INTRO_OVERLAP_MIN:
        return 0.0, 0
    for start in range(len(said) - size, -1, -1):
        if said[start : start + size] == intro:
            return 1.0, start + size
    return _overlap(said, intro) if size >= INTRO_WORDS_MIN else (0.0, 0)


def _overlap(said: tuple[str, ...], intro: tuple[str, ...]) -> tuple[float, int]:
    """The best share over all stretches of as many words as the intro has, moved along word by word."""
    missing = Counter(intro)  # below zero: spoken more often than the intro has it
    common = best = end = 0
    for index, word in enumerate(said):
        common += missing[word] > 0
        missing[word] -= 1
        if index >= len(intro):
            gone = said[index - len(intro)]
            missing[gone] += 1
            common -= missing[gone] > 0
        if common >= best:
            best, end = common, index + 1
    # Never 1: the same words in another order are not the intro word for word.
    return min(best / len(intro), 0.999), end
