"""AssemblyAI's transcripts become records."""

import json

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, detect, read


def word(text: str, at: int, speaker: str | None, **fields) -> dict:
    """One word, times in milliseconds."""
    return {"text": text, "start": at, "end": at + 250, "confidence": 0.9, "speaker": speaker, **fields}


def utterance(speaker: str | None, *words: dict, **fields) -> dict:
    """An utterance of these words."""
    spelled = " ".join(one["text"] for one in words)
    edges = {"start": words[0]["start"], "end": words[-1]["end"]} if words else {}
    return {"speaker": speaker, "text": spelled, "confidence": 0.8, **edges, "words": list(words), **fields}


def transcript(*utterances: dict, **fields) -> bytes:
    """The answer that holds these utterances and their words."""
    words = [one for each in utterances for one in each["words"]]
    known = {"id": "6a9zvzyx8u-f8fd", "status": "completed", "language_code": "en_us", "audio_duration": 9}
    return json.dumps(known | {"text": "", "utterances": list(utterances) or None, "words": words} | fields).encode()


def one(data: bytes, who: str | None = "B") -> Record:
    """The record of a transcript."""
    (record,) = read(data, "talk.json", candidate_speaker=who)
    return record


def spoken(record: Record) -> list[tuple[str, str]]:
    """Who says what."""
    return [(turn.speaker, turn.text) for turn in record.turns]


ASKED = utterance("A", word("Why?", 1_000, "A"))
ANSWER = utterance("B", word("It", 2_000, "B"), word("broke.", 2_500, "B", confidence=0.5))


def test_utterances_are_turns():
    """Utterances with speakers become turns; milliseconds become seconds; confidence is the words' mean."""
    record = one(transcript(ASKED, ANSWER))

    assert [("interviewer", "Why?"), ("candidate", "It broke.")] == spoken(record)
    assert (2.0, 2.75, 0.7) == (record.turns[1].started_s, record.turns[1].ended_s, record.turns[1].confidence)


def test_facts_of_the_transcript_are_carried():
    """The language is spelled as ours; the id names the record."""
    record = one(transcript(ASKED, ANSWER))

    assert ("en-US", "6a9zvzyx8u-f8fd", False) == (record.language, record.name, record.name_is_file)


def test_utterance_without_words_is_read_whole():
    """An export of utterances alone gives their own times and confidence."""
    given = [
        {"speaker": s, "text": "Hi there.", "start": at, "end": at + 900, "confidence": 0.8}
        for s, at in (("A", 0), ("B", 1_000))
    ]
    turn = one(json.dumps({"utterances": given}).encode()).turns[1]

    assert (1.0, 1.9, 0.8) == (turn.started_s, turn.ended_s, turn.confidence)


def test_candidate_is_asked_for_with_word_counts():
    """A letter is nobody's name: the labels are listed with what they say."""
    with pytest.raises(
        TranscriptFault, match=r"labels seen: A \(1 words\), B \(2 words\); name one with --candidate-s"
    ):
        one(transcript(ASKED, ANSWER), None)


def test_role_that_was_identified_needs_no_name():
    """Where speaker identification wrote roles, the candidate is known."""
    named = [utterance(label, word("Well.", at, label)) for label, at in (("Interviewer", 0), ("Candidate", 1_000))]

    assert ["interviewer", "candidate"] == [turn.speaker for turn in one(transcript(*named), None).turns]


def test_word_of_another_voice_is_taken_out_of_an_utterance():
    """The word's own speaker wins over the utterance's."""
    mixed = utterance("B", word("It", 2_000, "B"), word("Really?", 2_400, "A"), word("broke.", 2_700, "B"))

    assert [("candidate", "It"), ("interviewer", "Really?"), ("candidate", "broke.")] == spoken(one(transcript(mixed)))


def test_words_are_read_where_there_are_no_utterances():
    """Words carry the speakers too."""
    record = one(transcript(ASKED, ANSWER, utterances=None))

    assert [("interviewer", "Why?"), ("candidate", "It broke.")] == spoken(record)


def test_channels_are_put_in_order():
    """Of a multichannel file the utterances follow their start, whatever their order in the file."""
    first = utterance("1", word("Why?", 1_000, "1"), channel="1")
    second = utterance("1", word("Thanks.", 5_000, "1"), channel="1")
    third = utterance("2", word("It", 2_000, "2"), word("broke.", 2_500, "2"), channel="2")
    record = one(transcript(first, second, third), "2")

    assert [("interviewer", "Why?"), ("candidate", "It broke."), ("interviewer", "Thanks.")] == spoken(record)


def test_channel_without_speaker_is_a_voice():
    """Where words have a channel and no speaker the channel is the person."""
    words = [word("Why?", 1_000, None, channel="1"), word("Broke.", 2_000, None, channel="2")]
    data = transcript(utterances=None, words=words, dual_channel=True)

    assert [("interviewer", "Why?"), ("candidate", "Broke.")] == spoken(one(data, "channel 2"))


def test_utterance_over_two_channels_gives_no_word_away():
    """The text of an utterance whose words lie on two channels is not given to either."""
    mixed = {"speaker": None, "text": "Why? Broke.", "words": [word("Why?", 1_000, None, channel="1")]}
    mixed["words"].append(word("Broke.", 2_000, None, channel="2"))

    assert [("interviewer", "Why?"), ("candidate", "Broke.")] == spoken(one(transcript(mixed), "channel 2"))


def test_no_speakers_are_told_with_the_way_out():
    """Without speaker labels reading stops."""
    with pytest.raises(TranscriptFault, match="who speaks is not in the file; transcribe it again with speaker_labels"):
        one(transcript(utterances=None, words=[word("Why?", 1_000, None)]))


@pytest.mark.parametrize("status", ["queued", "processing", "error"])
def test_unfinished_transcript_is_told(status):
    """An answer that was fetched too early, or failed, says so."""
    with pytest.raises(TranscriptFault, match=f"is no finished transcript: status {status}; fetch it when"):
        one(transcript(status=status, words=None))


def test_format_is_known_by_what_is_repeated():
    """Detection says what it saw."""
    found = detect(transcript(ASKED), "talk.json")

    assert ("assemblyai", "JSON with words and audio_duration") == (found.format_id, found.why)


def test_real_transcript(shared_data):
    """A real transcript of one voice, with words and without utterances."""
    name = "assemblyai_transcription.json"
    (record,) = read((shared_data / "formats/assemblyai" / name).read_bytes(), name, candidate_speaker="a")
    (turn,) = record.turns

    assert "Yeah. As much as it's worth celebrating the first spacewalk" == turn.text[:59]
    assert (60, 0.17, 25.14, 0.9494) == (len(turn.text.split()), turn.started_s, turn.ended_s, turn.confidence)
    assert ("en", "6a9zvzyx8u-f8fd-4bf4-9614-9497d76c6891") == (record.language, record.name)


def test_real_transcript_asks_for_its_voice(shared_data):
    """Nobody is the candidate because nobody else speaks."""
    name = "assemblyai_transcription.json"
    with pytest.raises(TranscriptFault, match=r"labels seen: A \(60 words\)"):
        read((shared_data / "formats/assemblyai" / name).read_bytes(), name)
