"""Requisitions, assigning, webhooks and operating runs in a real Chromium: axe, widths, keys, and without scripts."""

import re

import pytest

from evaluator.notices import Outcome
from tests.integration.storage.builders import change
from tests.integration.web.conftest import a_person
from tests.integration.web.looking import each, misfits_at_each_width, signed_in, violations
from tests.integration.web.test_webhook_pages import URL, Posted
from tests.integration.web.world import World


def populated(database):
    """One of everything that is managed; the pages' addresses."""
    sent = Posted()
    world = World(database, webhooks=sent)
    ada = a_person(database, "ada", roles=[("REQ-114", "reviewer"), ("REQ-BLIND", "recruiter")])
    a_person(database, "bob", roles=[("REQ-114", "hiring_manager")])
    for n in range(1, 4):
        world.interview(f"iv-{n}")
    world.interview("iv-4", requisition="REQ-BLIND")
    world.run(name="night-0")
    for _ in range(4):
        world.score()
    world.interview("iv-5")
    world.interview("iv-6")
    world.run(name="night-1")
    world.score()
    change(database, "UPDATE evaluation SET state = 'quarantined', code = 'engine' WHERE interview_id = 'iv-6'")
    world.interview("iv-7")
    world.run(name="night-2")
    world.blind("REQ-BLIND")
    form = {"csrf": world.client.csrf}
    world.client.post("/interviews/iv-1/reviewers", data={**form, "person_id": str(ada)})
    world.client.post("/requisitions/REQ-114", data={**form, "version": "x", "reviewers_needed": "1"})
    world.client.post("/webhooks", data={**form, "url": URL, "events": ["scorecard.ready"]})
    world.client.post("/webhooks", data={**form, "url": "https://hooks.example.org/gone", "events": ["run.closed"]})
    world.client.post("/webhooks/1/rotate", data=form)
    world.client.post("/webhooks/1/test", data=form)
    sent.outcome = Outcome(status=410, error="gone")
    world.client.post("/webhooks/2/test", data=form)
    world.client.post("/runs/night-1/stop", data=form)
    return world, (
        "/requisitions/REQ-114",
        "/requisitions/REQ-BLIND",
        "/assign",
        "/assign?c=iv-1&c=iv-2",
        "/interviews/iv-1",
        "/interviews?c=iv-1&c=iv-77",
        "/scorecards/iv-2",
        "/scorecards/iv-4",
        "/webhooks",
        "/webhooks/1",
        "/webhooks/2",
        "/webhooks/1/remove",
        "/runs/night-1",
        "/runs/night-2",
        "/runs/night-2/stop",
    )


@pytest.fixture
def opened(database, browser):
    """A way to open the pages as the administrator, with settings of the browser."""
    world, addresses = populated(database)
    with signed_in(world, browser) as visit:
        yield visit, addresses


def the_question(page):
    """What is asked before a blind review ends."""
    page.goto("/requisitions/REQ-BLIND")
    page.get_by_label("Blind review").uncheck()
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()


def the_difference(page):
    """What somebody sees who was second."""
    page.goto("/requisitions/REQ-114")
    page.evaluate("document.querySelector('[name=version]').value = 'old'")
    page.get_by_label("Title").fill("Mine")
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()


def the_fault(page):
    """A webhook that cannot be added."""
    page.goto("/webhooks")
    page.get_by_label("Address").fill("https://elsewhere.example.org/x")
    page.get_by_role("button", name="Add").click()
    page.wait_for_load_state()


def the_secret(page):
    """A webhook that was just added."""
    page.goto("/webhooks")
    page.get_by_label("Address").fill(f"https://hooks.example.org/{abs(hash(page))}")
    page.get_by_role("button", name="Add").click()
    page.wait_for_load_state()


def the_keys(page):
    """The list of shortcuts, open."""
    page.goto("/interviews")
    page.keyboard.press("?")


STATES = (the_question, the_difference, the_fault, the_secret, the_keys)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, scheme):
    """Every page and state, with all details opened."""
    visit, addresses = opened
    page = visit(color_scheme=scheme)

    assert {} == violations(page, each(page, (*addresses, *STATES)))


def test_nothing_is_wider_than_the_window_and_no_target_is_small(opened):
    """From a telephone to a wide screen."""
    visit, addresses = opened

    assert [] == misfits_at_each_width(visit, (*addresses, *STATES[:4]))


