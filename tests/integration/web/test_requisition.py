"""A requisition's page, API and command: what administrators change, what is asked first, and what stays unread."""

import pytest

from evaluator.errors import Forbidden
from evaluator.people import Viewer
from evaluator.requisitions import Changes, change, opening, version_of
from evaluator.storage.requisitions import find_requisition, members
from tests.commands import debrief
from tests.integration.storage.builders import rows
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import World, a_review, text_of

HERE = "/requisitions/REQ-114"
API = "/v1/requisitions/REQ-114"


@pytest.fixture
def world(database):
    """Two scored interviews."""
    world = World(database)
    world.interview("iv-1")
    world.interview("iv-2")
    world.run()
    world.cards = [world.score(), world.score()]
    with world.client:
        yield world


def rules(world):
    """The requisition as it is."""
    with world.database.begin() as db:
        return find_requisition(db, "REQ-114")


def form(world, **changes):
    """The page's form as it would be sent."""
    now = rules(world)
    sent = {"csrf": world.client.csrf, "version": version_of(now), "title": now.title}
    sent["reviewers_needed"] = str(now.reviewers_needed)
    return {**sent, **({"blind": "true"} if now.blind else {}), **changes}


def logged(world, action="requisition.change"):
    """Details of the entries."""
    found = rows(world.database, "SELECT action, object, requisition, detail FROM audit ORDER BY id")
    return [one["detail"] for one in found if one["action"] == action]


def test_page_says_how_it_is_reviewed_and_where_its_interviews_stand(world):
    """With links into the list, by state."""
    shown = world.page(HERE)

    assert "2 Scored" in text_of(shown) or "2 Needs review" in text_of(shown)
    assert "/interviews?requisition=REQ-114&amp;state=" in shown
    assert f'name="version" value="{version_of(rules(world))}"' in shown


def test_page_leads_to_the_comparison_where_all_fit_into_it(world):
    """Two to twelve; with one there is nothing to compare."""
    world.interview("iv-9", requisition="REQ-9")
    world.run(name="night-2")
    world.score()

    assert 'href="/compare?c=iv-1&amp;c=iv-2">Compare all 2' in world.page(HERE)
    assert "Compare all" not in world.page("/requisitions/REQ-9")


def test_settings_are_saved_and_logged_without_texts(world):
    """Title, reviewers and blind review at once."""
    sent = form(world, title="  Backend   engineer ", reviewers_needed="2", blind="true")
    answer = world.client.post(HERE, data=sent, follow_redirects=False)

    assert (303, HERE) == (answer.status_code, answer.headers["location"])
    assert ("Backend engineer", True, 2) == (rules(world).title, rules(world).blind, rules(world).reviewers_needed)
    assert [{"blind": True, "reviewers_needed": 2, "title": "changed"}] == logged(world)


def test_saving_nothing_new_logs_nothing(world):
    """The form sent as it came."""
    world.client.post(HERE, data=form(world))

    assert [] == logged(world)


def test_ending_a_blind_review_asks_first(world):
    """What it opens is counted; nothing is changed before it is confirmed, by a form alone."""
    world.blind()
    sent = form(world)
    del sent["blind"]
    asked = world.client.post(HERE, data=sent)

    assert 409 == asked.status_code
    assert "2 scorecards have fewer reviews" in text_of(asked.text)
    assert rules(world).blind
    done = world.client.post(HERE, data={**sent, "confirmed": "true"}, follow_redirects=False)
    assert (303, False) == (done.status_code, rules(world).blind)
    assert [{"blind": False, "opened": {"scorecards": 2, "asked": 0}}] == logged(world)


def test_ending_a_blind_review_asks_nothing_where_all_have_reviewed(world):
    """There is nothing that it would open."""
    ada = a_person(world.database, "ada", roles=[("REQ-114", "reviewer")])
    world.blind()
    for card in world.cards:
        world.add(card, ada, a_review(world.rubric))
    sent = form(world)
    del sent["blind"]

    assert 303 == world.client.post(HERE, data=sent, follow_redirects=False).status_code
    assert not rules(world).blind


def test_open_reviews_are_those_asked_for_and_those_missing(world):
    """Somebody who was asked and has submitted opens nothing."""
    ada, bob = (a_person(world.database, name, roles=[("REQ-114", "reviewer")]) for name in ("ada", "bob"))
    for person in (ada, bob):
        path = "/v1/interviews/iv-1/reviewers"
        world.client.put(f"{path}/{person}", headers={"X-CSRF-Token": world.client.csrf})
    world.add(world.cards[0], ada, a_review(world.rubric))

    with world.database.begin() as db:
        assert (1, 1) == (opening(db, "REQ-114").scorecards, opening(db, "REQ-114").asked)


