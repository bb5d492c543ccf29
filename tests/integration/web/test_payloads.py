"""Whatever was said, written or named stays text: on every page, in every header, in CSV, JSON, and PDF."""

import csv
import io
import json
import re
from collections import Counter
from urllib.parse import quote

import pytest
import tinyhtml5

from evaluator.exports.csv import unguarded
from evaluator.storage.database import Database
from evaluator.words import visible
from tests.integration.exports.pdf_reader import Pdf
from tests.integration.web.crawling import paths, readable
from tests.integration.web.payloads import PAYLOADS, SHARPEST, Planted, as_it_is, tamed

ADDRESSES = re.compile(r"/(?!/)|#|\?|data:image/svg\+xml,|$")  # what links, forms and sources of ours begin with
LINKING = {"href", "src", "action", "formaction", "srcset", "poster", "data", "ping", "background"}
REFLECTED = (
    "/interviews?q={}",
    "/interviews?requisition={}",
    "/interviews?run={}",
    "/interviews?sort={}",
    "/interviews?after={}",
    "/interviews/{}",
    "/scorecards/{}",
    "/runs/{}",
    "/runs/{}/report",
    "/rubrics/{}",
    "/rubrics/backend/{}",
    "/requisitions/{}",
    "/compare?c=iv-1&c=iv-3&order={}",
    "/compare?c={}&c=iv-1",
    "/login?next={}",
    "/audit?action={}",
    "/audit?cursor={}",
    "/nothing/{}",
    "/{}",
)


@pytest.fixture(scope="module")
def worlds(_template):
    """Two worlds that are alike, one full of payloads and one of harmless words; each made once for this file."""
    from tests.conftest import _admin, _create, _named

    server, template = _template
    made = {}
    for name, say in (("hostile", as_it_is), ("harmless", tamed)):
        _create(server, f"payloads_{name}", template=template)
        made[name] = Planted(Database(_named(server, f"payloads_{name}"), connections=4), say)
    yield made["hostile"], made["harmless"]
    for name, planted in made.items():
        planted.world.database.close()
        _admin(server, f'DROP DATABASE "payloads_{name}" WITH (FORCE)')


def outline(html):
    """Each element with the names of its attributes, and how often; AssertionError: an address that is not ours."""
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for element in tinyhtml5.parse(html, namespace_html_elements=False).iter():
        if not isinstance(element.tag, str):
            found["comment", ()] += 1
            continue
        names = tuple(sorted(map(str, element.attrib)))
        found[(element.tag, names)] += 1
        for name in LINKING & set(names):
            assert ADDRESSES.match(element.attrib[name].strip()), (element.tag, name, element.attrib[name])
    return found


def words_of(html):
    """What a reader sees and hears, in one line: text, and the values of attributes."""
    parts = []
    for element in tinyhtml5.parse(html, namespace_html_elements=False).iter():
        parts += [element.text or "", *element.attrib.values(), element.tail or ""]
    return one_line(" ".join(parts))


def one_line(text):
    """With white space folded."""
    return " ".join(text.split())


def read(planted):
    """All addresses of the application in this world, with their answers to the administrator."""
    found = {}
    for route in readable(planted.world.app):
        for n, path in enumerate(paths(route, {**planted.places, "name": ["night-1"]})):
            if not route.path.startswith("/static") and "pdf" not in route.path:
                found[route.path, n] = planted.client().get(path, follow_redirects=False)
    return found


@pytest.fixture(scope="module")
def answers(worlds):
    """What both worlds answer."""
    return tuple(read(planted) for planted in worlds)


def is_page(answer):
    """Whether a browser would read it as markup."""
    return answer.headers.get("content-type", "").startswith("text/html")


def test_no_payload_makes_an_element_or_an_attribute(answers):
    """Each page has the elements and attributes of the same page with harmless words, and links nowhere else."""
    hostile, harmless = answers
    wrong = {}
    for key, answer in hostile.items():
        assert answer.status_code < 500, key
        assert harmless[key].status_code == answer.status_code, key
        if is_page(answer):
            here, there = outline(answer.text), outline(harmless[key].text)
            if here != there:
                wrong[key] = (here - there, there - here)

    assert {} == wrong
    assert sum(map(is_page, hostile.values())) > 20


def test_every_place_is_seen_somewhere(worlds, answers):
    """What is planted comes up on a page as it was written, else this suite would prove nothing."""
    hostile, _ = worlds
    seen = " ".join(words_of(answer.text) for answer in answers[0].values() if is_page(answer))
    missing = {
        place: texts[0]
        for place, texts in hostile.said.items()
        if not any(one_line(visible(text)) in seen for text in texts)
    }

    # Names are never shown; of a webhook its host is; `candidate` stands in pieces, and has a test of its own below.
    unseen_on_purpose = {"name", "webhook", "candidate", "rubricopening", "rubricclosing"}
    assert set() == set(missing) - unseen_on_purpose
    assert not [text for text in hostile.said["name"] if one_line(visible(text)) in seen]


