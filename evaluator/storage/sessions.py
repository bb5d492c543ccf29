"""What lets somebody in: sessions, login links and API tokens, of which only digests are stored."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import NotFound, UsageFault
from evaluator.people import Scope, Viewer
from evaluator.storage.people import VIEWER, viewer_from
from evaluator.storage.tables import api_token, login_link, session
from evaluator.values import Frozen, sha256

TOKEN_BYTES = 32  # of chance
TOKEN_PREFIX = "dbr_"  # noqa: S105  no secret, but what finds of leaked secrets are told by
TOKEN_LASTS_MAX = timedelta(days=365)
TOKENS_MAX = 50  # of one person, that are neither ended nor revoked
TOKEN_NAME_MAX = 100  # characters
TOKENS_SHOWN_MAX = 200  # the newest
SEEN_EVERY = timedelta(minutes=1)  # so often at most is it written down that somebody is still there
_SCOPES = frozenset(get_args(Scope))


class NewSession(Frozen):
    """What the browser gets; neither can be read from the database."""

    token: str
    csrf: str  # csrf_of(token)


class SessionViewer(Frozen):
    """Who a session's token stands for now."""

    viewer: Viewer
    csrf_sha256: str  # of what its forms must carry


class ApiToken(Frozen):
    """What is known of a token once it was shown to its owner."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    ends_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None  # to a minute


def csrf_of(token: str) -> str:
    """What forms of this session carry; it tells nothing of the token, so it may stand in a page."""
    return urlsafe_b64encode(hmac.digest(_bytes(token), b"debrief csrf", "sha256")).decode().rstrip("=")


def open_session(db: Connection, person_id: int, absolute: timedelta) -> NewSession:
    """Logs somebody in until `absolute` from now at the latest."""
    db.execute(session.delete().where(session.c.ends_at < func.clock_timestamp()))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    new = NewSession(token=token, csrf=csrf_of(token))
    values = {"id_sha256": _digest(token), "person_id": person_id, "csrf_sha256": _digest(new.csrf)}
    db.execute(insert(session).values(**values, ends_at=func.clock_timestamp() + absolute))
    return new


def session_viewer(db: Connection, token: str, idle: timedelta) -> SessionViewer | None:
    """Who this token stands for; None: unknown, over, not used for `idle`, or its owner may no longer come in."""
    query = text(
        f"SELECT {VIEWER}, s.csrf_sha256, s.seen_at < clock_timestamp() - CAST(:every AS interval) AS unseen "
        "FROM session s JOIN person p ON p.id = s.person_id WHERE s.id_sha256 = :id AND p.active "
        "AND s.ends_at > clock_timestamp() AND s.seen_at > clock_timestamp() - CAST(:idle AS interval)"
    )
    values = {"id": _digest(token), "idle": idle, "every": min(SEEN_EVERY, idle / 2)}
    row = db.execute(query, values).mappings().first()
    if row is None:
        return None
    if row["unseen"]:
        seen = session.update().where(session.c.id_sha256 == values["id"])
        db.execute(seen.values(seen_at=func.clock_timestamp()))
    return SessionViewer(viewer=viewer_from(row, "session"), csrf_sha256=row["csrf_sha256"])


def close_session(db: Connection, token: str) -> None:
    """Logs out; a token that is none any more is no fault."""
    db.execute(session.delete().where(session.c.id_sha256 == _digest(token)))


def new_login_link(db: Connection, person_id: int, lasts: timedelta) -> str:
    """The token of a link that logs this person in once."""
    db.execute(login_link.delete().where(login_link.c.ends_at < func.clock_timestamp()))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    values = {"token_sha256": _digest(token), "person_id": person_id, "ends_at": func.clock_timestamp() + lasts}
    db.execute(insert(login_link).values(values))
    return token


def use_login_link(db: Connection, token: str) -> int | None:
    """Whom it logs in, for the first who asks; None: unknown, used, over, or its person may no longer come in."""
    statement = text(
        "UPDATE login_link l SET used_at = clock_timestamp() FROM person p WHERE l.token_sha256 = :token "
        "AND p.id = l.person_id AND p.active AND l.used_at IS NULL AND l.ends_at > clock_timestamp() "
        "RETURNING l.person_id"
    )
    found: int | None = db.execute(statement, {"token": _digest(token)}).scalar_one_or_none()
    return found


def new_api_token(db: Connection, person_id: int, name: str, scopes: frozenset[Scope], lasts: timedelta) -> str:
    """A token for somebody's programs, to be shown once; UsageFault for a name, scope or time that cannot be."""
    faults = _token_faults(name, scopes, lasts)
    if _tokens_in_use(db, person_id) >= TOKENS_MAX:
        faults = [*faults, f"there are {TOKENS_MAX} tokens already; revoke one first"]
    if faults:
        raise UsageFault("; ".join(faults))
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    values = {"person_id": person_id, "name": name, "token_sha256": _digest(token), "scopes": sorted(scopes)}
    db.execute(insert(api_token).values(**values, ends_at=func.clock_timestamp() + lasts))
    return token


