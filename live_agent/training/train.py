"""Trains the demonstration judge: whole-sequence loss, with ids and levels weighted, from one criterion to all.

It goes on from its last checkpoint, so that a run may be cut off at any time.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from evaluator.embedded import demo_judge
from live_agent.training.encoding import Encoder, Panel
from live_agent.training.learning import (
    Heads,
    answer_loss,
    heard_states,
    hidden_states,
    lines_loss,
    pointing_loss,
    topics_loss,
)
from live_agent.training.samples import panels
from rubrics.model import Rubric

FILES = ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json", "training.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that the weights depend on, beside the banks and the prompt."""

    seed: int = 2026
    hidden: int = 160
    layers: int = 5
    heads: int = 5
    key_value_heads: int = 5
    head_dim: int = 32  # vLLM's CPU attention knows 32, 64, 80, 96, ...
    feed_forward: int = 448
    panel_size: int = 16  # interviews that share a system prompt, and the work on it
    panels_in_step: int = 1
    panels_mixed: int = 64  # waiting, to be drawn from
    learning_rate: float = 2e-3
    warm_up_steps: int = 150
    weight_decay: float = 0.05
    prompt_share: float = 0.1  # of the prompt's tokens that are to be foretold too, drawn anew at each step
    choice_weight: float = 10.0  # at an utterance id or a level; 1 at other tokens of the answer
    lines_weight: float = 1.0  # of the loss at the ends of lines, beside that at the answer
    lines_layer: int = 3  # after which layer a line's end should know what it expresses
    pointing_weight: float = 1.0  # of the loss where the next layer's heads look, when an answer is given
    nothing_weight: float = 0.6  # of lines that express nothing: most do not
    listening_until: float = 0.12  # of the training: before, only what was said is understood, by the first layers
    listening_panels: int = 2  # in such a step
    focus_until: float = 0.25  # of the training: by then the share of samples about one criterion alone falls to 0


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


def steps(
    rubrics: Sequence[Rubric],
    weights: Sequence[float],
    encoder: Encoder,
    recipe: Recipe,
    *,
    first: int,
    allowed: Callable[[str], bool],
    focus: Callable[[], float],
    size: Callable[[], int],
) -> Iterator[tuple[int, list[Panel]]]:
    """(number of the next group of interviews, panels of different sections) for ever, from group `first` on.

    focus: the share of panels about one criterion; size: how many panels the next step wants.
    """
    random = Random(f"{recipe.seed}|batches|{first}")
    number, pool = first, list[Panel]()
    while True:
        while len(pool) < recipe.panels_mixed:
            made = panels(
                rubrics,
                seed=recipe.seed,
                number=number,
                size=recipe.panel_size,
                allowed=allowed,
                focus=focus(),
                weights=weights,
            )
            pool += [encoder.panel(samples) for samples in made if samples]
            number += 1
        random.shuffle(pool)
        count = size()
        group, pool = pool[:count], pool[count:]
        yield number, group


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

    def stepped(self, interviews: int, group: Sequence[Panel]) -> None:
        """One step is done; `interviews` is the number of the next group."""
        self.step, self.interviews = self.step + 1, interviews
        self.tokens += sum(panel.tokens for panel in group)

    def facts(self) -> dict[str, float]:
        """What a checkpoint keeps of it."""
        return {"step": self.step, "interviews": self.interviews, "tokens": self.tokens, "seconds": self.seconds}


def train(
    rubrics: Sequence[Rubric],
    weights: Sequence[float],
    tokenizer: Any,
    recipe: Recipe,
    folder: Path,
    *,
    allowed: Callable[[str], bool],
    minutes: float,
    say: Callable[[str], None],
    evaluate: Callable[[Any], str] | None = None,
    every_s: float = 240.0,
) -> None:
    """Trains for so many minutes in all, checkpoints included that were made before; writes `checkpoint.pt`.

    weights: how often each rubric is drawn.
    Every few minutes it says how it goes, by `evaluate` where one is given.
    """
    import torch

    torch.manual_seed(recipe.seed)
    criteria = [criterion.id for rubric in rubrics for criterion in rubric.criteria]
    learner = Learner(recipe, tokenizer, criteria, "cuda" if torch.cuda.is_available() else "cpu")
    path = folder / "checkpoint.pt"
    at = Progress(learner.resumed(path), minutes)
    say(f"{sum(p.numel() for p in learner.model.parameters()):,} parameters on {learner.device}, from step {at.step}")

    stream = steps(
        rubrics,
        weights,
        learner.encoder,
        recipe,
        first=at.interviews,
        allowed=allowed,
        focus=lambda: focus_at(at.share, recipe),
        size=lambda: recipe.listening_panels if listens(at.share, recipe) else recipe.panels_in_step,
    )
    told, losses = time.monotonic(), list[tuple[float, float]]()
    while at.share < 1.0:
        number, group = next(stream)
        learn = learner.listen if listens(at.share, recipe) else learner.step
        losses.append(learn(group, _pace(at.step, at.share, recipe)))
        at.stepped(number, group)
        if time.monotonic() - told >= every_s:
            told = time.monotonic()
            learner.keep(path, at.facts())
            answer, lines = (_mean(column[-200:]) for column in zip(*losses, strict=True))
            say(
                f"{at.share:.0%}, step {at.step}, {at.tokens / at.seconds:.0f} tokens/s, "
                f"loss {answer:.3f} and {lines:.3f} {evaluate(learner) if evaluate else ''}"
            )
    learner.keep(path, at.facts())
    export(learner.model, tokenizer, recipe, folder, facts={**at.facts(), "recipe": asdict(recipe)})