def here(page):
    """The line that has the focus."""
    return page.evaluate("document.activeElement.closest('tr')?.querySelector('a.name')?.textContent ?? null")


def chosen(page):
    """Interviews whose box is ticked."""
    return page.evaluate("[...document.querySelectorAll('input[name=c]:checked')].map((e) => e.value)")


def test_keys_move_and_choose_in_the_list(opened):
    """With j and k between lines, x for the box, Enter to open; / leads to the search field."""
    visit, _ = opened
    page = visit()
    page.goto("/interviews?state=needs_review")
    lines = page.locator("table.list a.name").all_text_contents()
    places = []
    for key in ("j", "j", "k", "k"):
        page.keyboard.press(key)
        places.append(here(page))
    page.keyboard.press("j")
    page.keyboard.press("x")
    once = chosen(page)
    page.keyboard.press("x")
    page.keyboard.press("/")

    assert [lines[0], lines[1], lines[0], lines[0]] == places
    assert ([], True) == (chosen(page), page.evaluate("document.activeElement.id === 'q'"))
    assert [lines[1].removeprefix("C-")] == once
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/(interviews|scorecards)/"))


def test_keys_are_letters_while_somebody_types(opened):
    """And do nothing with Ctrl, or where they were switched off."""
    visit, _ = opened
    page = visit()
    page.goto("/interviews")
    page.get_by_label("Search").focus()
    page.keyboard.type("jx?/k")
    typed = (page.get_by_label("Search").input_value(), page.locator("dialog[open]").count())
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+j")
    with_control = here(page)
    page.keyboard.press("?")
    page.get_by_label("Single keys work in this browser").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("j")

    assert ("jx?/k", 0) == typed
    assert (None, None) == (with_control, here(page))
    page.get_by_role("button", name="Keyboard shortcuts").click()
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    assert not page.get_by_label("Single keys work in this browser").is_checked()


def test_keys_lead_to_the_scorecards_beside_one(opened):
    """With j to the later interview, with k back."""
    visit, _ = opened
    page = visit()
    page.goto("/scorecards/iv-2")
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first and "sc" in url)
    page.wait_for_load_state()
    second = page.url
    page.keyboard.press("k")
    page.wait_for_url(lambda url: url == first)

    assert first != second


def test_a_reviewer_is_assigned_to_many_without_scripts(opened):
    """From the list's boxes over a form to everybody's page."""
    visit, _ = opened
    page = visit(java_script_enabled=False)
    page.goto("/interviews?requisition=REQ-114")
    for name in ("C-iv-1", "C-iv-2"):
        page.get_by_label(f"Choose {name}").check()
    page.get_by_role("button", name="Assign reviewer").click()
    page.get_by_label("Person").select_option(label="Person bob")
    page.get_by_role("button", name="Assign").click()

    assert "Done: Person bob" in page.get_by_role("status").text_content()
    page.goto("/interviews/iv-2")
    assert "Person bob" in page.locator(".reviewers").text_content()
    page.get_by_role("button", name="Ask no longer: Person bob").click()
    assert 0 == page.locator(".reviewers").count()


def test_a_blind_review_ends_without_scripts(opened):
    """The question is a page."""
    visit, _ = opened
    page = visit(java_script_enabled=False)
    the_question(page)
    page.get_by_role("button", name="End the blind review").click()

    assert page.url.endswith("/requisitions/REQ-BLIND")
    assert not page.get_by_label("Blind review").is_checked()


def test_what_is_chosen_stays_chosen_over_pages(opened, database, monkeypatch):
    """By the address, so that going back is no surprise."""
    visit, _ = opened
    monkeypatch.setattr("evaluator.web.pages.interviews.PAGE_LENGTH", 3)
    page = visit()
    page.goto("/interviews?requisition=REQ-114&sort=intake")
    page.get_by_label("Choose C-iv-1").check()
    page.get_by_role("link", name="Next").click()
    page.get_by_label("Choose C-iv-5").check()

    assert page.get_by_text("1 more is chosen on other pages.").is_visible()
    assert page.get_by_role("button", name="Compare the chosen (2)").is_visible()
    page.get_by_role("link", name="Previous").click()
    assert ["iv-1"] == chosen(page)
    page.get_by_role("link", name="Forget it").click()
    assert 0 == page.locator('input[type="hidden"][name="c"]').count()
