"""From interviews to scorecards, on real parts, by the command line alone."""

import csv
import json
from pathlib import Path

import pytest

from tests.commands import Finished, debrief

NOTICE = "demo judge: trained on simulated interviews only, meaningless for real ones"
INTERVIEWS = 6  # of the real ones; each takes seconds on two cores

pytestmark = pytest.mark.vllm


@pytest.fixture
def imported(deployment: dict[str, str], shared_data: Path, tmp_path: Path) -> Finished:
    """Real interviews, taken in."""
    source = shared_data / "interviews" / "scientists_transcripts.csv"
    options = ("--rubric", "ai-at-work", "--sections", "whole", "--limit", str(INTERVIEWS), "--json")
    return debrief("import", str(source), *options, env=deployment, cwd=tmp_path)


def _exported(deployment: dict[str, str], cwd: Path) -> list[dict]:
    lines = debrief("scorecard", "export", "--jsonl", env=deployment, cwd=cwd).out.splitlines()
    return [json.loads(line) for line in lines]


def _words_of_candidates(source: Path) -> dict[str, str]:
    """Interview's record name -> all that the candidate said, with white space folded."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = {row["transcript_id"]: row["text"] for row in csv.DictReader(file)}
    result = {}
    for name, text in rows.items():
        said, candidate = [], False
        for line in text.split("\n"):
            labelled = line.startswith(("User:", "AI:", "Assistant:"))
            candidate = line.startswith("User:") if labelled else candidate
            if candidate:
                said.append(line.partition(":")[2] if labelled else line)
        result[name] = " ".join(" ".join(said).split())
    return result


def test_real_interviews_are_scored_and_scored_once(
    deployment: dict[str, str], imported: Finished, shared_data: Path, tmp_path: Path
) -> None:
    """Import and run give a scorecard each, in the candidates' own words; all again makes no call and no other body."""
    first = debrief("run", "start", "--json", env=deployment, cwd=tmp_path)
    before = _exported(deployment, tmp_path)
    again = debrief("run", "start", "--only", "all", "--json", env=deployment, cwd=tmp_path)
    after = _exported(deployment, tmp_path)
    verified = debrief("scorecard", "verify", before[0]["scorecard_id"], "--json", env=deployment, cwd=tmp_path)

    assert (0, 0, 0) == (imported.code, first.code, again.code), first.err
    assert INTERVIEWS == len(before)
    assert INTERVIEWS == first.json()["counts"]["scored"] + sum(
        first.json()["counts"][n] for n in ("needs_review", "unscorable")
    )
    assert INTERVIEWS == again.json()["counts"]["skipped"]
    assert before == after
    assert verified.json()["same"]
    said = _words_of_candidates(shared_data / "interviews" / "scientists_transcripts.csv")
    quotes = [
        (one["interview_id"].rpartition("-")[0], quote["text"]) for one in before for quote in one["evidence"].values()
    ]
    assert quotes
    assert [] == [(who, text) for who, text in quotes if " ".join(text.split()) not in said[who]]
    assert {NOTICE} == {one["judge_notice"] for one in before}


def test_the_demonstration_scores_twelve_interviews(deployment: dict[str, str], tmp_path: Path) -> None:
    """`debrief demo --once` ends with a table of 12 scorecards for two roles, and says what the judge is worth."""
    done = debrief("demo", "--once", env=deployment, cwd=tmp_path)

    assert 0 == done.code, done.err
    assert 12 == sum(line.startswith("C-00") for line in done.out.splitlines())
    assert NOTICE in done.out
    assert "first section scored" in done.err
    assert "Traceback" not in done.err
