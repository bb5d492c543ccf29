"""Pages on paper: the same facts with what they rest on, and nothing to click."""

import pytest

from evaluator.web.serving import serving
from tests.integration.web.test_pages_axe import populated

FACTS = ("backend@1", "test-judge@r1", "Prompt version", "night-1", "1 of 1 reviewer submitted")
PAGES = ("/scorecards/iv-1", "/interviews/iv-1/transcript", "/compare?c=iv-1&c=iv-3")
OFF_PAPER = "header.site nav, .who, .skip, .actions, .crumbs, .filter, .paging, .files, button, audio, summary"
VISIBLE = """
(selector) => [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility())
  .map((e) => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 40)}`)
"""


@pytest.fixture
def paper(database, browser):
    """The administrator's browser, as a printer sees pages."""
    world, _ = populated(database)
    cookie = next(iter(world.client.cookies.jar))
    with serving(world.app, "127.0.0.1", 0) as url:
        context = browser.new_context(base_url=url, color_scheme="dark", viewport={"width": 690, "height": 980})
        context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])
        page = context.new_page()
        page.emulate_media(media="print")
        yield page
        context.close()


def test_paper_says_what_a_page_rests_on(paper):
    """Rubric, judge, prompt version, run and review status, on each of the three."""
    missing = {}
    for address in PAGES:
        paper.goto(address)
        text = " ".join(paper.locator("main").inner_text().split())
        missing[address] = [fact for fact in FACTS if fact not in text]

    assert {address: [] for address in PAGES} == missing


def test_nothing_on_paper_is_to_be_clicked(paper):
    """No navigation, no forms, no buttons; also in the list."""
    left = {}
    for address in (*PAGES, "/interviews"):
        paper.goto(address)
        left[address] = paper.evaluate(VISIBLE, OFF_PAPER)

    assert [] == [(address, found) for address, all_found in left.items() for found in all_found]


def test_what_is_folded_on_the_screen_is_open_on_paper(paper):
    """All five levels of each criterion, and ink on white whatever the screen's scheme."""
    paper.goto("/scorecards/iv-1")

    assert paper.get_by_text("Depth, behaviour of level 1.").is_visible()
    assert "rgb(255, 255, 255)" == paper.evaluate("getComputedStyle(document.body).backgroundColor")


def test_on_screen_these_facts_do_not_stand_twice(paper):
    """The table is for paper alone."""
    paper.emulate_media(media="screen")
    paper.goto(PAGES[1])

    assert not paper.locator("table.printed").is_visible()


def test_while_blind_paper_says_no_more_than_the_screen(paper):
    """Nothing of the judge, and that it opens after one's own review."""
    paper.goto("/interviews/iv-5/transcript")
    text = paper.locator("main").inner_text()

    assert "opens after your review" in text
    assert "test-judge" not in text
