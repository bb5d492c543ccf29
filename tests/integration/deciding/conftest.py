"""One scorecard, and people with every role in its requisition."""

import pytest

from tests.integration.deciding.acts import Acts, somebody
from tests.integration.storage.builders import scored


@pytest.fixture
def acts(database):
    """The operations on one scorecard."""
    return Acts(database, scored(database)[0])


@pytest.fixture
def ada(database, acts):
    """A reviewer."""
    return somebody(database, "ada")


@pytest.fixture
def bob(database, acts):
    """Another one."""
    return somebody(database, "bob")


@pytest.fixture
def rita(database, acts):
    """A recruiter."""
    return somebody(database, "rita", "recruiter")


@pytest.fixture
def hana(database, acts):
    """A hiring manager."""
    return somebody(database, "hana", "hiring_manager")