def test_what_a_candidate_says_is_shown_letter_by_letter(worlds):
    """Every payload, on the page of the transcript."""
    page = words_of(worlds[0].client().get("/interviews/iv-1/transcript").text)

    assert [] == [p for p in PAYLOADS if one_line(visible(p)) not in page]


def test_no_header_holds_a_payload(answers):
    """Neither a file's name nor an address to go on to."""
    for key, answer in answers[0].items():
        joined = "\n".join(f"{k}: {v}" for k, v in answer.headers.items() if k != "content-security-policy")
        assert not re.search(r"alert|evil|onerror|<|zref|zrun|z[a-z]+note|calc", joined), (key, joined)
        assert joined.isascii()


def test_each_answer_says_what_it_is(answers):
    """Only pages are markup, and no browser may guess otherwise."""
    for key, answer in answers[0].items():
        assert "nosniff" == answer.headers["x-content-type-options"], key
        kind = answer.headers.get("content-type", "none").partition(";")[0]
        assert is_page(answer) or kind in {
            "none",
            "application/json",
            "application/problem+json",
            "application/jsonl",
            "application/pdf",
            "text/csv",
            "text/plain",
            "audio/ogg",
            "image/svg+xml",
        }, key


@pytest.mark.parametrize("address", REFLECTED)
def test_what_an_address_says_is_text_too(worlds, address):
    """Pages that repeat what was asked for, and those that refuse it."""
    wrong = {}
    for payload in SHARPEST:
        answers = [
            planted.client().get(address.format(quote(asked(planted.say, payload), safe="")), follow_redirects=False)
            for planted in worlds
        ]
        here, there = (outline(answer.text) if is_page(answer) else Counter() for answer in answers)
        assert answers[0].status_code < 500, payload
        if answers[0].status_code == answers[1].status_code and here != there:
            wrong[payload] = (here - there, there - here)
        if any(name.startswith("on") for _, names in here for name in names) or ("script", ()) in here:
            wrong[payload] = here
        leads = answers[0].headers.get("location", "/")
        assert re.match(r"/(?![/\\])", leads), (payload, leads)

    assert {} == wrong


def asked(say, payload):
    """The payload as short as an address may have it; a slash makes another address, so it stays."""
    return "/".join(map(say, payload[:60].split("/")))


@pytest.mark.parametrize("shape", ["long", "wide"])
def test_csv_comes_back_as_it_was(worlds, shape):
    """Read by the module that knows RFC 4180; no cell is a formula, and taking the guard off gives the text back."""
    hostile, _ = worlds
    answer = hostile.client().get(f"/interviews.csv?shape={shape}&requisition=REQ-114")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline=""), strict=True))
    cells = [cell for row in rows for cell in row.values()]

    assert {len(rows[0])} == {len(row) for row in rows}
    assert [] == [cell for cell in cells if re.match(r"[\s\u200b\ufeff]*[=+\-@\uff1d\t\r\n]", cell)]
    known = {one_line(text) for texts in hostile.said.values() for text in texts}
    assert {one_line(unguarded(row["candidate"])) for row in rows} <= known
    if shape == "long":
        reasons = {unguarded(row["human_final_text"]) for row in rows} - {""}
        assert reasons == {f"{text} and fifteen".strip() for text in hostile.said["reason"]}


def test_json_holds_it_as_it_was(worlds):
    """And is no markup, even where a browser would read it as such."""
    hostile, _ = worlds
    found = hostile.client().get("/scorecards/iv-1/export.json").json()

    assert {f"{t} and fifteen".strip() for t in hostile.said["reason"]} == {
        record["text"] for history in found["human"]["finals"].values() for record in history
    }
    assert json.dumps(found)


def test_pdf_holds_it_letter_by_letter(worlds):
    """Nothing of it is markup, style or an address there; read back from the document."""
    hostile, _ = worlds
    answer = hostile.client().get("/scorecards/iv-1/export.pdf")
    text = re.sub(r"\s+", "", Pdf(answer.content).text)
    plain = [t for place in ("reason", "note", "evidence") for t in hostile.said[place] if t.isascii()]

    assert 200 == answer.status_code, answer.text
    assert len(plain) > 5
    assert [] == [t for t in plain if re.sub(r"\s+", "", visible(t)) not in text]


def test_the_explanation_holds_it_too(worlds):
    """As page, text and PDF; with a contact that wants to be more."""
    hostile, harmless = worlds
    contact = PAYLOADS[2]
    pages = [
        w.client().get("/scorecards/iv-1/explanation", params={"contact": w.say(contact)}).text
        for w in (hostile, harmless)
    ]
    letter = hostile.client().get("/scorecards/iv-1/explanation.txt", params={"contact": contact}).text

    assert outline(pages[0]) == outline(pages[1])
    assert contact in words_of(pages[0])
    assert contact in one_line(letter)
