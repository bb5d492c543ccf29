"""Llama shapes with random weights, and the product's engine over them.

A shape is data. Small ones are written to a cache folder beside the build, with the demonstration judge's tokenizer;
large ones are only configured, and the engine fills them with dummy weights of its own.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluator.embedded import demo_judge
from evaluator.embedded.engine import Engine
from evaluator.embedded.process import Progress, Run
from evaluator.values import canonical
from tests.bench.reporting import ROOT, say

MODELS = ROOT / "build" / "bench-models"
SEED = 26
SPREAD = 0.02  # standard deviation of a random weight
MB = 1024 * 1024
BLOCK_TOKENS = 128  # of vLLM's cache on a CPU


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One Llama, and how the engine runs it."""

    name: str
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    feed_forward: int
    vocabulary: int = 4_096  # the demonstration judge's; a larger one has rows that nothing spells
    tied: bool = True  # the head is the embedding
    kv_cache_bytes: int = 512 * MB
    sequences_max: int = 16  # scored at once
    block_tokens: int = BLOCK_TOKENS
    dummy: bool = False  # the engine makes the weights up; nothing is written
    gpus: int = 0  # over which it is spread; 0: a CPU
    quantization: str = ""  # of the weights, while they are loaded

    @property
    def parameters(self) -> int:
        """Weights in the matrices and the embedding."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.key_value_heads)
        layer = attention + 3 * self.hidden * self.feed_forward
        return self.layers * layer + (1 if self.tied else 2) * self.vocabulary * self.hidden

    @property
    def served_name(self) -> str:
        """As the engine serves it."""
        return f"bench-{self.name}@1"


TINY = Shape(name="tiny", hidden=192, layers=5, heads=6, key_value_heads=6, head_dim=32, feed_forward=512)  # 3 million
MID = Shape(name="mid", hidden=512, layers=8, heads=8, key_value_heads=4, head_dim=64, feed_forward=1_408)  # 26 million
SHAPES = {shape.name: shape for shape in (TINY, MID)}


def config(shape: Shape) -> dict[str, Any]:
    """config.json."""
    made = demo_judge.llama_config(
        vocabulary=shape.vocabulary,
        hidden=shape.hidden,
        layers=shape.layers,
        heads=shape.heads,
        key_value_heads=shape.key_value_heads,
        head_dim=shape.head_dim,
        feed_forward=shape.feed_forward,
    )
    return {**made, "tie_word_embeddings": shape.tied}


def model_folder(shape: Shape, cache: Path = MODELS) -> Path:
    """The model's files, written on first use; another shape or recipe is another folder."""
    recipe = {"config": config(shape), "seed": SEED, "spread": SPREAD, "judge": demo_judge.SERVED_NAME}
    folder = cache / f"{shape.name}-{hashlib.sha256(canonical(recipe)).hexdigest()[:12]}"
    if not folder.is_dir():
        say(f"writing {shape.name}, {shape.parameters / 1e6:.1f} million weights, to {folder}")
        aside = folder.with_name(f".{folder.name}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(shape, aside)
        aside.replace(folder)
    return folder


def _write(shape: Shape, folder: Path) -> None:
    shutil.copy(demo_judge.TOKENIZER, folder / "tokenizer.json")
    for name, value in (("config.json", config(shape)), ("tokenizer_config.json", demo_judge.tokenizer_config())):
        (folder / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    if not shape.dummy:
        _write_weights(shape, folder / "model.safetensors")


def sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Each weight by its name in a Llama's file."""
    heads, pairs = shape.heads * shape.head_dim, shape.key_value_heads * shape.head_dim
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocabulary, shape.hidden)}
    for number in range(shape.layers):
        layer = f"model.layers.{number}."
        found |= {
            f"{layer}self_attn.q_proj.weight": (heads, shape.hidden),
            f"{layer}self_attn.k_proj.weight": (pairs, shape.hidden),
            f"{layer}self_attn.v_proj.weight": (pairs, shape.hidden),
            f"{layer}self_attn.o_proj.weight": (shape.hidden, heads),
            f"{layer}mlp.gate_proj.weight": (shape.feed_forward, shape.hidden),
            f"{layer}mlp.up_proj.weight": (shape.feed_forward, shape.hidden),
            f"{layer}mlp.down_proj.weight": (shape.hidden, shape.feed_forward),
            f"{layer}input_layernorm.weight": (shape.hidden,),
            f"{layer}post_attention_layernorm.weight": (shape.hidden,),
        }
    found["model.norm.weight"] = (shape.hidden,)
    return found if shape.tied else {**found, "lm_head.weight": (shape.vocabulary, shape.hidden)}


