"""Who is asked to review: on the interview's page, for many at once, by the API; never somebody who may not."""

import pytest

from evaluator.errors import Conflict, NotFound
from evaluator.people import COMMAND, Viewer
from evaluator.reviewers import assign, assign_all, unassign
from evaluator.storage.assignments import assigned, reviewers
from tests.integration.storage.builders import rows
from tests.integration.web.conftest import a_person
from tests.integration.web.world import World, a_review, text_of


@pytest.fixture
def world(database):
    """Interviews in two requisitions, and people with roles."""
    world = World(database)
    world.interview("iv-1")
    world.interview("iv-2")
    world.interview("iv-3", requisition="REQ-9")
    world.ada = a_person(database, "ada", roles=[("REQ-114", "reviewer")])
    world.bob = a_person(database, "bob", roles=[("REQ-114", "hiring_manager"), ("REQ-9", "reviewer")])
    world.eve = a_person(database, "eve")
    with world.client:
        yield world


def who(world, interview_id):
    """Person numbers."""
    with world.database.begin() as db:
        return {one.person_id for one in assigned(db, interview_id)}


def post(client, path, **fields):
    """A form."""
    return client.post(path, data={"csrf": client.csrf, **fields}, follow_redirects=False)


def test_interview_page_asks_somebody_and_asks_no_longer(world):
    """Only people who may review are offered; each change is logged once."""
    before = world.page("/interviews/iv-1")
    added = post(world.client, "/interviews/iv-1/reviewers", person_id=str(world.ada))
    shown = text_of(world.page("/interviews/iv-1"))
    removed = post(world.client, f"/interviews/iv-1/reviewers/{world.ada}/remove")

    assert (303, "/interviews/iv-1#reviewers") == (added.status_code, added.headers["location"])
    assert f'<option value="{world.ada}">' in before
    assert f'<option value="{world.eve}">' not in before
    assert "Person ada not submitted yet" in shown
    assert (303, set()) == (removed.status_code, who(world, "iv-1"))
    logged = rows(world.database, "SELECT action, object, requisition, detail FROM audit ORDER BY id")
    assert [("reviewer.assign", "interview:iv-1"), ("reviewer.unassign", "interview:iv-1")] == [
        (one["action"], one["object"]) for one in logged
    ]
    assert {"person": world.ada} == logged[0]["detail"]


def test_page_says_who_has_submitted_and_who_lost_the_right(world):
    """In words, not by colour."""
    world.run()
    card = world.score()
    post(world.client, "/interviews/iv-1/reviewers", person_id=str(world.ada))
    post(world.client, "/interviews/iv-1/reviewers", person_id=str(world.bob))
    world.add(card, world.ada, a_review(world.rubric))
    with world.database.begin() as db:
        db.exec_driver_sql("DELETE FROM membership WHERE person_id = %s", (world.bob,))
    shown = text_of(world.page("/interviews/iv-1"))

    assert "Person ada submitted" in shown
    assert "Person bob has no role here any more" in shown


def test_nobody_who_may_not_review_is_asked(world):
    """Conflict, and nothing is written."""
    answer = post(world.client, "/interviews/iv-1/reviewers", person_id=str(world.eve))

    assert 409 == answer.status_code
    assert "may not review in REQ-114" in answer.text
    assert set() == who(world, "iv-1")


def test_reviewers_cannot_ask_others(world):
    """Their page has no form, and what they send is refused."""
    client = world.visitor(world.ada)

    assert "/reviewers" not in client.get("/interviews/iv-1").text.replace('id="reviewers"', "")
    assert 403 == post(client, "/interviews/iv-1/reviewers", person_id=str(world.bob)).status_code
    assert 403 == client.get("/assign").status_code


def test_many_are_assigned_at_once(world):
    """From the list by a form that works without scripts; the answer is a page that can be loaded again."""
    chosen = world.page("/assign?c=iv-1&c=iv-2")
    done = post(world.client, "/assign", person_id=str(world.ada), c=["iv-1", "iv-2"])
    shown = text_of(world.page(done.headers["location"]))

    assert "Assign a reviewer to 2 interviews" in text_of(chosen)
    assert 303 == done.status_code
    assert "Done: Person ada is asked to review them" in shown
    assert [{world.ada}, {world.ada}] == [who(world, "iv-1"), who(world, "iv-2")]


def test_over_requisitions_only_those_are_offered_who_may_review_in_all(world):
    """And of all or none is asked for."""
    shown = world.page("/assign?c=iv-1&c=iv-3")
    refused = post(world.client, "/assign", person_id=str(world.ada), c=["iv-1", "iv-3"])

    assert f'<option value="{world.bob}">' in shown
    assert f'<option value="{world.ada}">' not in shown
    assert (409, set()) == (refused.status_code, who(world, "iv-1"))


def test_nobody_assigns_where_they_have_no_right(world):
    """What one may not see answers as what is not there."""
    manager = Viewer(person_id=world.bob, name="b", entry="session", roles={"REQ-114": frozenset({"hiring_manager"})})
    with world.database.begin() as db:
        with pytest.raises(NotFound):
            assign(db, manager, "iv-3", world.bob)
        with pytest.raises(NotFound):
            assign_all(db, manager, ["iv-1", "iv-3"], world.bob)
        with pytest.raises(NotFound):
            unassign(db, manager, "iv-77", world.bob)

    assert 403 == world.visitor(world.bob).get("/assign?c=iv-1&c=iv-3").status_code


def test_deactivated_people_are_neither_offered_nor_asked(world):
    """They could not sign in to review."""
    post(world.client, f"/people/{world.ada}/active", active="false")
    with world.database.begin() as db:
        offered = {one.person_id for one in reviewers(db, ["REQ-114"])}
        with pytest.raises(Conflict, match="deactivated"):
            assign(db, COMMAND, "iv-1", world.ada)

    assert world.ada not in offered


def test_an_empty_choice_says_how_to_choose(world):
    """With the way back to the list."""
    assert "Choose interviews in the list" in text_of(world.page("/assign"))


def test_the_list_leads_there_only_for_whom_it_is_open(world):
    """Reviewers have no such button."""
    world.run()
    world.score()

    assert 'formaction="/assign"' in world.page("/interviews")
    assert 'formaction="/assign"' not in world.visitor(world.ada).get("/interviews").text


def test_api_assigns(world):
    """PUT and DELETE, each the same when sent twice."""
    path, head = "/v1/interviews/iv-1/reviewers", {"X-CSRF-Token": world.client.csrf}
    put = [world.client.put(f"{path}/{world.ada}", headers=head) for _ in range(2)]
    listed = world.client.get(path).json()
    gone = [world.client.delete(f"{path}/{world.ada}", headers=head).status_code for _ in range(2)]

    assert [200, 200] == [one.status_code for one in put]
    assert [(world.ada, False, True)] == [
        (one["person_id"], one["submitted"], one["may_review"]) for one in listed["reviewers"]
    ]
    assert [204, 204] == gone
    assert 409 == world.client.put(f"{path}/{world.eve}", headers=head).status_code
    assert 404 == world.client.put(f"{path}/999", headers=head).status_code
