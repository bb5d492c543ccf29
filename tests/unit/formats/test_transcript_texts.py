"""Otter, Rev, Google Meet, Markdown and other text with names: real samples and the doubtful cases."""

import json
import re

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, detect, read


def record(text: str, name: str = "a.txt", who: str | None = "Anna", **options) -> Record:
    """The one interview of a text."""
    (only,) = read(text.encode(), name, candidate_speaker=who, **options)
    return only


def said(text: str, name: str = "a.txt", who: str | None = "Anna", **options) -> list[tuple[str, str]]:
    """(speaker, text) of each turn."""
    return [(turn.speaker, turn.text) for turn in record(text, name, who, **options).turns]


def test_otter_turns_begin_at_their_time_and_end_at_the_next_as_an_estimate():
    """The file has beginnings only; the last turn has no end."""
    turns = record("Bob  0:05\nSo?\n\nAnna  1:02\nWell.\n\nYes.\n\nTranscribed by https://otter.ai").turns

    assert [(5.0, 62.0, True), (62.0, None, False)] == [(t.started_s, t.ended_s, t.time_estimated) for t in turns]
    assert "Well.\n\nYes." == turns[1].text


def test_time_in_a_sentence_opens_no_turn():
    """One space before a time is a sentence; two are a speaker's line."""
    assert (
        "We met at\nnine, or at 9:30\nI think."
        == said("Bob  0:05\nSo?\n\nAnna  1:02\nWe met at\nnine, or at 9:30\nI think.")[1][1]
    )


def test_line_that_may_be_said_or_a_name_is_nobodys():
    """A line such as `at  5:00`, once and in small letters, is kept and credited to nobody."""
    text = "Bob  0:05\nSo?\n\nAnna  1:02\nWe met\nat  5:00\nor so.\n\nBob  1:09\nOK."

    assert [("candidate", "We met"), ("other", "at  5:00\nor so.")] == said(text)[1:3]


def test_unknown_speaker_is_nobody():
    """Otter's Unknown Speaker may be several people."""
    text = "Bob  0:05\nSo?\n\nAnna  1:02\nWell.\n\nUnknown Speaker  1:09\nHm.\n\nBob  1:12\nOK."

    assert ["interviewer", "candidate", "other", "interviewer"] == [speaker for speaker, _ in said(text)]


def test_teams_lines_are_read_as_otters():
    """The newer text of a Teams transcript has the same form, with a note on itself."""
    text = "Bob started transcription\n\nBob   0:03\nSo?\n\nAnna   0:09\nWell.\n\nBob stopped transcription"
    only = record(text)

    assert [("interviewer", "So?"), ("candidate", "Well.")] == [(turn.speaker, turn.text) for turn in only.turns]
    assert 2 == only.ignored


@pytest.mark.parametrize(
    "text",
    [
        "Bob (00:05):\nSo?\n\nAnna (01:02):\nWell.",
        "Bob (00:05): So?\nAnna (01:02): Well.",
        "Bob    00:00:05    So?\nAnna    00:01:02    Well.",
    ],
)
def test_rev_texts(text):
    """Name and time in a line of their own, before the words, or in columns."""
    only = record(text)

    assert "rev-text" == only.source
    assert [("interviewer", "So?", 5.0), ("candidate", "Well.", 62.0)] == [
        (turn.speaker, turn.text, turn.started_s) for turn in only.turns
    ]


@pytest.mark.parametrize("text", ["[00:05] Bob: So?\n(1:02) Anna: Well.", "00:05 Bob: So?\n01:02 - Anna: Well."])
def test_text_with_times_before_names(text):
    """A time, with or without brackets, and a name."""
    assert [("interviewer", "So?"), ("candidate", "Well.")] == said(text)


def test_rev_json_has_measured_times_and_confidence():
    """A turn's times are its words', its confidence their mean."""

    def word(value: str, at: float, confidence: float) -> dict:
        return {"type": "text", "value": value, "ts": at, "end_ts": at + 0.5, "confidence": confidence}

    space = {"type": "punct", "value": " "}
    file = {
        "monologues": [
            {"speaker": 0, "elements": [word("So", 0.5, 1.0), {"type": "punct", "value": "?"}]},
            {
                "speaker": 1,
                "elements": [word("co", 1.5, 0.5), {"type": "punct", "value": "-"}, word("op", 2, 1.0), space],
            },
            {"elements": [{"type": "unknown", "value": "<noise>"}]},
        ]
    }
    turns = record(json.dumps(file), "a.json", "speaker 1").turns

    assert [("interviewer", "So?"), ("candidate", "co-op"), ("other", "<noise>")] == [
        (t.speaker, t.text) for t in turns
    ]
    assert (1.5, 2.5, False, 0.75) == (
        turns[1].started_s,
        turns[1].ended_s,
        turns[1].time_estimated,
        turns[1].confidence,
    )


