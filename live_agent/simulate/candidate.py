"""A simulated candidate: answers that express a known level of each criterion, in somebody's way of talking."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Literal

from evaluator.errors import UsageFault
from live_agent.plan import THIN_ANSWER_WORDS
from live_agent.simulate.bank import Phrasing, SectionBank, filled, section_bank, stock
from rubrics.model import LEVELS, Rubric, Section

Ability = int | None  # a level from 1 to 5; None: never says anything on this criterion
Unscored = Literal["not_asked", "not_answered", "cut_short"]  # cut short: time ran out within the answer
STORIES_DRAWN = 840  # a multiple of 1 to 8: each of a bank's stories is as likely as the others
JOIN_SHARE = 0.5  # of places between two things in one answer where a word joins them
TERSE_WORDS_MAX = THIN_ANSWER_WORDS - 5  # holding back is for answers that are sure to earn a follow-up
INSTRUCTION_SHARE = 0.35  # of answers that also tell the judge what to rate, by a candidate who does so at all
DECKS = ("starts", "joins", "ends", "digressions", "nothing_more", "instructions")
SILENT_SHARE = 0.4  # of the questions without an answer: nothing is said at all; the others are declined in words


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How somebody talks; drawn apart from ability, so that no level can be told by it."""

    words_per_minute: float
    filler_share: float  # of sentences that get a filler
    digression_share: float  # of answers that wander off
    start_share: float  # of answers that begin with a word or two of nothing
    end_share: float  # of answers that say that they are over
    terse: bool  # says the first part only and waits to be asked
    misheard_share: float  # of words that speech recognition may take for others, how many it does


