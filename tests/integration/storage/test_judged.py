"""What a judge said of given interviews, on a real PostgreSQL."""

import pytest

from evaluator.storage.evaluations import finalize
from evaluator.storage.judged import judged_interviews, judges_of, rubrics_of
from evaluator.storage.runs import Judge
from tests.factories import MODEL, a_rubric
from tests.integration.storage.builders import JUDGE, a_claim, a_manifest, a_scorecard, begin, change, prepared, stock

BACKEND = {"rubric_id": "backend", "rubric_version": "1"}


def score(database, *, levels=3, model=MODEL) -> str:
    """The next due row ends with these levels; its interview."""
    claim = a_claim(database, model=model)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim, levels=levels), {})
    return claim.work.interview_id


def rescored(database, model: str, *, levels: int) -> None:
    """All interviews again, by another judge."""
    begin(database, f"again-{model}", judge=Judge(model=model, sampling=JUDGE.sampling), only="all")
    score(database, levels=levels, model=model)


def found(database, *interviews, model=MODEL, prompt_version=None):
    """Interview -> level of its first criterion."""
    with database.begin() as db:
        version = prompt_version or judges_of(db, **BACKEND, interviews=interviews)[0].prompt_version
        rows = judged_interviews(db, **BACKEND, model=model, prompt_version=version, interviews=interviews)
    return {row.interview_id: row.scorecard.results[0].level for row in rows}


def test_scorecards_of_the_named_interviews(database):
    """Only of those, with the interview's language."""
    prepared(database, 3)
    for _ in range(3):
        score(database, levels=4)

    assert {"iv-1": 4, "iv-3": 4} == found(database, "iv-1", "iv-3", "iv-unknown")
    with database.begin() as db:
        version = judges_of(db, **BACKEND, interviews=["iv-1"])[0].prompt_version
        (row,) = judged_interviews(db, **BACKEND, model=MODEL, prompt_version=version, interviews=["iv-1"])
    assert "en" == row.language


def test_newest_scorecard_counts(database):
    """A second one of the same judge, such as a re-score, replaces the first."""
    prepared(database)
    score(database, levels=2)
    rescored(database, "another@r1", levels=5)
    change(database, "UPDATE evaluation SET model = :model", model=MODEL)

    assert {"iv-1": 5} == found(database, "iv-1")


def test_judges_are_told_apart(database):
    """The latest first, each with what it scored; and only its own scorecards are read."""
    prepared(database)
    score(database, levels=2)
    rescored(database, "another@r1", levels=5)

    with database.begin() as db:
        judges = judges_of(db, **BACKEND, interviews=["iv-1"])
    assert [("another@r1", 1), (MODEL, 1)] == [(j.model, j.interviews) for j in judges]
    assert ({"iv-1": 2}, {"iv-1": 5}) == (found(database, "iv-1"), found(database, "iv-1", model="another@r1"))


@pytest.mark.parametrize("field", ["rubric_version", "prompt_version"])
def test_other_versions_do_not_count(database, field):
    """Neither another rubric version's scorecards nor another prompt's."""
    prepared(database)
    score(database)
    with database.begin() as db:
        version = judges_of(db, **BACKEND, interviews=["iv-1"])[0].prompt_version
    change(database, f"UPDATE evaluation SET {field} = '99'")

    assert {} == found(database, "iv-1", prompt_version=version)


def test_rubrics_of_interviews(database):
    """What they are meant for and what they were scored under; unknown interviews are left out."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2", rubric_version="2"), rubric=a_rubric())
    begin(database)
    score(database)
    change(database, "UPDATE interview SET rubric_version = '3' WHERE id = 'iv-1'")

    with database.begin() as db:
        known = rubrics_of(db, ["iv-1", "iv-2", "iv-9"])
    assert {"iv-1": {"backend@1", "backend@3"}, "iv-2": {"backend@2"}} == known
