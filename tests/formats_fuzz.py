"""Damages real and made-up transcript files and reads them: `python -m tests.formats_fuzz --mutations 10000`.

Reading a damaged file must end in records or in one TranscriptFault of one line, soon; and each word that the candidate
is said to have spoken must be in the file. Ends in one line of JSON; exit code 1 when anything else happened.
"""

import argparse
import html
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluator.errors import TranscriptFault
from evaluator.formats import AUTO, FORMATS, read
from evaluator.transcript import segmented, utterances_of

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
SUFFIXES = (".vtt", ".srt", ".sbv", ".md", ".txt", ".csv", ".tsv", ".json", ".jsonl")
EXCERPT_BYTES = 6_000  # of a large file; the whole of it is read undamaged
LIST_ITEMS_MAX = 12  # of a list in a large JSON file
SLOW_S = 2.0

INSERTS = (
    b"-->", b"<v ", b"<v Bob>", b"</v>", b"WEBVTT\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"**", b":", b"\n\n", b"\r",
    b"Candidate: ", b"\nInterviewer: ", b"Bob: ", b"<", b"&lt;", b"00:00:01.000 --> 00:00:02.000\n", b'"', b"{", b"]",
    b"NaN", b"1e999", b"99999999999999999999", b"\xe2\x80\xa8", b"NOTE ", b"STYLE\n", "：".encode(), b"null",
    b"(00:12):",
)  # fmt: skip
MADE_UP = {
    "roles.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Interviewer>Why &amp; how?</v>\n<v Candidate>Because.\n",
    "teams.vtt": "WEBVTT\n\n0:0:1.90 --> 0:0:2.5\n<v Interviewer>Why?</v>\n\n0:0:2.5 --> 0:0:9.0\n<v User>It is.</v>\n",
    "teams.txt": "0:0:0.0 --> 0:0:1.250\nInterviewer\nHi there.\n0:0:2.90 --> 0:0:4.480\nCandidate\nHello.\n",
    "rev.txt": "Interviewer (00:01):\nWhy?\n\nCandidate (00:04):\nBecause it was slow.\n",
    "timed.txt": "[00:01] Interviewer: Why?\n[00:04] Candidate: Because it was slow.\n",
    "otter.txt": "Interviewer  0:01\nWhy?\n\nCandidate  0:04\nBecause it was slow.\n",
    "meet.txt": "Talk - Transcript\nAttendees\nAnna, Bob\nTranscript\nBob: Why?\n\nCandidate: It was slow.\n",
    "changes.srt": "1\n00:00:01,000 --> 00:00:02,000\nInterviewer: Why?\n\n2\n00:00:02,000 --> 00:00:03,000\nSo?\n\n"
    "3\n00:00:03,000 --> 00:00:04,000\nCandidate: It was\n\n4\n00:00:04,000 --> 00:00:05,000\nvery slow.\n",
    "roles.json": '{"monologues": [{"speaker": "Candidate", "elements": [{"type": "text", "value": "Hi", "ts": 1}]}]}',
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A file to damage."""

    name: str
    data: bytes
    labels: tuple[str, ...]  # of its voices, found by asking without naming the candidate
    readable: bool = True


def samples(folder: Path | None) -> list[Sample]:
    """The made-up files, and the first part of each given file."""
    found = [_sample(name, text.encode()) for name, text in MADE_UP.items()]
    if folder is None or not folder.is_dir():
        return found
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in SUFFIXES]
    found += [_sample(path.name, _excerpt(path.read_bytes(), path.suffix)) for path in paths]
    return found


def damaged(sample: Sample, dice: random.Random) -> bytes:
    """The sample with one to four damages."""
    data = sample.data
    if sample.name.endswith(".json") and dice.random() < 0.6:
        data = _damaged_json(data, dice)
    for _ in range(dice.choice((1, 1, 2, 4)) if not sample.name.endswith(".json") or dice.random() < 0.3 else 0):
        data = dice.choice(DAMAGES)(data, sample, dice)
    return data


def attempt(data: bytes, name: str, format_id: str, speaker: str | None) -> str:
    """What reading comes to: "read", "fault", or what is wrong with it."""
    try:
        records = read(data, name, format=format_id, candidate_speaker=speaker)
    except TranscriptFault as fault:
        return "fault" if "\n" not in str(fault) else f"a fault of several lines: {fault!r}"
    said = {word for record in records for word in _said(record.turns)}
    missing = said - _words_of(data)
    if missing:
        squeezed = ["".join(text.split()).casefold() for text in _strings(data)]  # recognisers write words in parts
        missing = {word for word in missing if not any(word.casefold() in text for text in squeezed)}
    return f"words that the file does not have: {sorted(missing)[:5]}" if missing else "read"


def fuzz(found: list[Sample], *, mutations: int, seed: int) -> tuple[Counter[str], list[str], float]:
    """(how readings ended, what was wrong, the longest reading in seconds) over as many damaged files."""
    dice = random.Random(seed)
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    longest = 0.0
    ids = [one.id for one in FORMATS]
    found = found + [sample for sample in found if sample.readable] * 3  # more of what can be read to the end
    for number in range(mutations):
        sample = found[number % len(found)]
        data = damaged(sample, dice)
        format_id = AUTO if dice.random() < 0.7 else dice.choice(ids)
        speaker = dice.choice((None, *sample.labels, *sample.labels))
        before = time.perf_counter()
        try:
            end = attempt(data, sample.name, format_id, speaker)
        except Exception as error:  # noqa: BLE001  what must not happen is what is looked for
            end = f"{type(error).__name__}: {error}"
        longest = max(longest, took := time.perf_counter() - before)
        if end not in ("read", "fault") or took > SLOW_S:
            wrong.append(f"{sample.name} #{number} --format {format_id}: {end} ({took:.1f} s)")
        ends["read" if end == "read" else "fault" if end == "fault" else "wrong"] += 1
    return ends, wrong, longest


def _sample(name: str, data: bytes) -> Sample:
    try:
        read(data, name)
    except TranscriptFault as fault:
        seen = re.search(r"labels seen: (.*?)(?:, and \d+ more)?; name one", str(fault))
        labels = re.findall(r"(?:^|, )(.+?) \(\d+ words\)", seen[1]) if seen else []
        return Sample(name=name, data=data, labels=tuple(labels), readable=bool(labels))
    return Sample(name=name, data=data, labels=())


def _excerpt(data: bytes, suffix: str) -> bytes:
    if len(data) <= EXCERPT_BYTES:
        return data
    if suffix == ".json":
        return json.dumps(_shortened(json.loads(data)), ensure_ascii=False).encode()
    end = re.compile(rb'"\r?\n' if suffix == ".csv" else rb"\n").search(data, EXCERPT_BYTES)
    return data[: end.end() if end else EXCERPT_BYTES]


def _shortened(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value[:LIST_ITEMS_MAX]]
    return value


def _flip(data: bytes, _sample: Sample, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 3, 20))):
        if changed:
            changed[dice.randrange(len(changed))] = dice.choice((dice.randrange(128), dice.randrange(256)))
    return bytes(changed)


def _cut(data: bytes, _sample: Sample, dice: random.Random) -> bytes:
    start = dice.randrange(len(data) + 1)
    return data[:start] + data[start + dice.choice((1, 5, 50, 500, len(data))) :]


def _double(data: bytes, _sample: Sample, dice: random.Random) -> bytes:
    start = dice.randrange(len(data) + 1)
    part = data[start : start + dice.choice((1, 10, 100, 1_000))]
    return data[:start] + part * dice.choice((2, 3, 8)) + data[start + len(part) :]


def _swap_lines(data: bytes, _sample: Sample, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _drop_lines(data: bytes, _sample: Sample, dice: random.Random) -> bytes:
    return b"\n".join(line for line in data.split(b"\n") if dice.random() > 0.1)


def _swap_labels(data: bytes, sample: Sample, dice: random.Random) -> bytes:
    labels = [label.encode() for label in (*sample.labels, "Candidate", "Interviewer", "User", "AI")]
    return data.replace(dice.choice(labels), dice.choice(labels), dice.choice((1, 3, -1)))


def _insert(data: bytes, _sample: Sample, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 2, 10))):
        place = dice.randrange(len(data) + 1)
        data = data[:place] + dice.choice(INSERTS) * dice.choice((1, 1, 2, 300)) + data[place:]
    return data


DAMAGES: tuple[Callable[[bytes, Sample, random.Random], bytes], ...] = (
    _flip, _cut, _double, _swap_lines, _drop_lines, _swap_labels, _insert,
)  # fmt: skip


def _damaged_json(data: bytes, dice: random.Random) -> bytes:
    """Still JSON, with values of other types, without keys, with things twice."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    for _ in range(dice.choice((1, 2, 6))):
        place = dice.choice(list(_places(value))) if isinstance(value, (dict, list)) and value else None
        if place is None:
            break
        inner, key = place
        action = dice.randrange(4)
        if action == 0:
            del inner[key]
        elif action == 1 and isinstance(inner, list):
            inner.insert(dice.randrange(len(inner) + 1), inner[key])
        elif action == 2:
            inner[key] = [inner[key]]
        else:
            inner[key] = dice.choice((None, True, -1, 0, 1e300, "", "x", "NaN", [], {}, [[]], "00:01", 2**70, "\ud800"))
    return json.dumps(value).encode()


def _places(value: object) -> Iterator[tuple]:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _said(turns) -> Iterator[str]:
    for utterance in utterances_of(segmented(turns)):
        yield from re.findall(r"\w+", utterance.text)


def _words_of(data: bytes) -> set[str]:
    return {word for text in _strings(data) for word in re.findall(r"\w+", text)}


def _strings(data: bytes) -> Iterator[str]:
    """The file's text as written, without tags, with entities decoded; and the texts in it where it is JSON."""
    text = data.decode("utf-8-sig", errors="replace")
    bare = re.sub(r"<[^<>]*>|\{\\an?\d+\}", "", text)
    yield from (
        text,
        bare,
        html.unescape(text),
        html.unescape(bare),
        re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", " ", text),
    )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    by_key: dict[str, list[str]] = {}
    for key, leaf in _leaves(value, ""):
        by_key.setdefault(key, []).append(leaf)
    yield from (" ".join(leaves) for leaves in by_key.values())


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    """The strings of a JSON value, each with the key that it stands under."""
    if isinstance(value, str):
        yield key, re.sub(r"[\ud800-\udfff]", "\ufffd", value)
    pairs = (
        value.items()
        if isinstance(value, dict)
        else [(key, inner) for inner in value]
        if isinstance(value, list)
        else ()
    )
    for name, inner in pairs:
        yield from _leaves(inner, name)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    options = parser.parse_args()
    found = samples(options.data)
    began = time.perf_counter()
    ends, wrong, longest = fuzz(found, mutations=options.mutations, seed=options.seed)
    for line in wrong[:20]:
        print(line, file=sys.stderr)
    print(
        json.dumps(
            {
                "files": len(found),
                "mutations": options.mutations,
                "seed": options.seed,
                **{end: ends[end] for end in ("read", "fault", "wrong")},
                "longest_s": round(longest, 3),
                "total_s": round(time.perf_counter() - began, 1),
            }
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
