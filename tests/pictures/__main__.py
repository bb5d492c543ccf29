"""`python -m tests.pictures [FOLDER]`: scores the demonstration's interviews, works as a reviewer, takes the pictures.

Each is what Chromium shows of a window 1280 pixels wide, with 256 colours. Names are fixed; dates and ids of requests
are not.
"""

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser import find
from tests.demonstration import demonstration

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
BYTES_MAX = 250_000
WIDTH, HEIGHT = 1280, 860  # CSS pixels
ROOM = 12  # pixels above and below a part, and above what was scrolled to
COLOURS = 256
REVIEWED, THREE = "demo-1-backend-eng-0003", ("0002", "0003", "0005")
OWN_LEVELS = ("4", "3", "4", "3", "4", "2", "3", "3", "2", "3", "2")
WHY = "Says which parts of the login were built alone, and what that spared the customers."


class TooLarge(Exception):
    """Raised when a picture would weigh more than what a document may carry."""


def main() -> int:
    """Takes all pictures; an exit code."""
    parser = argparse.ArgumentParser(prog="tests.pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        demonstration({"DEBRIEF_HOME": home}, Path(home)) as shown,
        _context(shown.pages) as context,
    ):
        _take_all(context, shown.sign_in, folder)
    return 0


@contextmanager
def _context(pages: str) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(os.environ), args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_context(
            base_url=pages, viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce", locale="en-GB"
        )
        browser.close()


def _take_all(context: BrowserContext, link: str, folder: Path) -> None:
    page = context.new_page()

    def take(name: str, of: str | None = None) -> None:
        page.mouse.move(0, 0)
        _write(folder / f"{name}.png", page.screenshot() if of is None else _part(page, of))

    _come_in(page, link)
    _review(page, take)
    _scorecard(page, take)
    page.goto("/interviews?requisition=DEMO-ENG")
    take("list")
    page.goto("/compare?" + "&".join(f"c=demo-1-customer-sales-{number}" for number in THREE))
    page.locator("tr.why summary").first.click()
    take("compare", "main > .head, tr.why")
    page.goto("/runs/demo-1")
    take("run")
    page.goto("/requisitions/DEMO-ENG")
    take("requisition")
    page.request.get(f"/scorecards/{REVIEWED}/export.csv")
    page.goto("/audit")
    take("audit")


def _come_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/interviews*")


def _review(page: Page, take: Callable[..., None]) -> None:
    """Blind review on, the locked page, both steps with one's own level for the first criterion that differs."""
    page.goto("/requisitions/DEMO-ENG")
    page.get_by_label("Title").fill("Backend engineer, platform")
    page.get_by_label("Blind review").check()
    page.get_by_role("button", name="Save").click()
    page.goto(f"/scorecards/{REVIEWED}")
    take("locked")
    page.get_by_role("link", name="Give your own scores").click()
    first = page.locator("fieldset[data-criterion]").first
    first.locator("summary").click()
    first.locator('.offered input[type="checkbox"]').nth(2).check()
    first.locator("summary").click()
    for number, level in reversed(list(enumerate(OWN_LEVELS))):
        page.locator("fieldset[data-criterion]").nth(number).locator(f'input[type="radio"][value="{level}"]').check()
    page.get_by_label("Yes", exact=True).check()
    _top(page, ".review")
    take("review-1")
    page.get_by_role("button", name="Submit my scores").click()
    page.wait_for_url("**/finals")
    differ = page.locator("section.decision:not(.same)")
    for number in range(differ.count()):
        differ.nth(number).get_by_label("AI: ").check()
    disputed = differ.first
    for evidence in disputed.locator("details[data-evidence]").all():
        evidence.locator("summary").click()
    disputed.get_by_label("Mine: ").check()
    disputed.get_by_label("Reason").select_option("missed_evidence")
    disputed.get_by_label("Why, in 15 characters or more").fill(WHY)
    _top(page, "section.decision:not(.same)")
    take("review-2")
    page.get_by_role("button", name="Finish").click()
    page.wait_for_url("**/scorecards/sc_*")


def _scorecard(page: Page, take: Callable[..., None]) -> None:
    """The head, the table in both colour schemes, and the words behind a level."""
    page.goto(f"/scorecards/{REVIEWED}")
    take("scorecard")
    table = "section:has(> #glance)"
    take("scorecard-table", table)
    page.emulate_media(color_scheme="dark")
    take("scorecard-table-dark", table)
    page.emulate_media(color_scheme="light")
    take("evidence", "article.criterion")


def _top(page: Page, selector: str) -> None:
    """Scrolls so that this stands at the top, with a little room above."""
    page.locator(selector).first.evaluate(f"e => window.scrollTo(0, e.getBoundingClientRect().top + scrollY - {ROOM})")


def _part(page: Page, selector: str) -> bytes:
    """From the first of these, with commas between, to the last of them, with some room, over the whole width."""
    boxes = [page.locator(one).first.bounding_box() for one in selector.split(", ")]
    top, bottom = boxes[0]["y"], boxes[-1]["y"] + boxes[-1]["height"]
    scrolled = page.evaluate("scrollY")
    clip = {"x": 0, "y": top + scrolled - ROOM, "width": WIDTH, "height": bottom - top + 2 * ROOM}
    return page.screenshot(full_page=True, clip=clip)


def _write(path: Path, png: bytes) -> None:
    """With as many colours as such a page has; TooLarge."""
    kept = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(kept, format="PNG", optimize=True)
    if kept.tell() > BYTES_MAX:
        raise TooLarge(f"{path.name} weighs {kept.tell():,} bytes; at most {BYTES_MAX:,} are kept with the documents")
    path.write_bytes(kept.getvalue())
    print(f"{path.name}: {kept.tell():,} bytes", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
