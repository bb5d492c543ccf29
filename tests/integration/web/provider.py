"""A small OpenID provider on a real socket: the test's double of a foreign service, as strict as a real one should be.

It checks what the standards ask of it (client secret, redirect address, PKCE, codes used once), and lets a test spoil
its identity tokens.
"""

import base64
import hashlib
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "debrief pages", "s3cret/with+signs"
START_TIMEOUT_S = 10


class ForeignProvider:
    """Signs everybody in as `person`, at once."""

    def __init__(self, redirect, issuer):
        self.redirect, self.issuer = redirect, issuer
        self.person = {"sub": "user-1", "name": "Grace Hopper", "email": "grace@example.org", "email_verified": True}
        self.spoilt = {}  # claims of the next identity tokens, instead of the right ones; None leaves one out
        self.key = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
        self.published = [self.key]
        self.codes = {}
        self.asked_for_keys = 0

    @property
    def app(self):
        """Its four addresses."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.describe),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/jwks", self.jwks),
            ]
        )

    async def describe(self, _request):
        """Discovery."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
            }
        )

    async def authorize(self, request: Request):
        """Everybody is let in."""
        asked = dict(request.query_params)
        right = {"client_id": CLIENT_ID, "redirect_uri": self.redirect, "response_type": "code"}
        assert right.items() <= asked.items()
        assert (asked["code_challenge_method"], "openid") == ("S256", asked["scope"].split()[0])
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return RedirectResponse(f"{self.redirect}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def token(self, request: Request):
        """A code for an identity token, once."""
        form = dict(await request.form())
        given = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            [unquote(part) for part in given.split(":")] != [CLIENT_ID, CLIENT_SECRET]
            or asked is None
            or asked["code_challenge"] != challenge
            or form["redirect_uri"] != self.redirect
            or form["grant_type"] != "authorization_code"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": self._identity(asked)})

    async def jwks(self, _request):
        """Its public keys."""
        self.asked_for_keys += 1
        return JSONResponse(KeySet(self.published).as_dict(private=False))

    def _identity(self, asked):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.spoilt,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


@contextmanager
def foreign_provider(redirect):
    """It runs on a free port of loopback until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = ForeignProvider(redirect, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(provider.app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield provider
        server.should_exit = True
        thread.join(START_TIMEOUT_S)
