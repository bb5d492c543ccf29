"""Who may do what: every role and act as a table, tokens within their scopes, nothing outside one's requisitions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.people import ACTS, COMMAND, GLOBAL_ACTS, ROLES, SCOPES, Viewer

TABLE = """
                   recruiter  hiring_manager  reviewer
    see_interviews     yes          yes          yes
    hear_recording     yes          yes          yes
    reveal_name        yes          yes          -
    review             yes          yes          yes
    assign             yes          yes          -
    dismiss            yes          -            -
    rescore            yes          -            -
    export             yes          yes          -
    explain            yes          -            -
    manage             -            -            -
    see_rubrics        yes          yes          yes
    see_runs           yes          -            -
    operate_runs       -            -            -
    see_costs          yes          -            -
    see_audit          -            -            -
    manage_people      -            -            -
    manage_webhooks    -            -            -
"""
SCOPE_TABLE = """
                   read  review  operate
    see_interviews  yes    -       -
    hear_recording  yes    -       -
    reveal_name     -      -       -
    review          -      yes     -
    assign          -      yes     -
    dismiss         -      yes     -
    rescore         -      yes     -
    export          yes    -       -
    explain         -      -       -
    manage          -      -       -
    see_rubrics     yes    -       -
    see_runs        yes    -       -
    operate_runs    -      -       yes
    see_costs       yes    -       -
    see_audit       yes    -       -
    manage_people   -      -       -
    manage_webhooks -      -       -
"""


def cells(table):
    """(act, column, whether) of each cell."""
    head, *lines = (line.split() for line in table.strip().splitlines())
    return [(act, column, word == "yes") for act, *words in lines for column, word in zip(head, words, strict=True)]


def can(viewer, act, requisition="REQ-1"):
    """Whether they may, whichever kind of act it is."""
    return viewer.may(act, requisition) if act in ACTS else viewer.may_globally(act)


def a_viewer(*roles, entry="session", admin=False, scopes=(), **more):
    """Somebody with these roles in REQ-1 and others elsewhere."""
    held = {"REQ-1": frozenset(roles), **{name: frozenset(others) for name, others in more.items()}}
    return Viewer(person_id=7, name="Ada", admin=admin, roles=held, entry=entry, scopes=frozenset(scopes))


subsets = st.frozensets(st.sampled_from(ROLES))
viewers = st.builds(
    Viewer,
    person_id=st.integers(1, 9),
    name=st.just("x"),
    admin=st.booleans(),
    roles=st.dictionaries(st.sampled_from(["REQ-1", "REQ-2", "REQ-3"]), subsets),
    entry=st.sampled_from(["session", "token"]),
    scopes=st.frozensets(st.sampled_from(sorted(SCOPES))),
)


@pytest.mark.parametrize(("table", "columns"), [(TABLE, ROLES), (SCOPE_TABLE, SCOPES)])
def test_tables_hold_every_act(table, columns):
    """An act, role or scope that is added needs its line here."""
    expected = {(act, column) for act in (*ACTS, *GLOBAL_ACTS) for column in columns}

    assert expected == {(act, column) for act, column, _ in cells(table)}


@pytest.mark.parametrize(("act", "role", "allowed"), cells(TABLE))
def test_role_may_what_the_table_says(act, role, allowed):
    """In its requisition, and globally with a role in any."""
    assert allowed == can(a_viewer(role), act)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", ROLES)
def test_role_is_nothing_in_another_requisition(act, role):
    """Nor in one that does not exist, whatever it is called."""
    assert [False] * 4 == [a_viewer(role).may(act, name) for name in ("REQ-2", "", "req-1", "REQ-1 ")]


@pytest.mark.parametrize("act", [*ACTS, *GLOBAL_ACTS])
def test_person_without_a_role_may_nothing(act):
    """Not even with an empty set of roles somewhere."""
    assert [False, False] == [can(Viewer(person_id=7, name="x", entry="session"), act), can(a_viewer(), act)]


@pytest.mark.parametrize("act", [*ACTS, *GLOBAL_ACTS])
def test_administrator_and_command_line_may_everything(act):
    """Everywhere; what the judge said of a blind scorecard is not decided here."""
    admin = Viewer(person_id=7, name="x", admin=True, entry="session")

    assert [True] * 3 == [can(admin, act), can(COMMAND, act), can(COMMAND, act, "REQ-9")]


@pytest.mark.parametrize(("act", "scope", "allowed"), cells(SCOPE_TABLE))
def test_token_of_an_administrator_may_what_its_scope_says(act, scope, allowed):
    """So nothing that a scope does not name can be done by a program."""
    assert allowed == can(a_viewer(entry="token", admin=True, scopes=[scope]), act)


@given(viewers, st.sampled_from([*ACTS, *GLOBAL_ACTS]), st.sampled_from(["REQ-1", "REQ-2", "REQ-3", "REQ-4"]))
@settings(deadline=None)
def test_token_never_may_more_than_its_owner(viewer, act, requisition):
    """Exactly what both its owner and one of its scopes may."""
    token = viewer.model_copy(update={"entry": "token"})
    owner = viewer.model_copy(update={"entry": "session"})
    within = any(act in SCOPES[scope] for scope in token.scopes)

    assert (can(owner, act, requisition) and within) == can(token, act, requisition)


@given(viewers, st.sampled_from(ACTS), st.sampled_from(["REQ-1", "REQ-2", "REQ-3", "REQ-4"]))
@settings(deadline=None)
def test_list_of_requisitions_says_the_same_as_the_question(viewer, act, requisition):
    """None stands for everywhere."""
    where = viewer.requisitions_for(act)

    assert viewer.may(act, requisition) == (where is None or requisition in where)


@given(subsets, subsets, st.sampled_from(ACTS))
@settings(deadline=None)
def test_roles_add_up_and_do_not_take_away(some, others, act):
    """Who has two roles may what either may."""
    assert (can(a_viewer(*some), act) or can(a_viewer(*others), act)) == can(a_viewer(*some, *others), act)


def test_scopes_count_for_tokens_only():
    """A session is not limited by them, nor helped."""
    assert can(a_viewer("recruiter", scopes=["read"]), "dismiss")
    assert not can(a_viewer("reviewer", scopes=["review"]), "dismiss")


@pytest.mark.parametrize(
    "change", [{"entry": "cookie"}, {"scopes": {"admin"}}, {"roles": {"REQ-1": {"admin"}}}, {"person": 1}]
)
def test_viewer_knows_no_other_words(change):
    """A role, scope or entry that does not exist can't be held."""
    with pytest.raises(ValidationError):
        Viewer(**{"person_id": 7, "name": "x", "entry": "session", **change})
