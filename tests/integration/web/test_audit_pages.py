"""The log's page, file and API: what it shows to whom, page by page, and what it says of the chain."""

import csv
import io
import itertools

import pytest

from evaluator.people import COMMAND, Viewer
from evaluator.storage.audit import log
from tests.integration.storage.builders import change
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import Outline, World, text_of


@pytest.fixture
def world(database):
    """A log with a hundred and three entries, of two people and the command line."""
    world = World(database)
    world.ada, world.bob = (
        Viewer(person_id=a_person(database, name), name=f"Person {name}", entry="session") for name in ("ada", "bob")
    )
    with database.begin() as db:
        for n in range(100):
            log(db, world.ada, "recording.read", f"interview:iv-{n}", "REQ-1", {"n": n})
        log(db, world.bob, "scorecards.export", "requisition:REQ-2", "REQ-2", {"rows": 7})
        log(db, COMMAND, "webhook.test", "webhook:3")
        log(db, world.bob, "note", "=HYPERLINK(1)", None, {"text": "<b>\u202e"})
    with world.client:
        yield world


def numbers(html):
    """Entries of a page, in order."""
    return [int(name.removeprefix("e-")) for name in Outline(html).ids if name.startswith("e-")]


def test_log_is_read_page_by_page(world):
    """Newest first, each entry once; the chain's state stands above it."""
    pages, address = [], "/audit"
    while address:
        page = world.page(address)
        pages.append(numbers(page))
        address = next((link for link in Outline(page).links if "before=" in link), None)

    assert [50, 50, 3] == [len(found) for found in pages]
    found = list(itertools.chain(*pages))
    assert sorted(found, reverse=True) == found
    assert f"Chain verified to #{pages[0][0]}" in text_of(world.page("/audit"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("person={bob}", 2),
        ("person=command", 1),
        ("action=recording.read", 100),
        ("requisition=REQ-2", 1),
        ("object=interview:iv-7", 1),
        ("since=2026-01-01", 103),
        ("since=2999-01-01", 0),
        ("until=2000-01-01", 0),
        ("until=2998-01-01", 103),
        ("person={bob}&action=recording.read", 0),
    ],
)
def test_filters_are_the_same_in_page_file_and_api(world, query, expected):
    """One address, three forms."""
    query = query.format(bob=world.bob.person_id)
    as_json = world.client.get(f"/v1/audit?{query}&limit=199").json()["items"]
    page = world.page(f"/audit?{query}")
    rows = list(csv.DictReader(io.StringIO(world.client.get(f"/audit/export.csv?{query}").text)))
    made = [row for row in rows if row["action"] != "audit.export"]

    assert expected == len(as_json) == len(made)
    assert min(expected, 50) == len(numbers(page))
    assert ("No entry matches" in page) == (expected == 0)


def test_entries_are_in_words_and_lead_to_what_they_are_about(world):
    """Hidden characters spelled out, markup escaped."""
    page = world.page("/audit")

    assert "Listened to a recording" in page
    assert "/interviews/iv-99" in Outline(page).links
    assert "&lt;b&gt;⟨U+202E⟩" in page
    assert "<b>" not in page.replace("<b>0", "")


def test_file_is_safe_and_taking_it_is_logged(world):
    """No cell is a formula."""
    answer = world.client.get("/audit/export.csv?action=note")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    newest = world.client.get("/v1/audit?limit=1").json()["items"][0]

    assert "'=HYPERLINK(1)" == row["object"]
    assert 'attachment; filename="audit.csv"' == answer.headers["content-disposition"]
    assert ("audit.export", {"filters": {"action": "note"}}) == (newest["action"], newest["detail"])


def test_api_gives_the_chain(world):
    """Page after page, each entry with the digest that the next one names."""
    items, cursor = [], ""
    while cursor is not None:
        page = world.client.get(f"/v1/audit?limit=40{cursor and '&cursor=' + cursor}").json()
        items += page["items"]
        cursor = page["next"]

    assert 103 == len(items)
    assert [item["sha256"] for item in items[1:]] == [item["previous_sha256"] for item in items[:-1]]


@pytest.mark.parametrize(
    "query",
    ["person=x", "before=x", "before=-1", "since=tomorrow", "requisition=a%20b", "object=%00", "person=" + "9" * 30],
)
def test_address_that_nobody_can_have_meant_is_refused(world, query):
    """400 with the part that is wrong, never an error of ours."""
    assert 400 == world.client.get(f"/audit?{query}").status_code


@pytest.mark.parametrize("query", ["person=x", "limit=0", "limit=500", "cursor=x", "since=x", "object=%00"])
def test_api_refuses_what_it_does_not_take(world, query):
    """The same for machines."""
    assert world.client.get(f"/v1/audit?{query}").status_code in {400, 422}


def test_broken_chain_is_the_first_thing_one_sees(world):
    """With the entry, and what to do."""
    number = numbers(world.page("/audit"))[10]
    change(world.database, "UPDATE audit SET object = 'interview:iv-0' WHERE id = :id", id=number)

    assert f"The chain is broken at entry #{number}" in text_of(world.page("/audit"))


def test_long_chain_is_checked_at_its_newest_end(world):
    """A page costs the same however long the log is."""
    with world.database.begin() as db:
        for n in range(500):
            log(db, world.ada, "login", f"session:{n}")
    change(world.database, "UPDATE audit SET object = 'x' WHERE id = (SELECT min(id) FROM audit)")

    page = text_of(world.page("/audit"))

    assert "Chain verified to #603" in page
    assert "These are the newest 500" in page


def test_empty_log_says_what_will_come(database):
    """With the commands."""
    page = text_of(World(database).page("/audit"))

    assert "Nothing is logged yet" in page
    assert "debrief audit verify-chain" in page


def test_only_administrators_read_it(world):
    """Neither recruiters nor tokens of theirs; an administrator's token to read does."""
    recruiter = world.visitor(a_person(world.database, "rec", roles=[("REQ-1", "recruiter")]))
    token = a_token(world.database, a_person(world.database, admin=True), "read")
    headers = {"Authorization": f"Bearer {token}"}
    world.client.cookies.clear()

    assert [403, 403, 403] == [recruiter.get(p).status_code for p in ("/audit", "/audit/export.csv", "/v1/audit")]
    assert 200 == world.client.get("/v1/audit", headers=headers).status_code
    assert "/audit" not in Outline(recruiter.get("/interviews").text).links