def test_meet_says_things_about_itself_that_nobody_said():
    """Title, attendees, notes, time headings and the end are no turns of anybody."""
    text = (
        "Talk - Transcript\n\nAttendees\n\nAnna, Bob\n\nTranscript\n\n00:00:00\n\n"
        "This editable transcript was computer generated and might contain errors. People can also change it.\n\n"
        "Bob: So: why?\n\nAnna: It was: slow.\n\n00:05:00\n\nAnna: Yes.\n\nMeeting ended after 00:14:03 👋\n"
    )
    only = record(text)

    assert "google-meet" == only.source
    assert [("interviewer", "So: why?"), ("candidate", "It was: slow. Yes.")] == [
        (t.speaker, t.text) for t in only.turns
    ]
    assert {(None, None)} == {(turn.started_s, turn.ended_s) for turn in only.turns}


def test_meet_paragraph_without_a_name_is_nobodys():
    """In Meet each paragraph has its speaker, so that one without may be anybody's."""
    text = "This editable transcript was computer generated\n\nBob: So?\n\nAnna: Well.\n\nAnd more.\n\nBob: OK."

    assert ("other", "And more.") == said(text)[2]


def test_meet_lines_of_a_paragraph_are_one_speakers_unless_they_name_another():
    """A line below goes on; a name in it that is bold elsewhere is that voice, another one may be anybody's."""
    text = (
        "# Transcript\n\n**This editable transcript was computer generated and might contain errors.**\n\n"
        "**Bob:** So?\nTell me.\n\n**Anna:** Well.\nIt was slow.\nBob: Why?\n\n"
        "**Anna:** Hm.\nEve Q: No!\n\n**Bob:** OK."
    )

    assert [
        ("interviewer", "So? Tell me."),
        ("candidate", "Well. It was slow."),
        ("interviewer", "Why?"),
        ("candidate", "Hm."),
        ("other", "Eve Q: No!"),
        ("interviewer", "OK."),
    ] == said(text, "a.md")


def test_speech_above_meets_note_is_kept():
    """Words that stand above the note are nobody's, but they are not lost."""
    text = "Anna: early words\n\nThis editable transcript was computer generated\n\nBob: So?\n\nAnna: Well."

    assert [("other", "Anna: early words"), ("interviewer", "So?"), ("candidate", "Well.")] == said(text)


def test_markdown_paragraphs_go_on_with_the_name_above():
    """Down to the next heading, below which nobody has been named."""
    text = "# Talk\n\n**Bob:** So?\n\n**Anna**: Well.\n\nAnd more.\n\n## Later\n\nWho?\n\n__Anna:__ Me."

    assert [
        ("other", "# Talk"),
        ("interviewer", "So?"),
        ("candidate", "Well.\n\nAnd more."),
        ("other", "## Later\n\nWho?"),
        ("candidate", "Me."),
    ] == said(text)


def test_bold_label_that_comes_once_is_nobodys():
    """A bold Result: in an answer is not taken for a voice, and Bob stays the one other; no word is lost."""
    text = "**Bob:** So?\n\n**Anna:** Well.\n\n**Result:** fast.\n\n**Bob:** OK.\n\n**Anna:** Yes."

    assert [
        ("interviewer", "So?"),
        ("candidate", "Well."),
        ("other", "Result:\nfast."),
        ("interviewer", "OK."),
    ] == said(text)[:4]


def test_bold_name_within_a_paragraph_is_another_voice():
    """Two voices on one line are told apart where the second is a voice of the file."""
    text = "**Bob:** So?\n\n**Anna:** Well. **Bob:** Why? **Note:** no.\n\n**Anna:** Hm."

    assert [
        ("interviewer", "So?"),
        ("candidate", "Well."),
        ("interviewer", "Why? **Note:** no."),
        ("candidate", "Hm."),
    ] == said(text)


def test_place_in_the_recording_is_no_speech():
    """`**Break:** [48:33]` is left out, and is no voice."""
    text = "**Bob:** So?\n\n**Break:** \\[48:33\\]\n\n**Anna:** Well.\n\n**Break:** \\[1:35:35.03\\]\n\n**Bob:** OK."
    only = record(text)

    assert ["interviewer", "candidate", "interviewer"] == [turn.speaker for turn in only.turns]
    assert 2 == only.ignored


