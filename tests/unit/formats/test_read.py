"""Reading never fails but in one clear line, whatever the bytes."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluator.errors import TranscriptFault
from evaluator.formats import FORMATS, detect, read
from evaluator.formats.document import FILE_BYTES_MAX

NAMES = st.sampled_from(["a.csv", "a.txt", "a.json", "a.vtt", "a", "", ".", "../x/\n\u202e.json", "C:\\a\\b.TSV"])
FORMAT_IDS = st.sampled_from(["auto", *(one.id for one in FORMATS)])
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

HISTORY = {
    "items": [
        {"type": "message", "role": "assistant", "content": ["How are you?"]},
        {"type": "message", "role": "user", "content": ["Well, thanks."], "metrics": {"started_speaking_at": 1.7e9}},
    ]
}
REPORT = {"job_id": "AJ_1", "room": "r", "events": [{"type": "x", "created_at": 1.7e9}], "chat_history": HISTORY}
TEXT = "Interviewer: How are you?\n\nCandidate: Well, thanks."
SEEDS = [
    json.dumps(HISTORY).encode(),
    json.dumps(REPORT).encode(),
    TEXT.encode(),
    f'id,text\r\none,"{TEXT}"\r\ntwo,"{TEXT}"\r\n'.encode(),
]


def attempt(data: bytes, name: str, **options):
    """What reading gives: records, or the message of its fault."""
    try:
        return read(data, name, **options)
    except TranscriptFault as fault:
        return str(fault)


@QUICK
@given(data=st.binary(max_size=300), name=NAMES, format_id=FORMAT_IDS)
def test_any_bytes_give_records_or_one_line(data, name, format_id):
    """Arbitrary bytes under any name and format raise nothing but a TranscriptFault of one line."""
    result = attempt(data, name, format=format_id)

    assert isinstance(result, tuple) or "\n" not in result


@QUICK
@given(text=st.text(max_size=300), name=NAMES, speaker=st.none() | st.text(max_size=10))
def test_any_text_gives_records_or_one_line(text, name, speaker):
    """Arbitrary text, half characters aside, raises nothing but a TranscriptFault of one line."""
    result = attempt(text.encode(errors="replace"), name, candidate_speaker=speaker)

    assert isinstance(result, tuple) or "\n" not in result


@QUICK
@given(
    seed=st.sampled_from(SEEDS), at=st.floats(0, 1), cut=st.integers(0, 40), extra=st.binary(max_size=12), name=NAMES
)
def test_damaged_files_give_records_or_one_line(seed, at, cut, extra, name):
    """A file of each format with bytes cut out and put in raises nothing but a TranscriptFault of one line."""
    place = int(at * len(seed))
    result = attempt(seed[:place] + extra + seed[place + cut :], name)

    assert isinstance(result, tuple) or "\n" not in result


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["items", "chat_history", "events", "role", "type", "content", "metrics", "started_speaking_at"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@QUICK
@given(value=JSON, wrap=st.sampled_from(["items", "chat_history", None]))
def test_any_json_gives_records_or_one_line(value, wrap):
    """JSON with our keys in all the wrong places raises nothing but a TranscriptFault."""
    result = attempt(json.dumps({wrap: value} if wrap else value).encode(), "a.json")

    assert isinstance(result, tuple) or "\n" not in result


@QUICK
@given(at=st.floats(0, 1), cut=st.integers(0, 2_000), extra=st.binary(max_size=8))
def test_damaged_real_files_give_records_or_one_line(shared_data, at, cut, extra):
    """The first rows of a real file and a real report, damaged, raise nothing but a TranscriptFault."""
    for path in (
        shared_data / "interviews/scientists_transcripts.csv",
        shared_data / "formats/livekit/session_report_to_dict.json",
    ):
        seed = path.read_bytes()[:20_000]
        place = int(at * len(seed))
        result = attempt(seed[:place] + extra + seed[place + cut :], path.name)

        assert isinstance(result, tuple) or "\n" not in result


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"", "a.txt", "a.txt: is empty; export the transcript again"),
        (b"\xef\xbb\xbf \r\n", "a.txt", "a.txt: is empty; export the transcript again"),
        (b"\xff\xfeC\x00", "a.txt", "a.txt: is UTF-16, not UTF-8; save it as UTF-8"),
        (b"Candidate: M\xfcller", "a.txt", "a.txt: is not UTF-8: byte 0xfc at offset 12; save it as UTF-8"),
        (b"\xef\xbb\xbfCandidate: M\xfcller", "a.txt", "a.txt: is not UTF-8: byte 0xfc at offset 15; save it as UTF-8"),
        (b"%PDF-1.7", "a.txt", "a.txt: is a PDF, not a transcript; export the transcript as text, CSV or JSON"),
        (bytes(99), "a.txt", "a.txt: is binary, not a transcript; export the transcript as text, CSV or JSON"),
        (SEEDS[0][:60], "a.json", "(the file seems to be cut off); export it again"),
        (b'{"a": 1}\n{"b": 2}', "a.jsonl", "a.jsonl: broken JSON, line 2 begins another JSON value"),
        (b'{"name": 1}', "a.json", "a.json: JSON of an unknown shape (keys name); read are: LiveKit session report"),
        (b'{"chat_history": 3}', "a.json", "a.json: is no LiveKit session report: it has no chat_history.items"),
        (b'{"items": []}', "a.json", "a.json: the chat history is empty"),
        (b"[" * 100_000, "a.json", "a.json: broken JSON, it is nested too deeply"),
        (b'{"items": [NaN]}', "a.json", "a.json: broken JSON, it holds NaN"),
        (b"9" * 5_000, "a.json", "a.json: broken JSON, it holds NaN, Infinity or a number of thousands of digits"),
        (b"a,b\n1,2\n", "a.csv", "a.csv: CSV without a text column: columns seen: a, b; name one of them text or"),
        (b"text\nUser: hi\n", "a.csv", "a.csv: CSV without an id column: columns seen: text; name one of them trans"),
        (
            b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi",
            "a.vtt",
            "a.vtt: who speaks is not in the file; export captions with their speakers: voice spans",
        ),
        (b"Just some words.", "a.md", 'a.md: no speaker labels: put one such as "Interviewer:"'),
        (
            b"AI: Hi\n\nAnna: Hello",
            "a.txt",
            "a.txt: no turn of the candidate: labels seen: AI, Anna; name the candidate",
        ),
    ],
)
def test_bad_file_is_told_in_one_line(data, name, says):
    """Each kind of bad file has a message with the file, what was seen, and the way out."""
    with pytest.raises(TranscriptFault) as raised:
        read(data, name)

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_all_malformed_real_files_are_refused(shared_data):
    """None of the malformed caption files is taken for a transcript, and each message begins with its name."""
    files = sorted((shared_data / "edge" / "empty_and_malformed").iterdir())
    results = {path.name: attempt(path.read_bytes(), path.name) for path in files}

    assert all(isinstance(result, str) and result.startswith(f"{name}: ") for name, result in results.items())


def test_too_large_file_is_refused_before_it_is_read():
    """The limit on a file's size is checked first."""
    assert f"the limit is {FILE_BYTES_MAX}" in attempt(bytes(FILE_BYTES_MAX + 1), "a.txt")


