"""Requisitions: known with their first interview, with rules of their own, and people who have roles in them."""

import pytest
from sqlalchemy.exc import DBAPIError

from evaluator.errors import NotFound
from evaluator.storage.interviews import take_in
from evaluator.storage.requisitions import (
    Requisition,
    add_member,
    find_requisition,
    members,
    remove_member,
    requisition_list,
    set_blind,
    set_reviewers_needed,
    set_title,
)
from tests.integration.storage.builders import a_manifest, a_person, stock

PLAIN = Requisition(id="REQ-1", title="", blind=False, reviewers_needed=1)


def test_requisition_appears_with_its_first_interview(database):
    """Open, without a title, for one reviewer; the second interview changes nothing."""
    stock(database, a_manifest("iv-1"))
    with database.begin() as db:
        set_title(db, "REQ-1", "Backend engineer")
    stock(database, a_manifest("iv-2"))

    with database.begin() as db:
        assert (PLAIN.model_copy(update={"title": "Backend engineer"}),) == requisition_list(db)


def test_requisition_appears_when_an_interview_moves_there(database):
    """A corrected manifest may name another one."""
    stock(database, a_manifest("iv-1"))
    with database.begin() as db:
        take_in(db, a_manifest("iv-1", requisition="REQ-2"))

        assert ["REQ-1", "REQ-2"] == [one.id for one in requisition_list(db)]


def test_list_holds_only_what_may_be_seen(database):
    """None means all, an empty set means none."""
    stock(database, *(a_manifest(f"iv-{n}", requisition=f"REQ-{n}") for n in (1, 2, 3)))

    with database.begin() as db:
        found = [[one.id for one in requisition_list(db, only)] for only in (None, frozenset({"REQ-3", "x"}), set())]
    assert [["REQ-1", "REQ-2", "REQ-3"], ["REQ-3"], []] == found


def test_rules_can_be_changed(database):
    """Each on its own."""
    stock(database, a_manifest())
    with database.begin() as db:
        set_title(db, "REQ-1", "Backend")
        set_blind(db, "REQ-1", True)
        set_reviewers_needed(db, "REQ-1", 2)

        expected = Requisition(id="REQ-1", title="Backend", blind=True, reviewers_needed=2)
        assert expected == find_requisition(db, "REQ-1")


@pytest.mark.parametrize("reviewers", [0, 10])
def test_number_of_reviewers_has_limits(database, reviewers):
    """PostgreSQL itself keeps it between 1 and 9."""
    stock(database, a_manifest())

    with pytest.raises(DBAPIError, match="ck_requisition_reviewers_needed"), database.begin() as db:
        set_reviewers_needed(db, "REQ-1", reviewers)


@pytest.mark.parametrize(
    "act",
    [
        lambda db: find_requisition(db, "REQ-9"),
        lambda db: set_title(db, "REQ-9", "x"),
        lambda db: set_blind(db, "REQ-9", True),
        lambda db: set_reviewers_needed(db, "REQ-9", 2),
        lambda db: add_member(db, "REQ-9", 1, "reviewer"),
    ],
    ids=["find", "title", "blind", "reviewers", "member"],
)
def test_unknown_requisition_is_not_found(database, act):
    """It is named."""
    with pytest.raises(NotFound, match="requisition REQ-9 is not known here"), database.begin() as db:
        act(db)


def test_members_come_and_go(database):
    """One person may have several roles; adding twice and removing twice is told."""
    stock(database, a_manifest())
    ada, bob = a_person(database, "ada"), a_person(database, "bob")
    with database.begin() as db:
        added = [add_member(db, "REQ-1", who, role) for who, role in [(bob, "recruiter"), (ada, "reviewer")] * 2]
        add_member(db, "REQ-1", ada, "hiring_manager")
        removed = [remove_member(db, "REQ-1", bob, "recruiter") for _ in range(2)]
        left = [(one.person_id, one.name, one.role) for one in members(db, "REQ-1")]

    assert [True, True, False, False] == added
    assert [True, False] == removed
    assert [(ada, "Ada", "hiring_manager"), (ada, "Ada", "reviewer")] == left


def test_unknown_person_cannot_be_a_member(database):
    """They must have logged in once."""
    stock(database, a_manifest())

    with pytest.raises(NotFound, match="person 7 is not known here"), database.begin() as db:
        add_member(db, "REQ-1", 7, "reviewer")
