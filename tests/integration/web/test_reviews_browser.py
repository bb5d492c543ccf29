"""Reviews in a real Chromium: by keyboard alone, without scripts, by axe, and as scripts enhance them."""

import re

import pytest
from playwright.sync_api import expect

from evaluator.human import Final, Recommended
from evaluator.storage import human
from evaluator.web.serving import serving
from tests.integration.web.conftest import a_person
from tests.integration.web.keyboard import focused, press, tab_to, type_text
from tests.integration.web.looking import WIDTHS, misfits, violations
from tests.integration.web.world import World

CRITERIA = ("depth", "clarity", "method", "feedback", "conflict")
WHY = "Names the replication lag at the end."


class Desk:
    """Pages that are served, with one scored interview, and browsers of people at them."""

    def __init__(self, database, browser, url, world):
        self.database, self._browser, self._url, self.world = database, browser, url, world
        self.card = world.score()
        self.path = f"/scorecards/{self.card}"
        self._contexts = []

    def person(self, name, role="recruiter"):
        """Somebody who works here."""
        return a_person(self.database, name, roles=[("REQ-114", role)])

    def page(self, person, **settings):
        """A page of their browser, which does not scroll smoothly: where the focus is can be told at once."""
        context = self._browser.new_context(base_url=self._url, **{"reduced_motion": "reduce", **settings})
        cookie = next(iter(self.world.visitor(person).cookies.jar))
        context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": self._url}])
        self._contexts.append(context)
        return context.new_page()

    def records(self):
        """What people added."""
        with self.database.begin() as db:
            return human.records(db, self.card)

    def close(self):
        """Closes all browsers."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def desk(database, browser):
    """The pages, served."""
    world = World(database)
    world.interview()
    world.run()
    with serving(world.app, "127.0.0.1", 0) as url:
        desk = Desk(database, browser, url, world)
        yield desk
        desk.close()


def fill(page, levels, recommendation="Yes"):
    """Chooses a level for each criterion, with the mouse."""
    for name, level in zip(CRITERIA, levels, strict=True):
        page.locator(f'input[name="level-{name}"][value="{level}"]').check()
    page.get_by_label(recommendation, exact=True).check()


def test_a_whole_review_by_keyboard_alone(desk):
    """Both steps, with a note and a quote; the focus is seen at every stop."""
    page = desk.page(desk.person("ada"))
    page.goto(f"{desk.path}/review")

    for number, name in enumerate(CRITERIA):
        tab_to(page, "1 ..." if number == 0 else "...", role="radio")
        press(page, "5" if name == "depth" else "0")
        if name == "depth":
            tab_to(page, "Evidence for Depth...")
            press(page, "Enter")
            tab_to(page, "We moved to three read replicas...", role="checkbox")
            press(page, "Space")
            tab_to(page, "Note on Depth", role="textbox")
            type_text(page, "12345 stays text")
    tab_to(page, "Strong no", role="radio")
    press(page, "ArrowDown", "ArrowDown")
    assert "Yes" == focused(page).name
    press(page, "Control+Enter")
    page.wait_for_url("**/finals")
    tab_to(page, "Mine: 5", role="radio")
    press(page, "Space")
    tab_to(page, "Reason", role="combobox")
    type_text(page, "Missed")
    tab_to(page, "Why, in 15 characters or more", role="textbox")
    type_text(page, WHY)
    tab_to(page, "Mine: no level (not assessed)", role="radio")
    press(page, "ArrowDown")
    tab_to(page, "Finish", role="button")
    press(page, "Enter")
    page.wait_for_url(f"**{desk.path}")

    review, final = (record.act for record in desk.records())
    assert (5, ("U1",), "12345 stays text") == (
        review.ratings[0].level,
        review.ratings[0].quotes,
        review.ratings[0].note,
    )
    assert [None] * 4 == [rating.level for rating in review.ratings[1:]]
    assert "yes" == review.recommendation
    assert ("depth", 4, 5, "missed_evidence", WHY) == (
        final.criterion_id,
        final.old,
        final.new,
        final.reason,
        final.text,
    )


def test_an_override_and_a_dismissal_by_keyboard_alone(desk):
    """From the scorecard's page and back."""
    page = desk.page(desk.person("rec"))
    page.goto(desk.path)
    tab_to(page, "Change the level of Depth", role="link")
    press(page, "Enter")
    page.wait_for_url("**/criteria/depth")
    tab_to(page, "1 ...", role="radio")
    press(page, "3")
    tab_to(page, "Reason", role="combobox")
    type_text(page, "Wrong")
    tab_to(page, "Why, in 15 characters or more", role="textbox")
    type_text(page, WHY)
    press(page, "Control+Enter")
    page.wait_for_url(f"**{desk.path}")
    tab_to(page, "Dismiss …", role="link")
    press(page, "Enter")
    page.wait_for_url("**/dismiss")
    tab_to(page, "The audio is unusable", role="radio")
    press(page, "Space")
    tab_to(page, "What happened, in 15 characters or more", role="textbox")
    type_text(page, "Half of it is noise, nothing can be heard.")
    press(page, "Tab", "Enter")
    page.wait_for_url(f"**{desk.path}")

    assert [("final", 4, 3), ("dismissal", "audio", None)] == [
        (r.act.kind, r.act.old, r.act.new) if isinstance(r.act, Final) else (r.act.kind, r.act.cause, None)
        for r in desk.records()
    ]


