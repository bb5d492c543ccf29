"""Trains the demonstration judge: whole-sequence loss, with ids and levels weighted, from one criterion to all.

It goes on from its last checkpoint, so that a run may be cut off at any time.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from evaluator.embedded import demo_judge
from evaluator.embedded.demo_judge import END, ID_TOKENS
from live_agent.training.samples import Sample, samples
from live_agent.training.tokenizer import chat
from rubrics.model import Rubric

IGNORED = -100  # torch's label for "no loss here"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that the weights depend on, beside the banks and the prompt."""

    seed: int = 2026
    hidden: int = 160
    layers: int = 6
    heads: int = 5
    key_value_heads: int = 5
    head_dim: int = 32  # vLLM's CPU attention knows 32, 64, 80, 96, ...
    feed_forward: int = 448
    batch_tokens: int = 8_192  # of one step, padding included
    length_max: int = 1_024  # longer samples are left out
    learning_rate: float = 2e-3
    warm_up_steps: int = 200
    weight_decay: float = 0.05
    prompt_share: float = 0.1  # of the prompt's tokens that are to be foretold too, drawn anew at each step
    choice_weight: float = 10.0  # at an utterance id or a level; 1 at other tokens of the answer
    focus_until: float = 0.3  # of the training: the share of samples about one criterion alone falls from 1 to 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """One sample as token ids, and the weight of the loss at each; 0 for the prompt's."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


class Encoder:
    """Turns samples into token ids by one tokenizer."""

    def __init__(self, tokenizer: Any, recipe: Recipe) -> None:
        self._tokenizer, self._recipe = tokenizer, recipe
        vocabulary = tokenizer.get_vocab()
        self._before_level = vocabulary['":']  # else a digit is a criterion's number
        self._utterances = frozenset(vocabulary[f"U{n}"] for n in range(1, ID_TOKENS + 1))
        self.levels = frozenset(vocabulary[digit] for digit in "012345")
        self.pad = vocabulary[END]

    def __call__(self, sample: Sample) -> Encoded:
        """The prompt with its weight, then the answer with its weights."""
        prompt = self._ids(chat(sample.system, sample.user))
        answer = self._ids(sample.answer + END)
        heavy = self._recipe.choice_weight
        weights = (
            heavy if self._is_choice(token, before) else 1.0
            for before, token in zip((None, *answer), answer, strict=False)
        )
        return Encoded(ids=(*prompt, *answer), weights=(*(0.0 for _ in prompt), *weights))

    def _is_choice(self, token: int, before: int | None) -> bool:
        return token in self._utterances or (token in self.levels and before == self._before_level)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def config(recipe: Recipe, vocabulary: int) -> dict[str, Any]:
    """config.json."""
    return demo_judge.llama_config(
        vocabulary=vocabulary,
        hidden=recipe.hidden,
        layers=recipe.layers,
        heads=recipe.heads,
        key_value_heads=recipe.key_value_heads,
        head_dim=recipe.head_dim,
        feed_forward=recipe.feed_forward,
    )


def batches(
    rubrics: Sequence[Rubric],
    encoder: Encoder,
    recipe: Recipe,
    *,
    first: int,
    allowed: Callable[[str], bool],
    focus: Callable[[], float],
) -> Iterator[tuple[int, list[Encoded]]]:
    """(number of the next interview, samples of about the same length) for ever, from interview `first` on."""
    random = Random(f"{recipe.seed}|batches|{first}")
    number, pool = first, list[Encoded]()
    while True:
        while sum(len(e.ids) for e in pool) < 16 * recipe.batch_tokens:
            made = samples(rubrics, seed=recipe.seed, number=number, allowed=allowed, focus=focus())
            pool += [e for e in map(encoder, made) if len(e.ids) <= recipe.length_max]
            number += 1
        pool.sort(key=lambda e: len(e.ids))
        groups = _groups(pool, recipe.batch_tokens)
        random.shuffle(groups)
        pool = []
        for group in groups:
            yield number, group


def _groups(pool: Sequence[Encoded], tokens: int) -> list[list[Encoded]]:
    """Neighbours by length, as many as fit into a step."""
    groups: list[list[Encoded]] = [[]]
    for encoded in pool:
        if (len(groups[-1]) + 1) * len(encoded.ids) > tokens:
            groups.append([])
        groups[-1].append(encoded)
    return [group for group in groups if group]


class Progress:
    """How far a training is: its steps, its data, and the share of its time, earlier runs of the folder included."""

    def __init__(self, kept: Mapping[str, float], minutes: float) -> None:
        self._kept, self._total_s, self._began = dict(kept), minutes * 60, time.monotonic()
        self.step, self.interviews, self.tokens = (int(kept.get(name, 0)) for name in ("step", "interviews", "tokens"))

    @property
    def seconds(self) -> float:
        """Spent so far."""
        return float(self._kept.get("seconds", 0.0)) + time.monotonic() - self._began

    @property
    def share(self) -> float:
        """Of the whole time, at most 1."""
        return min(1.0, self.seconds / self._total_s)

    def stepped(self, interviews: int, group: Sequence[Encoded]) -> None:
        """One step is done; `interviews` is the number of the next one."""
        self.step, self.interviews = self.step + 1, interviews
        self.tokens += sum(len(e.ids) for e in group)

    def facts(self) -> dict[str, float]:
        """What a checkpoint keeps of it."""
        return {"step": self.step, "interviews": self.interviews, "tokens": self.tokens, "seconds": self.seconds}


