"""The demonstration judge's tokenizer: a byte-level BPE whose vocabulary is the prompts' own.

What every prompt has in common is one token each (the rules, the frame around the interview), so that a small model
spends its context and its time on the rubric and on what was said. Utterance ids and digits are one token each too:
an id can be looked at, and a level's probability can be read.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evaluator.prompts import REMINDER, system_prompt, user_prompt
from rubrics.model import Section

VOCABULARY_TOKENS = 4_096  # at most
ID_TOKENS = 160  # U1..U160 are one token each; later ones are spelled
# Utterance ids, digits, words with the blank before them, runs of marks, white space.
PIECES = r"U[1-9][0-9]{0,2}|[0-9]| ?\p{L}+(?:'\p{L}+)?| ?[^\s\p{L}0-9]+|\s+"
# Llama 3's names, so that what neutralises those in a transcript neutralises these too.
BEGIN, HEADER, HEADER_END, END = "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
SPECIAL_TOKENS = (BEGIN, HEADER, HEADER_END, END)
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    f"{HEADER}" + "{{ message['role'] }}" + f"{HEADER_END}\n\n" + "{{ message['content'] | trim }}" + f"{END}"
    "{% endfor %}"
    "{% if add_generation_prompt %}" + f"{HEADER}assistant{HEADER_END}\n\n" + "{% endif %}"
)


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
    messages = "".join(
        f"{HEADER}{role}{HEADER_END}\n\n{text.strip()}{END}" for role, text in (("system", system), ("user", user))
    )
    return f"{BEGIN}{messages}{HEADER}assistant{HEADER_END}\n\n"


def tokenizer_config(context_tokens: int) -> dict[str, Any]:
    """What stands in tokenizer_config.json."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "model_max_length": context_tokens,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def save(tokenizer: Any, folder: Path) -> None:
    """tokenizer.json."""
    tokenizer.save(str(folder / "tokenizer.json"))