def test_the_second_of_two_administrators_is_shown_the_difference(world):
    """412; nothing of theirs is saved, and their values can be saved in place of the other's."""
    stale = form(world, title="Mine")
    world.client.post(HERE, data=form(world, title="Theirs", reviewers_needed="3"))
    answer = world.client.post(HERE, data=stale)

    assert 412 == answer.status_code
    assert "Title Theirs Mine" in text_of(answer.text)
    assert "Reviewers needed 3 1" in text_of(answer.text)
    assert "Theirs" == rules(world).title
    again = {**stale, "version": version_of(rules(world))}
    assert 303 == world.client.post(HERE, data=again, follow_redirects=False).status_code
    assert "Mine" == rules(world).title


@pytest.mark.parametrize("number", ["0", "10", "x", ""])
def test_number_of_reviewers_has_limits(world, number):
    """1 to 9."""
    assert 422 == world.client.post(HERE, data=form(world, reviewers_needed=number)).status_code
    assert 1 == rules(world).reviewers_needed


def test_a_title_is_text_and_never_markup(world):
    """As whoever wrote it meant it."""
    world.client.post(HERE, data=form(world, title="<script>alert(1)</script>"))

    assert "<script>alert" not in world.page(HERE)
    assert "&lt;script&gt;alert" in world.page(HERE)


def test_members_are_added_and_removed(world):
    """People who have signed in once; logged by number."""
    ada = a_person(world.database, "ada")
    sent = {"csrf": world.client.csrf, "person_id": str(ada), "role": "hiring_manager"}
    world.client.post(f"{HERE}/members", data=sent)
    shown = world.page(HERE)
    world.client.post(f"{HERE}/members", data=sent)
    with world.database.begin() as db:
        found = [(one.person_id, one.role) for one in members(db, "REQ-114")]
    world.client.post(f"{HERE}/members/remove", data=sent)

    assert [(ada, "hiring_manager")] == found
    assert "Person ada hiring manager" in text_of(shown)
    assert [{"role": "hiring_manager"}] == logged(world, "member.add") == logged(world, "member.remove")
    with world.database.begin() as db:
        assert () == members(db, "REQ-114")


def test_somebody_who_is_deactivated_gets_no_role(world):
    """They would not be let in."""
    ada = a_person(world.database, "ada")
    world.client.post(f"/people/{ada}/active", data={"csrf": world.client.csrf, "active": "false"})
    sent = {"csrf": world.client.csrf, "person_id": str(ada), "role": "reviewer"}

    assert 409 == world.client.post(f"{HERE}/members", data=sent).status_code


def test_members_read_and_change_nothing(world):
    """No form is on their page, and what they send is refused."""
    ada = a_person(world.database, "ada", roles=[("REQ-114", "recruiter")])
    client = world.visitor(ada)
    shown = client.get(HERE)

    assert 200 == shown.status_code
    assert f'action="{HERE}' not in shown.text
    assert 403 == client.post(HERE, data={**form(world), "csrf": client.csrf}).status_code


def test_a_viewer_without_the_right_is_refused_by_the_operation_too(world):
    """Whichever way somebody came."""
    viewer = Viewer(person_id=1, name="x", entry="session", roles={"REQ-114": frozenset({"recruiter"})})

    with world.database.begin() as db, pytest.raises(Forbidden):
        change(db, viewer, "REQ-114", Changes(title="x"))


def test_counts_by_state_are_those_of_the_list(world):
    """Each link leads to as many lines as it says."""
    world.blind()
    client = world.visitor(a_person(world.database, "ada", roles=[("REQ-114", "reviewer")]))

    assert "2 Ready for your review" in text_of(client.get(HERE).text)
    listed = client.get("/interviews?requisition=REQ-114&state=ready").text
    assert 2 == listed.count('<tr role="row">\n    <td')


# --- API


def head(world):
    """What a script of a session sends."""
    return {"X-CSRF-Token": world.client.csrf}


