"""Speaker-labelled text and CSV become records, every word kept and credited to its speaker."""

import csv
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, read


def said(text: str, **options) -> list[tuple[str, str]]:
    """(speaker, text) of each turn of a labelled text."""
    (record,) = read(text.encode(), "talk.txt", **options)
    return [(turn.speaker, turn.text) for turn in record.turns]


def rows(text: str, **options) -> tuple[Record, ...]:
    """The records of a CSV file."""
    return read(text.encode(), "talks.csv", **options)


def test_labels_open_turns_at_paragraphs():
    """Assistant and AI are the interviewer, User is the candidate."""
    assert [("interviewer", "Hi."), ("candidate", "Hello."), ("interviewer", "So?")] == said(
        "Assistant: Hi.\n\nUser: Hello.\n\nAI: So?"
    )


def test_paragraphs_of_a_turn_stay_together():
    """A paragraph without a label belongs to the turn before it."""
    assert [("candidate", "One.\n\nTwo.")] == said("User: One.\n\nTwo.")


def test_other_labels_are_text():
    """A label that is not in the table is what somebody said."""
    assert [("interviewer", "Hi."), ("candidate", "Well.\n\nResult: it worked\nNote: twice")] == said(
        "AI: Hi.\n\nUser: Well.\n\nResult: it worked\nNote: twice"
    )


def test_label_inside_a_paragraph_is_text_where_turns_are_paragraphs():
    """A dialogue quoted by the candidate line by line opens no turns."""
    text = "AI: Hi.\n\nUser: I typed\nAI: no\n\nAI: And then?\n\nUser: Nothing."

    assert ("candidate", "I typed\nAI: no") == said(text)[1]


def test_lines_open_turns_where_no_blank_lines_stand_between():
    """A file with a turn on each line is read line by line."""
    assert [("interviewer", "Q"), ("candidate", "A"), ("interviewer", "Q2"), ("candidate", "A2\nmore")] == said(
        "Interviewer: Q\nCandidate: A\n\nInterviewer: Q2\nCandidate: A2\nmore"
    )


def test_capitals_are_the_same_label_and_small_letters_are_text():
    """INTERVIEWER: is a label; user: in a sentence of its own is what somebody typed."""
    assert [("interviewer", "Q"), ("candidate", "A\n\nuser: x")] == said("INTERVIEWER: Q\n\nCANDIDATE: A\n\nuser: x")


def test_text_before_the_first_label_is_nobodys():
    """A heading is kept, and is neither the candidate's nor the interviewer's."""
    assert [("other", "Interview of 3 May"), ("candidate", "Hi.")] == said("Interview of 3 May\n\nCandidate: Hi.")


def test_label_without_words_is_a_turn_without_words():
    """What the source has empty stays empty: its neighbours' words do not move into it."""
    assert [("candidate", "One."), ("interviewer", ""), ("candidate", "Two.")] == said(
        "User: One.\n\nAI:\n\nUser: Two."
    )


def test_named_candidate_is_a_label():
    """--candidate-speaker adds the label under which the candidate speaks, whatever its case."""
    assert [("interviewer", "Q"), ("candidate", "A")] == said("AI: Q\n\nAnna B.: A", candidate_speaker="anna b.")


def test_others_are_told_apart_when_only_the_candidate_is_known():
    """A returning name beside the candidate is the interviewer, so that its words are not the candidate's."""
    text = "Bob: Q\n\nAnna: A\n\nBob: Q2\n\nAnna: Note: fine"

    assert [("interviewer", "Q"), ("candidate", "A"), ("interviewer", "Q2"), ("candidate", "Note: fine")] == said(
        text, candidate_speaker="Anna"
    )


def test_headings_of_a_monologue_are_text():
    """A label that comes back in the one answer of a candidate is not taken for another person."""
    text = "Candidate: I plan.\n\nNote: one.\n\nNote: two."

    assert [("candidate", "I plan.\n\nNote: one.\n\nNote: two.")] == said(text)


def test_several_others_are_nobody_in_particular():
    """Where two more people speak we do not guess which of them interviews."""
    text = "Bob: Q\n\nAnna: A\n\nEve: Q2\n\nBob: Q3\n\nEve: Q4"

    assert ["other", "candidate", "other", "other", "other"] == [who for who, _ in said(text, candidate_speaker="Anna")]


def test_named_candidate_who_is_not_there_is_refused():
    """A label that does not occur is answered with those that do."""
    with pytest.raises(TranscriptFault, match=r"no turn of the candidate 'Eve': labels seen: AI, Anna$"):
        said("AI: Q\n\nAnna: A", candidate_speaker="Eve")


