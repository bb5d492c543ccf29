"""The JSON API under `/v1`: what the pages do, for programs; each module brings its routes with what they need."""

from collections.abc import Callable

from fastapi import FastAPI

from evaluator.web.api import (
    audit,
    compare,
    costs,
    document,
    exports,
    interviews,
    mine,
    operating,
    recordings,
    records,
    requisitions,
    reviewers,
    rubrics,
    runs,
    schedules,
    scorecards,
    webhooks,
)
from evaluator.web.pages.site import Site

ATTACHED: tuple[Callable[[FastAPI, Site], None], ...] = (
    recordings.attach,
    audit.attach,
    exports.attach,
    compare.attach,
    records.attach,
    requisitions.attach,
    reviewers.attach,
    operating.attach,
    webhooks.attach,
    interviews.attach,
    scorecards.attach,
    rubrics.attach,
    runs.attach,
    schedules.attach,
    costs.attach,
    mine.attach,
    document.attach,
)
