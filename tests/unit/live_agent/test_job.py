"""A dispatch's metadata is from outside: it is a job, or refused without a word of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import UsageFault
from live_agent.job import BYTES_MAX, job_of

WHOLE = {"interview_id": "iv-1", "candidate_ref": "C-1", "requisition": "REQ-1", "rubric": "backend-eng@1"}


def test_a_job_names_the_interview():
    """And what it is for."""
    job = job_of(json.dumps(WHOLE), "interview-iv-1")

    assert ("iv-1", "C-1", "REQ-1", "backend-eng@1") == (
        job.interview_id,
        job.candidate_ref,
        job.requisition,
        job.rubric,
    )


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"interview_id": "../x"}, "interview_id"),
        ({"rubric": "a b"}, "rubric"),
        ({"schema_version": 2}, "schema_version"),
        ({"Ann Example": "1"}, "an unknown field"),
        ({"time_budget_minutes": 0}, "time_budget_minutes"),
        ({"candidate_ref": None}, "candidate_ref"),
    ],
)
def test_a_faulty_field_is_named(update, said):
    """Its value never is."""
    with pytest.raises(UsageFault, match=said) as caught:
        job_of(json.dumps({**WHOLE, **update}), "interview-iv-1")

    assert not any(str(value) in str(caught.value) for value in ("../x", "a b", "Ann"))


def test_the_room_must_lead_back_to_the_interview():
    """Or its recording would be another's."""
    with pytest.raises(UsageFault, match="must be called interview-iv-1"):
        job_of(json.dumps(WHOLE), "interview-iv-2")


def test_metadata_has_a_limit():
    """It is refused unread."""
    with pytest.raises(UsageFault, match="more than"):
        job_of(" " * BYTES_MAX + json.dumps(WHOLE), "interview-iv-1")


@given(
    st.text(max_size=300)
    | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_any_metadata_is_a_job_or_refused(text):
    """Nothing else is raised."""
    with pytest.raises(UsageFault):
        job_of(text, "interview-iv-1")
