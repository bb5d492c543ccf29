"""Candidates side by side: page, API and file over one operation, each state, and what a blind review hides."""

import csv
import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from evaluator.human import Dismissed, Final, Rating, Review
from evaluator.storage.interviews import release_rubric
from tests.factories import a_rubric
from tests.integration.storage.builders import rows
from tests.integration.web.compared import (
    FAIR,
    GENEROUS,
    SAYINGS,
    SEVERE,
    forget,
    measure_noise,
    rescore,
    score_all,
    take_in,
)
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import Outline, World, a_review, text_of

LOCKED = "Hidden until you submit your own scores"


@pytest.fixture
def world(database):
    """Three interviews, waiting to be scored."""
    world = World(database)
    take_in(world, "iv-1", "iv-2", "iv-3")
    with world.client:
        yield world


def address(*names, **more):
    """A comparison's address."""
    return "/compare?" + "&".join([*(f"c={name}" for name in names), *(f"{k}={v}" for k, v in more.items())])


def asked(client, *names, **more):
    """The same comparison from the API."""
    return client.get(address(*names, **more).replace("/compare", "/v1/compare"))


def order_of(html):
    """The candidates of the table's head, from the left."""
    return re.findall(r'class="name" href="/scorecards/[^"]+">([^<]+)<', html)