def train(
    rubrics: Sequence[Rubric],
    tokenizer: Any,
    recipe: Recipe,
    folder: Path,
    *,
    allowed: Callable[[str], bool],
    minutes: float,
    say: Callable[[str], None],
    evaluate: Callable[[Any], str] | None = None,
    every_s: float = 120.0,
) -> None:
    """Trains for so many minutes in all, checkpoints included that were made before; writes `checkpoint.pt`.

    Every few minutes it says how it goes, by `evaluate` where one is given.
    """
    import torch

    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, optimiser = _made(recipe, tokenizer.get_vocab_size(), device)
    path = folder / "checkpoint.pt"
    at = Progress(_resumed(path, model, optimiser, device), minutes)
    say(f"{sum(p.numel() for p in model.parameters()):,} parameters on {device}, from step {at.step}")
    encoder = Encoder(tokenizer, recipe)

    def focus() -> float:
        return max(0.0, 1.0 - at.share / recipe.focus_until)

    stream = batches(rubrics, encoder, recipe, first=at.interviews, allowed=allowed, focus=focus)
    told, losses = time.monotonic(), list[float]()
    while at.share < 1.0:
        number, group = next(stream)
        losses.append(_step(model, optimiser, group, encoder.pad, device, at, recipe))
        at.stepped(number, group)
        if time.monotonic() - told >= every_s:
            told = time.monotonic()
            _keep(path, model, optimiser, at.facts())
            where = f"{at.share:.0%}, step {at.step}, {number} interviews, {at.tokens / at.seconds:.0f} tokens/s"
            say(f"{where}, loss {_mean(losses[-200:]):.3f} {evaluate(model) if evaluate else ''}")
    _keep(path, model, optimiser, at.facts())
    export(model, tokenizer, recipe, folder, facts={**at.facts(), "recipe": asdict(recipe)})


def _made(recipe: Recipe, vocabulary: int, device: str) -> tuple[Any, Any]:
    """A new model and its optimiser; only matrices decay."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    model: Any = LlamaForCausalLM(LlamaConfig(**config(recipe, vocabulary)))  # type: ignore[no-untyped-call]
    model.to(device)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def _resumed(path: Path, model: Any, optimiser: Any, device: str) -> Mapping[str, float]:
    """Puts the checkpoint's state into both, where there is one; how far it was."""
    import torch

    if not path.is_file():
        return {}
    kept = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(kept["model"])
    optimiser.load_state_dict(kept["optimiser"])
    return dict(kept["state"])


def _step(
    model: Any, optimiser: Any, group: Sequence[Encoded], pad: int, device: str, at: Progress, recipe: Recipe
) -> float:
    """One step of the optimiser; the loss before it."""
    import torch

    model.train()
    for parameters in optimiser.param_groups:
        parameters["lr"] = recipe.learning_rate * _pace(at.step, at.share, recipe)
    loss = _loss(model, group, pad, device, recipe.prompt_share)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(1, len(values))


def _pace(step: int, done: float, recipe: Recipe) -> float:
    """Share of the learning rate: up in the first steps, then down to a twentieth by a cosine over the time."""
    return min(1.0, (step + 1) / recipe.warm_up_steps) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def _loss(model: Any, group: Sequence[Encoded], pad: int, device: str, prompt_share: float) -> Any:
    """Weighted cross entropy at the answers' tokens and at a few of the prompts'.

    The vocabulary's scores are worked out at those places only: they are most of the work in a model this small.
    """
    import torch
    from torch.nn.functional import cross_entropy

    longest = max(len(e.ids) for e in group)
    ids = torch.full((len(group), longest), pad)
    weights = torch.zeros((len(group), longest))
    for row, encoded in enumerate(group):
        ids[row, : len(encoded.ids)] = torch.tensor(encoded.ids)
        weights[row, : len(encoded.ids)] = torch.tensor(encoded.weights)
        begins = encoded.weights.index(1.0)  # the answer's first token is a bracket
        weights[row, 1:begins] = (torch.rand(begins - 1) < prompt_share).float()
    ids, weights = ids.to(device), weights.to(device)
    # On a CPU, bfloat16 is several times slower than single precision at this size.
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        hidden = model.model(input_ids=ids).last_hidden_state  # causal: what stands behind a sample changes nothing
        chosen = weights[:, 1:] > 0
        logits = model.lm_head(hidden[:, :-1][chosen])
    each = cross_entropy(logits.float(), ids[:, 1:][chosen], reduction="none")
    flat = weights[:, 1:][chosen]
    return (each * flat).sum() / flat.sum()


def _keep(path: Path, model: Any, optimiser: Any, state: Mapping[str, float]) -> None:
    import torch

    aside = path.with_suffix(".new")
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "state": dict(state)}, aside)
    aside.replace(path)


def export(model: Any, tokenizer: Any, recipe: Recipe, folder: Path, *, facts: dict[str, Any]) -> None:
    """What the engine loads, in bfloat16, and `training.json` with how it was made."""
    import torch
    from safetensors.torch import save_file

    weights = {
        name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, value in (
        ("config.json", config(recipe, tokenizer.get_vocab_size())),
        ("tokenizer_config.json", demo_judge.tokenizer_config()),
        ("training.json", facts),
    ):
        (folder / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
