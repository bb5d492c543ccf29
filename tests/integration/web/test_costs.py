"""The page of a month's costs, its file and its API, over a night whose costs can be worked out on paper."""

import csv
import io

import pytest

from tests.integration.storage.builders import change
from tests.integration.storage.spending import LINES_S, a_night
from tests.integration.web.conftest import a_person
from tests.integration.web.looking import each, misfits_at_each_width, signed_in, violations
from tests.integration.web.world import World, text_of


@pytest.fixture
def world(database):
    """The pages over that night."""
    a_night(database)
    return World(database)


def test_page_shows_each_line_with_its_formula(world):
    """Money, lines that add up, the night, the rubric; which month, the address says."""
    text = text_of(world.page("/costs?month=2026-11"))

    assert "Total 1.20 USD node time x its price" in text
    assert "Work 6.5 min 32.5 % 0.3900 USD" in text
    assert "Nodes 20.0 min 100.0 % 1.20 USD" in text
    assert "2026-11-21 2 20.0 min 22.5 % 12.5 % 1.20 USD" in text
    assert "backend@1 2 9.0 min 0.5400 USD" in text
    assert "handed back 1 2.5 min 0.1500 USD" in text
    assert "Nothing was measured in this month" in text_of(world.page("/costs?month=2026-10"))


def test_no_price_is_a_dash(database):
    """And another price makes an estimate of everything."""
    a_night(database, node_hour_price=None)
    world = World(database)
    plain, asked = (text_of(world.page(f"/costs?month=2026-11{more}")) for more in ("", "&node=7.2"))

    assert "no price is known" in plain
    assert "0.00" not in plain
    assert "USD est." not in plain
    assert "Total 2.40 USD est." in asked


def test_tokens_of_few_interviews_are_hidden(world, database):
    """They would tell how much the judge wrote about one; of many they are shown, and compared."""
    address = "/costs?month=2026-11&prompt=10&completion=100"
    few = text_of(world.page(address))
    change(database, "UPDATE node_session SET settled_until = ended_at")
    change(
        database,
        "INSERT INTO claim_cost SELECT 1, 9, '2026-11-21T22:00Z', 'life-1', 1, 'done', "
        "60, 0, 30, 20, 20, 0, 900, 500, 70",
    )
    many = text_of(world.page(address))

    assert "no tokens are shown" in few
    assert "The same tokens" not in few
    assert "Nothing is compared with an API" in few
    assert "Nothing is compared with an API" not in many
    assert "The same tokens at these prices: 0.01600 USD est. What was measured costs 3.8 times as much, " in many
    assert "at 1,200.0 interviews an hour of node time; it breaks even at 4,500.0." in many
    assert "(400 x 10 + 500 cached x 10 + 70 x 100) / 1,000,000" in many


@pytest.mark.parametrize("query", ["month=2026-13", "month=1", "month=2026-11&node=cheap", "month=2026-11&prompt=-1"])
def test_what_cannot_be_is_refused(world, query):
    """With a page that says so."""
    answer = world.client.get(f"/costs?{query}")

    assert answer.status_code in (400, 422)


def test_file_has_a_line_per_night(world):
    """Its lines add up."""
    answer = world.client.get("/costs.csv?month=2026-11")
    (row,) = csv.DictReader(io.StringIO(answer.text))

    assert "2026-11-21" == row["night"]
    assert LINES_S == {name: float(row[f"{name}_s"]) for name in LINES_S}
    assert ("1.2", "USD") == (row["money"], row["currency"])


def test_api_tells_month_and_run(world):
    """The same numbers; a month that is none is refused."""
    month = world.client.get("/v1/costs?month=2026-11").json()
    run = world.client.get("/v1/runs/run-1/cost").json()

    assert (1.2, 1_200.0, 2) == (month["money"], month["node_s"], month["interviews"])
    assert LINES_S == {name: line["node_s"] for name, line in month["lines"].items()}
    assert (0.9, False) == (run["money"], run["open"])
    assert 422 == world.client.get("/v1/costs?month=2026-99").status_code
    assert 404 == world.client.get("/v1/runs/night-9/cost").status_code


def test_run_page_tells_its_cost_to_who_may_know(world, database):
    """Recruiters and administrators; nobody else finds the way."""
    recruiter = world.visitor(a_person(database, "rita", roles=[("REQ-1", "recruiter")]))
    reviewer = world.visitor(a_person(database, "rob", roles=[("REQ-1", "reviewer")]))

    assert "Cost 0.9000 USD for 15.0 min of nodes" in text_of(world.page("/runs/run-1"))
    assert 200 == recruiter.get("/costs").status_code
    assert reviewer.get("/costs").status_code in (403, 404)
    assert 'href="/costs"' not in reviewer.get("/interviews").text


def test_page_in_a_browser(world, browser):
    """No axe violation in light or dark, and nothing wider than a telephone."""
    with signed_in(world, browser) as visit:
        address = "/costs?month=2026-11&node=2"
        found = [violations(page, each(page, [address])) for page in map(_in(visit), ("light", "dark"))]
        misfits = misfits_at_each_width(visit, [address])

    assert [{}, {}] == found
    assert [] == misfits


def _in(visit):
    return lambda scheme: visit(color_scheme=scheme)
