"""Interviews that are scored already, on a real PostgreSQL, and judges whose noise is known."""

import re
from collections.abc import Callable

import pytest

from evaluator.judging import JudgeRequest
from evaluator.pipeline import Tools
from evaluator.ports import ObjectStore
from evaluator.storage.database import Database
from evaluator.storage.evaluations import finalize
from tests.factories import a_completion, a_rubric, an_answer
from tests.fakes import MemoryStore, ScriptedJudge, count_words, first_id
from tests.integration.storage.builders import a_claim, a_manifest, a_scorecard, begin, stock
from tests.integration.workers.fleet import the_transcript

RUBRIC = a_rubric()
CALLS = 3  # sections of an interview
Level = Callable[[JudgeRequest, int, str], int]  # of the request, for the n-th criterion, by its name


@pytest.fixture
def scored_interviews(database: Database) -> Callable[..., None]:
    """Takes in iv-1 ... iv-n, their transcripts in the store, each with a done evaluation."""

    def make(store: ObjectStore, interviews: int) -> None:
        manifests = []
        for n in range(1, interviews + 1):
            transcript = the_transcript(n)
            manifests.append(a_manifest(f"iv-{n}", transcript=transcript))
            store.create(manifests[-1].transcript.key, transcript.to_bytes())
        stock(database, *manifests, rubric=RUBRIC)
        begin(database)
        for _ in range(interviews):
            claim = a_claim(database)
            with database.begin() as db:
                finalize(db, claim, a_scorecard(claim), {})

    return make


def a_judge(level: Level) -> ScriptedJudge:
    """Answers each criterion with a level that may depend on anything it is shown."""

    def answer(request: JudgeRequest):
        names = re.findall(r"^## c\d (.+)$", request.system, re.MULTILINE)
        levels = [level(request, n, name) for n, name in enumerate(names)]
        return a_completion(text=an_answer(levels, [[first_id(request)]] * len(levels)))

    return ScriptedJudge(answer)


def some_tools(store: MemoryStore, judge: ScriptedJudge) -> Tools:
    """As a measurement has them."""
    return Tools(store=store, judge=judge, count_tokens=count_words, context_tokens=16_384)
