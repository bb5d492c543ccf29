"""Fields of a form as they come in and as they are drawn again: their values, choices and faults."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.human import TEXT_MAX, TEXT_MIN
from evaluator.words import visible
from rubrics.model import LEVELS, Criterion

NOT_ASSESSED_TEXT = "Nothing in the interview lets me rate this."


@dataclass(frozen=True, slots=True)
class Fields:
    """What a form sent: names with their values, in order; any of it may be anything."""

    pairs: tuple[tuple[str, str], ...] = ()

    def one(self, name: str) -> str:
        """Its first value; empty where there is none."""
        return next((value for field, value in self.pairs if field == name), "")

    def every(self, name: str) -> tuple[str, ...]:
        """All its values."""
        return tuple(value for field, value in self.pairs if field == name)

    def number(self, name: str, *, most: int = 2**31 - 1) -> int:
        """A count from 0 on; what is none counts as 0."""
        text = self.one(name)
        return min(int(text), most) if text.isascii() and text.isdigit() and len(text) <= 10 else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with one field."""

    field: str  # which it is
    place: str  # the id of the control that mends it
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One radio button, or one line of a list."""

    value: str
    words: str
    text: str | None  # what it means
    chosen: bool


def plain(text: str) -> str:
    """What somebody typed: browsers send line ends as two characters, which would count twice."""
    return text.replace("\r\n", "\n").strip()


def level_word(level: int | None) -> str:
    """A level as a form's value."""
    return "none" if level is None else str(level)


def level_of(word: str) -> int | None:
    """A form's value as a level; ValueError for what is none."""
    if word == "none":
        return None
    if word not in {str(level) for level in LEVELS}:
        raise ValueError(word[:10])
    return int(word)


def level_choices(criterion: Criterion, *, chosen: str) -> tuple[Choice, ...]:
    """The five levels with the behaviour that earns them, the lowest first, and that none can be given."""
    levels = [
        Choice(value=str(n), words=str(n), text=visible(criterion.anchors[n]), chosen=chosen == str(n)) for n in LEVELS
    ]
    none = Choice(value="none", words="Not assessed", text=NOT_ASSESSED_TEXT, chosen=chosen == "none")
    return (*levels, none)


def chosen_in(choices: Sequence[tuple[str, str]], value: str) -> tuple[Choice, ...]:
    """Choices of (value, words), with that one chosen."""
    return tuple(Choice(value=v, words=words, text=None, chosen=v == value) for v, words in choices)


def text_fault(text: str) -> str | None:
    """What is wrong with the text of a reason."""
    length = len(text.strip())
    if length < TEXT_MIN:
        return f"Say why, in at least {TEXT_MIN} characters" + (f" ({length} so far)" if length else "")
    if length > TEXT_MAX:
        return f"The text has {length} characters, at most {TEXT_MAX} can be kept"
    return None
