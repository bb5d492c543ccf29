"""The labels file: every fault is named by its line, and nothing else is let in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.calibration.labels import (
    BYTES_MAX,
    FAULTS_SHOWN,
    OVERALL,
    RATERS_MAX,
    UNSCORED,
    group_values,
    misfits,
    parse_labels,
)
from evaluator.errors import UsageFault
from tests.unit.calibration.builders import a_label

HEADER = "interview,criterion,rater,level"


def parsed(text: str | bytes):
    """The file of that text."""
    return parse_labels(text if isinstance(text, bytes) else text.encode(), name="labels.csv", rubric="backend@2")


def faults_of(text: str | bytes) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(UsageFault) as caught:
        parsed(text)
    return str(caught.value)


def lines(*rows: str, header: str = HEADER) -> str:
    """A file of these rows."""
    return "\n".join([header, *rows]) + "\n"


def test_labels_are_read():
    """Levels, the overall one, and where each stands."""
    found = parsed(lines("iv-1,depth,r1,4", "iv-1,overall,r1,3"))

    assert [("iv-1", "depth", "r1", 4, "scored", 2), ("iv-1", OVERALL, "r1", 3, "scored", 3)] == [
        (x.interview, x.criterion, x.rater, x.level, x.status, x.line) for x in found.labels
    ]


def test_optional_columns_are_read():
    """Whose label it is, the interview's language, and any other column as a group; in any order and case."""
    found = parsed(lines("r1,m,model,iv-1,DE,3,depth", header="Rater,Sex,SOURCE,interview,language,level,criterion"))
    (label,) = found.labels

    assert ("model", {"sex": "m", "language": "de"}, ("sex",)) == (label.source, label.groups, found.columns)


def test_unknown_groups_are_left_out():
    """An empty cell is no group of its own."""
    (label,) = parsed(lines("iv-1,depth,r1,3,,", header=f"{HEADER},sex,language")).labels

    assert {} == label.groups


@pytest.mark.parametrize(
    ("level", "status", "expected"),
    [("unscored", "", "unscored"), ("", "not_asked", "not_asked"), ("unscored", "failed", "failed")]
    + [(word, "", word) for word in UNSCORED],
)
def test_unscored_is_read_with_its_reason(level, status, expected):
    """In the level's place or in a column of its own."""
    (label,) = parsed(lines(f"iv-1,depth,r1,{level},{status}", header=f"{HEADER},status")).labels

    assert (None, expected) == (label.level, label.status)


@pytest.mark.parametrize("level", ["0", "6", "3.5", "4.0", "-1", "nan", "three", "３", "1e0", "+4", "4 5"])
def test_only_whole_levels_count(level):
    """Nothing is rounded, and nothing guessed."""
    assert f'line 2: level "{level}" is none of 1, 2, 3, 4, 5 and unscored' in faults_of(
        lines(f"iv-1,depth,r1,{level}")
    )


@pytest.mark.parametrize(
    ("level", "status", "message"),
    [
        ("", "", "no level"),
        ("", "scored", "no level"),
        ("4", "not_asked", "one or the other"),
        ("not_asked", "failed", "one or the other"),
        ("4", "fine", 'status "fine" is none of'),
    ],
)
def test_level_and_status_must_agree(level, status, message):
    """A forgotten cell is not taken for a decision."""
    assert message in faults_of(lines(f"iv-1,depth,r1,{level},{status}", header=f"{HEADER},status"))


def test_a_rater_twice_is_a_fault():
    """With both lines."""
    told = faults_of(lines("iv-1,depth,r1,4", "iv-1,depth,r2,4", "iv-1,depth,r1,4"))

    assert "line 4: rater r1 has rated depth of interview iv-1 in line 2 already" in told


def test_a_rater_is_a_human_or_a_model():
    """Not both."""
    told = faults_of(lines("iv-1,depth,r1,4,human", "iv-2,depth,r1,4,model", header=f"{HEADER},source"))

    assert "line 3: rater r1 is a model, but a human in line 2" in told


@pytest.mark.parametrize("source", ["", "robot"])
def test_source_is_said_where_there_is_a_column(source):
    """An empty cell is not taken for a person."""
    assert "neither human nor model" in faults_of(lines(f"iv-1,depth,r1,4,{source}", header=f"{HEADER},source"))


def test_another_rubric_version_is_named():
    """Levels of other anchors are other levels."""
    told = faults_of(lines("iv-1,depth,r1,4,backend@1", header=f"{HEADER},rubric"))

    assert 'line 2: the label is for rubric "backend@1", not backend@2' in told


def test_ids_are_ids():
    """A rater's name is asked to be one too."""
    told = faults_of(lines("../x,depth,r1,4", "iv-1,,r1,4", "iv-1,depth,Ada Lovelace,4"))

    assert all(f"line {n}" in told for n in (2, 3, 4))
    assert "short ids rather than names" in told


def test_all_faults_are_told_at_once():
    """As far as a person reads."""
    told = faults_of(lines(*[f"iv-{n},depth,r1,9" for n in range(100)]))

    assert "labels.csv: 100 faults" in told
    assert "line 2:" in told
    assert f"and {100 - FAULTS_SHOWN} more" in told


