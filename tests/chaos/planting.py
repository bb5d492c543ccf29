"""The input: simulated interviews, a few of them poisoned."""

import dataclasses
from collections.abc import Mapping

from evaluator.layout import INTERVIEWS, manifest_key, transcript_key
from evaluator.manifest import MANIFEST_BYTES_MAX, TranscriptRef, parse_manifest
from evaluator.ports import ObjectStore, walk
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, Transcript, Turn, parse_transcript, segmented
from live_agent.simulate import SimulatedInterview, hand_over, simulate_one_of
from rubrics.library import library
from rubrics.model import Rubric
from tests.chaos.marks import ALWAYS_500, BAD_JSON, KILLS_WORKER
from tests.fakes import MemoryStore

PREFIX = "chaos"
REVISED = "after a second look"  # words of a transcript that is uploaded again
MISSING = "missing transcript"  # deleted from the store after intake
_MARKED: Mapping[str, str] = {BAD_JSON: "bad json", ALWAYS_500: "section of 500s", KILLS_WORKER: "kills its worker"}


def interview_id(number: int) -> str:
    """The id of that number, from 1, as the simulator gives it."""
    return f"{PREFIX}-{number:04d}"


def plant(stores: tuple[ObjectStore, ...], *, interviews: int, seed: int) -> dict[str, str]:
    """The interviews handed over to every store, byte by byte the same; poisoned ones by id, with what they are."""
    rubric = library(
        (),
    ).find("backend-eng")
    step = max(1, interviews // 5)
    marks = {step * place: mark for place, mark in enumerate(_MARKED, start=1)}
    planted = {interview_id(number): _MARKED[mark] for number, mark in marks.items()}
    planted[interview_id(step * 4)] = MISSING
    for number in range(1, interviews + 1):
        interview = simulate_one_of(rubric, number=number, count=interviews, seed=seed, prefix=PREFIX)
        if number in marks:
            interview = _poisoned(interview, rubric, marks[number])
        _hand_over(stores, rubric, interview, candidate_ref=f"C-{number:04d}")
    return planted


def _hand_over(
    stores: tuple[ObjectStore, ...], rubric: Rubric, interview: SimulatedInterview, *, candidate_ref: str
) -> None:
    """The transcript and, last, the manifest; what the agent keeps while it talks would only take time here."""
    made = MemoryStore()
    hand_over(made, rubric, interview, candidate_ref=candidate_ref, requisition="CHAOS")
    inbox = manifest_key(interview.interview_id)
    manifest = made.get(inbox, bytes_max=MANIFEST_BYTES_MAX) or b""
    transcript = parse_manifest(manifest).transcript.key
    for store in stores:
        store.create(transcript, made.get(transcript, bytes_max=TRANSCRIPT_BYTES_MAX) or b"")
        store.create(inbox, manifest)


def _poisoned(interview: SimulatedInterview, rubric: Rubric, mark: str) -> SimulatedInterview:
    """The mark in what the candidate says: in one section where one is to fail, else everywhere."""
    only = rubric.sections[1].id if mark == ALWAYS_500 else None
    turns = tuple(_marked(turn, mark) if only in (None, turn.section_id) else turn for turn in interview.turns)
    return dataclasses.replace(interview, turns=turns)


def _marked(turn: Turn, mark: str) -> Turn:
    if turn.speaker != "candidate":
        return turn
    return turn.model_copy(update={"text": f"{turn.text} We also called it {mark} there.", "utterances": ()})


def revise(store: ObjectStore, interview: str) -> str:
    """Uploads another transcript of an interview that was taken in, the same one for every store; its sha256."""
    newest = max(walk(store, f"{INTERVIEWS}{interview}/manifest-"))
    manifest = parse_manifest(store.get(newest, bytes_max=MANIFEST_BYTES_MAX) or b"")
    said = parse_transcript(store.get(manifest.transcript.key, bytes_max=TRANSCRIPT_BYTES_MAX) or b"")
    turns = segmented(_marked(turn, REVISED) for turn in said.turns)
    revised = Transcript.model_validate({**said.model_dump(), "turns": [turn.model_dump() for turn in turns]})
    key = transcript_key(interview, revised.digest)
    store.create(key, revised.to_bytes())
    changed = manifest.model_copy(update={"transcript": TranscriptRef(key=key, sha256=revised.digest)})
    store.create(manifest_key(interview), changed.to_bytes())
    return revised.digest
