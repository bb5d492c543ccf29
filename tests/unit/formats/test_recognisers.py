"""What holds for every speech recogniser's format: known turns come back, damage gives one line, no words move."""

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, detect, read
from evaluator.formats.speech import PAUSE_S_MAX

INTERVIEWERS = "bcdfgäéßабв"  # letters
CANDIDATES = "opqrstuüñøэюя"
SAMPLES = ("assemblyai", "aws_transcribe", "deepgram", "livekit")


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A word that was said: times in milliseconds."""

    text: str
    start: int
    end: int
    confidence: float


Talk = list[list[Heard]]  # turns; the interviewer has the first, third, ...


def times(word: Heard) -> dict:
    """In seconds."""
    return {"start": word.start / 1_000, "end": word.end / 1_000}


def edges(turn: list[Heard]) -> dict:
    """From the first word to the last, in seconds."""
    return {"start": turn[0].start / 1_000, "end": turn[-1].end / 1_000}


def text(turn: list[Heard]) -> str:
    """The turn as it is read."""
    return " ".join(word.text for word in turn)


def deepgram_words(talk: Talk) -> dict:
    """One channel with diarisation."""
    return {"results": {"channels": [{"alternatives": [{"words": _deepgram(talk)}]}]}}


def deepgram_utterances(talk: Talk) -> dict:
    """Utterances beside the words."""
    utterances = [
        {"speaker": n % 2, "channel": 0, "transcript": text(turn), **edges(turn), "words": _deepgram([turn], first=n)}
        for n, turn in enumerate(talk)
    ]
    return {"results": deepgram_words(talk)["results"] | {"utterances": utterances}}


def deepgram_channels(talk: Talk) -> dict:
    """Two channels without diarisation."""
    words = _deepgram(talk)
    bare = [{key: value for key, value in word.items() if key != "speaker"} for word in words]
    channels = [[one for one, word in zip(bare, words, strict=True) if word["speaker"] == c] for c in (0, 1)]
    return {"results": {"channels": [{"alternatives": [{"words": channel}]} for channel in channels]}}


def _deepgram(talk: Talk, *, first: int = 0) -> list[dict]:
    return [
        {
            "word": word.text.lower(),
            "punctuated_word": word.text,
            "confidence": word.confidence,
            "speaker": n % 2,
            **times(word),
        }
        for n, turn in enumerate(talk, start=first)
        for word in turn
    ]


def assemblyai(talk: Talk) -> dict:
    """Utterances with words."""
    utterances = []
    for n, turn in enumerate(talk):
        label = "AB"[n % 2]
        words = [
            {"text": w.text, "start": w.start, "end": w.end, "confidence": w.confidence, "speaker": label} for w in turn
        ]
        ends = {"start": turn[0].start, "end": turn[-1].end}
        utterances.append({"speaker": label, "text": text(turn), "confidence": 0.5, **ends, "words": words})
    words = [word for utterance in utterances for word in utterance["words"]]
    return {"status": "completed", "audio_duration": 9, "utterances": utterances, "words": words}


def aws_segments(talk: Talk) -> dict:
    """Labels in segments, as jobs had them for years."""
    segments = [
        {"speaker_label": f"spk_{n % 2}", "items": [_aws_times(word) for word in turn]} for n, turn in enumerate(talk)
    ]
    items = [part for turn in talk for word in turn for part in _aws(word)]
    return {"results": {"transcripts": [], "items": items, "speaker_labels": {"segments": segments}}}


def aws_items(talk: Talk) -> dict:
    """Labels in the items."""
    items = [{**part, "speaker_label": f"spk_{n % 2}"} for n, turn in enumerate(talk) for w in turn for part in _aws(w)]
    return {"results": {"transcripts": [], "items": items}}


def aws_channels(talk: Talk) -> dict:
    """Channel identification."""
    channels: list[list[dict]] = [[], []]
    for n, turn in enumerate(talk):
        channels[n % 2] += [part for word in turn for part in _aws(word)]
    labelled = [{"channel_label": f"ch_{n}", "items": items} for n, items in enumerate(channels)]
    everything = [part for items in channels for part in items]
    return {"results": {"transcripts": [], "items": everything, "channel_labels": {"channels": labelled}}}


def _aws(word: Heard) -> Iterator[dict]:
    bare = word.text.rstrip(".")
    heard = [{"confidence": f"{word.confidence}", "content": bare}]
    yield {"type": "pronunciation", "alternatives": heard, **_aws_times(word)}
    if bare != word.text:
        yield {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": "."}]}


def _aws_times(word: Heard) -> dict:
    return {"start_time": f"{word.start / 1_000}", "end_time": f"{word.end / 1_000}"}


def whisperx(talk: Talk) -> dict:
    """Segments with words that carry the speaker."""
    return {
        "segments": [
            {"text": f" {text(turn)}", **edges(turn), "speaker": f"SPEAKER_0{n % 2}", "words": _whisperx(turn, n)}
            for n, turn in enumerate(talk)
        ]
    }


def whisperx_straddling(talk: Talk) -> dict:
    """One segment for two turns each: only the words know who speaks."""
    segments = []
    for n in range(0, len(talk), 2):
        words = [word for m, turn in enumerate(talk[n : n + 2]) for word in _whisperx(turn, m)]
        spelled = " ".join(word["word"] for word in words)
        segments.append({"text": spelled, "start": 0, "end": 1, "speaker": "SPEAKER_01", "words": words})
    return {"segments": segments}


def _whisperx(turn: list[Heard], n: int) -> list[dict]:
    label = f"SPEAKER_0{n % 2}"
    return [{"word": w.text, "probability": w.confidence, "score": 0.1, "speaker": label, **times(w)} for w in turn]


def diarized_segments(talk: Talk) -> dict:
    """Segments without words, as OpenAI's diarized_json has them."""
    return {"segments": [{"text": text(t), "speaker": "AB"[n % 2], **edges(t)} for n, t in enumerate(talk)]}