@dataclass(frozen=True, kw_only=True, slots=True)
class Matter:
    """A stretch of an answer that expresses a criterion; what lies outside of any says nothing."""

    criterion: str
    start: int  # characters into the answer's text
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One reply; no text is silence."""

    text: str
    declined: bool = False
    matter: tuple[Matter, ...] = ()


def _joined(pieces: list[tuple[str | None, str]]) -> Answer:
    """The pieces as one text, with the places of those that belong to a criterion."""
    text, matter = "", []
    for criterion, piece in pieces:
        start = len(text) + bool(text)
        text = f"{text} {piece}" if text else piece
        if criterion is not None:
            matter.append(Matter(criterion=criterion, start=start, end=len(text)))
    return Answer(text=text, matter=tuple(matter))


def style_of(seed: str) -> Style:
    """The way of talking that belongs to a seed."""
    random = Random(f"{seed}|style")
    return Style(
        words_per_minute=random.uniform(125, 175),
        filler_share=random.choice((0.02, 0.08, 0.15, 0.25)),
        digression_share=random.choice((0.0, 0.1, 0.2)),
        start_share=random.choice((0.2, 0.4, 0.6)),
        end_share=random.choice((0.05, 0.15, 0.3)),
        terse=random.random() < 0.3,
        misheard_share=random.choice((0.0, 0.02, 0.05)),
    )


class Deck:
    """Lines in shuffled order, so that nobody repeats one before all were said."""

    def __init__(self, lines: tuple[str, ...], random: Random) -> None:
        self._lines, self._random = lines, random
        self._left: list[str] = []

    def draw(self) -> str:
        """The next line."""
        if not self._left:
            self._left = self._random.sample(self._lines, len(self._lines))
        return self._left.pop()


class Habits:
    """What one person says around the matter of an answer, through a whole interview."""

    def __init__(self, seed: str, *, instruction_share: float = 0.0) -> None:
        self.style = style_of(seed)
        self.instruction_share = instruction_share
        decks = {name: getattr(stock(), name) for name in DECKS}
        self._decks = {name: Deck(lines, Random(f"{seed}|{name}")) for name, lines in decks.items()}

    def line(self, name: str, share: float, random: Random) -> tuple[str, ...]:
        """A line of that kind in `share` of the cases, else none."""
        return (self._decks[name].draw(),) if random.random() < share else ()


class SimulatedCandidate:
    """Says what `abilities` stand for; the same seed says the same words."""

    def __init__(
        self,
        rubric: Rubric,
        abilities: Mapping[str, Ability],
        *,
        seed: str,
        allowed: Callable[[str], bool] | None = None,
        story: int | None = None,
        instructing: bool = False,
    ) -> None:
        """`allowed` keeps only phrasings whose id it accepts; UsageFault for criteria or levels there are none of.

        `story` chooses among the stories that fit, so that candidates with different ones never say the same.
        `instructing` makes them tell the judge, now and then, what to rate.
        """
        ids = {criterion.id for criterion in rubric.criteria}
        if unknown := sorted(set(abilities) - ids):
            raise UsageFault(f"rubric {rubric.ref} has no criterion {', '.join(unknown)}")
        if wrong := sorted(c for c, level in abilities.items() if level is not None and level not in LEVELS):
            raise UsageFault(f"ability of {', '.join(wrong)}: give a level from 1 to 5, or none")
        self._rubric = rubric
        self._abilities = abilities
        self._seed = seed
        self._allowed = allowed or (lambda _: True)
        self._story = story
        self._habits = Habits(seed, instruction_share=INSTRUCTION_SHARE if instructing else 0.0)

    @property
    def style(self) -> Style:
        """The way of talking."""
        return self._habits.style

    def to_consent(self) -> str:
        """The answer to the request for consent."""
        return Random(f"{self._seed}|consent").choice(stock().consent)

    def to_opening(self) -> str:
        """The answer to an opening that asks something."""
        return Random(f"{self._seed}|ready").choice(stock().ready)

    def enters(self, section: Section) -> "SectionTalk":
        """What this candidate has to say in one section."""
        bank = section_bank(self._rubric, section)
        levels = {c.id: level for c in section.criteria if (level := self._abilities.get(c.id)) is not None}
        # One story through the whole interview: it is one person, with one job behind them.
        story = Random(f"{self._seed}|story").randrange(STORIES_DRAWN) if self._story is None else self._story
        return SectionTalk(
            bank=bank,
            phrasings=_chosen(bank, levels, self._allowed, story=story),
            habits=self._habits,
            seed=f"{self._seed}|{section.id}",
            talk=self._seed,
        )


def _chosen(
    bank: SectionBank, levels: Mapping[str, int], allowed: Callable[[str], bool], *, story: int
) -> dict[str, Phrasing]:
    """One phrasing for each criterion, all of one story where the allowed ones have one in common."""
    options = {c: tuple(p for p in bank.of(c, level) if allowed(p.id)) for c, level in levels.items()}
    if missing := [f"{c} at level {levels[c]}" for c, found in options.items() if not found]:
        raise UsageFault(f"no phrasing is allowed for {', '.join(missing)}; widen the filter")
    stories = [frozenset(p.story for p in found) for found in options.values()]
    common = sorted(frozenset.intersection(*stories)) if stories else []
    chosen = common[story % len(common)] if common else None
    return {c: next((p for p in found if p.story == chosen), found[story % len(found)]) for c, found in options.items()}


class SectionTalk:
    """The candidate within one section: what is said already, and what is still on their mind."""

    def __init__(
        self,
        *,
        bank: SectionBank,
        phrasings: Mapping[str, Phrasing],
        habits: Habits,
        seed: str,
        talk: str,
    ) -> None:
        self.phrasings = phrasings  # criterion -> the one phrasing that expresses it
        self._bank = bank
        self._habits = habits
        self._seed = seed
        self._talk = talk
        self._held_back: list[tuple[str, str]] = []  # (criterion, beat) for a follow-up, else for the next question
        self._unsaid = {criterion: len(phrasing.beats) for criterion, phrasing in phrasings.items()}

    def outcome(self, criterion: str, *, questions_asked: int) -> Unscored | None:
        """Why the criterion was not expressed; None where it was."""
        if questions_asked < min(self._bank.questions[criterion]):
            return "not_asked"
        if criterion not in self.phrasings:
            return "not_answered"
        return None if self._unsaid[criterion] == 0 else "cut_short"

    def to_question(self, number: int, *, follow_up_left: bool) -> Answer:
        """The answer to the section's question of that number, from 1."""
        random = Random(f"{self._seed}|q{number}")
        due = self._held_back + [beat for criterion in self.phrasings for beat in self._beats(criterion, number)]
        self._held_back = []
        if not due:
            return self._no_answer(random, number)
        if self._habits.style.terse and follow_up_left:
            due, self._held_back = _terse(due)
        return self._spoken(due, random, plain=bool(self._held_back))

    def to_follow_up(self, number: int) -> Answer:
        """The answer to the section's follow-up of that number, from 1: what was held back, or "no more"."""
        random = Random(f"{self._seed}|f{number}")
        due, self._held_back = self._held_back, []
        if not due:
            return self._no_more(random)
        return self._spoken(due, random, plain=True)

    def _beats(self, criterion: str, number: int) -> list[tuple[str, str]]:
        """The criterion's beats that belong to this question: spread over its questions, the last takes the rest."""
        questions = self._bank.questions[criterion]
        if number not in questions:
            return []
        beats = self.phrasings[criterion].beats
        place = questions.index(number)
        share = beats[place:] if place == len(questions) - 1 else beats[place : place + 1]
        return [(criterion, beat) for beat in share]

    def _no_answer(self, random: Random, number: int) -> Answer:
        if all(number not in questions for questions in self._bank.questions.values()):
            return self._no_more(random)  # no criterion hangs on this question
        if random.random() < SILENT_SHARE:
            return Answer(text="")
        return Answer(text=random.choice(stock().declined), declined=True)

    def _no_more(self, random: Random) -> Answer:
        return Answer(text=" ".join(self._habits.line("nothing_more", 1.0, random)))

    def _spoken(self, due: list[tuple[str, str]], random: Random, *, plain: bool) -> Answer:
        """The beats as speech; a plain reply comes without a start, an end or a digression."""
        style = self._habits.style
        said: list[tuple[str | None, str]] = []
        for criterion, beats in groupby(due, key=lambda beat: beat[0]):
            texts = [beat for _, beat in beats]
            self._unsaid[criterion] -= len(texts)
            text = filled(" ".join(texts), self._bank.slots, seed=f"{self._seed}|{criterion}", talk=self._talk)
            said += self._aside("joins", JOIN_SHARE, random) if said else ()
            spoken = with_fillers(_closed(text), stock().fillers, share=style.filler_share, random=random)
            hearing = Random(f"{self._seed}|{criterion}|{len(said)}|hearing")  # its own, so that words stay the same
            said.append((criterion, misheard(spoken, stock().misheard, share=style.misheard_share, random=hearing)))
        if plain:
            return _joined(said)
        if aside := self._aside("digressions", style.digression_share, random):
            criterion, first = said[0]
            opening, *rest = _SENTENCES.split(first, maxsplit=1)
            said[:1] = [(criterion, opening), *aside, *((criterion, text) for text in rest)]
        starts = self._aside("starts", style.start_share, random)
        ends = self._aside("ends", style.end_share, random)
        if self._habits.instruction_share:
            at = random.randint(0, len(said))
            said[at:at] = self._aside("instructions", self._habits.instruction_share, random)
        return _joined([*starts, *said, *ends])

    def _aside(self, name: str, share: float, random: Random) -> list[tuple[None, str]]:
        return [(None, text) for text in self._habits.line(name, share, random)]


