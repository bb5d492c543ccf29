"""Transcripts: values that hold together, utterances that cover what was said, and times that are not invented."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.errors import TranscriptFault
from evaluator.transcript import (
    TRANSCRIPT_BYTES_MAX,
    UTTERANCE_WORDS_MAX,
    UTTERANCES_MAX,
    Span,
    Transcript,
    Turn,
    parse_transcript,
    segment,
    segmented,
    utterances_of,
    words_in,
)

TEXT = st.text(st.sampled_from("ab .!?,;\n\t…。，'\"”)漢あé\u0301"), max_size=300) | st.text(max_size=200)
PROSE = st.lists(
    st.sampled_from(["yes.", "We", "built", "it,", "and", "so", "Dr.", "e.g.", "then;", "(ok)!", "漢字。"]),
    max_size=400,
)
SETTINGS = settings(max_examples=200, deadline=None)


def cut(text: str) -> list[str]:
    """The utterances of a text."""
    return [text[start:end] for start, end in segment(text)]


def turn(text: str, speaker: str = "candidate", **facts) -> Turn:
    """One turn."""
    return Turn(id=facts.pop("id", "T1"), speaker=speaker, text=text, **facts)


@SETTINGS
@given(text=TEXT)
def test_utterances_cover_all_that_was_said(text):
    """Spans are in order, do not overlap or begin or end in white space, and hold every other character."""
    spans = segment(text)

    edges = [edge for span in spans for edge in span]
    assert sorted(edges) == edges
    assert all(start < end and text[start:end] == text[start:end].strip() for start, end in spans)
    assert "".join(text.split()) == "".join("".join(part.split()) for part in cut(text))


@SETTINGS
@given(words=PROSE)
def test_no_utterance_is_longer_than_a_thought(words):
    """Whatever was said, an utterance has at most the limit's words."""
    assert all(len(part.split()) <= UTTERANCE_WORDS_MAX for part in cut(" ".join(words)))


@SETTINGS
@given(words=PROSE)
def test_utterances_cut_again_cover_the_same(words):
    """Cutting the utterances of a text, joined by spaces, loses nothing."""
    text = " ".join(words)

    assert text.split() == " ".join(cut(" ".join(cut(text)))).split()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        (" \n ", []),
        ("Yes.", ["Yes."]),
        ("Yes. We moved it to Postgres. It took two weeks.", ["Yes. We moved it to Postgres.", "It took two weeks."]),
        ("We moved it to Postgres. Done.", ["We moved it to Postgres. Done."]),
        ("I asked Dr. Smith about it twice. He said no.", ["I asked Dr. Smith about it twice. He said no."]),
        (
            "We used tools, e.g. Kafka for it. That was all we had.",
            ["We used tools, e.g. Kafka for it.", "That was all we had."],
        ),
        ("It ran at 3.5 per second. We doubled that in May!", ["It ran at 3.5 per second.", "We doubled that in May!"]),
        (
            "Here is what went wrong:\n1. The import stopped at night.\n2. Nobody was told about that.",
            ["Here is what went wrong:\n1. The import stopped at night.", "2. Nobody was told about that."],
        ),
        ("First we built the thing\n\nThen we sold the thing", ["First we built the thing", "Then we sold the thing"]),
        ("She said “it is done.” Then we all went home.", ["She said “it is done.”", "Then we all went home."]),
        ("我们重新设计了整个系统。然后我们测试了所有部分。", ["我们重新设计了整个系统。", "然后我们测试了所有部分。"]),
    ],
)
def test_utterance_is_about_a_sentence(text, parts):
    """Sentences end at marks and blank lines, not at abbreviations; a short one joins its neighbour."""
    assert parts == cut(text)


def test_long_sentence_is_cut_at_a_clause():
    """A sentence that goes on and on is cut where a listener would breathe."""
    clause = " ".join(["word"] * 40)

    assert [f"{clause},", f"and {clause}"] == cut(f"{clause}, and {clause}")


def test_long_text_without_spaces_is_cut():
    """Languages that do not put spaces between words are cut too."""
    text = "漢" * 500

    assert all(len(part) <= 2 * UTTERANCE_WORDS_MAX + 1 for part in cut(text))
    assert text == "".join(cut(text))


@pytest.mark.parametrize("unit", [".", "a。", "e.g. ", '."', "\n", "\n ", ", ", "a and ", "Yes. ", "x", "漢"])
def test_hostile_text_takes_linear_time(unit):
    """A turn at its limit is cut within seconds, whatever it repeats."""
    text = (unit * 200_000)[:199_999] + "x"
    began = time.monotonic()
    segment(text)

    assert time.monotonic() - began < 5


def test_only_the_candidate_has_utterances():
    """Ids run through the candidate's turns; what others say cannot be cited."""
    turns = segmented(
        [
            turn("Why?", "interviewer"),
            turn("One two three four. Five six seven eight.", id="T2"),
            turn("Nine.", id="T3"),
        ]
    )

    assert [("T2", "U1"), ("T2", "U2"), ("T3", "U3")] == [(u.turn_id, u.id) for u in utterances_of(turns)]


