"""The pages in a real Chromium: no axe violation in light or dark, nothing wider than the window, targets of 24 px."""

import pytest

from evaluator.adapters.engine_load import EngineLoad
from evaluator.human import Dismissed, Final
from evaluator.manifest import RecordingRef
from tests.factories import MODEL
from tests.integration.web.conftest import a_person
from tests.integration.web.looking import each, misfits_at_each_width, signed_in, violations
from tests.integration.web.world import World, a_review

PRESENT = RecordingRef(status="present", key="interviews/iv-1/recording.ogg", media_type="audio/ogg")


def populated(database):
    """One of everything: scored, overridden, dismissed, locked, waiting, blocked, running; the pages' addresses."""
    load = EngineLoad(running=24, waiting=3, kv_usage=0.71, prefix_queries=100, prefix_hits=83)
    world = World(database, engine_load=lambda: load)
    ada = a_person(database, "ada", roles=[("REQ-114", "reviewer")])
    for n in range(1, 5):
        world.interview(f"iv-{n}", recording=PRESENT if n == 1 else RecordingRef(status="none"))
    world.store.create(PRESENT.key, b"OggS")
    world.interview("iv-5", requisition="REQ-BLIND")
    world.interview("iv-6", consent="refused")
    world.interview("iv-7")
    world.interview("iv-8", ending="incomplete", sections_reached=1, wants_person=True)
    world.run()
    cards = [world.score() for _ in range(5)]
    world.add(cards[0], ada, a_review(world.rubric, level=2))
    text = "Names the trade-off at the very end."
    world.add(cards[0], ada, Final(criterion_id="depth", old=4, new=5, reason="missed_evidence", text=text), 1)
    world.add(cards[1], ada, Dismissed(cause="audio", text="Half of it is another call."))
    world.claim(model=MODEL)
    world.blind("REQ-BLIND")
    return world, (
        "/interviews",
        "/interviews?state=needs_review&alerts=yes",
        "/interviews?q=nobody",
        "/interviews/iv-1",
        "/interviews/iv-8",
        "/interviews/iv-1/transcript",
        f"/scorecards/{cards[0]}",
        f"/scorecards/{cards[1]}",
        f"/scorecards/{cards[0]}/explanation?contact=people@acme.example",
        "/scorecards/iv-5",
        "/rubrics",
        "/rubrics/backend/1",
        "/runs",
        "/runs/night-1",
        "/runs/night-1/report",
        "/requisitions",
        "/api",
        "/audit",
        "/audit?action=nothing",
        "/runs/nothing",
        "/costs",
    )


@pytest.fixture
def opened(database, browser):
    """A way to open the pages as the administrator, with settings of the browser."""
    world, addresses = populated(database)
    with signed_in(world, browser) as visit:
        yield visit, addresses


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, scheme):
    """Every page, with all details opened, by WCAG 2.2 AA and axe's own best practices."""
    visit, addresses = opened
    page = visit(color_scheme=scheme)

    assert {} == violations(page, each(page, addresses))


def test_nothing_is_wider_than_the_window_and_no_target_is_small(opened):
    """From a telephone to a wide screen."""
    visit, addresses = opened

    assert [] == misfits_at_each_width(visit, addresses)


def test_every_page_works_without_scripts(opened):
    """Filters are a form, the player is the browser's, and details open by themselves."""
    visit, _ = opened
    page = visit(java_script_enabled=False)
    page.goto("/interviews")
    page.get_by_label("Search").fill("iv-3")
    page.get_by_role("button", name="Show").click()

    assert page.url.endswith(
        "/interviews?q=iv-3&requisition=&state=&sort=-intake&rubric=&reviewer=&alerts=&since=&until="
    )
    assert 1 == page.locator("table.list tbody tr").count()


def test_the_chosen_are_counted(opened):
    """The button says how many would be compared."""
    visit, _ = opened
    page = visit()
    page.goto("/interviews")
    boxes = page.locator('input[name="c"]')
    boxes.nth(0).check()
    boxes.nth(1).check()

    assert page.get_by_role("button", name="Compare the chosen (2)").is_visible()
