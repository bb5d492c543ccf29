"""Every page by keyboard alone: Tab comes to all that can be worked with, in order, and one sees where one is.

The pages are those of `test_pages_axe`, and whatever else the application serves as a page.
"""

import itertools
import re

import pytest

from evaluator.storage.database import Database
from evaluator.web.serving import serving
from tests.integration.web.crawling import COMMON, paths, readable
from tests.integration.web.keyboard import focused, here, mark_stops, press, seen, tab_to
from tests.integration.web.test_pages_axe import populated

NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
SAME_MAX = 40  # presses of Tab on one element: a player and a date have many parts, a trap has no end
NO_PAGE = re.compile(r"^/(static|v1)/|\.(json|csv|pdf|ndjson|ics)$|/(recording|csv|pdf)$")

# Smaller than 24 x 24 px, and no link within a sentence (WCAG 2.2, 2.5.8). A label belongs to its box. An area around
# it that no other target reaches is as good as size: what stands alone may be smaller.
_SMALL = """
() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter((e) =>
    e.type !== "hidden" && !e.closest(".skip") && e.checkVisibility({ visibilityProperty: true }));
  const box = (e) => {
    const boxes = [e, ...(e.labels ?? [])].map((x) => x.getBoundingClientRect()).filter((b) => b.width && b.height);
    const [left, top] = [Math.min(...boxes.map((b) => b.left)), Math.min(...boxes.map((b) => b.top))];
    const [right, bottom] = [Math.max(...boxes.map((b) => b.right)), Math.max(...boxes.map((b) => b.bottom))];
    return { left, top, right, bottom, width: right - left, height: bottom - top };
  };
  const inSentence = (e) => {
    if (e.localName !== "a" || getComputedStyle(e).display !== "inline") return false;
    const block = e.closest("p, li, td, th, dd, dt, figcaption, div, span.sub");
    return block !== null && block.textContent.trim().length > e.textContent.trim().length;
  };
  const boxes = new Map(all.map((e) => [e, box(e)]));
  const alone = (e) => {
    const b = boxes.get(e), [x, y] = [(b.left + b.right) / 2, (b.top + b.bottom) / 2];
    return all.every((o) => {
      if (o === e || o.contains(e) || e.contains(o)) return true;
      const c = boxes.get(o);
      const [dx, dy] = [Math.max(c.left - x, 0, x - c.right), Math.max(c.top - y, 0, y - c.bottom)];
      return Math.hypot(dx, dy) >= 12;
    });
  };
  return all.filter((e) => {
    const b = boxes.get(e);
    return b.width && b.height && (b.width < 23.5 || b.height < 23.5) && !inSentence(e) && !alone(e);
  }).map((e) => `${e.outerHTML.slice(0, 90)} is ${boxes.get(e).width.toFixed(0)} x ${boxes.get(e).height.toFixed(0)}`);
}
"""


class Pages:
    """The application with one of everything, and a browser of its administrator's."""

    def __init__(self, database, browser):
        self.world, known = populated(database)
        self.browser, self.contexts = browser, []
        self.addresses = self._pages(known)

    def _pages(self, known):
        """All that is a page, of those that refuse one; AssertionError names a route that cannot be filled."""
        cards = [re.match(r"/scorecards/(sc_\w+)", a) for a in known]
        values = COMMON | {
            "interview_id": ["iv-1"],
            "ref": [next(card[1] for card in cards if card)],
            "requisition_id": ["REQ-114"],
            "name": ["night-1"],
            "rubric_id": ["backend"],
            "version": ["1"],
        }
        wanted = [*known, *(path for route in readable(self.world.app) for path in paths(route, values))]
        found, refused = [], []
        for address in dict.fromkeys(wanted):
            if NO_PAGE.search(address.partition("?")[0]):
                continue
            answer = self.world.client.get(address, headers={"Accept": "text/html"}, follow_redirects=False)
            if not answer.headers.get("content-type", "").startswith("text/html") or answer.is_redirect:
                continue
            (found if answer.status_code < 400 else refused).append(address)
        return found + refused[:1]

    def open(self, url, **settings):
        """A new window."""
        cookie = next(iter(self.world.client.cookies.jar))
        context = self.browser.new_context(base_url=url, reduced_motion="reduce", **settings)
        context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])
        self.contexts.append(context)
        return context.new_page()


