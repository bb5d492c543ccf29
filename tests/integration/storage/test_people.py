"""People: one row for whom an issuer means, whose viewer has the roles of this moment."""

import pytest

from evaluator.errors import NotFound
from evaluator.people import Viewer
from evaluator.storage.people import (
    find_person,
    local_administrator,
    people_list,
    person_of,
    set_active,
    set_admin,
    viewer_of,
)
from evaluator.storage.requisitions import remove_member
from tests.integration.storage.builders import a_person, rows


def test_person_is_known_by_issuer_and_subject(database):
    """The same subject of another issuer is somebody else; a new name is followed."""
    with database.begin() as db:
        first = person_of(db, "https://a.example", "7", "Ada")
        again = person_of(db, "https://a.example", "7", "Ada")
        renamed = person_of(db, "https://a.example", "7", "Ada L.")
        other = person_of(db, "https://b.example", "7", "Ada")

        assert first == again
        assert first.model_copy(update={"name": "Ada L."}) == renamed == find_person(db, first.id)
        assert first.id != other.id
        assert {first.id, other.id} == {one.id for one in people_list(db)}


def test_new_person_has_no_rights(database):
    """Not even a requisition's."""
    ada = a_person(database)
    with database.begin() as db:
        assert Viewer(person_id=ada, name="Ada", entry="session") == viewer_of(db, ada, "session")


def test_viewer_has_all_roles_and_the_scopes_given(database):
    """Several in one requisition, others elsewhere."""
    ada = a_person(database, REQ_1=["reviewer", "recruiter"], REQ_2=["hiring_manager"])
    a_person(database, "bob", REQ_3=["recruiter"])
    roles = {"REQ-1": frozenset({"reviewer", "recruiter"}), "REQ-2": frozenset({"hiring_manager"})}
    scopes = frozenset({"read"})
    with database.begin() as db:
        expected = Viewer(person_id=ada, name="Ada", roles=roles, entry="token", scopes=scopes)
        assert expected == viewer_of(db, ada, "token", scopes)


def test_role_that_was_taken_away_is_gone_at_once(database):
    """A viewer is made anew from rows."""
    ada = a_person(database, REQ_1=["reviewer"])
    with database.begin() as db:
        remove_member(db, "REQ-1", ada, "reviewer")
        found = viewer_of(db, ada, "session")

    assert found is not None
    assert {} == found.roles


def test_administrator_is_made_and_unmade(database):
    """By the row alone."""
    ada = a_person(database)
    seen = []
    for admin in (True, False):
        with database.begin() as db:
            set_admin(db, ada, admin)
            seen.append(viewer_of(db, ada, "session").admin)

    assert [True, False] == seen


@pytest.mark.parametrize("entry", ["session", "token", "command"])
def test_inactive_person_is_no_viewer(database, entry):
    """However they come in; and active again they are one."""
    ada = a_person(database, REQ_1=["reviewer"])
    with database.begin() as db:
        set_active(db, ada, False)
        assert viewer_of(db, ada, entry) is None

        set_active(db, ada, True)
        assert viewer_of(db, ada, entry) is not None


def test_unknown_person_is_no_viewer(database):
    """And is not found."""
    with database.begin() as db:
        assert viewer_of(db, 7, "session") is None
        for act in (find_person, lambda db, n: set_admin(db, n, True), lambda db, n: set_active(db, n, False)):
            with pytest.raises(NotFound, match="person 7 is not known here"):
                act(db, 7)


def test_one_machine_has_one_administrator(database):
    """Asked twice, it is the same."""
    with database.begin() as db:
        first, second = local_administrator(db), local_administrator(db)

        assert first == second
        assert viewer_of(db, first.id, "session").admin
    assert 1 == len(rows(database, "SELECT id FROM person"))
