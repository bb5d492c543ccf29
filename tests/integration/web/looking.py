"""Looking at pages in a real Chromium: what axe finds, what is wider than its window, what is too small to hit."""

from collections import Counter
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe

from evaluator.web.serving import serving

WIDTHS = (360, 768, 1280, 1920)

# Links inside a sentence may be lower than 24 px by WCAG 2.5.8; everything else may not.
SMALL_TARGETS = """
() => [...document.querySelectorAll("a[href], button, input, select, summary")].filter((e) => {
  const box = e.getBoundingClientRect();
  if (!box.width || !box.height || e.type === "hidden" || e.closest(".skip")) return false;
  const inline = getComputedStyle(e).display === "inline";
  return !inline && (box.height < 23.5 || box.width < 15);
}).map((e) => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`)
"""


@contextmanager
def signed_in(world, browser):
    """A way to open the world's pages as its administrator, with settings of the browser."""
    cookie = next(iter(world.client.cookies.jar))
    contexts = []
    with serving(world.app, "127.0.0.1", 0) as url:

        def visit(**settings):
            context = browser.new_context(base_url=url, **{"reduced_motion": "reduce", **settings})
            context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])
            contexts.append(context)
            return context.new_page()

        yield visit
        for context in contexts:
            context.close()


def each(page, places):
    """Goes to each place, an address or what leads to a state; its name."""
    for place in places:
        if isinstance(place, str):
            page.goto(place)
        else:
            place(page)
        yield place if isinstance(place, str) else place.__name__


def violations(page, states):
    """What axe finds in each state, by WCAG 2.2 AA and its own best practices, with all details opened."""
    found = Counter()
    for state in states:
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        for violation in Axe().run(page).response["violations"]:
            for node in violation["nodes"]:
                found[state, violation["id"], node["html"][:90]] += 1
    return dict(found)


def misfits(page, state):
    """What of the page as it stands is wider than the window, or too small to hit."""
    width = page.viewport_size["width"]
    wide = page.evaluate("document.documentElement.scrollWidth")
    too_wide = [(width, state, f"{wide} px wide")] if wide > width else []
    return too_wide + [(width, state, small) for small in page.evaluate(SMALL_TARGETS)]


def misfits_at_each_width(visit, places):
    """The same of all places, from a telephone to a wide screen."""
    faults = []
    for width in WIDTHS:
        page = visit(viewport={"width": width, "height": 900})
        faults += [fault for state in each(page, places) for fault in misfits(page, state)]
    return faults
