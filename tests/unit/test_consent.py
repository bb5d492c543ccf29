"""Which of two statements of consent holds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.manifest import CONSENT_DENIED, Consent, consent_after

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def says(status: str, at: datetime | None = None) -> Consent:
    """A statement, dated or not."""
    return Consent(status=status, at=at)


HOLDS = {
    "withdrawn after granted": (says("granted", NOON), says("withdrawn", LATER), "withdrawn"),
    "withdrawn, undated": (says("granted", NOON), says("withdrawn"), "withdrawn"),
    "withdrawn at the same moment": (says("granted", NOON), says("withdrawn", NOON), "withdrawn"),
    "older withdrawal that arrives late": (says("granted", LATER), says("withdrawn", NOON), "granted"),
    "granted later": (says("withdrawn", NOON), says("granted", LATER), "granted"),
    "granted before": (says("withdrawn", LATER), says("granted", NOON), "withdrawn"),
    "granted at the same moment": (says("refused", NOON), says("granted", NOON), "refused"),
    "granted, undated": (says("refused", NOON), says("granted"), "refused"),
    "granted after an undated denial": (says("refused"), says("granted", LATER), "refused"),
    "silence after a denial": (says("withdrawn", NOON), says("unknown", LATER), "withdrawn"),
    "granted after silence": (says("unknown"), says("granted"), "granted"),
    "silence after a grant": (says("granted"), says("unknown"), "unknown"),
}


@pytest.mark.parametrize(("known", "new", "status"), HOLDS.values(), ids=HOLDS)
def test_of_two_statements(known, new, status):
    """The later one by its own date; a denial where nobody can tell."""
    assert status == consent_after(known, new).status


statements = st.builds(
    Consent,
    status=st.sampled_from(["granted", "refused", "withdrawn", "unknown"]),
    at=st.none() | st.sampled_from([NOON + timedelta(hours=n) for n in range(4)]),
)


@given(known=statements, new=statements)
def test_a_denial_ends_only_by_a_later_grant(known, new):
    """Whatever comes, in whatever order."""
    holds = consent_after(known, new)

    if known.status in CONSENT_DENIED and holds.status not in CONSENT_DENIED:
        assert "granted" == new.status
        assert known.at is not None and new.at is not None and new.at > known.at


@given(known=statements, new=statements)
def test_the_same_again_changes_nothing(known, new):
    """So a manifest may be taken in twice."""
    holds = consent_after(known, new)

    assert holds == consent_after(holds, new)
