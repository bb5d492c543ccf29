"""How people come in and stay in: what a deployment chose, the session's cookie, and where a login may lead."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from evaluator.errors import UsageFault
from evaluator.people import Viewer
from evaluator.settings import Settings
from evaluator.values import Frozen

HOME = "/interviews"
LINK_LASTS = timedelta(minutes=15)
NEXT_MAX = 2_000  # characters of an address to come back to

PROVIDER_VARIABLES = (  # all or none
    "DEBRIEF_WEB_URL",
    "DEBRIEF_OIDC_ISSUER",
    "DEBRIEF_OIDC_CLIENT_ID",
    "DEBRIEF_OIDC_CLIENT_SECRET",
)

_COOKIE = re.compile(r"[A-Za-z0-9_-]{20,200}")
_BEARER = re.compile(r"Bearer (dbr_[A-Za-z0-9_-]{20,200})", re.IGNORECASE)
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class Provider(Frozen):
    """The OpenID provider that says who people are."""

    issuer: str
    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How people come in, as a deployment chose it."""

    web_url: str | None = None  # https://debrief.example, as browsers see it; None: this machine alone
    provider: Provider | None = None
    admins: frozenset[str] = frozenset()  # subjects or verified e-mails, which are administrators from their login on
    idle: timedelta = timedelta(hours=1)
    absolute: timedelta = timedelta(hours=12)

    @property
    def one_machine(self) -> bool:
        """Whether a link on the terminal is the login, and only this machine is served."""
        return self.provider is None

    @property
    def cookie(self) -> str:
        """The session cookie's name.

        `__Host-` makes browsers refuse it without Secure, from a subdomain, or over plain HTTP. On loopback there is no
        TLS, and browsers differ in whether they take a Secure cookie there, so it goes without: what could read the
        traffic of the loopback device could read this process's memory.
        """
        return "debrief" if self.one_machine else "__Host-debrief"

    def origin(self, request: Request) -> str:
        """What a browser on our own pages calls itself; the host of the request was checked before."""
        return self.web_url or f"http://{request.headers['host'].lower()}"


ONE_MACHINE = Access()


def access_of(settings: Settings) -> Access:
    """How people come in by these settings; UsageFault names all that is missing for a login provider at once."""
    values = (settings.web_url, settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
    given = dict(zip(PROVIDER_VARIABLES, values, strict=True))
    missing = [name for name, value in given.items() if value is None]
    idle, absolute = timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
    if len(missing) == len(given):
        return Access(idle=idle, absolute=absolute)
    if missing:
        there = ", ".join(name for name in given if name not in missing)
        raise UsageFault(f"settings: with {there}, {' and '.join(missing)} must be set too: a login needs all four")
    return Access(
        web_url=str(settings.web_url).rstrip("/"),
        provider=Provider(
            issuer=settings.oidc_issuer, client_id=settings.oidc_client_id, client_secret=settings.oidc_client_secret
        ),
        admins=frozenset(part.strip() for part in settings.oidc_admins.split(",") if part.strip()),
        idle=idle,
        absolute=absolute,
    )


class Visit(Frozen):
    """Somebody on a page: who, and what their forms carry."""

    viewer: Viewer
    csrf: str | None  # None: a token came, which no browser sends by itself
    session: str | None = None  # sha256 of the session's token: its id


def person_asking(viewer: Viewer) -> int:
    """The number of whoever asks here: only a command line is nobody, and it has no pages."""
    assert viewer.person_id is not None  # noqa: S101  as said
    return viewer.person_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What a request brings to say who asks; nothing of it is believed yet."""

    bearer: str | None = None  # an API token
    session: str | None = None  # a session's token


def credentials(request: Request, access: Access) -> Credentials | None:
    """What the request brings; None for nothing usable. With an Authorization header no cookie is looked at."""
    headers = request.headers.getlist("authorization")
    if headers:
        found = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
        return Credentials(bearer=found[1]) if found else None
    found = _COOKIE.fullmatch(request.cookies.get(access.cookie, ""))
    return Credentials(session=found[0]) if found else None


def keep_session(response: Response, access: Access, token: str) -> None:
    """Gives the browser its session."""
    set_cookie(response, access, access.cookie, token, lasts=access.absolute)


def set_cookie(response: Response, access: Access, name: str, value: str, *, lasts: timedelta) -> None:
    """A cookie for this host alone, out of reach of scripts, and not sent with what other sites start but links."""
    response.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=not access.one_machine,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, access: Access, name: str) -> None:
    """Tells the browser to forget it."""
    response.delete_cookie(name, path="/", secure=not access.one_machine, httponly=True, samesite="lax")


def local_path(text: str | None) -> str:
    """The address to go to after the login: a path of ours, or the first page for anything else."""
    if text is None or len(text) > NEXT_MAX or not _LOCAL_PATH.fullmatch(text):
        return HOME
    parts = urlsplit(text)
    return HOME if parts.scheme or parts.netloc or parts.path.startswith(("/login", "/enter")) else text


def login_address(request: Request) -> str:
    """The login page, which leads back to what was asked for."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = local_path(asked)
    return "/login" if wanted == HOME else f"/login?next={quote(wanted, safe='/')}"


def entering_address(pages: str, link: str) -> str:
    """The link that opens a session on this machine, once."""
    return f"{pages}/enter?link={link}"
