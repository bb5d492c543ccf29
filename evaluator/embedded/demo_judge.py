"""Build the untrained demonstration judge: a small Llama with random weights, its own tokenizer and chat template.

It exists so that one machine without a GPU or a download runs the whole path through real vLLM. Its levels are noise.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluator.errors import EmbeddedFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = "demo-judge-untrained"
REVISION = "1"  # another one whenever a constant below changes: completions are kept under this name
SERVED_NAME = f"{MODEL}@{REVISION}"

SEED = 20_26
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
        import tokenizers  # noqa: F401
    except ImportError as error:
        raise EmbeddedFailed(
            f"the demonstration judge cannot be built: {error.name} is not installed. "
            "Install it with: pip install 'debrief[embedded,cpu]'"
        ) from error
    vocabulary = _write_tokenizer(folder, corpus)
    _write_safetensors(folder / "model.safetensors", _weights(vocabulary))
    _write_json(folder / "config.json", _config(vocabulary))


def _write_tokenizer(folder: Path, corpus: Iterable[str]) -> int:
    """Train a byte-level BPE with single digits; returns the vocabulary's size."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    # Single digits: a level and each digit of an utterance id is one token, so the level's logprobs can be read.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_TOKENS,
        min_frequency=2,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config())
    return int(tokenizer.get_vocab_size())


def _weights(vocabulary: int) -> "dict[str, NDArray[np.float32]]":
    """Every tensor of the model, from one seeded stream in a fixed order."""
    import numpy as np

    # RandomState's stream is frozen by numpy's policy; default_rng's may change between versions.
    stream = np.random.RandomState(SEED)

    def normal(rows: int, columns: int, std: float) -> "NDArray[np.float32]":
        return (stream.standard_normal((rows, columns)) * std).astype(np.float32)

    def ones() -> "NDArray[np.float32]":
        return np.ones(HIDDEN, dtype=np.float32)

    weights = {"model.embed_tokens.weight": normal(vocabulary, HIDDEN, EMBEDDING_STD), "model.norm.weight": ones()}
    query, key = HEADS * HEAD_DIM, KEY_VALUE_HEADS * HEAD_DIM
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        weights |= {
            f"{name}.input_layernorm.weight": ones(),
            f"{name}.self_attn.q_proj.weight": normal(query, HIDDEN, WEIGHT_STD),
            f"{name}.self_attn.k_proj.weight": normal(key, HIDDEN, WEIGHT_STD),
            f"{name}.self_attn.v_proj.weight": normal(key, HIDDEN, WEIGHT_STD),
            f"{name}.self_attn.o_proj.weight": normal(HIDDEN, query, WEIGHT_STD),
            f"{name}.post_attention_layernorm.weight": ones(),
            f"{name}.mlp.gate_proj.weight": normal(FEED_FORWARD, HIDDEN, WEIGHT_STD),
            f"{name}.mlp.up_proj.weight": normal(FEED_FORWARD, HIDDEN, WEIGHT_STD),
            f"{name}.mlp.down_proj.weight": normal(HIDDEN, FEED_FORWARD, WEIGHT_STD),
        }
    return weights


def _write_safetensors(path: Path, weights: "dict[str, NDArray[np.float32]]") -> None:
    """The safetensors format: length of a JSON header, the header, the tensors one after another, as bfloat16."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    chunks = [_bfloat16(tensor) for tensor in weights.values()]
    end = 0
    for (name, tensor), chunk in zip(weights.items(), chunks, strict=True):
        begin, end = end, end + len(chunk)
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(chunks))


def _bfloat16(tensor: "NDArray[np.float32]") -> bytes:
    """The upper half of each float32, as numpy has no type for it; a cut is as good as rounding for noise."""
    import numpy as np

    return np.ascontiguousarray(tensor).view("<u2").reshape(-1, 2)[:, 1].tobytes()


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "head_dim": HEAD_DIM,
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


def _tokenizer_config() -> dict[str, Any]:
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
