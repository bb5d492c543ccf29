"""`python -m tests.judge_eval`: how good the demonstration judge is, through the real engine; one line of JSON."""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from live_agent.training.__main__ import seen, shipped_rubrics, unseen
from rubrics.model import Rubric
from tests.injections.judged import opened
from tests.judge_eval.cohort import Judged, Told, cohort, judged
from tests.judge_eval.figures import bag_of_words, figures, followed

CONTEXT_TOKENS = 16_384
TRAINING_SEED, PEOPLE_SEED = 31, 97  # new people and fillers: seeds that no training used
# Over phrasings seen in training; for unseen ones the figures are told without a limit.
LEAST = {
    "kappa": 0.80,
    "exact": 0.65,
    "within_one": 0.95,
    "evidence_precision": 0.85,
    "evidence_recall": 0.85,
    "unscored_f1": 0.80,
    "spearman": 0.90,
}
SECTIONS_PER_S_LEAST = 3.0


def say(words: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def main() -> int:
    """The exit code: 0 when every limit is held."""
    parser = argparse.ArgumentParser(prog="python -m tests.judge_eval", description=__doc__)
    parser.add_argument("--interviews", type=int, default=210, help="of each of the two splits")
    parser.add_argument("--judge", default="embedded", help="embedded, or the address of an endpoint")
    parser.add_argument("--model", help="name@revision, where an address is given")
    parser.add_argument("--api-key")
    options = parser.parse_args()
    rubrics = shipped_rubrics()
    splits = {
        name: list(cohort(rubrics, interviews=options.interviews, seed=PEOPLE_SEED, allowed=allowed))
        for name, allowed in (("seen", seen), ("unseen", unseen))
    }
    training = list(cohort(rubrics, interviews=3 * options.interviews, seed=TRAINING_SEED, allowed=seen))
    twisted, partners = _exchanged(splits["seen"])
    with (
        tempfile.TemporaryDirectory(prefix="debrief-judge-eval-") as home,
        opened(options.judge, options.model, options.api_key, Path(home), say) as judge,
    ):

        def by_the_judge(told: list[Told]) -> tuple[list[Judged], float]:
            return judged(told, judge.engine, model=judge.model, context_tokens=CONTEXT_TOKENS, say=say)

        by_the_judge(splits["seen"][:2])  # warm
        found = {name: by_the_judge(told) for name, told in splits.items()}
        exchanged, _ = by_the_judge(twisted)
        model = judge.model
    report: dict[str, Any] = {"judge": model}
    for name, (cards, seconds) in found.items():
        calls = sum(card.calls for card in cards)
        report[name] = figures(cards) | {
            "sections_per_s": round(calls / seconds, 2),
            "bag_of_words": bag_of_words(training, splits[name]),
        }
    report["wording_exchanged"] = followed(exchanged, partners)
    report["broken"] = _broken(report["seen"])
    print(json.dumps(report), flush=True)
    for words in report["broken"]:
        say(f"broken: {words}")
    return 1 if report["broken"] else 0


def _broken(found: dict[str, Any]) -> list[str]:
    broken = [
        f"{name} of {found[name]} is below {least}"
        for name, least in LEAST.items()
        if found[name] is None or found[name] < least
    ]
    if found["sections_per_s"] < SECTIONS_PER_S_LEAST:
        broken.append(f"{found['sections_per_s']} sections/s are below {SECTIONS_PER_S_LEAST}")
    return broken


def _exchanged(told: list[Told]) -> tuple[list[Told], dict[str, str]]:
    """The same interviews under rubrics in which two criteria of a section have each other's wording; who has whose."""
    rubrics: dict[str, Rubric] = {}
    partners: dict[str, str] = {}
    for rubric in {one.rubric.id: one.rubric for one in told}.values():
        sections = []
        for section in rubric.sections:
            criteria = list(section.criteria)
            if len(criteria) > 1:
                a, b = criteria[0], criteria[1]
                criteria[:2] = [b.model_copy(update={"id": a.id}), a.model_copy(update={"id": b.id})]
                partners |= {a.id: b.id, b.id: a.id}
            sections.append(section.model_copy(update={"criteria": tuple(criteria)}))
        rubrics[rubric.id] = rubric.model_copy(update={"sections": tuple(sections)})
    return [replace(one, rubric=rubrics[one.rubric.id]) for one in told], partners


if __name__ == "__main__":
    sys.exit(main())
