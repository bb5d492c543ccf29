"""A page by keyboard alone: Tab to what is named, press keys, and see where the focus is as the browser tells it."""

from dataclasses import dataclass

STOPS_MAX = 400  # presses of Tab until a page is given up
RING_MIN_PX = 2  # of an outline that can be seen

# What has the focus: whether a ring shows it, whether something lies over it, and its place in the document's order.
_HERE = """
() => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return null;
  // The focus in a player is on one of its parts, which are the browser's own and have its own ring.
  const player = e.matches("audio, video");
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const clear = (colour) => /^transparent$|, 0\\)$|\\/ 0\\)$/.test(colour);
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= RING;
  const outlined = drawn && !clear(style.outlineColor);
  const covers = (x, y) => {
    const top = document.elementFromPoint(x, y);
    return !top || !(e.contains(top) || top.contains(e) || top.closest("label")?.control === e);
  };
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const [upper, lower] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  const hidden = right <= left || lower <= upper;
  return {
    tag: e.localName,
    ring: player || outlined || style.boxShadow !== "none",
    covered: hidden || (covers((left + right) / 2, (upper + lower) / 2) && covers(left + 2, (upper + lower) / 2)),
    value: e.value ?? null,
    checked: e.checked ?? null,
    number: window.__stops ? window.__stops.indexOf(e) : null,
    html: e.outerHTML.slice(0, 120),
  };
}
""".replace("RING", str(RING_MIN_PX))


@dataclass(frozen=True, kw_only=True, slots=True)
class Focus:
    """What has the focus; name and role are those of the accessibility tree, what a screen reader would say."""

    name: str
    role: str
    tag: str
    ring: bool  # an outline or a shadow shows it
    covered: bool  # it is out of the window, or something lies over it
    value: str | None
    checked: bool | None
    number: int | None  # among the stops that `mark_stops` found; -1: none of them
    html: str


def here(page) -> dict | None:
    """The same as `focused`, without the accessibility tree's part: a tenth of the time."""
    return page.evaluate(_HERE)


def focused(page) -> Focus | None:
    """What has the focus now; None: the page as a whole."""
    found_here = here(page)
    if found_here is None:
        return None
    session = page.context.new_cdp_session(page)
    try:
        found = session.send("Runtime.evaluate", {"expression": "document.activeElement"})["result"]["objectId"]
        wanted = {"objectId": found, "fetchRelatives": False}
        node = session.send("Accessibility.getPartialAXTree", wanted)["nodes"][0]
    finally:
        session.detach()
    name, role = (" ".join(str(node.get(part, {}).get("value", "")).split()) for part in ("name", "role"))
    return Focus(name=name, role=role, **found_here)


def seen(focus: Focus | None) -> Focus:
    """The same; AssertionError when nothing has the focus, or nobody could see what has."""
    assert focus is not None, "nothing has the focus"
    assert focus.ring, f"no outline shows the focus on {focus.html}"
    assert not focus.covered, f"the focus is hidden on {focus.html}"
    return focus


def press(page, *keys: str) -> None:
    """These keys, one after another: `press(page, "Space")`, `press(page, "Shift+Tab", "Enter")`."""
    for key in keys:
        page.keyboard.press(key)


def type_text(page, text: str) -> None:
    """What somebody types into the field that has the focus."""
    page.keyboard.type(text)


def tab_to(page, name: str, *, role: str | None = None, most: int = STOPS_MAX, back: bool = False) -> Focus:
    """Presses Tab until that control has the focus, and sees to it that the focus can be seen all the way.

    name: its accessible name, whole; with `...` at the end, how it begins. role: as the accessibility tree has it
    (link, button, textbox, radio, checkbox, combobox). A group of radio buttons is one stop: the arrow keys go on
    from there. AssertionError tells what there was instead.
    """
    passed: list[str] = []
    for _ in range(most):
        press(page, "Shift+Tab" if back else "Tab")
        focus = focused(page)
        if focus is None:
            if passed:
                break  # around: the browser's own controls come next
            continue
        seen(focus)
        fits = focus.name.startswith(name[:-3]) if name.endswith("...") else focus.name == name
        if fits and role in (None, focus.role):
            return focus
        passed.append(f"{focus.role} {focus.name!r}")
    wanted = f"{role or 'control'} {name!r}"
    raise AssertionError(f"Tab does not come to {wanted}; it comes to: {', '.join(dict.fromkeys(passed))}")


# Everything that a mouse can work with, in the document's order; of radio buttons with one name the one that Tab
# comes to. Elements whose browser gives them a stop without our doing (scrolling boxes) are not asked for.
_MARK = """
() => {
  const wanted = "a[href], button, input, select, textarea, summary, audio[controls], video[controls], [tabindex]";
  const all = [...document.querySelectorAll(wanted)].filter((e) =>
    !e.disabled && e.type !== "hidden" && e.tabIndex >= 0 && !e.closest("[inert]") &&
    e.checkVisibility({ visibilityProperty: true }));
  window.__stops = all.filter((e) => {
    if (e.type !== "radio") return true;
    const group = all.filter((o) => o.type === "radio" && o.name === e.name && o.form === e.form);
    return e === (group.find((o) => o.checked) ?? group[0]);
  });
  return window.__stops.map((e) => e.outerHTML.slice(0, 120));
}
"""


def mark_stops(page) -> list[str]:
    """Finds all that one should come to by Tab; how each begins. `Focus.number` counts in this list from then on."""
    return page.evaluate(_MARK)