def test_labelled_text_keeps_a_third_person_apart():
    """Beside a named candidate and an interviewer's label, somebody else's paragraph is not the candidate's."""
    text = "Interviewer: Q\n\nAnna: A\n\nEve: I have a question too.\n\nAnna: B"

    assert ["interviewer", "candidate", "other", "candidate"] == [speaker for speaker, _ in said(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Anna: hi\nBob: yo\nAnna: z",
        "anna: hi\n\nbob: yo\n\nanna: z",
        "[Anna]: hi\n[Bob]: yo\n[Anna]: z",
        "Anna: hi\n\nDr. Bob van der Meer (Acme, Inc.): yo\n\nAnna: z",
    ],
)
def test_labelled_text_takes_nobodys_words_for_the_named_candidates(text):
    """Whether names stand at lines or paragraphs, in capitals or not, once or often."""
    assert [("candidate", "hi"), ("interviewer", "yo"), ("candidate", "z")] == said(text)


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Bob: so?\n\nAnna: hi\n\nzed zz: yo\n\nAnna: z\n\nBob: well", "Anna"),
        ("Candidate: hi\n\nZed: yo\n\nCandidate: z", None),
    ],
)
def test_labelled_text_gives_what_may_be_anothers_to_nobody(text, who):
    """A short label that comes once may be a name or a word: it is kept with its words and is no evidence."""
    turns = said(text, who=who)

    assert {"hi", "z"} == {words for speaker, words in turns if speaker == "candidate"}
    assert [True] == [words.casefold().startswith("zed") for speaker, words in turns if speaker == "other"]


def test_labelled_text_keeps_a_returning_person_apart():
    """Beside User and AI, a name that comes back may be somebody's: nobody's, with all its words."""
    text = "AI: Q\n\nUser: A\n\nEve: Why?\n\nUser: B\n\nEve: Why not?"

    assert [("other", "Eve: Why?"), ("candidate", "B"), ("other", "Eve: Why not?")] == said(text, who=None)[2:]


@pytest.mark.parametrize(
    ("text", "who", "says"),
    [
        ("Candidate: A\n\nBob: B", "Bob", "names 'Bob', but the file has the label Candidate; leave it out"),
        ("User: A\n\nCandidate: B", None, "several labels of a candidate: User, Candidate; --candidate-speaker names"),
        ("Agent: A\n\nCandidate: B", "agent", "names 'Agent', a label of interviewers; name another voice"),
        (
            "Bob: A\n\nAnna: B\n\nBob: C",
            None,
            "labels seen: Bob, Anna; name the candidate with --candidate-speaker NAME",
        ),
        ("Bob  0:01\nSo?\n\nEve  0:02\nWell.", None, "labels seen: Bob (1 words), Eve (1 words); name one with --cand"),
        ("**Bob:** So?\n\n**Eve:** Well.", "Anna", "no voice is called 'Anna'; labels seen: Bob (1 words), Eve"),
    ],
)
def test_doubt_about_the_candidate_is_told(text, who, says):
    """The labels are listed and nothing is guessed."""
    with pytest.raises(TranscriptFault) as raised:
        record(text, who=who)

    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("Bob  0:01\nSo?\n\nAnna  0:02\nWell.\n\n**Bob:** OK.\n\n**Anna:** Yes.", ("otter", "markdown")),
        ("AI: So?\n\nUser: See\nTalk  0:01\nTalk  0:02\n\nAI: OK.\n\nUser: Yes.", ("otter", "labelled-text")),
    ],
)
def test_file_that_fits_two_formats_is_asked_about(text, formats):
    """Both are named with what was seen of them, and --format is the way out."""
    with pytest.raises(
        TranscriptFault, match=rf"may be {formats[0]} \(.+\) or {formats[1]} \(.+\): choose .* --format"
    ):
        record(text)

    assert said(text, format=formats[1])


REAL = [
    ("formats/otter/29-building-a-resume.otter.txt", "otter", "Kelly", 3),
    ("formats/google_meet/12_PPGC_Transcript.md", "google-meet", "Jackson Lewis", 6),
    ("formats/markdown_interview/the-changelog-592.md", "markdown", "Bryan Cantrill", 2),
    ("edge/very_long/backstage-9.md", "markdown", "Adam Stacoviak", 3),
    ("formats/rev/revai_transcript.json", "rev", "Speaker 0", 1),
]


@pytest.mark.parametrize(("path", "format_id", "who", "people"), REAL)
def test_real_samples_are_known_and_read(shared_data, path, format_id, who, people):
    """Each real sample is of its format, and its candidate's paragraphs are read word for word."""
    file = shared_data / path
    (only,) = read(file.read_bytes(), file.name, candidate_speaker=who)
    spoken = [word for turn in only.turns if turn.speaker == "candidate" for word in turn.text.split()]

    assert format_id == detect(file.read_bytes(), file.name).format_id == only.source
    assert {1: {"candidate"}, 2: {"candidate", "interviewer"}}.get(people, {"candidate", "other"}) == {
        turn.speaker for turn in only.turns
    }
    if format_id in ("markdown", "google-meet"):
        end = r"^\*\*[^*\n]+\*\*|^Will White:|\Z"  # whose name is once not bold, below what another one says
        block = re.compile(rf"^\*\*{who}:\*\*(.*?)(?={end})", re.MULTILINE | re.DOTALL)
        assert " ".join(block.findall(file.read_text(encoding="utf-8"))).split() == spoken
