"""Amazon Transcribe's batch output becomes records."""

import json

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, read

SAMPLES = "formats/aws_transcribe"


def item(content: str, at: float, label: str | None = None, confidence: str | None = "0.9") -> dict:
    """A word as Amazon Transcribe writes it, numbers as strings; `label` as newer jobs have it in the item."""
    heard = {"content": content} if confidence is None else {"confidence": confidence, "content": content}
    spoken = {} if label is None else {"speaker_label": label}
    return {
        "type": "pronunciation",
        "alternatives": [heard],
        "start_time": f"{at}",
        "end_time": f"{at + 0.25}",
        **spoken,
    }


def mark(content: str) -> dict:
    """Punctuation, which has no time."""
    return {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": content}]}


def segment(label: str, *items: dict) -> dict:
    """A segment of speaker_labels about these words."""
    spoken = [{"speaker_label": label, **{key: one[key] for key in ("start_time", "end_time")}} for one in items]
    return {"speaker_label": label, "items": spoken}


def job(items: list[dict], *segments: dict, **results) -> bytes:
    """The output of a job with these items."""
    labelled = {"speaker_labels": {"speakers": 2, "segments": segments}} if segments else {}
    body = {"transcripts": [{"transcript": ""}], "items": items, **labelled, **results}
    return json.dumps({"jobName": "talk", "status": "COMPLETED", "results": body}).encode()


def one(data: bytes, who: str | None = "spk_1") -> Record:
    """The record of a job."""
    (record,) = read(data, "talk.json", candidate_speaker=who)
    return record


def spoken(record: Record) -> list[tuple[str, str]]:
    """Who says what."""
    return [(turn.speaker, turn.text) for turn in record.turns]


WHY, IT, BROKE = item("Why", 1), item("It", 2), item("broke", 2.5, confidence="0.5")
TALK = [WHY, mark("?"), IT, BROKE, mark(".")]
LABELS = [segment("spk_0", WHY), segment("spk_1", IT, BROKE)]


def test_segments_name_the_speakers():
    """Words take the label of the segment's item with their times; punctuation stays at its word."""
    record = one(job(TALK, *LABELS))

    assert [("interviewer", "Why?"), ("candidate", "It broke.")] == spoken(record)
    assert (2.0, 2.75, 0.7) == (record.turns[1].started_s, record.turns[1].ended_s, record.turns[1].confidence)


def test_labels_in_the_items_are_read():
    """Newer jobs repeat the label in each item."""
    record = one(job([item("Why", 1, "spk_0"), mark("?"), item("Broke", 2, "spk_1"), mark(".")]))

    assert [("interviewer", "Why?"), ("candidate", "Broke.")] == spoken(record)


def test_candidate_is_asked_for_with_word_counts():
    """A label such as spk_1 is nobody's name."""
    with pytest.raises(TranscriptFault, match=r"labels seen: spk_0 \(1 words\), spk_1 \(2 words\); name one with"):
        one(job(TALK, *LABELS), None)


def test_word_of_two_voices_at_once_is_nobodys():
    """Where segments of two voices have a word of the same times, it is not given to either."""
    record = one(job(TALK, *LABELS, segment("spk_0", BROKE)))

    assert [("interviewer", "Why?"), ("candidate", "It"), ("other", "broke.")] == spoken(record)


def test_word_in_no_segment_is_nobodys():
    """A word that diarisation left out is not given to the voice before it."""
    assert ("other", "broke.") == spoken(one(job(TALK, LABELS[0], segment("spk_1", IT))))[-1]


def test_channels_are_voices():
    """With channel identification the channel is the person, and sentences follow each other as they were said."""
    labelled = [
        {"channel_label": "ch_0", "items": [item("Why", 1), mark("?"), item("Thanks", 5), mark(".")]},
        {"channel_label": "ch_1", "items": [item("It", 2), item("broke", 2.5), mark(".")]},
    ]
    record = one(job(TALK, channel_labels={"channels": labelled, "number_of_channels": 2}), "ch_1")

    assert [("interviewer", "Why?"), ("candidate", "It broke."), ("interviewer", "Thanks.")] == spoken(record)


def test_one_channel_is_no_voice():
    """A single channel tells nobody apart."""
    labelled = {"channels": [{"channel_label": "ch_0", "items": TALK}], "number_of_channels": 1}
    with pytest.raises(TranscriptFault, match="who speaks is not in the file; transcribe it again with speaker parti"):
        one(job(TALK, channel_labels=labelled), "ch_0")


def test_masks_stay_and_redactions_have_no_confidence():
    """A masked word is as the source has it; how sure a redaction is does not count as recognition."""
    private = item("[PII]", 2.5, confidence=None)
    private["alternatives"][0]["redactions"] = [{"confidence": "0.1", "type": "NAME", "category": "PII"}]
    masked = item("***", 3, confidence="1.0")
    record = one(job([WHY, IT, private, masked], LABELS[0], segment("spk_1", IT, private, masked)))

    assert ("It [PII] ***", 0.95) == (record.turns[1].text, record.turns[1].confidence)


def test_opening_punctuation_belongs_to_the_word_behind_it():
    """Spanish questions open with a mark."""
    record = one(job([WHY, mark("."), mark("¿"), item("Qué", 2, "spk_1"), mark("?")], LABELS[0]))

    assert [("interviewer", "Why."), ("candidate", "¿Qué?")] == spoken(record)


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ({"language_code": "en-US"}, "en-US"),
        ({"language_codes": [{"language_code": "de-DE"}]}, "de-DE"),
        ({"language_code": "en-US", "language_codes": [{"language_code": "de-DE"}, {"language_code": "en-US"}]}, None),
        ({}, None),
    ],
)
def test_language_is_the_jobs(said, language):
    """One language is carried; of several none is the interview's."""
    assert language == one(job(TALK, *LABELS, **said)).language


