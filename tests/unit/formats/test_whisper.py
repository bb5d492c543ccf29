"""Whisper's JSON and TSV become records, where something beside it has told the voices apart."""

import json
import math

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, detect, read


def word(text: str, at: float | None = None, speaker: str | None = None, **fields) -> dict:
    """One word; without a time as WhisperX writes what it could not align."""
    timed = {} if at is None else {"start": at, "end": at + 0.25}
    return {"word": text, **timed, **({} if speaker is None else {"speaker": speaker}), **fields}


def segment(text: str, at: float, speaker: str | None = None, *words: dict, **fields) -> dict:
    """A segment of two seconds."""
    spoken = {} if speaker is None else {"speaker": speaker}
    return {"start": at, "end": at + 2, "text": text, **spoken, **({"words": list(words)} if words else {}), **fields}


def result(*segments: dict, **fields) -> bytes:
    """Whisper's JSON."""
    return json.dumps({"text": "", "segments": segments, "language": "en", **fields}).encode()


def one(data: bytes, who: str | None = "SPEAKER_01", name: str = "talk.json") -> Record:
    """The record of a file."""
    (record,) = read(data, name, candidate_speaker=who)
    return record


def spoken(record: Record) -> list[tuple[str, str]]:
    """Who says what."""
    return [(turn.speaker, turn.text) for turn in record.turns]


ASKED = segment(" Why?", 1, "SPEAKER_00")
ANSWER = segment(" It broke.", 3, "SPEAKER_01")


def test_segments_with_speakers_are_turns():
    """Segments of WhisperX, or of a diarised answer of OpenAI's, become turns with their times."""
    record = one(result(ASKED, ANSWER))

    assert [("interviewer", "Why?"), ("candidate", "It broke.")] == spoken(record)
    assert (3.0, 5.0, None) == (record.turns[1].started_s, record.turns[1].ended_s, record.turns[1].confidence)


def test_words_with_speakers_take_a_segment_apart():
    """Two voices in one segment are two turns, whoever the segment is said to be."""
    words = [word("Why?", 1, "SPEAKER_00"), word("It", 2, "SPEAKER_01"), word("broke.", 2.3, "SPEAKER_01")]
    record = one(result(segment("Why? It broke.", 1, "SPEAKER_01", *words)))

    assert [("interviewer", "Why?"), ("candidate", "It broke.")] == spoken(record)
    assert (2.0, 2.55) == (record.turns[1].started_s, record.turns[1].ended_s)


def test_number_that_was_not_aligned_stays():
    """WhisperX gives numbers neither times nor speaker: they stay with the only voice of their segment."""
    words = [word("In", 3, "SPEAKER_01"), word("2019"), word("it", 3.6, "SPEAKER_01"), word("broke.", 4, "SPEAKER_01")]
    record = one(result(ASKED, segment(" In 2019 it broke.", 3, "SPEAKER_01", *words)))

    assert ("candidate", "In 2019 it broke.") == spoken(record)[1]


def test_plain_whisper_has_no_voices():
    """Whisper alone cannot say who speaks, and the way out is told."""
    with pytest.raises(
        TranscriptFault, match="who speaks is not in the file; Whisper alone does not tell voices apart"
    ):
        one(result(segment(" Why? It broke.", 1)))


def test_one_text_has_no_voices():
    """OpenAI's shortest answer is known, and refused for the same reason."""
    with pytest.raises(TranscriptFault, match="Whisper alone does not tell voices apart"):
        one(b'{"text": "Why? It broke."}')


def test_candidate_is_asked_for_with_word_counts():
    """A label such as SPEAKER_01 is nobody's name."""
    with pytest.raises(TranscriptFault, match=r"labels seen: SPEAKER_00 \(1 words\), SPEAKER_01 \(2 words\)"):
        one(result(ASKED, ANSWER), None)


@pytest.mark.parametrize(
    ("words", "fields", "confidence"),
    [
        ([word(" It", 3, probability=0.5), word(" broke.", 4, probability=0.9)], {"avg_logprob": -3.0}, 0.7),
        ([word("It", 3, confidence=0.5), word("broke.", 4)], {}, 0.5),
        ([word("It", 3, score=0.3), word("broke.", 4, score=0.4)], {}, None),
        ([], {"avg_logprob": -0.25}, round(math.exp(-0.25), 4)),
        ([], {"avg_logprob": 1.0}, None),
        ([], {"confidence": 0.6, "avg_logprob": -0.25}, 0.6),
    ],
)
def test_confidence_is_recognitions_own(words, fields, confidence):
    """Word probabilities, else the segment's; the score of WhisperX is about alignment and is none."""
    record = one(result(ASKED, segment(" It broke.", 3, "SPEAKER_01", *words, **fields)))

    assert confidence == record.turns[1].confidence


