"""`debrief audit`: the log in a terminal, the proof of its chain, and digests kept in the object store."""

import json

import pytest

from evaluator.adapters.folder import FolderStore
from evaluator.people import COMMAND, Viewer
from evaluator.storage.audit import log
from tests.commands import debrief
from tests.integration.storage.builders import change, rows

ADA = Viewer(person_id=1, name="Ada", entry="session")


@pytest.fixture
def store(tmp_path):
    """The object store of these commands."""
    return FolderStore(tmp_path / "store")


@pytest.fixture
def run(database_url, tmp_path, store):
    """Runs `debrief audit` with this test's database and store."""

    def command(*arguments):
        env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url}
        env["DEBRIEF_STORE_URL"] = f"file://{tmp_path / 'store'}"
        return debrief("audit", *arguments, env=env, cwd=tmp_path)

    return command


@pytest.fixture
def chain(database):
    """Five entries; their ids."""
    with database.begin() as db:
        ids = [log(db, ADA, "export", f"requisition:REQ-{n}", f"REQ-{n}", {"rows": n}) for n in range(4)]
        return [*ids, log(db, COMMAND, "webhook.test", "webhook:1")]


def test_log_is_shown_and_filtered(run, chain):
    """Newest first; as JSON with everything."""
    shown = run("log")
    found = {
        "all": run("log", "--json").json(),
        "person": run("log", "--person", "1", "--json").json(),
        "command": run("log", "--person", "command", "--json").json(),
        "req": run("log", "--req", "REQ-2", "--json").json(),
        "limit": run("log", "--limit", "2", "--json").json(),
        "since": run("log", "--since", "2999-01-01", "--json").json(),
    }

    assert (0, chain[::-1]) == (shown.code, [int(line.split()[0]) for line in shown.out.splitlines()[1:]])
    assert [5, 4, 1, 1, 2, 0] == [len(entries) for entries in found.values()]
    assert {"rows": 2} == found["req"][0]["detail"]


def test_whole_chain_prints_what_to_keep_elsewhere(run, chain, database):
    """Exit code 0, the newest number and digest; a digest that was kept is found again later."""
    newest = rows(database, "SELECT id, sha256 FROM audit ORDER BY id DESC LIMIT 1")[0]
    done = run("verify-chain")
    with database.begin() as db:
        log(db, ADA, "export", "later")
    later = run("verify-chain", "--expect", newest["sha256"], "--from", str(chain[2]), "--json")

    assert 0 == done.code
    assert "Intact: 5 entries" in done.out
    assert newest["sha256"] in done.out
    assert (0, True, 4) == (later.code, later.json()["expected"], later.json()["rows"])


def test_changed_entry_is_exit_code_3(run, chain, database):
    """The entry is named; a check that begins after it cannot see it."""
    change(database, "UPDATE audit SET object = 'x' WHERE id = :id", id=chain[1])
    done = run("verify-chain", "--json")

    assert (3, False, chain[1]) == (done.code, done.json()["intact"], done.json()["broken"])
    assert f"entry #{chain[1]}" in run("verify-chain").err
    assert 0 == run("verify-chain", "--from", str(chain[3])).code


def test_cut_end_is_seen_by_what_was_kept(run, chain, database, store):
    """The chain alone cannot show it: the digest in the object store, or the one given, does."""
    kept = run("verify-chain", "--anchor", "--json").json()
    newest = kept["newest"]
    again = run("verify-chain", "--anchor")
    change(database, "DELETE FROM audit WHERE id >= :id", id=chain[3])
    alone = run("verify-chain", "--no-anchors")
    compared = run("verify-chain", "--json")
    expected = run("verify-chain", "--no-anchors", "--expect", newest["sha256"])

    key = f"audit/{newest['id']:012d}.json"
    assert key == kept["anchored"]
    assert newest["sha256"] == json.loads(store.get(key))["sha256"]
    assert [0, 0, 3, 3] == [done.code for done in (again, alone, compared, expected)]
    assert newest["id"] in compared.json()["unlike"]


def test_chain_that_was_written_anew_is_seen(run, chain, database, store):
    """Consistent in itself, but not what was kept."""
    run("verify-chain", "--anchor")
    change(database, "DELETE FROM audit")
    change(database, "ALTER TABLE audit ALTER COLUMN id RESTART WITH 1")
    with database.begin() as db:
        for n in range(6):
            log(db, ADA, "export", f"other:{n}")

    assert 0 == run("verify-chain", "--no-anchors").code
    assert 3 == run("verify-chain").code
    assert 3 == run("verify-chain", "--anchor").code
    assert 1 == len(store.names("audit/"))


def test_unreadable_digest_in_the_store_is_no_proof(run, chain, store):
    """What lies there and cannot be read counts as unlike; other names are passed over."""
    store.create(f"audit/{chain[0]:012d}.json", b"{}")
    store.create("audit/readme.txt", b"hello")

    done = run("verify-chain", "--json")

    assert (3, [chain[0]], 1) == (done.code, done.json()["unlike"], done.json()["anchors"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify-chain", "--expect", "abc"),
        ("verify-chain", "--anchor", "--no-anchors"),
        ("verify-chain", "--from", "0"),
        ("log", "--since", "yesterday"),
        ("log", "--person", "ada"),
    ],
)
def test_impossible_arguments_are_exit_code_2(run, arguments):
    """Said before anything is opened."""
    assert 2 == run(*arguments).code


def test_empty_log_is_intact(run):
    """Nothing to show, nothing broken."""
    assert "Nothing is logged yet." in run("log").out
    assert "Intact: 0 entries" in run("verify-chain").out