def test_more_utterances_than_ids_are_refused():
    """The judge's answer schema has four digits for an utterance."""
    with pytest.raises(TranscriptFault, match=f"more than {UTTERANCES_MAX} utterances"):
        segmented(turn("One.", id=f"T{n}") for n in range(UTTERANCES_MAX + 1))


def test_whole_turn_has_its_measured_times():
    """A turn of one utterance gives it its own times."""
    (only,) = utterances_of(segmented([turn("Only one sentence here.", started_s=2, ended_s=4)]))

    assert (2, 4, False) == (only.started_s, only.ended_s, only.time_estimated)


def test_part_of_a_turn_has_estimated_times_inside_it():
    """Utterances of one turn share its time by their characters, and say that it is estimated."""
    first, second = utterances_of(
        segmented([turn("One two three four. Five six seven eight.", started_s=2, ended_s=4)])
    )

    assert first.started_s == 2 < first.ended_s < second.started_s < second.ended_s == 4
    assert first.time_estimated
    assert second.time_estimated


def test_turn_without_times_gives_none():
    """No time is invented."""
    (only,) = utterances_of(segmented([turn("Only one sentence here.")]))

    assert (None, None, False) == (only.started_s, only.ended_s, only.time_estimated)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"started_s": 2, "ended_s": 1}, "ends before it starts"),
        ({"speaker": "other", "utterances": [Span(id="U1", start=0, end=1)]}, "only the candidate's turns"),
        ({"utterances": [Span(id="U1", start=0, end=9)]}, "outside its text or overlaps"),
        (
            {"utterances": [Span(id="U1", start=0, end=2), Span(id="U2", start=1, end=3)]},
            "outside its text or overlaps",
        ),
        ({"confidence": 1.5}, "less than or equal to 1"),
        ({"id": "../x"}, "should match pattern"),
        ({"text": "\ud800"}, "string"),
    ],
)
def test_turn_that_contradicts_itself_is_refused(fields, says):
    """A turn is a value that holds together, or none."""
    with pytest.raises(ValidationError, match=says):
        Turn.model_validate({"id": "T1", "speaker": "candidate", "text": "abc", **fields})


def test_transcript_refuses_ids_that_do_not_run():
    """Utterances are U1, U2, ... through the interview, and turn ids are unique."""
    one = turn("abc", utterances=(Span(id="U2", start=0, end=3),))
    with pytest.raises(ValidationError, match="must run U1, U2"):
        Transcript(source="x", turns=(one,))
    with pytest.raises(ValidationError, match="two turns have the same id"):
        Transcript(source="x", turns=(turn("a"), turn("b")))


@SETTINGS
@given(texts=st.lists(TEXT, max_size=5))
def test_transcript_is_read_back_as_written(texts):
    """The canonical JSON is the value, and the digest hangs on nothing else."""
    turns = segmented(turn(text, id=f"T{n}") for n, text in enumerate(texts))
    transcript = Transcript(source="labelled-text", turns=turns)
    again = parse_transcript(transcript.to_bytes())

    assert transcript == again
    assert transcript.digest == again.digest


def test_one_character_makes_another_digest():
    """A transcript that changed is another object."""
    assert Transcript(source="x", turns=(turn("a"),)).digest != Transcript(source="x", turns=(turn("b"),)).digest


@given(data=st.binary(max_size=200) | st.sampled_from([b"{}", b"[]", b"null", b'{"turns": 1}', b"\xff"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_parsed_or_refused(data):
    """Bytes of an object that is no transcript raise nothing but a TranscriptFault."""
    with pytest.raises(TranscriptFault):
        parse_transcript(data)


def test_fault_of_a_transcript_does_not_quote_it():
    """What a candidate said never ends up in a message."""
    data = Transcript(source="x", turns=(turn("secret"),)).to_bytes().replace(b'"text":', b'"txt":')

    with pytest.raises(TranscriptFault) as raised:
        parse_transcript(data)
    assert "secret" not in str(raised.value)


def test_large_transcript_is_refused_before_it_is_parsed():
    """The limit on an object's size is checked first."""
    with pytest.raises(TranscriptFault, match=f"the limit is {TRANSCRIPT_BYTES_MAX}"):
        parse_transcript(bytes(TRANSCRIPT_BYTES_MAX + 1))


def test_whole_interview_is_every_section():
    """Without marked sections each section is judged on all turns; with them, on its own."""
    turns = (turn("a", section_id="one"), turn("b", id="T2"))

    assert ("T1",) == tuple(t.id for t in Transcript(source="x", turns=turns).in_section("one"))
    assert ("T1", "T2") == tuple(t.id for t in Transcript(source="x", sections="whole", turns=turns).in_section("two"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (0, ""),
        (0, " \n\t"),
        (1, "Yes."),
        (4, "We split the queue."),
        (5, "我们先按租户拆分"),
        (6, "เราแบ่งคิวตามผู้เช่า"),
        (3, "우리는 큐를 나눴어요"),
    ],
)
def test_words_are_counted_in_scripts_with_and_without_spaces(words, text):
    """About as many as a listener would count."""
    assert words == words_in(text)
