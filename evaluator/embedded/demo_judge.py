"""Build the untrained demonstration judge: a small Llama with random weights, its own tokenizer and chat template.

It exists so that one machine without a GPU or a download runs the whole path through real vLLM. Its levels are noise.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluator.errors import EmbeddedFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = "demo-judge-untrained"
REVISION = "3"  # another one whenever a constant below or the corpus changes: completions are kept under this name
SERVED_NAME = f"{MODEL}@{REVISION}"

SEED = 1
CONTEXT_TOKENS = 16_384
VOCABULARY_TOKENS = 6_144  # at most; a short corpus yields fewer
HIDDEN = 128
LAYERS = 4
HEADS = 4
KEY_VALUE_HEADS = 2
HEAD_DIM = 32  # vLLM's CPU attention knows 32, 64, 80, 96, ...
FEED_FORWARD = 384
# Wider than a trained model's 0.02: the logits then differ enough for the levels to vary from interview to interview.
EMBEDDING_STD = 0.12
WEIGHT_STD = 0.12
OUTPUT_STD = 0.04  # what attention and feed-forward add: small beside the carried ids
# Utterance ids, single digits, words with the blank before them, runs of marks, white space.
PIECES = r"U[1-9][0-9]{0,2}|[0-9]| ?\p{L}+| ?[^\s\p{L}0-9]+|\s+"
ID_TOKENS = 160  # U1..U160 are one token each; later ones are spelled
UTTERANCE_ID, EVERY_TOKEN = HIDDEN - 2, HIDDEN - 1  # dimensions: 1 for the ids; 1 for every token
ID_MARK = 4.0  # on that dimension
ID_GAIN = 8.0  # how strongly the ids looked at are carried over
LOOK_AT_IDS = 3.5  # how much more the heads of the first layer look at ids than at anything else
LOOK_STD = 3.0  # times WEIGHT_STD: by how much the heads prefer some ids to others

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tokens:
    """What the weights have to know of the vocabulary."""

    count: int
    utterance_ids: tuple[int, ...]
    unlikely: tuple[int, ...]  # they end a list of evidence, or make another id of one


def model_path(home: Path) -> Path:
    """Where the judge lies under the data folder."""
    return home / "models" / f"{MODEL}-{REVISION}"


def ensure_demo_judge(home: Path, corpus: Callable[[], Iterable[str]]) -> Path:
    """The judge's folder; built on first use (about 2 s) and the same bytes for the same corpus.

    `corpus` gives text like the judge's prompts and answers; the tokenizer's merges are learned from it.
    Safe when two processes build at once: each builds aside, the first rename wins.
    """
    target = model_path(home)
    if (target / "config.json").is_file():
        return target
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        build(aside, corpus())
        aside.rename(target)
    except OSError:
        if not (target / "config.json").is_file():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def build(folder: Path, corpus: Iterable[str]) -> None:
    """Write tokenizer.json, tokenizer_config.json, model.safetensors and config.json into the folder."""
    try:
        import numpy  # noqa: F401
        import safetensors  # noqa: F401
        import tokenizers  # noqa: F401
    except ImportError as error:
        raise EmbeddedFailed(
            f"the demonstration judge cannot be built: {error.name} is not installed. "
            "Install it with: pip install 'debrief[embedded,cpu]'"
        ) from error
    tokens = _write_tokenizer(folder, corpus)
    _write_weights(folder / "model.safetensors", _weights(tokens))
    _write_json(folder / "config.json", _config(tokens.count))


def _write_tokenizer(folder: Path, corpus: Iterable[str]) -> _Tokens:
    """Train a byte-level BPE with single digits."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    # A level is one token, so that its logprobs can be read; an utterance id is one token, so that it can be looked at.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_TOKENS,
        min_frequency=2,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    ids = [f"U{n}" for n in range(1, ID_TOKENS + 1)]
    tokenizer.train_from_iterator((*corpus, *(ids * 10)), trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", tokenizer_config())
    vocabulary = tokenizer.get_vocab()
    return _Tokens(
        count=len(vocabulary),
        utterance_ids=tuple(vocabulary[token] for token in ids),
        unlikely=tuple(sorted(number for token, number in vocabulary.items() if token[0] in "]0123456789")),
    )


def _weights(tokens: "_Tokens") -> "dict[str, NDArray[np.float32]]":
    """Every tensor of the model, from one seeded stream in a fixed order."""
    import numpy as np

    # RandomState's stream is frozen by numpy's policy; default_rng's may change between versions.
    stream = np.random.RandomState(SEED)

    def normal(rows: int, columns: int, std: float) -> "NDArray[np.float32]":
        return (stream.standard_normal((rows, columns)) * std).astype(np.float32)

    def ones() -> "NDArray[np.float32]":
        return np.ones(HIDDEN, dtype=np.float32)

    embedding = normal(tokens.count, HIDDEN, EMBEDDING_STD)
    embedding[:, EVERY_TOKEN] = 1.0
    embedding[:, UTTERANCE_ID] = 0.0
    embedding[list(tokens.utterance_ids), UTTERANCE_ID] = ID_MARK
    embedding[list(tokens.unlikely), UTTERANCE_ID] = -ID_MARK / 4
    weights = {"model.embed_tokens.weight": embedding, "model.norm.weight": ones()}
    query, key = HEADS * HEAD_DIM, KEY_VALUE_HEADS * HEAD_DIM
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        weights |= {
            f"{name}.input_layernorm.weight": ones(),
            f"{name}.self_attn.q_proj.weight": normal(query, HIDDEN, WEIGHT_STD),
            f"{name}.self_attn.k_proj.weight": normal(key, HIDDEN, WEIGHT_STD),
            f"{name}.self_attn.v_proj.weight": normal(key, HIDDEN, WEIGHT_STD),
            f"{name}.self_attn.o_proj.weight": normal(HIDDEN, query, OUTPUT_STD),
            f"{name}.post_attention_layernorm.weight": ones(),
            f"{name}.mlp.gate_proj.weight": normal(FEED_FORWARD, HIDDEN, WEIGHT_STD),
            f"{name}.mlp.up_proj.weight": normal(FEED_FORWARD, HIDDEN, WEIGHT_STD),
            f"{name}.mlp.down_proj.weight": normal(HIDDEN, FEED_FORWARD, OUTPUT_STD),
        }
    _look_at_ids(weights)
    return weights


def _look_at_ids(weights: "dict[str, NDArray[np.float32]]") -> None:
    """Wires the first layer by hand: its heads look at utterance ids and carry over which they were.

    A purely random model cites ids that are not in the interview, so that nearly every level is refused and a
    demonstration shows nothing. Which ids it cites, and all levels, remain chance.
    """
    name = "model.layers.0.self_attn"
    q, k = weights[f"{name}.q_proj.weight"], weights[f"{name}.k_proj.weight"]
    v, o = weights[f"{name}.v_proj.weight"], weights[f"{name}.o_proj.weight"]
    slowest = HEAD_DIM // 2 - 1  # of the rotary pairs: nearly the same at any distance within an interview
    for head in range(HEADS):
        q[head * HEAD_DIM + slowest, EVERY_TOKEN] = LOOK_AT_IDS
    k *= LOOK_STD
    for head in range(KEY_VALUE_HEADS):
        k[head * HEAD_DIM + slowest, UTTERANCE_ID] = 1.0
    carried = KEY_VALUE_HEADS * HEAD_DIM  # the first dimensions of an embedding, as many as the values have
    v[:] = 0.0
    o[:] = 0.0
    for n in range(carried - 1):
        v[n, n] = 1.0
    v[carried - 1, EVERY_TOKEN] = 1.0  # and a constant, which makes ids likelier than other text where both may stand
    group = HEADS // KEY_VALUE_HEADS  # query heads that share a key and value head
    for head in range(HEADS):
        for n in range(HEAD_DIM):
            o[(head // group) * HEAD_DIM + n, head * HEAD_DIM + n] = ID_GAIN / group
    o[carried - 1, :] = 0.0
    o[UTTERANCE_ID, (HEADS - 1) * HEAD_DIM + HEAD_DIM - 1] = ID_GAIN / 4


def _write_weights(path: Path, weights: "dict[str, NDArray[np.float32]]") -> None:
    from safetensors.numpy import save_file

    save_file(weights, str(path), metadata={"format": "pt"})


def _config(vocabulary: int) -> dict[str, Any]:
    return llama_config(
        vocabulary=vocabulary,
        hidden=HIDDEN,
        layers=LAYERS,
        heads=HEADS,
        key_value_heads=KEY_VALUE_HEADS,
        head_dim=HEAD_DIM,
        feed_forward=FEED_FORWARD,
    )


def llama_config(
    *, vocabulary: int, hidden: int, layers: int, heads: int, key_value_heads: int, head_dim: int, feed_forward: int
) -> dict[str, Any]:
    """config.json of a demonstration judge of this size."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": feed_forward,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "head_dim": head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "bos_token_id": SPECIAL_TOKENS.index(BEGIN),
        "eos_token_id": SPECIAL_TOKENS.index(END),
    }


def tokenizer_config() -> dict[str, Any]:
    """tokenizer_config.json of any demonstration judge."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "model_max_length": CONTEXT_TOKENS,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
