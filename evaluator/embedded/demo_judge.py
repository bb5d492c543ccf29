"""The demonstration judge: a small Llama, trained on simulated interviews only, that ships with the package.

It exists so that one machine without a GPU or a download runs the whole path through real vLLM, and shows levels that
make sense on simulated interviews. On real ones it means nothing. How it was made, and how good it is, stands in the
model card beside its weights.
"""

from pathlib import Path
from typing import Any

MODEL = "demo-judge"
REVISION = "1"  # another one whenever a file below changes: completions are kept under this name
SERVED_NAME = f"{MODEL}@{REVISION}"
FOLDER = Path(__file__).parent / "weights" / f"{MODEL}-{REVISION}"
TOKENIZER = FOLDER / "tokenizer.json"

CONTEXT_TOKENS = 16_384
ID_TOKENS = 160  # U1..U160 are one token each; later ones are spelled

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
