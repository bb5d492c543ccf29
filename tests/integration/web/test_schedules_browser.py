"""Night runs in a real Chromium: axe in both colour schemes, widths from a telephone on, and without scripts."""

from datetime import UTC, datetime, timedelta

import pytest

from evaluator.storage.schedules import open_due_nights
from tests.integration.storage.builders import change
from tests.integration.web.looking import each, misfits_at_each_width, signed_in, violations
from tests.integration.web.test_schedules import FORM, JUDGE
from tests.integration.web.world import World


def populated(database):
    """A schedule with nights of each kind, one that is paused, one that cannot begin; the pages' addresses."""
    world = World(database, judge=JUDGE)
    world.interview()
    begun = datetime.now(UTC) - timedelta(minutes=5)
    form = {**FORM, "csrf": world.client.csrf}
    now = {"at": f"{begun:%H:%M}", "zone": "UTC", "until": "", "days": list("0123456")}
    world.client.post("/schedules", data={**form, **now})
    change(database, "UPDATE schedule SET since = since - interval '4 days'")
    with database.begin() as db:
        (run,) = open_due_nights(db, lambda: JUDGE, priced=False).opened
    change(
        database,
        "UPDATE schedule_night SET outcome = 'nothing', detail = '2 blocked' "
        "WHERE night = (SELECT min(night) FROM schedule_night)",
    )
    world.client.post("/schedules", data={**form, "name": "paused", "requisition": "REQ-114", "until": "8h"})
    world.client.post("/schedules/paused/pause", data=form)
    world.client.post("/schedules", data={**form, "name": "weekend", "days": ["5", "6"], "only": "stale"})
    trouble = "a budget in money needs a price: set DEBRIEF_NODE_HOUR_PRICE"
    change(database, "UPDATE schedule SET trouble = :why WHERE name = 'weekend'", why=trouble)
    return world, ("/schedules", "/schedules/night/remove", "/runs", f"/runs/{run}")


@pytest.fixture
def opened(database, browser):
    """A way to open the pages as the administrator, with settings of the browser."""
    world, addresses = populated(database)
    with signed_in(world, browser) as visit:
        yield visit, addresses


def refused(page):
    """The form after something that cannot be."""
    page.goto("/schedules")
    page.get_by_label("Name; its runs").fill("another")
    page.get_by_label("By the clock of").fill("Europe/Berln")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_load_state()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violations(opened, scheme):
    """Of WCAG 2.2 AA, in both colour schemes, also with a fault."""
    visit, addresses = opened
    page = visit(color_scheme=scheme)

    assert {} == violations(page, each(page, (*addresses, refused)))


def test_no_misfits(opened):
    """Nothing is wider than its window or too small to hit."""
    visit, addresses = opened

    assert [] == misfits_at_each_width(visit, (*addresses, refused))


def test_it_works_without_scripts(opened):
    """A schedule is added, paused and removed with forms alone; what was typed stays where it was refused."""
    visit, _ = opened
    page = visit(java_script_enabled=False)
    refused(page)
    told = page.get_by_role("alert").inner_text()
    kept = page.get_by_label("Name; its runs").input_value()
    page.get_by_label("By the clock of").fill("Europe/Berlin")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Pause another").click()
    page.get_by_role("button", name="Resume another").wait_for()
    page.get_by_role("button", name="Remove another").click()
    page.get_by_role("button", name="Remove it").click()

    assert "did you mean Europe/Berlin" in told
    assert "another" == kept
    assert 0 == page.get_by_role("button", name="Pause another").count()
