"""What a room's dispatch tells the agent: which interview, with whom, for what, by which rubric."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from evaluator.errors import UsageFault
from evaluator.values import Frozen, Id
from live_agent.egress import room_of

BYTES_MAX = 16 * 1024
RUBRIC_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(@[0-9]{1,6}(\.[0-9]{1,6}){0,2})?$"


class Job(Frozen):
    """A dispatch's metadata, as JSON."""

    schema_version: Literal[1] = 1
    interview_id: Id
    candidate_ref: Id
    requisition: Id
    rubric: Annotated[str, Field(pattern=RUBRIC_PATTERN)]  # id or id@version
    # Who in the room is interviewed; never logged, for it may be a name.
    candidate_identity: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    time_budget_minutes: Annotated[float, Field(ge=1, le=240)] | None = None


def job_of(metadata: str, room: str) -> Job:
    """The job; UsageFault names the faulty fields and never repeats a value.

    room: its name must lead back to the interview, or its recording could not be told from another's.
    """
    if len(metadata.encode("utf-8", "replace")) > BYTES_MAX:
        raise UsageFault(f"the job's metadata has more than {BYTES_MAX} bytes")
    try:
        job = Job.model_validate_json(metadata)
    except ValidationError as error:
        faults = [
            f"{_named(fault)}: {fault['msg'].partition(' at ')[0]}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise UsageFault(f"the job's metadata cannot be used: {'; '.join(faults[:10])}") from None
    if room != room_of(job.interview_id):
        raise UsageFault(f"interview {job.interview_id}: its room must be called {room_of(job.interview_id)}")
    return job


def _named(fault: ErrorDetails) -> str:
    """The field, where it is one of ours; another's name may be anything."""
    if fault["type"] == "extra_forbidden":
        return "an unknown field"
    return ".".join(map(str, fault["loc"])) or "it"