def row_of(html, criterion_id):
    """The cells of one row as a reader sees them."""
    row = re.search(rf'<tr id="row-{criterion_id}">(.*?)</tr>', html, re.DOTALL)[1]
    return [text_of(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]


def test_a_table_has_number_and_word_for_each(world):
    """Rows are criteria, columns candidates, in the order of their interviews."""
    score_all(world, {"iv-2": SEVERE})
    html = world.page(address("iv-3", "iv-1", "iv-2"))

    assert ["C-1", "C-2", "C-3"] == order_of(html)
    assert ["4 Strong", "1 Far below", "4 Strong", "3"] == row_of(html, "depth")
    assert ["Not answered", "Not answered", "Not answered", "Nobody has a level"] == row_of(html, "method")


def test_evidence_stands_beside_with_its_place_in_the_transcript(world):
    """The candidate's own words, each a link to where they were said."""
    score_all(world)
    html = world.page(address("iv-1", "iv-2"))

    assert 2 == html.count("We moved to three read replicas last year.")
    assert {"/interviews/iv-1/transcript#u-U1", "/interviews/iv-2/transcript#u-U2"} <= set(Outline(html).links)


def test_more_evidence_than_two_is_one_link_away(world):
    """It leads to the first that is not shown."""
    cards = score_all(world)
    ada = a_person(world.database, "ada", roles=[("REQ-114", "reviewer")])
    ratings = [Rating(criterion_id="depth", level=5, quotes=("U1", "U2", "U3"))]
    ratings += [Rating(criterion_id=c.id, level=3) for c in world.rubric.criteria[1:]]
    world.add(cards["iv-1"], ada, Review(ratings=tuple(ratings), recommendation="yes"))
    html = world.page(address("iv-1", "iv-2", mode="human"))

    assert 'href="/interviews/iv-1/transcript#u-U3">Show all 3' in html


def test_words_that_cannot_be_read_leave_the_levels(world):
    """The store is away: the page says why, and shows what it has."""
    score_all(world)
    world.store.objects.clear()
    page = text_of(world.page(address("iv-1", "iv-2")))

    assert "Some words cannot be shown:" in page
    assert "4 Strong" in page


def test_a_persons_level_is_marked_and_the_judges_stays(world):
    """In words too, not by the mark alone."""
    cards = score_all(world)
    ada = a_person(world.database, "ada", roles=[("REQ-114", "reviewer")])
    world.add(cards["iv-1"], ada, a_review(world.rubric))
    text = "Names the trade-off at the very end."
    world.add(cards["iv-1"], ada, Final(criterion_id="depth", old=4, new=5, reason="missed_evidence", text=text), 1)
    html = world.page(address("iv-1", "iv-2"))

    assert "5 Outstanding ▲H (a person’s) AI: 4" == row_of(html, "depth")[0]
    assert "Yes Person ada" in text_of(html)
    assert "4 Strong" == row_of(world.page(address("iv-1", "iv-2", mode="ai")), "depth")[0]
    assert "Not reviewed yet" == row_of(world.page(address("iv-1", "iv-2", mode="human")), "depth")[1]


def test_a_stored_measurement_makes_ties(world):
    """What re-scoring alone may explain is a tie, with the figure and on how many it rests."""
    measure_noise(world)
    score_all(world, {"iv-2": GENEROUS, "iv-3": FAIR})
    html = world.page(address("iv-1", "iv-2"))

    assert "≈ 1, within noise noise ±1.4" == row_of(html, "depth")[-1]
    assert "measured on 4 interviews scored 2 times" in text_of(html)
    found = asked(world.client, "iv-1", "iv-2").json()
    assert ("tie", 4) == (found["rows"][0]["difference"]["standing"], found["noise"]["interviews"])


def test_without_a_measurement_nothing_is_a_tie(world):
    """And the command that measures is named."""
    score_all(world)
    page = text_of(world.page(address("iv-1", "iv-2")))

    assert "debrief calibrate noise --rubric backend@1" in page
    assert "≈ Tie" not in page


def test_gaps_name_the_question(world):
    """As text, so that it can be copied without a script."""
    score_all(world)
    page = text_of(world.page(address("iv-1", "iv-2")))

    assert "Ask in the next round" in page
    assert (
        "Method Not answered. The question was asked; the candidate said nothing in this section. What did you do?"
        in page
    )


def test_strips_stand_beside_the_same_figures(world):
    """The drawing is hidden from screen readers, the figures are not."""
    score_all(world, {"iv-2": SEVERE})
    html = world.page(address("iv-1", "iv-2", show="strips"))

    assert '<svg class="strip"' in html
    assert ["4 Strong", "1 Far below"] == row_of(html, "depth")[1:3]


@pytest.mark.parametrize("names", [(), ("iv-1",), ("iv-1", "iv-1"), ("iv-1", "C-1")])
def test_fewer_than_two_say_what_to_do(world, names):
    """One candidate under two names is one."""
    score_all(world)
    page = text_of(world.page(address(*names)))

    assert "Pick 2 to 12 candidates from the list" in page
    assert 400 == asked(world.client, *names).status_code


def test_the_same_twice_is_shown_once(world):
    """And said so."""
    cards = score_all(world)
    html = world.page(address("iv-1", "iv-2", cards["iv-1"]))

    assert ["C-1", "C-2"] == order_of(html)
    assert "Named more than once, and shown once: C-1." in text_of(html)


def test_more_than_twelve_can_be_chosen_from(world):
    """The first twelve are ticked."""
    names = [f"iv-{n}" for n in range(1, 14)]
    take_in(world, *names[3:])
    score_all(world)
    html = world.page(address(*names))

    assert "13 are too many for one table" in text_of(html)
    assert (13, 12) == (html.count('type="checkbox" name="c"'), html.count(" checked>"))
    assert (200, 400) == (world.client.get(address(*names[:12])).status_code, asked(world.client, *names).status_code)


def test_more_names_than_anybody_compares_are_refused(world):
    """Before anything is looked up."""
    assert 400 == world.client.get(address(*[f"iv-{n}" for n in range(51)])).status_code


def other_version(world, *names, version="2"):
    """Takes in and scores interviews under another version of the rubric."""
    rubric = a_rubric().model_copy(update={"version": version})
    with world.database.begin() as db:
        release_rubric(db, rubric)
    take_in(world, *names, rubric_version=version)
    return score_all(world, run=f"night-{version}")


def test_another_rubric_version_blocks_the_table(world):
    """Who and why, and the way out that helps; the API answers 409."""
    score_all(world)
    other_version(world, "iv-9")
    html = world.page(address("iv-1", "iv-2", "iv-9"))
    answer = asked(world.client, "iv-1", "iv-2", "iv-9")

    assert "C-9 : it was scored with backend@2, the others with backend@1." in text_of(html)
    assert "import it again with --rubric backend@1" in text_of(html)
    assert "/compare?c=iv-1&amp;c=iv-2" in html
    assert (409, "not_comparable") == (answer.status_code, answer.json()["code"])


def test_re_scoring_is_offered_only_where_it_helps(world):
    """An interview that is meant for the other version by now is judged on it."""
    cards = score_all(world)
    other_version(world, "iv-9", "iv-8")
    with world.database.begin() as db:
        db.exec_driver_sql("UPDATE interview SET rubric_version = '2' WHERE id = 'iv-1'")
    html = world.page(address("iv-1", "iv-9", "iv-8"))

    assert "Re-score it: it is meant for backend@2 by now." in text_of(html)
    assert f'action="/scorecards/{cards["iv-1"]}/rescore"' in html
    hers = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))
    assert 'action="/scorecards/' not in hers.get(address("iv-1", "iv-9", "iv-8")).text


