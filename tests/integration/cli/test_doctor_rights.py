"""`debrief doctor` says where the product could change what is append-only."""

from evaluator.commands.doctor import _unprotected
from evaluator.settings import Settings
from evaluator.storage.tables import APP_ROLE
from evaluator.wiring import Services
from tests.integration.storage.builders import change


def findings(database_url, tmp_path):
    """What it says of these rights."""
    services = Services(settings=Settings(home=tmp_path, database_url=database_url))
    found = list(_unprotected(services))
    services.close()
    return found


def test_nothing_is_said_where_all_is_well(database_url, tmp_path):
    """The product acts as the role that may only add."""
    assert [] == findings(database_url, tmp_path)


def test_rights_that_are_too_wide_are_said(database, database_url, tmp_path):
    """With what to do; it is no outage, so the exit code stays."""
    change(database, f"GRANT UPDATE ON scorecard TO {APP_ROLE}")

    (found,) = findings(database_url, tmp_path)

    assert ("rights", "note", 0) == (found.part, found.state, found.exit_code)
    assert APP_ROLE in found.remedy


def test_database_that_is_away_is_said_elsewhere(tmp_path):
    """Once is enough."""
    assert [] == findings("postgresql://nobody@127.0.0.1:1/none", tmp_path)