def test_words_with_their_own_spaces_are_joined_as_written():
    """Whisper's words bring their space; what brings none belongs to the word before."""
    words = [word(" It's", 3), word(" 3", 3.3), word(".5", 3.5), word(" s.", 3.8)]
    record = one(result(ASKED, segment("It is not this", 3, "SPEAKER_01", *words) | {"text": ""}))

    assert ("candidate", "It's 3.5 s.") == spoken(record)[1]


def test_whisper_cpp_is_read():
    """whisper.cpp's transcription has offsets in milliseconds, and speakers of a stereo recording; "?" is nobody."""
    said = [("0", "Why?"), ("1", " It broke."), ("?", " Hm.")]
    parts = [
        {"offsets": {"from": n * 2_000, "to": n * 2_000 + 1_500}, "text": t, "speaker": s}
        for n, (s, t) in enumerate(said)
    ]
    record = one(json.dumps({"result": {"language": "de"}, "transcription": parts}).encode(), "1")

    assert [("interviewer", "Why?"), ("candidate", "It broke."), ("other", "Hm.")] == spoken(record)
    assert (2.0, 3.5, "de") == (record.turns[1].started_s, record.turns[1].ended_s, record.language)


@pytest.mark.parametrize(
    ("said", "language"), [("de", "de"), ("english", "en"), ("Klingon", None), (7, None), (None, None)]
)
def test_language_is_whispers(said, language):
    """A code, or the name that OpenAI's API writes."""
    assert language == one(result(ASKED, ANSWER, language=said)).language


def test_segment_without_speaker_is_nobodys():
    """Diarisation that left a segment out does not give it to anybody."""
    assert ("other", "Hm.") == spoken(one(result(ASKED, ANSWER, segment("Hm.", 6))))[-1]


TSV = "start\tend\ttext\n1000\t2000\t[SPEAKER_00]: Why?\n3000\t5000\t[SPEAKER_01]: It broke.\n"


@pytest.mark.parametrize(
    "text",
    [
        TSV,
        TSV.replace("\n", "\r\n"),
        "\ufeff" + TSV,
        "start\tend\tspeaker\ttext\n1000\t2000\tSPEAKER_00\tWhy?\n\n3000\t5000\tSPEAKER_01\tIt broke.",
    ],
)
def test_tsv_with_speakers_is_read(text):
    """The label stands before the text, or in a column of its own; times are milliseconds."""
    record = one(text.encode(), name="talk.tsv")

    assert [("interviewer", "Why?"), ("candidate", "It broke.")] == spoken(record)
    assert (3.0, 5.0) == (record.turns[1].started_s, record.turns[1].ended_s)


def test_plain_tsv_has_no_voices():
    """Whisper's own TSV does not say who speaks; a sound in brackets is no voice."""
    with pytest.raises(
        TranscriptFault, match="who speaks is not in the file; Whisper alone does not tell voices apart"
    ):
        one(b"start\tend\ttext\n0\t900\tWhy?\n900\t1000\t[Music] It broke.\n", name="talk.tsv")


def test_cut_tsv_names_its_row():
    """A row with too few fields is told by its line."""
    with pytest.raises(TranscriptFault, match=r"talk\.tsv: line 4: 2 fields where the first row has 3"):
        one(f"{TSV}6000\t7000".encode(), name="talk.tsv")


def test_tsv_is_known_by_its_columns():
    """Interviews as rows of a TSV are another format."""
    assert "whisper-tsv" == detect(TSV.encode(), "talk.tsv").format_id
    assert "labelled-csv" == detect(b"id\ttext\n1\tUser: Hi", "talk.tsv").format_id


@pytest.mark.parametrize("data", [b'{"segments": 3}', b'{"segments": [{}]}', b'{"segments": [{"text": "a"}, 3]}'])
def test_other_segments_are_not_whispers(data):
    """Segments that are none are refused under this format's name too."""
    with pytest.raises(TranscriptFault, match="is no Whisper transcript: it has no segments with text"):
        read(data, "a.json", format="whisper")
