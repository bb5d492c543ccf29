"""A whole interview in the terminal, through the framework's session and the real engine, to a scorecard."""

import json
from pathlib import Path

import pytest

from live_agent.simulate.candidate import SimulatedCandidate
from live_agent.simulate.interview import draw_abilities
from rubrics.library import library
from tests.commands import debrief

pytestmark = pytest.mark.vllm

RUBRIC = library().find("customer-sales")


def _lines() -> str:
    """What somebody types: a yes, then long answers, of which there are more than questions."""
    simulated = SimulatedCandidate(RUBRIC, draw_abilities(RUBRIC, seed="console"), seed="console")
    answers = [
        f"{talk.to_question(number, follow_up_left=False).text or 'I cannot think of anything.'} And that is all of it."
        for section in RUBRIC.sections
        for talk in [simulated.enters(section)]
        for number in range(1, len(section.questions) + 1)
    ]
    return "\n".join(["Yes, that is fine.", *answers, *["That is all that I can say about it."] * 40]) + "\n"


def test_an_interview_in_the_terminal_ends_as_a_scorecard(deployment: dict[str, str], tmp_path: Path) -> None:
    """With a model that cannot converse beside it: the script carries the interview, and the judge scores it."""
    options = ("--req", "REQ-1", "--interview", "iv-console", "--text", "--model", "--json")
    talked = debrief("agent", "console", "customer-sales", *options, env=deployment, cwd=tmp_path, stdin=_lines())
    taken_in = debrief("intake", "--json", env=deployment, cwd=tmp_path)
    ran = debrief("run", "start", "--json", env=deployment, cwd=tmp_path)
    shown = debrief("scorecard", "show", "iv-console", "--json", env=deployment, cwd=tmp_path)

    told = {"interview": "iv-console", "kept": True, "consent": "granted", "outcome": "handed_over"}
    assert told == talked.json(), talked.err
    assert (0, 1) == (taken_in.code, taken_in.json()["new"])
    assert 0 == ran.code, ran.err
    assert "iv-console" == json.loads(shown.out)["interview_id"]
    assert all(question in talked.err for section in RUBRIC.sections for question in section.questions)
