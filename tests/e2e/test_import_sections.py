"""The real engine answers the closed schema that sorts questions; what it says with it means nothing here."""

from pathlib import Path

import pytest

from tests.commands import debrief

INTERVIEWS = 2
SECTIONS = {"tasks", "delegation", "verification", "limits", "outlook"}  # of ai-at-work

pytestmark = pytest.mark.vllm


def test_the_judge_sorts_the_questions_of_real_interviews(
    deployment: dict[str, str], shared_data: Path, tmp_path: Path
) -> None:
    """Every question of the interviewer gets a section of the rubric or none, from answers that count."""
    source = shared_data / "interviews" / "scientists_transcripts.csv"
    options = ("--rubric", "ai-at-work", "--sections", "judge", "--limit", str(INTERVIEWS), "--dry-run", "--json")

    done = debrief("import", str(source), *options, env=deployment, cwd=tmp_path)

    assert 0 == done.code, done.err
    assert INTERVIEWS == len(done.json())
    for one in done.json():
        assert one["questions"]
        assert {"judge"} == {question["by"] for question in one["questions"]}
        assert {question["section"] for question in one["questions"]} <= {None, *SECTIONS}
        assert len(one["questions"]) == one["sections_by"]["judge"]
