"""The pages: each gathers from PostgreSQL and the store, builds a view, and renders it."""

from evaluator.web.pages.interviews import PAGE_LENGTH, InterviewPages
from evaluator.web.pages.requisitions import RequisitionPages
from evaluator.web.pages.rubrics import RubricPages
from evaluator.web.pages.runs import RunPages
from evaluator.web.pages.scorecards import ScorecardPages
from evaluator.web.pages.service import ServicePages
from evaluator.web.pages.site import Site
from evaluator.web.pages.transcripts import TranscriptPages

__all__ = [
    "PAGE_LENGTH",
    "InterviewPages",
    "RequisitionPages",
    "RubricPages",
    "RunPages",
    "ScorecardPages",
    "ServicePages",
    "Site",
    "TranscriptPages",
]