def test_a_whole_review_without_scripts(desk):
    """A draft, a fault, both steps, another level, a recommendation: all by forms."""
    page = desk.page(desk.person("ada"), java_script_enabled=False)
    page.goto(f"{desk.path}/review")
    page.get_by_text("Evidence for Depth").click()
    page.locator('input[name="quotes-depth"]').nth(1).check()
    page.locator('input[name="level-depth"][value="5"]').check()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("1 of 5 rated")).to_be_visible()
    page.get_by_role("button", name="Submit my scores").click()
    expect(page.locator(".faults")).to_be_focused()
    page.get_by_role("link", name="Rate “Clarity”, or say not assessed").click()
    fill(page, ("5", "2", "none", "none", "none"))
    page.get_by_role("button", name="Submit my scores").click()
    page.get_by_label("Mine: 5").check()
    page.get_by_label("Reason").select_option("missed_evidence")
    page.get_by_label("Why, in 15 characters or more").fill(WHY)
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("link", name="Change your recommendation").click()
    page.get_by_label("Strong yes").check()
    page.get_by_role("button", name="Give this recommendation").click()
    expect(page.get_by_text("Strong yes")).to_be_visible()

    acts = [record.act for record in desk.records()]
    assert ["review", "final", "recommendation"] == [act.kind for act in acts]
    assert ("U2",) == acts[0].ratings[0].quotes
    assert isinstance(acts[2], Recommended)


def test_the_draft_saves_itself_and_words_are_quoted_beside(desk):
    """And what is sent afterwards rests on the newest version."""
    page = desk.page(desk.person("ada"))
    page.goto(f"{desk.path}/review")
    page.locator('input[name="level-clarity"][value="2"]').check()
    page.get_by_role("button", name="Quote U2").click()
    expect(page.get_by_text("U2 quoted for Clarity")).to_be_visible()
    expect(page.get_by_role("button", name="Quote U2")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-saved]")).to_contain_text("autosaved", timeout=15_000)
    expect(page.locator("[data-rated]")).to_have_text("1")
    page.reload()
    expect(page.locator('input[name="quotes-clarity"][value="U2"]')).to_be_checked()
    fill(page, ("4", "2", "none", "none", "none"))
    page.get_by_role("button", name="Submit my scores").click()
    page.wait_for_url("**/finals")

    assert ("U2",) == desk.records()[0].act.ratings[1].quotes


