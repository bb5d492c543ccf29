"""Coming in and going out: the link of one machine, the login provider, the session's end."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment
from sqlalchemy import Connection
from starlette.requests import Request

from evaluator.people import COMMAND, Viewer
from evaluator.storage import audit
from evaluator.storage.database import Database
from evaluator.storage.people import local_administrator, person_of, set_admin, viewer_of
from evaluator.storage.sessions import (
    NewSession,
    close_session,
    new_login_link,
    open_session,
    use_login_link,
)
from evaluator.web.guard import request_id
from evaluator.web.identity import (
    LINK_LASTS,
    Access,
    credentials,
    drop_cookie,
    keep_session,
    local_path,
    set_cookie,
)
from evaluator.web.oidc import ATTEMPT_LASTS, Claimed, OpenIdLogin, SignInRefused
from evaluator.web.rights import AsVisit

log = logging.getLogger(__name__)

SEE_OTHER = 303
ATTEMPT_COOKIE = "__Host-debrief-login"

LINK_SPENT = "This link was used already, or is older than 15 minutes."
REFUSED = "The login did not come to an end that can be trusted. Nothing was changed; start it again."
INACTIVE = "This account was deactivated. An administrator of Debrief can activate it again."


def local_login_link(db: Connection) -> str:
    """A new single-use link's token for the administrator of one machine, whom the first one makes."""
    person_id = local_administrator(db).id
    link = new_login_link(db, person_id, LINK_LASTS)
    audit.log(db, COMMAND, "login_link.create", f"person:{person_id}")
    return link


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrance:
    """The handlers of everything before and after a session; they run in threads."""

    database: Database
    access: Access
    openid: OpenIdLogin | None  # None: one machine
    templates: Environment
    version: str

    def login(self, next: str | None = None) -> Response:  # noqa: A002  the query's usual name
        """How to sign in here."""
        return self._page(wanted=local_path(next))

    def link(self, link: str = "") -> Response:
        """A page with one button, so that what looks at links in messages beforehand does not use this one up."""
        return self._page(link=link[:200])

    def enter(self, request: Request, link: Annotated[str, Form(max_length=200)] = "") -> Response:
        """Opens a session for the link's person."""
        with self.database.begin() as db:
            person_id = use_login_link(db, link)
            opened = None if person_id is None else self._open(db, request, person_id)
        if opened is None:
            return self._page(fault=LINK_SPENT, status=403)
        return self._entered(opened, local_path(None))

    def start(self, next: str | None = None) -> Response:  # noqa: A002
        """Off to the login provider."""
        assert self.openid is not None  # noqa: S101  the route is there only with a provider
        address, attempt = self.openid.begin(next)
        response = RedirectResponse(address, SEE_OTHER)
        set_cookie(response, self.access, ATTEMPT_COOKIE, attempt, lasts=ATTEMPT_LASTS)
        return response

    def callback(self, request: Request) -> Response:
        """Back from the login provider."""
        assert self.openid is not None  # noqa: S101  the route is there only with a provider
        try:
            claimed, wanted = self.openid.complete(request.cookies.get(ATTEMPT_COOKIE), request.query_params)
        except SignInRefused as refusal:
            log.warning("request %s: login refused: %s", request_id(), refusal.reason)
            response = self._page(fault=REFUSED, status=403)
        else:
            with self.database.begin() as db:
                opened = self._open(db, request, self._person(db, claimed))
            response = self._page(fault=INACTIVE, status=403) if opened is None else self._entered(opened, wanted)
        drop_cookie(response, self.access, ATTEMPT_COOKIE)
        return response

    def logout(self, request: Request, visit: AsVisit) -> Response:
        """Ends this session."""
        brought = credentials(request, self.access)
        with self.database.begin() as db:
            if brought is not None and brought.session is not None:
                close_session(db, brought.session)
            audit.log(db, visit.viewer, "session.close", f"person:{visit.viewer.person_id}")
        response = RedirectResponse("/login", SEE_OTHER)
        drop_cookie(response, self.access, self.access.cookie)
        return response

    def _person(self, db: Connection, claimed: Claimed) -> int:
        assert self.access.provider is not None  # noqa: S101  as above
        person = person_of(db, self.access.provider.issuer, claimed.subject, claimed.name)
        if not person.admin and claimed.named_in(self.access.admins):
            set_admin(db, person.id, True)
            audit.log(db, COMMAND, "person.admin", f"person:{person.id}", detail={"admin": True, "by": "settings"})
        return person.id

    def _open(self, db: Connection, request: Request, person_id: int) -> NewSession | None:
        """A session of their own, in place of any that the browser still has; None for the deactivated."""
        viewer: Viewer | None = viewer_of(db, person_id, "session", frozenset())
        if viewer is None:
            return None
        before = credentials(request, self.access)
        if before is not None and before.session is not None:
            close_session(db, before.session)
        opened = open_session(db, person_id, self.access.absolute)
        audit.log(db, viewer, "session.open", f"person:{person_id}")
        return opened

    def _entered(self, opened: NewSession, wanted: str) -> Response:
        response = RedirectResponse(wanted, SEE_OTHER)
        keep_session(response, self.access, opened.token)
        return response

    def _page(self, *, status: int = 200, **values: Any) -> Response:
        facts: Mapping[str, Any] = {"wanted": "", "link": None, "fault": None, **values}
        page = self.templates.get_template("login.html").render(
            one_machine=self.access.one_machine,
            request_id=request_id(),
            version=self.version,
            visit=None,
            **facts,
        )
        return HTMLResponse(page, status)
