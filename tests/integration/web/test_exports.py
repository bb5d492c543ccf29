"""Files of scorecards: whose they are, what is hidden in them, that they are logged, and lists as a stream."""

import csv
import io
import json
import re

import pytest
from sqlalchemy import text

from evaluator.errors import Unavailable
from evaluator.exports import gathering
from evaluator.exports.pdf import PdfUnavailable
from evaluator.human import Dismissed, Final
from evaluator.people import COMMAND
from evaluator.storage.reviewing import Wanted
from evaluator.web import files
from evaluator.web.files import Press, pieces
from tests.factories import SAID, a_transcript
from tests.integration.exports.listening import listening
from tests.integration.exports.pdf_reader import Pdf
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import NAME, World, a_review
from tests.unit.web.builders import timed

REASON = "Names the trade-off at the very end."
FORMS = ("export.csv", "export.csv?shape=wide", "export.json", "export.pdf", "greenhouse.json")
LETTERS = ("explanation", "explanation.txt", "explanation.pdf")


@pytest.fixture
def world(database):
    """Two scored interviews of one requisition, the first reviewed and overridden."""
    world = World(database)
    world.ada = a_person(database, "ada", roles=[("REQ-114", "recruiter")])
    for name in ("iv-1", "iv-2"):
        world.interview(name)
    world.run()
    world.cards = dict(zip(("iv-1", "iv-2"), (world.score(), world.score()), strict=True))
    world.card = world.cards["iv-1"]
    world.add(world.card, world.ada, a_review(world.rubric, level=2))
    world.add(
        world.card, world.ada, Final(criterion_id="depth", old=4, new=5, reason="missed_evidence", text=REASON), 1
    )
    with world.client:
        yield world


def rows(answer):
    """The lines of a CSV answer, as a program reads them."""
    assert 200 == answer.status_code, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def words_of(answer):
    """All text of a PDF, in one line."""
    assert 200 == answer.status_code, answer.text
    return re.sub(r"\s+", " ", Pdf(answer.content).text)


def logged(world, action):
    """What the audit log says of this action, the oldest first."""
    query = text("SELECT object, requisition, detail FROM audit WHERE action = :action ORDER BY id")
    with world.database.begin() as db:
        return [tuple(row) for row in db.execute(query, {"action": action})]


def test_one_scorecard_as_csv_keeps_people_and_judge_apart(world):
    """A line for each criterion, with the scale beside the levels."""
    found = rows(world.client.get(f"/scorecards/{world.card}/export.csv"))
    depth = next(row for row in found if row["criterion"] == "depth")

    assert [c.id for c in world.rubric.criteria] == [row["criterion"] for row in found]
    assert ("4", "5", "final", "1", "5") == tuple(
        depth[name] for name in ("ai_level", "human_level", "human_status", "scale_min", "scale_max")
    )


def test_one_scorecard_as_wide_csv_is_one_line(world):
    """Criteria are columns."""
    found = rows(world.client.get(f"/scorecards/{world.card}/export.csv?shape=wide"))

    assert [("4", "5")] == [(row["ai_level_depth"], row["human_level_depth"]) for row in found]


def test_an_interviews_id_stands_for_its_newest_scorecard(world):
    """As on the page."""
    assert {world.card} == {r["scorecard"] for r in rows(world.client.get("/scorecards/iv-1/export.csv"))}


def test_json_holds_all_of_it(world):
    """The body as hashed, the words that it cites, and what people added."""
    found = world.client.get(f"/scorecards/{world.card}/export.json").json()

    assert (True, 1, 5) == (found["ai_visible"], found["scale_min"], found["scale_max"])
    assert found["evidence"]
    assert REASON == found["human"]["finals"]["depth"][0]["text"]


def test_greenhouse_says_what_its_shape_loses(world):
    """A person's levels with warnings beside them."""
    found = world.client.get(f"/scorecards/{world.card}/greenhouse.json").json()

    assert ["yes"] == [card["overall_recommendation"] for card in found["scorecards"]]
    assert any("anchors became ratings" in warning for warning in found["warnings"])
    assert found == {**world.client.get(f"/v1/scorecards/{world.card}/greenhouse").json()}


