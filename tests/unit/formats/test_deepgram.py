"""Deepgram's answers become records."""

import json
import re

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, read


def word(text: str, at: float, speaker: object = None, **fields) -> dict:
    """One word as Deepgram writes it with smart formatting; `speaker` only where diarisation ran."""
    spoken = {} if speaker is None else {"speaker": speaker, "speaker_confidence": 0.9}
    bare = {
        "word": text.lower().strip(".,?"),
        "start": at,
        "end": at + 0.25,
        "confidence": 0.9,
        "punctuated_word": text,
    }
    return bare | spoken | fields


def answer(*channels: list[dict], utterances: list[dict] | None = None, **fields) -> bytes:
    """The answer to a request about a recording with these channels."""
    results = {"channels": [{"alternatives": [{"transcript": "", "words": words}], **fields} for words in channels]}
    if utterances is not None:
        results["utterances"] = utterances
    return json.dumps({"metadata": {"request_id": "6f1d8a2e-0000"}, "results": results}).encode()


def one(data: bytes, who: str | None = "1") -> Record:
    """The record of an answer."""
    (record,) = read(data, "talk.json", candidate_speaker=who)
    return record


def spoken(record: Record) -> list[tuple[str, str]]:
    """Who says what."""
    return [(turn.speaker, turn.text) for turn in record.turns]


TALK = [word("Why?", 1, 0), word("It", 2, 1), word("broke.", 2.5, 1), word("Thanks.", 3.5, 0)]


def test_words_with_speakers_are_turns():
    """Diarised words become turns in the punctuated spelling, with times and mean confidence."""
    words = [*TALK[:1], word("It", 2, 1, confidence=0.5), *TALK[2:]]
    record = one(answer(words))

    assert [("interviewer", "Why?"), ("candidate", "It broke."), ("interviewer", "Thanks.")] == spoken(record)
    assert (2.0, 2.75, 0.7) == (record.turns[1].started_s, record.turns[1].ended_s, record.turns[1].confidence)


def test_candidate_is_asked_for_with_word_counts():
    """A number is nobody's name: the labels are listed with what they say, so that one can be chosen."""
    with pytest.raises(
        TranscriptFault, match=r"labels seen: 0 \(2 words\), 1 \(2 words\); name one with --candidate-s"
    ):
        one(answer(TALK), None)


def test_word_without_punctuated_spelling_is_read_bare():
    """Without smart formatting the bare word is what was heard."""
    bare = [{key: value for key, value in each.items() if key != "punctuated_word"} for each in TALK]

    assert ("candidate", "it broke") == spoken(one(answer(bare)))[1]


def test_utterances_are_preferred_and_cut_by_their_words():
    """An utterance gives the text; a word in it that is another voice's is not the candidate's."""
    utterance = {"speaker": 1, "channel": 0, "start": 2, "end": 4, "transcript": "It broke. Thanks.", "words": TALK[1:]}

    assert [("candidate", "It broke."), ("interviewer", "Thanks.")] == spoken(one(answer(TALK, utterances=[utterance])))


def test_utterance_without_words_is_read_whole():
    """Times and confidence are then the utterance's own."""
    utterances = [
        {"speaker": 0, "channel": 0, "start": 1, "end": 2, "transcript": "Why?", "confidence": 0.9},
        {"speaker": 1, "channel": 0, "start": 2, "end": 4, "transcript": "It broke.", "confidence": 0.8},
    ]
    turn = one(answer([], utterances=utterances)).turns[1]

    assert ("It broke.", 2.0, 4.0, 0.8) == (turn.text, turn.started_s, turn.ended_s, turn.confidence)


def test_no_diarisation_is_told_with_the_way_out():
    """One channel without speakers is no interview, whoever is named."""
    with pytest.raises(
        TranscriptFault, match="who speaks is not in the file; transcribe it again with diarize=true, or"
    ):
        one(answer([word("Why?", 1), word("Broke.", 2)]))


def test_channels_are_voices():
    """Without diarisation each channel is a person, called by its number."""
    record = one(answer([word("Why?", 1), word("Oh.", 2.6)], [word("It", 2), word("broke.", 2.5)]), "Channel 1")

    assert [("interviewer", "Why?"), ("candidate", "It broke."), ("interviewer", "Oh.")] == spoken(record)


