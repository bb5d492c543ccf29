"""The pages over the services of a command: what `serve` and `demo` serve alike."""

from typing import TYPE_CHECKING

from evaluator import __version__
from evaluator.commands.readiness import checks, engine_load, queue_length
from evaluator.wiring import Services

if TYPE_CHECKING:
    from fastapi import FastAPI

    from evaluator.web.identity import Access


def pages_of(found: Services, access: "Access") -> "FastAPI":
    """The application; nothing is opened before its first request."""
    from evaluator.web.app import create_app

    return create_app(
        found.page_database,
        found.store,
        version=__version__,
        access=access,
        webhooks=found.webhooks,
        require_consent=found.settings.require_consent,
        judge=found.page_judge,
        checks=checks(found),
        queue_length=queue_length(found),
        engine_load=engine_load(found),
        priced=found.settings.priced,
        currency=found.settings.currency,
    )