def test_the_pdf_is_tagged_and_holds_the_pages_facts(world):
    """Rubric, judge, prompt, run, review status, levels and overrides."""
    answer = world.client.get(f"/scorecards/{world.card}/export.pdf")
    pdf = Pdf(answer.content)

    assert "application/pdf" == answer.headers["content-type"]
    assert {"Marked": True} == pdf.get(pdf.catalogue["MarkInfo"])
    for fact in ("backend@1", "night-1", "Prompt version", "1 of 1 review submitted", REASON):
        assert fact in words_of(answer)


@pytest.mark.parametrize("form", [*FORMS, *LETTERS[1:]])
def test_a_file_is_named_without_a_name_and_kept_by_nobody(world, form):
    """Safe ASCII, and nothing of the candidate's."""
    headers = world.client.get(f"/scorecards/{world.card}/{form}").headers

    assert re.fullmatch(r'attachment; filename="[a-z]+-[A-Za-z0-9_.-]+\.[a-z]+"', headers["content-disposition"])
    assert not re.search(f"{NAME}|C-iv-1", headers["content-disposition"])
    assert "no-store" == headers["cache-control"]


@pytest.mark.parametrize("form", [*FORMS, *LETTERS])
def test_no_file_holds_the_candidates_name(world, form):
    """Only the reference."""
    answer = world.client.get(f"/scorecards/{world.card}/{form}")
    found = words_of(answer) if form.endswith("pdf") else answer.text

    assert 200 == answer.status_code
    assert NAME not in found
    assert NAME.split()[0] not in found


def test_each_file_is_logged(world):
    """Who took what in which form: ids only."""
    for form in (*FORMS, *LETTERS):
        world.client.get(f"/scorecards/{world.card}/{form}")

    about = (f"scorecard:{world.card}", "REQ-114")
    forms = [
        {"format": "csv", "shape": "long"},
        {"format": "csv", "shape": "wide"},
        {"format": "json"},
        {"format": "pdf"},
        {"format": "greenhouse"},
    ]
    assert [(*about, form) for form in forms] == logged(world, "scorecard.export")
    assert [(*about, {"format": form}) for form in ("text", "pdf")] == logged(world, "scorecard.explain")


def test_while_blind_files_hold_neither_the_judges_nor_peoples_levels(world):
    """A final level tells what the judge's was not."""
    world.blind()
    long = rows(world.client.get(f"/scorecards/{world.card}/export.csv"))
    wide = rows(world.client.get(f"/scorecards/{world.card}/export.csv?shape=wide"))
    whole = world.client.get(f"/scorecards/{world.card}/export.json").json()

    hidden = [v for row in (*long, *wide) for k, v in row.items() if k.startswith(("ai_", "human_"))]
    assert {"", "false"} == set(hidden)
    assert {None} == {whole[name] for name in ("body", "body_sha256", "evidence", "human", "execution")}
    assert REASON not in json.dumps(whole)


@pytest.mark.parametrize("form", ["export.pdf", "greenhouse.json", *LETTERS])
def test_while_blind_what_is_all_judge_is_refused(world, form):
    """403 with a code of its own, for pages and programs."""
    world.blind()
    answer = world.client.get(f"/scorecards/{world.card}/{form}", headers={"Accept": "application/json"})

    assert (403, "locked") == (answer.status_code, answer.json()["code"])
    assert [] == logged(world, "scorecard.export") + logged(world, "scorecard.explain")


def test_ones_own_scores_open_the_files(world):
    """For the one who gave them, and not for their token."""
    world.blind()
    visitor = world.visitor(world.ada)
    token = {"Authorization": f"Bearer {a_token(world.database, world.ada, 'read')}"}
    visitor_cookie_free = world.visitor(world.ada)
    visitor_cookie_free.cookies.clear()

    assert 200 == visitor.get(f"/scorecards/{world.card}/export.pdf").status_code
    assert 403 == visitor_cookie_free.get(f"/v1/scorecards/{world.card}/pdf", headers=token).status_code


