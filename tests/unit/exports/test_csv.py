"""Scorecards as CSV."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.comparison import compare
from evaluator.exports.csv import cell, compared_csv, guarded, lines, long_csv, unguarded, wide_csv
from evaluator.human import folded
from tests.factories import AT, a_rubric
from tests.unit.comparing import (
    CRITERIA,
    OTHER,
    a_body,
    a_dismissal,
    a_final,
    a_noise,
    a_review,
    an_entrant,
    an_exported,
    records,
)


def read(found):
    """The rows as a spreadsheet that knows RFC 4180 reads them."""
    return list(csv.DictReader(io.StringIO("".join(found), newline="")))


def row_of(rows, criterion_id="depth"):
    """One criterion's row."""
    return next(r for r in rows if r["criterion"] == criterion_id)


def test_a_long_file_has_a_line_for_each_criterion():
    """In rubric order."""
    assert list(CRITERIA) == [r["criterion"] for r in read(long_csv([an_exported()]))]


def test_each_line_ends_with_cr_lf():
    """As RFC 4180 says."""
    found = list(long_csv([an_exported()]))

    assert all(line.endswith("\r\n") and "\n" not in line[:-2] for line in found)


def test_moments_are_utc_in_iso_8601():
    """`2026-11-18T14:02:00Z`."""
    assert "2026-11-18T14:02:00Z" == read(long_csv([an_exported()]))[0]["interviewed_at"]


def test_a_level_stands_with_its_scale_and_evidence():
    """A 4 means nothing without the scale."""
    row = row_of(read(long_csv([an_exported(a_body({"depth": 4}))])))

    assert ("scored", "4", "1", "5", "U1 U2") == (
        row["ai_status"],
        row["ai_level"],
        row["scale_min"],
        row["scale_max"],
        row["ai_evidence"],
    )


def test_without_a_level_there_is_a_word_and_no_zero():
    """A zero would be averaged by somebody."""
    row = row_of(read(long_csv([an_exported(a_body({"depth": 0}))])))

    assert ("insufficient_evidence", "", "judge_abstained") == (row["ai_status"], row["ai_level"], row["ai_reason"])


def test_people_and_the_judge_stand_in_columns_of_their_own():
    """An override leaves the judge's level where it was."""
    row = row_of(read(long_csv([an_exported(None, a_review({"depth": 4}), a_final(new=5))])))

    assert ("3", "5", "final", "Reviewer A", "missed_evidence") == (
        row["ai_level"],
        row["human_level"],
        row["human_status"],
        row["human_final_by"],
        row["human_final_reason"],
    )


@pytest.mark.parametrize(
    ("acts", "status", "level"),
    [
        ((), "not_reviewed", ""),
        ((a_review({"depth": 2}),), "reviewed", "2"),
        ((a_review({"depth": None}),), "not_assessed", ""),
        ((a_review(), a_final(new=None)), "final_without_level", ""),
    ],
)
def test_what_people_say_is_a_word_too(acts, status, level):
    """Never an empty cell that could mean anything."""
    row = row_of(read(long_csv([an_exported(None, *acts)])))

    assert (status, level) == (row["human_status"], row["human_level"])


def test_a_hidden_row_has_neither_the_judges_nor_peoples_values():
    """And says that it is hidden, and only that."""
    rows = read(long_csv([an_exported(None, a_review(), a_final(), sees_judge=False)]))

    assert {"false"} == {r["ai_visible"] for r in rows}
    assert {""} == {v for r in rows for k, v in r.items() if k.startswith(("ai_", "human_")) and k != "ai_visible"}


def test_a_wide_file_has_a_column_for_each_criterion_of_each_side():
    """The level, or the word why there is none."""
    row = read(wide_csv([an_exported(a_body({"depth": 0, "clarity": 4}), a_review({"clarity": 2}))]))[0]

    assert ("insufficient_evidence", "4", "2") == (
        row["ai_level_depth"],
        row["ai_level_clarity"],
        row["human_level_clarity"],
    )
    assert ("1", "Reviewer A: yes") == (row["human_reviews"], row["human_recommendations"])