class Learner:
    """A model, the heads that help it learn, and the optimiser of both."""

    def __init__(self, recipe: Recipe, tokenizer: Any, criteria: Iterable[str], device: str) -> None:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        vocabulary = tokenizer.get_vocab_size()
        self.recipe, self.device = recipe, device
        self.encoder = Encoder(tokenizer, recipe.choice_weight, criteria)
        self.model: Any = LlamaForCausalLM(LlamaConfig(**config(recipe, vocabulary)))  # type: ignore[no-untyped-call]
        torch.nn.Module.to(self.model, device)
        self.heads = Heads(recipe.hidden, self.encoder.topics, device)
        self._parameters = [*self.model.parameters(), *self.heads.modules.parameters()]
        groups = [  # only matrices decay
            {"params": [p for p in self._parameters if p.dim() > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in self._parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))

    def listen(self, group: Sequence[Panel], pace: float) -> tuple[float, float]:
        """One step that teaches the first layers alone what was said; 0 and the loss before it."""
        members = [member for panel in group for member in panel.members]
        self._begin(pace)
        with self._precision():
            hidden = heard_states(self.model, members, self.recipe.lines_layer - 1, self.encoder.pad)
            loss = topics_loss(self.heads, hidden, members)
        loss.backward()
        self._end()
        return 0.0, float(loss.detach())

    def step(self, group: Sequence[Panel], pace: float) -> tuple[float, float]:
        """One step of the optimiser, at this share of the learning rate; the losses of answers and lines before it."""
        self._begin(pace)
        answers, lines = 0.0, 0.0
        for panel in group:  # one by one: they have prompts of different length
            answer, line = self._losses(panel)
            ((answer + self.recipe.lines_weight * line) / len(group)).backward()
            answers, lines = answers + float(answer.detach()), lines + float(line.detach())
        self._end()
        return answers / len(group), lines / len(group)

    def _begin(self, pace: float) -> None:
        self.model.train()
        for parameters in self._optimiser.param_groups:
            parameters["lr"] = self.recipe.learning_rate * pace
        self._optimiser.zero_grad(set_to_none=True)

    def _end(self) -> None:
        import torch

        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()

    def _precision(self) -> Any:
        """On a CPU, bfloat16 is several times slower than single precision at this size."""
        import torch

        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda")

    def _losses(self, panel: Panel) -> tuple[Any, Any]:
        recipe = self.recipe
        with self._precision():
            shared, states = hidden_states(self.model, panel, self.encoder.pad)
            at = recipe.lines_layer
            looks = pointing_loss(self.model, at, shared[at], states[at], panel.members)
            return (
                answer_loss(self.model, states[-1], panel.members, recipe.prompt_share)
                + recipe.pointing_weight * looks,
                lines_loss(
                    self.model,
                    self.heads,
                    states[recipe.lines_layer - 1],
                    states[recipe.lines_layer],
                    panel.members,
                    self.encoder.utterance_tokens,
                    recipe.nothing_weight,
                ),
            )

    def resumed(self, path: Path) -> Mapping[str, float]:
        """Takes over the checkpoint's state, where there is one; how far it was."""
        import torch

        if not path.is_file():
            return {}
        kept = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(kept["model"])
        self.heads.modules.load_state_dict(kept["heads"])
        self._optimiser.load_state_dict(kept["optimiser"])
        return dict(kept["state"])

    def keep(self, path: Path, state: Mapping[str, float]) -> None:
        """Writes a checkpoint, whole or not at all."""
        import torch

        aside = path.with_suffix(".new")
        kept = {
            "model": self.model.state_dict(),
            "heads": self.heads.modules.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "state": dict(state),
        }
        torch.save(kept, aside)
        aside.replace(path)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(1, len(values))


def listens(share: float, recipe: Recipe) -> bool:
    """Whether only what was said is learned, at this share of the training."""
    return share < recipe.listening_until


def focus_at(share: float, recipe: Recipe) -> float:
    """The share of samples about one criterion alone: none while only listening, then from 1 down to 0."""
    if listens(share, recipe):
        return 0.0
    return max(0.0, (recipe.focus_until - share) / (recipe.focus_until - recipe.listening_until))


def _pace(step: int, done: float, recipe: Recipe) -> float:
    """Share of the learning rate: up in the first steps, then down to a twentieth by a cosine over the time."""
    return min(1.0, (step + 1) / recipe.warm_up_steps) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


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
