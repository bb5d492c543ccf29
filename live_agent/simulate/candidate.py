"""A simulated candidate: answers that express a known level of each criterion, in somebody's way of talking."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from evaluator.errors import UsageFault
from live_agent.plan import THIN_ANSWER_WORDS
from live_agent.simulate.bank import Phrasing, SectionBank, filled, section_bank, stock
from rubrics.model import LEVELS, Rubric, Section

Ability = int | None  # a level from 1 to 5; None: never says anything on this criterion
SILENT_SHARE = 0.4  # of the questions without an answer: nothing is said at all; the others are declined in words


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How somebody talks; drawn apart from ability, so that no level can be told by it."""

    words_per_minute: float
    filler_share: float  # of sentences that get a filler
    digression_share: float  # of answers that wander off
    terse: bool  # says the first part only and waits to be asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One reply; no text is silence."""

    text: str
    declined: bool = False


def style_of(seed: str) -> Style:
    """The way of talking that belongs to a seed."""
    random = Random(f"{seed}|style")
    return Style(
        words_per_minute=random.uniform(125, 175),
        filler_share=random.choice((0.02, 0.08, 0.15, 0.25)),
        digression_share=random.choice((0.0, 0.1, 0.2)),
        terse=random.random() < 0.3,
    )


class SimulatedCandidate:
    """Says what `abilities` stand for; the same seed says the same words."""

    def __init__(
        self,
        rubric: Rubric,
        abilities: Mapping[str, Ability],
        *,
        seed: str,
        allowed: Callable[[str], bool] | None = None,
    ) -> None:
        """`allowed` keeps only phrasings whose id it accepts; UsageFault for criteria or levels there are none of."""
        ids = {criterion.id for criterion in rubric.criteria}
        if unknown := sorted(set(abilities) - ids):
            raise UsageFault(f"rubric {rubric.ref} has no criterion {', '.join(unknown)}")
        if wrong := sorted(c for c, level in abilities.items() if level is not None and level not in LEVELS):
            raise UsageFault(f"ability of {', '.join(wrong)}: give a level from 1 to 5, or none")
        self._rubric = rubric
        self._abilities = abilities
        self._seed = seed
        self._allowed = allowed or (lambda _: True)
        self.style = style_of(seed)

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
        return SectionTalk(
            bank=bank,
            phrasings=_chosen(bank, levels, self._allowed, seed=f"{self._seed}|{section.id}"),
            style=self.style,
            seed=f"{self._seed}|{section.id}",
            talk=self._seed,
            last_question=len(section.questions),
        )


def _chosen(
    bank: SectionBank, levels: Mapping[str, int], allowed: Callable[[str], bool], *, seed: str
) -> dict[str, Phrasing]:
    """One phrasing for each criterion, all of one story where the allowed ones have such a story."""
    options = {c: tuple(p for p in bank.of(c, level) if allowed(p.id)) for c, level in levels.items()}
    if missing := [f"{c} at level {levels[c]}" for c, found in options.items() if not found]:
        raise UsageFault(f"no phrasing is allowed for {', '.join(missing)}; widen the filter")
    random = Random(f"{seed}|story")
    stories = [frozenset(p.story for p in found) for found in options.values()]
    common = sorted(frozenset.intersection(*stories)) if stories else []
    story = random.choice(common) if common else None
    return {c: next((p for p in found if p.story == story), random.choice(found)) for c, found in options.items()}


class SectionTalk:
    """The candidate within one section: what is said already, and what is still on their mind."""

    def __init__(
        self,
        *,
        bank: SectionBank,
        phrasings: Mapping[str, Phrasing],
        style: Style,
        seed: str,
        talk: str,
        last_question: int,
    ) -> None:
        self.phrasings = phrasings  # criterion -> the one phrasing that expresses it
        self._bank = bank
        self._style = style
        self._seed = seed
        self._talk = talk
        self._last_question = last_question
        self._held_back: list[tuple[str, str]] = []  # (criterion, beat) for a follow-up, else for the next question
        self._unsaid = {criterion: len(phrasing.beats) for criterion, phrasing in phrasings.items()}

    @property
    def expressed(self) -> frozenset[str]:
        """Criteria of which everything was said."""
        return frozenset(criterion for criterion, beats in self._unsaid.items() if beats == 0)

    def to_question(self, number: int, *, follow_up_left: bool) -> Answer:
        """The answer to the section's question of that number, from 1."""
        random = Random(f"{self._seed}|q{number}")
        due = self._held_back + [beat for criterion in self.phrasings for beat in self._beats(criterion, number)]
        self._held_back = []
        if not due:
            return self._no_answer(random, number)
        if self._style.terse and follow_up_left and len(due) > 1 and _words(due[0][1]) < THIN_ANSWER_WORDS - 5:
            self._held_back = due[1:]
            return Answer(text=self._spoken(due[:1], random, plain=True))
        return Answer(text=self._spoken(due, random, plain=False))

    def to_follow_up(self, number: int) -> Answer:
        """The answer to the follow-up of that number: what was held back, or that there is no more."""
        random = Random(f"{self._seed}|f{number}")
        due, self._held_back = self._held_back, []
        if not due:
            return Answer(text=random.choice(stock().nothing_more))
        return Answer(text=self._spoken(due, random, plain=True))

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
        asked = any(number in questions for questions in self._bank.questions.values())
        if not asked:  # a question of the section that no criterion hangs on: short and beside the point
            return Answer(text=random.choice(stock().nothing_more))
        if random.random() < SILENT_SHARE:
            return Answer(text="")
        return Answer(text=random.choice(stock().declined), declined=True)

    def _spoken(self, due: list[tuple[str, str]], random: Random, *, plain: bool) -> str:
        lines = stock()
        parts = ["" if plain else random.choice(lines.starts)]
        for index, (criterion, beat) in enumerate(due):
            if index and criterion != due[index - 1][0]:
                parts.append(random.choice(lines.joins))
            text = filled(beat, self._bank.slots, seed=f"{self._seed}|{criterion}", talk=self._talk)
            parts.append(with_fillers(text, lines.fillers, share=self._style.filler_share, random=random))
            self._unsaid[criterion] -= 1
        if not plain and random.random() < self._style.digression_share:
            parts.insert(random.choice((1, len(parts))), random.choice(lines.digressions))
        parts.append("" if plain else random.choice(lines.ends))
        return " ".join(part for part in parts if part)


# Words that may lose their capital behind a filler: names and "I" are not among them.
_OPENERS = re.compile(
    r"^(?:We|So|And|The|It|It's|That|That's|They|My|There|There's|When|But|Then|In|At|Our|After|First|If)\b"
)
_SENTENCES = re.compile(r"(?<=[.?!])\s+")
_INSIDE = re.compile(r", (?:and|but|so|because|since) ")


def with_fillers(text: str, fillers: tuple[str, ...], *, share: float, random: Random) -> str:
    """The text with a filler in about that share of its sentences, in front or behind a comma."""
    return " ".join(_filled_in(s, fillers, random) if random.random() < share else s for s in _SENTENCES.split(text))


def _filled_in(sentence: str, fillers: tuple[str, ...], random: Random) -> str:
    filler = random.choice(fillers)
    inside = _INSIDE.search(sentence)
    if inside and random.random() < 0.5:
        return f"{sentence[: inside.end()]}{filler} {sentence[inside.end() :]}"
    if _OPENERS.match(sentence):
        return f"{filler.capitalize()} {sentence[0].lower()}{sentence[1:]}"
    return sentence


def _words(text: str) -> int:
    return len(text.split())
