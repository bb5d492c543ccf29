"""`python -m live_agent.training`: makes the demonstration judge again, from the banks to the weights."""

import argparse
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluator.embedded import demo_judge
from evaluator.embedded.demo_judge import END, FOLDER
from live_agent.training.learning import hidden_states
from live_agent.training.samples import Sample, panels, samples
from live_agent.training.tokenizer import chat, train_tokenizer
from live_agent.training.train import FILES, Learner, Recipe, train
from rubrics.library import library
from rubrics.loader import load
from rubrics.model import Rubric

TRAINING_RUBRICS = Path(__file__).parent / "rubrics"
UNSEEN_STORIES = ("g", "h")  # of the shipped roles: never trained on, to tell reading from remembering
SHIPPED_WEIGHT = 4.0  # how often a shipped role is drawn, for each time that a training-only one is
CORPUS_INTERVIEWS = 1_500  # from which the tokenizer learns
HELD_OUT = 10_000_000  # interviews of evaluation are numbered from here
HELD_OUT_GROUPS = 4  # of interviews, by which progress is told


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
    parser.add_argument("--install", action="store_true", help="then put the judge where the engine loads it from")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe()
    shipped = shipped_rubrics()
    rubrics = (*shipped, *training_rubrics())
    tokenizer = _tokenizer(options.folder, rubrics, recipe)
    held_out = [
        panel
        for n in range(HELD_OUT_GROUPS)
        for panel in panels(shipped, seed=recipe.seed, number=HELD_OUT + n, size=recipe.panel_size, allowed=seen)
        if panel
    ]
    train(
        rubrics,
        [SHIPPED_WEIGHT if rubric in shipped else 1.0 for rubric in rubrics],
        tokenizer,
        recipe,
        options.folder,
        allowed=seen,
        minutes=options.minutes,
        say=say,
        evaluate=_evaluation(held_out),
    )
    if options.install:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(options.folder / name, FOLDER / name)
        say(f"installed in {FOLDER}; give it a new REVISION in {demo_judge.__name__} and its digest in the tests")


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
    return Tokenizer.from_file(str(path))  # in memory the added tokens still bear the numbers from before the training


def _evaluation(held_out: Sequence[Sequence[Sample]]) -> Callable[[Learner], str]:
    """Shares of levels and ids that are right when everything before them is: an upper bound, to watch learning by."""

    def evaluate(learner: Learner) -> str:
        import torch

        learner.model.eval()
        right, of = Counter[str](), Counter[str]()
        for panel in map(learner.encoder.panel, held_out):
            with torch.no_grad():
                states = hidden_states(learner.model, panel, learner.encoder.pad)[1][-1]
                for row, member in enumerate(panel.members):
                    begins = member.answer_begins
                    best = learner.model.lm_head(states[row, begins - 1 : len(member.ids) - 1]).argmax(-1).tolist()
                    for guess, token, weight in zip(best, member.ids[begins:], member.weights[begins:], strict=True):
                        if weight > 1:
                            kind = "level" if token in learner.encoder.levels else "id"
                            of[kind] += 1
                            right[kind] += guess == token
        return " ".join(f"{kind} {right[kind] / max(1, of[kind]):.3f}" for kind in ("level", "id"))

    return evaluate


if __name__ == "__main__":
    main()
