"""Login by OpenID Connect: authorization code with PKCE, state and nonce; the identity token is checked in full."""

import base64
import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, Field, ValidationError

from evaluator.errors import Unavailable
from evaluator.values import Frozen
from evaluator.web.identity import Provider, local_path

log = logging.getLogger(__name__)

CALLBACK = "/login/callback"
ATTEMPT_LASTS = timedelta(minutes=10)  # from the button to the way back
LEEWAY_S = 60  # between the provider's clock and this one
KNOWN_FOR_S = 3_600.0  # what the provider says of itself
REFRESH_AFTER_S = 10.0  # an unknown key makes us ask again, this often at most
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 256_000
NAME_MAX = 200  # characters
NAMELESS = "Somebody without a name"

# Signatures with a key that only the provider has: never `none`, never a secret that we share with it.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


class SignInRefused(Exception):
    """Raised when a login did not come to a person; its reason is one word for the log, never what was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Claimed(Frozen):
    """Who the provider says has signed in."""

    subject: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")  # a row cannot hold NUL
    name: str
    email: str | None  # only where the provider has verified it

    def named_in(self, admins: frozenset[str]) -> bool:
        """Whether the settings make them an administrator."""
        return self.subject in admins or (
            self.email is not None and self.email.casefold() in {admin.casefold() for admin in admins}
        )


class Attempt(Frozen):
    """One login that is under way; the browser keeps it, sealed, until it comes back."""

    state: str
    nonce: str
    verifier: str
    next: str  # a path of ours
    ends_at: float  # seconds since 1970

    def sealed(self, key: bytes) -> str:
        """As a cookie's value, which only we can have written."""
        body = base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()
        return f"{body}.{_seal(key, body)}"

    @classmethod
    def opened(cls, value: str, key: bytes, now: float) -> "Attempt":
        """The attempt of a cookie; SignInRefused for what we did not write, or too long ago."""
        body, _, seal = value.partition(".")
        if not hmac.compare_digest(_seal(key, body).encode(), seal.encode()):
            raise SignInRefused("attempt")
        attempt = cls.model_validate_json(base64.urlsafe_b64decode(body))
        if attempt.ends_at < now:
            raise SignInRefused("too_late")
        return attempt


def _seal(key: bytes, body: str) -> str:
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()


