"""The pages in a real Chromium: no axe violation in light or dark, nothing wider than the window, targets of 24 px."""

from collections import Counter

import pytest
from axe_playwright_python.sync_playwright import Axe

from evaluator.human import Dismissed, Final
from evaluator.manifest import RecordingRef
from evaluator.web.serving import serving
from tests.factories import MODEL
from tests.integration.web.conftest import a_person
from tests.integration.web.world import World, a_review

WIDTHS = (360, 768, 1280, 1920)
PRESENT = RecordingRef(status="present", key="interviews/iv-1/recording.ogg", media_type="audio/ogg")

# Links inside a sentence may be lower than 24 px by WCAG 2.5.8; everything else may not.
SMALL_TARGETS = """
() => [...document.querySelectorAll("a[href], button, input, select, summary")].filter((e) => {
  const box = e.getBoundingClientRect();
  if (!box.width || !box.height || e.type === "hidden" || e.closest(".skip")) return false;
  const inline = getComputedStyle(e).display === "inline";
  return !inline && (box.height < 23.5 || box.width < 15);
}).map((e) => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`)
"""


def populated(database):
    """One of everything: scored, overridden, dismissed, locked, waiting, blocked, running; the pages' addresses."""
    world = World(database)
    ada = a_person(database, "ada", roles=[("REQ-114", "reviewer")])
    for n in range(1, 5):
        world.interview(f"iv-{n}", recording=PRESENT if n == 1 else RecordingRef(status="none"))
    world.store.create(PRESENT.key, b"OggS")
    world.interview("iv-5", requisition="REQ-BLIND")
    world.interview("iv-6", consent="refused")
    world.interview("iv-7")
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
        "/interviews/iv-1/transcript",
        f"/scorecards/{cards[0]}",
        f"/scorecards/{cards[1]}",
        f"/scorecards/{cards[0]}/explanation?contact=people@acme.example",
        "/scorecards/iv-5",
        "/rubrics",
        "/rubrics/backend/1",
        "/runs",
        "/runs/night-1",
        "/requisitions",
        "/api",
        "/audit",
        "/audit?action=nothing",
        "/runs/nothing",
    )


@pytest.fixture
def opened(database, browser):
    """A way to open the pages as the administrator, with settings of the browser."""
    world, addresses = populated(database)
    cookie = next(iter(world.client.cookies.jar))
    contexts = []
    with serving(world.app, "127.0.0.1", 0) as url:

        def visit(**settings):
            context = browser.new_context(base_url=url, **settings)
            context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])
            contexts.append(context)
            return context.new_page()

        yield visit, addresses
        for context in contexts:
            context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, scheme):
    """Every page, with all details opened, by WCAG 2.2 AA and axe's own best practices."""
    visit, addresses = opened
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    found = Counter()
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        for violation in Axe().run(page).response["violations"]:
            for node in violation["nodes"]:
                found[address, violation["id"], node["html"][:90]] += 1

    assert {} == dict(found)


def test_nothing_is_wider_than_the_window_and_no_target_is_small(opened):
    """From a telephone to a wide screen."""
    visit, addresses = opened
    faults = []
    for width in WIDTHS:
        page = visit(viewport={"width": width, "height": 900})
        for address in addresses:
            page.goto(address)
            wide = page.evaluate("document.documentElement.scrollWidth")
            faults += [(width, address, f"{wide} px wide")] if wide > width else []
            faults += [(width, address, small) for small in page.evaluate(SMALL_TARGETS)]

    assert [] == faults


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
