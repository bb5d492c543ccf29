"""What a form sent, for handlers whose fields have names that depend on the rubric."""

from typing import Annotated

from fastapi import Depends, Request

from evaluator.web.field_view import Fields
from evaluator.web.rights import FIELDS_MAX

SEE_OTHER = 303


async def _fields(request: Request) -> Fields:
    """Files are no fields of ours."""
    form = await request.form(max_files=0, max_fields=FIELDS_MAX)
    return Fields(tuple((name, value) for name, value in form.multi_items() if isinstance(value, str)))


AsFields = Annotated[Fields, Depends(_fields)]
