"""A small rubric with intros that are alike, and the real interviews, read once."""

import pytest

from evaluator.formats import Record, read
from rubrics.model import Rubric

ANCHORS = {level: f"Behaviour of level {level}." for level in range(1, 6)}
INTROS = {
    "design": "Thank you. In the next part I would like to talk with you about system design.",
    "review": "Thank you. In the next part I would like to talk with you about code review.",
    "team": "Now let's turn to your team: how do you work with others?",
}


@pytest.fixture(scope="session")
def rubric() -> Rubric:
    """Three sections; the first two intros share all but two words."""
    return Rubric.model_validate(
        {
            "id": "backend",
            "version": "1.0",
            "title": "Backend",
            "role": "Engineer",
            "opening": "Hello and welcome.",
            "closing": "That was my last question, thank you for your time.",
            "sections": [
                {
                    "id": section,
                    "title": section,
                    "intro": intro,
                    "questions": ["Why?"],
                    "time_budget_minutes": 5,
                    "criteria": [{"id": f"{section}-c", "name": "C", "definition": "D", "anchors": ANCHORS}],
                }
                for section, intro in INTROS.items()
            ],
        }
    )


@pytest.fixture(scope="session")
def interviews(shared_data) -> dict[str, tuple[Record, ...]]:
    """The 150 real interviews, by file."""
    return {
        path.name: read(path.read_bytes(), path.name) for path in sorted((shared_data / "interviews").glob("*.csv"))
    }