def test_messages_carry_nothing_a_terminal_obeys():
    """Pieces of the file are cut and cleaned."""
    told = faults_of(lines("iv-1,depth,\x1b[31mred" + "x" * 500 + ",3"))

    assert "\x1b" not in told
    assert len(told) < 400


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("interview,criterion,level", "no column rater"),
        ("a,b", "no column interview, criterion, rater, level"),
        (f"{HEADER},sex,Sex", 'twice the column "sex"'),
        (f"{HEADER},", "every column needs a name"),
        (f"{HEADER}," + ",".join(f"c{n}" for n in range(70)), "more than 64 columns"),
    ],
)
def test_faulty_headers_are_refused(header, message):
    """Before any line is read."""
    assert message in faults_of(lines("iv-1,depth,r1,4", header=header))


@pytest.mark.parametrize("text", ["", "\n\n", HEADER, HEADER + "\n,,,\n"])
def test_no_labels_is_a_fault(text):
    """A header alone too."""
    assert faults_of(text)


def test_rows_must_be_as_long_as_the_header():
    """A comma too many would move every cell."""
    assert "line 3: 5 cells where the header has 4" in faults_of(lines("iv-1,depth,r1,4", "iv-1,clarity,r1,4,4"))


def test_broken_quotes_are_a_fault():
    """With the line where it begins."""
    assert "line 3: not CSV" in faults_of(lines("iv-1,depth,r1,4", 'iv-1,"clarity,r1,4'))


def test_line_numbers_are_those_of_the_file():
    """Also after blank lines and cells that hold line breaks."""
    told = faults_of(f'{HEADER},note\n\niv-1,depth,r1,4,"two\nlines"\niv-1,depth,r2,9,\n')

    assert "line 3: note" in told
    assert "line 5: level" in told


def test_other_encodings_are_refused_by_line():
    """Latin-1 would make names up."""
    assert "line 2 is not UTF-8" in faults_of(f"{HEADER},band\n".encode() + "iv-1,depth,r1,4,früh".encode("latin-1"))


def test_large_files_are_refused():
    """Before they are read."""
    assert "20 MB" in faults_of(b"x" * (BYTES_MAX + 1))


def test_many_raters_are_refused():
    """Every two of them are compared."""
    told = faults_of(lines(*[f"iv-1,depth,r{n},3" for n in range(RATERS_MAX + 1)]))

    assert f"{RATERS_MAX + 1} raters; {RATERS_MAX} at most" in told


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_spreadsheets_dialects_are_read(delimiter, end, mark):
    """Semicolons, tabs, line ends and the mark at the start."""
    rows = [HEADER, "iv-1,depth,r1,4", "iv-2,depth,r1,unscored", ""]

    assert 2 == len(parsed(mark + end.join(rows).replace(",", delimiter).encode()).labels)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(alphabet='ab1",;\n\r\t\x00é', max_size=300).map(str.encode),
        st.lists(st.text(alphabet='iv-1depthr"4,;\n\x00', max_size=30), max_size=10).map(
            lambda rows: "\n".join([HEADER, *rows]).encode()
        ),
    )
)
def test_any_bytes_are_read_or_refused(data):
    """Never a crash, and never a label that breaks the rules."""
    try:
        found = parsed(data)
    except UsageFault:
        return
    assert all((label.level in (1, 2, 3, 4, 5)) == (label.status == "scored") for label in found.labels)
    assert len({(x.rater, x.interview, x.criterion) for x in found.labels}) == len(found.labels)


def test_misfits_are_named_by_line():
    """Criteria and interviews that are not there, and interviews of another rubric version; each once."""
    labels = [
        a_label("iv-1", "depht", line=2),
        a_label("iv-9", line=3),
        a_label("iv-2", line=4),
        a_label("iv-2", "overall", line=5),
        a_label("iv-1", line=6),
    ]
    told = misfits(
        labels,
        rubric="backend@2",
        criteria=("depth", "clarity"),
        known={"iv-1", "iv-2"},
        elsewhere={"iv-2": ["backend@1"]},
    )

    assert [
        'line 2: backend@2 has no criterion "depht"; its criteria are depth, clarity, and overall',
        "line 3: there is no interview iv-9 here",
        "line 4 and 1 more: interview iv-2 is under backend@1, not backend@2",
    ] == told


def test_sound_labels_are_no_misfits():
    """Nothing is said of them."""
    assert [] == misfits([a_label()], rubric="backend@2", criteria=("depth",), known={"iv-1"}, elsewhere={})


def test_group_of_an_interview():
    """From whichever of its lines says it; None where none does."""
    labels = [a_label(groups={"sex": "f"}), a_label(criterion="clarity"), a_label("iv-2")]

    assert {"iv-1": "f", "iv-2": None} == group_values(labels, "sex")


def test_lines_of_one_interview_must_agree():
    """In the language too."""
    labels = [a_label(groups={"language": "de"}, line=2), a_label(criterion="x", groups={"language": "en"}, line=3)]

    with pytest.raises(UsageFault, match='line 3: interview iv-1 has "en" in column language, and "de"'):
        group_values(labels, "language")