def _terse(due: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What is said at once, and what waits: all but the first beat of the last criterion, if a follow-up is sure."""
    last = next(index for index, (criterion, _) in enumerate(due) if criterion == due[-1][0])
    said, kept = due[: last + 1], due[last + 1 :]
    return (said, kept) if sum(len(beat.split()) for _, beat in said) < TERSE_WORDS_MAX else (due, [])


def _closed(text: str) -> str:
    """The text with a full stop, where it was held back in the middle of a sentence."""
    return text if text.endswith((".", "?", "!")) else text.rstrip(",;: ") + "."


# Words that may lose their capital behind a filler: names and "I" are not among them.
_OPENERS = re.compile(
    r"^(?:We|So|And|The|It|It's|That|That's|They|My|There|There's|When|But|Then|In|At|Our|After|First|If)\b"
)
_SENTENCES = re.compile(r"(?<=[.?!])\s+")
_INSIDE = re.compile(r", (?:and|but|so|because|since) ")


def with_fillers(text: str, fillers: tuple[str, ...], *, share: float, random: Random) -> str:
    """The text with a filler in about that share of its sentences, in front or behind a comma."""
    return " ".join(_filled_in(s, fillers, random) if random.random() < share else s for s in _SENTENCES.split(text))


_WORDS = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def misheard(text: str, confusions: Mapping[str, str], *, share: float, random: Random) -> str:
    """The text with that share of its easily confused words replaced as speech recognition would."""

    def heard(match: re.Match[str]) -> str:
        word = match[0]
        wrong = confusions.get(word.lower())
        if wrong is None or random.random() >= share:
            return word
        return wrong.capitalize() if word[0].isupper() else wrong

    return _WORDS.sub(heard, text) if share else text


def _filled_in(sentence: str, fillers: tuple[str, ...], random: Random) -> str:
    filler = random.choice(fillers)
    inside = _INSIDE.search(sentence)
    if inside and random.random() < 0.5:
        return f"{sentence[: inside.end()]}{filler} {sentence[inside.end() :]}"
    if _OPENERS.match(sentence):
        return f"{filler.capitalize()} {sentence[0].lower()}{sentence[1:]}"
    return sentence
