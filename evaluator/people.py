"""Who may do what: people, their roles per requisition, and the one place where rights are decided.

An administrator may do everything but look behind a blind review. Everybody else has roles in requisitions, and
nothing outside of them. An API token is its owner with fewer scopes, and counts as somebody who has not reviewed.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from evaluator.values import Frozen

Role = Literal["recruiter", "hiring_manager", "reviewer"]
Entry = Literal["session", "token", "command"]  # how somebody came in
Scope = Literal["read", "review", "operate"]

# In a requisition.
Act = Literal[
    "see_interviews",  # list, scorecard, transcript; what the judge said of it follows the blind rule beside this
    "hear_recording",
    "reveal_name",
    "review",  # rate, override one's own finals, recommend
    "assign",  # reviewers to interviews
    "dismiss",
    "rescore",
    "export",
    "explain",  # the explanation for the candidate
    "manage",  # title, blind review, members
]
# Of the whole installation.
GlobalAct = Literal[
    "see_rubrics", "see_runs", "operate_runs", "see_costs", "see_audit", "manage_people", "manage_webhooks"
]

ACTS: tuple[Act, ...] = get_args(Act)
GLOBAL_ACTS: tuple[GlobalAct, ...] = get_args(GlobalAct)
ROLES: tuple[Role, ...] = get_args(Role)

RIGHTS: Mapping[Role, frozenset[Act]] = {
    "recruiter": frozenset(
        {
            "see_interviews",
            "hear_recording",
            "reveal_name",
            "review",
            "assign",
            "dismiss",
            "rescore",
            "export",
            "explain",
        }
    ),
    "hiring_manager": frozenset({"see_interviews", "hear_recording", "reveal_name", "review", "assign", "export"}),
    "reviewer": frozenset({"see_interviews", "hear_recording", "review"}),
}
GLOBAL_RIGHTS: Mapping[Role, frozenset[GlobalAct]] = {  # of those who have the role in some requisition
    "recruiter": frozenset({"see_rubrics", "see_runs", "see_costs"}),
    "hiring_manager": frozenset({"see_rubrics"}),
    "reviewer": frozenset({"see_rubrics"}),
}
READING: frozenset[Act | GlobalAct] = frozenset(
    {"see_interviews", "hear_recording", "export", "see_rubrics", "see_runs", "see_costs", "see_audit"}
)
# What a token of each scope may be used for, of what its owner may do.
SCOPES: Mapping[Scope, frozenset[Act | GlobalAct]] = {
    "read": READING,
    "review": frozenset({"review", "assign", "dismiss", "rescore"}),
    "operate": frozenset({"operate_runs"}),
}


class Viewer(Frozen):
    """Somebody who asks for something; made anew for each request from rows, never from what the request says."""

    person_id: int | None  # None: a command line with rights on the database
    name: str  # as people call them; never in logs
    admin: bool = False
    roles: Mapping[str, frozenset[Role]] = {}  # requisition -> roles
    entry: Entry
    scopes: frozenset[Scope] = frozenset()  # of a token; ignored otherwise

    def may(self, act: Act, requisition: str) -> bool:
        """Whether they may do this in this requisition."""
        held = self.admin or any(act in RIGHTS[role] for role in self.roles.get(requisition, ()))
        return held and self._within_scopes(act)

    def may_globally(self, act: GlobalAct) -> bool:
        """Whether they may do this at all."""
        held = self.admin or any(act in GLOBAL_RIGHTS[role] for roles in self.roles.values() for role in roles)
        return held and self._within_scopes(act)

    def requisitions_for(self, act: Act) -> frozenset[str] | None:
        """Where they may do this; None: everywhere."""
        if not self._within_scopes(act):
            return frozenset()
        if self.admin:
            return None
        return frozenset(name for name in self.roles if self.may(act, name))

    def _within_scopes(self, act: Act | GlobalAct) -> bool:
        return self.entry != "token" or any(act in SCOPES[scope] for scope in self.scopes)


COMMAND = Viewer(person_id=None, name="command line", admin=True, entry="command")
"""A command line that reaches the database is an administrator: who holds its password could do it all by SQL."""
