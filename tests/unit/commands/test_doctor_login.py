"""What `debrief doctor` says of the login, before anybody tries to sign in."""

import pytest
from pydantic import SecretStr

from evaluator.commands.doctor import _login
from evaluator.settings import Settings

PROVIDER = {
    "web_url": "https://debrief.example",
    "oidc_issuer": "http://127.0.0.1:1",
    "oidc_client_id": "debrief",
    "oidc_client_secret": SecretStr("s3cr3t"),
}


@pytest.mark.parametrize(
    ("settings", "state", "told"),
    [
        ({}, "ok", "one machine"),
        ({"web_host": "0.0.0.0"}, "problem", "served on loopback only"),
        ({"oidc_client_id": "debrief"}, "problem", "DEBRIEF_OIDC_ISSUER"),
        (PROVIDER, "problem", "the login provider 127.0.0.1:1 cannot be reached"),
    ],
)
def test_doctor_says_how_people_come_in(settings, state, told):
    """And what is wrong with it, without a secret."""
    finding = _login(Settings(**settings))

    assert (state, True) == (finding.state, told in finding.detail)
    assert "s3cr3t" not in finding.detail
