"""The whole way of a recruiter in Chromium: from the link that `debrief demo` prints to files, audit log and chain."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, expect

from evaluator.storage.database import Database
from evaluator.storage.sessions import open_session
from evaluator.web.identity import ONE_MACHINE
from tests.commands import debrief
from tests.demonstration import demonstration
from tests.integration.exports.pdf_reader import Pdf
from tests.integration.web.conftest import a_person

HOST = "hooks.example.invalid"  # a name that no resolver knows (RFC 2606)
PATIENCE_MS = 20_000
LOCKED = "AI evaluation is ready. It opens after you submit your own scores."
REVIEWED = "C-0003"
THREE_OF_SALES = ("C-0008", "C-0009", "C-0011")
WHY = "Settles what it changes in the design, and says so twice."
NOTE = "Ask about replication lag in the next round."

LOGGED = (
    "login_link.create",
    "session.open",
    "requisition.change",
    "reviewer.assign",
    "review.submit",
    "final.set",
    "recommendation.give",
    "comparison.export",
    "scorecard.export",
    "webhook.add",
    "webhook.test",
)

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """A machine with two cores that also runs an engine may need longer than Playwright's five seconds."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)


@dataclass(frozen=True, kw_only=True)
class Override:
    """The level that a person set against the judge's."""

    criterion: str
    name: str
    ai: str
    mine: str


def test_the_whole_way(deployment: dict[str, str], database: Database, browser: Browser, tmp_path: Path) -> None:
    """Each step does what a person does there, and says what they then see."""
    env = {**deployment, "DEBRIEF_WEBHOOK_HOSTS": HOST}
    with demonstration(env, tmp_path) as shown:

        def command(*arguments: str) -> int:
            return debrief(*arguments, env=env, cwd=tmp_path).code

        context = browser.new_context(base_url=shown.pages, reduced_motion="reduce")
        try:
            walk(come_in(context, shown.sign_in), command)
        finally:
            context.close()
        second_person(browser, shown.pages, database, command)

    assert 130 == shown.code, shown.err[-20:]
    assert [] == [line for line in shown.err if "Traceback" in line]


def walk(page: Page, command: Callable[..., int]) -> None:
    """What the administrator of the machine does."""
    review_blind(page, "DEMO-ENG", "Backend engineer, platform")
    open_locked(page)
    ask_myself(page)
    read_transcript(page)
    give_own_scores(page)
    override = decide(page)
    scorecard = recommend(page, override)
    compare_locked(page, override)
    compare_open(page)
    export(page, scorecard, override)
    webhook(page)
    audit(page, scorecard, command)


def come_in(context: BrowserContext, link: str) -> Page:
    """By the link, which is good once; all interviews are scored."""
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Interviews")
    expect(page.get_by_text("12 taken in")).to_be_visible()
    expect(lines(page)).to_have_count(12)
    expect(page.get_by_label("About this judge")).to_contain_text("meaningless for real ones")
    stranger = context.browser.new_context()
    other = stranger.new_page()
    other.goto(link)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    stranger.close()
    return page


def lines(page: Page) -> Locator:
    """The lines of the list."""
    return page.locator("table.list tbody tr")


def line_of(page: Page, candidate: str) -> Locator:
    """One candidate's line."""
    return lines(page).filter(has_text=candidate)


def visit(page: Page, *names: str) -> None:
    """Follows the entries of the head's navigation."""
    for name in names:
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()


def review_blind(page: Page, requisition: str, title: str) -> None:
    """Its page puts it under blind review; its list then tells nothing of the judge's, the other's still does."""
    visit(page, "Requisitions")
    page.get_by_role("link", name=requisition, exact=True).click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Blind review").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator("p.lead")).to_contain_text("blind review")
    page.get_by_role("link", name="Its interviews").click()
    expect(lines(page)).to_have_count(6)
    expect(page.get_by_text("after your review")).to_have_count(6)
    assert "±" not in page.locator("table.list").inner_text()


def open_locked(page: Page) -> None:
    """From the list: the rubric with its anchors, and a lock where the AI's evaluation will be."""
    page.get_by_role("link", name=REVIEWED, exact=True).click()
    expect(page.get_by_role("heading", name=LOCKED)).to_be_visible()
    expect(page.locator("article.criterion")).to_have_count(11)
    expect(page.get_by_text("AI weighted score")).to_have_count(0)
    expect(page.get_by_role("link", name="PDF", exact=True)).to_have_count(0)


def ask_myself(page: Page) -> None:
    """The interview's page, where somebody is asked to review; it is then in their queue."""
    page.get_by_label("Where you are").get_by_role("link", name=REVIEWED).click()
    page.get_by_label("Ask somebody").select_option(label="Administrator")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator(".reviewers")).to_contain_text("Administrator (you)")
    expect(page.locator(".reviewers")).to_contain_text("not submitted yet")
    visit(page, "Interviews")
    page.get_by_role("link", name="My queue 1").click()
    expect(lines(page)).to_have_count(1)
    page.get_by_role("link", name=REVIEWED, exact=True).click()


