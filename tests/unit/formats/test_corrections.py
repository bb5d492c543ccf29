"""The file for correcting sections: what is written comes back, and what a person or a stranger writes is checked."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluator.errors import TranscriptFault
from evaluator.formats.corrections import COLUMNS, as_csv, as_json, check_of, corrected, read_corrections
from evaluator.formats.sections import Question, assigned, placed
from evaluator.transcript import Turn

TURNS = (
    Turn(id="T1", speaker="interviewer", text="Hello."),
    Turn(id="T2", speaker="candidate", text="Hi."),
    Turn(id="T3", speaker="interviewer", text="=HYPERLINK(1), what did you design?"),
    Turn(id="T4", speaker="candidate", text="A queue."),
    Turn(id="T5", speaker="interviewer", text="And your team?"),
)
PROPOSED = {"T1": None, "T3": "design", "T5": "design"}
JUDGE = "judge-8b@9c1e"


@pytest.fixture
def questions(rubric) -> tuple[Question, ...]:
    """What a judge has proposed."""
    return assigned(TURNS, rubric, PROPOSED, by="judge", model=JUDGE)


def read_back(text: str, rubric, name: str = "s.csv") -> tuple[Question, ...]:
    """The questions of the interview that the file names."""
    return corrected(read_corrections(text.encode(), name), {"iv-1": TURNS}, rubric)["iv-1"]


def refused(text: str, rubric, name: str = "s.csv") -> list[str]:
    """The lines of the fault."""
    with pytest.raises(TranscriptFault) as raised:
        read_back(text, rubric, name)
    return str(raised.value).splitlines()


def rows(*lines: str) -> str:
    """A file written by hand."""
    return "\n".join(("interview,turn,section", *lines))


def test_csv_that_nobody_changed_comes_back_as_it_was(questions, rubric):
    """Section, way and model survive the round trip."""
    assert questions == read_back(as_csv({"iv-1": questions}), rubric)


def test_json_that_nobody_changed_comes_back_as_it_was(questions, rubric):
    """The same for JSON."""
    assert questions == read_back(as_json({"iv-1": questions}, rubric), rubric, "s.json")


def test_a_changed_section_is_a_correction_and_the_others_stay_the_judges(questions, rubric):
    """Only what a person has moved counts as moved by a person."""
    text = as_csv({"iv-1": questions}).replace("T5,design,design", "T5,team,design")

    assert [(None, "judge", JUDGE), ("design", "judge", JUDGE), ("team", "correction", None)] == [
        (q.section_id, q.by, q.model) for q in read_back(text, rubric)
    ]


def test_a_section_that_was_emptied_is_none(questions, rubric):
    """An empty cell takes a question out of the sections."""
    text = as_csv({"iv-1": questions}).replace("T3,design,design", "T3,,design")

    assert (None, "correction") == (read_back(text, rubric)[1].section_id, read_back(text, rubric)[1].by)


def test_three_columns_written_by_hand_are_enough(rubric):
    """Without a proposal every row is a person's word."""
    found = read_back(rows("iv-1,T1,", "iv-1,T3,design", "iv-1,T5,team"), rubric)

    assert [(None, "correction"), ("design", "correction"), ("team", "correction")] == [
        (q.section_id, q.by) for q in found
    ]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_spreadsheets_of_other_languages_are_read(questions, rubric, delimiter):
    """A semicolon or a tab between the cells, and the columns in another order."""
    table = list(csv.reader(io.StringIO(as_csv({"iv-1": questions}).lstrip("\ufeff"))))
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(row[::-1] for row in table)

    assert questions == read_back(text.getvalue(), rubric)


def test_cells_that_begin_like_a_formula_are_guarded(questions):
    """What an interviewer said is not computed by a spreadsheet."""
    assert "'=HYPERLINK(1)" in as_csv({"iv-1": questions})


def test_every_faulty_row_is_named_with_its_line(rubric):
    """All at once, with what would be right."""
    lines = rows("iv-1,T1,", "iv-1,T2,design", "iv-1,T3,desing", "iv-9,T1,team")

    assert [
        "s.csv: line 3: turn T2 is no question of the interviewer's in iv-1",
        "s.csv: line 4: section 'desing' is not one of backend@1.0: design, review, team (empty: none)",
        "s.csv: iv-1: no row for question T5; each question needs one (empty section: none)",
        "s.csv: line 5: interview iv-9 is not among these files' (its id depends on --requisition)",
    ] == refused(lines, rubric)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2", "the first row names no column interview, turn, section"),
        (rows("iv-1,T1"), "line 2: 2 fields where the first row has 3"),
        (rows(",T1,"), "line 2: the interview is empty"),
        (rows("iv-1,,"), "line 2: the turn is empty"),
        (rows("iv-1,T1,", "iv-1,T1,team"), "line 3: turn T1 stands in line 2 too"),
        (rows('iv-1,"T1,'), "line 2: unexpected end of data"),
        (rows(), "has no rows"),
        ("interview,turn,section,proposed_by\niv-1,T1,,robot", "line 2: proposed_by 'robot' is none of source, intro"),
        ("interview,turn,section,proposed_by\niv-1,T1,,judge", "line 2: proposed_by judge needs the judge's name"),
        ("interview,turn,section,check\niv-1,T1,,t00000000", "line 2: turn T1 of iv-1 has other words now"),
    ],
)
def test_a_faulty_csv_is_refused_by_line(rubric, text, words):
    """Each fault says where it is and what is wrong."""
    assert f"s.csv: {words}" in refused(text, rubric)[0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"interviews": []}, "has no rows"),
        ({"interviews": [{"interview": "iv-1"}]}, "interviews.0.questions: Field required"),
        ({"interviews": [{"interview": "iv-1", "questions": [{"turn": "T1"}]}]}, "questions.0.section: Field required"),
        (
            {"interviews": [{"interview": "iv-1", "questions": [{"turn": "T1", "section": "x"}]}]},
            "interviews.0.questions.0: section 'x' is not one of backend@1.0",
        ),
    ],
)
def test_a_faulty_json_is_refused_by_place(rubric, value, words):
    """The place takes the line's part."""
    assert words in refused(json.dumps(value), rubric, "s.json")[0]


