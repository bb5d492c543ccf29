"""JSON from outside, checked for what PostgreSQL cannot keep."""

import re
from collections.abc import Mapping
from typing import Any

from evaluator.errors import UsageFault
from evaluator.values import canonical

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # as JSON spells it; a backslash before it makes it text


def keepable(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The object itself; UsageFault for NUL characters, halves of surrogate pairs, NaN and infinity, or no JSON."""
    try:
        spelled = canonical(value)
    except (RecursionError, TypeError, ValueError) as error:  # a half of a surrogate pair is a ValueError too
        raise UsageFault(f"{what} holds what cannot be kept: {type(error).__name__}") from None
    if _NUL.search(spelled):
        raise UsageFault(f"{what} holds a NUL character; remove it")
    return dict(value)
