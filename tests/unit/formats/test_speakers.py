"""Who is who among voices: by role, by name, never by a guess."""

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats.document import Document
from evaluator.formats.speakers import Voice, assign, role_of, same_label

FILE = Document(filename="a.vtt", text="")


def who(*voices: tuple, named: str | None = None) -> list[str]:
    """What each voice, given as (label, words, role), is."""
    given = [Voice(label=label, words=words, role=role[0] if role else None) for label, words, *role in voices]
    speakers = assign(FILE, given, named)
    return [speakers[voice.label] for voice in given]


def refused(*voices: tuple, named: str | None = None) -> str:
    """The fault that these voices raise."""
    with pytest.raises(TranscriptFault) as raised:
        who(*voices, named=named)
    return str(raised.value)


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("Candidate", "candidate"),
        ("APPLICANT:", "candidate"),
        ("user", "candidate"),
        ("Anna Lee (Candidate)", "candidate"),
        ("Interviewer 2", "interviewer"),
        ("AI", "interviewer"),
        ("Ai", None),
        ("Bob [interviewer]", "interviewer"),
        ("Anna Lee", None),
        ("Candidate Lee", None),
        ("", None),
    ],
)
def test_label_may_state_a_role(label, role):
    """Labels that people and machines give to roles are known; names are not."""
    assert role == role_of(label)


def test_labels_are_compared_without_case_and_white_space():
    """What a person types matches what the file has."""
    assert same_label("  Anna \u00a0LEE:") == same_label("anna lee")


def test_role_of_the_source_tells_the_candidate():
    """A role field needs no name, and the one other voice is the interviewer."""
    assert ["candidate", "interviewer"] == who(("ch_1", 9, "candidate"), ("ch_0", 5))


def test_label_tells_the_candidate():
    """A known label needs no name."""
    assert ["interviewer", "candidate"] == who(("Bob", 9), ("Candidate", 5))


def test_name_tells_the_candidate():
    """The named voice is the candidate, whatever its case."""
    assert ["interviewer", "candidate"] == who(("Bob", 9), ("Anna Lee", 5), named="anna  lee")


def test_labels_of_one_voice_may_differ_in_case():
    """They are one voice, so that the other one is alone."""
    assert ["candidate", "candidate", "interviewer"] == who(("Anna", 9), ("ANNA", 5), ("Bob", 1), named="Anna")


def test_of_several_others_those_with_a_role_interview():
    """Two more voices: the one with an interviewer's label interviews, the other is nobody in particular."""
    assert ["candidate", "interviewer", "other"] == who(("Anna", 9), ("Interviewer", 5), ("Eve", 5), named="Anna")


def test_several_others_without_a_role_are_nobody_in_particular():
    """Which of them interviews is not guessed."""
    assert ["candidate", "other", "other"] == who(("Candidate", 9), ("Bob", 5), ("Eve", 5))


def test_voice_without_words_is_nobody():
    """A participant who says nothing leaves the other one alone."""
    assert ["candidate", "interviewer", "other"] == who(("Candidate", 9), ("Bob", 5), ("Eve", 0))


def test_speech_of_unknown_people_is_nobodys():
    """Neither is the one other voice then, nor evidence."""
    assert ["candidate", "other", "interviewer", "other"] == who(
        ("Candidate", 9), ("", 5), ("Bob", 4), ("Unknown Speaker", 3)
    )


@pytest.mark.parametrize(
    ("voices", "named", "says"),
    [
        (
            [("Bob", 9), ("Anna", 5)],
            None,
            "a.vtt: the file does not say who the candidate is; labels seen: Bob (9 words), Anna (5 words); "
            "name one with --candidate-speaker NAME",
        ),
        ([("Interviewer", 9), ("Anna", 5)], None, "the file does not say who the candidate is; labels seen: Interv"),
        ([("Bob", 9)], "Eve", "no voice is called 'Eve'; labels seen: Bob (9 words); name one with --candidate-spea"),
        ([("Candidate", 9), ("User", 5)], None, "several voices have a candidate's role; labels seen: Candidate (9"),
        ([("Candidate", 9), ("Bob", 5)], "Bob", "names 'Bob', but by the file 'Candidate' is the candidate; leave"),
        ([("Agent", 9), ("Bob", 5)], "agent", "names 'Agent', who is the interviewer by the file"),
        ([("Anna", 0), ("Bob", 5)], "Anna", "the candidate 'Anna' says nothing; labels seen: Bob (5 words)"),
        ([("Unknown Speaker", 9), ("Bob", 5)], "unknown speaker", "may be anybody: name the speakers"),
        ([("", 9)], None, "who speaks is not in the file; export the transcript with speaker names"),
        ([("Unknown Speaker", 9)], "Anna", "who speaks is not in the file"),
        ([(f"P{n}", 1) for n in range(12)], None, "P7 (1 words), and 4 more; name one"),
    ],
)
def test_what_is_not_known_is_asked_for(voices, named, says):
    """Each doubt has a message with the labels and the way out."""
    assert says in refused(*voices, named=named)


def test_one_of_several_candidates_may_be_named():
    """The others are nobody in particular, never evidence."""
    assert ["candidate", "other"] == who(("Candidate 1", 9), ("Candidate 2", 5), named="Candidate 1")


def test_voice_with_two_roles_has_none():
    """A source that contradicts itself does not tell the candidate."""
    assert "the file does not say" in refused(("A", 9, "candidate"), ("A", 5, "interviewer"), ("B", 3))
