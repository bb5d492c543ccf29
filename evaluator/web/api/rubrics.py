"""Rubrics by the API: the released versions, and each of them whole."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import ConfigDict, Field

from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import ReleasedRubric, released
from evaluator.values import Frozen, Moment, Sha256
from evaluator.web.api.conventions import Page, answer
from evaluator.web.api.publishing import Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import Globally
from rubrics.model import Rubric

_LEVELS = {str(level): f"Behaviour that earns level {level}." for level in range(1, 6)}
_EXAMPLE: dict[str, Any] = {
    "id": "backend-eng",
    "version": "4",
    "title": "Backend engineer",
    "role": "Backend engineer",
    "language": "en",
    "opening": "Welcome.",
    "closing": "Thank you.",
    "rationale": "none",
    "sections": [
        {
            "id": "design",
            "title": "System design",
            "intro": "Let us talk about design.",
            "questions": ["Which system did you split?"],
            "follow_ups": [],
            "time_budget_minutes": 8,
            "criteria": [
                {
                    "id": "depth",
                    "name": "Depth",
                    "definition": "Names components and what they cost.",
                    "anchors": _LEVELS,
                    "weight": 1,
                    "weight_rationale": None,
                    "required": False,
                    "examples": [],
                }
            ],
        }
    ],
}


class RubricItem(Frozen):
    """A released version; it never changes."""

    ref: str = Field(description="`id@version`", examples=["backend-eng@4"])
    id: str = Field(examples=["backend-eng"])
    version: str = Field(examples=["4"])
    title: str = Field(examples=["Backend engineer"])
    role: str = Field(examples=["Backend engineer"])
    sections: int = Field(examples=[3])
    criteria: int = Field(examples=[7])
    released_at: Moment = Field(examples=["2026-11-02T09:00:00Z"])
    digest: Sha256 = Field(examples=["0" * 64])

    @classmethod
    def of(cls, row: ReleasedRubric) -> "RubricItem":
        """How many interviews it is meant for stays out: that counts in requisitions that one may not see."""
        return cls(ref=f"{row.id}@{row.version}", **row.model_dump(exclude={"interviews"}))


class RubricAnswer(Frozen):
    """One version whole."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ref": "backend-eng@4", "digest": "0" * 64, "rubric": _EXAMPLE}]}
    )

    ref: str
    digest: Sha256 = Field(description="sha256 of its canonical JSON; scorecards name it.")
    rubric: Rubric


@dataclass(frozen=True, kw_only=True, slots=True)
class RubricApi:
    """The handlers."""

    site: Site

    def rubrics(self, request: Request) -> Response:
        """All released rubric versions by id, the newest of each first."""
        with self.site.database.begin() as db:
            found = released(db)
        return answer(request, Page[RubricItem](items=tuple(RubricItem.of(row) for row in found)))

    def rubric(self, request: Request, rubric_id: Name, version: Name) -> Response:
        """One version with its sections, questions, criteria and anchors."""
        with self.site.database.begin() as db:
            rubric = load_rubric(db, rubric_id, version)
        value: dict[str, Any] = {"ref": rubric.ref, "digest": rubric.digest, "rubric": rubric}
        return answer(request, value)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api, needs = RubricApi(site=site), Globally("see_rubrics")
    publish(app, "/v1/rubrics", api.rubrics, needs=needs, answers=Page[RubricItem])
    publish(app, "/v1/rubrics/{rubric_id}/{version}", api.rubric, needs=needs, answers=RubricAnswer)