def read_transcript(page: Page) -> None:
    """All that was said, without a mark at what the AI cited; and back."""
    page.get_by_role("link", name="Read the transcript").click()
    expect(page.get_by_text("What the AI cited is marked here after you submit your own scores.")).to_be_visible()
    expect(page.locator("mark")).to_have_count(0)
    expect(page.get_by_text("no recording").first).to_be_visible()
    page.get_by_role("link", name="Scorecard", exact=True).click()


def give_own_scores(page: Page) -> None:
    """Step 1: a level everywhere, words of the candidate for the first, a recommendation."""
    page.get_by_role("link", name="Give your own scores").click()
    expect(page.get_by_text("Step 1 of 2")).to_be_visible()
    expect(page.get_by_text("Nothing of the AI’s evaluation is on this page")).to_be_visible()
    rated = page.locator("fieldset[data-criterion]")
    expect(rated).to_have_count(11)
    first = rated.first
    first.locator("summary").click()
    first.locator('.offered input[type="checkbox"]').first.check()
    expect(first.locator("[data-chosen]")).to_have_text("1")
    for number in range(11):
        rated.nth(number).locator('input[type="radio"][value="1"]').check()
    expect(page.locator("[data-rated]")).to_have_text("11")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_role("button", name="Submit my scores").click()
    expect(page.get_by_text("Step 2 of 2")).to_be_visible()


def decide(page: Page) -> Override:
    """Step 2: one's own level for the first that differs by two or more, with a reason; the AI's for the others."""
    open_ones = page.locator("section.decision:not(.same)")
    disputed = open_ones.filter(has=page.locator(".wide-warn")).first
    field = disputed.locator('input[value="other"]').get_attribute("name")
    override = Override(
        criterion=field.removeprefix("final-"),
        name=disputed.get_by_role("heading").inner_text(),
        ai=disputed.locator(".said-levels dd b").nth(1).inner_text(),
        mine=disputed.locator(".said-levels dd b").first.inner_text(),
    )
    for number in range(open_ones.count()):
        open_ones.nth(number).get_by_label("AI: ").check()
    for evidence in disputed.locator("details[data-evidence]").all():
        evidence.locator("summary").click()
    expect(disputed.locator("[data-opened]")).to_have_text("(2 of 2 opened)")
    disputed.get_by_label("Mine: ").check()
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("group", name="not right yet")).to_be_focused()
    disputed.get_by_label("Reason").select_option("missed_evidence")
    disputed.get_by_label("Why, in 15 characters or more").fill(WHY)
    page.get_by_role("button", name="Finish").click()
    page.wait_for_url("**/scorecards/sc_*")
    return override


def recommend(page: Page, override: Override) -> str:
    """The scorecard now shows both levels and the reason; a recommendation is changed; its address."""
    scorecard = page.url.rpartition("/")[2]
    row = page.locator("table.glance tbody tr").filter(has_text=override.name)
    expect(row).to_contain_text("overridden")
    assert [override.ai, override.mine] == [row.locator("td").nth(n).inner_text() for n in (0, 1)]
    expect(page.get_by_text(WHY).first).to_be_attached()
    expect(page.get_by_text("1 of 1 reviewer submitted")).to_be_visible()
    page.get_by_role("link", name="Change your recommendation").click()
    page.get_by_label("Strong yes").check()
    page.get_by_label("Note").fill(NOTE)
    page.get_by_role("button", name="Give this recommendation").click()
    expect(page.locator("section.summary")).to_contain_text("Strong yes")
    expect(page.locator("section.summary")).to_contain_text(NOTE)
    return scorecard


def compare_locked(page: Page, override: Override) -> None:
    """From the list: the reviewed one with its override, the other two behind a lock."""
    visit(page, "Requisitions")
    page.get_by_role("link", name="DEMO-ENG", exact=True).click()
    page.get_by_role("link", name="Its interviews").click()
    expect(page.get_by_text("after your review")).to_have_count(5)
    expect(line_of(page, REVIEWED)).to_contain_text("yours is in")
    expect(line_of(page, REVIEWED)).to_contain_text("Strong yes")
    compare_chosen(page, (REVIEWED, "C-0004", "C-0005"))
    row = page.locator("table.compared tr").filter(has=page.get_by_role("rowheader", name=override.name)).first
    expect(row.locator(".by-person")).to_have_count(1)
    expect(row.locator("td svg.icon")).to_have_count(2)
    expect(page.get_by_role("link", name="Review C-0004")).to_be_visible()


def compare_chosen(page: Page, candidates: tuple[str, ...]) -> None:
    """Ticks them, and presses the button that counts them."""
    for candidate in candidates:
        page.get_by_label(f"Choose {candidate}").check()
    page.get_by_role("button", name=f"Compare the chosen ({len(candidates)})").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Compare {len(candidates)} candidates")


