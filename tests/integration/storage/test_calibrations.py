"""Measurements of a judge: appended, told apart by what they were made for, and never changed."""

import math

import pytest

from evaluator.storage import calibrations
from evaluator.storage.calibrations import calibration_history, latest_calibration, store_calibration
from tests.integration.storage.builders import rows

MADE_FOR = {"rubric_id": "backend", "rubric_version": "1", "model": "judge@1", "prompt_version": "2"}


def stored(database, kind="noise", body=None, **fields):
    """One measurement more."""
    with database.begin() as db:
        return store_calibration(db, kind=kind, body=body or {"n": 1}, **{**MADE_FOR, **fields})


def latest(database, kind="noise", **fields):
    """What counts."""
    with database.begin() as db:
        return latest_calibration(db, kind=kind, **{**MADE_FOR, **fields})


def test_measurement_is_read_as_it_was_stored(database):
    """Body and all, with the database's time."""
    kept = stored(database, body={"sd": 0.25, "words": "größer", "criteria": [{"id": "depth"}]})

    assert kept == latest(database)
    assert ("noise", "judge@1", {"sd": 0.25, "words": "größer", "criteria": [{"id": "depth"}]}) == (
        kept.kind,
        kept.model,
        kept.body,
    )
    assert kept.measured_at.tzinfo is not None


def test_newest_counts_and_the_older_stay(database):
    """A measurement is never overwritten."""
    first, second = stored(database, body={"n": 1}), stored(database, body={"n": 2})

    with database.begin() as db:
        history = calibration_history(db)

    assert (second, [second, first]) == (latest(database), list(history))


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "agreement"},
        {"rubric_id": "sales"},
        {"rubric_version": "2"},
        {"model": "judge@2"},
        {"prompt_version": "3"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_measurement_counts_for_nothing_else(database, other):
    """Another rubric version, judge or prompt was never measured."""
    stored(database)

    assert latest(database, **other) is None


def test_history_shows_what_is_asked_for(database):
    """Of one kind or one rubric version, whatever the judge; a page at most."""
    stored(database)
    stored(database, "agreement", model="judge@2")
    stored(database, rubric_version="2")

    with database.begin() as db:
        kinds = [one.kind for one in calibration_history(db, rubric_id="backend", rubric_version="1")]
        noise = [one.rubric_version for one in calibration_history(db, kind="noise")]
        page = calibration_history(db, limit=1)

    assert (["agreement", "noise"], ["2", "1"], 1) == (kinds, noise, len(page))


@pytest.mark.parametrize("value", [math.nan, math.inf, "a\x00b"], ids=["nan", "infinity", "NUL"])
def test_what_cannot_be_kept_is_refused(database, value):
    """Before PostgreSQL has to."""
    with pytest.raises(ValueError, match=r"NUL|JSON"):
        stored(database, body={"value": [value]})

    assert [] == rows(database, "SELECT id FROM calibration")


def test_kind_is_one_of_two(database):
    """The table refuses what the code would not find again."""
    with pytest.raises(Exception, match="ck_calibration_kind"):
        stored(database, "mood")


def test_nothing_changes_or_removes_a_measurement():
    """The module has no operation for it."""
    operations = {name for name in vars(calibrations) if name.endswith(("calibration", "calibration_history"))}

    assert {"calibration", "latest_calibration", "store_calibration", "calibration_history"} == operations