@pytest.fixture(scope="module")
def pages(_template, browser):
    """Served on a port, once for this file, which changes nothing; gives the pages and their address."""
    from tests.conftest import _admin, _create, _named

    server, template = _template
    _create(server, "keyboard", template=template)
    database = Database(_named(server, "keyboard"), connections=4)
    made = Pages(database, browser)
    with serving(made.world.app, "127.0.0.1", 0) as url:
        yield made, url
        for context in made.contexts:
            context.close()
    database.close()
    _admin(server, 'DROP DATABASE "keyboard" WITH (FORCE)')


def walk(page):
    """Presses Tab from the top until the page is left; what was wrong on the way, and the stops in order."""
    stops, faults, same = mark_stops(page), [], 0
    visited = []
    for _ in range(len(stops) * 3 + SAME_MAX * 4):
        press(page, "Tab")
        at = here(page)
        if at is None:
            break
        number = at["number"]
        if visited and visited[-1] == number:
            same += 1
            if same > SAME_MAX:
                return [*faults, f"Tab does not get away from {at['html']}"], visited
            continue
        same = 0
        if visited and number == visited[0]:
            break  # around
        faults += [] if at["ring"] else [f"no outline on {at['html']}"]
        faults += [f"covered: {at['html']}"] if at["covered"] else []
        visited.append(number)
    else:
        faults.append("Tab does not come to an end")
    ours = [n for n in visited if n is not None and n >= 0]
    faults += [f"never reached: {stops[n]}" for n in range(len(stops)) if n not in set(ours)]
    faults += [f"out of order: {stops[b]}" for a, b in itertools.pairwise(ours) if b <= a]
    return faults, visited


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)], ids=["light, wide", "dark, narrow"])
def test_tab_comes_to_everything_in_order_and_one_sees_it(pages, scheme, size):
    """Nothing is out of reach, nothing holds one fast, and the focus is always seen."""
    made, url = pages
    page, faults = made.open(url, color_scheme=scheme, viewport=size), {}
    for address in made.addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        found, visited = walk(page)
        if found:
            faults[address] = found[:4]
        assert visited, f"{address} has nothing to come to"

    assert {} == faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_telephone_and_no_target_is_small(pages, scheme):
    """At 360 px nothing scrolls sideways but what says so, and fingers find their targets."""
    made, url = pages
    page, faults = made.open(url, color_scheme=scheme, viewport=NARROW), {}
    for address in made.addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        found = [f"{wide} px too wide"] if wide > 0 else []
        found += page.evaluate(_SMALL)
        if found:
            faults[address] = found[:4]

    assert {} == faults


BROKEN = """<!doctype html><html lang="en"><title>x</title><style>.bare:focus { outline: none }</style>
<a href="/one">One</a><a class="bare" href="/two">Two</a><button tabindex="2">First</button>
<div><a href="/s">a</a><a href="/t">b</a></div><div style="width: 2000px">wide</div>"""


def test_the_walk_can_fail(pages):
    """A page with an unseen focus, an order of its own and small targets is told from a good one."""
    made, url = pages
    page = made.open(url, viewport=NARROW)
    page.route("**/broken", lambda route: route.fulfill(body=BROKEN, content_type="text/html"))
    page.goto("/broken")

    found, _ = walk(page)
    small = page.evaluate(_SMALL)

    assert {"no outline o", "out of order"} == {fault[:12] for fault in found}
    assert ["/one"] == re.findall(r"=\"(/\w+)", " ".join(small))
    assert 0 < page.evaluate("document.scrollingElement.scrollWidth - innerWidth")


def test_the_way_to_a_control_is_found_by_its_name(pages):
    """What tests of other pages use: the accessible name, as a screen reader says it."""
    made, url = pages
    page = made.open(url, viewport=WIDE)
    page.goto("/interviews")

    skip = tab_to(page, "Skip to the content")
    press(page, "Enter")
    search = tab_to(page, "Search", role="searchbox")
    page.keyboard.type("iv-3")
    press(page, "Enter")
    page.wait_for_url("**q=iv-3**")

    assert ("link", "input") == (skip.role, search.tag)
    assert 1 == page.locator("table.list tbody tr").count()
    tab_to(page, "C-iv-3")
    assert "C-iv-3" == seen(focused(page)).name


def test_what_cannot_be_reached_is_said_with_what_can(pages):
    """The message names the stops, so that one need not look for them."""
    made, url = pages
    page = made.open(url, viewport=WIDE)
    page.goto("/rubrics")

    with pytest.raises(AssertionError, match=r"does not come to control 'Nothing'; it comes to: link 'Skip"):
        tab_to(page, "Nothing")
