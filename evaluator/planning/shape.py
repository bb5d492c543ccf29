"""A model's shape, from its config.json or from those known here, and how many parameters follow from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluator.errors import UsageFault

CONFIG_BYTES_MAX = 1024 * 1024
LAYERS_MAX, WIDTH_MAX, VOCABULARY_MAX, EXPERTS_MAX = 1_000, 1_000_000, 10_000_000, 10_000

# Those whose layers are the ones counted below: another type may hold parameters that nothing here knows of.
ModelType = Literal["llama", "mistral", "mixtral", "qwen2", "qwen3"]
MODEL_TYPES: tuple[ModelType, ...] = ("llama", "mistral", "mixtral", "qwen2", "qwen3")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelShape:
    """A decoder with grouped-query attention and gated feed-forward layers, dense or with experts."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    tied_embeddings: bool = False  # the output layer is the embedding, held once
    experts: int = 1
    attention_bias: bool = False  # of q, k and v
    head_norms: bool = False  # of q and k

    @property
    def linear(self) -> int:
        """Parameters of the layers' matrices: those that a quantization makes smaller."""
        attention = 2 * self.hidden * self.heads * self.head_dim + 2 * self.hidden * self.kv_heads * self.head_dim
        return self.layers * (attention + self.experts * 3 * self.hidden * self.intermediate)

    @property
    def others(self) -> int:
        """Parameters that stay as they are: embeddings, output, norms, biases, the experts' router."""
        embeddings = self.vocabulary * self.hidden * (1 if self.tied_embeddings else 2)
        bias = (self.heads + 2 * self.kv_heads) * self.head_dim if self.attention_bias else 0
        norms = 2 * self.hidden + (2 * self.head_dim if self.head_norms else 0)
        router = self.hidden * self.experts if self.experts > 1 else 0
        return embeddings + self.layers * (norms + bias + router) + self.hidden

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.linear + self.others


def _llama(name: str, layers: int, hidden: int, heads: int, head_dim: int, feed: int, *, tied: bool) -> ModelShape:
    return ModelShape(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=8,
        head_dim=head_dim,
        intermediate=feed,
        vocabulary=128_256,
        tied_embeddings=tied,
    )


LLAMA_3_1_8B = _llama("Llama-3.1-8B", 32, 4_096, 32, 128, 14_336, tied=False)
LLAMA_3_1_70B = _llama("Llama-3.1-70B", 80, 8_192, 64, 128, 28_672, tied=False)
LLAMA_3_3_70B = _llama("Llama-3.3-70B", 80, 8_192, 64, 128, 28_672, tied=False)
LLAMA_3_2_1B = _llama("Llama-3.2-1B", 16, 2_048, 32, 64, 8_192, tied=True)
LLAMA_3_2_3B = _llama("Llama-3.2-3B", 28, 3_072, 24, 128, 8_192, tied=True)
SHAPES: Mapping[str, ModelShape] = {
    shape.name: shape for shape in (LLAMA_3_1_8B, LLAMA_3_1_70B, LLAMA_3_3_70B, LLAMA_3_2_1B, LLAMA_3_2_3B)
}


class _Config(BaseModel):
    """What of a Hugging Face config.json the sum needs."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    model_type: str = Field(max_length=100)
    num_hidden_layers: int = Field(ge=1, le=LAYERS_MAX)
    hidden_size: int = Field(ge=1, le=WIDTH_MAX)
    num_attention_heads: int = Field(ge=1, le=WIDTH_MAX)
    num_key_value_heads: int | None = Field(default=None, ge=1, le=WIDTH_MAX)
    head_dim: int | None = Field(default=None, ge=1, le=WIDTH_MAX)
    intermediate_size: int = Field(ge=1, le=WIDTH_MAX)
    vocab_size: int = Field(ge=1, le=VOCABULARY_MAX)
    tie_word_embeddings: bool = False
    attention_bias: bool = False
    num_local_experts: int = Field(default=1, ge=1, le=EXPERTS_MAX)
    quantization_config: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A config.json: the shape, and the method by which its weights are quantized already."""

    shape: ModelShape
    quantization: str | None


def read_config(content: bytes, name: str) -> ModelConfig:
    """The config.json as a shape called `name`; UsageFault names every field that is wrong."""
    if len(content) > CONFIG_BYTES_MAX:
        raise UsageFault(f"{name}: more than {CONFIG_BYTES_MAX:,} bytes; is this a model's config.json?")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise UsageFault(f"{name}: not JSON; name a model's config.json") from None
    kind = document.get("model_type") if isinstance(document, dict) else None
    if kind not in MODEL_TYPES:
        shown = repr(kind)[:60]
        raise UsageFault(f"{name}: model_type {shown} is not one that can be counted: {', '.join(MODEL_TYPES)}")
    try:
        config = _Config.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        listed = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)
        raise UsageFault(f"{name}: {listed}") from None
    method = (config.quantization_config or {}).get("quant_method")
    return ModelConfig(shape=_shape(config, name), quantization=str(method)[:40].lower() if method else None)


def _shape(config: _Config, name: str) -> ModelShape:
    heads = config.num_attention_heads
    if config.head_dim is None and config.hidden_size % heads:
        raise UsageFault(f"{name}: hidden_size is no multiple of num_attention_heads, and head_dim is missing")
    return ModelShape(
        name=name,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=heads,
        kv_heads=config.num_key_value_heads or heads,
        head_dim=config.head_dim or (128 if config.model_type == "qwen3" else config.hidden_size // heads),
        intermediate=config.intermediate_size,
        vocabulary=config.vocab_size,
        tied_embeddings=config.tie_word_embeddings,
        experts=config.num_local_experts,
        attention_bias=config.attention_bias or config.model_type == "qwen2",
        head_norms=config.model_type == "qwen3",
    )


def known_shape(name: str) -> ModelShape | None:
    """The shape behind a model's usual names (meta-llama/Llama-3.1-8B-Instruct@rev, ...-AWQ); None for another."""
    bare = name.rpartition("/")[2].partition("@")[0].lower().replace("meta-llama-", "llama-")
    found = [shape for known, shape in SHAPES.items() if bare == known.lower() or bare.startswith(f"{known.lower()}-")]
    return found[0] if found else None


def require_shape(name: str) -> ModelShape:
    """The same; UsageFault with what comes close."""
    shape = known_shape(name)
    if shape is None:
        close = get_close_matches(name, SHAPES, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(SHAPES)}"
        raise UsageFault(f"no model of the name {name!r} is known here; {hint} Or give the path of its config.json")
    return shape
