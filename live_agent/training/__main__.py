"""`python -m live_agent.training`: makes the demonstration judge again, from the banks to the weights."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluator.embedded.demo_judge import END
from live_agent.training.samples import Sample, samples
from live_agent.training.tokenizer import chat, train_tokenizer
from live_agent.training.train import Encoder, Recipe, train
from rubrics.library import library
from rubrics.loader import load
from rubrics.model import Rubric

TRAINING_RUBRICS = Path(__file__).parent / "rubrics"
UNSEEN_STORIES = ("g", "h")  # of the shipped roles: never trained on, to tell reading from remembering
CORPUS_INTERVIEWS = 1_500  # from which the tokenizer learns
HELD_OUT = 10_000_000  # interviews of evaluation are numbered from here


def story_of(phrasing_id: str) -> str:
    """The last part of "{rubric}/{criterion}/{level}/{story}"."""
    return phrasing_id.rpartition("/")[2]


def seen(phrasing_id: str) -> bool:
    """Whether the phrasing belongs to the training split."""
    return story_of(phrasing_id) not in UNSEEN_STORIES


def unseen(phrasing_id: str) -> bool:
    """Whether the phrasing is kept for the last evaluation."""
    return not seen(phrasing_id)


def shipped_rubrics() -> tuple[Rubric, ...]:
    """The roles that come with the package."""
    return tuple(entry.rubric for entry in library(()).entries)


def training_rubrics() -> tuple[Rubric, ...]:
    """The roles that exist for training only."""
    return tuple(load(path) for path in sorted(TRAINING_RUBRICS.glob("*.yaml")))


def main() -> None:
    """Trains for so many minutes, going on where an earlier run stopped."""
    parser = argparse.ArgumentParser(prog="python -m live_agent.training", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the checkpoint and the judge go")
    parser.add_argument("--minutes", type=float, default=600.0, help="in all, earlier runs of this folder included")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe()
    rubrics = (*shipped_rubrics(), *training_rubrics())
    tokenizer = _tokenizer(options.folder, rubrics, recipe)
    held_out = [
        s for n in range(60) for s in samples(shipped_rubrics(), seed=recipe.seed, number=HELD_OUT + n, allowed=seen)
    ]
    train(
        rubrics,
        tokenizer,
        recipe,
        options.folder,
        allowed=seen,
        minutes=options.minutes,
        say=say,
        evaluate=_evaluation(held_out, Encoder(tokenizer, recipe)),
    )


def say(words: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)  # noqa: T201


def _tokenizer(folder: Path, rubrics: tuple[Rubric, ...], recipe: Recipe) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if path.is_file():
        return Tokenizer.from_file(str(path))
    made = (s for n in range(CORPUS_INTERVIEWS) for s in samples(rubrics, seed=recipe.seed, number=n, allowed=seen))
    tokenizer = train_tokenizer((chat(s.system, s.user) + s.answer + END for s in made), rubrics[0].sections[0])
    tokenizer.save(str(path))
    return tokenizer


def _evaluation(held_out: list[Sample], encoder: Encoder) -> Callable[[Any], str]:
    """Shares of levels and ids that are right when everything before them is: an upper bound, to watch learning by."""
    encoded = [encoder(sample) for sample in held_out]

    def evaluate(model: Any) -> str:
        import torch

        model.eval()
        right = {"level": 0, "id": 0}
        of = {"level": 0, "id": 0}
        with torch.no_grad():
            for one in encoded:
                ids = torch.tensor([one.ids], device=model.device)
                best = model(input_ids=ids).logits[0].argmax(-1).tolist()
                for place, (token, weight) in enumerate(zip(one.ids, one.weights, strict=True)):
                    if weight > 1:
                        kind = "level" if token in encoder.levels else "id"
                        of[kind] += 1
                        right[kind] += best[place - 1] == token
        return " ".join(f"{kind} {right[kind] / max(1, of[kind]):.3f}" for kind in right)

    return evaluate


if __name__ == "__main__":
    main()