def test_a_hiring_manager_exports_and_does_not_explain(world):
    """As the table of rights says; a reviewer does neither."""
    manager, reviewer = (
        world.visitor(a_person(world.database, role, roles=[("REQ-114", role)]))
        for role in ("hiring_manager", "reviewer")
    )

    statuses = [
        [who.get(f"/scorecards/{world.card}/{form}").status_code for form in ("export.csv", "explanation")]
        for who in (manager, reviewer)
    ]

    assert [[200, 403], [403, 403]] == statuses
    for who, words in ((manager, (True, False)), (reviewer, (False, False))):
        page = who.get(f"/scorecards/{world.card}").text
        assert words == ("/export.pdf" in page, "/explanation" in page)
        assert words[0] == ("/interviews.csv" in who.get("/interviews").text)


def test_the_explanation_holds_no_level_and_nobody_else(world):
    """The candidate's own words, and how to reach a person."""
    page = world.page(f"/scorecards/{world.card}/explanation?contact=people%40acme.example")
    letter = world.client.get(f"/scorecards/{world.card}/explanation.txt?contact=people%40acme.example").text

    for found in (page, letter):
        assert "people@acme.example" in found
        assert "Who decides" in found
        assert not re.search(r"Person ada|Names the trade-off|level \d|Strong yes|\d of 5", found)
    assert f"/scorecards/{world.card}/explanation.pdf?contact=people%40acme.example" in page


def test_the_api_gives_the_explanation_as_values(world):
    """With the same text, and logged."""
    found = world.client.get(f"/v1/scorecards/{world.card}/explanation").json()

    assert world.client.get(f"/scorecards/{world.card}/explanation.txt").text == found["text"]
    assert [section.title for section in world.rubric.sections] == [part["title"] for part in found["parts"]]


def test_too_long_a_contact_is_refused(world):
    """It is printed; a letter is no place for a book."""
    assert 422 == world.client.get(f"/scorecards/{world.card}/explanation?contact={'x' * 501}").status_code


def test_the_list_comes_as_csv_for_the_filters_in_use(world):
    """In the list's order, the newest scorecard of each interview."""
    world.interview("iv-3", requisition="REQ-2")
    world.run(name="night-2")
    world.score()

    everything = rows(world.client.get("/interviews.csv?shape=wide&sort=intake"))
    filtered = rows(world.client.get("/interviews.csv?shape=wide&requisition=REQ-2"))
    reviewed = rows(world.client.get("/interviews.csv?state=reviewed"))

    assert ["iv-1", "iv-2", "iv-3"] == [row["interview"] for row in everything]
    assert ["iv-3"] == [row["interview"] for row in filtered]
    assert {"iv-1"} == {row["interview"] for row in reviewed}


def test_a_list_holds_only_what_one_may_export(world):
    """Seeing is not taking along: here a recruiter, there a reviewer."""
    world.interview("iv-3", requisition="REQ-2")
    world.run(name="night-2")
    world.score()
    both = a_person(world.database, "both", roles=[("REQ-114", "recruiter"), ("REQ-2", "reviewer")])

    found = rows(world.visitor(both).get("/interviews.csv?shape=wide"))

    assert {"iv-1", "iv-2"} == {row["interview"] for row in found}
    assert [("scorecards", None, {"format": "csv", "shape": "wide", "query": {}, "scorecards": 2})] == logged(
        world, "scorecards.export"
    )


def test_a_list_hides_what_is_blind_line_by_line(world):
    """Some lines open, some not; and no order by the judge."""
    world.blind()
    found = rows(world.visitor(world.ada).get("/interviews.csv?shape=wide"))

    assert {"iv-1": "true", "iv-2": "false"} == {row["interview"]: row["ai_visible"] for row in found}
    assert {"iv-1": "4", "iv-2": ""} == {row["interview"]: row["ai_level_depth"] for row in found}
    assert 403 == world.client.get("/interviews.csv?sort=-score").status_code