def test_the_rubric_can_be_chosen(world):
    """Then the others stand in the way."""
    score_all(world)
    other_version(world, "iv-9")
    page = text_of(world.page(address("iv-1", "iv-2", "iv-9", rubric="backend@2")))

    assert "C-1 : it was scored with backend@1, the others with backend@2." in page
    assert 404 == world.client.get(address("iv-1", "iv-2", rubric="backend@77")).status_code


def test_a_dismissed_scorecard_blocks_the_table(world):
    """It does not count."""
    cards = score_all(world)
    bob = a_person(world.database, "bob", roles=[("REQ-114", "recruiter")])
    world.add(cards["iv-2"], bob, Dismissed(cause="audio", text="Half of it is another call."))
    page = text_of(world.page(address("iv-1", "iv-2", "iv-3")))

    assert "C-2 : its scorecard was dismissed, so it does not count." in page
    assert 409 == asked(world.client, "iv-1", "iv-2").status_code


def test_an_interview_without_a_scorecard_blocks_the_table(world):
    """Its own page says where it stands."""
    score_all(world)
    take_in(world, "iv-7")
    html = world.page(address("iv-1", "iv-2", "iv-7"))

    assert "C-7 : it has no scorecard yet." in text_of(html)
    assert "/interviews/iv-7" in Outline(html).links


def test_all_that_stand_in_the_way_can_be_left_out_at_once(world):
    """Where enough are left."""
    score_all(world)
    take_in(world, "iv-7", "iv-8")
    html = world.page(address("iv-1", "iv-2", "iv-7", "iv-8"))

    assert "Leave all 2 out" in html
    assert '<a href="/compare?c=iv-1&amp;c=iv-2">Leave all' in html


def test_an_older_scorecard_says_so(world):
    """It can be compared, and leads to the newer one."""
    old = score_all(world)["iv-1"]
    new = rescore(world, "iv-1", SEVERE)
    html = world.page(address(old, "iv-2"))

    assert "not its newest: newer scorecard" in text_of(html)
    assert f"/scorecards/{new}" in Outline(html).links
    assert "1 Far below" == row_of(world.page(address("iv-1", "iv-2")), "depth")[0]


def test_order_and_pin(world):
    """The highest score first, or the one that the others are held against."""
    score_all(world, {"iv-2": GENEROUS, "iv-1": SEVERE})

    assert ["C-2", "C-3", "C-1"] == order_of(world.page(address("iv-1", "iv-2", "iv-3", order="score")))
    assert ["C-3", "C-1", "C-2"] == order_of(world.page(address("iv-1", "iv-2", "iv-3", pin="iv-3")))
    assert ["C-1", "C-2", "C-3"] == order_of(world.page(address("iv-3", "iv-2", "iv-1", order="candidate")))


def test_the_address_is_the_state(world):
    """Each link keeps all but what it changes."""
    score_all(world)
    html = world.page(address("iv-1", "iv-2", "iv-3", mode="ai", order="candidate", pin="iv-2", show="strips"))
    links = [link.replace("&amp;", "&") for link in Outline(html).links if link.startswith("/compare?")]
    queries = [parse_qs(urlsplit(link).query) for link in links]

    same = {"c": ["iv-1", "iv-2", "iv-3"], "mode": ["ai"], "order": ["candidate"], "pin": ["iv-2"], "show": ["strips"]}
    assert same in queries  # the choice that is made already
    assert {**same, "c": ["iv-1", "iv-3"], "pin": None} in [{**same, **q, "pin": q.get("pin")} for q in queries]
    assert {name: value for name, value in same.items() if name != "pin"} in queries  # unpinned


@pytest.mark.parametrize("part", ["mode=best", "order=-score", "show=radar", "pin=iv-2", "rubric=4"])
def test_what_nobody_can_have_meant_is_refused(world, part):
    """400, with what is possible."""
    score_all(world)

    assert 400 == world.client.get(f"/compare?c=iv-1&c=iv-3&{part}").status_code