def test_a_hidden_scorecard_is_a_line_without_values_in_a_wide_file():
    """Its columns are the rubric's, whatever it holds."""
    row = read(wide_csv([an_exported(a_body({"depth": 0}), a_review(), sees_judge=False)]))[0]

    assert {""} == {v for k, v in row.items() if k.startswith(("ai_", "human_")) and k != "ai_visible"}
    assert "ai_level_depth" in row


def test_a_mean_that_is_withheld_says_so():
    """An empty cell alone could be a fault of the file."""
    row = read(wide_csv([an_exported(a_body(failed={"design": "not_json"}))]))[0]

    assert ("", "withheld", "depth clarity") == (row["ai_overall"], row["ai_overall_status"], row["ai_withheld_for"])


def test_a_dismissed_scorecard_is_marked():
    """It is in the file and does not count."""
    assert "true" == read(wide_csv([an_exported(None, a_dismissal())]))[0]["dismissed"]


def test_no_scorecards_are_a_header_alone():
    """An empty file would look broken."""
    assert 1 == len(list(long_csv([]))) == len(list(wide_csv([])))


def test_a_comparison_says_who_ties_with_whom():
    """The table's marks, for machines."""
    found = compare([an_entrant(1, a_body({"depth": 4})), an_entrant(2)], a_rubric(), noise=a_noise())
    rows = read(compared_csv(found))

    assert [("C-0001", "4", "tie", "sc_2"), ("C-0002", "3", "tie", "sc_1")] == [
        (r["candidate"], r["ai_level"], r["row_standing"], r["ties_with"]) for r in rows[:2]
    ]


def test_a_hidden_candidate_is_hidden_in_a_comparisons_file_too():
    """The lock and nothing else."""
    row = read(compared_csv(compare([an_entrant(1, sees_judge=False), an_entrant(2)], a_rubric())))[0]

    assert ("false", "", "", "", "") == (
        row["ai_visible"],
        row["ai_level"],
        row["human_level"],
        row["evidence"],
        row["level_from"],
    )


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\nx",
        " =1",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "﹢1",
        "\u200b=1",
        "'=1",
    ],
)
def test_what_a_spreadsheet_might_run_is_guarded(text):
    """Also behind blanks and what is not drawn, and in full width."""
    assert "'" + text == guarded(text)


@pytest.mark.parametrize("text", ["", "C-0412", "a=b", "3 - 4", "'tis", "ü", "1+1"])
def test_ordinary_text_is_left_alone(text):
    """A guard on everything would spoil the file."""
    assert text == guarded(text)


def test_a_reviewers_name_cannot_be_a_formula():
    """Names come from outside."""
    named = [r.model_copy(update={"person": "=HYPERLINK(A1)"}) for r in records(a_review())]
    row = read(wide_csv([replace(an_exported(), state=folded(named))]))[0]

    assert "'=HYPERLINK(A1): yes" == row["human_recommendations"]


def test_several_reviewers_are_all_named():
    """Who gave what."""
    state = folded([*records(a_review({"depth": 2})), *records(a_review({"depth": 4}), person=OTHER, start=2)])
    row = row_of(read(long_csv([replace(an_exported(), state=state)])))

    assert ("reviewers_differ", "Reviewer A: 2; Reviewer B: 4") == (row["human_status"], row["human_review_levels"])


values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.just(AT), st.floats(-5, 5))


@given(st.lists(st.fixed_dictionaries({"a": values, "b": st.text()}), max_size=5))
def test_a_file_reads_back_as_it_was_written(rows):
    """Whatever the cells hold; guards come off again."""
    found = read(lines(("a", "b"), rows))

    assert [(cell(r["a"]), r["b"]) for r in rows] == [(r["a"], unguarded(r["b"])) for r in found]


@given(st.text())
def test_no_cell_opens_as_a_formula(text):
    """Whatever it is, its first character is none of the signs and no blank that a spreadsheet drops."""
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert text == unguarded(guarded(text))


levels = st.fixed_dictionaries({c: st.integers(0, 5) for c in CRITERIA})


@given(levels, levels, st.sampled_from([(), (a_review(),), (a_review(), a_final())]))
def test_hidden_values_change_nothing_in_a_file(one, other, acts):
    """Whatever the judge said, the bytes are the same."""
    files = [
        "".join([*long_csv(hidden), *wide_csv(hidden)])
        for hidden in ([an_exported(a_body(body), *acts, sees_judge=False)] for body in (one, other))
    ]

    assert files[0] == files[1]
