"""The comparison in a real Chromium: no axe violation, nothing wider than the window, keys alone, scripts or none."""

import pytest

from evaluator.human import Final
from evaluator.manifest import RecordingRef
from tests.integration.web.compared import GENEROUS, SEVERE, measure_noise, rescore, score_all, take_in
from tests.integration.web.conftest import a_person
from tests.integration.web.keyboard import focused, press, seen, tab_to, type_text
from tests.integration.web.looking import each, misfits_at_each_width, signed_in, violations
from tests.integration.web.world import World, a_review

PRESENT = RecordingRef(status="present", key="interviews/iv-1/recording.ogg", media_type="audio/ogg")
TABLE = "/compare?c=iv-1&c=iv-2&c=iv-3"
TWELVE = [f"iv-{n}" for n in range(1, 13)]


def populated(database):
    """Levels of the judge's and of people's, ties, gaps, a lock, an older scorecard; and one without any."""
    world = World(database)
    ada = a_person(database, "ada", roles=[("REQ-114", "reviewer")])
    take_in(world, "iv-1", recording=PRESENT)
    take_in(world, *TWELVE[1:4], *TWELVE[5:])
    take_in(world, "iv-5", requisition="REQ-BLIND")
    cards = score_all(world, {"iv-2": SEVERE, "iv-3": GENEROUS})
    take_in(world, "iv-13", "iv-14")
    measure_noise(world)
    world.add(cards["iv-1"], ada, a_review(world.rubric))
    text = "Names the trade-off at the very end."
    world.add(cards["iv-1"], ada, Final(criterion_id="depth", old=4, new=5, reason="missed_evidence", text=text), 1)
    rescore(world, "iv-4", SEVERE)
    world.blind("REQ-BLIND")
    everybody = "&".join(f"c={name}" for name in TWELVE)
    return world, (
        "/compare",
        "/compare?c=iv-1",
        f"{TABLE}&pin=iv-2",
        f"{TABLE}&mode=human&c=iv-5",
        f"{TABLE}&show=strips&c=iv-5",
        f"/compare?c={cards['iv-4']}&c=iv-6&mode=ai",
        f"/compare?{everybody}",
        f"/compare?{everybody}&show=strips",
        f"/compare?{everybody}&c=iv-13",
        "/compare?c=iv-1&c=iv-2&c=iv-13&c=iv-14",
        "/compare?c=iv-1&c=nobody",
        f"{TABLE}&c=iv-5&order=score",
    )


@pytest.fixture
def opened(database, browser):
    """A way to open the pages as the administrator, with settings of the browser."""
    world, addresses = populated(database)
    with signed_in(world, browser) as visit:
        yield visit, addresses


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, scheme):
    """Every state, with all details opened."""
    visit, addresses = opened
    page = visit(color_scheme=scheme)

    assert {} == violations(page, each(page, addresses))


def test_nothing_is_wider_than_the_window_and_no_target_is_small(opened):
    """The table scrolls in its own region, its first column and its head stay in view."""
    visit, addresses = opened

    assert [] == misfits_at_each_width(visit, addresses)


def test_the_first_column_and_the_head_stay_in_view(opened):
    """However far the table is scrolled."""
    visit, addresses = opened
    page = visit(viewport={"width": 768, "height": 900})
    page.goto(addresses[6])
    place = "(name) => { const box = document.querySelector(name).getBoundingClientRect(); return [box.x, box.y]; }"
    first, head = "#row-depth th", ".compared thead th:nth-child(1)"
    before = [page.evaluate(place, name) for name in (first, head)]
    page.evaluate("document.querySelector('.side-by-side').scrollTo(900, 200)")
    after = [page.evaluate(place, name) for name in (first, head)]

    assert before[0][0] == after[0][0]
    assert before[1] == after[1]


@pytest.mark.parametrize("scripts", [True, False])
def test_comparing_by_keyboard_alone(opened, scripts):
    """Add one, pin one, look at people's levels, open the quotes, leave one out: by keys, with scripts and without."""
    visit, _ = opened
    page = visit(java_script_enabled=scripts, viewport={"width": 1280, "height": 900})
    page.goto("/compare?c=iv-1&c=iv-2")
    tab_to(page, "Add a candidate")
    type_text(page, "C-3")
    press(page, "Enter")
    page.wait_for_url("**c=C-3**")
    tab_to(page, "Pin C-2", role="link")
    press(page, "Enter")
    page.wait_for_url("**pin=iv-2**")
    tab_to(page, "Final: a person’s level where there is one", role="link")
    tab_to(page, "AI", role="link")
    press(page, "Enter")
    page.wait_for_url("**mode=ai**")
    summary = page.locator("summary").first
    tab_to(page, summary.inner_text().replace("\n", " ").strip()[:8] + "...")
    press(page, "Enter")
    seen(focused(page))
    assert page.locator("blockquote").first.is_visible()
    tab_to(page, "Remove C-1", role="link", back=True)
    press(page, "Enter")
    page.wait_for_url(lambda url: "iv-1" not in url)
    assert ["C-2", "C-3"] == page.locator(".who-is .name").all_inner_texts()


def test_every_stop_of_the_tab_key_can_be_seen(opened):
    """No link is under the table's head or its first column while it has the focus."""
    visit, addresses = opened
    page = visit(viewport={"width": 768, "height": 700})
    page.goto(addresses[6])
    page.evaluate("document.querySelectorAll('details').forEach((d, n) => (d.open = n === 0))")
    tab_to(page, "Copy the question...", role="button")


def test_the_script_only_adds(opened):
    """Buttons that would do nothing without it are made by it."""
    visit, _ = opened
    with_scripts, without = visit(), visit(java_script_enabled=False)
    for page in (with_scripts, without):
        page.goto(TABLE)
    with_scripts.get_by_role("button", name="Open all quotes").click()

    assert with_scripts.locator("blockquote").last.is_visible()
    assert with_scripts.get_by_role("button", name="Copy the question").count()
    assert 0 == without.get_by_role("button", name="Open all quotes").count()
    assert 0 == without.get_by_role("button", name="Copy the question").count()


def test_paper_has_the_quotes_and_no_controls(opened):
    """The same facts, on a landscape sheet."""
    visit, _ = opened
    page = visit(viewport={"width": 1050, "height": 700})
    page.goto(TABLE)
    page.emulate_media(media="print")

    assert page.locator("blockquote").first.is_visible()
    assert not page.get_by_label("Add a candidate").is_visible()
    assert page.locator(".who-is .name").first.is_visible()


def test_the_list_leads_here(opened):
    """Ticked interviews are the address."""
    visit, _ = opened
    page = visit()
    page.goto("/interviews?q=iv-1")
    page.get_by_label("Choose C-1", exact=True).check()
    page.get_by_label("Choose C-10").check()
    page.get_by_role("button", name="Compare the chosen").click()

    assert "Compare 2 candidates" == page.locator("h1").inner_text()
