"""The player in a real Chromium: it plays, seeks by ranges, obeys its buttons and keys, and does without scripts."""

import time

import pytest

from evaluator.storage.audit import entries
from evaluator.web.serving import serving
from tests.integration.storage.builders import change
from tests.integration.web.conftest import a_person
from tests.integration.web.test_recordings import KEY, a_ref, a_wav
from tests.integration.web.world import World

SECONDS = 780.0  # the first turn with a time begins at 723 s
RATE = 16_000  # 25 MB in all: more than one answer to a range, so that the middle is asked for by itself
MEDIA = "document.querySelector('audio')"


@pytest.fixture(scope="module")
def recording():
    """A long one, of silence but for its header: quickly made."""
    head = a_wav(0.0, RATE)
    silence = bytes(int(SECONDS * RATE) * 2)
    size = len(silence)
    return head[:4] + (36 + size).to_bytes(4, "little") + head[8:40] + size.to_bytes(4, "little") + silence


@pytest.fixture
def world(database, recording):
    """An interview with its recording, scored, as a reviewer sees it."""
    world = World(database)
    world.store.create(KEY, recording)
    world.interview(recording=a_ref(recording))
    world.run()
    world.scorecard = world.score()
    world.reviewer = a_person(database, "rev", roles=[("REQ-114", "reviewer")])
    return world


@pytest.fixture
def opened(world, browser):
    """A way to open a page as the reviewer, with settings of the browser."""
    cookie = next(iter(world.visitor(world.reviewer).cookies.jar))
    contexts = []
    with serving(world.app, "127.0.0.1", 0) as url:

        def visit(path, **settings):
            context = browser.new_context(base_url=url, **settings)
            context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])
            contexts.append(context)
            page = context.new_page()
            page.asked = []
            page.on("request", lambda r: page.asked.append(r.headers.get("range")) if "/recording" in r.url else None)
            assert page.goto(path).status == 200, page.inner_text("main")
            return page

        yield visit
        for context in contexts:
            context.close()


def plays_from(page, second):
    """Waits until it has played on from there."""
    until(page, f"{MEDIA}.currentTime > {second} + 0.2 && !{MEDIA}.paused")


def until(page, condition):
    """Waits until it holds; by asking, as the page's policy lets nobody evaluate texts in it."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def at(page):
    """Where it stands, in seconds."""
    return page.evaluate(f"{MEDIA}.currentTime")


def test_it_plays_and_seeks_by_ranges(opened, world):
    """From the beginning; then from a turn's time, without all that lies between. One entry of the log."""
    page = opened("/interviews/iv-1/transcript")
    before = list(page.asked)
    page.evaluate(f"{MEDIA}.play()")
    plays_from(page, 0)
    page.get_by_role("link", name="Play from 12:03").click()
    plays_from(page, 723)

    assert [] == before
    starts = [int(asked.removeprefix("bytes=").split("-")[0]) for asked in page.asked]
    assert 0 == starts[0]
    assert any(start > 720 * RATE * 2 for start in starts)
    assert page.url.endswith("#t=723")
    assert abs(page.evaluate(f"{MEDIA}.duration") - SECONDS) < 1
    assert page.locator(".turn[data-playing]").count() == 1
    with world.database.begin() as db:
        logged = [(e.person_id, e.object) for e in entries(db) if e.action == "recording.read"]
    assert [(world.reviewer, "interview:iv-1")] == logged


def test_it_plays_on_over_the_end_of_an_answer(opened):
    """An answer holds 8 MiB, some 262 s of this; a player asks for the rest by itself."""
    page = opened("/interviews/iv-1/transcript#t=255")
    page.evaluate(f"{MEDIA}.defaultPlaybackRate = {MEDIA}.playbackRate = 16; {MEDIA}.play()")
    until(page, f"{MEDIA}.currentTime > 300")

    assert page.evaluate(f"{MEDIA}.error") is None


def test_an_address_with_a_second_begins_there(opened):
    """From the scorecard's ▶, or from somebody's message."""
    page = opened("/interviews/iv-1/transcript")
    page.goto(page.url.partition("#")[0] + "#t=724")
    page.evaluate(f"{MEDIA}.play()")
    plays_from(page, 724)

    assert at(page) < 740


def test_evidence_leads_to_its_second(opened, world):
    """One click from the scorecard."""
    page = opened(f"/scorecards/{world.scorecard}")
    page.get_by_role("link", name="play").first.click()
    page.wait_for_url("**/interviews/iv-1/transcript#t=723")
    page.evaluate(f"{MEDIA}.play()")
    plays_from(page, 723)

    assert at(page) < 740


def test_buttons_and_speed(opened):
    """15 seconds back and forth, never before the beginning; the speed stays from page to page."""
    page = opened("/interviews/iv-1/transcript#t=100")
    page.get_by_role("button", name="Forward 15 seconds").click()
    forth = at(page)
    for _ in range(9):
        page.get_by_role("button", name="Back 15 seconds").click()
    back = at(page)
    page.locator("[data-speed]").select_option("1.5")
    speed = page.evaluate(f"{MEDIA}.playbackRate")
    page.reload()

    assert (115, 0, 1.5) == (forth, back, speed)
    assert 1.5 == page.evaluate(f"{MEDIA}.playbackRate")


def test_keys_do_what_the_page_says(opened):
    """J, K, L, < and >; none of them where something is typed, with Ctrl, or once they are switched off."""
    page = opened("/interviews/iv-1/transcript#t=100")
    page.keyboard.press("l")
    forth = at(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    back = at(page)
    page.keyboard.press("Shift+>")
    speed = page.evaluate(f"{MEDIA}.playbackRate")
    page.keyboard.press("Control+l")
    page.locator("[data-speed]").focus()
    page.keyboard.press("l")
    typed = at(page)
    page.get_by_role("checkbox", name="Keys").uncheck()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("l")
    switched_off = at(page)
    page.get_by_role("checkbox", name="Keys").check()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")
    plays_from(page, back)
    page.keyboard.press("k")

    assert (115, 85, 1.25, 85, 85) == (forth, back, speed, typed, switched_off)
    assert page.evaluate(f"{MEDIA}.paused")


def test_player_says_when_it_cannot_go_on(opened, world):
    """Somebody whose role has ended is told so, and the transcript stays readable."""
    page = opened("/interviews/iv-1/transcript")
    change(world.database, "DELETE FROM membership")
    page.evaluate(f"void {MEDIA}.play().catch(() => {{}})")
    until(page, "!document.querySelector('[data-player-failed]').hidden")

    assert "cannot be played now" in page.locator("[data-player-failed]").inner_text()


def test_it_works_without_scripts(opened):
    """The browser's own controls, and a link for each time that plays from there."""
    page = opened("/interviews/iv-1/transcript", java_script_enabled=False)
    link = page.get_by_role("link", name="Play from 12:03")

    assert page.locator("audio[controls]").is_visible()
    assert not page.locator("[data-player-tools]").is_visible()
    assert "/interviews/iv-1/recording#t=723" == link.get_attribute("href")