def whisper_cpp(talk: Talk) -> dict:
    """whisper.cpp with -di."""
    parts = [
        {"text": f" {text(turn)}", "offsets": {"from": turn[0].start, "to": turn[-1].end}, "speaker": str(n % 2)}
        for n, turn in enumerate(talk)
    ]
    return {"transcription": parts}


def livekit(talk: Talk) -> dict:
    """A session whose recording started at 1.7e9; LiveKit has one confidence a message."""
    items = []
    for n, turn in enumerate(talk):
        spoken = {
            f"{key}_speaking_at": 1.7e9 + at
            for key, at in zip(("started", "stopped"), edges(turn).values(), strict=True)
        }
        mean = sum(word.confidence for word in turn) / len(turn)
        role = ("assistant", "user")[n % 2]
        items.append(
            {"type": "message", "role": role, "content": [text(turn)], "metrics": spoken, "transcript_confidence": mean}
        )
        items.append({"type": "function_call", "name": "next", "arguments": "{}"})
    return {"chat_history": {"items": items}, "audio_recording_started_at": 1.7e9}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One way in which a recogniser writes a talk."""

    build: Callable[[Talk], dict]
    who: str | None  # the candidate's label
    format_id: str
    confident: bool = True


SHAPES = {
    shape.build.__name__: shape
    for shape in (
        Shape(build=deepgram_words, who="1", format_id="deepgram"),
        Shape(build=deepgram_utterances, who="1", format_id="deepgram"),
        Shape(build=deepgram_channels, who="channel 1", format_id="deepgram"),
        Shape(build=assemblyai, who="B", format_id="assemblyai"),
        Shape(build=aws_segments, who="spk_1", format_id="aws-transcribe"),
        Shape(build=aws_items, who="spk_1", format_id="aws-transcribe"),
        Shape(build=aws_channels, who="ch_1", format_id="aws-transcribe"),
        Shape(build=whisperx, who="SPEAKER_01", format_id="whisper"),
        Shape(build=whisperx_straddling, who="SPEAKER_01", format_id="whisper"),
        Shape(build=diarized_segments, who="B", format_id="whisper", confident=False),
        Shape(build=whisper_cpp, who="1", format_id="whisper", confident=False),
        Shape(build=livekit, who=None, format_id="livekit-session"),
    )
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


def built(talk: Talk, shape: Shape) -> bytes:
    """The talk as a file of this shape."""
    return json.dumps(shape.build(talk)).encode()


def attempt(data: bytes, shape: Shape) -> Record | str:
    """The record, or the message of the fault."""
    try:
        (record,) = read(data, "talk.json", format=shape.format_id, candidate_speaker=shape.who)
    except TranscriptFault as fault:
        return str(fault)
    return record


def made_up(random: Random) -> Talk:
    """A talk of two; each turn ends with a sentence, and no turn is as long as those that are cut."""
    talk: Talk = []
    at = random.randint(0, 5_000)
    for n in range(2 * random.randint(1, 4)):
        # Interviewer and candidate share no letter, so that a word that moves is seen.
        letters = INTERVIEWERS if n % 2 == 0 else CANDIDATES
        turn = []
        for left in range(random.randint(0, 7), -1, -1):
            at += random.randint(1, 900)
            word = "".join(random.choices(letters, k=random.randint(1, 6))) + ("" if left else ".")
            turn.append(
                Heard(text=word, start=at, end=at + random.randint(1, 900), confidence=random.randint(0, 100) / 100)
            )
            at = turn[-1].end
        talk.append(turn)
    return talk


SEEDS = st.integers(0, 2**32)
QUICK = settings(max_examples=40, deadline=None)
MANY = settings(max_examples=150, deadline=None)


@each_shape
@QUICK
@given(seed=SEEDS)
def test_known_turns_come_back(shape, seed):
    """Words, speakers and times of each turn are read back as they were written, and the words' mean confidence."""
    talk = made_up(Random(seed))
    record = attempt(built(talk, shape), shape)

    assert isinstance(record, Record), record
    speakers = ["interviewer", "candidate"] * (len(talk) // 2)
    assert speakers == [turn.speaker for turn in record.turns]
    assert [text(turn) for turn in talk] == [turn.text for turn in record.turns]
    assert [pytest.approx((turn[0].start / 1_000, turn[-1].end / 1_000), abs=0.0015) for turn in talk] == [
        (turn.started_s, turn.ended_s) for turn in record.turns
    ]
    means = [sum(word.confidence for word in turn) / len(turn) if shape.confident else None for turn in talk]
    assert [mean if mean is None else pytest.approx(mean, abs=1e-3) for mean in means] == [
        turn.confidence for turn in record.turns
    ]


@each_shape
def test_shape_is_recognised(shape):
    """Detection finds the format without being told."""
    talk = [
        [Heard(text="Why?", start=0, end=900, confidence=1)],
        [Heard(text="So.", start=1_000, end=1_900, confidence=1)],
    ]

    assert shape.format_id == detect(built(talk, shape), "export").format_id


SPEAKER_KEYS = frozenset({"speaker", "speaker_label", "channel_label", "channel", "role"})
BESIDES = {"deepgram_channels": {"channels"}, "whisperx_straddling": {"words"}}  # there these say who speaks
HOSTILE = (
    None,
    True,
    0,
    -1,
    -5.5,
    1e308,
    10**400,
    604_801,
    "",
    "x",
    "-1",
    "1e999",
    "\ud800",
    "\x00\n",
    [],
    {},
    [[]],
    [{}],
)
DEEP = json.loads("[" * 60 + "]" * 60)


def places(value: object, *, but: frozenset[str]) -> Iterator[tuple[object, object]]:
    """(container, key) of every place in a JSON value but those under these keys."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        if key not in but:
            yield value, key
        yield from places(inner, but=but)


def mutated(source: dict, random: Random, *, but: frozenset[str] = frozenset()) -> dict:
    """The source with a few places deleted, doubled, put in another order, or filled with something else."""
    value = copy.deepcopy(source)
    for _ in range(random.randint(1, 4)):
        options = list(places(value, but=but))
        if not options:
            break
        container, key = random.choice(options)
        match random.choice(["fill", "drop", "deep", "turn", "twice"]):
            case "fill":
                container[key] = copy.deepcopy(random.choice(HOSTILE))
            case "deep":
                container[key] = copy.deepcopy(DEEP)
            case "drop" if isinstance(container, dict):
                del container[key]
            case "turn" if isinstance(container[key], list):
                container[key].reverse()
            case "twice" if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
    return value


def tokens(value: object) -> set[str]:
    """Every word in a JSON value's strings."""
    return set(re.findall(r"\w+", json.dumps(value, ensure_ascii=False).replace("\\n", " ").replace("\\u0000", " ")))


@pytest.mark.long
@each_shape
@MANY
@given(seed=SEEDS)
def test_damage_gives_a_record_or_one_line(shape, seed):
    """Wrong types, missing keys, huge numbers, words out of order, deep nesting: a TranscriptFault or a sound record.

    Nothing is said that the source does not say.
    """
    random = Random(seed)
    source = mutated(shape.build(made_up(random)), random)
    result = attempt(json.dumps(source).encode(), shape)

    if isinstance(result, str):
        assert "\n" not in result
    else:
        said = {word for turn in result.turns for word in re.findall(r"\w+", turn.text)}
        assert said - {"\ufffd"} <= tokens(source)


@pytest.mark.long
@each_shape
@MANY
@given(seed=SEEDS)
def test_damage_moves_no_word_to_the_candidate(shape, seed):
    """While the labels of speakers stand, no word of the interviewer is the candidate's, whatever else is damaged."""
    random = Random(seed)
    labels = SPEAKER_KEYS | BESIDES.get(shape.build.__name__, set())
    source = mutated(shape.build(made_up(random)), random, but=labels)
    result = attempt(json.dumps(source).encode(), shape)

    if isinstance(result, Record):
        heard = " ".join(turn.text for turn in result.turns if turn.speaker == "candidate")
        assert not set(INTERVIEWERS) & set(heard)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_samples_give_records_or_one_line(shared_data, seed):
    """Real exports, damaged in their structure, raise nothing but a TranscriptFault of one line."""
    random = Random(seed)
    for folder in SAMPLES:
        path = random.choice(sorted((shared_data / "formats" / folder).glob("*.json")))
        value = json.loads(path.read_bytes())
        for container, key in random.sample(options := list(places(value, but=frozenset())), min(5, len(options))):
            container[key] = random.choice([None, -1, 1e308, "\ud800", [], {}, "0", [[1]]])
        for who in (None, "0", "A", "spk_0"):
            try:
                read(json.dumps(value).encode(), path.name, candidate_speaker=who)
            except TranscriptFault as fault:
                assert "\n" not in str(fault)


@pytest.mark.parametrize(
    "text_", ['{"results": {"channels": [NaN]}}', '{"segments": [{"text": "a", "start": Infinity}]}']
)
def test_nan_is_no_json(text_):
    """NaN and Infinity are refused before any format sees them."""
    with pytest.raises(TranscriptFault, match="it holds NaN, Infinity"):
        read(text_.encode(), "a.json")


def long_talk(words: int) -> Talk:
    """A talk of so many words, a turn of about a minute each, with other words overlapping in time."""
    talk: Talk = []
    for n in range(words // 150):
        base = n * 54_000
        talk.append(
            [
                Heard(
                    text=f"w{n}x{k}{'.' if k % 12 == 11 else ''}",
                    start=base + k * 360,
                    end=base + k * 360 + 300,
                    confidence=0.9,
                )
                for k in range(150)
            ]
        )
    return talk


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["deepgram_words", "deepgram_channels", "assemblyai", "aws_segments", "aws_channels", "whisperx"]
)
def test_three_hours_are_read_in_linear_time(name):
    """Three hours of words, about 30,000, take seconds at most, and five times as many about five times as long."""
    shape = SHAPES[name]
    seconds = []
    for words in (6_000, 30_000):
        data = built(long_talk(words), shape)
        begun = time.process_time()
        record = attempt(data, shape)
        seconds.append(time.process_time() - begun)

        assert isinstance(record, Record), record
        assert words == sum(len(turn.text.split()) for turn in record.turns)
    assert seconds[1] < 5
    assert seconds[1] < 20 * max(seconds[0], 0.02)


def test_long_monologue_is_cut_where_it_pauses():
    """What one voice says without being answered is cut at sentences and at pauses, so that its times are measured."""
    (turn,) = long_talk(150)
    later = [Heard(text=w.text, start=w.start + 60_000, end=w.end + 60_000, confidence=1) for w in turn]
    asked = [Heard(text="Why?", start=0, end=1, confidence=1)]
    record = attempt(built([asked, turn + later], SHAPES["deepgram_words"]), SHAPES["deepgram_words"])

    assert isinstance(record, Record)
    spoken = [one for one in record.turns if one.speaker == "candidate"]
    assert len(spoken) > 1
    assert all(b.started_s >= a.ended_s for a, b in pairwise(spoken))
    assert any(b.started_s - a.ended_s > PAUSE_S_MAX for a, b in pairwise(spoken))
