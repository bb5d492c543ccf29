"""Which section of the rubric each turn of an imported interview belongs to.

The interviewer's turns that have words are its **questions**; each is in one section or in none, and every other turn
follows the last question before it. Where the source names the section of a question, that holds. Else it is told by
the intros that the interviewer speaks (`by_intros`), by a judge (`evaluator.assigning`) or by a person's correction
(`evaluator.formats.corrections`).

How intros are found. Words are compared, in small letters, without punctuation, apostrophes and white space. An
intro's score in a turn of the interviewer is 1 when its words stand there one after another; else the largest share of
them that any stretch of as many words holds, and that counts from INTRO_OVERLAP_MIN on for intros of at least
INTRO_WORDS_MIN words. A turn belongs to the intro with the highest score (of equals the one that ends last, because it
is what is asked then), so intros that are alike are told apart. The first turn of each section opens it, whatever the
order; later repetitions change nothing. A section lasts until the next one opens, the last until the rubric's closing
is spoken (its last occurrence, so that a thank-you in between closes nothing).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from evaluator.transcript import Turn
from rubrics.model import Rubric

INTRO_OVERLAP_MIN = 0.8  # of the intro's words
EXCERPT_CHARS_MAX = 60
SENTENCE_CHARS_MAX = 1_000  # how far before its question mark a question is looked for
INTRO_WORDS_MIN = 5  # a shorter one must be spoken word for word

# source: the file says so; intro: spoken by the interviewer; judge: a model said so; correction: a person did.
Assigner = Literal["source", "intro", "judge", "correction"]

_APOSTROPHE = re.compile(r"(?<=\w)['’`](?=\w)")
_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"[.!?…]['\")”’\]]{0,3}\s|\n|[。！？]")
_CLOSING = ""  # stands for the rubric's closing among the section ids, which are never empty


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One turn of the interviewer that has words, and the section that it and what follows it belong to."""

    turn_id: str
    text: str
    section_id: str | None  # null: none of the rubric's (greeting, small talk, closing)
    by: Assigner
    model: str | None = None  # the judge's name@revision, where a judge placed it


def question_turns(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The interviewer's turns that have words, in order."""
    return tuple(turn for turn in turns if turn.speaker == "interviewer" and turn.text.strip())


def by_intros(turns: tuple[Turn, ...], rubric: Rubric) -> tuple[Question, ...]:
    """Every question with the section whose intro was spoken last; with none, all are outside the sections."""
    openings, closing = _marks(turns, rubric)
    known = _ids(rubric)
    current: str | None = None
    sections: dict[str, str | None] = {}
    for index, turn in enumerate(turns):
        current = None if index == closing else openings.get(index, current)
        if turn.speaker == "interviewer" and turn.section_id in known:
            current = turn.section_id
        sections[turn.id] = current
    return assigned(turns, rubric, sections, by="intro")


def assigned(
    turns: tuple[Turn, ...],
    rubric: Rubric,
    sections: Mapping[str, str | None],
    *,
    by: Assigner,
    model: str | None = None,
) -> tuple[Question, ...]:
    """Every question with its section by turn id; what the source says itself holds, if the rubric knows it."""
    known = _ids(rubric)
    return tuple(
        Question(turn_id=turn.id, text=turn.text, section_id=turn.section_id, by="source")
        if turn.section_id in known
        else Question(turn_id=turn.id, text=turn.text, section_id=sections[turn.id], by=by, model=model)
        for turn in question_turns(turns)
    )


def placed(turns: tuple[Turn, ...], questions: Iterable[Question], rubric: Rubric) -> tuple[Turn, ...]:
    """The same turns, each in the section of the last question before it.

    A turn that names its own section of the rubric keeps it, unless a person has corrected that question.
    """
    known = _ids(rubric)
    by_turn = {question.turn_id: question for question in questions}
    last: Question | None = None
    result: list[Turn] = []
    for turn in turns:
        last = by_turn.get(turn.id, last)
        own = turn.section_id in known and not (last and last.by == "correction")
        section_id = turn.section_id if own else last.section_id if last else None
        result.append(turn.model_copy(update={"section_id": section_id}))
    return tuple(result)


def mark_sections(turns: tuple[Turn, ...], rubric: Rubric) -> tuple[Turn, ...]:
    """The same turns with the section that the source or the intros put each in."""
    return placed(turns, by_intros(turns, rubric), rubric)


def sections_found(turns: Iterable[Turn], rubric: Rubric) -> tuple[str, ...]:
    """The ids of the rubric's sections that have at least one turn, in rubric order."""
    present = {turn.section_id for turn in turns}
    return tuple(section.id for section in rubric.sections if section.id in present)


def excerpt(text: str, chars_max: int = EXCERPT_CHARS_MAX) -> str:
    """How what is asked begins: the last sentence with a question mark, else the text from its start.

    On one line, without characters that steer a terminal or the direction of writing.
    """
    asked = max(text.rfind("?"), text.rfind("？"))
    before = [match.end() for match in _SENTENCE_END.finditer(text, max(0, asked - SENTENCE_CHARS_MAX), max(asked, 0))]
    start = before[-1] if before else 0
    begins = text[start : start + 4 * chars_max]
    plain = " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in begins).split())
    whole = len(plain) <= chars_max and start + len(begins) >= len(text)
    return plain if whole else plain[: chars_max - 1].rstrip() + "…"


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared."""
    plain = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_WORD.findall(plain))


def _ids(rubric: Rubric) -> frozenset[str]:
    return frozenset(section.id for section in rubric.sections)


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