def test_what_one_may_not_see_answers_as_what_does_not_exist(world):
    """For every way to name it, on the page, in the API and as a file."""
    take_in(world, "iv-5", requisition="REQ-9")
    card = score_all(world)["iv-5"]
    client = world.visitor(a_person(world.database, "bob", roles=[("REQ-114", "recruiter")]))

    answers = {
        (path, name): client.get(f"{path}?c=iv-1&c={name}")
        for path in ("/compare", "/v1/compare", "/compare.csv")
        for name in ("iv-5", card, "C-5", "iv-77", "sc_nobody", "-x", "%C3%A9", "a" * 65)
    }

    for path in ("/compare", "/v1/compare", "/compare.csv"):
        found = {
            (answer.status_code, answer.text.replace(answer.headers["x-request-id"], ""))
            for (asked_path, _), answer in answers.items()
            if asked_path == path
        }
        assert [404] == [status for status, _ in found]


def test_a_candidate_of_two_interviews_must_be_named_by_one(world):
    """The interviews are named; those of other requisitions are not."""
    score_all(world)
    take_in(world, "iv-8", candidate={"ref": "C-1"})
    take_in(world, "iv-9", candidate={"ref": "C-1"}, requisition="REQ-9")
    score_all(world, run="night-2")
    client = world.visitor(a_person(world.database, "bob", roles=[("REQ-114", "recruiter")]))

    answer = asked(client, "C-1", "C-2")

    assert 400 == answer.status_code
    assert "(iv-1, iv-8)" in answer.json()["detail"]


def test_requisitions_stand_side_by_side_for_who_sees_both(world):
    """Each column says which one it is of."""
    take_in(world, "iv-5", requisition="REQ-9")
    score_all(world)
    page = text_of(world.page(address("iv-1", "iv-5")))

    assert "REQ-114" in page
    assert "REQ-9" in page


def blind_world(world):
    """iv-5 is in a requisition under blind review; the client of somebody with roles in both."""
    take_in(world, "iv-5", requisition="REQ-BLIND")
    world.blind("REQ-BLIND")
    person = a_person(world.database, "rev", roles=[("REQ-114", "recruiter"), ("REQ-BLIND", "recruiter")])
    return world.visitor(person), person


BLIND = [
    address("iv-1", "iv-5", "iv-2", **more)
    for more in (
        {},
        {"mode": "ai"},
        {"mode": "human"},
        {"order": "candidate"},
        {"order": "score"},
        {"pin": "iv-5"},
        {"show": "strips"},
        {"show": "strips", "mode": "ai"},
    )
]
BLIND += [address("iv-5", "iv-1"), address("iv-5")]
BLIND += [a.replace("/compare?", "/v1/compare?") for a in BLIND if "show" not in a]
BLIND += ["/compare.csv?c=iv-1&c=iv-5", "/v1/compare?format=csv&c=iv-1&c=iv-5"]


def test_no_answer_depends_on_what_the_judge_said_of_a_locked_column(world):
    """Three judgements of one interview give the same bytes and headers, but for the request id."""
    client, _ = blind_world(world)
    measure_noise(world)
    seen = []
    for n, saying in enumerate(SAYINGS):
        score_all(world, {"iv-5": saying}, run="night-1" if n == 0 else None)
        answers = {}
        for where in BLIND:
            answer = client.get(where)
            request_id = answer.headers["x-request-id"]
            headers = {k: v for k, v in answer.headers.items() if k not in {"x-request-id", "date"}}
            answers[where] = (answer.status_code, answer.text.replace(request_id, ""), headers)
        seen.append(answers)
        forget(world)

    assert seen[0] == seen[1] == seen[2]
    assert {403} == {seen[0][where][0] for where in BLIND if "order=score" in where}
    assert {200} == {seen[0][where][0] for where in BLIND[:4]}


def test_a_locked_column_shows_a_lock_and_no_more(world):
    """In all its cells, and the way to open it; it opens with one's own scores."""
    client, person = blind_world(world)
    cards = score_all(world, {"iv-5": GENEROUS})
    html = client.get(address("iv-1", "iv-2", "iv-5")).text

    assert ["4 Strong", "4 Strong", LOCKED, "Same"] == row_of(html, "depth")
    assert "AI evaluation is ready. It opens after you submit your own scores." in text_of(html)
    assert "Score : opens after you have reviewed all of these candidates" in text_of(html)
    world.add(cards["iv-5"], person, a_review(world.rubric))
    opened = client.get(address("iv-1", "iv-2", "iv-5", order="score")).text
    assert ["5 Outstanding", "4 Strong", "4 Strong", "1"] == row_of(opened, "depth")


