"""The pages: each gathers from PostgreSQL and the store, builds a view, and renders it."""

from collections.abc import Callable

from fastapi import FastAPI

from evaluator.web.pages import (
    assigning,
    audit,
    compare,
    costs,
    decisions,
    exports,
    health,
    interviews,
    operating,
    recordings,
    requisition,
    requisitions,
    reviews,
    rubrics,
    runs,
    schedules,
    scorecards,
    service,
    transcripts,
    webhooks,
)
from evaluator.web.pages.site import Site

# Each module says its own routes and what they need; the order is that of matching.
ATTACHED: tuple[Callable[[FastAPI, Site], None], ...] = (
    service.attach,
    interviews.attach,
    scorecards.attach,
    transcripts.attach,
    rubrics.attach,
    runs.attach,
    schedules.attach,
    costs.attach,
    requisitions.attach,
    recordings.attach,
    audit.attach,
    reviews.attach,
    decisions.attach,
    exports.attach,
    compare.attach,
    requisition.attach,
    assigning.attach,
    operating.attach,
    webhooks.attach,
    health.attach,
)
