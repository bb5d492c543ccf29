"""`debrief login` and `debrief serve` as processes: links that open the pages, and what is refused."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.commands import debrief

PROVIDER = {
    "DEBRIEF_WEB_URL": "https://debrief.example",
    "DEBRIEF_OIDC_ISSUER": "https://login.invalid",
    "DEBRIEF_OIDC_CLIENT_ID": "debrief",
    "DEBRIEF_OIDC_CLIENT_SECRET": "s3cr3t-value",
}
LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/enter\?link=([A-Za-z0-9_-]{43})")


@pytest.fixture
def env(database_url, tmp_path):
    """A migrated database, and a folder for the store."""
    (tmp_path / "store").mkdir()
    return {"DEBRIEF_DATABASE_URL": database_url, "DEBRIEF_STORE_URL": f"file://{tmp_path}/store"}


@pytest.fixture
def served(env, tmp_path):
    """`debrief serve` on a free port: the link that it prints."""
    command = [str(Path(sys.executable).with_name("debrief")), "serve", "--port", "0"]
    process = subprocess.Popen(
        command, env={"PATH": os.environ["PATH"], **env}, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with process:
        lines = [process.stdout.readline() for _ in range(2)]
        yield LINK.search(lines[1])
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_the_link_that_serve_prints_opens_the_pages(served):
    """A button on its page, a session, the list."""
    base = f"http://127.0.0.1:{served[1]}"
    with httpx.Client(base_url=base, headers={"Origin": base}, trust_env=False, follow_redirects=True) as browser:
        outside = browser.get("/interviews")
        inside = browser.post("/enter", data={"link": served[2]})

    assert ("/login", "/interviews") == (outside.url.path, inside.url.path)
    assert "No interviews yet" in inside.text


def test_login_prints_a_new_link_each_time(env, tmp_path):
    """For the port that was asked for."""
    links = [debrief("login", "--port", "8400", env=env, cwd=tmp_path).out for _ in range(2)]

    assert ["8400", "8400"] == [LINK.fullmatch(link.strip())[1] for link in links]
    assert links[0] != links[1]


def test_login_speaks_json(env, tmp_path):
    """The address and how long it lasts, in seconds."""
    told = debrief("login", "--json", env=env, cwd=tmp_path).json()

    assert (True, 900) == (LINK.fullmatch(told["url"]) is not None, told["lasts_s"])


def test_with_a_provider_there_are_no_links(env, tmp_path):
    """The message says where people sign in."""
    done = debrief("login", env=env | PROVIDER, cwd=tmp_path)

    assert (2, "") == (done.code, done.out)
    assert "https://debrief.example" in done.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
def test_serve_refuses_others_without_a_provider(env, tmp_path, host):
    """Every missing variable is named, and nothing was started."""
    done = debrief("serve", "--host", host, env=env, cwd=tmp_path)

    assert 2 == done.code
    assert not [name for name in PROVIDER if name not in done.err]


def test_half_a_provider_is_refused_without_its_values(env, tmp_path):
    """All that is missing at once; a secret is in no message."""
    half = {"DEBRIEF_OIDC_CLIENT_SECRET": PROVIDER["DEBRIEF_OIDC_CLIENT_SECRET"]}

    done = debrief("serve", env=env | half, cwd=tmp_path)

    assert 2 == done.code
    assert not [name for name in PROVIDER if name not in done.err]
    assert "s3cr3t" not in done.err + done.out