def _write_weights(shape: Shape, path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    chance = torch.Generator().manual_seed(SEED)
    weights = {
        name: torch.ones(size, dtype=torch.bfloat16)
        if len(size) == 1
        else (torch.randn(size, generator=chance) * SPREAD).to(torch.bfloat16)
        for name, size in sizes(shape).items()
    }
    save_file(weights, path, metadata={"format": "pt"})


# ---------------------------------------------------------------- the engine

_SERVER_ONLY = {"--host", "--port", "--uvicorn-log-level"}
_SERVER_FLAGS = {"--enable-prompt-tokens-details", "--no-enable-log-requests"}
# What the embedded engine sets for two cores, and a GPU does better without.
_CPU_OPTIONS = {"--kv-cache-memory-bytes"}
_CPU_FLAGS = {"--enforce-eager"}
_CPU_VARIABLES = {"TORCH_COMPILE_DISABLE", "VLLM_ENABLE_V1_MULTIPROCESSING", "OMP_NUM_THREADS"}


@dataclass(kw_only=True, slots=True)
class ShapeEngine(Engine):
    """The product's own engine launch, with another model folder."""

    shape: Shape
    folder: Path
    threads: int = 1  # of its arithmetic, on a CPU

    @property
    def tokenizer(self) -> Path:
        """The shape's tokenizer.json."""
        return self.folder / "tokenizer.json"

    def prepare(self, run: Run, progress: Progress) -> None:
        """Nothing: the folder was written before."""
        progress.stage("loading")

    def fields(self, port: int) -> dict[str, Any]:
        """Settings that name it."""
        return {
            "engine_url": self.url(port),
            "engine_api_key": self.api_key,
            "model": self.model,
            "tokenizer": self.tokenizer,
            "context_tokens": demo_judge.CONTEXT_TOKENS,
        }

    def engine_arguments(self) -> tuple[str, ...]:
        """What the engine is told without a server around it: the same for every arm of a comparison."""
        options, flags = options_of(self._arguments(0))
        kept = {name: value for name, value in options.items() if name not in _SERVER_ONLY}
        return (*flat(kept), *(flag for flag in flags if flag not in _SERVER_FLAGS))

    def _arguments(self, port: int) -> tuple[str, ...]:
        options, flags = options_of(Engine._arguments(self, port))
        if self.shape.gpus:
            options = {name: value for name, value in options.items() if name not in _CPU_OPTIONS}
            flags = tuple(flag for flag in flags if flag not in _CPU_FLAGS)
        return (*flat({**options, **shape_options(self.shape, self.folder)}), *flags)

    def environment(self, scratch: Path) -> dict[str, str]:
        """The engine's environment, for other programs around the same engine."""
        return self._environment(scratch)

    def _environment(self, scratch: Path) -> dict[str, str]:
        made = {**Engine._environment(self, scratch), "VLLM_SERVER_DEV_MODE": "1"}  # for /reset_prefix_cache
        if self.shape.gpus:
            return {name: value for name, value in made.items() if name not in _CPU_VARIABLES}
        return {**made, "OMP_NUM_THREADS": str(self.threads)}


def shape_options(shape: Shape, folder: Path) -> dict[str, str]:
    """The options in which a shape differs from the embedded judge."""
    options = {
        "--model": str(folder),
        "--served-model-name": shape.served_name,
        "--max-num-seqs": str(shape.sequences_max),
    }
    if not shape.gpus:
        options["--kv-cache-memory-bytes"] = str(shape.kv_cache_bytes)
    if shape.dummy:
        options["--load-format"] = "dummy"
    if shape.gpus:
        options |= {"--block-size": str(shape.block_tokens), "--dtype": "bfloat16"}
    if shape.gpus > 1:
        options["--tensor-parallel-size"] = str(shape.gpus)
    if shape.quantization:
        options["--quantization"] = shape.quantization
    return options


def shape_engine(shape: Shape, home: Path, *, threads: int = 1, cache: Path = MODELS) -> ShapeEngine:
    """An engine that serves the shape, not started."""
    return ShapeEngine(
        home=home,
        api_key="bench",
        model=shape.served_name,
        title=f"engine ({shape.name})",
        shape=shape,
        folder=model_folder(shape, cache),
        threads=threads,
    )


def options_of(arguments: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...]]:
    """A command line's options with values, and its flags."""
    options: dict[str, str] = {}
    flags: list[str] = []
    for part in arguments:
        if part.startswith("--"):
            flags.append(part)
        else:
            options[flags.pop()] = part
    return options, tuple(flags)


def flat(options: Mapping[str, str]) -> tuple[str, ...]:
    """Back to a command line."""
    return tuple(part for option in options.items() for part in option)