def test_a_file_says_nothing_about_the_source(rubric):
    """Whether a section is the source's own is told by the source, not by a column."""
    own = tuple(turn.model_copy(update={"section_id": "team"}) if turn.id == "T5" else turn for turn in TURNS)
    text = (
        "interview,turn,section,proposed,proposed_by\niv-1,T1,,,intro\niv-1,T3,design,,\niv-1,T5,design,design,source"
    )

    found = corrected(read_corrections(text.encode(), "s.csv"), {"iv-1": own}, rubric)["iv-1"]

    assert ["intro", "correction", "correction"] == [q.by for q in found]
    assert "design" == placed(own, found, rubric)[4].section_id


def test_many_faults_are_counted(rubric):
    """A file of nonsense does not fill the screen."""
    lines = refused(rows(*(f"iv-1,X{n}," for n in range(50))), rubric)

    assert (11, "s.csv: and 41 more") == (len(lines), lines[-1])


IDS = st.sampled_from([None, "design", "review", "team"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(st.tuples(st.sampled_from(["interviewer", "candidate"]), st.text(max_size=30), IDS), max_size=8),
    moved=st.lists(IDS, min_size=8, max_size=8),
    as_table=st.booleans(),
)
def test_any_interview_and_any_correction_make_the_round_trip(rubric, drawn, moved, as_table):
    """Whatever was said and wherever a person moves it, exactly that is read back."""
    turns = tuple(
        Turn(id=f"T{n}", speaker=who, text=text.encode("utf-8", "ignore").decode())
        for n, (who, text, _) in enumerate(drawn, start=1)
    )
    proposed = assigned(turns, rubric, {f"T{n}": s for n, (*_, s) in enumerate(drawn, start=1)}, by="intro")
    if not proposed:
        return
    text, name = (as_csv({"iv": proposed}), "s.csv") if as_table else (as_json({"iv": proposed}, rubric), "s.json")
    wanted = [(q.turn_id, to) for q, to in zip(proposed, moved, strict=False)]
    edited = _edited_csv(text, moved) if as_table else _edited_json(text, moved)

    found = corrected(read_corrections(edited.encode(), name), {"iv": turns}, rubric)["iv"]

    assert wanted == [(q.turn_id, q.section_id) for q in found]
    assert [q.section_id != before.section_id for q, before in zip(found, proposed, strict=True)] == [
        q.by == "correction" for q in found
    ]


def _edited_csv(text: str, moved: list[str | None]) -> str:
    table = list(csv.reader(io.StringIO(text)))
    for row, to in zip(table[1:], moved, strict=False):
        row[COLUMNS.index("section")] = to or ""
    result = io.StringIO()
    csv.writer(result).writerows(table)
    return result.getvalue()


def _edited_json(text: str, moved: list[str | None]) -> str:
    value = json.loads(text)
    for entry, to in zip(value["interviews"][0]["questions"], moved, strict=False):
        entry["section"] = to
    return json.dumps(value)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 700), put=st.binary(max_size=12), table=st.booleans())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(questions, rubric, cut, put, table):
    """No mutation makes anything but a clear fault, and what is read names sections of the rubric only."""
    text, name = (as_csv({"iv-1": questions}), "s.csv") if table else (as_json({"iv-1": questions}, rubric), "s.json")
    data = text.encode()
    damaged = data[:cut] + put + data[cut + len(put) // 2 :]
    try:
        found = corrected(read_corrections(damaged, name), {"iv-1": TURNS}, rubric)
    except TranscriptFault as fault:
        assert str(fault).startswith(name)
        return

    assert {q.section_id for one in found.values() for q in one} <= {None, "design", "review", "team"}


def test_the_check_is_no_number_to_a_spreadsheet():
    """A check such as 1e234567 would come back as infinity."""
    assert all(check_of(str(n)).startswith("t") for n in range(50))