class _Metadata(BaseModel, frozen=True):
    """What we use of the provider's own description; it says more."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(kw_only=True, slots=True)
class _Known:
    """What was fetched from the provider, and when."""

    metadata: _Metadata | None = None
    keys: KeySet | None = None
    at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class OpenIdLogin:
    """The login of one provider; shared by the threads that answer requests."""

    def __init__(
        self,
        provider: Provider,
        web_url: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """clock: seconds since 1970, by which attempts and tokens expire."""
        self._provider = provider
        self._redirect = f"{web_url}{CALLBACK}"
        self._clock = clock
        self._known = _Known()
        secret = provider.client_secret.get_secret_value()
        self._key = hashlib.sha256(b"debrief login attempt\0" + secret.encode()).digest()

    def check(self) -> None:
        """Asks the provider to describe itself. Unavailable, with what is wrong."""
        self._metadata()

    def begin(self, wanted: str | None) -> tuple[str, str]:
        """Where to send the browser, and the cookie value that must come back with it. Unavailable."""
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=local_path(wanted),
            ends_at=self._clock() + ATTEMPT_LASTS.total_seconds(),
        )
        address = prepare_grant_uri(
            self._metadata().authorization_endpoint,
            client_id=self._provider.client_id,
            response_type="code",
            redirect_uri=self._redirect,
            scope="openid profile email",
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return str(address), attempt.sealed(self._key)

    def complete(self, cookie: str | None, answer: Mapping[str, str]) -> tuple[Claimed, str]:
        """Who signed in, and where they wanted to go. answer: the query that the browser came back with.

        SignInRefused, Unavailable.
        """
        if not cookie:
            raise SignInRefused("no_attempt")
        attempt = Attempt.opened(cookie, self._key, self._clock())
        if not hmac.compare_digest(attempt.state.encode(), answer.get("state", "").encode()):
            raise SignInRefused("state")
        if (
            answer.get("iss", self._provider.issuer) != self._provider.issuer
        ):  # RFC 9207: mixed up with another provider
            raise SignInRefused("issuer")
        if "error" in answer or not answer.get("code"):
            raise SignInRefused("declined")
        tokens = self._redeem(answer["code"], attempt.verifier)
        return self._checked(tokens, attempt.nonce), attempt.next

    def _redeem(self, code: str, verifier: str) -> dict[str, Any]:
        metadata = self._metadata()
        client_id, secret = self._provider.client_id, self._provider.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
        }
        auth = None
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))  # RFC 6749 2.3.1 encodes both
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        status, tokens = self._asked("POST", metadata.token_endpoint, data=form, auth=auth)
        if status != httpx.codes.OK or not isinstance(tokens.get("id_token"), str):
            raise SignInRefused("code")
        return tokens

    def _checked(self, tokens: Mapping[str, Any], nonce: str) -> Claimed:
        """The claims of the identity token, once signature, issuer, audience, times and nonce were found right."""
        try:
            token = self._decoded(tokens["id_token"])
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self._provider.issuer},
                    "aud": {"essential": True, "value": self._provider.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                {
                    "nonce": nonce,
                    "client_id": self._provider.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock()), leeway=LEEWAY_S)
            return _claimed(claims)
        except (JoseError, ValidationError, ValueError, TypeError) as error:
            raise SignInRefused(f"id_token: {getattr(error, 'error', type(error).__name__)}") from None

    def _decoded(self, token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            return jwt.decode(token, self._keys(), registry=registry)
        except InvalidKeyIdError:  # the provider may have changed its keys
            return jwt.decode(token, self._keys(newer_than_s=REFRESH_AFTER_S), registry=registry)

    def _metadata(self) -> _Metadata:
        return self._asked_once(KNOWN_FOR_S)[0]

    def _keys(self, *, newer_than_s: float = KNOWN_FOR_S) -> KeySet:
        return self._asked_once(newer_than_s)[1]

    def _asked_once(self, newer_than_s: float) -> tuple[_Metadata, KeySet]:
        with self._known.lock:
            known = self._known
            if known.metadata is None or known.keys is None or time.monotonic() - known.at > newer_than_s:
                known.metadata = self._described()
                known.keys = self._key_set(known.metadata)
                known.at = time.monotonic()
            return known.metadata, known.keys

    def _described(self) -> _Metadata:
        issuer = self._provider.issuer
        _, found = self._asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            metadata = _Metadata.model_validate(found)
        except ValidationError:
            raise Unavailable(
                "the login provider does not describe itself as OpenID Connect asks; see DEBRIEF_OIDC_ISSUER"
            ) from None
        if metadata.issuer != issuer:
            raise Unavailable("the login provider calls itself by another name than DEBRIEF_OIDC_ISSUER says")
        loopback = urlsplit(issuer).scheme == "http"  # the settings allow that on loopback only
        for address in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri):
            if urlsplit(address).scheme != "https" and not loopback:
                raise Unavailable("the login provider names addresses without TLS; nothing is sent there")
        return metadata

    def _key_set(self, metadata: _Metadata) -> KeySet:
        _, found = self._asked("GET", metadata.jwks_uri)
        try:
            return KeySet.import_key_set(found)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unavailable("the login provider's keys cannot be read") from None

    def _asked(self, method: str, address: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """The provider's answer as JSON; Unavailable where there is none. What it says goes into no message."""
        host = urlsplit(address).netloc.rpartition("@")[2]
        try:
            with httpx.stream(  # logins are rare: no connection is kept for the next
                method, address, headers={"Accept": "application/json"}, timeout=TIMEOUT_S, **more
            ) as answer:
                status, body = answer.status_code, _bounded(answer)
            found = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"the login provider {host} cannot be reached ({type(error).__name__})") from None
        except ValueError:
            raise Unavailable(f"the login provider {host} gives no usable answer") from None
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or not isinstance(found, dict):
            raise Unavailable(f"the login provider {host} answers {status}")
        return status, found


def _bounded(answer: httpx.Response) -> bytes:
    body = b""
    for part in answer.iter_bytes():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError("too long")
    return body


def _claimed(claims: Mapping[str, Any]) -> Claimed:
    email = claims.get("email") if claims.get("email_verified") is True else None
    names = (_shown(claims.get(key)) for key in ("name", "preferred_username", "email", "sub"))
    return Claimed(
        subject=claims["sub"],
        name=next((name for name in names if name), NAMELESS),
        email=email if isinstance(email, str) and email else None,
    )


def _shown(name: object) -> str:
    """A name on one line, without what a row cannot hold or nobody can see; empty for none."""
    if not isinstance(name, str):
        return ""
    spaced = " ".join(name.split())
    return "".join(c for c in spaced if c.isprintable())[:NAME_MAX].strip()
