"""One's own account (sessions, API tokens), and the people of the installation for administrators."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, get_args

from fastapi import Form, Path
from fastapi.responses import RedirectResponse, Response

from evaluator.errors import Conflict
from evaluator.people import Scope
from evaluator.storage import audit
from evaluator.storage.accounts import close_sessions, sessions_of
from evaluator.storage.people import LIST_MAX, Person, find_person, people_list, set_active, set_admin
from evaluator.storage.sessions import api_tokens, new_api_token, revoke_api_token
from evaluator.web.identity import Access, Visit, person_asking
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit

SEE_OTHER = 303
TOKEN_DAYS_MAX = 365
SCOPE_WORDS: dict[Scope, str] = {
    "read": "read what you may read, but nothing that a blind review hides",
    "review": "review, assign, dismiss and re-score, as far as you may",
    "operate": "start, stop and retry runs, as far as you may",
}
BIGINT_MAX = 2**63 - 1

Id = Annotated[int, Path(ge=1, le=BIGINT_MAX)]
Days = Annotated[int, Form(ge=1, le=TOKEN_DAYS_MAX)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Accounts:
    """The handlers; they run in threads. All of them are for people who signed in, never for tokens."""

    site: Site
    access: Access

    def account(self, visit: AsVisit) -> Response:
        """Their own sessions and tokens."""
        return self._account(visit)

    def add_token(
        self,
        visit: AsVisit,
        name: Annotated[str, Form(min_length=1, max_length=80)],
        days: Days,
        scopes: Annotated[list[Scope], Form(min_length=1, max_length=len(get_args(Scope)))],
    ) -> Response:
        """Makes a token and shows it, this once."""
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            token = new_api_token(db, person_id, name, frozenset(scopes), timedelta(days=days))
            detail = {"scopes": sorted(set(scopes)), "days": days}
            audit.log(db, visit.viewer, "token.create", f"person:{person_id}", detail=detail)
        return self._account(visit, made=token)

    def revoke_token(self, visit: AsVisit, token_id: Id) -> Response:
        """Ends one of their tokens; nothing happens to anybody else's."""
        with self.site.database.begin() as db:
            revoke_api_token(db, person_asking(visit.viewer), token_id)
            audit.log(db, visit.viewer, "token.revoke", f"token:{token_id}")
        return RedirectResponse("/account", SEE_OTHER)

    def end_other_sessions(self, visit: AsVisit) -> Response:
        """Signs them out everywhere but here."""
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            closed = close_sessions(db, person_id, but=visit.session)
            audit.log(db, visit.viewer, "session.close_others", f"person:{person_id}", detail={"sessions": closed})
        return RedirectResponse("/account", SEE_OTHER)

    def people(self, visit: AsVisit) -> Response:
        """Everybody who ever signed in."""
        with self.site.database.begin() as db:
            people = people_list(db)
        return self.site.page("people.html", visit=visit, people=people, more=len(people) == LIST_MAX)

    def set_admin(self, visit: AsVisit, person_id: Id, admin: Annotated[bool, Form()]) -> Response:
        """Makes somebody an administrator, or no longer one."""
        with self.site.database.begin() as db:
            person = find_person(db, person_id)
            _refuse_oneself(visit, person)
            if person.admin != admin:
                set_admin(db, person_id, admin)
                audit.log(db, visit.viewer, "person.admin", f"person:{person_id}", detail={"admin": admin})
        return RedirectResponse("/people", SEE_OTHER)

    def set_active(self, visit: AsVisit, person_id: Id, active: Annotated[bool, Form()]) -> Response:
        """Shuts somebody out, with all their sessions and tokens, or lets them in again."""
        with self.site.database.begin() as db:
            person = find_person(db, person_id)
            _refuse_oneself(visit, person)
            if person.active != active:
                set_active(db, person_id, active)
                audit.log(db, visit.viewer, "person.active", f"person:{person_id}", detail={"active": active})
        return RedirectResponse("/people", SEE_OTHER)

    def _account(self, visit: Visit, made: str | None = None) -> Response:
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            facts: dict[str, Any] = {
                "person": find_person(db, person_id),
                "sessions": sessions_of(db, person_id, idle=self.access.idle),
                "tokens": api_tokens(db, person_id),
            }
        return self.site.page(
            "tokens.html", visit=visit, made=made, scopes=SCOPE_WORDS, days_max=TOKEN_DAYS_MAX, **facts
        )


def _refuse_oneself(visit: Visit, person: Person) -> None:
    """Nobody locks themselves out, so there is always an administrator left."""
    if person.id == visit.viewer.person_id:
        raise Conflict("this is your own account; another administrator can change it")
