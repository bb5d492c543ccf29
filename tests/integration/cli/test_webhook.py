"""`debrief webhook`: a secret is shown once, exit codes, and what the lists show."""

import pytest

from tests.commands import debrief
from tests.integration.storage.builders import rows

URL = "https://hooks.example.invalid/debrief?token=t0ken"
HOSTS = {"DEBRIEF_WEBHOOK_HOSTS": "hooks.example.invalid"}


@pytest.fixture
def run(database_url, tmp_path):
    """Runs `debrief webhook` with this test's database."""

    def command(*arguments, **more):
        env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url, **HOSTS, **more}
        return debrief("webhook", *arguments, env=env, cwd=tmp_path)

    return command


def test_secret_is_shown_once(run, database):
    """When it is made; no list, message or entry of the audit log has it, nor the query of the address."""
    added = run("add", URL, "--json").json()
    later = [run("list"), run("list", "--json"), run("list", str(added["id"])), run("add", URL)]

    assert added["secret"].startswith("whsec_")
    assert [0, 0, 0, 2] == [done.code for done in later]
    logged = rows(database, "SELECT action, object, detail FROM audit")
    shown = f"{logged} {''.join(done.out + done.err for done in later)}"
    assert not [word for word in (added["secret"].removeprefix("whsec_"), "t0ken") if word in shown]
    assert ["webhook.add"] == [entry["action"] for entry in logged]


def test_failed_test_says_why_and_is_kept(run, database):
    """The name resolves nowhere: exit code 4, one try."""
    added = run("add", URL, "--json").json()["id"]
    done = run("test", str(added))

    assert 4 == done.code
    assert "no_such_host" in done.err
    (message,) = run("list", str(added), "--json").json()
    assert ("webhook.test", "failed", "no_such_host") == (message["event"], message["state"], message["error"])


def test_removed_webhook_is_gone(run, database):
    """With its messages."""
    added = run("add", URL, "--json").json()["id"]

    assert 0 == run("remove", str(added)).code
    assert [] == run("list", "--json").json()
    assert 2 == run("remove", str(added)).code


def test_without_allowed_hosts_none_is_added(run, database):
    """The way out is named."""
    done = run("add", URL, DEBRIEF_WEBHOOK_HOSTS="")

    assert (2, "") == (done.code, done.out)
    assert "DEBRIEF_WEBHOOK_HOSTS" in done.err
    assert [] == rows(database, "SELECT id FROM webhook")