def test_the_api_streams_whole_scorecards(world):
    """One in each line, with the words that it cites."""
    answer = world.client.get("/v1/exports/scorecards?sort=intake")
    found = [json.loads(line) for line in answer.text.splitlines()]

    assert ["iv-1", "iv-2"] == [one["interview_id"] for one in found]
    assert all(one["evidence"] for one in found)
    assert "no-store" == answer.headers["cache-control"]
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("address", ["/interviews.csv", "/v1/exports/scorecards?format=csv"])
@pytest.mark.parametrize("more", ["shape=round", "sort=luck", "state=odd", "since=yesterday"])
def test_what_nobody_can_mean_is_refused(world, address, more):
    """Before anything is sent or logged."""
    answer = world.client.get(f"{address}{'&' if '?' in address else '?'}{more}")

    assert answer.status_code in {400, 422}
    assert [] == logged(world, "scorecards.export")


def test_a_list_is_read_page_by_page(world, monkeypatch):
    """No more than a page is held, and no transaction while a slow reader takes it."""
    monkeypatch.setattr(gathering, "PAGE_LENGTH", 1)
    found = gathering.survey(world.database, COMMAND, Wanted())
    lines = gathering.exported_list(world.database, COMMAND, Wanted(ascending=True), found)

    first = next(lines)

    assert 2 == found.count
    assert 0 == world.database.engine.pool.checkedout()
    assert ["iv-1", "iv-2"] == [first.stored.interview_id, *(one.stored.interview_id for one in lines)]


def test_what_comes_with_an_unknown_rubric_meanwhile_is_left_out(world):
    """The header is sent: the file has no columns for it."""
    found = gathering.Survey(count=0, rubrics=())

    assert [] == list(gathering.exported_list(world.database, COMMAND, Wanted(), found))


def test_a_dismissed_scorecard_says_so_in_every_file(world):
    """It is kept, and does not count."""
    world.add(world.cards["iv-2"], world.ada, Dismissed(cause="audio", text="Half of it is another call."))
    card = world.cards["iv-2"]

    assert {"true"} == {row["dismissed"] for row in rows(world.client.get(f"/scorecards/{card}/export.csv"))}
    assert "dismissed" in str(world.client.get(f"/scorecards/{card}/greenhouse.json").json()["warnings"])
    assert "Dismissed by Person ada" in words_of(world.client.get(f"/scorecards/{card}/export.pdf"))


def test_without_weasyprint_the_pdf_names_what_to_install(world, monkeypatch):
    """503 for the PDF alone; every other form works."""

    def missing(html):
        raise PdfUnavailable("PDF needs the Python package weasyprint: pip install 'debrief[pdf]'")

    monkeypatch.setattr(files, "pdf_of", missing)
    answer = world.client.get(f"/v1/scorecards/{world.card}/pdf")

    assert (503, "pdf") == (answer.status_code, answer.json()["code"])
    assert "debrief[pdf]" in answer.json()["detail"]
    assert 200 == world.client.get(f"/v1/scorecards/{world.card}/csv").status_code
    assert ["csv"] == [detail["format"] for _, _, detail in logged(world, "scorecard.export")]


def test_pdfs_are_made_a_few_at_once(monkeypatch):
    """Whoever finds no place is told to come again; a failure gives the place back."""
    press = Press(at_once=1, patience_s=0.01)

    def nested(html):
        press.pdf(html)

    monkeypatch.setattr(files, "pdf_of", nested)
    for _ in range(2):
        with pytest.raises(Unavailable, match="try again"):
            press.pdf("<p>")


def test_lines_are_sent_in_pieces():
    """Nothing is lost between two, and none is sent alone that is short."""
    lines = [f"{n:05}\r\n" for n in range(20_000)]

    found = list(pieces(lines))

    assert "".join(lines).encode() == b"".join(found)
    assert all(len(piece) >= files.PIECE_CHARS for piece in found[:-1])


def test_addresses_in_what_was_said_are_not_opened(world):
    """Neither for a picture nor for a style sheet."""
    with listening() as (address, asked):
        said = f'<img src="{address}/i.png"> <link rel=stylesheet href={address}/a.css> url({address}/b) and no more.'
        world.interview("iv-3", transcript=timed(a_transcript({**SAID, "design": said})))
        world.run(name="night-2")
        card = world.score()
        found = [world.client.get(f"/scorecards/{card}/{form}") for form in ("export.pdf", "explanation.pdf")]

    assert all(f"{address}/i.png" in words_of(answer) for answer in found)
    assert [] == asked