def test_an_api_token_counts_as_somebody_who_has_not_reviewed(world):
    """Its owner has."""
    _, person = blind_world(world)
    cards = score_all(world)
    world.add(cards["iv-5"], person, a_review(world.rubric))
    headers = {"Authorization": f"Bearer {a_token(world.database, person, 'read')}"}
    found = world.client.get("/v1/compare?c=iv-1&c=iv-5", headers=headers).json()

    assert [False, True] == [c["locked"] for c in found["columns"]]


def test_the_page_the_api_and_the_file_agree(world):
    """They are one table."""
    score_all(world, {"iv-2": SEVERE})
    names = ("iv-1", "iv-2", "iv-3")
    html = world.page(address(*names))
    found = asked(world.client, *names).json()
    lines = list(csv.DictReader(io.StringIO(world.client.get(f"/compare.csv?c={','.join(names)}").text)))

    depth = next(r for r in found["rows"] if r["criterion_id"] == "depth")
    assert ["4", "1", "4"] == [cell.partition(" ")[0] for cell in row_of(html, "depth")[:3]]
    assert [4, 1, 4] == [cell["level"] for cell in depth["cells"]]
    assert ["4", "1", "4"] == [line["ai_level"] for line in lines if line["criterion"] == "depth"]


def test_the_etag_follows_what_is_shown(world):
    """304 as long as nothing changed; another one after a person's level."""
    cards = score_all(world)
    first = asked(world.client, "iv-1", "iv-2")
    again = world.client.get("/v1/compare?c=iv-1&c=iv-2", headers={"If-None-Match": first.headers["etag"]})
    ada = a_person(world.database, "ada", roles=[("REQ-114", "reviewer")])
    world.add(cards["iv-1"], ada, a_review(world.rubric))

    assert (304, b"") == (again.status_code, again.content)
    assert first.headers["etag"] != asked(world.client, "iv-1", "iv-2").headers["etag"]


def test_files_need_the_right_to_export_and_are_logged(world):
    """A reviewer reads the page and takes nothing along."""
    cards = score_all(world)
    reviewer = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))
    both = a_person(world.database, "mix", roles=[("REQ-114", "reviewer"), ("REQ-9", "recruiter")])
    mixed = world.visitor(both)

    statuses = [reviewer.get(a).status_code for a in ("/compare?c=iv-1&c=iv-2", "/compare.csv?c=iv-1&c=iv-2")]
    statuses += [
        mixed.get(a).status_code for a in ("/compare.csv?c=iv-1&c=iv-2", "/v1/compare?format=csv&c=iv-1&c=iv-2")
    ]
    assert [200, 403, 403, 403] == statuses
    assert "CSV</a>" not in reviewer.get("/compare?c=iv-1&c=iv-2").text
    assert [] == rows(world.database, "SELECT action FROM audit")

    answer = world.client.get("/compare.csv?c=iv-1&c=iv-2")
    assert 'attachment; filename="comparison.csv"' == answer.headers["content-disposition"]
    (entry,) = rows(world.database, "SELECT action, requisition, detail FROM audit")
    assert ("comparison.export", "REQ-114") == (entry["action"], entry["requisition"])
    assert [cards["iv-1"], cards["iv-2"]] == entry["detail"]["scorecards"]


def test_suggestions_hold_only_what_the_viewer_may_see(world):
    """Interviews of these requisitions with the same rubric version."""
    take_in(world, "iv-5", requisition="REQ-9")
    score_all(world)
    take_in(world, "iv-6")
    client = world.visitor(a_person(world.database, "bob", roles=[("REQ-114", "recruiter")]))
    html = client.get(address("iv-1", "iv-2")).text

    assert ["iv-3"] == re.findall(r'<option value="([^"]+)"', html)


def test_hostile_names_are_text(world):
    """A reviewer's name and a candidate's words stand escaped."""
    cards = score_all(world)
    eve = a_person(world.database, "<img src=x>", roles=[("REQ-114", "reviewer")])
    world.add(cards["iv-1"], eve, a_review(world.rubric))
    html = world.page(address("iv-1", "iv-2"))

    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html
