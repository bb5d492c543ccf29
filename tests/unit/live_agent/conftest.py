"""A small rubric to interview by, and the way to make one of another shape."""

from typing import Any

import pytest

from rubrics.library import library
from rubrics.model import Rubric


def criterion(name: str) -> dict[str, Any]:
    """A criterion whose anchors can be told apart."""
    return {
        "id": name,
        "name": f"The {name}",
        "definition": f"How the answer shows {name}.",
        "anchors": {level: f"Shows {name} in {level} of five ways." for level in range(1, 6)},
    }


def section(name: str, *, questions: int = 2, follow_ups: int = 2, minutes: float = 5) -> dict[str, Any]:
    """A section with one criterion to each of its first two questions."""
    return {
        "id": name,
        "title": name.title(),
        "intro": f"Now we talk about {name}.",
        "questions": [f"Question {n} about {name}?" for n in range(1, questions + 1)],
        "follow_ups": [f"More {n} about {name}?" for n in range(1, follow_ups + 1)],
        "time_budget_minutes": minutes,
        "criteria": [criterion(f"{name}-{n}") for n in range(1, min(questions, 2) + 1)],
    }


def rubric_of(*sections: dict[str, Any], opening: str = "Hello.") -> Rubric:
    """A rubric of those sections."""
    return Rubric.model_validate(
        {
            "id": "small",
            "version": "1",
            "title": "Small",
            "role": "Somebody",
            "opening": opening,
            "closing": "Goodbye.",
            "sections": sections,
        }
    )


@pytest.fixture
def rubric() -> Rubric:
    """Two sections of two questions each."""
    return rubric_of(section("first"), section("second"))


@pytest.fixture(params=["backend-eng", "customer-sales", "ai-at-work"])
def shipped(request: pytest.FixtureRequest) -> Rubric:
    """Each of the rubrics that the package ships."""
    return library().find(request.param)


@pytest.fixture(params=["backend-eng", "customer-sales", "ai-at-work"])
def banked(request: pytest.FixtureRequest) -> Rubric:
    """Each of the shipped rubrics that has a phrase bank of its own."""
    return library().find(request.param)


@pytest.fixture
def build():
    """`build(section(...), ...)`: a rubric of another shape."""
    return lambda *sections, **more: rubric_of(*(section(**s) for s in sections), **more)
