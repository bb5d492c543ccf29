"""What is written in a format is read back: every word, to its own speaker, with its time."""

import html
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from evaluator.formats import Record, detect, read
from evaluator.transcript import segmented, utterances_of

WORDS = ("well", "Result:", "R&D", "a<b", "10:30", "naïve", "so,", "5%", "http://x.example/y", "然后", "(laughs)")
CUE_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Said:
    """One thing said, by "Anna Lee" (the candidate), "Bob" (who asks) or "Eve Q." (who listens)."""

    who: str
    text: str


def talk_of(seed: int) -> list[Said]:
    """Four to twenty things said by two people, or by three of whom each speaks twice; each word tells whose it is."""
    dice = random.Random(seed)
    people = ["Anna Lee", "Bob"] if seed % 2 else ["Anna Lee", "Bob", "Eve Q."]
    order = [dice.choice(people) for _ in range(dice.randrange(12))]
    said = []
    for number, who in enumerate([*people, *people, *order]):
        own = f"{who[0].lower()}{number}"
        text = [("I" if who == "Anna Lee" else "you"), own, *dice.choices(WORDS, k=dice.randrange(7)), f"{own}z."]
        said.append(Said(who=who, text=" ".join(text)))
    return said


def clock(seconds: float, *, mark: str = ".") -> str:
    """01:02:03.450"""
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}{mark}{millis % 1000:03}"


