"""`python -m tests.agent_eval`: how the agent leads simulated candidates; one line of JSON, exit 0 when it holds."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from evaluator.adapters.tokens import token_counter
from evaluator.embedded.demo_judge import FOLDER
from live_agent.memory import Limits
from rubrics.library import library
from rubrics.model import Rubric
from tests.agent_eval.leading import Led, lead_all
from tests.agent_eval.personas import PERSONAS
from tests.agent_eval.remembering import Saved, conversations, saved
from tests.agent_eval.stub import GOOD, bad, endpoint

RUBRICS = ("backend-eng", "customer-sales", "ai-at-work")
DATA = Path(__file__).parents[3] / "shared" / "data" / "interviews"
# Candidates who stay are asked everything, unless the time is up; those who ramble are not.
STAYING = frozenset({"ordinary", "declining", "asking-back", "curious", "instructing", "wanting-a-person", "unsure"})


def say(words: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.agent_eval", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="candidates of each persona and rubric")
    parser.add_argument("--data", type=Path, default=DATA, help="real interviews, for what the summaries save")
    parser.add_argument("--quick", action="store_true", help="one candidate each")
    options = parser.parse_args(arguments)
    rubrics = [library().find(name) for name in RUBRICS]
    seeds = [str(n) for n in range(1 if options.quick else options.seeds)]
    report: dict[str, Any] = {"harness": "agent-eval", "personas": len(PERSONAS), "rubrics": len(rubrics)}
    with tempfile.TemporaryDirectory(prefix="debrief-agent-eval-") as folder:
        report["models"] = {
            "none": _figures(lead_all(rubrics, seeds=seeds, endpoint=None, spool=Path(folder))),
            "good": _figures(_led(rubrics, seeds, Path(folder), good=True)),
            "bad": _figures(_led(rubrics, seeds, Path(folder), good=False)),
        }
    report["memory"] = _memory(options.data, quick=options.quick)
    broken = [f"{name}: {fault}" for name, found in report["models"].items() for fault in _broken(found)]
    report["broken"] = broken
    print(json.dumps(report))
    return 1 if broken else 0


def _led(rubrics: list[Rubric], seeds: list[str], spool: Path, *, good: bool) -> list[Led]:
    led = []
    for rubric in rubrics:
        contents = GOOD if good else (*GOOD[:1], *bad(rubric))
        with endpoint(contents, failing_share=0 if good else 4) as address:
            led += lead_all([rubric], seeds=seeds, endpoint=address, spool=spool)
    return led


def _figures(led: list[Led]) -> dict[str, Any]:
    asked = [one.questions for one in led if one.persona in STAYING]
    begun = [one for one in led if one.ended != "refused"]
    sections = [
        sum(f"{section.id}/intro" in one.asked for section in one.rubric.sections) / len(one.rubric.sections)
        for one in led
        if one.persona in STAYING
    ]
    found = {
        "interviews": len(led),
        "ended_well": sum(one.ended_well for one in led) / len(led),
        "questions_asked": sum(n for n, _ in asked) / sum(of for _, of in asked),
        "sections_covered": sum(sections) / len(sections),
        "in_time": sum(one.elapsed_s <= one.budget_s + 360 for one in begun) / len(begun),
        "follow_ups_due": sum(one.thin for one in led),
        "follow_ups_given": sum(one.followed for one in led),
        "leaks": sum(one.leaks for one in led),
        "turns": sum(len(one.said) for one in led),
        "turns_with_a_models_words": sum(one.added for one in led),
        "requests": sum(one.requests for one in led),
    }
    wrong = Counter(f"{one.persona} by {one.rubric.id}: {one.ended}" for one in led if not one.ended_well)
    say(f"{found['interviews']} interviews, {found['turns']} turns; ended well {found['ended_well']:.3f}")
    return {**found, "ended_wrong": dict(wrong)}


def _broken(found: dict[str, Any]) -> list[str]:
    promises = {
        "an interview did not end as it should": found["ended_well"] == 1,
        "a question was left out though there was time": found["questions_asked"] >= 0.99,
        "a section was left out": found["sections_covered"] == 1,
        "an interview took longer than it may": found["in_time"] == 1,
        "a thin answer was not followed up": found["follow_ups_given"] == found["follow_ups_due"] > 0,
        "something was given away": found["leaks"] == 0,
    }
    return [words for words, held in promises.items() if not held]


def _memory(folder: Path, *, quick: bool) -> dict[str, Any] | None:
    """Over the real interviews, by the tokenizer of the judge that ships; None where they are not there."""
    if not folder.is_dir():
        say(f"no real interviews at {folder}: what the summaries save is not measured")
        return None
    talks = list(conversations(folder))[: 60 if quick else None]
    longest = sorted(talks, key=lambda turns: sum(len(said.text) for said in turns))[-max(1, len(talks) // 10) :]
    count = token_counter(FOLDER / "tokenizer.json")
    joined = [sum(talks[at : at + 3], ()) for at in range(0, len(talks) - 2, 3)]
    grid = {
        "default": Limits(),
        "tight": Limits(prompt_tokens=1_500, summary_tokens=150, recent_turns=4, batch_turns=4),
    }
    return {
        "tokenizer": "demo-judge",
        **{name: _saved(saved(talks, count, limits)) for name, limits in grid.items()},
        **{f"{name}_longest_tenth": _saved(saved(longest, count, limits)) for name, limits in grid.items()},
        # Nobody's interview: three real ones end to end, for a length that none of the real ones has.
        **{f"{name}_three_joined": _saved(saved(joined, count, limits)) for name, limits in grid.items()},
    }


def _saved(found: Saved) -> dict[str, Any]:
    say(f"{found.interviews} real interviews: {found.share:.1%} of {found.whole} prompt tokens saved")
    return {
        "interviews": found.interviews,
        "requests": found.requests,
        "tokens_whole": found.whole,
        "tokens_told": found.told,
        "summaries": found.summaries,
        "summary_tokens": found.summary_tokens,
        "saved": round(found.share, 4),
        "most_of_one_request": found.most,
    }


if __name__ == "__main__":
    sys.exit(main())
