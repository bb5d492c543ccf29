"""`debrief compare`: table, JSON and CSV, exit codes, and the way out of what cannot be compared."""

import csv
import io

import pytest

from tests.commands import debrief
from tests.integration.web.compared import SEVERE, score_all, take_in
from tests.integration.web.world import World


@pytest.fixture
def run(database, database_url, tmp_path):
    """Runs `debrief compare` over two scored interviews, one of them under blind review, and one without a score."""
    world = World(database)
    take_in(world, "iv-1")
    take_in(world, "iv-2", requisition="REQ-BLIND")
    score_all(world, {"iv-2": SEVERE})
    take_in(world, "iv-3")
    world.blind("REQ-BLIND")

    def command(*arguments):
        env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url}
        return debrief("compare", *arguments, env=env, cwd=tmp_path)

    return command


def test_table_json_and_csv_tell_the_same(run):
    """A command line reads the database itself, so nothing is locked."""
    table, whole, lines = run("iv-1", "C-2"), run("iv-1", "C-2", "--json").json(), run("iv-1,iv-2", "--csv")

    (depth,) = [line for line in table.out.splitlines() if "Depth" in line]
    assert ["Depth", "4", "Strong", "1", "Far", "below", "3"] == depth.split()
    assert all(len(line) <= 80 for line in table.out.splitlines())
    assert [4, 1] == [cell["level"] for cell in whole["rows"][0]["cells"]]
    assert ["4", "1"] == [
        row["ai_level"] for row in csv.DictReader(io.StringIO(lines.out)) if row["criterion"] == "depth"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["iv-1"], "2 to 12 different candidates and was given 1"),
        (["iv-1", "iv-3"], "C-3 (iv-3): it has no scorecard yet."),
        (["iv-1", "iv-77"], "there is no scorecard, interview or candidate of one of these names"),
        (["iv-1", "iv-2", "--rubric", "backend@7"], "debrief rubric list"),
        (["iv-1", "iv-2", "--mode", "best"], "mode is one of final, ai, human"),
        (["iv-1", "iv-2", "--csv", "--json"], "give one of them"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(run, arguments, words):
    """Exit code 2, with the way out on stderr."""
    done = run(*arguments)

    assert 2 == done.code
    assert words in done.err