def token_viewer(db: Connection, token: str) -> Viewer | None:
    """Who this API token stands for; None: unknown, revoked, over, or its owner may no longer come in."""
    query = text(
        f"SELECT {VIEWER}, t.id AS token_id, t.scopes, "
        "coalesce(t.used_at < clock_timestamp() - CAST(:every AS interval), true) AS unseen "
        "FROM api_token t JOIN person p ON p.id = t.person_id WHERE t.token_sha256 = :token AND p.active "
        "AND t.revoked_at IS NULL AND t.ends_at > clock_timestamp()"
    )
    row = db.execute(query, {"token": _digest(token), "every": SEEN_EVERY}).mappings().first()
    if row is None:
        return None
    if row["unseen"]:
        used = api_token.update().where(api_token.c.id == row["token_id"])
        db.execute(used.values(used_at=func.clock_timestamp()))
    return viewer_from(row, "token", frozenset(row["scopes"]))


def api_tokens(db: Connection, person_id: int) -> tuple[ApiToken, ...]:
    """Somebody's tokens, the newest first, at most TOKENS_SHOWN_MAX; revoked and ended ones too."""
    query = (
        select(*(api_token.c[name] for name in ApiToken.model_fields))
        .where(api_token.c.person_id == person_id)
        .order_by(api_token.c.id.desc())
        .limit(TOKENS_SHOWN_MAX)
    )
    return tuple(ApiToken.model_validate(dict(row)) for row in db.execute(query).mappings())


def revoke_api_token(db: Connection, person_id: int, token_id: int) -> None:
    """Ends one of somebody's tokens for good; NotFound when it is not theirs."""
    theirs = api_token.update().where(api_token.c.id == token_id, api_token.c.person_id == person_id)
    revoked = theirs.values(revoked_at=func.coalesce(api_token.c.revoked_at, func.clock_timestamp()))
    if db.execute(revoked.returning(api_token.c.id)).first() is None:
        raise NotFound(f"token {token_id} is not one of yours; your account's page lists them")


def _tokens_in_use(db: Connection, person_id: int) -> int:
    t = api_token.c
    query = select(func.count()).where(t.person_id == person_id, t.revoked_at.is_(None))
    return db.execute(query.where(t.ends_at > func.clock_timestamp())).scalar_one()


def _token_faults(name: str, scopes: frozenset[Scope], lasts: timedelta) -> list[str]:
    faults = []
    if not 1 <= len(name.strip()) <= TOKEN_NAME_MAX or "\x00" in name:
        faults.append(f"a token needs a name of 1 to {TOKEN_NAME_MAX} characters")
    if not scopes or scopes - _SCOPES:
        faults.append(f"a token needs at least one scope of: {', '.join(sorted(_SCOPES))}")
    if not timedelta(0) < lasts <= TOKEN_LASTS_MAX:
        faults.append(f"a token lasts {TOKEN_LASTS_MAX.days} days at most")
    return faults


def _digest(token: str) -> str:
    return sha256(_bytes(token))


def _bytes(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")  # whatever comes as one must not break
