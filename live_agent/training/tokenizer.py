"""The demonstration judge's tokenizer: a byte-level BPE whose vocabulary is the prompts' own.

What every prompt has in common is one token each (the rules, the frame around the interview), so that a small model
spends its context and its time on the rubric and on what was said. Utterance ids and digits are one token each too:
an id can be looked at, and a level's probability can be read.
"""

from collections.abc import Iterable
from typing import Any

from evaluator.embedded.demo_judge import BEGIN, END, HEADER, HEADER_END, ID_TOKENS, SPECIAL_TOKENS
from evaluator.prompts import REMINDER, system_prompt, user_prompt
from rubrics.model import Section

VOCABULARY_TOKENS = 4_096  # at most
# Utterance ids, digits, words with the blank before them, runs of marks, white space.
PIECES = r"U[1-9][0-9]{0,2}|[0-9]| ?\p{L}+(?:'\p{L}+)?| ?[^\s\p{L}0-9]+|\s+"


def frames(section: Section) -> tuple[str, ...]:
    """What every prompt has in common, whatever the section: the rules, and what stands around the interview."""
    rules = system_prompt(section).partition("# Section: ")[0]
    opening, _, closing = user_prompt(()).partition("\n\n")
    assert closing.endswith(REMINDER)  # noqa: S101  the prompt's own shape
    return (f"{rules}# Section:", f"{opening}\n", f"\n{closing}", '"}\n{"', '": "', '"}\n{"interviewer": "')


def train_tokenizer(corpus: Iterable[str], section: Section) -> Any:
    """A tokenizer learned from prompts and answers."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # Known before it learns, so that no merge is spent on what stands in every prompt.
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(frame, special=False, normalized=False) for frame in frames(section)])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_TOKENS,
        min_frequency=3,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    ids = [f"U{n}" for n in range(1, ID_TOKENS + 1)]
    tokenizer.train_from_iterator((*corpus, *(ids * 1_000)), trainer)
    tokenizer.add_tokens([AddedToken(frame, special=False, normalized=False) for frame in frames(section)])
    return tokenizer


def chat(system: str, user: str) -> str:
    """The prompt as the chat template renders it, up to where the answer begins."""
    return f"{chat_opening(system)}{_message('user', user)}{HEADER}assistant{HEADER_END}\n\n"


def chat_opening(system: str) -> str:
    """The part of it that all interviews of a section have in common."""
    return f"{BEGIN}{_message('system', system)}"


def _message(role: str, text: str) -> str:
    return f"{HEADER}{role}{HEADER_END}\n\n{text.strip()}{END}"