def test_api_lists_what_one_may_see(world):
    """Page by page."""
    world.interview("iv-3", requisition="REQ-9")
    ada = a_person(world.database, "ada", roles=[("REQ-9", "reviewer")])
    bearer = {"Authorization": f"Bearer {a_token(world.database, ada, 'read')}"}
    first = world.client.get("/v1/requisitions?limit=1").json()
    second = world.client.get("/v1/requisitions", params={"limit": 1, "cursor": first["next"]}).json()
    theirs = world.client.get("/v1/requisitions", headers=bearer).json()

    assert ["REQ-114", "REQ-9"] == [page["items"][0]["id"] for page in (first, second)]
    assert [("REQ-9", 1)] == [(one["id"], one["interviews"]) for one in theirs["items"]]
    assert second["next"] is None


def test_api_changes_only_what_was_read(world):
    """428 without If-Match, 412 with an old one, and the new ETag in the answer."""
    tag = world.client.get(API).headers["etag"]
    without = world.client.patch(API, json={"title": "A"}, headers=head(world))
    first = world.client.patch(API, json={"title": "A"}, headers={**head(world), "If-Match": tag})
    second = world.client.patch(API, json={"title": "B"}, headers={**head(world), "If-Match": tag})

    assert (428, 200, 412) == (without.status_code, first.status_code, second.status_code)
    assert first.headers["etag"] == world.client.get(API).headers["etag"] != tag
    assert "A" == rules(world).title


def test_api_asks_for_confirmation_before_a_blind_review_ends(world):
    """409 with its own code."""
    world.blind()
    given = {**head(world), "If-Match": world.client.get(API).headers["etag"]}
    asked = world.client.patch(API, json={"blind": False}, headers=given)
    done = world.client.patch(API, json={"blind": False, "confirmed": True}, headers=given)

    assert (409, "confirmation_required") == (asked.status_code, asked.json()["code"])
    assert (200, False) == (done.status_code, done.json()["blind"])


def test_api_gives_and_takes_roles(world):
    """The same request twice is the same."""
    ada = a_person(world.database, "ada")
    path = f"{API}/members/{ada}/reviewer"
    given = [world.client.put(path, headers=head(world)) for _ in range(2)]
    taken = [world.client.delete(path, headers=head(world)).status_code for _ in range(2)]

    assert [(200, [(ada, "reviewer")])] * 2 == [
        (one.status_code, [(m["person_id"], m["role"]) for m in one.json()["members"]]) for one in given
    ]
    assert [204, 204] == taken
    assert 404 == world.client.put(f"{API}/members/999/reviewer", headers=head(world)).status_code
    assert 422 == world.client.put(f"{API}/members/{ada}/owner", headers=head(world)).status_code


# --- Command line


@pytest.fixture
def run(database_url, tmp_path):
    """Runs `debrief` with this test's database."""

    def command(*arguments):
        env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url}
        return debrief(*arguments, env=env, cwd=tmp_path)

    return command


def test_command_shows_and_sets(world, run):
    """As an administrator; logged with the entry `command`."""
    done = run("requisition", "set", "REQ-114", "--title", "Backend", "--reviewers", "2", "--blind", "--json").json()

    assert ("Backend", True, 2) == (done["title"], done["blind"], done["reviewers_needed"])
    assert ["REQ-114"] == [one["id"] for one in run("requisition", "list", "--json").json()]
    found = rows(world.database, "SELECT entry FROM audit WHERE action = 'requisition.change'")
    assert ["command"] == [one["entry"] for one in found]


def test_command_ends_a_blind_review_only_when_told_so(world, run):
    """Exit code 2 without --yes."""
    world.blind()
    refused = run("requisition", "set", "REQ-114", "--no-blind")

    assert 2 == refused.code
    assert "opens the AI evaluation of 2 scorecards" in refused.err
    assert 0 == run("requisition", "set", "REQ-114", "--no-blind", "--yes").code
    assert not rules(world).blind


def test_command_gives_roles_and_assigns(world, run):
    """By the person's number or name at the login."""
    ada = a_person(world.database, "ada")
    refused = run("review", "assign", "iv-1", "ada")
    given = run("requisition", "member", "add", "REQ-114", "ada", "reviewer")
    done = run("review", "assign", "iv-1", str(ada), "--json").json()
    taken = run("requisition", "member", "remove", "REQ-114", "ada", "reviewer")

    assert (2, 0, 0) == (refused.code, given.code, taken.code)
    assert "give them a role" in refused.err
    assert {"interview": "iv-1", "person": ada, "changed": True} == done
    assert 2 == run("requisition", "set", "REQ-114").code
