"""Whether a model fits into GPU memory: weights, KV cache, activations and the engine itself, as one sum with lines."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from evaluator.planning.gpus import GB, INSTANCES, Accelerators
from evaluator.planning.shape import ModelShape

__all__ = ["Choice", "Fit", "Line", "Precision", "Serving", "fit", "nearest", "weight_bytes"]

CONTEXT_MIN, CONTEXT_MAX = 256, 1_048_576  # tokens
SEQUENCES_MAX = 4_096
# A section's call: a 25-minute interview is about 8,000 tokens read and 400 written in 5 calls, 1,680 each.
SEQUENCE_TOKENS = 2_048
BATCHED_TOKENS = 8_192  # of one step: vLLM's default on GPUs of data centres
UTILIZATION = Decimal("0.90")  # vLLM's default share of the memory that it may take
RUNTIME_BYTES = 1 * GB  # of each GPU: CUDA's context, kernels, CUDA graphs; assumed
GROUP = 128  # weights that share a scale (2 bytes) and a zero point (4 bits) at 4 bits, as AWQ and GPTQ keep them
SHARP = 2  # bytes of a value that is not quantized
LOGIT_COPIES, LOGIT_BYTES = 3, 4


class Precision(Enum):
    """How the weights are held; embeddings, output and norms stay at 16 bits in each."""

    BF16 = "bf16"
    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"

    def matrices(self, parameters: int) -> int:
        """Bytes of so many quantized weights."""
        if self is Precision.INT4:
            per_group = GROUP * 4 + 16 + 4  # bits
            return -(-parameters * per_group // (GROUP * 8))
        return parameters * (SHARP if self is Precision.BF16 else 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """How the model is to be served."""

    precision: Precision = Precision.BF16
    context: int = 16_384  # tokens of the longest sequence
    sequences: int = 1  # that have to be held at once: one of the full context, the others of sequence_tokens
    sequence_tokens: int = SEQUENCE_TOKENS
    kv_value_bytes: int = SHARP  # 1 with an fp8 KV cache
    batched_tokens: int = BATCHED_TOKENS
    utilization: Decimal = UTILIZATION
    runtime_bytes: int = RUNTIME_BYTES

    @property
    def kv_tokens(self) -> int:
        """Tokens that the KV cache has to hold."""
        return self.context + (self.sequences - 1) * min(self.sequence_tokens, self.context)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One part of the sum; bytes on each GPU."""

    title: str
    bytes: int
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """The sum on each GPU; `fault` where the model cannot be split over so many."""

    shape: ModelShape
    serving: Serving
    gpus: Accelerators
    lines: tuple[Line, ...]
    available: int  # bytes of each GPU
    kv_token_bytes: int  # on each GPU
    fault: str | None = None

    @property
    def needed(self) -> int:
        """Bytes on each GPU."""
        return sum(line.bytes for line in self.lines)

    @property
    def spare(self) -> int:
        """Bytes left over on each GPU; negative where it does not fit."""
        return self.available - self.needed

    @property
    def fits(self) -> bool:
        """Whether the engine starts and holds what was asked for."""
        return self.fault is None and self.spare >= 0

    @property
    def sequences(self) -> int:
        """How many sequences are held at once, one of them of the full context; 0 where not even that one is."""
        if self.fault is not None:
            return 0
        pool = self.available - sum(line.bytes for line in self.lines if line.title != KV_CACHE)
        tokens = pool // self.kv_token_bytes
        if tokens < self.serving.context:
            return 0
        each = min(self.serving.sequence_tokens, self.serving.context)
        return min(SEQUENCES_MAX, 1 + (tokens - self.serving.context) // each)


KV_CACHE = "KV cache"


def weight_bytes(shape: ModelShape, precision: Precision) -> int:
    """Bytes of all weights."""
    return precision.matrices(shape.linear) + shape.others * SHARP


def fit(shape: ModelShape, serving: Serving, gpus: Accelerators) -> Fit:
    """The whole sum. Weights and KV heads are split over the GPUs; activations and the engine are on each."""
    split = gpus.count
    fault = None
    if shape.heads % split:
        fault = f"{shape.heads} attention heads cannot be split over {split} GPUs"
    # With more GPUs than KV heads each GPU holds a whole one.
    kv_token = 2 * shape.layers * max(1, -(-shape.kv_heads // split)) * shape.head_dim * serving.kv_value_bytes
    return Fit(
        shape=shape,
        serving=serving,
        gpus=gpus,
        lines=(
            _weights(shape, serving.precision, split),
            Line(title=KV_CACHE, bytes=serving.kv_tokens * kv_token, how=_kv_how(serving, kv_token)),
            _activations(shape, serving),
            Line(title="Engine, CUDA", bytes=serving.runtime_bytes, how="assumed; --overhead-gb"),
        ),
        available=int(gpus.memory * serving.utilization),
        kv_token_bytes=kv_token,
        fault=fault,
    )


def _weights(shape: ModelShape, precision: Precision, split: int) -> Line:
    whole = weight_bytes(shape, precision)
    each = {Precision.BF16: "2", Precision.INT4: "0.5195"}.get(precision, "1")
    how = f"{_billions(shape.linear)} x {each} B + {_billions(shape.others)} x {SHARP} B"
    return Line(title="Weights", bytes=-(-whole // split), how=how + (f", over {split} GPUs" if split > 1 else ""))


def _kv_how(serving: Serving, kv_token: int) -> str:
    more = serving.sequences - 1
    rest = f" + {more:,} x {min(serving.sequence_tokens, serving.context):,}" if more else ""
    tokens = f"{serving.context:,}{rest}"
    return f"{f'({tokens})' if more else tokens} tokens x {kv_token:,} B"


def _activations(shape: ModelShape, serving: Serving) -> Line:
    """The peak of a step: the feed-forward layer's three tensors beside two of the residual; and the logits."""
    tokens, width = serving.batched_tokens, 2 * shape.hidden + 3 * shape.intermediate
    logits = LOGIT_COPIES * LOGIT_BYTES * shape.vocabulary * serving.sequences
    how = f"{tokens:,} tokens x {width:,} x {SHARP} B + logits; estimated"
    return Line(title="Activations", bytes=tokens * width * SHARP + logits, how=how)


def _billions(count: int) -> str:
    return f"{Decimal(count) / 10**9:.3f}e9"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A change that makes it fit."""

    words: str
    fit: Fit


def nearest(wanted: Fit) -> tuple[Choice, ...]:
    """What would fit, each by one change: precision, fewer sequences, context, GPU; by precision and GPU at last."""
    found = [choice for choice in (_precision(wanted), _sequences(wanted), _context(wanted), _gpu(wanted)) if choice]
    if not any(choice.fit.gpus == wanted.gpus for choice in found):
        lighter = _lighter(wanted)
        both = _gpu(replace(wanted, serving=lighter[-1].serving)) if lighter else None
        if both is not None:
            words = f"--precision {both.fit.serving.precision.value} {both.words}"
            found.append(replace(both, words=words))
    return tuple(found)


def _lighter(wanted: Fit) -> list[Fit]:
    """The same with each precision that takes less, the least last."""
    now = weight_bytes(wanted.shape, wanted.serving.precision)
    return [
        fit(wanted.shape, replace(wanted.serving, precision=precision), wanted.gpus)
        for precision in Precision
        if weight_bytes(wanted.shape, precision) < now
    ]


def _precision(wanted: Fit) -> Choice | None:
    for tried in _lighter(wanted):
        if tried.fits:
            return Choice(words=f"--precision {tried.serving.precision.value}", fit=tried)
    return None


def _sequences(wanted: Fit) -> Choice | None:
    for count in _halved(wanted.serving.sequences, 1):
        tried = fit(wanted.shape, replace(wanted.serving, sequences=count), wanted.gpus)
        if tried.fits:
            most = fit(wanted.shape, replace(wanted.serving, sequences=max(count, tried.sequences)), wanted.gpus)
            best = most if most.fits and most.serving.sequences < wanted.serving.sequences else tried
            return Choice(words=f"--sequences {best.serving.sequences}", fit=best)
    return None


def _context(wanted: Fit) -> Choice | None:
    for context in _halved(wanted.serving.context, max(CONTEXT_MIN, wanted.serving.sequence_tokens)):
        tried = fit(wanted.shape, replace(wanted.serving, context=context), wanted.gpus)
        if tried.fits:
            return Choice(words=f"--context {context}", fit=tried)
    return None


def _halved(value: int, least: int) -> Iterator[int]:
    while (value := value // 2) >= least:
        yield value


def _gpu(wanted: Fit) -> Choice | None:
    """The machine with the least memory that is enough."""
    for gpus in sorted(INSTANCES.values(), key=lambda machine: machine.memory * machine.count):
        tried = fit(wanted.shape, wanted.serving, gpus)
        if tried.fits:
            return Choice(words=f"--gpu {gpus.name}", fit=tried)
    return None