LINES = st.lists(
    st.sampled_from(
        ["AI: one", "User: two", "Assistant:", "Note: three", "four", "", "  ", "Bob: five", "USER: six\tx"]
    ),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(lines=LINES)
def test_no_word_is_lost_or_moved(lines):
    """The turns, with the labels put back, are the source's words in the source's order."""
    text = "\n".join(["AI: zero", "", "User: one", *lines])
    words = [word for _, words in said(text) for word in words.split()]

    source = text.split()
    labels = {"AI:", "User:", "Assistant:", "USER:", "Bob:"}
    assert [w for w in source if w not in labels] == [w for w in words if w not in labels]


def test_csv_has_one_record_a_row():
    """Each row is an interview, named by its id, with quotes and line ends inside the text."""
    records = rows('interview_id,note,text\r\na,x,"User: ""Hi,"" I said."\r\nb,"y\nz","AI: Q\n\nUser: A"')

    assert [("a", ['"Hi," I said.']), ("b", ["Q", "A"])] == [(r.name, [t.text for t in r.turns]) for r in records]


def test_csv_may_use_semicolons():
    """The delimiter is the one that finds the columns."""
    assert "A; b" == rows('id;text\n1;"User: A; b"\n')[0].turns[0].text


def test_csv_may_begin_with_a_byte_order_mark_and_hold_blank_lines():
    """What spreadsheets add changes nothing."""
    assert ["1"] == [record.name for record in rows("\ufeffID,Text\n\n1,User: A\n\n")]


def test_csv_field_may_be_longer_than_the_csv_modules_limit():
    """A long interview is read, and the csv module's global limit stays as it was."""
    limit = csv.field_size_limit()
    (record,) = rows("id,text\n1," + '"User: ' + "word " * 35_000 + '"\n')

    assert 35_000 == len(record.turns[0].text.split())
    assert limit == csv.field_size_limit()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('id,text\n1,"User: A', "CSV line 2: a quoted field is never closed; the file seems to be cut off"),
        ('id,text\n1,"User: A" b\n', "CSV line 2: text behind a closing quote"),
        ("id,text\n1,User: A,b\n", "line 2: 3 fields where the first row has 2"),
        ("id,text\n1,User: A\n1,User: B\n", "line 3: the id 1 stands in an earlier row too"),
        ("id,text\n ,User: A\n", "line 2: the id is empty"),
        (f"id,text\n{'x' * 201},User: A\n", "line 2: the id has 201 characters; the limit is 200"),
        ("id,text\nx,Hello\n", "line 2 (x): no speaker labels"),
        ("id,text\nx,AI: Hello\n", "line 2 (x): no turn of the candidate: labels seen: AI; name the candidate"),
        ("id,text\n", "CSV with a first row of column names and no interviews below it"),
        ("id,text\n" + "x,\n" * 7, "; and 2 more"),
    ],
)
def test_bad_csv_is_told_with_its_line(text, says):
    """A row that cannot be read is named by line and id, and no row is taken in."""
    with pytest.raises(TranscriptFault) as raised:
        rows(text)

    assert says in str(raised.value)


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20), min_size=1, max_size=5))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, cells):
    """Our reader agrees with Python's writer on quotes, delimiters and line ends."""
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([str(n), f"User: x{cell}"] for n, cell in enumerate(cells))])

    expected = [f"x{cell}".strip() for cell in cells]
    assert expected == [record.turns[0].text for record in rows(path.read_bytes().decode())]


def test_real_interviews_have_as_many_turns_as_labels(shared_data, interviews):
    """1,463 turns under AI and as many under User, in each file as many as it has labels, and one opening each."""
    turns = {"interviewer": 0, "candidate": 0}
    for name, records in interviews.items():
        source = (shared_data / "interviews" / name).read_text(encoding="utf-8")
        for speaker, label in (("interviewer", "AI"), ("candidate", "User")):
            found = sum(turn.speaker == speaker for record in records for turn in record.turns)
            openings = len(records) if speaker == "interviewer" else 0
            assert len(re.findall(rf"^{label}:", source, re.MULTILINE)) == found - openings
            turns[speaker] += found - openings

    assert {"interviewer": 1_463, "candidate": 1_463} == turns
    assert 150 == sum(map(len, interviews.values()))


def test_real_interviews_keep_every_character(shared_data, interviews):
    """Labels and turns joined again are the source, so no word is lost or credited to another speaker."""
    for name, records in interviews.items():
        with (shared_data / "interviews" / name).open(newline="", encoding="utf-8") as file:
            sources = {row["transcript_id"]: row["text"] for row in csv.DictReader(file)}
        for record in records:
            labels = re.findall(r"(?:^|\n\n)(Assistant|AI|User):", sources[record.name])
            joined = "\n\n".join(
                f"{label}: {turn.text}".strip() for label, turn in zip(labels, record.turns, strict=True)
            )

            assert sources[record.name].split() == joined.split()
            assert ["candidate" if label == "User" else "interviewer" for label in labels] == [
                turn.speaker for turn in record.turns
            ]


def test_real_interviews_alternate(interviews):
    """Interviewer and candidate take turns in all 150 interviews: nothing was cut in two or run together."""
    for record in (record for records in interviews.values() for record in records):
        assert all(one.speaker != other.speaker for one, other in pairwise(record.turns))