def unpadded(seconds: float) -> str:
    """0:0:3.50 for 3.050, as Teams writes it."""
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000}:{millis // 60_000 % 60}:{millis // 1000 % 60}.{millis % 1000}"


def times(number: int, write: Callable[[float], str] = clock, arrow: str = " --> ") -> str:
    """The times of a cue: each lasts CUE_S and begins 50 ms behind the one before."""
    return f"{write(number * CUE_S + 0.05)}{arrow}{write((number + 1) * CUE_S)}"


def voice_spans(talk: list[Said]) -> str:
    """WebVTT with a voice span a cue."""
    cues = [f"{times(n)}\n<v {s.who}>{html.escape(s.text, quote=False)}</v>" for n, s in enumerate(talk)]
    return "\n\n".join(["WEBVTT", *cues, ""])


def two_in_a_cue(talk: list[Said]) -> str:
    """WebVTT with two voices in each cue, their spans not closed."""
    spans = [f"<v.loud {said.who}>{html.escape(said.text, quote=False)}" for said in talk]
    cues = [times(n) + "\n" + "\n".join(spans[2 * n : 2 * n + 2]) for n in range((len(spans) + 1) // 2)]
    return "\n\n".join(["WEBVTT", "STYLE\n::cue { color: red }", "NOTE Anna Lee: no", *cues])


def zoom(talk: list[Said]) -> str:
    """Zoom's form: numbers, and a name before the words."""
    return "\n\n".join(["WEBVTT", *(f"{n + 1}\n{times(n)}\n{said.who}: {said.text}" for n, said in enumerate(talk))])


def srt(talk: list[Said]) -> str:
    """SRT with a name before the words, two lines a cue, some of them by two people."""
    lines = [f"- {said.who}: {said.text}" for said in talk]
    return "\r\n\r\n".join(
        f"{n + 1}\r\n{times(n, lambda s: clock(s, mark=','))}\r\n" + "\r\n".join(lines[2 * n : 2 * n + 2])
        for n in range((len(lines) + 1) // 2)
    )


def srt_changes(talk: list[Said]) -> str:
    """SRT that names the speaker only where it changes; each has more than one cue at a time."""
    cues, before = [], ""
    for said in talk:
        cues.append(said.text if said.who == before else f"{said.who}: {said.text}")
        cues += ["I go on." if said.who == "Anna Lee" else "you go on."] * 2
        before = said.who
    return "\n\n".join(f"{n + 1}\n{times(n, lambda s: clock(s, mark=','))}\n{cue}" for n, cue in enumerate(cues))


def sbv(talk: list[Said]) -> str:
    """SBV with a name before the words."""
    return "\n\n".join(f"{times(n, arrow=',')}\n{said.who}: {said.text}" for n, said in enumerate(talk))


def teams(talk: list[Said]) -> str:
    """Teams' WebVTT: ids, times without zeros, closed spans."""
    guid = "0f1e2d3c-1111-2222-3333-444455556666"
    cues = (
        f"{guid}/{n}-0\n{times(n, unpadded)}\n<v {s.who}>{html.escape(s.text, quote=False)}</v>"
        for n, s in enumerate(talk)
    )
    return "\n\n".join(["WEBVTT", *cues])


def teams_text(talk: list[Said]) -> str:
    """Teams' transcript as text out of Word."""
    return "\n".join(f"{times(n, unpadded)}\n{said.who}\n{said.text}" for n, said in enumerate(talk))


def webex(talk: list[Said]) -> str:
    """WebVTT whose ids name the speaker."""
    cues = (f'{n + 1} "{said.who}" (4711{len(said.who)})\n{times(n)}\n{said.text}' for n, said in enumerate(talk))
    return "\n\n".join(["WEBVTT", *cues])


def whisperx_srt(talk: list[Said]) -> str:
    """SRT with names in brackets, as WhisperX writes them."""
    cues = (f"{n + 1}\n{times(n, lambda s: clock(s, mark=','))}\n[{s.who}]: {s.text}" for n, s in enumerate(talk))
    return "\n\n".join(cues)


def otter(talk: list[Said]) -> str:
    """Otter's text."""
    body = (f"{said.who}  {n // 20}:{n * 3 % 60:02}\n{said.text}" for n, said in enumerate(talk))
    return "\n\n".join([*body, "Transcribed by https://otter.ai"])


def otter_bold(talk: list[Said]) -> str:
    """Otter's text as Markdown."""
    return "\n\n".join(f"**{said.who}**  {n // 20}:{n * 3 % 60:02}  \n{said.text}" for n, said in enumerate(talk))


def rev_text(talk: list[Said]) -> str:
    """Rev's text."""
    return "\n\n".join(f"{said.who} ({n // 20:02}:{n * 3 % 60:02}):\n{said.text}" for n, said in enumerate(talk))


def rev_columns(talk: list[Said]) -> str:
    """Rev.ai's text."""
    return "\n".join(f"{s.who}    00:{n // 20:02}:{n * 3 % 60:02}    {s.text}" for n, s in enumerate(talk))


def timed_text(talk: list[Said]) -> str:
    """A time and a name before the words."""
    return "\n".join(f"[{n // 20:02}:{n * 3 % 60:02}] {said.who}: {said.text}" for n, said in enumerate(talk))


def rev(talk: list[Said]) -> str:
    """Rev's JSON, with the speakers' names."""
    people = sorted({said.who for said in talk})
    monologues = []
    for n, said in enumerate(talk):
        elements: list[dict] = []
        for word in said.text.split():
            elements += [{"type": "punct", "value": " "}] if elements else []
            elements += [{"type": "text", "value": word, "ts": n * CUE_S, "end_ts": n * CUE_S + 1, "confidence": 0.5}]
        monologues.append({"speaker": people.index(said.who), "elements": elements})
    return json.dumps(
        {"speakers": [{"id": n, "name": name} for n, name in enumerate(people)], "monologues": monologues}
    )


def meet(talk: list[Said]) -> str:
    """Google Meet's transcript as text."""
    head = [
        "Talk (2026-11-16 16:05 GMT) - Transcript",
        "Attendees",
        "Anna Lee, Bob, Eve Q.",
        "Transcript",
        "This editable transcript was computer generated and might contain errors.",
    ]
    return "\n\n".join([*head, *(f"{s.who}: {s.text}" for s in talk), "Meeting ended after 00:14:03 👋"])


def meet_bold(talk: list[Said]) -> str:
    """Google Meet's transcript as Markdown."""
    head = ["# Transcript", "**This editable transcript was computer generated and might contain errors.**"]
    return "\n\n".join([*head, *(f"**{s.who}:** {s.text}" for s in talk), "**Meeting ended after 00:14:03 👋**"])


def markdown(talk: list[Said]) -> str:
    """Markdown with bold names."""
    return "\n\n".join(["# A talk", *(f"**{said.who}:** {said.text}" for said in talk)])


def markdown_colon_outside(talk: list[Said]) -> str:
    """Markdown with the colon behind the bold name."""
    return "\n\n".join(f"**{said.who}**: {said.text}" for said in talk)


def paragraphs(talk: list[Said]) -> str:
    """Labelled text in paragraphs."""
    return "\n\n".join(f"{said.who}: {said.text}" for said in talk)


WRITERS: list[tuple[Callable[[list[Said]], str], str, str]] = [
    (voice_spans, "a.vtt", "webvtt"),
    (two_in_a_cue, "a.vtt", "webvtt"),
    (webex, "a.vtt", "webvtt"),
    (zoom, "GMT20261116-160500_Recording.transcript.vtt", "zoom"),
    (teams, "a.vtt", "teams"),
    (teams_text, "a.txt", "teams-text"),
    (srt, "a.srt", "srt"),
    (srt_changes, "a.srt", "srt"),
    (whisperx_srt, "a.srt", "srt"),
    (sbv, "a.sbv", "sbv"),
    (otter, "a.txt", "otter"),
    (otter_bold, "a.txt", "otter"),
    (rev_text, "a.txt", "rev-text"),
    (rev_columns, "a.txt", "rev-text"),
    (timed_text, "a.txt", "timed-text"),
    (rev, "a.json", "rev"),
    (meet, "a.txt", "google-meet"),
    (meet_bold, "a.md", "google-meet"),
    (markdown, "a.md", "markdown"),
    (markdown_colon_outside, "a.md", "markdown"),
    (paragraphs, "a.txt", "labelled-text"),
]
EVERY_FORMAT = pytest.mark.parametrize(("write", "name", "format_id"), WRITERS, ids=[w[0].__name__ for w in WRITERS])
TIMED = pytest.mark.parametrize(
    ("write", "name", "format_id"),
    [w for w in WRITERS if w[0] not in (meet, meet_bold, markdown, markdown_colon_outside, paragraphs)],
)
SEEDS = pytest.mark.parametrize("seed", range(16))


def read_back(write: Callable[[list[Said]], str], name: str, talk: list[Said]) -> Record:
    """The one record of what was written, read under auto."""
    (record,) = read(write(talk).encode(), name, candidate_speaker=" anna  LEE ")
    return record


def words(record: Record, *speakers: str) -> list[str]:
    """What these speakers say, word by word."""
    return [word for turn in record.turns if turn.speaker in speakers for word in turn.text.split()]


def own(talk: list[Said], *people: str) -> list[str]:
    """The words of these people."""
    return [word for said in talk if said.who in people for word in said.text.split()]


@EVERY_FORMAT
@SEEDS
def test_candidates_words_are_hers_and_all_of_them(write, name, format_id, seed):
    """The candidate's turns hold her words in her order, and not one of anybody else."""
    talk = talk_of(seed)
    said = [word for word in words(read_back(write, name, talk), "candidate") if word not in ("go", "on.")]
    expected = own(talk, "Anna Lee")
    if write is srt_changes:
        said, expected = ([word for word in found if word != "I"] for found in (said, expected))

    assert expected == said


@EVERY_FORMAT
@SEEDS
def test_others_words_are_kept_and_theirs(write, name, format_id, seed):
    """The one other voice is the interviewer; of two without a role nobody is; their words stay in the transcript."""
    talk = talk_of(seed)
    record = read_back(write, name, talk)
    people = {said.who for said in talk}
    heading = {"#", "A", "talk"} if write is markdown else set()
    kept = [w for w in words(record, "interviewer", "other") if w not in ("go", "on.", *heading)]
    expected = own(talk, "Bob", "Eve Q.")
    if write is srt_changes:
        kept, expected = ([word for word in found if word != "you"] for found in (kept, expected))

    assert expected == kept
    assert ("other" if len(people) == 3 else "interviewer") in {turn.speaker for turn in record.turns}
    assert bool(words(record, "interviewer")) == (len(people) == 2)


@EVERY_FORMAT
@SEEDS
def test_every_word_of_evidence_is_in_the_source(write, name, format_id, seed):
    """Each utterance's words stand in the file, one after another."""
    talk = talk_of(seed)
    source = html.unescape(" ".join(said.text for said in talk) + " I go on. I go on.")
    utterances = list(utterances_of(segmented(read_back(write, name, talk).turns)))

    assert utterances
    assert all(set(utterance.text.split()) <= set(source.split()) for utterance in utterances)


@EVERY_FORMAT
@SEEDS
@pytest.mark.parametrize("stranger", ["Zed", "zed zz", "Dr. Zed van Z"])
def test_strangers_words_are_kept_and_never_evidence(write, name, format_id, seed, stranger):
    """Somebody who speaks once, whatever the name looks like, lends the candidate no word."""
    talk = talk_of(seed)
    talk.insert(seed % len(talk), Said(who=stranger, text="zzword said zzonce."))
    record = read_back(write, name, talk)

    assert [] == [word for word in words(record, "candidate") if "zz" in word]
    assert {"zzword", "zzonce."} <= set(words(record, "interviewer", "other"))


@EVERY_FORMAT
def test_format_is_told(write, name, format_id):
    """Each format is known without being named, and the reason is told."""
    talk = [Said(who=who, text=f"words number {n}.") for n, who in enumerate(["Bob", "Anna Lee"] * 3)]
    detected = detect(write(talk).encode(), name)

    assert format_id == detected.format_id
    assert detected.why


@TIMED
@SEEDS
def test_times_are_the_sources(write, name, format_id, seed):
    """Turns begin when the file says, in its order."""
    talk = talk_of(seed)
    starts = [turn.started_s for turn in read_back(write, name, talk).turns]

    assert None not in starts
    assert sorted(starts) == starts
    assert all(round(start / CUE_S % 1, 4) in (0, 0.0167) for start in starts)


@pytest.mark.parametrize("write", [w for w in WRITERS if w[0] is not rev], ids=lambda w: w[0].__name__)
def test_candidate_is_never_guessed(write):
    """Without a role and without a name, reading stops, lists the labels and says how to name one."""
    talk = [Said(who=who, text=f"words number {n}.") for n, who in enumerate(["Bob", "Anna Lee"] * 3)]
    with pytest.raises(Exception, match=r"Bob.*--candidate-speaker|no speaker labels|--candidate-speaker.*Bob"):
        read(write[0](talk).encode(), write[1])