def test_unknown_format_names_the_known_ones():
    """A format that does not exist is answered with those that do."""
    known = ", ".join(["auto", *(one.id for one in FORMATS)])

    assert f"format 'vtt' is unknown; choose one of {known}" == attempt(b"x", "a.txt", format="vtt")


@pytest.mark.parametrize(
    ("seed", "format_id"),
    list(zip(SEEDS, ["livekit-history", "livekit-session", "labelled-text", "labelled-csv"], strict=True)),
)
def test_format_is_told_by_content(seed, format_id):
    """A file without a telling suffix is known by what is in it."""
    assert format_id == detect(seed, "export").format_id


def test_chosen_format_wins_over_detection():
    """Text in a .csv file can be read as text when one says so."""
    records = read(TEXT.encode(), "talk.csv", format="labelled-text")

    assert [("talk", "labelled-text")] == [(record.name, record.source) for record in records]


def test_control_and_half_characters_never_reach_a_turn():
    """NUL becomes a space, a lone surrogate U+FFFD, and a carriage return a line end; all else stays."""
    history = {"items": [{"role": "user", "content": ["a\x00b\ud800\r\nc\td\u0301 ﬁ"]}]}
    (record,) = read(json.dumps(history).encode(), "a.json")

    assert "a b\ufffd\nc\td\u0301 ﬁ" == record.turns[0].text
