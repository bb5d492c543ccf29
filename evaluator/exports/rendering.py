"""Our templates for documents; whatever comes from outside is text in them, never markup."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from evaluator.words import iso, utc

QUOTE_CHARS_MAX = 1_500  # an utterance has about 60 words; one endless word would take minutes to set
CUT = " […]"


def environment_of(package: str) -> Environment:
    """The templates of that package's folder `templates`."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,  # always: whatever the template's name, nothing from outside is markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(utc=utc, iso=iso)
    return environment


@cache
def _environment() -> Environment:
    environment = environment_of("evaluator.exports")
    environment.filters["clipped"] = clipped
    return environment


def clipped(quote: str) -> str:
    """What was said, cut with a mark where it is longer than any utterance should be."""
    return quote if len(quote) <= QUOTE_CHARS_MAX else quote[:QUOTE_CHARS_MAX] + CUT


def rendered(template: str, **values: Any) -> str:
    """The whole HTML document of a template in `templates/`; it names nothing that would have to be fetched."""
    return _environment().get_template(template).render(**values)