def test_another_window_is_noticed(desk):
    """Saving by itself stops and says so; nothing is written over."""
    ada = desk.person("ada")
    one, two = desk.page(ada), desk.page(ada)
    for page in (one, two):
        page.goto(f"{desk.path}/review")
    one.locator('input[name="level-depth"][value="5"]').check()
    expect(one.locator("[data-saved]")).to_contain_text("autosaved", timeout=15_000)
    two.locator('input[name="level-depth"][value="1"]').check()
    expect(two.locator("[data-saved]")).to_contain_text("changed in another window", timeout=15_000)
    two.get_by_role("button", name="Save draft").click()
    expect(two.get_by_role("heading", name="You changed this draft in another window")).to_be_visible()
    two.get_by_role("button", name="Keep mine").click()
    two.wait_for_url("**/review")

    expect(two.locator('input[name="level-depth"][value="1"]')).to_be_checked()


def states(desk, page, person):
    """Brings the page into each state in turn."""
    page.goto(f"{desk.path}/review")
    yield "step one"
    page.get_by_role("button", name="Submit my scores").click()
    page.wait_for_selector(".faults")
    yield "step one with faults"
    version = page.locator('input[name="version"]').input_value()
    page.evaluate("""() => { document.querySelector('input[name="version"]').value = "0"; }""")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_selector(".two-drafts")
    yield "two drafts"
    page.goto(f"{desk.path}/review")
    assert version == page.locator('input[name="version"]').input_value()
    fill(page, ("2", "3", "none", "3", "none"))
    page.get_by_role("button", name="Submit my scores").click()
    page.wait_for_url("**/finals")
    yield "step two"
    page.get_by_role("button", name="Finish").click()
    page.wait_for_selector(".faults")
    yield "step two with faults"
    page.get_by_label("Mine: 2").check()
    text = "She says so twice, at the very end."
    desk.world.add(desk.card, person, Final(criterion_id="depth", old=4, new=5, reason="other", text=text), 1)
    page.get_by_role("button", name="Finish").click()
    page.wait_for_selector("text=Keep mine as v3")
    yield "stale"
    page.goto(f"{desk.path}/criteria/depth")
    yield "one level"
    page.get_by_role("button", name="Change the level").click()
    page.wait_for_selector(".faults")
    yield "one level with faults"
    for name in ("recommendation", "dismiss", "rescore"):
        page.goto(f"{desk.path}/{name}")
        yield name
    page.goto(f"{desk.path}/dismiss")
    page.get_by_role("button", name="Dismiss the scorecard").click()
    page.wait_for_selector(".faults")
    yield "dismiss with faults"
    page.goto(desk.path)
    yield "scorecard"
    page.get_by_role("button", name=re.compile("Reveal the name")).click()
    page.wait_for_selector("text=The name behind")
    yield "name"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(desk, scheme):
    """In every state, with all details opened."""
    ada = desk.person("ada")
    page = desk.page(ada, color_scheme=scheme)

    assert {} == violations(page, states(desk, page, desk.person("bob")))


def test_nothing_is_wider_than_the_window_and_no_target_is_small(desk):
    """From a telephone to a wide screen."""
    page = desk.page(desk.person("ada"))
    faults = []
    for state in states(desk, page, desk.person("bob")):
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            faults += misfits(page, state)

    assert [] == faults


def test_the_summary_leads_to_the_field(desk):
    """The focus goes to what is missing, and can be seen there."""
    page = desk.page(desk.person("ada"))
    page.goto(f"{desk.path}/review")
    page.get_by_role("button", name="Submit my scores").click()
    expect(page.locator(".faults")).to_be_focused()
    tab_to(page, "Rate “Method”, or say not assessed", role="link")
    press(page, "Enter")

    assert ("radio", False) == (focused(page).role, focused(page).covered)
    assert "level-method-1" in focused(page).html
    assert () == desk.records()