def test_record_is_named_by_its_file():
    """A job's name may be a person's, so that it never becomes part of an id."""
    assert ("talk", True) == (one(job(TALK, *LABELS)).name, one(job(TALK, *LABELS)).name_is_file)


@pytest.mark.parametrize("start", ["-1", "nan", "inf", "soon", "1e999", "9" * 40, None, [], True])
def test_what_is_no_time_is_none(start):
    """A word without a usable time keeps its words and has no time."""
    record = one(job([WHY, {**item("Broke", 2, "spk_1"), "start_time": start}], LABELS[0]))

    assert ("candidate", "Broke", None) == (*spoken(record)[1], record.turns[1].started_s)


def test_job_without_items_is_told():
    """A description of a job is not its output."""
    with pytest.raises(TranscriptFault, match=r"has no results\.items \(status FAILED\)"):
        read(b'{"status": "FAILED"}', "a.json", format="aws-transcribe")


def test_real_speakers(shared_data):
    """A real job with three speakers: each word goes where the segments say, times and confidence are real."""
    name = "03-speaker-identification.json"
    data = (shared_data / SAMPLES / name).read_bytes()
    (record,) = read(data, name, candidate_speaker="spk_1")
    results = json.loads(data)["results"]
    times = {
        i["start_time"]
        for s in results["speaker_labels"]["segments"]
        for i in s["items"]
        if i["speaker_label"] == "spk_1"
    }
    said = [i["alternatives"][0]["content"] for i in results["items"] if i.get("start_time") in times]

    heard = [turn for turn in record.turns if turn.speaker == "candidate"]
    assert 96 == len(said)
    assert said == [word.strip(".,?!") for turn in heard for word in turn.text.split()]
    assert ("It will be well for you if you join,", 15.09) == (heard[0].text[:36], heard[0].started_s)
    assert (0.49, 13.75) == (record.turns[0].started_s, record.turns[0].ended_s)
    assert 0.9798 == record.turns[0].confidence


def test_real_text_is_whole(shared_data):
    """Nothing of a real transcript is lost: put together again the turns are its text."""
    name = "03-speaker-identification.json"
    data = (shared_data / SAMPLES / name).read_bytes()
    (record,) = read(data, name, candidate_speaker="spk_0")

    assert json.loads(data)["results"]["transcripts"][0]["transcript"] == " ".join(turn.text for turn in record.turns)


@pytest.mark.parametrize("number", ["01", "05", "07"])
def test_real_jobs_without_speakers(shared_data, number):
    """Plain, redacted and masked jobs without speaker labels say what to ask for."""
    (path,) = (shared_data / SAMPLES).glob(f"{number}-*.json")
    with pytest.raises(
        TranscriptFault, match="who speaks is not in the file; transcribe it again with speaker partiti"
    ):
        read(path.read_bytes(), path.name, candidate_speaker="spk_0")


def test_real_masks_stay(shared_data):
    """The masks of a real vocabulary filter are words of the turns, once somebody is named for them."""
    (path,) = (shared_data / SAMPLES).glob("07-*.json")
    source = json.loads(path.read_bytes())
    for one_ in source["results"]["items"]:
        one_["speaker_label"] = "spk_0"
    (record,) = read(json.dumps(source).encode(), path.name, candidate_speaker="spk_0")

    assert source["results"]["transcripts"][0]["transcript"] == " ".join(turn.text for turn in record.turns)
    assert sum("***" in turn.text for turn in record.turns)
