"""Training samples as numbers: a prompt that a panel shares, and what each interview adds to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evaluator.embedded.demo_judge import END, ID_TOKENS
from live_agent.training.samples import Sample
from live_agent.training.tokenizer import chat, chat_opening
from rubrics.model import CRITERIA_MAX, LEVELS

IGNORED = -100  # torch's label for "no loss here"
NOTHING = 0  # the kind of a line that expresses none of the criteria; kind n is the n-th criterion's
LATER = CRITERIA_MAX  # what is added where an earlier line expressed the same


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One of the candidate's lines: where it ends, and what a reader knows by then."""

    end: int  # index into the sample's ids
    own_id: int  # token of its utterance id
    kind: (
        int  # NOTHING, or the place of the criterion that it expresses, from 1; LATER more if it is not its first line
    )
    level: int  # from 0 to 4; IGNORED where it expresses none of them
    topic: int  # the same without looking at the rubric: one of all criteria and levels; IGNORED for digressions


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """An id or a level of the answer that rests on lines: where to look for it."""

    at: int  # index of the token before, from which it is foretold
    lines: tuple[int, ...]  # where the lines of its criterion end
    line: int | None  # where that very line ends; None for a level


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """What one interview adds to its panel's prompt, and the weight of the loss at each token; 0 for the prompt's."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    lines: tuple[Line, ...]
    choices: tuple[Choice, ...]

    @property
    def answer_begins(self) -> int:
        """Index of the answer's first token."""
        return next(place for place, weight in enumerate(self.weights) if weight)


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Samples with one system prompt in common."""

    prefix: tuple[int, ...]
    members: tuple[Encoded, ...]

    @property
    def tokens(self) -> int:
        """Of all prompts and answers, the shared part once."""
        return len(self.prefix) + sum(len(member.ids) for member in self.members)


class Encoder:
    """Turns samples into token ids by one tokenizer.

    choice_weight: of the loss at an utterance id or a level; criteria: the ids of all that there are.
    """

    def __init__(self, tokenizer: Any, choice_weight: float, criteria: Iterable[str]) -> None:
        self._tokenizer, self._choice_weight = tokenizer, choice_weight
        named = ((criterion, level) for criterion in sorted(set(criteria)) for level in LEVELS)
        self._topics = {one: number for number, one in enumerate(named)}
        vocabulary = tokenizer.get_vocab()
        self._before_level = vocabulary['":']  # else a digit is a criterion's number
        self._utterances = {vocabulary[f"U{n}"]: f"U{n}" for n in range(1, ID_TOKENS + 1)}
        self._line_opens = vocabulary['": "']
        self._line_ends = frozenset(token for text, token in vocabulary.items() if text.startswith(('"}\n{"', "\n</")))
        self.levels = frozenset(vocabulary[digit] for digit in "012345")
        self.utterance_tokens = tuple(sorted(self._utterances))
        self.pad = vocabulary[END]

    @property
    def topics(self) -> int:
        """How many there are."""
        return len(self._topics)

    def panel(self, samples: Sequence[Sample]) -> Panel:
        """Samples of one panel."""
        prefix = tuple(self._ids(chat_opening(samples[0].system)))
        return Panel(prefix=prefix, members=tuple(self._encoded(s, len(chat_opening(s.system))) for s in samples))

    def _encoded(self, sample: Sample, shared: int) -> Encoded:
        prompt = self._ids(chat(sample.system, sample.user)[shared:])
        answer = self._ids(sample.answer + END)
        weights = (
            self._choice_weight if self._is_choice(token, before) else 1.0
            for before, token in zip((None, *answer), answer, strict=False)
        )
        lines = tuple(self._lines(prompt, sample))
        return Encoded(
            ids=(*prompt, *answer),
            weights=(*(0.0 for _ in prompt), *weights),
            lines=lines,
            choices=tuple(self._choices(len(prompt), answer, lines)),
        )

    def _choices(self, begins: int, answer: Sequence[int], lines: Sequence[Line]) -> Iterator[Choice]:
        ends = {line.own_id: line.end for line in lines}
        place = 0
        for offset, (before, token) in enumerate(pairwise(answer), start=begins):
            if self._is_choice(token, before):
                own = tuple(line.end for line in lines if line.kind and (line.kind - 1) % LATER == place)
                if own:
                    yield Choice(at=offset, lines=own, line=ends.get(token))
                place += token in self.levels

    def _lines(self, prompt: Sequence[int], sample: Sample) -> Iterator[Line]:
        own, begun = None, set[int]()
        for place, token in enumerate(prompt):
            if token in self._line_ends:
                if own is not None:
                    name = self._utterances[own]
                    criterion, level = sample.expressed.get(name, (-1, IGNORED + 1))
                    yield Line(
                        end=place,
                        own_id=own,
                        kind=criterion + 1 + (LATER if criterion in begun else 0),
                        level=level - 1,
                        topic=self._topics[sample.topics[name]] if name in sample.topics else IGNORED,
                    )
                    begun |= {criterion} - {-1}
                own = None
            elif token == self._line_opens and prompt[place - 1] in self._utterances:
                own = prompt[place - 1]

    def _is_choice(self, token: int, before: int | None) -> bool:
        return token in self._utterances or (token in self.levels and before == self._before_level)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
