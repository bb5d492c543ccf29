"""`debrief review` and the dismissal of scorecards: what waits, where to go, exit codes, and what is logged."""

import pytest

from evaluator.storage.assignments import add_assignment
from tests.commands import debrief
from tests.integration.deciding.acts import WORDS, Acts, judged_again, logged, somebody
from tests.integration.storage.builders import change, rows, scored

OK, USAGE = 0, 2


@pytest.fixture
def run(database_url, tmp_path):
    """Runs the command line with this test's database."""

    def command(*arguments, **more):
        env = {"DEBRIEF_HOME": str(tmp_path), "DEBRIEF_DATABASE_URL": database_url, **more}
        return debrief(*arguments, env=env, cwd=tmp_path)

    return command


def waiting(run, *arguments):
    """Interviews of the queue, in order."""
    return [line["interview_id"] for line in run("review", "queue", *arguments, "--json").json()["waiting"]]


def test_queue_holds_what_still_needs_reviews(database, run):
    """The newest scorecard counts; a dismissed one waits for nobody; two reviewers may be needed."""
    first, second, third = scored(database, 3)
    ada, rita = somebody(database, "ada"), somebody(database, "rita", "recruiter")
    Acts(database, first).review(ada)
    Acts(database, second).dismiss(rita)
    Acts(database, third).review(ada)
    newer = judged_again(database, "iv-3")

    assert ["iv-3"] == waiting(run)
    assert newer in run("review", "queue").out
    change(database, "UPDATE requisition SET reviewers_needed = 2")
    found = run("review", "queue", "--req", "REQ-1", "--json").json()

    lines = [(w["interview_id"], w["reviews"], w["reviewers_needed"]) for w in found["waiting"]]
    assert (2, [("iv-1", 1, 2), ("iv-3", 0, 2)]) == (found["of"], lines)


def test_queue_of_one_person_is_what_is_assigned_to_them(database, run):
    """By number or login name; what they have submitted no longer waits for them."""
    first, second, _ = scored(database, 3)
    ada = somebody(database, "ada")
    with database.begin() as db:
        for interview in ("iv-1", "iv-2"):
            add_assignment(db, interview, ada.person_id, by=None)
    Acts(database, first).review(ada)

    assert ["iv-2"] == waiting(run, "--mine", "ada") == waiting(run, "--mine", str(ada.person_id))
    assert (USAGE, True) == ((done := run("review", "queue", "--mine", "eve")).code, "eve" in done.err)
    assert second in run("review", "queue", "--mine", "ada").out


def test_empty_queue_is_no_failure(database, run):
    """It says so to people; a requisition that is unknown is one."""
    done, unknown = run("review", "queue"), run("review", "queue", "--req", "REQ-9")

    assert (OK, "", "Nothing waits for a review.\n") == (done.code, done.out, done.err)
    assert (USAGE, True) == (unknown.code, "REQ-9" in unknown.err)
    assert {"of": 0, "waiting": []} == run("review", "queue", "--json").json()


def test_open_prints_the_address(database, run):
    """Where the pages are; of the newest scorecard for an interview."""
    (scorecard,) = scored(database)

    usual = run("review", "open", "iv-1")
    public = run("review", "open", scorecard, "--json", DEBRIEF_WEB_URL="https://debrief.example/")

    assert (OK, f"http://127.0.0.1:8321/scorecards/{scorecard}/review\n") == (usual.code, usual.out)
    assert {
        "scorecard": scorecard,
        "url": f"https://debrief.example/scorecards/{scorecard}/review",
    } == public.json()
    assert USAGE == run("review", "open", "iv-9").code


def test_open_of_what_takes_no_reviews_says_why(database, run):
    """Dismissed is refused; superseded names the newer one."""
    (scorecard,) = scored(database)
    newer = judged_again(database)

    old = run("review", "open", scorecard)
    Acts(database, newer).dismiss(somebody(database, "rita", "recruiter"))
    dismissed = run("review", "open", "iv-1")

    assert (OK, True) == (old.code, newer in old.err)
    assert (USAGE, True) == (dismissed.code, "debrief scorecard restore" in dismissed.err)


def test_scorecard_is_dismissed_and_restored(database, run):
    """By the command line, which is nobody; kept and logged without the words."""
    (scorecard,) = scored(database)

    dismissed = run("scorecard", "dismiss", "iv-1", "--cause", "audio", "--reason", WORDS)
    restored = run("scorecard", "restore", scorecard, "--reason", WORDS, "--json").json()

    assert (OK, True) == (dismissed.code, f"debrief scorecard restore {scorecard}" in dismissed.out)
    assert (scorecard, 2, "restoration") == (restored["scorecard"], restored["number"], restored["kind"])
    assert [(None, "dismissal"), (None, "restoration")] == [
        (row["person_id"], row["kind"]) for row in rows(database, "SELECT * FROM human_record ORDER BY number")
    ]
    assert [("command", "scorecard.dismiss"), ("command", "scorecard.restore")] == [
        (entry["entry"], entry["action"]) for entry in logged(database)
    ]
    assert WORDS not in str(logged(database))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dismiss", "iv-1", "--cause", "mood", "--reason", WORDS), "cause: "),
        (("dismiss", "iv-1", "--cause", "audio", "--reason", "no"), "say in 15 to 2000 characters why"),
        (("dismiss", "iv-9", "--cause", "audio", "--reason", WORDS), "iv-9"),
        (("restore", "iv-1", "--reason", WORDS), "is not dismissed"),
    ],
)
def test_faulty_dismissal_is_a_usage_error(database, run, arguments, words):
    """Exit code 2, the fault named, nothing written."""
    scored(database)

    done = run("scorecard", *arguments)

    assert (USAGE, True) == (done.code, words in done.err)
    assert [] == list(rows(database, "SELECT * FROM human_record"))