def compare_open(page: Page) -> None:
    """Three of the requisition that is not blind: figures, words side by side, strips, and the table as a file."""
    page.goto("/interviews?requisition=DEMO-SALES")
    compare_chosen(page, THREE_OF_SALES)
    expect(page.locator("tr.weighted td b")).to_have_count(3)
    row = page.locator("tr.why").first
    row.locator("summary").click()
    expect(row.locator("blockquote").first).to_be_visible()
    shown = read(download(page, "CSV"))
    assert set(THREE_OF_SALES) <= {line["candidate"] for line in shown}
    page.get_by_role("link", name="Dot strips").click()
    expect(page.locator("table.compared.strips")).to_be_visible()


def download(page: Page, name: str) -> Download:
    """What a link of this name gives."""
    with page.expect_download() as found:
        page.get_by_role("link", name=name, exact=True).click()
    return found.value


def read(file: Download) -> list[dict[str, str]]:
    """A CSV file's lines."""
    return list(csv.DictReader(io.StringIO(file.path().read_text(encoding="utf-8"))))


def export(page: Page, scorecard: str, override: Override) -> None:
    """Four files; all keep what the AI said and what a person said apart."""
    page.goto(f"/scorecards/{scorecard}")
    criteria = {line["criterion"]: line for line in read(download(page, "CSV"))}
    changed = criteria[override.criterion]
    document = json.loads(download(page, "JSON").path().read_bytes())
    greenhouse = json.loads(download(page, "Greenhouse").path().read_bytes())
    text = " ".join(Pdf(download(page, "PDF").path().read_bytes()).text.split())

    assert 11 == len(criteria)
    assert (override.ai, override.mine) == (changed["ai_level"], changed["human_level"])
    assert ("missed_evidence", WHY) == (changed["human_final_reason"], changed["human_final_text"])
    assert ("1", "5", "true") == (changed["scale_min"], changed["scale_max"], changed["ai_visible"])
    assert WHY in json.dumps(document["human"], ensure_ascii=False)
    assert "strong_yes" in json.dumps(greenhouse)
    assert [] == [words for words in (REVIEWED, WHY, NOTE, "Strong yes") if words not in text]


def webhook(page: Page) -> None:
    """One is added, its secret is shown once, it is tried, and the log says what became of it."""
    visit(page, "Webhooks")
    page.get_by_label("Address").fill(f"https://{HOST}/debrief")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".secret code")).to_contain_text("whsec_")
    page.get_by_role("button", name="Test now").click()
    message = page.locator("table.list tbody tr")
    expect(message).to_have_count(1)
    expect(message).to_contain_text("webhook.test")
    expect(message).to_contain_text("no_such_host")
    message.locator("summary").click()
    expect(message.locator("ol.tries li")).to_have_count(1)
    expect(page.locator(".secret")).to_have_count(0)


def audit(page: Page, scorecard: str, command: Callable[..., int]) -> None:
    """All of it stands there, the newest first, and the chain is whole."""
    visit(page, "Audit")
    expect(page.locator(".chain strong")).to_contain_text("Chain verified to #")
    actions = page.locator("table.audit td[data-label=What] code")
    assert [] == [action for action in LOGGED if action not in actions.all_inner_texts()]
    page.get_by_label("Object").fill(f"scorecard:{scorecard}")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(actions).to_have_text([*["scorecard.export"] * 4, "recommendation.give", "final.set", "review.submit"])
    expect(page.locator("table.audit td[data-label=Who]").first).to_contain_text("Administrator")
    assert WHY not in page.content()
    assert 0 == command("audit", "verify-chain")


def second_person(browser: Browser, pages: str, database: Database, command: Callable[..., int]) -> None:
    """Somebody who reviews in one requisition: what the first one said, and what the AI said, is closed to them.

    On one machine only its administrator signs in. So this person comes to be, and their session opens, by the
    operations that a login with a provider ends in; their role is given by the command.
    """
    person = a_person(database, "bob")
    assert 0 == command("requisition", "member", "add", "DEMO-ENG", str(person), "reviewer")
    context = browser.new_context(base_url=pages, reduced_motion="reduce")
    try:
        context.add_cookies([{"name": ONE_MACHINE.cookie, "value": token_of(database, person), "url": pages}])
        page = context.new_page()
        page.goto("/interviews")
        expect(page.get_by_text("6 taken in")).to_be_visible()
        expect(page.get_by_text("after your review")).to_have_count(6)
        expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_text(
            ["Interviews", "Compare", "Rubrics", "Requisitions"]
        )
        page.get_by_role("link", name=REVIEWED, exact=True).click()
        expect(page.get_by_role("heading", name=LOCKED)).to_be_visible()
        expect(page.get_by_text("1 of 1 reviewer submitted")).to_be_visible()
        assert [] == [words for words in (WHY, NOTE, "overridden", "Strong yes") if words in page.content()]
        assert [403, 403] == [page.goto(path).status for path in ("/audit", "/webhooks")]
    finally:
        context.close()


def token_of(database: Database, person: int) -> str:
    """A session's token, as their browser holds it."""
    with database.begin() as db:
        return open_session(db, person, ONE_MACHINE.absolute).token
