"""The real engine answers the closed schema that sorts questions; the demonstration judge was never taught to sort."""

import asyncio
from pathlib import Path

import pytest

from evaluator.adapters.vllm import VllmEngine
from evaluator.assigning import plan, read_assignment
from evaluator.embedded import Endpoints
from evaluator.judging import Completion
from live_agent.simulate import simulate
from rubrics.library import library
from tests.commands import debrief

INTERVIEWS = 2

pytestmark = pytest.mark.vllm


def test_every_answer_of_the_engine_counts(engine: Endpoints) -> None:
    """Each question of an interview gets the number of a section, or none."""
    assert engine.engine_url is not None
    assert engine.model is not None
    rubric = library().find("ai-at-work")
    turns = simulate(rubric, seed=1, interview_id="sim-1").turns
    judge = VllmEngine(engine.engine_url, api_key=engine.engine_api_key)
    batches = plan("sim-1", turns, rubric, model=engine.model, count_tokens=len, context_tokens=16_384).batches

    async def answers() -> list[Completion]:
        try:
            return [await judge.complete(batch.request) for batch in batches]
        finally:
            await judge.aclose()

    found = [
        read_assignment(answer, questions=len(batch.turn_ids), sections=len(rubric.sections))
        for batch, answer in zip(batches, asyncio.run(answers()), strict=True)
    ]

    assert found
    assert [len(batch.turn_ids) for batch in batches] == [len(one) for one in found if isinstance(one, tuple)]


def test_a_judge_that_finds_no_section_imports_nothing(
    deployment: dict[str, str], shared_data: Path, tmp_path: Path
) -> None:
    """It says which interview, and the way out."""
    source = shared_data / "interviews" / "scientists_transcripts.csv"
    options = ("--rubric", "ai-at-work", "--sections", "judge", "--limit", str(INTERVIEWS))

    done = debrief("import", str(source), *options, env=deployment, cwd=tmp_path)

    assert 2 == done.code, done.err
    assert "the judge put no question of science_0000 into a section of rubric ai-at-work@1" in done.err
    assert "--sections whole" in done.err
    assert "nothing was imported" in done.err