def test_people_on_one_channel_are_told_apart():
    """Where a channel has several people, its number and theirs make the label: both channels have a speaker 0."""
    with pytest.raises(
        TranscriptFault, match=re.escape("channel 0 speaker 0 (1 words), channel 0 speaker 1 (1 words)")
    ):
        one(answer([word("Why?", 1, 0), word("Hm.", 2, 1)], [word("Broke.", 3, 0)]), None)


def test_utterances_of_channels_are_voices():
    """Utterances that name a channel and no speaker are told apart by the channel, in the order of their start."""
    utterances = [
        {"channel": 0, "start": 1, "end": 2, "transcript": "Why?"},
        {"channel": 0, "start": 6, "end": 7, "transcript": "Thanks."},
        {"channel": 1, "start": 2, "end": 4, "transcript": "It broke."},
    ]
    record = one(answer([], [], utterances=utterances), "channel 1")

    assert [("interviewer", "Why?"), ("candidate", "It broke."), ("interviewer", "Thanks.")] == spoken(record)


def test_word_without_speaker_is_nobodys():
    """One word that diarisation left out is not given to the candidate beside it."""
    record = one(answer([TALK[0], TALK[1], word("never", 2.2), TALK[2]]))

    assert [("interviewer", "Why?"), ("candidate", "It"), ("other", "never"), ("candidate", "broke.")] == spoken(record)


@pytest.mark.parametrize(("detected", "language"), [("de", "de"), ("en-GB", "en-GB"), (None, None), ("multi", None)])
def test_language_is_the_detected_one(detected, language):
    """The language is carried where Deepgram was asked to detect it."""
    assert language == one(answer(TALK, detected_language=detected)).language


def test_record_is_named_by_the_request():
    """Names of files repeat; the request's id does not."""
    assert ("6f1d8a2e-0000", False) == (one(answer(TALK)).name, one(answer(TALK)).name_is_file)


def test_request_without_id_is_named_by_its_file():
    """An answer from which the metadata were taken is named by its file."""
    bare = json.loads(answer(TALK))
    del bare["metadata"]

    assert ("talk", True) == (one(json.dumps(bare).encode()).name, one(json.dumps(bare).encode()).name_is_file)


@pytest.mark.parametrize("start", [-1, "soon", None, True, 1e308, 10**400, 604_801])
def test_what_is_no_time_is_none(start):
    """A word whose start is no moment of a recording has none; its words stay."""
    record = one(answer([TALK[0], word("It broke.", 2, 1, start=start, end=start)]))

    assert ("candidate", "It broke.", None) == (*spoken(record)[1], record.turns[1].started_s)


def test_no_words_are_told():
    """A recording in which nothing was heard is no interview."""
    with pytest.raises(TranscriptFault, match="holds no words"):
        one(answer([]))


def test_real_words_with_speakers(shared_data):
    """A real answer without utterances: three voices, 226 words, the labels counted as they are."""
    data = (shared_data / "formats/deepgram/dg_speakers_no_utterances.json").read_bytes()
    (record,) = read(data, "dg.json", candidate_speaker="1")
    words = json.loads(data)["results"]["channels"][0]["alternatives"][0]["words"]

    assert 226 == sum(len(turn.text.split()) for turn in record.turns)
    assert "Drew, thank you so much." == record.turns[1].text[:24]
    assert (17.66, 24.495) == (record.turns[1].started_s, record.turns[1].ended_s)
    assert ["other", "candidate"] == [turn.speaker for turn in record.turns[:2]]
    said = [each["punctuated_word"] for each in words if each["speaker"] == 1]
    assert said == [part for turn in record.turns if turn.speaker == "candidate" for part in turn.text.split()]
    first = [each["confidence"] for each in words[:41]]
    assert sum(first) / len(first) == pytest.approx(record.turns[0].confidence, abs=1e-4)


@pytest.mark.parametrize("name", ["dg_transcription.json", "dg_utterances.json", "dg_whisper_transcription.json"])
def test_real_answers_without_diarisation(shared_data, name):
    """Real answers of one channel without speakers say what to ask Deepgram for."""
    with pytest.raises(TranscriptFault, match=f"{name}: who speaks is not in the file; transcribe it again with diar"):
        read((shared_data / "formats/deepgram" / name).read_bytes(), name, candidate_speaker="0")
