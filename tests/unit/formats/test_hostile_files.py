"""No file crashes a reader, whatever its format is said to be, and none takes long."""

import time

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import AUTO, FORMATS, read
from tests.formats_fuzz import fuzz, samples

MUTATIONS = 10_000
HOSTILE_BYTES = 40_000
HOSTILE_S_MAX = 20.0  # ten and more times what it takes; quadratic time would be minutes

CUE = "WEBVTT\n\n00:01.000 --> 00:02.000\n"
HOSTILE = {
    "open voice spans": (CUE, "<v "),
    "one voice span of spaces": (CUE + "<v", " "),
    "open tags": (CUE, "<c."),
    "angles": (CUE, "<"),
    "open time tags": (CUE, "<00:"),
    "ampersands": (CUE, "&a"),
    "one entity": (CUE + "&", "a"),
    "voices in one cue": (CUE, "<v Candidate>a<v Bob>b"),
    "names in one cue": (CUE, "Candidate: a\nBob: b\n"),
    "empty cues": ("WEBVTT\n\n", "00:01.000 --> 00:02.000\n"),
    "cues": ("WEBVTT\n\n", "00:01.000 --> 00:02.000\n<v Candidate>a\n\n00:01.000 --> 00:02.000\n<v Bob>b\n\n"),
    "a header without end": ("WEBVTT\n", "x\n"),
    "a block without end": ("WEBVTT\n\n", "x\n"),
    "numbers": ("", "1\n"),
    "carriage returns": ("", "\r"),
    "spaces": ("x", " "),
    "colons": ("", "a:"),
    "full-width colons": ("", "："),
    "names": ("", "Anna: b\n\nBob: c\n\n"),
    "stars": ("", "*"),
    "bold": ("", "**Candidate:** a\n"),
    "open bold": ("", "**a\n"),
    "names and times": ("", "Anna  0:01\nx\n"),
    "spaces before times": ("", "A" + "  " * 40 + "0:0\n"),
    "brackets": ("", "[("),
    "times": ("", "1:"),
    "a Meet transcript": ("This editable transcript was computer generated\n", "#* "),
    "open JSON": ("", '{"a":['),
    "quotes": ("id,text\n", '"'),
}


def attempt(data: bytes, name: str, **options) -> str | None:
    """The message of the fault of reading; null when it was read."""
    try:
        read(data, name, **options)
    except TranscriptFault as fault:
        return str(fault)
    return None


@pytest.mark.long
@pytest.mark.parametrize("format_id", [AUTO, *(one.id for one in FORMATS)])
def test_every_real_file_is_read_or_refused_under_every_format(shared_data, format_id):
    """Whatever a file is said to be, reading it ends in records or in one line."""
    for path in sorted(path for path in shared_data.rglob("*") if path.is_file()):
        fault = attempt(path.read_bytes(), path.name, format=format_id, candidate_speaker="Anna")

        assert fault is None or "\n" not in fault


@pytest.mark.long
def test_damaged_files_are_read_or_refused_and_lend_no_words(shared_data):
    """Ten thousand damaged files: no crash, and no word of the candidate that is not in the file."""
    ends, wrong, _ = fuzz(samples(shared_data), mutations=MUTATIONS, seed=20)

    assert [] == wrong
    assert ends["read"] > MUTATIONS / 10  # else the damages are too great to try anything


def test_made_up_files_are_enough_where_the_data_is_not():
    """The damages to files of our own making are tried anywhere."""
    _, wrong, _ = fuzz(samples(None), mutations=500, seed=21)

    assert [] == wrong


@pytest.mark.long
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_file_takes_time_in_proportion(kind):
    """A file of one thing over and over is read or refused at once under every format."""
    before, again = HOSTILE[kind]
    data = (before + again * (HOSTILE_BYTES // len(again.encode()))).encode()
    began = time.perf_counter()
    for format_id in (AUTO, *(one.id for one in FORMATS)):
        fault = attempt(data, "a.txt", format=format_id, candidate_speaker="Anna")

        assert fault is None or "\n" not in fault
    assert time.perf_counter() - began < HOSTILE_S_MAX
