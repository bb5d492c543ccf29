"""`debrief cost month|run|interview` over a night whose costs can be worked out on paper."""

import pytest

from tests.commands import debrief
from tests.integration.storage.spending import LINES_S, a_night

WIDTH = 80


@pytest.fixture
def cost(database_url, tmp_path):
    """Runs `debrief cost` with this test's database."""

    def command(*arguments):
        env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url}
        return debrief("cost", *arguments, env=env, cwd=tmp_path)

    return command


def test_month_as_text_fits_a_terminal(cost, database):
    """Each figure with its formula; no line is longer than 80 columns."""
    a_night(database)
    shown = cost("month", "2026-11")

    assert 0 == shown.code
    assert [] == [line for line in shown.out.splitlines() if len(line) > WIDTH]
    assert "1.20 USD" in shown.out
    assert "2026-11-21" in shown.out
    assert "handed back" in shown.out


def test_json_adds_up(cost, database):
    """Lines add up to the nodes, of a month as of a run; an interview has work and waste alone."""
    a_night(database)
    month, run, interview = (
        cost(*line, "--json").json() for line in (("month", "2026-11"), ("run", "run-1"), ("interview", "iv-2"))
    )

    assert LINES_S == {name: line["node_s"] for name, line in month["lines"].items()}
    assert (1.2, 0.6, 1_200, 0.225) == (month["money"], month["per_interview"], month["node_s"], month["utilisation"])
    assert (0.9, 900, False) == (run["money"], run["node_s"], run["open"])
    assert (0.33, 330, 2) == (interview["money"], interview["node_s"], len(interview["by_claim"]))
    assert not month["estimated"]


def test_what_if_is_an_estimate(cost, database):
    """Another price, said to be one; without any, a dash and never 0."""
    a_night(database, node_hour_price=None)
    plain, asked = cost("run", "run-1"), cost("run", "run-1", "--price", "7.2")

    assert "est." not in plain.out
    assert "0.00" not in plain.out
    assert "DEBRIEF_NODE_HOUR_PRICE" in plain.out
    assert "est." in asked.out
    assert "1.80 USD" in asked.out
    assert cost("run", "run-1", "--json").json()["money"] is None


def test_run_status_tells_the_cost(cost, database, database_url, tmp_path):
    """In words and for programs."""
    a_night(database)
    env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url}
    told = debrief("run", "status", "run-1", env=env, cwd=tmp_path)
    found = debrief("run", "status", "run-1", "--json", env=env, cwd=tmp_path).json()

    assert "cost 0.9000 USD for 15.0 min of nodes" in told.out
    assert {"money": 0.9, "currency": "USD", "node_s": 900.0, "engine_s": 270.0} == found["cost"]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (("month", "2026-13"), "2026-13"),
        (("month", "x"), "year and month"),
        (("run", "night-9"), "night-9"),
        (("interview", "iv-9"), "iv-9"),
        (("run", "run-1", "--price", "cheap"), "cheap"),
        (("run", "run-1", "--price", "NaN"), "NaN"),
    ],
)
def test_what_cannot_be_is_said(cost, database, line, names):
    """Exit code 2 or 4, and what was wrong."""
    shown = cost(*line)

    assert shown.code != 0
    assert names in shown.err
